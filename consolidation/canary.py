"""Ordinary prompts that no memory may spoil.

The gate compares the loss on the canary's answers with and without a module. Training rehearses other ordinary prompts,
answered in the base model's own words, so that learning facts about somebody leaves the rest as it was.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from slowwave.model import Encoded
from slowwave.types import QAPair

if TYPE_CHECKING:
    from slowwave.model import BaseModel, Slot

__all__ = ["NIGHTLY", "canary", "harm", "ordinary", "rehearsal"]

_WORDS = 24
"""Length of a rehearsed answer, in tokens."""
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


_rehearsals: WeakKeyDictionary[BaseModel, dict[int, tuple[QAPair, ...]]] = WeakKeyDictionary()


def rehearsal(base: BaseModel, count: int = NIGHTLY) -> tuple[QAPair, ...]:
    """The first rehearsed prompts with the beginning of the base model's own greedy answers; made once per base model."""
    made = _rehearsals.setdefault(base, {})
    if count not in made:
        questions = ordinary()["rehearsed"][:count]
        prompts = [base.encode([{"role": "user", "content": question}]) for question in questions]
        said = base.generate(prompts, max_tokens=_WORDS)
        pairs = (QAPair(question=q, answer=one.text.strip()) for q, one in zip(questions, said, strict=True))
        made[count] = tuple(pair for pair in pairs if pair.answer)
    return made[count]


def harm(base: BaseModel, slot: Slot | None) -> dict[str, float]:
    """What a module does to everything else: losses in nats per token, to be compared with those without a slot.

    "neutral" is plain prose, "instructions" the base model's own answers to ordinary instructions that no training sees.
    """
    import torch

    texts = [base.tokenizer.encode(text, add_special_tokens=False) for text in ordinary()["neutral"]]
    prose = [Encoded(tuple(ids), 1) for ids in texts]
    with torch.no_grad():
        neutral = -float(torch.cat(base.answer_logprobs(prose, slot)).mean())
        said = -float(torch.cat(base.answer_logprobs(_instructions(base), slot)).mean())
    return {"neutral": round(neutral, 4), "instructions": round(said, 4)}


_instructed: WeakKeyDictionary[BaseModel, list[Encoded]] = WeakKeyDictionary()


def _instructions(base: BaseModel) -> list[Encoded]:
    """The exam's instructions with what the base model says to them by itself; made once per base model."""
    if base not in _instructed:
        turns = [[{"role": "user", "content": question}] for question in ordinary()["instructions"]]
        said = base.generate([base.encode(turn) for turn in turns], max_tokens=_WORDS)
        rows = zip(turns, said, strict=True)
        _instructed[base] = [base.encode(turn, one.text.strip()) for turn, one in rows if one.text.strip()]
    return _instructed[base]
