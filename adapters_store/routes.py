"""The values of routing: the rows that are searched, what they score, and the route that comes out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from slowwave.adapters_store.calibration import PRIOR, Calibration

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Evidence", "Posterior", "Route", "RouteRow", "RouterOptions"]


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One thing that a module was trained on."""

    text: str
    """A question or a fact."""
    fact_id: str
    module_id: str
    kind: Literal["question", "fact"] = "question"


@dataclass(frozen=True)
class Route:
    """The modules chosen for a question; their weights sum to 1, and there may be none."""

    modules: tuple[tuple[str, float], ...] = ()
    """(module id, weight), heaviest first."""
    score: float = 0.0
    """Nearness of the best row to the question, 0..1."""
    rows: tuple[RouteRow, ...] = ()
    """The best row of each chosen module, in the same order."""
    scores: tuple[float, ...] = ()
    """Their scores."""
    known: float = 0.0
    """The probability that any module knows, 0..1."""

    @property
    def kind(self) -> Literal["none", "one", "some"]:
        """The outcome: no module, one, or the few that the answer is likely among."""
        return "none" if not self.modules else "one" if len(self.modules) == 1 else "some"

    def among(self, module_ids: Collection[str]) -> Route:
        """The route through these modules alone."""
        kept = [i for i, (name, _) in enumerate(self.modules) if name in module_ids]
        if len(kept) == len(self.modules):
            return self
        total = sum(self.modules[i][1] for i in kept)
        weights = [self.modules[i][1] / total if total else 1 / len(kept) for i in kept]
        scores = tuple(self.scores[i] for i in kept)
        return Route(
            modules=tuple((self.modules[i][0], weight) for i, weight in zip(kept, weights, strict=True)),
            score=max(scores, default=0.0),
            rows=tuple(self.rows[i] for i in kept),
            scores=scores,
            known=self.known if kept else 0.0,
        )


@dataclass(frozen=True)
class RouterOptions:
    """The router's thresholds and constants."""

    known: float = 0.5
    """A question that the modules know with less probability goes to none."""
    mass: float = 0.8
    """The smallest set of modules that holds this much of the posterior is taken."""
    covered: float = 0.5
    """How much of what these leave of a question one more module must cover to be taken too; above 1, none is."""
    rest: float = 0.9
    """The most weight that this one more gets."""
    scanned: int = 16_384
    """Rows looked at one by one for a question; a memory with fewer is searched exactly."""
    calibration: Calibration = PRIOR


@dataclass(frozen=True)
class Evidence:
    """What the modules that were looked at score for one question."""

    modules: tuple[str, ...]
    scores: NDArray[np.float32]
    """Best cosine of a row, best mean of cosine and word coverage of a row, word coverage of the module; (modules, 3)."""
    rows: tuple[RouteRow, ...]
    """The row of each module with the second of these."""


@dataclass(frozen=True)
class Posterior:
    """What is believed about a question: whether any module knows, and if so, which."""

    known: float
    modules: tuple[tuple[str, float], ...]
    """(module id, probability given that one knows), likeliest first; they sum to 1."""
    evidence: Evidence
    order: tuple[int, ...]
    """Where these modules stand in the evidence."""
