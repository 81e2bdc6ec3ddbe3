"""Routing among a million rows: what a question costs in time and memory, and what the fast search misses."""

from __future__ import annotations

import multiprocessing
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Options
from benchmarks.routing_sets import Asked, Memory, Vectors, drawn
from slowwave.adapters_store.router import Router, RouterOptions, RouteRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["pooled", "scale", "synthetic"]


def synthetic(
    modules: int, facts: int, wordings: int, seed: int, *, topical: bool, width: int = 384
) -> tuple[Iterable[tuple[list[RouteRow], NDArray[np.float32]]], list[tuple[str, str, NDArray[np.float32]]]]:
    """Modules one by one, and questions as (module that knows, text, vector); all drawn from the seed.

    A fact is four words of a Zipf-like vocabulary of 200,000, one of them a relation of 200, and a direction; a wording is
    a few of the words and the direction with noise, so that wordings of a fact have cosines of about 0.75, as MiniLM's
    paraphrases have. Facts of a topical module share a direction (cosine about 0.3). A question keeps the relation and
    one other word; every fourth keeps no word at all.
    """
    import numpy as np

    common = np.random.default_rng(seed)
    asked: list[tuple[str, str, NDArray[np.float32]]] = []
    ranks = 1.0 / np.arange(1, 200_001) ** 0.9
    odds = np.cumsum(ranks / ranks.sum())

    def unit(values: NDArray[Any]) -> NDArray[np.float32]:
        scaled: NDArray[np.float32] = (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)
        return scaled

    def made() -> Iterable[tuple[list[RouteRow], NDArray[np.float32]]]:
        for number in range(modules):
            rng = np.random.default_rng((seed, number))
            topic = unit(rng.normal(size=width)) * (0.55 if topical else 0.0)
            places = unit(rng.normal(size=(facts, width))) * (0.67 if topical else 0.87) + topic
            words = np.searchsorted(odds, rng.random((facts, 3)))
            kinds = rng.integers(0, 200, facts)
            rows: list[RouteRow] = []
            for fact in range(facts):
                name, other, third = (f"w{word}" for word in words[fact])
                texts = [f"{name} {other} kind{kinds[fact]} {third}", f"kind{kinds[fact]} {name} {other}"]
                texts += [f"ask{i} kind{kinds[fact]} {name}" for i in range(wordings - 2)]
                rows += [
                    RouteRow(text, f"f{number}-{fact}", f"m{number:05}", "question" if i else "fact")
                    for i, text in enumerate(texts)
                ]
            noise = unit(rng.normal(size=(facts, wordings, width))) * 0.5
            yield rows, unit(places[:, None] + noise).reshape(-1, width)

    for turn in range(400):
        number = int(common.integers(modules))
        rng = np.random.default_rng((seed, number))
        topic = unit(rng.normal(size=width)) * (0.55 if topical else 0.0)
        places = unit(rng.normal(size=(facts, width))) * (0.67 if topical else 0.87) + topic
        words = np.searchsorted(odds, rng.random((facts, 3)))
        kinds = rng.integers(0, 200, facts)
        fact = int(common.integers(facts))
        vector = unit(places[fact] + unit(common.normal(size=width)) * 0.5)
        text = f"kind{kinds[fact]} w{words[fact][0]} please" if turn % 4 else "something else entirely"
        asked.append((f"m{number:05}", text, vector))
    return made(), asked


def pooled(sets: Mapping[str, Sequence[Memory]], vectors: Vectors, options: Options, seed: int) -> dict[str, float]:
    """How often the fast search finds what the exact one finds where it may look at as small a share of real rows.

    All sets are one memory (of many users' sets the first ten); 16,384 of a million rows are one in 61.
    """
    rows: list[RouteRow] = []
    asked: list[Asked] = []
    for name, memories in sets.items():
        for place, memory in enumerate(memories[:10]):
            rows += [replace(row, module_id=f"{name}/{place}/{row.module_id}") for row in memory.rows]
            asked += memory.asked
    router = Router(rows, vectors([row.text for row in rows]), RouterOptions(scanned=max(1, len(rows) // 61)))
    chosen = drawn(asked, options.whole("asked"), random.Random(seed))
    same = []
    for one, vector in zip(chosen, vectors([one.question for one in chosen]), strict=True):
        fast = router.posterior(one.question, vector)
        exact = router.posterior(one.question, vector, exact=True)
        assert fast is not None
        assert exact is not None
        same.append(float(fast.modules[0][0] == exact.modules[0][0]))
    return {"pooled_rows": float(len(rows)), "pooled_as_exact": statistics.fmean(same)}


def scale(options: Options, seed: int) -> dict[str, float]:
    """Time, memory and loss of the fast search among a million rows: 10,000 modules of 20 facts of 5 rows.

    Each kind in a process of its own, so that the memory is the router's.
    """
    figures: dict[str, float] = {}
    for label, topical in (("scale", True), ("scale_mixed", False)):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            found = process.submit(_scale, 200 if options.quick else 10_000, seed, topical).result()
        figures |= {f"{label}_{key}": value for key, value in found.items()}
    return figures


def _scale(modules: int, seed: int, topical: bool) -> dict[str, float]:
    import numpy as np

    router = Router([], np.zeros((0, 384), dtype=np.float32))
    made, asked = synthetic(modules, 20, 5, seed, topical=topical)
    before = _resident()
    publishing: list[float] = []
    retiring: list[float] = []
    held: list[tuple[list[RouteRow], NDArray[np.float32]]] = []
    for number, (rows, vectors) in enumerate(made):
        if number % (modules // 100) == 0:
            held.append((rows, vectors))
        publishing.append(_milliseconds(router.publish, rows, vectors))
    figures = {"rows": float(len(router)), "gib": _resident() - before}
    for rows, vectors in held:
        retiring.append(_milliseconds(router.retire, rows[0].module_id))
        publishing.append(_milliseconds(router.publish, rows, vectors))
    figures |= {"publish_ms": statistics.median(publishing[-100:]), "retire_ms": statistics.median(retiring)}
    times: list[float] = []
    same: dict[bool, list[float]] = {True: [], False: []}
    right: list[float] = []
    for turn, (gold, text, vector) in enumerate(asked):
        times.append(_milliseconds(router.route, text, vector))
        fast = router.posterior(text, vector)
        assert fast is not None
        right.append(float(fast.modules[0][0] == gold))
        if turn < 100:
            exact = router.posterior(text, vector, exact=True)
            assert exact is not None
            same[turn % 4 > 0].append(float(exact.modules[0][0] == fast.modules[0][0]))
    times = sorted(times[10:])  # the first read memory that nothing has read yet
    return figures | {
        "p50_ms": times[len(times) // 2],
        "p95_ms": times[int(0.95 * len(times))],
        "top1": statistics.fmean(right),
        "as_exact": statistics.fmean(same[True]),
        "as_exact_without_words": statistics.fmean(same[False]),
    }


def _resident() -> float:
    """Memory of this process in GiB: resident now where the system says so, else the most it ever had."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**30
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _milliseconds(call: Callable[..., object], *given: object) -> float:
    start = time.perf_counter()
    call(*given)
    return 1e3 * (time.perf_counter() - start)
