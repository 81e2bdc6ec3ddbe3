"""How long the phases of a night took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Stopwatch"]


class Stopwatch:
    """Adds up seconds by phase; a phase that comes again goes on counting."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Count what happens inside to a phase, also when it fails."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[phase] = self._seconds.get(phase, 0.0) + time.perf_counter() - began

    def seconds(self) -> dict[str, float]:
        """Seconds by phase, to the millisecond, in the order in which the phases first ended."""
        return {name: round(value, 3) for name, value in self._seconds.items()}
