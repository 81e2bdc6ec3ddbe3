"""What an answer may be made of: words that stand in the facts it was shown, or in what its modules are known to answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from slowwave.adapters_store.lexical import tokens
from slowwave.naming import CALENDAR
from slowwave.prompts import UNKNOWN, is_unknown, may_be_unknown

__all__ = ["Grounding", "fits"]

_GROUNDED = 0.7
"""The share of an answer's words that must stand in facts or in the question."""

_ASKS_MAIL = re.compile(r"\be-?mail address\b|\b(?:my|our|your|their|his|her|\w+['’]s) e-?mail\W*$", re.IGNORECASE)
_ASKS_WORDS = re.compile(
    r"^(?:where|who|whom)\b|^(?:\w+ )?(?:which|what) (?:town|city|country|village|street)\b|\bhow old\b", re.IGNORECASE
)
_ASKS_DIGITS = re.compile(r"\b(?:numbers?|reach|call|ring|dial|phone|contact|text|fax)\b", re.IGNORECASE)
_NUMBER = re.compile(r"[\d\s()+./-]+")
_ASKS_HOUR = re.compile(r"\b(?:what|which) time\b|\bo['’]clock\b", re.IGNORECASE)
_ASKS_ONE = re.compile(r"^(?:where|who|whom)\b", re.IGNORECASE)
_ASKS_OPENLY = re.compile(r"\b(?:what|which|who|whom|whose|where|when|how|why)\b", re.IGNORECASE)
_DAY = re.compile(r"\d+(?:st|nd|rd|th)?")
_LONG = 7
"""Characters from which on a number is a telephone's or an account's, and no age or year."""


def fits(question: str, answer: str, *, whole: bool = True) -> bool:
    """Whether an answer is of the kind that is asked for, where that is plain: a small reader gives a number for an address.

    >>> fits("What is Ada's email address?", "603-556-7631"), fits("Who is it?", "603-556-7631"), fits("Who is it?", "Ada")
    (False, False, True)
    >>> fits("Where does Jonas live?", "Tuesdays with Jonas"), fits("What time is my flight?", "4 December")
    (False, False)

    Args:
        whole: whether it is the whole answer; a number that may go on is not trusted either.
    """
    if _ASKS_MAIL.search(question):
        return "@" in answer
    if (_ASKS_HOUR.search(question) or _ASKS_ONE.search(question)) and _is_day(answer, question, whole=whole):
        return False
    asks_words = _ASKS_WORDS.search(question) and not _ASKS_DIGITS.search(question)
    return not (asks_words and _NUMBER.fullmatch(answer) and (not whole or len(answer.strip()) >= _LONG))


def _is_day(answer: str, question: str, *, whole: bool) -> bool:
    """Whether all that an answer adds to a question is a day of the week or a date, or begins like one."""
    words = set(tokens(answer)) - set(tokens(question))
    named = words & CALENDAR
    return (bool(named) or not whole) and all(_DAY.fullmatch(word) for word in words - named)


class Grounding:
    """Lets an answer pass as far as its words stand in the evidence.

    Nothing is released before the first word that is in a fact and not merely in the question; from the first word that
    is in neither, the rest waits for the verdict at the end.
    """

    def __init__(self, sources: Sequence[str], question: str) -> None:
        self._known = {word for text in sources for word in tokens(text)}
        self._question = question
        self._asked = set(tokens(question))
        self._sent = 0

    def release(self, text: str) -> str:
        """More of the text so far that may be shown; the last word waits until it is complete."""
        cut = max((i for i, letter in enumerate(text) if letter.isspace()), default=0)
        words = tokens(text[:cut])
        known = [word in self._known for word in words if word not in self._asked]
        if may_be_unknown(text[:cut]) or not any(known) or not all(known):
            return ""
        if not fits(self._question, text[:cut], whole=False):
            return ""
        ready = text[self._sent : cut]
        self._sent = max(self._sent, cut)
        return ready

    def finish(self, text: str, nothing_said: bool) -> str:
        """What is left to show: the rest, nothing, or that the answer is not known."""
        words = tokens(text)
        grounded = [word for word in words if word in self._known or word in self._asked]
        novel = any(word in self._known and word not in self._asked for word in words)
        # "Porto" may answer "Porto or Lisbon?" and "Do I live in Porto?", but only if a fact says it too.
        choice = not _ASKS_OPENLY.search(self._question) or " or " in self._question
        chosen = choice and not set(words) - self._asked and any(word in self._known for word in words)
        enough = len(grounded) >= _GROUNDED * len(words) and (novel or chosen)
        if enough and not is_unknown(text) and fits(self._question, text):
            return text[self._sent :]
        return UNKNOWN if nothing_said else ""
