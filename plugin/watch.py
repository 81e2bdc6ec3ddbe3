"""Nights of the command line: one now, or one by one on a schedule, between which the folder is free for other commands."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from slowwave.consolidation.schedule import Clock
from slowwave.errors import MemoryClosed
from slowwave.invocation import opened, worded
from slowwave.terminal import Call, show_night

if TYPE_CHECKING:
    from slowwave.memory import Memory

__all__ = ["Watch", "sleep_once"]

logger = logging.getLogger(__name__)


def sleep_once(call: Call, memory: Memory) -> None:
    """One night of whoever was chosen, with progress; then its report."""
    with call.progress() as progress:
        report = memory.consolidate(user_id=call.chosen_user, progress=progress)
    if call.json:
        call.document({**report.model_dump(mode="json"), "settled": report.settled, "recent": report.recent})
    else:
        show_night(call, report, {fact.id: fact.text for fact in memory.get_all(user_id=call.chosen_user)})


class Watch:
    """Opens the memory for each night of a schedule, and only for it; what goes wrong is told, and the next night comes."""

    def __init__(self, call: Call, schedule: str) -> None:
        """Begin to watch.

        Raises:
            InvalidInput: the schedule is not a cron expression.
        """
        self._call = call
        self._schedule = schedule
        self._ending = threading.Event()
        self._changing = threading.Lock()
        self._open: Memory | None = None
        self._unread: BrokenPipeError | None = None
        self._clock = Clock(schedule, self._night)  # last: a night may begin at once

    def tell_next(self) -> None:
        """Say when the next night is."""
        upcoming = self._clock.next_run
        if self._call.json:
            self._call.document({"schedule": self._schedule, "next_night": upcoming})
            self._call.out.flush()
        elif upcoming is not None:
            self._call.note(f"The next night is at {upcoming:%Y-%m-%d %H:%M}; Ctrl-C stops.")

    def wait(self) -> None:
        """Stay until Ctrl-C; a night that is under way stops after its step, and the next one goes on there.

        Raises:
            BrokenPipeError: nobody reads what is printed any more.
        """
        try:
            while not self._ending.wait(0.5):  # a wait without end cannot be interrupted on Windows
                pass
        finally:
            self._ending.set()
            with self._changing:
                memory = self._open
            if memory is not None:
                memory.close()
            self._clock.stop()
        if self._unread is not None:
            raise self._unread

    def _night(self) -> None:
        try:
            self._sleep()
            if not self._ending.is_set():
                self.tell_next()
        except BrokenPipeError as error:  # it ends the command, as it ends every other one
            self._unread = error
            self._ending.set()

    def _sleep(self) -> None:
        """One night; what goes wrong in it is told."""
        try:
            with opened(self._call, base=True) as memory:
                with self._changing:
                    if self._ending.is_set():
                        return
                    self._open = memory
                sleep_once(self._call, memory)
        except BrokenPipeError:
            raise
        except Exception as error:  # the thread belongs to the clock, and tomorrow is another night
            if not (self._ending.is_set() and isinstance(error, MemoryClosed)):
                logger.debug("a night failed", exc_info=True)
                kind, message, _ = worded(error)
                self._call.fail(kind, message)
        finally:
            with self._changing:
                self._open = None
            self._call.out.flush()
