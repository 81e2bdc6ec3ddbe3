"""Yes or no: a small reader names something near instead, so what was told about the matter is quoted to whoever asks.

"Yes" would have to follow from the facts, and words cannot show that: all of those in "Is Anna my sister?" stand in "Anna knows
my sister".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from slowwave.prompts import render_fact
from slowwave.quarantine import without_orders
from slowwave.queries import core
from slowwave.types import ScoredFact

__all__ = ["asks_yes_or_no", "quotation", "to_quote"]

_NEAR = 0.5
"""The least score of a fact that is quoted: below it what is found is more often beside the matter (benchmarks/LOG.md)."""
_LONGEST = 300
"""Characters of a fact that is quoted as a whole."""
_VERB = (
    r"(?:am|are|is|was|were|do|does|did|have|has|had|can|could|will|would|shall|should|must|may|might"
    r"|(?:are|is|was|were|do|does|did|have|has|had|ca|could|wo|would|should|must)n't)"
)
_ASKS = re.compile(rf"{_VERB}\b(?! you\b)", re.IGNORECASE)
_WHETHER = re.compile(
    r"\b(?:know|remember|recall|tell|check|see|say|said|sure|remind|wonder(?:ing)?|idea|find out|confirm)\b"
    r"(?: \w+){0,3}? (?:if|whether)\b",
    re.IGNORECASE,
)
_TAG = re.compile(
    r",? (?:right|correct|is that (?:right|so)"
    r"|(?:am|are|is|was|were|do|does|did|have|has|had|can|could|will|would|should)(?:n['’]t)? (?:i|we|he|she|it|they))\s*\?+\s*$",
    re.IGNORECASE,
)
"""What makes a question of a statement: "My wife is vegetarian, right?"."""
_OR_NOT = re.compile(r",? or not\b", re.IGNORECASE)
_OPEN = re.compile(r"(?:\w+ )?(?:what|which|who|whom|whose|where|when|how|why)\b", re.IGNORECASE)
_REQUEST = re.compile(r"(?:can|may|could|might) (?:i|we) (?:please )?(?:have|get|know|see|ask)\b", re.IGNORECASE)
_ELSE = re.compile(
    r"\bor\b|\b(?:know|tell|told|say|said|remember|remind|recall|show|mention|find out|explain|figure out)\b.*"
    r"\b(?:what|which|who|whom|whose|where|when|how|why)\b",
    re.IGNORECASE,
)
"""What is no question of yes or no, whatever its form: "Is it red or blue?", "Did I say where I live?"."""


def asks_yes_or_no(question: str) -> bool:
    """Whether a question about something else than the assistant wants a yes or a no.

    >>> [asks_yes_or_no(one) for one in ("Am I allergic to nuts?", "Did I say where I live?", "What do I eat?")]
    [True, False, False]
    """
    asked = _OR_NOT.sub("", core(question))
    if _ASKS.match(asked) is not None and _ELSE.search(asked) is None:
        return _REQUEST.match(asked) is None
    return _OPEN.match(asked) is None and bool(_WHETHER.search(asked) or _TAG.search(asked))


def to_quote(facts: Sequence[ScoredFact]) -> tuple[ScoredFact, ...]:
    """The facts that are near enough to a question to be quoted as they are; without those that hide an order."""
    return tuple(
        hit
        for hit in facts
        if hit.score >= _NEAR and len(hit.text) <= _LONGEST and without_orders(hit.text) == hit.text
    )


def quotation(facts: Sequence[ScoredFact]) -> str:
    """Facts with their days and speakers, a line each, as they were said: the newest last."""
    told = sorted((hit.fact for hit in facts), key=lambda fact: fact.said_at)
    return "\n".join(render_fact(fact).removeprefix("- ") for fact in told)
