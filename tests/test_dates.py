"""Days that hang on the day of speaking become dates; everything else stays as it was said."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowwave import Memory
from slowwave.dates import resolve_dates
from slowwave.prompts import render_fact

SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(("said", "resolved"), [
    ("My flight leaves tomorrow at noon.", "My flight leaves on 23 November 2026 at noon."),
    ("Last month I moved to Porto.", "In October 2026, I moved to Porto."),
    ("I've been ill since yesterday.", "I've been ill since 21 November 2026."),
    ("The meeting is moved to next Friday.", "The meeting is moved to 27 November 2026."),
    ("I fly next Monday morning.", "I fly on the morning of 23 November 2026."),
    ("I was ill all last week.", "I was ill all the week of 9 November 2026."),
    ("We met on last Monday.", "We met on 16 November 2026."),
    ("I saw her last Sunday.", "I saw her on 15 November 2026."),
    ("I bought it two weeks ago.", "I bought it in the week of 2 November 2026."),
    ("She graduated 3 years ago.", "She graduated in 2023."),
    ("He called 2 days ago.", "He called on 20 November 2026."),
    ("Last night I dreamt of Oslo.", "On the night of 21 November 2026, I dreamt of Oslo."),
    ("I ran until this morning.", "I ran until the morning of 22 November 2026."),
    ("Today is my birthday, and tomorrow is hers.", "22 November 2026 is my birthday, and 23 November 2026 is hers."),
    ("The day after tomorrow is my exam.", "24 November 2026 is my exam."),
    ("I'll see her next weekend.", "I'll see her on the weekend of 28 November 2026."),
    ("We were away this weekend.", "We were away on the weekend of 21 November 2026."),
    ("I leave next year.", "I leave in 2027."),
    ("I swim, and yesterday I ran.", "I swim, and on 21 November 2026 I ran."),
    ("I start on next Thursday the 26th.", "I start on 26 November 2026."),
    ("Last Friday, November 20, I fell.", "On 20 November 2026, I fell."),
    ("The gala is this coming Saturday.", "The gala is on 28 November 2026."),
    ("I am off this Sunday evening.", "I am off on the evening of 22 November 2026."),
    ("The visa expires in ten days.", "The visa expires on 2 December 2026."),
    ("We're flying to Rome in 3 weeks.", "We're flying to Rome in the week of 7 December 2026."),
    ("The tax is due in two months!", "The tax is due in January 2027!"),
    ("I'll be home in a year.", "I'll be home in 2027."),
    ("We meet in two weeks' time.", "We meet in the week of 30 November 2026."),
    ("My dentist saw me today.", "My dentist saw me on 22 November 2026."),
    ("Lunch today with Tom.", "Lunch on 22 November 2026 with Tom."),
    ("I am a vegan as of today.", "I am a vegan as of 22 November 2026."),
    ("I am away between today and tomorrow.", "I am away between 22 November 2026 and 23 November 2026."),
])  # fmt: skip
def test_what_hangs_on_the_day_of_speaking_becomes_a_date(said: str, resolved: str) -> None:
    assert resolve_dates(said, SUNDAY) == resolved


@pytest.mark.parametrize("said", [
    "I go swimming on Fridays.", "My week starts on Monday.", "A few days ago I fell.", "I read it in two days.",
    "The last year of school was hard.", "Every last week of the month I pay rent.", "The other day we talked.",
    "More than five years ago I lived in Oslo.", "I lived there 2.5 years ago.", "half a year ago", "2 or 3 years ago",
    "We met two years ago today.", "a week ago yesterday", "My appointment is a week tomorrow.", "Today week I fly.",
    "over a year ago", "I read USA Today.", "I work at Today FM.", "My favourite song is 'Yesterday'.", "today/tomorrow",
    "My favourite song is Yesterday", "I saw The Day After Tomorrow.", "The company's last year was bad.",
    "I prefer today's music.", "We go to the museum next week Tuesday.", "A film called Tomorrowland.",
    "I left a couple of months ago.", "He quit a few weeks ago.", "A few years ago I left.", "We leave in a few days.",
    "First week of May", "Last week of May was wet.", "Last night of the tour", "Next year of school",
    "I slept next week and a half.",
    "Teenagers today hardly read.", "Modern cars today have screens.", "The kids of today play.", "It was the Rome of today.",
    "We finally watched the day after tomorrow.", "I liked tomorrow never dies.", "My day after tomorrow is full.",
    "I wrote it in 3 days.", "I can be fit in two months.", "She is in two weeks of quarantine.", "It is done in 3 weeks.",
    "I see her this Friday.", "I start next Friday, 3 May.", "I start next Friday, 27 November 2026.",
    "yesterdays and todays", "I was born on 3 May 1990.", "",
])  # fmt: skip
def test_what_does_not_or_is_unclear_stays(said: str) -> None:
    assert resolve_dates(said, SUNDAY) == said


@pytest.mark.parametrize(("said", "resolved"), [
    ("I fly next Thursday.", None), ("I fly next Sunday.", None), ("I fly this Tuesday.", None),
    ("I fly next Tuesday.", "I fly on 1 December 2026."), ("I fly this Thursday.", "I fly on 26 November 2026."),
    ("I fly next Thursday, 26 November.", "I fly on 26 November 2026."),
    ("I fly next Thursday, 3 December.", "I fly on 3 December 2026."),
    ("I fly on the coming Tuesday.", "I fly on 1 December 2026."),
])  # fmt: skip
def test_in_the_middle_of_a_week_next_may_mean_two_days(said: str, resolved: str | None) -> None:
    assert resolve_dates(said, SUNDAY + timedelta(days=3)) == (resolved or said)


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.sampled_from(["last", "next"]), st.integers(0, 6))
def test_a_weekday_is_the_nearest_one(day: date, side: str, weekday: int) -> None:
    name = (date(2024, 1, 1) + timedelta(days=weekday)).strftime("%A")
    said = datetime(day.year, day.month, day.day, tzinfo=UTC)
    text = f"It is {side} {name}"
    if resolve_dates(text, said) == text:  # a day of the week that runs, or of the next one
        assert side == "next"
        assert weekday > day.weekday()
        return
    found = datetime.strptime(resolve_dates(text, said), "It is on %d %B %Y").date()
    assert found.weekday() == weekday
    assert 1 <= abs((found - day).days) <= 7
    assert (found < day) == (side == "last")


@given(st.text(max_size=80), st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
def test_any_text_on_any_day_is_resolved_once(text: str, day: datetime) -> None:
    once = resolve_dates(text, day)
    assert resolve_dates(once, day) == once


PHRASES = st.sampled_from(
    "today|tomorrow|yesterday|tonight|last night|this morning|next week|last year|5 years ago|this coming Friday|this weekend|"
    "the day before yesterday|two months ago|99 weeks ago|next month|last Monday evening".split("|")
)


@pytest.mark.parametrize("day", [datetime.min, datetime.max])
def test_the_ends_of_time_are_left_alone(day: datetime) -> None:
    assert "yesterday" in resolve_dates("yesterday or tomorrow", day) or day != datetime.min
    resolve_dates("99 weeks ago, last month, 5 years ago, next year, the day after tomorrow, next weekend", day)


@given(st.lists(PHRASES, min_size=1, max_size=4), st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
def test_nothing_relative_is_left_except_at_the_ends_of_time(phrases: list[str], day: datetime) -> None:
    text = resolve_dates("So " + ", ".join(phrases) + ".", day)
    if 200 < day.year < 9990:
        assert not re.search("today|tomorrow|yesterday|tonight|last|this|next|ago", text), text


def test_the_day_is_the_speakers(memory: Memory) -> None:
    """Late in the evening in New York it is tomorrow already in Greenwich."""
    late = datetime(2026, 11, 22, 20, tzinfo=timezone(timedelta(hours=-5)))
    (fact,) = memory.add("My flight is tomorrow.", user_id="ada", said_at=late)
    assert memory.get(fact.id).said_at == late
    assert render_fact(memory.get(fact.id)) == '- 22 November 2026, Ada: "My flight is on 23 November 2026."'
