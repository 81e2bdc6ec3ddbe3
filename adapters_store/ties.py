"""The passes behind a merge: what of each module is dropped, which sign wins, and the sum of what agrees.

TIES is Yadav et al., 2023 (arXiv 2306.01708): trim each module, elect a sign for each entry, keep the entries that agree.
Two choices differ by measurement: the weights take part in the election, and the agreeing entries are summed, because
dividing by the number of agreeing modules destroys exact recall. DARE is Yu et al., 2024 (arXiv 2311.03099).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from slowwave.errors import InvalidInput

if TYPE_CHECKING:
    import torch

__all__ = ["Recipe", "blend", "thin", "trim"]

Drop = Literal["smallest", "random"]
Votes = Literal["none", "weighted", "values", "signs"]

_BLOCK = 32_768
"""Entries blended at a time by each thread: three modules and their sums then stay in a core's own cache. From 16,384 to
131,072 the time is the same within a third; whole vectors take up to twice as long, and temporaries as large as themselves."""


@dataclass(frozen=True)
class Recipe:
    """One way to blend modules: choices that combine freely.

    Raises:
        InvalidInput: a choice is unknown, or the density is not in (0, 1].
    """

    alone: bool = False
    """Whether the heaviest module is taken as it is, and no other."""
    density: float = 1.0
    """Share of each module's entries that is kept; below 0.8 exact recall suffers. One module alone is never thinned: two
    would suddenly be of another strength than one."""
    drop: Drop = "smallest"
    """Which entries go: the smallest (TIES), or random ones, and the rest is divided by the density (DARE)."""
    seed: int = 0
    """Draws the random ones; each module loses others, in the order in which the modules are given."""
    by_layer: bool = False
    """Whether the smallest are found in each layer, as PEFT does, or in the whole module, as TIES was published."""
    votes: Votes = "none"
    """What elects the sign of an entry: nothing, the weighted entries, the entries as they are ("total" in PEFT), or their
    signs alone ("frequency" in PEFT). Plus wins where the votes are even."""
    average: bool = False
    """Whether the entries that agree are divided by their number, as PEFT does, or just summed."""
    deltas: bool = False
    """Whether the weight changes B A are blended, each layer by itself, and not the Bs: a reference, too slow for answers."""
    roots: bool = False
    """Whether weights are applied as PEFT does: their square roots to the As, and again to the Bs."""

    def __post_init__(self) -> None:
        for name, value, known in (("drop", self.drop, Drop), ("votes", self.votes, Votes)):
            if value not in get_args(known):
                raise InvalidInput(
                    f"Unknown choice for {name!r}", value, f"Choose one of: {', '.join(get_args(known))}."
                )
        if not 0 < self.density <= 1:
            raise InvalidInput("The density of a merge does not fit", self.density, "Give a share in (0, 1].")

    @property
    def looks_at_layers(self) -> bool:
        """Whether it matters where one layer ends and the next begins."""
        return self.deltas or self.by_layer


def blend(rows: Sequence[torch.Tensor], weights: torch.Tensor, recipe: Recipe, out: torch.Tensor) -> None:
    """Write the blend of k rows of shape (n,), by weights of shape (k,), into `out`, shape (n,), block after block.

    Sums have the type of the weights. Rows are only read.
    """
    size = _block(out)
    space = weights.new_empty(len(rows) + 2, size)  # one for all blocks: what is still in the cache is used again
    for start in range(0, len(out), size):
        block = out[start : start + size]  # (m,)
        *part, total, sizes = space[:, : len(block)]
        for copy, row in zip(part, rows, strict=True):
            copy.copy_(row[start : start + size])
        _blend_block(space[: len(rows), : len(block)], weights, recipe, total, sizes, block)


def thin(
    rows: Sequence[torch.Tensor], recipe: Recipe, sizes: Sequence[int], generator: torch.Generator
) -> Sequence[torch.Tensor]:
    """The k rows of shape (n,) with what the recipe drops set to zero, as new tensors; the rows where nothing is dropped.

    `sizes` cut a row into the parts that each lose their smallest; random entries are drawn from the generator.
    """
    import torch

    if recipe.density == 1:
        return rows
    stacked = torch.stack(list(rows))  # (k, n)
    stacked = stacked.to(torch.promote_types(stacked.dtype, torch.float32))
    if recipe.drop == "smallest":
        return list(torch.cat([trim(part, recipe.density) for part in stacked.split(list(sizes), dim=1)], dim=1))
    # Drawn on the CPU, so that every device drops the same entries.
    kept = torch.rand(stacked.shape, generator=generator, device="cpu").to(stacked.device) < recipe.density  # (k, n)
    return list(stacked.mul_(kept).div_(recipe.density))


def trim(vectors: torch.Tensor, density: float) -> torch.Tensor:
    """Keep the largest entries of each vector by magnitude, zero the rest; shape (k, n) in and out."""
    import torch

    keep = int(density * vectors.shape[1])
    if keep >= vectors.shape[1]:
        return vectors
    index = vectors.abs().topk(keep, dim=1, sorted=False).indices  # (k, keep)
    return torch.zeros_like(vectors).scatter_(1, index, vectors.gather(1, index))


def _block(out: torch.Tensor) -> int:
    """How many of the entries of a vector of shape (n,) are blended at a time; an accelerator takes all."""
    import torch

    return min(max(1, len(out)), _BLOCK * torch.get_num_threads()) if out.device.type == "cpu" else max(1, len(out))


def _blend_block(
    part: torch.Tensor,
    weights: torch.Tensor,
    recipe: Recipe,
    total: torch.Tensor,
    sizes: torch.Tensor,
    out: torch.Tensor,
) -> None:
    """Write the blend of a block, (k, m), into `out`, (m,); `part`, `total` and `sizes`, (m,) each, are used up.

    The usual election needs no mask: with s the sum of the weighted entries and a that of their magnitudes, (s + a) / 2 is
    the sum of those above zero and (s - a) / 2 of those below, and the sign of s says which of them won.
    """
    import torch

    if recipe.votes == "none":
        out.copy_(torch.mv(part.t(), weights, out=total))
    elif recipe.votes == "weighted" and not recipe.average:
        half = weights / 2  # halving is exact: nothing is rounded twice
        torch.mv(part.t(), half, out=total)
        torch.mv(part.abs_().t(), half.abs(), out=sizes)
        torch.add(total, sizes.copysign_(total), out=out)
    else:
        out.copy_(_elected(part, weights, recipe))


def _elected(part: torch.Tensor, weights: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """Any election, as it is defined: (k, m) and (k,) -> (m,)."""
    weighted = part * weights[:, None]  # (k, m)
    voices = weighted if recipe.votes == "weighted" else part
    ballots = voices.sign() if recipe.votes == "signs" else voices
    elected = ballots.sum(dim=0) >= 0  # (m,)
    agrees = (voices >= 0).eq(elected) & voices.ne(0)  # (k, m)
    blended = (weighted * agrees).sum(dim=0)
    return blended / agrees.sum(dim=0).clamp(min=1) if recipe.average else blended
