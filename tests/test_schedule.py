"""The clock's cron expressions: weekdays as crontab(5) numbers them, and what it refuses."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowwave.consolidation import schedule
from slowwave.consolidation.schedule import parse_schedule
from slowwave.errors import InvalidInput

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def runs(expression: str, days: int = 14) -> list[datetime]:
    """The moments of a schedule in so many days from a Monday on, in local time."""
    trigger, found = parse_schedule(expression), []
    now, last = MONDAY.astimezone().replace(hour=0), None
    while (moment := trigger.get_next_fire_time(last, now)) is not None and moment < MONDAY.astimezone() + timedelta(
        days
    ):
        found.append(moment)
        last, now = moment, moment + timedelta(minutes=1)
    return found


def weekdays(expression: str) -> set[str]:
    return {NAMES[(moment.weekday() + 1) % 7] for moment in runs(expression)}


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("0", "sun"),
        ("7", "sun"),
        ("1", "mon"),
        ("1-5", "mon tue wed thu fri"),
        ("5-7", "fri sat sun"),
        ("FRI-Sun", "fri sat sun"),
        ("0-6/2", "sun tue thu sat"),
        ("1/3", "mon thu"),
        ("*/3", "sun wed sat"),
        ("sat,sun", "sat sun"),
        ("0,6", "sat sun"),
        ("*", "sun mon tue wed thu fri sat"),
        ("0-7", "sun mon tue wed thu fri sat"),
        ("*/7", "sun"),
    ],
)
def test_weekdays_are_those_of_a_crontab(field: str, days: str) -> None:
    assert weekdays(f"0 3 * * {field}") == set(days.split())


@given(first=st.integers(0, 6), length=st.integers(0, 6), step=st.integers(1, 7))
def test_any_range_of_weekdays(first: int, length: int, step: int) -> None:
    last = min(7, first + length)
    assert weekdays(f"0 3 * * {first}-{last}/{step}") == {NAMES[day % 7] for day in range(first, last + 1, step)}


def test_a_day_of_the_month_or_a_weekday() -> None:
    assert [moment.day for moment in runs("0 3 1 * fri")] == [27, 1, 4], "either will do"
    assert [moment.day for moment in runs("0 3 1 * *")] == [1]
    assert [moment.day for moment in runs("0 3 */2 * 1")] == [23], "both, where one of them begins with a star"
    assert [(moment.hour, moment.minute) for moment in runs("*/30 3 * NOV mon", 3)] == [(3, 0), (3, 30)]


@pytest.mark.parametrize(
    "expression",
    ["", "0 3 * *", "0 3 * * * *", "0 3 * * 8", "0 3 * * fry", "0 3 * * 5-2", "0 3 * * 1,", "0 3 * * */0", "61 3 * * *"],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(InvalidInput, match=r"Give five cron fields: minute hour day month weekday") as refused:
        parse_schedule(expression)
    assert repr(expression) in str(refused.value)


def test_the_docstrings_are_true() -> None:
    assert doctest.testmod(schedule).failed == 0
