"""A memory with random modules, and a clock that leaves out what is prepared and put away: for benchmarks.serving."""

from __future__ import annotations

import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.harness import Options, Ratio
from benchmarks.phonebook import TRAINED, Entry, entries

if TYPE_CHECKING:
    import torch

    from slowwave import Memory
    from slowwave.adapters_store.router import Route
    from slowwave.adapters_store.shape import SlotShape
    from slowwave.answering import Answerer
    from slowwave.model import BaseModel, Encoded

__all__ = ["FACTS", "MOST", "USER", "WEIGHTS", "Room", "furnished", "in_turns", "seconds"]

USER = "ada"
MOST = 3
"""Modules in a merge or a panel: as many as an answer asks at most."""
WEIGHTS = (0.7, 0.2, 0.1)
FACTS = 8
"""Facts of a module."""


@dataclass(frozen=True)
class Room:
    """A memory with random modules of eight phone numbers each, loaded and ready to answer."""

    memory: Memory
    answerer: Answerer
    book: Sequence[Entry]
    """Everybody's entry; the first module knows the first eight, and so on."""
    modules: Sequence[str]
    options: Options
    seed: int

    @property
    def base(self) -> BaseModel:
        """The model as it answers."""
        return self.answerer.base

    @property
    def endless(self) -> BaseModel:
        """The same model, which never ends an answer: else what random modules say would decide how many tokens are timed."""
        base = copy.copy(self.base)
        base.decoder = copy.copy(base.decoder)
        base.decoder.ends = frozenset()
        return base

    @property
    def shape(self) -> SlotShape:
        """The shape of the modules."""
        return self.base.shape(self.memory.settings.rank)

    def route(self, first: str, count: int) -> Route:
        """A route through a module and those behind it, with fixed weights: what is timed must not hang on what is asked."""
        from slowwave.adapters_store.router import Route

        place = self.modules.index(first)
        names = [self.modules[(place + step) % len(self.modules)] for step in range(count)]
        total = sum(WEIGHTS[:count])
        return Route(tuple((name, weight / total) for name, weight in zip(names, WEIGHTS, strict=False)))

    def prompt(self, question: str, facts: int) -> Encoded:
        """A question under the first of the facts."""
        from slowwave.prompts import conversation, render_facts

        return self.base.encode(conversation(question, render_facts(self.memory.get_all(user_id=USER)[:facts])))


@contextmanager
def furnished(options: Options, seed: int, open_memory: Callable[..., Memory]) -> Iterator[Room]:
    """A room, gone at the end of the block."""
    count = max(MOST, options.whole("modules"))
    book = entries(FACTS * count, seed, None)
    names = [f"m-{number:03d}" for number in range(count)]
    with tempfile.TemporaryDirectory() as folder, open_memory(folder, **options.memory_settings(seed)) as memory:
        room = Room(memory, memory._rooms.answerer, book, names, options, seed)
        for number, name in enumerate(names):
            _publish(room, name, book[FACTS * number : FACTS * (number + 1)], _random(room.shape, seed + number))
        yield room


def _random(shape: SlotShape, seed: int) -> torch.Tensor:
    """A module that knows nothing, shape (shape.size,)."""
    import torch

    return torch.randn(shape.size, generator=torch.Generator().manual_seed(seed)) * 0.01


def _publish(room: Room, name: str, known: Sequence[Entry], vector: torch.Tensor) -> None:
    """Publish a module that says it knows these entries, as a night does."""
    from slowwave.adapters_store.manifest import KnownFact, KnownQuestion, Manifest, text_sha256

    memory, embedder, shape = room.memory, room.answerer._gatherer._embedder, room.shape
    facts = memory.add_many([one.text for one in known], user_id=USER, said_at=datetime(2026, 11, 1, tzinfo=UTC))
    manifest = Manifest(
        id=name,
        user_id=USER,
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        base=room.base.ref,
        rank=shape.rank,
        alpha=shape.alpha,
        seed=0,
        recipe={},
        facts=tuple(KnownFact(id=fact.id, sha256=text_sha256(fact.text)) for fact in facts),
        questions=tuple(
            KnownQuestion(fact_id=fact.id, question=wording.format(name=one.name), answer=one.phone)
            for fact, one in zip(facts, known, strict=True)
            for wording in TRAINED
        ),
    )
    asked = embedder.encode([question.question for question in manifest.questions])  # (questions, width)
    memory._rooms.store.stage(manifest, vector, shape, asked, embedder.name)
    memory._rooms.store.publish([name])


def in_turns(a: Callable[[], float], b: Callable[[], float], rounds: int) -> Ratio:
    """The harness's `ratio` for what has to be prepared or put away outside the clock: both return the seconds that count.

    A ratio above 1 means that `a` is the slower one: it is how many times as fast `b` is. Both are called once before.
    """
    times: list[tuple[float, float]] = []
    for number in range(-1, rounds):
        if number % 2 == 0:
            first = a()
            second = b()
        else:
            second = b()
            first = a()
        if number >= 0:
            times.append((first, second))
    quotients = [one / max(other, 1e-9) for one, other in times]
    medians = (statistics.median(one for one, _ in times), statistics.median(other for _, other in times))
    return Ratio(*medians, statistics.median(quotients), min(quotients), max(quotients), rounds)


def seconds(device: str, work: Callable[[], object], often: int = 1) -> float:
    """What one of several calls takes; what an accelerator still has to do is waited for."""
    _wait(device)
    began = time.perf_counter()
    for _ in range(often):
        work()
    _wait(device)
    return (time.perf_counter() - began) / often


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize()
