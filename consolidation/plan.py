"""Which facts a night learns, and which of them go into one module together: small, topical, one user each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slowwave.types import Fact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["group"]


def group(facts: Sequence[Fact], vectors: Mapping[str, NDArray[np.float32]], limit: int) -> list[list[Fact]]:
    """Split one user's facts into topical groups of at most `limit`, as few and as full as that allows.

    The facts are cut in two along the direction in which their embeddings (shape (width,) each) differ most, and each
    part again while it is too large. Deterministic, and independent of the order given.
    """
    import numpy as np

    ordered = sorted(facts, key=lambda fact: fact.id)
    if len(ordered) <= limit:
        return [sorted(ordered, key=lambda fact: (fact.said_at, fact.id))] if ordered else []
    matrix = np.stack([vectors[fact.id] for fact in ordered]).astype(np.float64)  # (facts, width)
    centred = matrix - matrix.mean(axis=0)
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]  # (width,)
    direction *= np.sign(direction[np.abs(direction).argmax()])  # the sign of a singular vector is arbitrary
    ranks = np.argsort(centred @ direction, kind="stable")
    parts = math.ceil(len(ordered) / limit)
    cut = round(len(ordered) * (parts // 2) / parts)
    halves = ([ordered[i] for i in ranks[:cut]], [ordered[i] for i in ranks[cut:]])
    return [part for half in halves for part in group(half, vectors, limit)]
