"""Modules ready to answer: each user's router, the modules' vectors, and merged routes, in caches that can be dropped.

How several modules of a route answer together is one word (`Settings.combine`). A merge destroys most of what it merges
unless one module weighs clearly more, so "auto" merges only then; otherwise the modules answer side by side, as a panel.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections import OrderedDict
from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

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
_USERS = 256
"""Of how many users the routers are kept ready, those who asked last."""
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
        # Every key begins with the user, so that what one user changes costs no other anything.
        self._vectors: OrderedDict[tuple[str, str, int], torch.Tensor] = OrderedDict()
        self._merged: OrderedDict[tuple[str, tuple[tuple[str, float], ...], str], Slot] = OrderedDict()
        self._routers: OrderedDict[str, tuple[int, Router, dict[str, Manifest]]] = OrderedDict()
        self._encoded = functools.cache(embedder.encode)
        """Embeddings of the everyday prompts that routers are calibrated on, made once."""
        self._whole: dict[tuple[str, str], tuple[int, bool]] = {}
        """At which number of the catalog a module was last read, and whether it could be: not once for every question."""

    def forget(self, user_ids: Sequence[str]) -> None:
        """Drop what is kept of these users: called when a fact of theirs goes."""
        with self._lock:
            caches: list[MutableMapping[Any, Any]] = [self._vectors, self._merged, self._whole]
            for cache in caches:
                for key in [key for key in cache if key[0] in user_ids]:
                    del cache[key]
            for user_id in user_ids:
                self._routers.pop(user_id, None)

    def router(self, user_id: str) -> tuple[Router, dict[str, Manifest]]:
        """A user's router, and the manifests of the modules that it leads to."""
        import numpy as np

        # New facts change no route: only what is published or retired does, and that touches its own rows alone.
        with self._lock:
            key = self._store.version
            cached = self._routers.get(user_id)
            if cached is not None and cached[0] == key:
                self._routers.move_to_end(user_id)
                return cached[1], cached[2]
            live = {one.id: one for one in self._store.live(user_id) if one.base.sha256 == self.base.ref.sha256}
            router = cached[1] if cached is not None else Router([], np.zeros((0, 1), dtype=np.float32))
            # Updated in place: an answer under way may be led to a module that comes or goes now.
            manifests = cached[2] if cached is not None else {}
            manifests.update(live)
            before = router.modules
            for name in set(before) - live.keys():
                router.retire(name)
            for name in live.keys() - set(before):
                rows, vectors = self._rows(live[name])
                if rows:
                    router.publish(rows, np.stack(vectors))
            if router.modules != before:  # the catalog's number grows for every user's modules
                router.calibrate(self._encoded)
            self._routers[user_id] = (key, router, manifests)
            self._routers.move_to_end(user_id)
            if len(self._routers) > _USERS:
                gone, _ = self._routers.popitem(last=False)
                self._whole = {name: seen for name, seen in self._whole.items() if name[0] != gone}
            return router, manifests

    def _rows(self, manifest: Manifest) -> tuple[list[RouteRow], list[NDArray[np.float32]]]:
        """What a module was trained on: its questions and the texts of its live facts, with their embeddings."""
        known = self._store.question_vectors(manifest.id, self._embedder.name)
        if known is None or len(known) != len(manifest.questions):
            known = self._embedder.encode([question.question for question in manifest.questions])
        rows = [RouteRow(question.question, question.fact_id, manifest.id) for question in manifest.questions]
        stored = self._facts.vectors(sorted(manifest.settled_ids))
        texts = {fact.id: fact.text for fact in self._facts.live(manifest.user_id) if fact.id in stored}
        rows += [RouteRow(text, fact_id, manifest.id, "fact") for fact_id, text in texts.items()]
        return rows, [*known, *(stored[fact_id] for fact_id in texts)]

    def slot(self, user_id: str, route: Route, method: str, strength: float) -> Slot | None:
        """A slot that holds the merged route; None if no module of it can be loaded.

        The merged vector is cached and never written again, so any number of answers can use it at the same time.
        """
        key = (user_id, tuple((name, round(weight, 2)) for name, weight in route.modules), method)
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
        now, key = self._store.version, (user_id, module_id)
        with self._lock:
            if self._whole.get(key, (-1, False))[0] != now:
                shape = self._shape(user_id, Route(((module_id, 1.0),)))
                self._whole[key] = now, self._vector(user_id, module_id, shape) is not None
            return self._whole[key][1]

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
        key = (user_id, module_id, shape.rank)
        if key not in self._vectors:
            try:
                self._vectors[key] = self._store.vector(
                    module_id, user_id=user_id, base_sha256=self.base.ref.sha256, shape=shape
                )
            except StoreDamaged as error:
                logger.error("module %s takes no part: %s", module_id, error.reason)
                self._whole[user_id, module_id] = self._store.version, False
                return None
            while len(self._vectors) > _CACHED:
                self._vectors.popitem(last=False)
        self._vectors.move_to_end(key)
        return self._vectors[key]


def _blend(modules: Sequence[tuple[torch.Tensor, float]], method: str) -> torch.Tensor:
    import torch

    weights = torch.tensor([weight for _, weight in modules])  # (k,)
    return merge([vector for vector, _ in modules], weights / weights.sum(), method)
