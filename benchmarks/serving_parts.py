"""What a question takes, part by part and way by way: for benchmarks.serving."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from benchmarks.phonebook import UNSEEN
from benchmarks.serving_room import FACTS, MOST, USER, Room, seconds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from slowwave.adapters_store.router import Route
    from slowwave.model import Slot
    from slowwave.types import Fact

__all__ = ["PARTS", "WAYS", "Way", "parts"]

T = TypeVar("T")


@dataclass(frozen=True)
class Way:
    """A way to answer."""

    facts: Literal["none", "found", "all"] = "none"
    """What stands in the prompt."""
    modules: int = 0
    """How many modules are asked, as one slot."""
    kept: Literal["nothing", "vectors", "merges"] = "nothing"
    """What of the modules is in memory when the question comes."""


WAYS: Mapping[str, Way] = {
    "base": Way(),
    "context": Way("all"),
    "retrieval": Way("found"),
    "disk": Way(modules=1),
    "preloaded": Way(modules=1, kept="vectors"),
    "merged": Way(modules=MOST, kept="vectors"),
    "cached": Way(modules=MOST, kept="merges"),
    "both": Way("found", modules=MOST, kept="merges"),
}
PARTS = ("embed", "recall", "route", "merge", "prefill", "decode")


def parts(room: Room) -> dict[str, float]:
    """Medians over the questions: milliseconds of every part and of the whole, by way, and what routes and merges are of it.

    The ways take turns at every question, each first in its turn.
    """
    facts = _fitting(room)
    places = random.Random(room.seed).sample(range(facts), min(room.options.whole("questions"), facts))
    found: dict[str, list[float]] = defaultdict(list)
    ways = list(WAYS.items())
    for _, way in ways:  # everything is loaded
        _Question(room, places[0], facts).answer(way)
    for turn, place in enumerate(places):
        question = _Question(room, place, facts)
        first = turn % len(ways)
        for name, way in ways[first:] + ways[:first]:
            spent = question.answer(way)
            whole = sum(spent.values())
            for part, value in [*spent.items(), ("whole", whole)]:
                found[f"{name}.{part}_ms"].append(value * 1e3)
            if way.modules:
                found[f"{name}.share"].append((spent["route"] + spent["merge"]) / whole)
        found["routed_right"].append(float(question.routed_right))
    routed_right = statistics.fmean(found.pop("routed_right"))
    figures = {name: statistics.median(values) for name, values in found.items()}
    return figures | {"routed_right": routed_right, "context.facts": float(facts)}


def _fitting(room: Room) -> int:
    """How many facts the full context has: as many as were asked for, if the model's window is wide enough."""
    facts = min(room.options.whole("context"), len(room.book))
    window = room.base.context_window - room.options.whole("answer")
    longest = max((form.format(name=one.name) for form in UNSEEN for one in room.book), key=len)
    while facts > 1 and len(room.prompt(longest, facts).ids) > window:
        facts -= 1
    return facts


class _Ready:
    """An embedder that has the vector already: so recall is timed without embedding."""

    name = "ready"

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vector, shape (1, width)."""
        return self._vectors


class _Question:
    """One question, answered in any way, with a clock on each part."""

    def __init__(self, room: Room, place: int, facts: int) -> None:
        self._room, self._facts = room, facts
        self._text = UNSEEN[place % len(UNSEEN)].format(name=room.book[place].name)
        self._own = room.modules[place // FACTS]
        self._spent: dict[str, float] = {}
        self.routed_right = False
        """Whether the first module of the last route knows the answer."""

    def answer(self, way: Way) -> dict[str, float]:
        """The seconds of each part."""
        from slowwave.prompts import conversation, render_facts

        room, base = self._room, self._room.endless
        self._spent = dict.fromkeys(PARTS, 0.0)
        vectors: Any = None
        if way.facts == "found" or way.modules:
            vectors = self._timed("embed", lambda: room.answerer._gatherer._embedder.encode([self._text]))  # (1, width)
        shown = self._shown(way, vectors)
        slot = self._slot(way, vectors) if way.modules else None

        def prefill() -> Any:
            prompt = base.encode(conversation(self._text, render_facts(shown)))
            steps = base.decoder.steps([prompt], room.options.whole("answer") + 1, slot)
            next(steps)
            return steps

        steps = self._timed("prefill", prefill)
        self._timed("decode", lambda: sum(1 for _ in steps))
        return self._spent

    def _shown(self, way: Way, vectors: Any) -> list[Fact]:
        room = self._room
        if way.facts == "none":
            return []
        if way.facts == "all":
            return room.memory.get_all(user_id=USER)[: self._facts]
        recall = room.answerer._gatherer._recall
        own, recall._embedder = recall._embedder, _Ready(vectors)
        try:
            hits, _ = self._timed("recall", lambda: recall.search(self._text, USER, room.memory.settings.recall_facts))
        finally:
            recall._embedder = own
        return [hit.fact for hit in hits]

    def _slot(self, way: Way, vectors: Any) -> Slot | None:
        """Route, then go through fixed modules: as many as the way asks, whatever the route was."""
        serving = self._room.answerer._serving
        routed = self._timed("route", lambda: serving.router(USER)[0].route(self._text, vectors[0], MOST))
        self.routed_right = bool(routed.modules) and routed.modules[0][0] == self._own
        route = self._room.route(self._own, way.modules)
        method = "single" if way.modules == 1 else "ties"
        if way.kept == "nothing":
            serving.forget([USER])
            serving.router(USER)  # this one stays in memory: what comes from disk is the module
        else:
            self._ready(route, method)
            if way.kept == "vectors":
                serving._merged.clear()
        return self._timed("merge", lambda: self._ready(route, method))

    def _ready(self, route: Route, method: str) -> Slot | None:
        """The modules of a route as a slot, by the steps of an answer: can they be loaded, then merge."""
        serving = self._room.answerer._serving
        if not all(serving.loads(USER, name) for name, _ in route.modules):
            raise RuntimeError("a module that was just published cannot be loaded")
        return serving.slot(USER, route, method, 1.0)

    def _timed(self, part: str, work: Callable[[], T]) -> T:
        got: list[T] = []
        self._spent[part] += seconds(self._room.base.device, lambda: got.append(work()))
        return got[0]
