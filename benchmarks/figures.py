"""Figures with their spread, ratios of two things timed in one run, and what figures are hoped to reach."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Figures", "Ratio", "Spread", "Target", "ratio", "summarise"]

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Spread:
    """One figure over the seeds that could tell it."""

    mean: float
    min: float
    max: float
    std: float
    """Sample standard deviation; 0 for a single run."""
    runs: int


def summarise(runs: Sequence[Figures]) -> dict[str, Spread]:
    """Every figure's spread over the runs, in the order in which figures first appear.

    Raises:
        ValueError: a figure is not a finite number.
    """
    values: dict[str, list[float]] = {}
    for figures in runs:
        for name, value in figures.items():
            if not math.isfinite(value):
                raise ValueError(f"The figure {name!r} is {value}: leave out what a run cannot tell.")
            values.setdefault(name, []).append(float(value))
    return {
        name: Spread(statistics.fmean(v), min(v), max(v), statistics.stdev(v) if len(v) > 1 else 0.0, len(v))
        for name, v in values.items()
    }


@dataclass(frozen=True)
class Ratio:
    """Two callables timed against each other in one run, in seconds."""

    a: float
    """Median of the first."""
    b: float
    """Median of the second."""
    ratio: float
    """Median of a/b over neighbouring rounds: above 1, the first is the slower one."""
    low: float
    high: float
    """The smallest and largest a/b of any round."""
    rounds: int


def ratio(a: Callable[[], object], b: Callable[[], object], *, rounds: int = 15, warmup: int = 1) -> Ratio:
    """How many times as long `a` takes as `b`, measured in turns so that a busy machine slows both.

    The order within a round alternates. Work on a GPU must be waited for inside the callables.
    """
    for _ in range(warmup):
        a()
        b()
    times: list[tuple[float, float]] = []
    for number in range(rounds):
        first, second = (a, b) if number % 2 == 0 else (b, a)
        start = time.perf_counter()
        first()
        middle = time.perf_counter()
        second()
        end = time.perf_counter()
        pair = (middle - start, end - middle)
        times.append(pair if number % 2 == 0 else (pair[1], pair[0]))
    quotients = [one / max(other, 1e-9) for one, other in times]
    medians = (statistics.median(t[0] for t in times), statistics.median(t[1] for t in times))
    return Ratio(*medians, statistics.median(quotients), min(quotients), max(quotients), rounds)


@dataclass(frozen=True)
class Target:
    """What a figure is hoped to reach."""

    least: float | None = None
    most: float | None = None

    def met(self, value: float) -> bool:
        """Whether the value lies within."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        bounds = [f">= {self.least:g}"] if self.least is not None else []
        return " and ".join(bounds + ([f"<= {self.most:g}"] if self.most is not None else []))
