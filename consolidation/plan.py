"""Which facts a night learns, and which of them go into one module together: small, topical, one user each."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slowwave.adapters_store.manifest import Manifest
from slowwave.adapters_store.store import AdapterStore
from slowwave.consolidation.compaction import crowded
from slowwave.consolidation.journal import PlannedGroup, planned
from slowwave.consolidation.retries import TRIES, Try
from slowwave.facts import FactStore
from slowwave.types import Fact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Planner", "compaction_key", "group", "settled_ids"]


def settled_ids(store: AdapterStore, base_sha256: str | None, user_id: str | None = None) -> frozenset[str]:
    """Ids of facts that a live module carries and recalled at the gate.

    A module of another base model (any will do if None) cannot answer here: its facts are recent.
    """
    fitting = _fitting(store, base_sha256, user_id)
    return frozenset(fact_id for manifest in fitting for fact_id in manifest.settled_ids)


@dataclass(frozen=True)
class Planner:
    """Finds what one night has to learn."""

    facts: FactStore
    store: AdapterStore
    base_sha256: str
    limit: int
    """The most facts of a module of the memory's rank."""
    failed: Mapping[str, int]
    """How many nights failed so far, by fact or compaction; those that failed once too often are left alone."""
    limits: Mapping[int, int] = field(default_factory=dict)
    """The most facts of modules of a multiple of the rank, by the multiple (`capacity.limits`); `limit` where none is given."""

    def groups(self, user_id: str | None, tried: Collection[str] = (), first: int = 0) -> list[PlannedGroup]:
        """The recent facts that may be tried and were not tonight, in groups numbered from `first`.

        Facts that failed as often lie together, because they are tried in the same harder way.
        """
        settled = settled_ids(self.store, self.base_sha256)
        alike: dict[tuple[str, int], list[Fact]] = {}
        for fact in self.facts.live(user_id):
            number = self.failed.get(fact.id, 0)
            if fact.id not in settled and fact.id not in tried and number < len(TRIES):
                alike.setdefault((fact.user_id, number), []).append(fact)
        found: list[PlannedGroup] = []
        for (_, number), some in alike.items():
            vectors = self.facts.vectors([fact.id for fact in some])
            for part in group(some, vectors, self._limit(TRIES[number])):
                found.append(planned(f"group-{first + len(found):04d}", part, number=number))
        return found

    def compactions(self, user_id: str | None, first: int) -> list[PlannedGroup]:
        """Groups of settled facts whose small modules are to become one, numbered from `first`."""
        by_user: dict[str, list[Manifest]] = {}
        for manifest in _fitting(self.store, self.base_sha256, user_id):
            by_user.setdefault(manifest.user_id, []).append(manifest)
        found: list[PlannedGroup] = []
        for owner, modules in by_user.items():
            live = {fact.id: fact for fact in self.facts.live(owner)}
            for some in crowded(modules, self.limit):
                replaces = [manifest.id for manifest in some]
                known = {fact_id for manifest in some for fact_id in manifest.settled_ids}
                facts = [fact for fact_id, fact in live.items() if fact_id in known]
                # Learned from the same facts it would fail again to the bit, and no try costs as much.
                if facts and compaction_key(replaces) not in self.failed:
                    found.append(planned(f"group-{first + len(found):04d}", facts, replaces))
        return found

    def _limit(self, how: Try) -> int:
        """The most facts of a module that is tried in this way."""
        return 1 if how.alone else self.limits.get(how.rank, self.limit)


def compaction_key(module_ids: Iterable[str]) -> str:
    """The name under which failed attempts to make these modules one are counted."""
    return "compaction-" + hashlib.sha256(" ".join(sorted(module_ids)).encode()).hexdigest()[:16]


def _fitting(store: AdapterStore, base_sha256: str | None, user_id: str | None) -> list[Manifest]:
    """The live modules of a base model (any if None)."""
    return [one for one in store.live(user_id) if base_sha256 is None or one.base.sha256 == base_sha256]


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
