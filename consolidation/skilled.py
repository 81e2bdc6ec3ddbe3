"""The built-in writer on a base model with the writer skill: rules where they know the form, the model where they do not.

A small model invents, so every pair it writes must stand in the fact and lead back: with the fact in the prompt the base
model must answer the question with that answer.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from slowwave.adapters_store.skills import find_skill, load_vector
from slowwave.consolidation.asking import parse_lines, question_prompt, writer_prompt
from slowwave.consolidation.gate import is_right
from slowwave.consolidation.rules import PHRASINGS, RuleWriter
from slowwave.consolidation.support import question_key, supported
from slowwave.consolidation.writers import NamedWriter, as_writer
from slowwave.model import BaseModel, Slot
from slowwave.prompts import conversation, render_fact
from slowwave.types import Fact, QAPair

__all__ = ["SkilledWriter", "built_in_writer"]

_ANSWERS = 4
"""The most answers a fact is asked for."""
_SAMPLES = 8
"""Questions drawn for each answer; many are the same in the end, or do not pass."""
_TEMPERATURE = 0.7
_LIST, _QUESTION = 80, 48
"""Tokens of a list of answers, and of a question."""


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
        """What the model alone writes about a fact and passes its checks; pairs with the same answer stand together."""
        return self.check(fact, self.draft(fact))

    def draft(self, fact: Fact) -> list[QAPair]:
        """The pairs as the model wrote them, unchecked but all different."""
        answers = self.answers(fact)
        prompts = [self._base.encode(question_prompt(fact, answer)) for answer in answers for _ in range(_SAMPLES)]
        # The same fact always gets the same questions.
        seed = zlib.crc32(fact.text.encode())
        said = self._base.generate(prompts, _QUESTION, self._slot, temperature=_TEMPERATURE, seed=seed)
        asked = [" ".join(one.text.split()) for one in said]
        pairs = [QAPair(question=q, answer=answers[i // _SAMPLES]) for i, q in enumerate(asked) if q]
        return list({question_key(pair.question): pair for pair in pairs}.values())

    def answers(self, fact: Fact) -> list[str]:
        """What the fact could be asked for, as the model sees it: runs of its own words."""
        prompt = self._base.encode(writer_prompt("answers", render_fact(fact)))
        lines = parse_lines(self._base.generate([prompt], _LIST, self._slot)[0].text)
        probe = "What does it say?"
        return [line for line in lines if supported(QAPair(question=probe, answer=line), fact)][:_ANSWERS]

    def check(self, fact: Fact, pairs: Iterable[QAPair]) -> list[QAPair]:
        """The pairs that the fact supports and whose question leads back to the answer."""
        standing = [pair for pair in pairs if pair.question.endswith(("?", ".")) and supported(pair, fact)]
        if not standing:
            return []
        shown = [render_fact(fact)]
        prompts = [self._base.encode(conversation(pair.question, shown)) for pair in standing]
        said = self._base.generate(prompts, max_tokens=24)
        return [pair for pair, answer in zip(standing, said, strict=True) if is_right(answer.text, pair.answer)]
