"""Finding facts: dense and lexical search, fused. Any fact is found as soon as it is added."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
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


class _Index:
    """The live facts of one user and their words: read once, then changed along with the store."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.places: dict[str, int] = {}
        """Where a fact stands in `facts`, by its id."""
        self.facts: list[Fact | None] = []
        self.words = LexicalIndex()
        self.filters: OrderedDict[tuple[tuple[str, str, str], ...], NDArray[np.bool_]] = OrderedDict()
        """Which facts match a filter, each of shape (places,)."""
        self._free: list[int] = []
        for fact in facts:
            self.put(fact)

    def put(self, fact: Fact) -> None:
        """A fact that is new, or has another date, other metadata or other white space."""
        self.filters.clear()
        place = self.places.get(fact.id)
        if place is not None and (known := self.facts[place]) is not None and known.text == fact.text:
            self.facts[place] = fact
            return
        self.drop(fact.id)
        place = self._free.pop() if self._free else len(self.facts)
        self.facts[place : place + 1] = [fact]
        self.places[fact.id] = place
        self.words.put(place, fact.text)

    def drop(self, fact_id: str) -> None:
        """A fact that is gone, or has given way to a newer version."""
        place = self.places.pop(fact_id, None)
        if place is not None:
            self.filters.clear()
            self.facts[place] = None
            self.words.drop(place)
            self._free.append(place)


class Recall:
    """Hybrid search over one memory's facts."""

    def __init__(self, facts: FactStore, embedder: Embedder) -> None:
        self._facts = facts
        self._embedder = embedder
        self._lock = threading.Lock()
        """Whoever holds it may read the store, and waits for nobody who writes."""
        self._indexes: OrderedDict[str, _Index] = OrderedDict()
        facts.watch(self._follow)

    def search(
        self, query: str, user_id: str, k: int, where: Mapping[str, Scalar] | None = None
    ) -> tuple[list[ScoredFact], NDArray[np.float32]]:
        """The k facts of a user that fit a query best, and the query's embedding of shape (width,).

        A fact's score is the mean of its cosine similarity and its lexical coverage (both 0..1).
        """
        vector = self._embedder.encode([query])[0]
        count = self.count(user_id)
        if not count:
            return [], vector
        near = self._facts.nearest(vector, user_id, min(count, k * _POOL), where)
        found = {fact.id: fact for fact, _ in near}
        dense = {fact.id: max(0.0, cosine) for fact, cosine in near}
        with self._lock:
            index = self._index(user_id)
            words = index.words.scores(query)  # (places,)
            # What a query costs in Python depends on k alone; what grows with the facts is left to numpy.
            for place in _best(words if where is None else words * self._allowed(index, user_id, where), k * _POOL):
                if (fact := index.facts[place]) is not None:
                    found.setdefault(fact.id, fact)
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

    def live(self, user_id: str) -> list[Fact]:
        """The live facts of a user, oldest first."""
        with self._lock:
            facts = [fact for fact in self._index(user_id).facts if fact is not None]
        return sorted(facts, key=lambda fact: (fact.said_at, fact.id))

    def count(self, user_id: str) -> int:
        """How many live facts a user has."""
        with self._lock:
            return len(self._index(user_id).places)

    def _index(self, user_id: str) -> _Index:
        """A user's index; whoever calls holds the lock."""
        index = self._indexes.get(user_id)
        if index is None:
            # What is written while this is read waits for the lock, and is followed then.
            index = self._indexes[user_id] = _Index(self._facts.live(user_id))
        self._indexes.move_to_end(user_id)
        if len(self._indexes) > _USERS:
            self._indexes.popitem(last=False)
        return index

    def _follow(self, changed: Sequence[Fact], gone: Sequence[Fact]) -> None:
        """Take over what changed in the store."""
        with self._lock:
            for fact in changed:
                if (index := self._indexes.get(fact.user_id)) is None:
                    continue
                if fact.superseded_by is None:
                    index.put(fact)
                else:
                    index.drop(fact.id)
            for fact in gone:
                if (index := self._indexes.get(fact.user_id)) is not None:
                    index.drop(fact.id)

    def _allowed(self, index: _Index, user_id: str, where: Mapping[str, Scalar]) -> NDArray[np.bool_]:
        """Which facts of an index match a filter, shape (places,)."""
        import numpy as np

        key = tuple(sorted((name, type(value).__name__, str(value)) for name, value in where.items()))
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
