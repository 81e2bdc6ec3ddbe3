"""Statements in the clothes of a request or a question: "Can you remember that ...?", "Is it safe, given that I ...?".

Rules, not a model; they know English. Asking somebody to keep a thing tells it; asking whether they remember it does not.
"""

from __future__ import annotations

import re

from slowwave.queries import asks, core, of_oneself, rule

__all__ = ["told_in"]

_KEEP = (
    r"(?:remember|memori[sz]e|save|store|note(?: down)?|log|record|(?:keep|bear) in mind|(?:make|take) (?:a )?note(?: of)?"
    r"|jot down|write down|(?:not|never) forget|be aware)"
)
_KEEPING = (
    r"(?:remembering|memori[sz]ing|saving|storing|noting(?: down)?|logging|recording|(?:keeping|bearing) in mind"
    r"|(?:making|taking) (?:a )?note(?: of)?|jotting down|writing down)"
)
_WHERE = r"(?: (?:for (?:me|us|later|the future)|somewhere|in (?:your|the) (?:memory|notes)|please|too|as well))*"
_THIS = r"(?: (?:this|it|the following|something|these|one thing|with (?:you|everyone)))*"
_POLITE = r"(?:(?:please|kindly|also|just|always|maybe|at least) )*"
_KEPT = rule(
    rf"(?:(?:can|could|would|will) (?:you|u)|(?:i|we)(?:'d| would)? (?:really )?(?:want|wanted|need|like|love|ask) you"
    rf" to|(?:make sure|it would be (?:great|good|nice) if) (?:you|to)(?: (?:can|could|would))?) {_POLITE}(?:{_KEEP}|know)\b",
    rf"(?:would|do) you mind {_POLITE}{_KEEPING}\b",
)
"""Somebody is asked to keep something in mind."""
_SHARED = rule(
    r"(?:i|we)(?:'d| would)? (?:just |also |really )*(?:want|wanted|like|love|need|have)(?:ed)? to (?:share|tell|say|mention|add"
    r"|let you know|inform you|announce)(?: (?:you|to you|with you))?(?= that\b|[\w ]{0,20}:)",
)
_STATES = (
    r"(?:is|are|was|were|has|have|had|got|went|came|won|lost|will|can't|lives?|works?|loves?|likes?|hates?|wants?|needs?"
    r"|\w+ed)"
)
_CLAUSE = re.compile(
    r"(?:[Ii]|[Ww]e)\b(?!\s*$)"
    rf"|(?:(?:[Hh]e|[Ss]he|[Tt]hey|[Ii]t)(?:'s|'re)?|(?:[Mm]y|[Oo]ur|[Tt]he|[Hh]is|[Hh]er)(?: (?!(?:which|that|who|[iI]|we"
    rf"|he|she|they|you|my|our)\b)[\w'-]+){{1,3}}?|[A-Z][\w'-]+(?: [A-Z][\w'-]+)?) {_STATES}\b"
)
"""The subject and verb that a statement without "that" starts with."""
_ANNOUNCED = rule(
    r"(?:have|did|had|haven't|didn't) (?:i|we) (?:already |ever |not |just )*(?:tell|told|mention(?:ed)?|said|say)(?: to)?"
    r"(?: you)?(?: yet| already| before)?\b",
    r"(?:isn't|ain't|is) it (?:not )?(?:[\w-]+ ){1,3}?(?=that\b)",
    r"(?:can|could|would) you believe\b(?: it\b,?)?",
)
"""A question that only announces something."""
_NEWS = rule(r"(?:isn't|ain't|is)\b")
_HEARD = rule(r"(?:you|your|this|that|it|there|people|everyone)\b")
_SEEKS = rule(r"(?:what|where|who|whom|whose|which|how|when|why|if|whether|about|any)\b")
_ASIDE = rule(
    r"\b(?:although|though|because|given(?: that)?|considering(?: that)?|while|now that|seeing (?:that|as)|but)"
    r" (?=(?:i|we|my|our|he|she)\b)",
    r"(?:, as|\bsince) (?=(?:(?:i|we|he|she)(?:'m|'re|'ve|'s| am| are| is| have| has| can't| cannot| don't| doesn't)"
    r"|(?:my|our) [\w'-]+(?: [\w'-]+)? (?:is|are|has|have))\b)",
)
"""What opens a clause that tells something beside the question."""
_RELATIVE = rule(
    rf"\b(?:my|our) [\w'-]+(?: [\w'-]+){{0,2}}, (?:who|which)(?:'s| {_STATES})\b",
    rf"\b(?:for|with) (?:my|our) [\w'-]+(?: [\w'-]+)?,? who(?:'s| {_STATES})\b",
)
_OF_THE_PAST = rule(
    r"(?:how (?:long|many|much|often)|when)\b",
    r"(?:[\w' -]* )?(?:did|was|were|have|has|had) (?:i|we|my|our)\b",
)
"""A question about what the speaker did: it is to be answered from memory."""


def told_in(sentence: str) -> tuple[int, int] | None:
    """Where the statement stands that a request or question makes; None if it makes none.

    >>> [said[slice(*told_in(said))] for said in ("Can you remember that Tom is ill?", "May I fly although I'm pregnant?")]
    ['Tom is ill', "May I fly although I'm pregnant?"]
    >>> told_in("Do you remember my name?"), told_in("Can you remember my name?")
    (None, None)
    """
    said = core(sentence).rstrip("?!.… ")
    at = sentence.replace("’", "'").rfind(said)
    opening = _KEPT.match(said) or _SHARED.match(said) or _ANNOUNCED.match(said)
    if opening is not None:
        return _inner(sentence, said, at, opening)
    if not asks(sentence):
        return None
    return (0, len(sentence)) if _beside(said) else None


def _inner(sentence: str, said: str, at: int, opening: re.Match[str]) -> tuple[int, int] | None:
    """What is told behind an opening: a clause, or whatever has a number."""
    lead = re.compile(rf"{_WHERE}(?:{_THIS}{_WHERE}\s*[:–—]\s*|,? ?that (?=\w)|\s*)", re.IGNORECASE).match(
        said, opening.end()
    )
    start = lead.end() if lead is not None else opening.end()
    marked = lead is not None and lead[0].rstrip().endswith((":", "–", "—", "that"))
    rest = said[start:]
    if not rest or _SEEKS.match(rest) or asks(rest):
        return None
    asked = _ANNOUNCED.match(said) is not None
    if asked and (_HEARD.match(rest) or (_NEWS.match(said) and not of_oneself(rest))):
        return None
    if marked or _CLAUSE.match(rest):
        end = at + len(said)
        return at + start, end + (sentence[end : end + 1] in (".", "!"))
    numbered = not asked and re.search(r"\d", rest) is not None
    return (0, len(sentence)) if numbered and not opening[0].lower().endswith(("remember", "know")) else None


def _beside(said: str) -> bool:
    """Whether a question tells something beside what it asks."""
    if _RELATIVE.search(said):
        return True
    for found in _ASIDE.finditer(said):
        head, aside = said[: found.start()], said[found.end() :]
        if head and of_oneself(aside) and not _OF_THE_PAST.match(head):
            return True
    return False
