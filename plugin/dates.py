"""Days that are named by their distance from the day of speaking, "tomorrow", "last week", put as dates.

A fact is read months after it was said; "next Friday" then means nothing, to a reader as little as to a trained module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

__all__ = ["MONTHS", "WEEKDAYS", "occasion", "resolve_dates"]

_Put = Callable[[re.Match[str], date], "str | None"]
"""A phrase with its preposition for what was found, or None to leave it."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = tuple("january february march april may june july august september october november december".split())
_NUMBERS: Mapping[str, int] = {
    word: number
    for number, words in enumerate(
        ("a an one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), 1
    )
    for word in words.split()
} | {"a couple of": 2, "a few": 3}
_COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_DAY = "|".join(WEEKDAYS)
_MONTH = "|".join(MONTHS)
_AFTER_PREPOSITION = re.compile(
    r"\b(?:since|until|till|by|from|for|before|after|on|of|between|than|to|at|in|all|through|during|over|starting|"
    r"beginning)\s+$",
    re.I,
)
_IN_RANGE = re.compile(r"\b(?:between|either|from|since|for|by|until|till|of)\b[^.,;!?]*\b(?:and|or)\s+$", re.I)
"""Where a second day shares the first one's preposition: "between today and tomorrow"."""
_UNCLEAR_BEFORE = re.compile(
    r"(?:\b(?:more than|less than|over|under|almost|nearly|about|around|some|roughly|half|at least|up to|ago|week|kids|day"
    r"|day (?:after|before))"
    r"|\d\.|\d/|/|'s|’s)\s*$",
    re.I,
)
_UNCLEAR_AFTER = re.compile(
    r" (?:ago|of|and a half|week|evening|morning|night|(?:mon|tues|wednes|thurs|fri|satur|sun)day|today|yesterday)\b|/",
    re.I,
)
"""What makes a phrase mean something else: "over a year ago", "today week", "two years ago today", "last week of May"."""
_WATCHED = re.compile(
    r"\b(?:watch(?:ed|ing)?|saw|seen|read|finished|loved|liked|enjoyed|called|titled|named)\s+$", re.I
)
"""What comes before a title; none of it is done tomorrow."""
_THESE_DAYS_BEFORE = re.compile(
    r"(?:^|[.!?;:,]\s)\s*(?!(?:i|we|you|he|she|it|they|there|this|that)\b)"
    r"(?:(?!(?:am|is|are|was|were|has|have|had|will)\s)[\w'’-]+\s+){1,3}$",
    re.I,
)
_THESE_DAYS_AFTER = re.compile(
    r" (?!(?:at|in|on|with|for|to|from|by|about|after|before|until|till|and|but|or|so|then|because|when|while|if|as|too|again"
    r"|instead|the|an?|my|our|his|her|their|i|we|he|she|they|it)\b)\w",
    re.I,
)
"""Where "today" is no day: "people today don't read", "the youth of today"."""
_COMING = re.compile(
    r"(?:\b(?:is|are|am)|['’](?:s|re|m))\s+(?:due\s+|(?:leav|fly|mov|go|com|start|travell?|arriv|return|retir|gett|hav|turn"
    r"|meet|visit|see|begin)n?ing\s+(?:[\w'’-]+\s+){0,3})?$"
    r"|\b(?:will|['’]ll)\s+be\s+(?:back|here|there|home|over)\s+$|\b(?:due|starts?|begins?|leaves?|ends?|expires?|arrives?)\s+$",
    re.I,
)
"""What "in two weeks" follows where it is a day to come, and not how long something takes."""
_SUBJECT = re.compile(r" (?:(?:i|we|he|she|they|it|you|my|our|his|her|their|the|an?)\b|(?-i:[A-Z]))", re.I)
_DETERMINED = re.compile(r"\b(?:the|my|our|your|his|its|their|every|each|that)\s+$", re.I)
"""What "last year" follows where it is a noun: "the last year of school"."""
_VAGUE_COUNT = {"a couple of", "a few"}


_SOME = r"(?:\w+|a few|a couple of|several)"
_STARTS: tuple[tuple[str, Callable[[date], date]], ...] = (
    (
        r"today|tonight|tomorrow|yesterday|(?:this|last|next) (?:morning|afternoon|evening|night)"
        rf"|{_SOME} (?:days?|hours?|minutes?) ago|in {_SOME} (?:days?|hours?|minutes?)",
        lambda day: day,
    ),
    (
        rf"(?<!every )(?<!each )(?:{_DAY})(?!,? (?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTH}))"
        rf"|(?:this|last|next|coming) (?:week|weekend)|{_SOME} (?:weeks?|weekends?) ago|in {_SOME} weeks?",
        lambda day: day - timedelta(days=day.weekday()),
    ),
    (rf"(?:this|last|next) month|{_SOME} months? ago|in {_SOME} months?", lambda day: day.replace(day=1)),
    (rf"(?:this|last|next) year|{_SOME} years? ago|in {_SOME} years?", lambda day: day.replace(month=1, day=1)),
)
_SPANS = tuple((re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.I), start) for pattern, start in _STARTS)
"""What hangs on the day, the week, the month or the year of speaking, and on which day that begins. Ids of stored facts rest on
this table: a change gives the same words another id."""


def occasion(text: str, said_at: datetime) -> date | None:
    """The day on which the span of time begins to which a text refers by when it is said; None if it refers to none.

    >>> occasion("I went to the gym today.", datetime(2026, 11, 18)), occasion("I like tea.", datetime(2026, 11, 18))
    (datetime.date(2026, 11, 18), None)
    """
    for pattern, start in _SPANS:
        if pattern.search(text):
            return start(said_at.date())
    return None


def resolve_dates(text: str, said_at: datetime) -> str:
    """The text with days that hang on the day of speaking put as dates; what is ambiguous stays as it was said.

    >>> resolve_dates("My flight leaves tomorrow at noon.", datetime(2026, 11, 22))
    'My flight leaves on 23 November 2026 at noon.'
    >>> resolve_dates("Last month I moved to Porto.", datetime(2026, 11, 22))
    'In October 2026, I moved to Porto.'
    """
    for pattern, put in _RULES:
        text = _replaced(text, pattern, put, said_at.date())
    return text


def _replaced(text: str, pattern: re.Pattern[str], put: _Put, day: date) -> str:
    def phrase(found: re.Match[str]) -> str:
        try:
            return _fitted(found, put(found, day))
        except (OverflowError, ValueError):  # before the first year, or after the last
            return found[0]

    return pattern.sub(phrase, text)


def _fitted(found: re.Match[str], phrase: str | None) -> str:
    """The phrase as it stands in this place: as a noun where one is wanted, with a capital at the start."""
    before, after = found.string[: found.start()], found.string[found.end() :]
    opens = not before.strip() or before.rstrip().endswith((".", "!", "?", ":", ";", "\n"))
    named = found[0][:1].isupper() and not opens  # "USA Today", "Today FM"
    ranged = found[0].lower().endswith("ago") and re.search(r"\b(?:or|to|and)\s+$", before)  # "two or three years ago"
    unclear = ranged or _DETERMINED.search(before) or _UNCLEAR_BEFORE.search(before) or _UNCLEAR_AFTER.match(after)
    if phrase is None or named or unclear or after.startswith(("'s", "’s", '"', "'", "”")):
        return found[0]
    subject = re.match(r" (?:is|was|will be)\b", after) and re.search(
        r"(?:^|[.!?,;:] |\b(?:and|but|so|because|that) )$", before
    )
    if subject or _AFTER_PREPOSITION.search(before) or _IN_RANGE.search(before):
        phrase = phrase.partition(" ")[2]
    if found[0][:1].isupper():
        phrase = phrase[:1].upper() + phrase[1:]
    return f"{phrase}," if opens and not subject and _SUBJECT.match(after) else phrase


# -- how a day, a week, a month and a year are written ----------------------------------------------------------------


def _on(day: date) -> str:
    return f"on {day.day} {day:%B %Y}"


def _week(day: date) -> str:
    monday = day - timedelta(days=day.weekday())
    return f"in the week of {monday.day} {monday:%B %Y}"


def _month(day: date, step: int) -> str:
    at = day.year * 12 + day.month - 1 + step
    return f"in {date(at // 12, at % 12 + 1, 1):%B %Y}"


def _weekend(day: date, step: int) -> str:
    saturday = day + timedelta(days=5 - day.weekday() + 7 * step)
    return f"on the weekend of {saturday.day} {saturday:%B %Y}"


def _unit(day: date, unit: str, step: int) -> str:
    unit = unit.lower().rstrip("s")
    if unit == "day":
        return _on(day + timedelta(days=step))
    if unit == "week":
        return _week(day + timedelta(weeks=step))
    if unit == "month":
        return _month(day, step)
    return f"in {day.replace(year=day.year + step, day=1).year}"


def _weekday(day: date, name: str, step: int) -> date:
    """The next day of this name after the day (step 1), or the last one before it (step -1)."""
    ahead = (WEEKDAYS.index(name.lower()) - day.weekday()) % 7
    return day + timedelta(days=(ahead or 7) if step > 0 else (ahead - 7))


def _by(found: re.Match[str]) -> int:
    return -1 if found["side"].lower() in {"last", "past"} else 1


def _ago(found: re.Match[str], day: date) -> str | None:
    count, unit = found["count"].lower(), found["unit"]
    if count in _VAGUE_COUNT:
        return None
    step = int(count) if count.isdigit() else _NUMBERS[count]
    if unit.lower().startswith("week"):
        return _on(day - timedelta(weeks=step)) if found["exactly"] else _week(day - timedelta(weeks=step))
    return _unit(day, unit, -step)


def _ahead(found: re.Match[str], day: date) -> str | None:
    count = found["count"].lower()
    if count in _VAGUE_COUNT or not (found["time"] or _COMING.search(found.string[: found.start()])):
        return None
    return _unit(day, found["unit"], int(count) if count.isdigit() else _NUMBERS[count])


def _named(found: re.Match[str], day: date) -> str | None:
    """A weekday of last or next week; which one "next Friday" is on a Monday, nobody can tell."""
    at = _weekday(day, found["name"], _by(found))
    if found["side"].lower() == "next" and at - timedelta(days=at.weekday()) <= day:
        return None
    return _at(at, found["part"])


def _near(found: re.Match[str], day: date) -> str | None:
    """The weekday that is to come; "this Monday" on a Wednesday may be the one that was."""
    coming = "coming" in found["side"].lower()
    at = _weekday(day if coming else day - timedelta(days=1), found["name"], 1)
    if not coming and at - timedelta(days=at.weekday()) > day:
        return None
    return _at(at, found["part"])


def _counted(found: re.Match[str], day: date) -> str | None:
    """A weekday with its day of the month, if there is such a day within two weeks."""
    number, month = int(found["first"] or found["second"]), found["month"] or found["before"]
    side = _by(found)
    for step in range(side, 15 * side, side):
        at = day + timedelta(days=step)
        if at.day == number and WEEKDAYS[at.weekday()] == found["name"].lower():
            return _on(at) if not month or MONTHS[at.month - 1] == month.lower() else None
    return None


def _today(found: re.Match[str], day: date) -> str | None:
    before, after = found.string[: found.start()], found.string[found.end() :]
    if re.search(r"\bof\s+$", before) and not re.search(r"\bas of\s+$", before, re.I):
        return None
    return None if _THESE_DAYS_BEFORE.search(before) and _THESE_DAYS_AFTER.match(after) else _on(day)


def _untitled(found: re.Match[str], day: date) -> str | None:
    return None if _WATCHED.search(found.string[: found.start()]) else _on(day)


def _part(found: re.Match[str], day: date) -> str:
    """A part of a day: this morning, yesterday evening, tomorrow night."""
    step = {"yesterday": -1, "last": -1, "tomorrow": 1}.get(found["day"].lower(), 0)
    at = day + timedelta(days=step)
    return _at(at, found["part"])


def _at(day: date, part: str | None) -> str:
    return f"on the {part.lower()} of {day.day} {day:%B %Y}" if part else _on(day)


_ONLY = r"(?<![\w-])"
"""Not the end of a longer word."""


_PART = r"(?P<part>morning|afternoon|evening|night)"
_UNCOUNTED = rf"(?!,? (?:the )?(?:\d{{1,2}}(?:st|nd|rd|th|(?: of)? (?:{_MONTH}))|(?:{_MONTH}) \d))"
"""No day of the month behind it: that would not be resolved twice."""


def _rule(pattern: str, put: _Put) -> tuple[re.Pattern[str], _Put]:
    return re.compile(_ONLY + pattern + r"(?![\w-])", re.I), put


_RULES: tuple[tuple[re.Pattern[str], _Put], ...] = (
    _rule(r"the day after tomorrow", lambda found, day: _untitled(found, day + timedelta(days=2))),
    _rule(r"the day before yesterday", lambda _, day: _on(day - timedelta(days=2))),
    _rule(r"(?P<day>yesterday|tomorrow|this) (?P<part>morning|afternoon|evening|night)", _part),
    _rule(r"(?P<day>last) (?P<part>night)", _part),
    _rule(r"tonight", lambda _, day: f"on the evening of {day.day} {day:%B %Y}"),
    _rule(r"(?:earlier )?today", _today),
    _rule(r"yesterday", lambda _, day: _on(day - timedelta(days=1))),
    _rule(r"tomorrow", lambda found, day: _untitled(found, day + timedelta(days=1))),
    _rule(rf"(?P<exactly>exactly )?{_COUNT} (?P<unit>days?|weeks?|months?|years?) ago", _ago),
    _rule(rf"in {_COUNT} (?P<unit>days?|weeks?|months?|years?)(?P<time>['’]?s? time)?", _ahead),
    _rule(
        rf"(?:on )?(?P<side>last|next|this) (?P<name>{_DAY}),? (?:the )?(?:(?P<first>\d{{1,2}})(?:(?:st|nd|rd|th)(?! of)"
        rf"|(?:st|nd|rd|th)?(?: of)? (?P<month>{_MONTH})(?! \d|, \d))|(?P<before>{_MONTH}) (?P<second>\d{{1,2}})"
        r"(?:st|nd|rd|th)?(?!, ?\d))",
        _counted,
    ),
    _rule(rf"(?:on )?(?P<side>last|next) (?P<name>{_DAY})(?: {_PART})?{_UNCOUNTED}", _named),
    _rule(
        rf"(?:on )?(?P<side>this|(?:this |the )?coming) (?P<name>{_DAY})(?: {_PART})?{_UNCOUNTED}",
        _near,
    ),
    _rule(
        r"(?P<side>last|next) weekend",
        lambda found, day: _weekend(day, _by(found)),
    ),
    _rule(r"this (?:coming )?weekend", lambda _, day: _weekend(day, 0)),
    _rule(r"(?P<side>last|next) (?P<unit>week|month|year)", lambda found, day: _unit(day, found["unit"], _by(found))),
    _rule(r"this (?P<unit>week|month|year)", lambda found, day: _unit(day, found["unit"], 0)),
)
"""Longer phrases first. A bare weekday, "I did it in two weeks" and "a few days ago" may mean several things and stay."""
