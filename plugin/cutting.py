"""A chat turn cut into statements: each stands alone, or together with the sentence it hangs on.

Every piece is a run of the turn, letter for letter: what was said is not rephrased, and days are resolved where facts are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from slowwave.chatter import is_chatter, is_remark
from slowwave.quarantine import is_order, without_orders
from slowwave.queries import core, is_question, is_request, rule, tells, without_request

__all__ = ["Piece", "asks_back", "cut"]

_LONGEST = 400
"""Characters to which a sentence is joined with the one it hangs on: a small model reads short facts better."""


@dataclass(frozen=True)
class Piece:
    """One statement of a turn."""

    text: str
    """A run of the turn."""
    answers: bool = False
    """Whether it means something only together with the question it answers."""


def cut(turn: str, *, asked: bool = False) -> list[Piece]:
    """The statements of a chat turn, in order; without questions, requests of the moment, greetings and chatter.

    Orders to the assistant are kept, each with all that follows it where it sets rules aside: they are quarantined, and what
    belongs to them must not slip out as a piece of its own.

    Args:
        turn: what one speaker said.
        asked: whether the turn before asked the speaker something: what only answers is kept then.

    >>> [piece.text for piece in cut("Thanks! I bought a car. It is red. Can you suggest a name?")]
    ['I bought a car. It is red.']
    """
    runs: list[_Run] = []
    spans = list(_sentences(turn))
    wants = False
    """Whether the sentence before was dropped as a question or request: another one may hang on it."""
    for number, (start, end) in enumerate(spans):
        sentence = turn[start:end]
        last = runs[-1] if runs and end - runs[-1].start <= _LONGEST else None
        next_to = last is not None and last.last == number - 1
        wanted, wants = wants, False
        if _sets_aside(sentence):
            runs.append(_Run(start, len(turn.rstrip()), number))
            break
        if is_order(sentence):
            runs.append(_Run(start, end, number))
        elif asked and number == 0 and _assents(sentence):
            runs.append(_Run(start, end, number, answers=True))
        elif is_chatter(sentence):
            continue
        elif is_question(sentence) or (is_request(sentence) and not tells(sentence)):
            head = without_request(sentence)
            if wants := not _stands(head):
                continue
            runs.append(_Run(start, start + len(head), number))
        elif next_to and last is not None and _goes_on(sentence, turn[last.start : last.end]):
            runs[-1] = last.until(end, number)
        elif is_remark(sentence):
            continue
        elif is_answer(sentence) and asked and not runs:
            runs.append(_Run(start, end, number, answers=True))
        elif is_answer(sentence) and len(core(sentence).split()) < 3 and not sentence.endswith(":"):
            continue
        elif last is not None and number - last.last == 2 and hangs(sentence):
            runs[-1] = last.until(end, number)
        elif wanted and hangs(sentence) and end - spans[number - 1][0] <= _LONGEST:
            runs.append(_Run(spans[number - 1][0], end, number))
        else:
            head = without_request(sentence)
            runs.append(_Run(start, start + len(head if _stands(head) else sentence), number))
    return [Piece(turn[run.start : run.end], run.answers) for run in runs]


@dataclass(frozen=True)
class _Run:
    start: int
    end: int
    last: int
    """The number of its last sentence."""
    answers: bool = False

    def until(self, end: int, last: int) -> _Run:
        return _Run(self.start, end, last, self.answers)


def _stands(sentence: str) -> bool:
    """Whether a sentence is kept wherever it stands."""
    if is_chatter(sentence) or is_question(sentence) or is_remark(sentence) or is_answer(sentence):
        return False
    return tells(sentence) or not is_request(sentence)


def _goes_on(sentence: str, before: str) -> bool:
    """Whether a sentence belongs to the kept one right before it."""
    return before.endswith(":") or is_remark(sentence) or is_answer(sentence) or hangs(sentence) or links(sentence)


def _sets_aside(sentence: str) -> bool:
    """Whether what follows the sentence belongs to an order in it."""
    return not without_orders(f"{sentence}\nSo it is.").endswith("So it is.")


# -- sentences -------------------------------------------------------------------------------------------------------

_BOUNDARY = re.compile(r"(?<=[.!?…])[\"'”’)*]*\s+|(?<=[。！？])|\s*\n\s*")
_NO_END = re.compile(
    r"(?:(?<![\w.])(?:Dr|Mr|Mrs|Ms|St|Prof|Sr|Jr|Mt|vs?|e\.g|i\.e|approx|Inc|Ltd|Co|Corp|(?:[A-Z]\.){0,3}[A-Z])"
    r"|^[ \t]*\d{1,3})\.\Z",
    re.MULTILINE,
)
"""An abbreviation, initials, the number of an item."""


def _sentences(turn: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a turn start and end, closing quotes included."""
    start = 0
    for found in _BOUNDARY.finditer(turn):
        end = found.end() - len(found[0].lstrip("\"'”’)*"))
        ends = not _NO_END.search(turn, max(start, end - 12), end) and not (
            turn[found.end() : found.end() + 1].islower() and turn[:end].endswith(("...", "…"))
        )
        if "\n" not in found[0] and not ends:
            continue
        yield from _trimmed(turn, start, end)
        start = found.end()
    yield from _trimmed(turn, start, len(turn))


def _trimmed(turn: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    said = turn[start:end]
    if said.strip():
        yield start + len(said) - len(said.lstrip()), end - len(said) + len(said.rstrip())


# -- what does not stand alone ---------------------------------------------------------------------------------------

_EXPLETIVE = rule(
    r"\bit(?:'s| is| was|'s been| has been| takes| took) (?:(?:so|very|really|quite|not|also|just|always|pretty) )*(?:raining"
    r"|snowing|cold|hot|late|early|time|been|sunny|monday|tuesday|wednesday|thursday|friday|saturday|sunday|my|our|[\w-]+ "
    r"(?:to|that|how|when|for|if|because)\b)",
)
_TIME = (
    r"(?:morning|afternoon|evening|night|week|weekend|month|year|summer|winter|spring|fall|autumn|time|season|coming)"
)
_PRONOUN = rule(
    r"\b(?:he|she|him|her|his|hers|they|them|their|theirs|its|it|these|those|ones)\b",
    rf"\bthis\b(?! {_TIME}\b)|(?:^|\b(?:in|of|with|for|on|at|from|about|to|like|after|before|by|than|as) )that\b",
    r"\bthe (?:same|other|others|first|second|latter|former)\b(?= *[,.!?]|$| one\b)|\banother one\b|\bone of (?:it|each)\b",
    r"(?<=\w )there\b(?! (?:is|are|was|were|has|have|will|would|might|may|can|could|should|seems?|used)\b|')",
)
_NAMED = rule(
    r"(?-i:(?<=[\w,;] )[A-Z][a-z])", r"\b(?:an?|my|our|your|the|some|several|two|three|every|each|no) [\w'-]+"
)
_LINK = rule(
    r"(?:especially|such as|for example|for instance|because|which|who|otherwise|except|specifically|in particular|at first"
    r"|that way|so far|not|then|however|instead|therefore|plus|as well as|including|mainly|mostly|usually just|only|even"
    r"|and|but|so|or|besides this|despite that|after that|before that|at the same time|more importantly)\b(?! (?:if|when|by)\b)"
)
_ANSWERING = rule(
    r"\W*(?:yes|yeah|yep|yup|no|nope|nah|not|sure|right|correct|exactly)\b",
    r"(?:about|around|roughly|almost|nearly|over|only|just|at|in|on|for|from|with|by|near|because|since|until|till|after|before"
    r"|during|maybe|probably|usually|mostly|mainly|sometimes|often|rarely|once|twice|every|each|a|an|the|my|our|two|three|four"
    r"|five|six|seven|eight|nine|ten|several|some|none|nothing|both|\d\S*)\b",
)
_WHOLE = rule(
    r"\b(?:i|we|he|she|they|it|you|me|us|him|them)\b",
    r"\b(?:is|are|was|were|am|has|have|had|do|does|did|will|can|would|could|should|must)\b|\w(?:'s|'m|'re|'ve|'d|'ll)\b",
    r"\b(?!bed\b|red\b|need\b)\w{2,}(?:ed)\b",
)
"""Signs that something has a subject or a verb."""
_LATIN = re.compile(r"[\x00-\u024f\u2010-\u205f]*")


def hangs(sentence: str) -> bool:
    """Whether a sentence speaks of something that only the sentence before it names: "It was red.", "She loves it.".

    >>> hangs("She loves it."), hangs("My dog loves it when it snows."), hangs("It's raining.")
    (True, False, False)
    """
    said = core(sentence)
    found = _PRONOUN.search(said)
    if found is None or (_EXPLETIVE.match(said, found.start()) and not _PRONOUN.search(said, found.end())):
        return False
    before = said[: found.start()]
    return len(before.split()) <= 6 and _NAMED.search(before) is None


def links(sentence: str) -> bool:
    """Whether a sentence goes on with the one before it, though it may stand alone: "But I don't work on Mondays."."""
    plain = sentence.lstrip(" \t\"'“‘(*-")
    return _LINK.match(plain) is not None or re.match(r"\s*(?:[-*•–]|\d+[.)])\s", sentence) is not None


def is_answer(sentence: str) -> bool:
    """Whether a sentence says something only together with the question it answers: "Yes, twice a week.", "Porto."."""
    said = core(sentence)
    if _LATIN.fullmatch(sentence) is None or _WHOLE.search(said):
        return False
    return len(said.split()) < 3 or (len(said.split()) <= 6 and _ANSWERING.match(sentence) is not None)


_YES_NO = rule(
    r"\W*(?:yes|yeah|yep|yup|no|nope|nah|correct|exactly|right|that(?:'s| is) (?:right|correct|true)|i do|i don't|i am|i'm not"
    r"|not really|never)\b[\s,]*(?:please|thanks|i do|i don't|i am|i'm not|i have|i haven't|i did|i didn't|that's right|not"
    r" really|never)?\W*",
    r"(?:it|they) (?:is|was|are|were|went|has been)\b.*|it's\b.*",
)


def _assents(sentence: str) -> bool:
    """Whether a sentence is nothing but a yes or no, or says how something is that only the question names."""
    plain = sentence.replace("’", "'")
    return _YES_NO.fullmatch(plain) is not None and (
        not plain.lower().startswith(("it", "they")) or is_remark(sentence)
    )


_OFFER = rule(
    r"\b(?:would you like|do you want|want me|shall i|should i|can i|may i|how can i|what can i|would you prefer (?:me|that i)"
    r"|anything|something else|let me know|(?:does|do|did|is|was) (?:that|this|it|these|those) (?:help|sound|make|work|answer"
    r"|clear)|how does (?:that|this) sound|any (?:other |more |further )?(?:questions|topics)|ready to|to (?:talk|chat) about"
    r"|are you (?:interested|looking|ready)|have you (?:considered|thought|tried)|what do you think)\b"
)
"""Questions about the conversation, not about the user."""


def asks_back(turn: str) -> str | None:
    """The question about the user that an assistant's turn ends with; None if it has none, or only offers help.

    >>> asks_back("Nice! How often do you run?"), asks_back("Can I help you with anything else?")
    ('How often do you run?', None)
    """
    last = re.split(r"(?<=[.!?…])\s+|\n+", turn.strip())[-1].strip()
    if not last.endswith("?") or len(last) > 200 or _OFFER.search(last.replace("’", "'")):
        return None
    return last
