"""When a memory's nights run: one at a time, by hand or by schedule, and none once it closes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from slowwave.errors import MemoryClosed, NightRunning, WeightsError
from slowwave.origin import remember
from slowwave.rooms import Rooms
from slowwave.types import NightReport, Progress

if TYPE_CHECKING:
    from slowwave.consolidation.schedule import Clock

__all__ = ["Done", "Nights"]

logger = logging.getLogger(__name__)

Done = Callable[[NightReport | Exception], object]
"""Is told how a scheduled night ended."""


class Nights:
    """The nights of one memory."""

    def __init__(self, rooms: Rooms, writer: object | None) -> None:
        self._rooms = rooms
        self._folder = str(rooms.layout.root)
        self._writer = writer
        self._running = threading.Lock()
        self._thread: int | None = None
        """The thread that the night under way runs in."""
        self._closing = False
        self._clock: Clock | None = None
        self._clocks = threading.Lock()

    def run(self, user_id: str | None, progress: Progress) -> NightReport:
        """Run one night now, of one user or of all; progress is told between two steps, where it can stop.

        Raises:
            NightRunning: one is under way.
            MemoryClosed: the memory was closed meanwhile.
        """
        from slowwave.consolidation.night import Night
        from slowwave.consolidation.skilled import built_in_writer
        from slowwave.consolidation.skills import prepare
        from slowwave.consolidation.writers import as_writer
        from slowwave.loading import load_base

        rooms = self._rooms
        rooms.check_open()
        if not self._running.acquire(blocking=False):
            raise NightRunning(self._folder)

        def watched(stage: str, done: int, total: int) -> None:
            # Progress is told of between two steps, never inside a publication: here a night can stop. A program that ends
            # waits for its threads: it must not wait for a whole night.
            if self._closing or not threading.main_thread().is_alive():
                raise MemoryClosed(self._folder)
            progress(stage, done, total)

        try:
            self._thread = threading.get_ident()
            if self._closing:
                raise MemoryClosed(self._folder)
            facts = rooms.facts
            if rooms.settings.skills == "auto":
                try:
                    prepare(rooms.settings, names=("reader",), progress=watched)
                except WeightsError as error:  # if it is the base model itself, loading it says so
                    logger.warning("the night goes on without a new reader. %s", error)
            base = load_base(rooms.settings, watched)
            remember(rooms.layout, rooms.settings, anew=True)
            rooms.answer_with(base)
            night = Night(
                layout=rooms.layout,
                facts=facts,
                store=rooms.store,
                base=base,
                embedder=rooms.embedder,
                settings=rooms.settings,
                writer=built_in_writer(base) if self._writer is None else as_writer(self._writer),
                guard=rooms.guard,
            )
            return night.run(user_id, watched)
        finally:
            self._thread = None
            self._running.release()

    def start(self, schedule: str, night: Callable[[], NightReport], done: Done | None) -> None:
        """Run `night` by a cron expression from now on, in place of any schedule before.

        Raises:
            InvalidInput: the schedule is not a cron expression.
            MemoryClosed: the memory is being closed.
        """
        from slowwave.consolidation.schedule import Clock

        self._rooms.check_open()
        with self._clocks:  # of two callers one schedule stays, and none of a memory that is being closed
            if self._closing:
                raise MemoryClosed(self._folder)
            before, self._clock = self._clock, Clock(schedule, partial(_scheduled, night, done))
        if before is not None:
            before.stop()

    def stop(self) -> None:
        """Start no more nights; one that is under way is waited for."""
        with self._clocks:
            clock, self._clock = self._clock, None
        if clock is not None:
            clock.stop()

    @property
    def scheduled(self) -> bool:
        """Whether nights are scheduled."""
        return self._clock is not None

    @property
    def next_run(self) -> datetime | None:
        """When the next scheduled night starts."""
        clock = self._clock
        return None if clock is None else clock.next_run

    @contextmanager
    def over(self) -> Iterator[None]:
        """No night runs inside, and none starts afterwards: one that is under way stops after its current step.

        Raises:
            NightRunning: it is the night itself that asks, from its writer or its progress.
        """
        if self._thread == threading.get_ident():
            raise NightRunning(self._folder)
        self._closing = True
        self.stop()
        with self._running:
            yield


def _scheduled(night: Callable[[], NightReport], done: Done | None) -> None:
    try:
        report = night()
    except NightRunning:
        return  # somebody called `consolidate` by hand: that is tonight's night
    except MemoryClosed:
        return  # the next night goes on where this one stopped
    except Exception as error:  # whatever it is, whoever asked to be told is told
        if done is not None:
            done(error)
        raise  # into the clock's log
    if done is not None:
        done(report)
