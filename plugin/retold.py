"""When the messages of a conversation were first told, so that one that is handed in again is not said again.

Agents hand in the whole conversation at every turn, and its messages carry no dates. Taken as said now, "my flight is tomorrow"
of last week would be another flight, a number that was corrected since would be the newest, and a deleted fact would come back.
So a message that is recognised keeps the time at which it was first told, and everything that looks at dates is right.

It is recognised by its own id (LangGraph gives every message one), or by all that was said before it. What is kept is no text
but keyed hashes, as of tombstones.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from slowwave.types import Message

__all__ = ["Conversation", "Retold"]

logger = logging.getLogger(__name__)

_ALONE = timedelta(days=7)
"""For so long a conversation that began with one message of the user is known by it; later somebody may say the same again."""
_BRANCHED = timedelta(hours=6)
"""For so long one that takes another way than before, or ends sooner, is the same: an answer made anew, a turn taken back."""
_HEARD = ("user", "assistant")
"""Whose messages count: prompts and the results of tools change from turn to turn."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 500
"""Hashes in one query: SQLite takes 999 parameters, and newer ones take more."""


class _Row(NamedTuple):
    at: float
    """When it was first told, in seconds since 1970."""
    seen: float
    """When it was handed in last."""
    continued: bool
    """Whether anything was told behind it."""


@dataclass(frozen=True)
class Conversation:
    """Messages as they were handed in, and what is to be noted of them once their facts are stored."""

    turns: tuple[Message, ...]
    """All of them with a date."""
    rows: tuple[tuple[bytes, float, float, bool], ...]
    """A hash, and the fields of its row."""


class Retold:
    """The messages that a memory was told, in a small database."""

    def __init__(self, file: Path, key: bytes) -> None:
        """Open or create it; the key makes its hashes ones that nobody can guess."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._key = key
        self._lock = threading.Lock()
        try:
            self._database = _opened(file)
        except sqlite3.OperationalError:  # a full disk, or no right to it: the file may be whole
            raise
        except sqlite3.DatabaseError as error:
            # It is no truth: without it, what is handed in again counts as said again.
            logger.warning("what was told before cannot be read and is begun anew: %s", type(error).__name__)
            file.unlink(missing_ok=True)
            self._database = _opened(file)

    def dated(self, user_id: str, turns: Sequence[Message], now: datetime) -> Conversation:
        """Give messages without a date the one on which they were first told, or now; nothing is noted yet.

        Args:
            turns: dates that they have are aware of their time zone.
        """
        heard = [place for place, turn in enumerate(turns) if turn.role in _HEARD and turn.content.strip()]
        chain, step = [], self._hash("user", user_id)
        for place in heard:
            step = self._hash(step, turns[place].role, " ".join(turns[place].content.split()))
            chain.append(step)
        ids = {place: self._hash("id", user_id, turns[place].id or "", turns[place].content) for place in heard}
        ids = {place: key for place, key in ids.items() if turns[place].id}
        known = self._rows([*chain, *ids.values()])
        same = self._same([turns[place] for place in heard], [known.get(key) for key in chain], now)
        dated = [turn if turn.said_at is not None else turn.model_copy(update={"said_at": now}) for turn in turns]
        rows: list[tuple[bytes, float, float, bool]] = []
        for number, place in enumerate(heard):
            keys = [chain[number], ids[place]] if place in ids else [chain[number]]
            before = known[chain[number]] if number < same else known.get(ids.get(place, b""))
            if before is not None and turns[place].said_at is None:
                at = _moment(before.at).astimezone(now.tzinfo)
                dated[place] = turns[place].model_copy(update={"said_at": at})
            first, last = (_seconds(one) for one in (dated[place].said_at or now, now))
            continued = number + 1 < len(heard) or (before is not None and before.continued)
            rows += [(key, first, last, continued) for key in keys]
        return Conversation(tuple(dated), tuple(rows))

    def note(self, conversation: Conversation) -> None:
        """Remember when these messages were told; their facts are stored already, so that a full disk is only logged."""
        try:
            with self._lock, self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany(
                    "INSERT INTO told VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET "
                    "at = excluded.at, seen = excluded.seen, continued = excluded.continued",
                    conversation.rows,
                )
        except sqlite3.Error as error:
            logger.warning("it could not be noted that messages were told: %s", type(error).__name__)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _same(self, turns: Sequence[Message], known: Sequence[_Row | None], now: datetime) -> int:
        """How many messages from the first on were told before, in this very conversation.

        One that goes on where it was left is the same. Where only one thing of the user's is known of it, it may be another
        that began alike, and so may one that takes another way.
        """
        rows: list[_Row] = []
        for row in known:
            if row is None:
                break
            rows.append(row)
        if not rows or len(turns) < 2:
            return 0
        age = now - _moment(rows[-1].seen)
        if rows[-1].continued:
            return len(rows) if age < _BRANCHED else 0
        asked = sum(turn.role == "user" for turn in turns[: len(rows)])
        return len(rows) if asked > 1 or age < _ALONE else 0

    def _rows(self, hashes: Sequence[bytes]) -> dict[bytes, _Row]:
        found: dict[bytes, _Row] = {}
        with self._lock:
            for start in range(0, len(hashes), _AT_ONCE):
                part = hashes[start : start + _AT_ONCE]
                marks = ",".join("?" * len(part))
                query = f"SELECT hash, at, seen, continued FROM told WHERE hash IN ({marks})"
                with closing(self._database.execute(query, part)) as rows:
                    found |= {key: _Row(at, seen, bool(continued)) for key, at, seen, continued in rows}
        return found

    def _hash(self, *parts: bytes | str) -> bytes:
        """16 bytes; each part goes in with its length, so that no two lists of parts are the same bytes."""
        whole = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            whole.update(len(data).to_bytes(8, "big") + data)
        return whole.digest()[:16]


def _opened(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        database.execute(
            "CREATE TABLE IF NOT EXISTS told "
            "(hash BLOB PRIMARY KEY, at REAL NOT NULL, seen REAL NOT NULL, continued INTEGER NOT NULL) WITHOUT ROWID"
        )
    except BaseException:
        database.close()
        raise
    return database


def _seconds(moment: datetime) -> float:
    return (moment - _EPOCH).total_seconds()  # `timestamp` fails for the first and last days of the calendar


def _moment(seconds: float) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)
