"""The built-in writer on a base model with the writer skill: rules where they know the form, the model where they do not.

A small model invents, so every pair it writes must stand in the fact and lead back: with the fact in the prompt the base
model must answer the question with that answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from slowwave.adapters_store.skills import find_skill, load_vector
from slowwave.consolidation.asking import parse_lines, parse_pairs, wordings_prompt, writer_prompt
from slowwave.consolidation.gate import is_right
from slowwave.consolidation.rules import PHRASINGS, RuleWriter
from slowwave.consolidation.support import question_key, supported
from slowwave.consolidation.writers import NamedWriter, as_writer
from slowwave.model import BaseModel, Slot
from slowwave.prompts import conversation, render_fact
from slowwave.types import Fact, QAPair

__all__ = ["SkilledWriter", "built_in_writer"]

_ANSWERS = 3
"""The most answers a fact is asked for."""
_REPLY = 220
"""Tokens of a list of pairs."""
_LINES = 90
"""Tokens of a list of wordings."""


def built_in_writer(base: BaseModel) -> NamedWriter:
    """The best writer that needs nothing but the base model: with its writer skill, or the rules alone."""
    skill = find_skill("writer", base.ref.sha256)
    if skill is None:
        return as_writer(None)
    slot = base.slot(base.skill_shape(skill.rank, skill.layers), load_vector(skill)) if skill.needed else None
    return NamedWriter(f"rules and writer {skill.sha256[:12]}".strip(), SkilledWriter(base, slot))


class SkilledWriter:
    """Writes by rules, and by the model what the rules find too little about."""

    def __init__(self, base: BaseModel, slot: Slot | None) -> None:
        self._base = base
        self._slot = slot
        self._rules = RuleWriter(cloze=False)

    def __call__(self, fact: Fact) -> list[QAPair]:
        """The pairs for one fact."""
        pairs = self._rules(fact)
        return pairs if len(pairs) >= PHRASINGS else self.write(fact)

    def write(self, fact: Fact) -> list[QAPair]:
        """What the model alone writes about a fact: checked, and each answer in several wordings."""
        return [pair for pairs in self.by_answer(fact).values() for pair in pairs]

    def draft(self, fact: Fact) -> list[QAPair]:
        """The pairs as the model wrote them, unchecked."""
        return parse_pairs(self._say([writer_prompt("questions", render_fact(fact))], _REPLY)[0])

    def by_answer(self, fact: Fact) -> dict[str, list[QAPair]]:
        """Checked pairs by answer, the most asked for first, at most three answers."""
        found: dict[str, dict[str, QAPair]] = {}
        for pair in self.check(fact, self.draft(fact)):
            found.setdefault(question_key(pair.answer), {})[question_key(pair.question)] = pair
        some = sorted(found.values(), key=len, reverse=True)[:_ANSWERS]
        seeds = [pair for pairs in some if len(pairs) < PHRASINGS for pair in list(pairs.values())[:2]]
        replies = self._say([wordings_prompt(fact, pair.question) for pair in seeds], _LINES)
        more = [
            QAPair(question=line, answer=seed.answer)
            for seed, reply in zip(seeds, replies, strict=True)
            for line in parse_lines(reply)
        ]
        for pair in self.check(fact, more):
            found[question_key(pair.answer)].setdefault(question_key(pair.question), pair)
        return {next(iter(pairs.values())).answer: list(pairs.values()) for pairs in some}

    def check(self, fact: Fact, pairs: Iterable[QAPair]) -> list[QAPair]:
        """The pairs that the fact supports and whose question leads back to the answer."""
        standing = [pair for pair in pairs if pair.question.endswith(("?", ".")) and supported(pair, fact)]
        standing = list({question_key(pair.question): pair for pair in standing}.values())
        if not standing:
            return []
        shown = [render_fact(fact)]
        prompts = [self._base.encode(conversation(pair.question, shown)) for pair in standing]
        said = self._base.generate(prompts, max_tokens=24)
        return [pair for pair, answer in zip(standing, said, strict=True) if is_right(answer.text, pair.answer)]

    def _say(self, tasks: Sequence[Sequence[Mapping[str, str]]], most: int) -> list[str]:
        prompts = [self._base.encode(messages) for messages in tasks]
        return [one.text for one in self._base.generate(prompts, most, self._slot)]
