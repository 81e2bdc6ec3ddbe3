"""Whether an answer is of the kind that is asked for: no number for an address, no date for an hour, no dose for a time."""

from __future__ import annotations

import re

from slowwave.adapters_store.lexical import tokens
from slowwave.dates import MONTHS, WEEKDAYS
from slowwave.naming import CALENDAR

__all__ = ["fits"]

_ASKS_MAIL = re.compile(r"\be-?mail address\b|\b(?:my|our|your|their|his|her|\w+['’]s) e-?mail\W*$", re.IGNORECASE)
_ASKS_WORDS = re.compile(
    r"^(?:where|who|whom)\b|^(?:\w+ )?(?:which|what) (?:town|city|country|village|street)\b|\bhow old\b", re.IGNORECASE
)
_ASKS_DIGITS = re.compile(r"\b(?:numbers?|reach|call|ring|dial|phone|contact|text|fax)\b", re.IGNORECASE)
_ASKS_HOUR = re.compile(r"\b(?:what|which) time\b|\bo['’]clock\b", re.IGNORECASE)
_ASKS_ONE = re.compile(r"^(?:where|who|whom)\b", re.IGNORECASE)
_ASKS_WHO = re.compile(r"^(?:who|whom)\b", re.IGNORECASE)
_ASKS_WHEN = re.compile(r"^(?:\w+ )?(?:when|how often)\b|\b(?:what|which) time\b", re.IGNORECASE)
_ASKS_PLACE = re.compile(r"^(?:\w+ )?(?:which|what) (?:town|city|country|village|street)\b", re.IGNORECASE)
_ASKS_COUNT = re.compile(
    r"\b(?:phone|telephone|mobile|cell|account|student|policy|order|serial|flight|tracking|plate|room|passport|membership"
    r"|fax) number\b"
    r"|\bhow (?:old|tall|far|heavy|big)\b"
    r"|\bhow much (?:is|was|does|do|did|are|were)\b.*\b(?:rent|cost|weigh|earn|owe|charge|pay)\b"
    r"|\b(?:pin|door code|post ?code|zip code|postal code|salary|rent)\b\W*$",
    re.IGNORECASE,
)
"""What nothing answers that has no number."""
_COUNTED = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)t\w+|twen\w+|hundred"
    r"|half|zero|nothing|free|none|hours?|minutes?|far|near|walk|same)\b",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"\W*(?:at )?\d{1,2}[:.]\d\d(?: ?[ap]\.?m\.?)?\W*", re.IGNORECASE)
_FREQUENCY = re.compile(r"\W*(?:once|twice|\w+ times) (?:a|per|every) \w+\W*", re.IGNORECASE)
_NUMBER = re.compile(r"[\d\s()+./-]+")
_DAY = re.compile(r"\d+(?:st|nd|rd|th)?")
_HOUR = re.compile(r"1?\d|2[0-4]")
_AMOUNT = re.compile(
    r"\W*[$€£]?\s?\d[\d.,\s]*(?:(?:mg|mcg|[µμ]g|g|kg|grams?|pounds?|ml|cl|dl|l|lit(?:re|er)s?|mm|cm|km|kilomet(?:re|er)s|miles"
    r"|euros?|dollars?|tablets?|pills?|drops|units|percent)\b|[$€£%])?\W*",
    re.IGNORECASE,
)
"""So much of something, with its unit, or the beginning of that."""
_LONG = 7
"""Characters from which on a number is a telephone's or an account's, and no age or year."""


def fits(question: str, answer: str, *, whole: bool = True) -> bool:
    """Whether an answer is of the kind that is asked for, where that is plain: a small reader gives a number for an address.

    >>> fits("What is Ada's email address?", "603-556-7631"), fits("Who is it?", "603-556-7631"), fits("Who is it?", "Ada")
    (False, False, True)
    >>> fits("Where does Jonas live?", "Tuesdays with Jonas"), fits("What time is my flight?", "4 December")
    (False, False)
    >>> fits("How often do I take the pills?", "20 mg"), fits("How often do I take the pills?", "20 mg twice a day")
    (False, True)

    Args:
        whole: whether it is the whole answer; a number that may go on is not trusted either.
    """
    if _ASKS_MAIL.search(question):
        return "@" in answer
    if (_ASKS_HOUR.search(question) or _ASKS_ONE.search(question)) and _is_day(answer, question, whole=whole):
        return False
    # A bare number may be an hour or a year.
    if _ASKS_WHEN.search(question) and _AMOUNT.fullmatch(answer) and not (whole and _NUMBER.fullmatch(answer)):
        return False
    if whole and _ASKS_COUNT.search(question) and not _COUNTED.search(answer):
        return False
    if _ASKS_PLACE.search(question) and _is_day(answer, question, whole=whole):
        return False
    if _ASKS_ONE.search(question) and not _ASKS_DIGITS.search(question) and _is_how_much(answer, question, whole=whole):
        return False
    asks_words = _ASKS_WORDS.search(question) and not _ASKS_DIGITS.search(question)
    return not (asks_words and _NUMBER.fullmatch(answer) and (not whole or len(answer.strip()) >= _LONG))


def _is_how_much(answer: str, question: str, *, whole: bool) -> bool:
    """Whether an answer to who or where is an amount, how often, or, to who, an hour."""
    if _AMOUNT.fullmatch(answer):
        return not (whole and _NUMBER.fullmatch(answer))
    return bool(_FREQUENCY.fullmatch(answer) or (_ASKS_WHO.search(question) and _CLOCK.fullmatch(answer)))


def _is_day(answer: str, question: str, *, whole: bool) -> bool:
    """Whether all that an answer adds to a question is a day of the week or a date, or begins like one."""
    words = set(tokens(answer)) - set(tokens(question))
    named = words & CALENDAR
    if whole and _ASKS_WHO.search(question) and words and words <= set(MONTHS):
        return False  # June and April are people too
    if whole and _ASKS_HOUR.search(question) and named <= set(WEEKDAYS) and any(map(_HOUR.fullmatch, words)):
        return False  # "Tuesday at 10"
    return (bool(named) or not whole) and all(_DAY.fullmatch(word) for word in words - named)
