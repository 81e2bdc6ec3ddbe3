"""Finding facts: dense and lexical search, fused. Any fact is found as soon as it is added."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slowwave.adapters_store.lexical import LexicalIndex
from slowwave.embedder import Embedder
from slowwave.facts import FactStore
from slowwave.types import Fact, Scalar, ScoredFact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Recall"]

_POOL = 4
"""How many times k each half of the search brings to the fusion."""


class Recall:
    """Hybrid search over one memory's facts. The lexical index of a user is a cache, rebuilt when facts change."""

    def __init__(self, facts: FactStore, embedder: Embedder) -> None:
        self._facts = facts
        self._embedder = embedder
        self._lock = threading.Lock()
        self._indexes: dict[str, tuple[int, list[Fact], LexicalIndex]] = {}

    def search(
        self, query: str, user_id: str, k: int, where: Mapping[str, Scalar] | None = None
    ) -> tuple[list[ScoredFact], NDArray[np.float32]]:
        """The k facts of a user that fit a query best, and the query's embedding of shape (width,).

        A fact's score is the mean of its cosine similarity and its lexical coverage (both 0..1).
        """
        vector = self._embedder.encode([query])[0]
        facts, lexical = self._index(user_id)
        if not facts:
            return [], vector
        dense = dict[str, float]()
        found = dict[str, Fact]()
        for fact, cosine in self._facts.nearest(vector, user_id, min(len(facts), k * _POOL), where):
            found[fact.id], dense[fact.id] = fact, max(0.0, cosine)
        words = lexical.scores(query)  # (facts,)
        allowed = None if where is None else {fact.id for fact in self._facts.live(user_id, where)}
        candidates = (i for i in (-words).argsort(kind="stable") if words[i] > 0)
        covered = dict[str, float]()
        for index in candidates:
            fact = facts[int(index)]
            if allowed is None or fact.id in allowed:
                covered[fact.id] = float(words[index])
                found.setdefault(fact.id, fact)
            if len(covered) >= k * _POOL:
                break
        covered |= {fact.id: float(words[i]) for i, fact in enumerate(facts) if fact.id in found}
        missing = [key for key in found if key not in dense]
        for key, stored in self._facts.vectors(missing).items():
            dense[key] = max(0.0, float(stored @ vector))
        scored = [
            ScoredFact(fact=fact, score=(dense.get(key, 0.0) + covered.get(key, 0.0)) / 2)
            for key, fact in found.items()
        ]
        scored.sort(key=lambda hit: (-hit.score, hit.fact.id))
        return scored[:k], vector

    def forget(self, user_ids: Sequence[str]) -> None:
        """Drop the cached words of users at once."""
        with self._lock:
            for user_id in user_ids:
                self._indexes.pop(user_id, None)

    def _index(self, user_id: str) -> tuple[list[Fact], LexicalIndex]:
        with self._lock:
            version = self._facts.version
            cached = self._indexes.get(user_id)
            if cached is None or cached[0] != version:
                facts = self._facts.live(user_id)
                cached = (version, facts, LexicalIndex([fact.text for fact in facts]))
                self._indexes[user_id] = cached
            return cached[1], cached[2]
