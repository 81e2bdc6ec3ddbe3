"""Finding facts: dense and lexical search, fused. Any fact is found as soon as it is added."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
_FILTERS = 8
"""How many filters of a user are kept ready."""
_USERS = 256
"""Of how many users the words are kept ready, those who asked last."""


@dataclass(frozen=True)
class _Index:
    """The live facts of one user, as they were after so many changes."""

    changes: int
    facts: list[Fact]
    places: dict[str, int]
    """Where a fact stands in `facts`, by its id."""
    words: LexicalIndex
    filters: OrderedDict[tuple[tuple[str, str, str], ...], NDArray[np.bool_]] = field(default_factory=OrderedDict)
    """Which facts match a filter, each of shape (facts,)."""


class Recall:
    """Hybrid search over one memory's facts. The lexical index of a user is a cache, rebuilt when facts change."""

    def __init__(self, facts: FactStore, embedder: Embedder) -> None:
        self._facts = facts
        self._embedder = embedder
        self._lock = threading.Lock()
        self._indexes: OrderedDict[str, _Index] = OrderedDict()

    def search(
        self, query: str, user_id: str, k: int, where: Mapping[str, Scalar] | None = None
    ) -> tuple[list[ScoredFact], NDArray[np.float32]]:
        """The k facts of a user that fit a query best, and the query's embedding of shape (width,).

        A fact's score is the mean of its cosine similarity and its lexical coverage (both 0..1).
        """
        vector = self._embedder.encode([query])[0]
        index = self._index(user_id)
        facts = index.facts
        if not facts:
            return [], vector
        dense = dict[str, float]()
        found = dict[str, Fact]()
        for fact, cosine in self._facts.nearest(vector, user_id, min(len(facts), k * _POOL), where):
            found[fact.id], dense[fact.id] = fact, max(0.0, cosine)
        words = index.words.scores(query)  # (facts,)
        # What a query costs in Python depends on k alone; what grows with the facts is left to numpy.
        for place in _best(words if where is None else words * self._allowed(index, user_id, where), k * _POOL):
            found.setdefault(facts[place].id, facts[place])
        covered = {key: float(words[index.places[key]]) for key in found if key in index.places}
        missing = [key for key in found if key not in dense]
        for key, stored in self._facts.vectors(missing).items():
            dense[key] = max(0.0, float(stored @ vector))
        scored = [
            # Cosines of normalised vectors come to a little more than 1.
            ScoredFact(fact=fact, score=min(1.0, (dense.get(key, 0.0) + covered.get(key, 0.0)) / 2))
            for key, fact in found.items()
        ]
        scored.sort(key=lambda hit: (-hit.score, hit.fact.id))
        return scored[:k], vector

    def count(self, user_id: str) -> int:
        """How many live facts a user has."""
        return len(self._index(user_id).facts)

    def forget(self, user_ids: Sequence[str]) -> None:
        """Drop the cached words of users at once."""
        with self._lock:
            for user_id in user_ids:
                self._indexes.pop(user_id, None)

    def _index(self, user_id: str) -> _Index:
        with self._lock:
            changes = self._facts.changes(user_id)
            cached = self._indexes.get(user_id)
            if cached is None or cached.changes != changes:
                facts = self._facts.live(user_id)
                places = {fact.id: place for place, fact in enumerate(facts)}
                cached = _Index(changes, facts, places, LexicalIndex([fact.text for fact in facts]))
                self._indexes[user_id] = cached
            self._indexes.move_to_end(user_id)
            if len(self._indexes) > _USERS:
                self._indexes.popitem(last=False)
            return cached

    def _allowed(self, index: _Index, user_id: str, where: Mapping[str, Scalar]) -> NDArray[np.bool_]:
        """Which facts of an index match a filter, shape (facts,)."""
        import numpy as np

        key = tuple(sorted((name, type(value).__name__, str(value)) for name, value in where.items()))
        with self._lock:
            if key not in index.filters:
                mask = np.zeros(len(index.facts), dtype=np.bool_)
                matching = (index.places.get(fact.id) for fact in self._facts.live(user_id, where))
                mask[[place for place in matching if place is not None]] = True
                index.filters[key] = mask
                while len(index.filters) > _FILTERS:
                    index.filters.popitem(last=False)
            index.filters.move_to_end(key)
            return index.filters[key]


def _best(scores: NDArray[np.float32], count: int) -> list[int]:
    """Places of the `count` best scores above 0, best first; of equal ones the first."""
    import numpy as np

    places = np.flatnonzero(scores > 0)
    best: list[int] = places[np.argsort(-scores[places], kind="stable")[:count]].tolist()
    return best
