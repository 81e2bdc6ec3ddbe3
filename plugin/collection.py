"""A Chroma collection that may be closed while other threads still use it."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from slowwave.errors import MemoryClosed

__all__ = ["Calls", "Collection"]


class Calls:
    """The calls under way: a context manager that lets a call in until `end`, which waits for those that are in."""

    def __init__(self, folder: str) -> None:
        """Begin; `folder` is the memory's, for the message to those who come late."""
        self._folder = folder
        self._changed = threading.Condition()
        self._under_way = 0
        self._ended = False

    def __enter__(self) -> None:
        """Raises MemoryClosed after the end."""
        with self._changed:
            if self._ended:
                raise MemoryClosed(self._folder)
            self._under_way += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def end(self) -> None:
        """Let no more calls in, and return when the last one is out."""
        with self._changed:
            self._ended = True
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
