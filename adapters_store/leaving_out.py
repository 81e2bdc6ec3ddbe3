"""A memory asks itself: its own questions while they are left out, and everyday prompts, to place its boundary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from slowwave.adapters_store.calibration import Calibration, calibrated
from slowwave.adapters_store.routes import Evidence, RouteRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Measurable", "measured"]

_LEFT_OUT = 32
"""Questions of its own that a memory is asked."""
_FEWEST = 64
"""A memory with fewer rows keeps the constants."""


class Measurable(Protocol):
    """What is needed of a router; see `router.Router`."""

    @property
    def calibration(self) -> Calibration:
        """The constants in use."""
        ...

    @property
    def modules(self) -> tuple[str, ...]:
        """Ids of the modules."""
        ...

    def __len__(self) -> int: ...

    def module(self, module_id: str) -> tuple[tuple[RouteRow, ...], NDArray[np.float32]]:
        """The rows of a module and their embeddings."""
        ...

    def evidence(self, question: str, vector: NDArray[np.float32], *, exact: bool = False) -> Evidence:
        """What the modules score for a question."""
        ...

    def publish(self, rows: Sequence[RouteRow], vectors: NDArray[np.float32]) -> None:
        """Take in a module's rows."""
        ...


def measured(
    router: Measurable, encode: Callable[[Sequence[str]], NDArray[np.float32]], prompts: Sequence[str]
) -> Calibration:
    """The constants of a router, shifted by what its own questions and everyday prompts score; see `Router.calibrate`."""
    import numpy as np

    prior = router.calibration
    if len(router) < _FEWEST:
        return prior

    def best(question: str, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = router.evidence(question, vector).scores
        chosen: NDArray[np.float32] = scores[prior.shares(scores)[0][0]]
        return chosen

    empty = [np.zeros((0, 3), dtype=np.float32)]
    everyday = [best(prompt, vector)[None] for prompt, vector in zip(prompts, encode(prompts), strict=True)]
    asked = [best(question, vector)[None] for question, vector in _left_out(router)]
    return calibrated(prior, np.concatenate(empty + asked), np.concatenate(empty + everyday), len(router))


def _left_out(router: Measurable) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Questions of the router's own, one a fact and spread over its modules, while the questions about the fact are gone.

    Only facts whose text is a row too: without it nothing would be left to find.
    """
    names = router.modules
    laps = -(-_LEFT_OUT // len(names))
    for turn in range(_LEFT_OUT):
        name = names[turn * len(names) // _LEFT_OUT if laps == 1 else turn % len(names)]
        rows, vectors = router.module(name)
        told = {row.fact_id for row in rows if row.kind == "fact"}
        facts = sorted({row.fact_id for row in rows if row.kind == "question"} & told)
        lap = turn // len(names)
        if lap >= len(facts):
            continue
        fact = facts[lap * len(facts) // laps if len(facts) > laps else lap]
        hidden = [place for place, row in enumerate(rows) if row.fact_id == fact and row.kind == "question"]
        left = sorted(set(range(len(rows))) - set(hidden))
        asked = hidden[turn % len(hidden)]
        router.publish([rows[place] for place in left], vectors[left])
        try:
            yield rows[asked].text, vectors[asked]
        finally:
            router.publish(rows, vectors)
