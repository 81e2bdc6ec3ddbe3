"""Modules ready to answer: each user's router, the modules' vectors, and merged routes, in caches that can be dropped.

How several modules of a route answer together is one word (`Settings.combine`). A merge destroys most of what it merges
unless one module weighs clearly more, so "auto" merges only then; otherwise the modules answer side by side, as a panel.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from slowwave.adapters_store.manifest import Manifest
from slowwave.adapters_store.merge import merge
from slowwave.adapters_store.router import Route, Router, RouteRow
from slowwave.adapters_store.shape import SlotShape
from slowwave.adapters_store.store import AdapterStore
from slowwave.embedder import Embedder
from slowwave.errors import StoreDamaged
from slowwave.facts import FactStore
from slowwave.model import BaseModel, Slot, Stack
from slowwave.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

__all__ = ["Serving", "combination"]

logger = logging.getLogger(__name__)

_LEADS = 0.7
"""The weight from which on a module leads: a TIES merge then keeps what it knows (0.96 of it at this weight, 0.54 at 0.6)."""
_CACHED = 8
"""Merged routes kept ready; each is as large as a module in memory."""


def combination(route: Route, wanted: str) -> str:
    """How the modules of a route answer together: a merge method, or "panel".

    Args:
        wanted: the setting; "auto" takes TIES where one module leads and a panel where none does.

    >>> combination(Route((("a", 0.8), ("b", 0.2))), "auto"), combination(Route((("a", 0.5), ("b", 0.5))), "auto")
    ('ties', 'panel')
    """
    if len(route.modules) < 2:
        return "single"
    if wanted == "auto":
        return "ties" if route.modules[0][1] >= _LEADS else "panel"
    return wanted


class Serving:
    """The live modules of one memory that were trained on its base model, whatever their ranks."""

    def __init__(
        self, base: BaseModel, store: AdapterStore, facts: FactStore, embedder: Embedder, settings: Settings
    ) -> None:
        self.base = base
        self._store = store
        self._facts = facts
        self._embedder = embedder
        self._settings = settings
        self._lock = threading.RLock()
        """Guards the caches; never held while text is generated."""
        self._vectors: OrderedDict[tuple[str, int], torch.Tensor] = OrderedDict()
        self._merged: OrderedDict[tuple[object, ...], Slot] = OrderedDict()
        self._routers: dict[str, tuple[int, Router, dict[str, Manifest]]] = {}
        self._whole: dict[tuple[str, int], bool] = {}
        """Whether a module could be loaded, by its id and the catalog's number: its file is summed once, not per question."""

    def forget(self) -> None:
        """Drop every cache: called when a fact or a module goes."""
        with self._lock:
            self._vectors.clear()
            self._merged.clear()
            self._routers.clear()
            self._whole.clear()

    def router(self, user_id: str) -> tuple[Router, dict[str, Manifest]]:
        """A user's router, and the manifests of the modules that it leads to."""
        import numpy as np

        # New facts change no route: only what is published or retired does.
        key = self._store.version
        cached = self._routers.get(user_id)
        if cached is not None and cached[0] == key:
            return cached[1], cached[2]
        manifests = {one.id: one for one in self._store.live(user_id) if one.base.sha256 == self.base.ref.sha256}
        rows: list[RouteRow] = []
        vectors: list[NDArray[np.float32]] = []
        for manifest in manifests.values():
            known = self._store.question_vectors(manifest.id, self._embedder.name)
            if known is None or len(known) != len(manifest.questions):
                known = self._embedder.encode([question.question for question in manifest.questions])
            rows += [RouteRow(question.question, question.fact_id, manifest.id) for question in manifest.questions]
            vectors += list(known)
            stored = self._facts.vectors(sorted(manifest.settled_ids))
            texts = {fact.id: fact.text for fact in self._facts.live(user_id) if fact.id in stored}
            rows += [RouteRow(text, key_, manifest.id) for key_, text in texts.items()]
            vectors += [stored[key_] for key_ in texts]
        matrix = np.stack(vectors) if vectors else np.zeros((0, 1), dtype=np.float32)
        router = Router(rows, matrix)
        self._routers[user_id] = (key, router, manifests)
        return router, manifests

    def slot(self, user_id: str, route: Route, method: str, strength: float) -> Slot | None:
        """A slot that holds the merged route; None if no module of it can be loaded.

        The merged vector is cached and never written again, so any number of answers can use it at the same time.
        """
        key = (user_id, tuple((name, round(weight, 2)) for name, weight in route.modules), method, self._store.version)
        with self._lock:
            if key not in self._merged:
                shape = self._shape(user_id, route)
                some = self._loaded(user_id, route, shape)
                if not some:
                    return None
                self._merged[key] = self.base.slot(shape, _blend(some, method))
                while len(self._merged) > _CACHED:
                    self._merged.popitem(last=False)
            self._merged.move_to_end(key)
            return self._merged[key].at(strength)

    def stack(self, user_id: str, route: Route, strength: float) -> Stack | None:
        """The route's modules side by side, in its order; None if one of them cannot be loaded."""
        import torch

        shape = self._shape(user_id, route)
        some = self._loaded(user_id, route, shape)
        if len(some) < len(route.modules) or not some:
            return None
        return self.base.stack(shape, torch.stack([vector for vector, _ in some]), strength)

    def loads(self, user_id: str, module_id: str) -> bool:
        """Whether a module can take part: what cannot be loaded must not count as evidence either."""
        key = (module_id, self._store.version)
        with self._lock:
            if key not in self._whole:
                shape = self._shape(user_id, Route(((module_id, 1.0),)))
                self._whole[key] = self._vector(user_id, module_id, shape) is not None
            return self._whole[key]

    def _shape(self, user_id: str, route: Route) -> SlotShape:
        """The shape that holds every module of a route."""
        _, manifests = self.router(user_id)
        # A module may have been taken away since the route was chosen: it is not loaded then, whatever the shape.
        ranks = [manifests[name].rank for name, _ in route.modules if name in manifests]
        return self.base.shape(max(ranks, default=self._settings.rank))

    def _loaded(self, user_id: str, route: Route, shape: SlotShape) -> list[tuple[torch.Tensor, float]]:
        with self._lock:
            found = [(self._vector(user_id, name, shape), weight) for name, weight in route.modules]
        return [(vector, weight) for vector, weight in found if vector is not None]

    def _vector(self, user_id: str, module_id: str, shape: SlotShape) -> torch.Tensor | None:
        key = (module_id, shape.rank)
        if key not in self._vectors:
            try:
                self._vectors[key] = self._store.vector(
                    module_id, user_id=user_id, base_sha256=self.base.ref.sha256, shape=shape
                )
            except StoreDamaged as error:
                logger.error("module %s takes no part: %s", module_id, error.reason)
                self._whole[module_id, self._store.version] = False
                return None
            while len(self._vectors) > _CACHED:
                self._vectors.popitem(last=False)
        self._vectors.move_to_end(key)
        return self._vectors[key]


def _blend(modules: Sequence[tuple[torch.Tensor, float]], method: str) -> torch.Tensor:
    import torch

    weights = torch.tensor([weight for _, weight in modules])  # (k,)
    return merge([vector for vector, _ in modules], weights / weights.sum(), method)
