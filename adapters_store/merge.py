"""Blending up to three modules into one vector: a method is a row of data.

Every function takes vectors of shape (k, n) and weights of shape (k,), and returns a new vector of shape (n,). All
modules share one A, so a blend of vectors is the same blend of the weight changes.

TIES is Yadav et al., 2023 (arXiv 2306.01708), with two measured changes as the default: the weights take part in the
election, and the agreeing entries are summed instead of averaged, because dividing by the number of agreeing modules
destroys exact recall.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from slowwave.errors import InvalidInput

if TYPE_CHECKING:
    import torch

__all__ = ["METHODS", "TIES", "TiesOptions", "linear", "merge", "single", "ties", "trim"]


@dataclass(frozen=True)
class TiesOptions:
    """The choices inside TIES."""

    density: float = 1.0
    """Share of entries kept before the election; below 0.8 exact recall suffers."""
    weighted_votes: bool = True
    """Whether an entry votes with its weight, or every module alike (as PEFT does)."""
    average: bool = False
    """Whether agreeing entries are averaged by their number (as PEFT does) or summed."""


TIES = TiesOptions()


def single(vectors: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Take the heaviest module alone, untouched."""
    return vectors[int(weights.argmax())].clone()


def linear(vectors: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Sum the weighted modules: with a shared A this is the exact weighted sum of the weight changes."""
    return weights.to(vectors) @ vectors  # (k,) @ (k, n) -> (n,)


def trim(vectors: torch.Tensor, density: float) -> torch.Tensor:
    """Keep the largest entries of each vector by magnitude, zero the rest; shape (k, n) in and out."""
    import torch

    keep = int(density * vectors.shape[1])
    if keep >= vectors.shape[1]:
        return vectors
    index = vectors.abs().topk(keep, dim=1).indices  # (k, keep)
    return torch.zeros_like(vectors).scatter(1, index, vectors.gather(1, index))


def ties(vectors: torch.Tensor, weights: torch.Tensor, options: TiesOptions = TIES) -> torch.Tensor:
    """Trim, elect a sign for each entry, and keep the entries that agree with it."""
    if vectors.shape[0] == 1:  # one module is never trimmed: no jump in strength between one and two
        return vectors[0] * weights[0]
    kept = trim(vectors, options.density)
    weighted = kept * weights.to(vectors)[:, None]  # (k, n)
    votes = weighted if options.weighted_votes else kept
    elected = votes.sum(dim=0) >= 0  # (n,)
    agrees = (kept >= 0).eq(elected) & kept.ne(0)  # (k, n)
    blended = (weighted * agrees).sum(dim=0)
    return blended / agrees.sum(dim=0).clamp(min=1) if options.average else blended


METHODS: Mapping[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "single": single,
    "linear": linear,
    "ties": ties,
    "ties_peft": partial(ties, options=TiesOptions(density=0.5, weighted_votes=False, average=True)),
}


def merge(vectors: torch.Tensor, weights: torch.Tensor, method: str = "ties") -> torch.Tensor:
    """Blend modules of shape (k, n) by weights of shape (k,) into one vector of shape (n,).

    Raises:
        InvalidInput: the method is unknown, or the shapes do not fit.
    """
    if method not in METHODS:
        raise InvalidInput("Unknown merge method", method, f"Known methods: {', '.join(METHODS)}.")
    if vectors.ndim != 2 or weights.shape != vectors.shape[:1]:
        shapes = (tuple(vectors.shape), tuple(weights.shape))
        raise InvalidInput("Modules and weights do not fit", shapes, "Give vectors (k, n) and weights (k,).")
    return METHODS[method](vectors, weights)
