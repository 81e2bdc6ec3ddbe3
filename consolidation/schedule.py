"""The clock: the one door to APScheduler."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from slowwave.errors import InvalidInput

__all__ = ["Clock", "parse_schedule"]

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 3600
"""A night that could not start on time (a laptop asleep) still starts within this many seconds."""
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As cron numbers them; APScheduler begins with Monday."""
_SOME_DAYS = re.compile(r"(?P<first>\*|[0-7]|[a-z]{3})(?:-(?P<last>[0-7]|[a-z]{3}))?(?:/(?P<step>[1-7]))?")


def parse_schedule(schedule: str) -> Any:
    """A cron expression of five fields, in local time, as a trigger.

    As in crontab(5), weekday 0 and 7 are Sunday, and where both a day of the month and a weekday are given either will do.

    Raises:
        InvalidInput: it is not one.
    """
    from apscheduler.triggers.combining import OrTrigger
    from apscheduler.triggers.cron import CronTrigger

    if not isinstance(schedule, str):
        raise InvalidInput("Bad schedule", schedule, "Give five cron fields, for example '0 3 * * *'.")
    try:
        fields = schedule.split()
        if len(fields) != 5:
            raise ValueError(f"It has {len(fields)} fields")
        minute, hour, day, month, weekday = fields
        either = [(day, "*"), ("*", weekday)] if "*" not in (day[:1], weekday[:1]) else [(day, weekday)]
        triggers = [
            CronTrigger(minute=minute, hour=hour, day=one, month=month.lower(), day_of_week=_weekdays(other))
            for one, other in either
        ]
        trigger = triggers[0] if len(triggers) == 1 else OrTrigger(triggers)
        if trigger.get_next_fire_time(None, datetime.now(UTC)) is None:
            raise ValueError("There is no such day")
        return trigger
    except ValueError as error:
        remedy = f"{error}. Give five cron fields: minute hour day month weekday, for example '0 3 * * *'."
        raise InvalidInput("Bad schedule", schedule, remedy) from None


def _weekdays(field: str) -> str:
    """A crontab's weekdays by name, for APScheduler. Raises ValueError.

    >>> _weekdays("0"), _weekdays("5-7"), _weekdays("Mon,3"), _weekdays("*/3"), _weekdays("*")
    ('sun', 'fri,sat,sun', 'mon,wed', 'sun,wed,sat', '*')
    """
    days: list[str] = []
    for part in field.lower().split(","):
        found = _SOME_DAYS.fullmatch(part)
        if found is None:
            raise ValueError(f"Not weekdays: {part!r}")
        first, last, step = found["first"], found["last"], found["step"]
        if first == "*":
            days += _WEEKDAYS[: -1 : int(step or 1)]
            continue
        start = _number(first)
        end = _number(last, after=start) if last else 6 if step else start
        if end < start:
            raise ValueError(f"Weekdays that end before they begin: {part!r}")
        days += _WEEKDAYS[start : end + 1 : int(step or 1)]
    return "*" if len(set(days)) == 7 else ",".join(dict.fromkeys(days))


def _number(day: str, after: int = 0) -> int:
    """A weekday's number; Sunday's is the one that does not lie before another day."""
    numbers = [int(day)] if day.isdigit() else [number for number, name in enumerate(_WEEKDAYS) if name == day]
    if not numbers:
        raise ValueError(f"Not a weekday: {day!r}")
    return next((number for number in numbers if number >= after), numbers[0])


class Clock:
    """Runs a job in a background thread by a cron expression: one at a time, missed runs rolled into one."""

    def __init__(self, schedule: str, job: Callable[[], object]) -> None:
        from apscheduler.schedulers.background import BackgroundScheduler

        trigger = parse_schedule(schedule)
        self._running: int | None = None
        """The thread that the job runs in."""
        self._scheduler = BackgroundScheduler(daemon=True)
        self._job = self._scheduler.add_job(
            self._run(_logged(job)),
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
        """Start no more nights, and wait for one that is under way, unless it is that one who asks."""
        self._scheduler.shutdown(wait=self._running != threading.get_ident())

    def _run(self, job: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            self._running = threading.get_ident()
            try:
                job()
            finally:
                self._running = None

        return run


def _logged(job: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        try:
            job()
        except Exception:  # the thread belongs to the scheduler: nobody else would ever hear of it
            logger.exception("a scheduled night failed; the next one goes on where it stopped")

    return run
