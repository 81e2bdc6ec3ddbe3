"""What a span must look like to be the kind of answer that a row of relations asks for.

"My phone is ..." may go on with a number, or with "broken". Where a span is of another kind, the row says nothing about the
statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from slowwave.consolidation import lexicon
from slowwave.consolidation.morphology import bare, is_adverb

__all__ = ["fits", "is_asked_for", "is_denied", "is_manner", "is_relative", "is_state"]

_NUMBER = re.compile(r"[+(]?\d[\d ()./-]*(?: ?(?:ext\.?|extension|x) ?\d+)?")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_NAME = re.compile(
    r"[\"']?[A-Z][\w.'-]*[\"']?(?:,? (?:and|&|of|the|de|da|di|du|van|von|der|den|la|le|el|al|bin|[A-Z][\w.'-]*|\d+))*"
)
_OWNED = re.compile(r"'s? [a-z]")
_COUNTED = re.compile(rf"\b{lexicon.UNIT}\b", re.I)
_GRAMMAR = lexicon.PREPOSITIONS | lexicon.DETERMINERS | lexicon.ADVERBS | lexicon.words("to of too so very and or")
_DENIED = re.compile(r"(?:not|no longer|never|almost|nearly|hardly|neither|no(?! ?\.? ?\d))\b", re.I)
_RELATED = re.compile(rf"(?:my|our|his|her|their|an?) (?:[\w-]+ )?(?:{lexicon.KIN})$")
_DIGIT = re.compile(r"\d")


def fits(kind: str, span: str, before: str) -> bool:
    """Whether a span, with what stands before it, is of a kind; any span is of a kind that has no check."""
    if kind in {"T", "T2"}:
        return _is_when(span, before.rstrip().endswith((" at", " around")))
    check = _CHECKS.get(kind)
    return not is_denied(span) and (check is None or check(span.strip(" ,")))


def is_asked_for(kind: str, span: str) -> bool:
    """Whether a span of its kind may be an answer: no time that hangs on the day it was said, no person where a shop is asked."""
    if kind == "shop":
        return span not in lexicon.GIVEN and _RELATED.match(span) is None
    return kind not in {"T", "T2"} or not is_relative(span)


def is_denied(span: str) -> bool:
    """Whether a span begins by taking back what it says: "not 40", "no longer blue"."""
    return _DENIED.match(span) is not None


def _is_when(span: str, at: bool = False) -> bool:
    """Whether a span is nothing but a time; an hour alone needs an "at"."""
    words = span.strip(" ,").split()
    if not words or not all(lexicon.TIME_WORD.fullmatch(word.strip(",")) for word in words):
        return False
    return lexicon.ANCHOR.search(span) is not None or (at and len(words) == 1 and bool(_DIGIT.match(span)))


def is_relative(span: str) -> bool:
    """Whether a time hangs on the day it was said: "in 3 days", "next June", "Friday at 10"."""
    if re.search(r"\b(?:every|each)\b|\b(?:1[89]|20)\d\d\b", span):
        return False
    if lexicon.RELATIVE.search(span):
        return True
    return lexicon.AHEAD.search(span) is not None and not any(
        bare(word) in lexicon.PAST or word.endswith("ed") for word in span.split()
    )


def _is_named(span: str) -> bool:
    return any(word[:1].isupper() and word != "I" and not lexicon.DAYS.match(word) for word in span.split())


def _is_name(span: str) -> bool:
    """Whether a span names somebody: not "Irish", not "Tom's boss"."""
    return bool(_NAME.fullmatch(span)) and not _OWNED.search(span) and not lexicon.DEMONYM.search(span)


def is_manner(span: str) -> bool:
    """Whether a span is one word in small letters that tells how or where, not what."""
    return span.islower() and (span in lexicon.MANNER or ("-" not in span and is_adverb(span)))


def is_state(word: str) -> bool:
    """Whether a word in small letters tells how something is, not what it is."""
    word = bare(word)
    participle = word in lexicon.PARTICIPLE or (word.endswith("ed") and word not in lexicon.NOT_VERBS)
    return word in lexicon.STATES or participle or is_manner(word)


def _is_secret(span: str) -> bool:
    words = span.split()
    if any(word in _GRAMMAR for word in words):
        return False
    return bool(_DIGIT.search(span)) or len(words) > 2 or not (words[0].islower() and is_state(words[0]))


def _is_place(span: str) -> bool:
    spot = _is_named(span) or _DIGIT.match(span) or any(lexicon.DWELLING.fullmatch(word) for word in span.split())
    return bool(spot) and not lexicon.SOFTWARE.search(span) and not _is_when(span)


def _is_employer(span: str) -> bool:
    determined = re.match(r"(?:an?|the|my|our|his|her|their|one of|two|three|several|various) ", span)
    return bool(_is_named(span) or determined) and not (
        lexicon.TIME.search(span) or _COUNTED.search(span) or re.search(r"\b(?:living|moment|time|while|change)$", span)
    )


def _is_vehicle(span: str) -> bool:
    words = span.split()
    if any(word in lexicon.PREPOSITIONS for word in words) or _COUNTED.search(span) or words[-1] in lexicon.VAGUE:
        return False
    return (
        words[0].lower() in {"a", "an", "two", "three"} or _is_named(span) or bool(lexicon.VEHICLE.fullmatch(words[-1]))
    )


def _is_thing(span: str) -> bool:
    """Whether a span can be what somebody likes best, plays or studies: no state, place, purpose or manner."""
    first, *rest = span.split()
    if not first.islower():
        return True
    if first in lexicon.PREPOSITIONS | lexicon.MANNER | {"to"} or is_adverb(first):
        return False
    return not (is_state(first) and (not rest or rest[0] in lexicon.PREPOSITIONS | {"to", "and"}))


def _is_game(span: str) -> bool:
    return _is_thing(span) and not re.match(r"(?:an? (?:lot|bit|while)|every|each)\b", span)


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "number": lambda span: bool(_NUMBER.fullmatch(span)) and len(_DIGIT.findall(span)) >= 5,
    "email": lambda span: bool(_EMAIL.fullmatch(span)),
    "address": lambda span: bool(_DIGIT.search(span)) or span[:1].isupper(),
    "secret": _is_secret,
    "home": _is_place,
    "from": _is_place,
    "employer": _is_employer,
    "Name": _is_name,
    "Called": lambda span: bool(_NAME.fullmatch(span)),
    "who": lambda span: not lexicon.BARE_TIME.search(span),
    "favourite": _is_thing,
    "preferred": lambda span: not span.endswith(" not"),
    "vehicle": _is_vehicle,
    "game": _is_game,
    "field": _is_game,
}
