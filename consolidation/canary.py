"""Ordinary prompts that no memory may spoil.

The gate compares the loss on the canary's answers with and without a module. Training rehearses other ordinary prompts,
answered in the base model's own words, so that learning facts about somebody leaves the rest as it was.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from slowwave.model import Encoded

if TYPE_CHECKING:
    from slowwave.model import BaseModel, Slot

__all__ = ["HARMS", "NIGHTLY", "Rehearsed", "canary", "harm", "ordinary", "rehearsal"]

_WORDS = 24
"""Length of a rehearsed answer, in tokens."""
HARMS = ("neutral", "instructions")
"""What `harm` measures."""
NIGHTLY = 16
"""How many of the prompts a night rehearses; the skills take all."""


@functools.cache
def ordinary() -> Mapping[str, Any]:
    """The table of ordinary prompts: rehearsed, instructions, neutral, canary."""
    text = resources.files("slowwave.consolidation").joinpath("ordinary.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def canary() -> tuple[tuple[str, str], ...]:
    """(prompt, answer) whose loss the gate watches; never trained."""
    return tuple((row["prompt"], row["answer"]) for row in ordinary()["canary"])


@dataclass(frozen=True)
class Rehearsed:
    """An ordinary prompt and what the base model says to it by itself."""

    question: str
    answer: str
    whole: bool
    """Whether the answer ends here; a longer one is cut, and its end must not be learned."""

    def encoded(self, base: BaseModel) -> Encoded:
        """As a row to train or to measure on."""
        return base.encode([{"role": "user", "content": self.question}], self.answer, ends=self.whole, own=True)


_rehearsals: WeakKeyDictionary[BaseModel, dict[str, tuple[Rehearsed, ...]]] = WeakKeyDictionary()


def rehearsal(base: BaseModel, table: str = "rehearsed", count: int | None = None) -> tuple[Rehearsed, ...]:
    """The first prompts of a table with the beginning of the base model's own greedy answers; made once per base model."""
    made = _rehearsals.setdefault(base, {})
    key = f"{table} {count}"
    if key not in made:
        questions = ordinary()[table][:count]
        prompts = [base.encode([{"role": "user", "content": question}]) for question in questions]
        said = zip(questions, base.generate(prompts, max_tokens=_WORDS), strict=True)
        made[key] = tuple(Rehearsed(q, one.text.strip(), one.finished) for q, one in said if one.text.strip())
    return made[key]


def harm(base: BaseModel, slot: Slot | None) -> dict[str, float]:
    """What a module does to everything else: losses in nats per token, to be compared with those without a slot.

    "neutral" is plain prose, "instructions" the base model's own answers to ordinary instructions that no training sees.
    """
    import torch

    texts = [base.tokenizer.encode(text, add_special_tokens=False) for text in ordinary()["neutral"]]
    prose = [Encoded(tuple(ids), 1) for ids in texts]
    with torch.no_grad():
        neutral = -float(torch.cat(base.answer_logprobs(prose, slot)).mean())
        own = [one.encoded(base) for one in rehearsal(base, "instructions")]
        said = -float(torch.cat(base.answer_logprobs(own, slot)).mean())
    return dict(zip(HARMS, (round(neutral, 4), round(said, 4)), strict=True))
