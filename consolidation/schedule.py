"""The clock: the one door to APScheduler."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from slowwave.errors import InvalidInput

__all__ = ["Clock", "parse_schedule"]

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 3600
"""A night that could not start on time (a laptop asleep) still starts within this many seconds."""


def parse_schedule(schedule: str) -> Any:
    """A cron expression of five fields, in local time, as a trigger.

    Raises:
        InvalidInput: it is not one.
    """
    from apscheduler.triggers.cron import CronTrigger

    try:
        return CronTrigger.from_crontab(schedule)
    except ValueError as error:
        remedy = f"{error}. Give five cron fields: minute hour day month weekday, for example '0 3 * * *'."
        raise InvalidInput("Bad schedule", schedule, remedy) from None


class Clock:
    """Runs a job in a background thread by a cron expression: one at a time, missed runs rolled into one."""

    def __init__(self, schedule: str, job: Callable[[], object]) -> None:
        from apscheduler.schedulers.background import BackgroundScheduler

        trigger = parse_schedule(schedule)
        self._scheduler = BackgroundScheduler(daemon=True)
        self._job = self._scheduler.add_job(
            _logged(job),
            trigger,
            id="slowwave-night",
            max_instances=1,
            coalesce=True,
            misfire_grace_time=_GRACE_SECONDS,
        )
        self._scheduler.start()

    @property
    def next_run(self) -> datetime | None:
        """When the next night starts."""
        moment: datetime | None = self._job.next_run_time
        return moment

    def stop(self) -> None:
        """Start no more nights, and wait for one that is under way."""
        self._scheduler.shutdown(wait=True)


def _logged(job: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        try:
            job()
        except Exception:  # the thread belongs to the scheduler: nobody else would ever hear of it
            logger.exception("a scheduled night failed; the next one goes on where it stopped")

    return run
