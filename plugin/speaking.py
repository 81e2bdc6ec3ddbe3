"""One generation, checked word by word; and a reader that looks again where a newer fact may say otherwise."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from slowwave.adapters_store.lexical import tokens
from slowwave.evidence import Evidence
from slowwave.grounding import Grounding
from slowwave.model import BaseModel, Encoded, Generated, Slot
from slowwave.prompts import UNKNOWN, conversation, is_unknown, render_fact, render_facts
from slowwave.superseding import asks_before
from slowwave.types import Message, Rule, ScoredFact

__all__ = ["Request", "Said", "Speaker", "silently"]

_DOUBT = 0.2
"""A reader that gives "I don't know" this probability is taken at its word: its best guess is then often a near miss. Where
answering and admitting, on invented facts of the exam's relations, are best together (benchmarks/LOG.md)."""
_SECOND_THOUGHTS = 3
"""How often a reader whose answer does not pass may begin another one."""
_LIKELY = 0.05
"""The least probability of how that begins."""
_CLEAR = 0.6
"""The least probability of how an answer from newer facts begins that takes the place of one from older facts."""


@dataclass(frozen=True)
class Request:
    """One question and how it wants to be answered."""

    question: str
    user_id: str
    history: tuple[Message, ...] = ()
    use_facts: bool = True
    use_modules: bool = True
    max_tokens: int | None = None
    temperature: float = 0.0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """A generation that was let through, and what it rests on."""

    text: str
    """Empty if nothing of it stands in the evidence."""
    last: Generated
    evidence: Evidence
    rule: Rule


class Speaker:
    """The base model, alone or with a slot, saying what its evidence carries."""

    def __init__(self, base: BaseModel, limit: int) -> None:
        self._base = base
        self._limit = limit
        """The most tokens of an answer, where a request does not say."""

    def prompt(self, request: Request, facts: Sequence[ScoredFact]) -> Encoded:
        """A question with facts above it."""
        shown = render_facts(hit.fact for hit in facts)
        return self._base.encode(conversation(request.question, shown, request.history))

    def read(self, request: Request, evidence: Evidence) -> Generator[str, None, Said]:
        """Yield what a reader finds in the facts; of two that answer the question, in the newer one.

        A small reader takes the older of two versions in one case of five (benchmarks/LOG.md), but it sees well whether one
        fact answers a question. So it is shown what was said on a later day than its answer, alone. Whether a text can be
        shown at once is not known then: with facts of several days it comes in one piece.
        """
        speaking = self.speak(request, self.prompt(request, evidence.facts), None, evidence, strict=True)
        if len({hit.fact.said_at.date() for hit in evidence.facts}) == 1 or asks_before(request.question):
            return (yield from speaking)
        said = silently(speaking)
        if said.text and (newer := _after(said.text, request.question, evidence.facts)):
            rest = replace(evidence, facts=newer)
            again = silently(self.speak(request, self.prompt(request, newer), None, rest, strict=True))
            if again.text and again.last.logprobs[0] >= math.log(_CLEAR):
                said = replace(again, evidence=evidence)
        yield said.text
        return said

    def speak(
        self, request: Request, prompt: Encoded, slot: Slot | None, evidence: Evidence, *, strict: bool
    ) -> Generator[str, None, Said]:
        """Yield the pieces of one generation, as far as the evidence carries them."""
        reads = strict and slot is None and bool(self._base.ref.reader_sha256)
        limit = request.max_tokens or self._limit
        text, last, never = "", Generated(prompt_tokens=len(prompt.ids)), list[int]()
        while not text:
            words = Grounding(evidence.sources, request.question) if strict else None
            stream = self._base.stream(
                prompt,
                limit,
                slot,
                temperature=request.temperature,
                stop=request.stop,
                unless=(UNKNOWN, _DOUBT) if reads else None,
                never=never,
            )
            for piece, last in stream:
                if never and last.logprobs[0] < math.log(_LIKELY):
                    last = replace(last, text="")  # it has nothing else to say
                    break
                ready = piece if words is None else words.release(last.text)
                if ready:
                    text += ready
                    yield ready
            if words is not None:
                rest = words.finish(last.text, nothing_said=not text)
                if not is_unknown(rest) or text:
                    text += rest
                    yield rest
            ended = not last.text or is_unknown(last.text)
            if not reads or not evidence.facts or ended or len(never) == _SECOND_THOUGHTS:
                break
            never.append(last.ids[0])
        many = len(evidence.route.modules) if slot is not None else 0
        alone: Rule = "read" if evidence.facts else "base"
        rule: Rule = "merged" if many > 1 else "module" if many else alone
        return Said(text.strip(), last, evidence, rule)


def silently(speaking: Generator[str, None, Said]) -> Said:
    """What was said in the end."""
    while True:
        try:
            next(speaking)
        except StopIteration as end:
            said: Said = end.value
            return said


def _after(text: str, question: str, facts: Sequence[ScoredFact]) -> tuple[ScoredFact, ...]:
    """The facts of a later day than any that holds an answer; none if no fact alone holds it."""
    words = set(tokens(text)) - set(tokens(question))
    days = [hit.fact.said_at.date() for hit in facts if words and words <= set(tokens(render_fact(hit.fact)))]
    return tuple(hit for hit in facts if days and hit.fact.said_at.date() > max(days))
