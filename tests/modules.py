"""Modules that were taught nothing: for tests of what chooses, merges and serves them."""

from __future__ import annotations

from datetime import UTC, datetime

import torch

from slowwave import Memory
from slowwave.adapters_store.manifest import KnownFact, KnownQuestion, Manifest, text_sha256
from slowwave.loading import load_base

__all__ = ["publish"]


def publish(
    memory: Memory,
    name: str,
    text: str,
    *questions: tuple[str, str],
    rank: int = 8,
    size: float = 0.0,
    user_id: str = "ada",
) -> None:
    """A module of random weights of a size that was taught nothing, but says that it knows a fact of a user's."""
    base = load_base(memory.settings)
    (fact,) = memory.add(text, user_id=user_id)
    manifest = Manifest(
        id=name,
        user_id=user_id,
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        base=base.ref,
        rank=rank,
        alpha=2.0 * rank,
        seed=0,
        recipe={},
        facts=(KnownFact(id=fact.id, sha256=text_sha256(text)),),
        questions=tuple(KnownQuestion(fact_id=fact.id, question=asked, answer=said) for asked, said in questions),
        gate={},
    )
    shape = base.shape(rank)
    vector = torch.randn(shape.size, generator=torch.Generator().manual_seed(rank)) * size
    memory._rooms.store.stage(manifest, vector, shape)
    memory._rooms.store.publish([name])
