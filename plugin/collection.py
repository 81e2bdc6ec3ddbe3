"""A Chroma collection that may be closed while other threads still use it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from slowwave.errors import MemoryClosed

__all__ = ["Calls", "Collection"]


class Calls:
    """The calls under way: a context manager that lets a call in until `end`, which waits for those that are in.

    Chroma's files may be written by others only where no call is under way (`alone`): locks of SQLite do not hold within
    one process, and Chroma would take the journal of a transaction that goes on for that of one that was killed.
    """

    def __init__(self, folder: str) -> None:
        """Begin; `folder` is the memory's, for the message to those who come late."""
        self._folder = folder
        self._changed = threading.Condition()
        self._under_way = 0
        self._alone = self._ended = False

    def __enter__(self) -> None:
        """Raises MemoryClosed after the end."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone or self._ended)
            if self._ended:
                raise MemoryClosed(self._folder)
            self._under_way += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait for the calls that are in, and hold off new ones meanwhile; no call may be made from inside."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True
            self._changed.wait_for(lambda: self._under_way == 0)
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()

    def end(self) -> None:
        """Let no more calls in, and return when the last one is out."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._under_way == 0)


class Collection:
    """A Chroma collection, each of whose methods is one of the calls that are counted."""

    def __init__(self, collection: Any, calls: Calls) -> None:
        self._collection, self._calls = collection, calls

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._collection, name)
        if not callable(value):
            return value

        def call(*args: Any, **options: Any) -> Any:
            with self._calls:
                return value(*args, **options)

        return call
