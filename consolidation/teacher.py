"""A teacher for a module: the base model itself, with the true fact in its prompt (context distillation).

A module learns to say without the fact what the base model says with it: not only the answer, but also what else it holds
possible (Knowledge Modules, arXiv 2503.08727). The teacher is asked once; its likeliest tokens are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slowwave.consolidation.rows import TELLING, Form, Lesson, Row
from slowwave.prompts import conversation, render_facts

if TYPE_CHECKING:
    import torch

    from slowwave.model import BaseModel

__all__ = ["TAUGHT", "Key", "ask_teacher", "coarse_kl", "key_of"]

TAUGHT: frozenset[Form] = frozenset({"closed", "distractors", *TELLING})
"""Forms in which a teacher helps: the fact is about to be recalled, and does not stand in the prompt."""
_BATCH = 8
_LEAST = 1e-6
"""The least probability that is left for all other tokens together."""

Key = tuple[str, str, str]


def key_of(row: Row) -> Key:
    """What the teacher's words depend on: fact, question and answer, not what else stands in the student's prompt."""
    return row.fact_id, row.question, row.answer


def ask_teacher(base: BaseModel, lesson: Lesson, top: int) -> Mapping[Key, tuple[torch.Tensor, torch.Tensor]]:
    """What the base model holds possible at each token of every answer of a lesson, with the fact in its prompt.

    Returns:
        (ids, log-probabilities) of the `top` likeliest tokens, shape (answer, top) each, by `key_of` the row.
    """
    facts = {fact.id: fact for fact in lesson.facts}
    rows = [Row("closed", name, p.question, p.answer) for name in facts for p in lesson.trained.get(name, ())]
    rows += [row for told in lesson.told.values() for row in told if not row.original]
    asked = {key_of(row): row for row in rows}
    encoded = {
        key: base.encode(conversation(row.question, render_facts([facts[row.fact_id]])), row.answer, ends=row.ends)
        for key, row in asked.items()
    }
    # Always in the same batches: a killed run that asks again gets the same bits.
    order = sorted(encoded, key=lambda key: (len(encoded[key].ids), key))
    known: dict[Key, tuple[torch.Tensor, torch.Tensor]] = {}
    for start in range(0, len(order), _BATCH):
        some = order[start : start + _BATCH]
        known.update(zip(some, base.answer_topk([encoded[key] for key in some], top), strict=True))
    return known


def coarse_kl(said: torch.Tensor, ids: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """How far a student is from its teacher, in nats for each position; shape (positions,).

    The divergence KL(teacher, student) over the teacher's likeliest tokens, with all other tokens as one: never negative,
    never more than the whole divergence, and equal to it where all tokens are kept.

    Args:
        said: the student's log-probabilities, shape (positions, vocabulary).
        ids: the teacher's likeliest tokens, shape (positions, top).
        known: their log-probabilities, of the same shape.
    """
    import torch

    mine = said.gather(1, ids)  # (positions, top)
    among = (known.exp() * (known - mine)).sum(dim=1)
    rest = [(1.0 - logs.exp().sum(dim=1)).clamp(min=_LEAST) for logs in (known, mine)]
    return among + rest[0] * (torch.log(rest[0]) - torch.log(rest[1]))
