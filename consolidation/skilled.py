"""The built-in writer on a base model that can read: rules write, the reader reads back, a writer skill fills up.

What the rules write about a span of a fact are wordings of one question, so the span stands or falls as a whole: it is
kept if the base model, shown the fact, finds it by one of them. What a model writes is invention until proven, so each
of its questions must lead back by itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from slowwave.adapters_store.skills import find_skill, load_vector
from slowwave.consolidation.asking import parse_lines, question_prompt, writer_prompt
from slowwave.consolidation.gate import is_right, normalise
from slowwave.consolidation.guessing import greedy
from slowwave.consolidation.rules import PHRASINGS, RuleWriter
from slowwave.consolidation.support import question_key, restates, supported
from slowwave.consolidation.writers import NamedWriter, as_writer
from slowwave.model import BaseModel, Slot
from slowwave.prompts import conversation, is_unknown, render_fact
from slowwave.types import Fact, QAPair

__all__ = ["CheckedWriter", "SkilledWriter", "built_in_writer"]

_TRIED = 3
"""Wordings of one span by which the reader may find it."""
_CLOSE = 0.6
"""Overlap (F1 of words) of what was read with the span, from which on they are the same."""
_LIKELY = -2.0
"""Mean log-probability of an answer, in nats a token, from which on a question that restates the fact needs no more proof."""
_ANSWERS = 4
"""The most answers a fact is asked for."""
_SAMPLES = 8
"""Questions drawn for each answer; many are the same in the end, or do not pass."""
_TEMPERATURE = 0.7
_LIST, _QUESTION, _READ = 80, 48, 24
"""Tokens of a list of answers, of a question, and of what is read back."""


def built_in_writer(base: BaseModel) -> NamedWriter:
    """The best writer that needs nothing but the base model: rules, read back where it can read, and its writer skill."""
    if not base.reads:
        return as_writer(None)
    skill = find_skill("writer", base.ref.sha256)
    if skill is None or skill.refused:  # the base model alone has marks that called for a writer
        return _named("rules, read back", base, None)
    slot = base.slot(base.skill_shape(skill.rank, skill.layers), load_vector(skill)) if skill.needed else None
    name = f"rules, read back, and writer {skill.sha256[:12]}".strip()
    return _named(name, base, SkilledWriter(base, slot))


def _named(name: str, base: BaseModel, model: SkilledWriter | None) -> NamedWriter:
    more = NamedWriter(name, CheckedWriter(base, model, plenty=2), proven=True)
    return NamedWriter(name, CheckedWriter(base, model), proven=True, more=more)


class CheckedWriter:
    """Writes by rules, keeps what the reader can find again, and asks a model for facts that the rules say too little of."""

    def __init__(self, base: BaseModel, model: SkilledWriter | None = None, *, plenty: int = 1) -> None:
        self._base = base
        self._rules = RuleWriter(plenty=plenty)
        self._model = model

    def __call__(self, fact: Fact) -> list[QAPair]:
        """The pairs for one fact; pairs with the same answer stand together."""
        pairs = self.check(fact, self.draft(fact))
        if len(pairs) < PHRASINGS and self._model is not None:
            pairs += self._model.write(fact)
        return pairs

    def draft(self, fact: Fact) -> list[QAPair]:
        """What the rules write."""
        return self._rules(fact)

    def check(self, fact: Fact, pairs: Iterable[QAPair]) -> list[QAPair]:
        """The pairs whose answer the base model finds in the fact by at least one of the answer's wordings.

        A small reader takes the object of a sentence for its subject. Where a wording is the fact itself with a question word
        in the answer's place, it is enough that the reader does not find the answer unlikely.
        """
        by_answer: dict[str, list[QAPair]] = {}
        for pair in pairs:
            by_answer.setdefault(question_key(pair.answer), []).append(pair)
        # The plain wordings stand first; later ones are odd on purpose.
        tried = [pair for wordings in by_answer.values() for pair in wordings[:_TRIED]]
        found = {question_key(pair.answer) for pair in _led_back(self._base, fact, tried)}
        restated = [pair for pair in tried if question_key(pair.answer) not in found and restates(pair, fact)]
        found |= {question_key(pair.answer) for pair in _likely(self._base, fact, restated)}
        return [pair for answer, wordings in by_answer.items() if answer in found for pair in wordings]


class SkilledWriter:
    """Writes with the model alone: it lists what a fact can be asked for, then writes questions for each."""

    def __init__(self, base: BaseModel, slot: Slot | None) -> None:
        self._base = base
        self._slot = slot

    def write(self, fact: Fact) -> list[QAPair]:
        """What the model writes about a fact and passes its checks; pairs with the same answer stand together."""
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
        return _led_back(self._base, fact, standing)


def _led_back(base: BaseModel, fact: Fact, pairs: list[QAPair]) -> list[QAPair]:
    """The pairs whose question the base model, with nothing but the fact in its prompt, answers with the answer."""
    if not pairs:
        return []
    guesses = [base.encode(conversation(pair.question, [render_fact(fact)]), pair.answer) for pair in pairs]
    said = greedy(base, guesses, _READ)
    return [pair for pair, read in zip(pairs, said, strict=True) if _is_same(read, pair.answer)]


def _likely(base: BaseModel, fact: Fact, pairs: list[QAPair]) -> list[QAPair]:
    """The pairs whose answer the base model, with nothing but the fact in its prompt, holds for likely."""
    import torch

    if not pairs:
        return []
    rows = [base.encode(conversation(pair.question, [render_fact(fact)]), pair.answer) for pair in pairs]
    with torch.no_grad():
        marks = base.branch_logprobs([rows])
    return [pair for pair, mark in zip(pairs, marks, strict=True) if float(mark.mean()) >= _LIKELY]


def _is_same(read: str, answer: str) -> bool:
    """Whether what was read is the answer, or most of it ("the old bridge" for "old bridge in Mostar")."""
    if is_right(read, answer):
        return True
    words, wanted = normalise(read).split(), normalise(answer).split()
    both = len(set(words) & set(wanted))
    return not is_unknown(read) and 2 * both >= _CLOSE * (len(set(words)) + len(set(wanted))) > 0
