"""Running conversations, kept apart from the objects that show them.

LlamaIndex rebuilds a memory from its JSON between two runs of a workflow, so what is said in a session must outlive the
object: it lives here, once per process, under (folder, user, session). Of very many the one used longest ago goes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["Session", "session"]

M = TypeVar("M")


@dataclass
class Session(Generic[M]):
    """One conversation, safe to use from several threads."""

    messages: list[M] = field(default_factory=list)
    learned: frozenset[str] = frozenset()
    """Ids of the facts that the newest user message became."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def append(self, message: M, learned: frozenset[str] | None = None) -> None:
        """Add a message; `learned` only for user messages."""
        with self.lock:
            self.messages.append(message)
            self.learned = self.learned if learned is None else learned

    def replace(self, messages: Iterable[M] = (), learned: frozenset[str] = frozenset()) -> None:
        """Start over with these messages."""
        with self.lock:
            self.messages[:] = messages
            self.learned = learned

    def snapshot(self) -> tuple[list[M], frozenset[str]]:
        """The messages so far, and what was learned from the newest user message."""
        with self.lock:
            return list(self.messages), self.learned


_MOST = 10_000
"""Sessions that a process keeps."""
_sessions: OrderedDict[tuple[str, str, str], Session[object]] = OrderedDict()
_opening = threading.Lock()


def session(folder: str, user_id: str, session_id: str) -> Session[object]:
    """The one session of this folder, user and id in this process."""
    key = (folder, user_id, session_id)
    with _opening:
        found = _sessions.setdefault(key, Session())
        _sessions.move_to_end(key)
        if len(_sessions) > _MOST:
            _sessions.popitem(last=False)
        return found
