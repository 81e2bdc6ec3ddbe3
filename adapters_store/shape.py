"""How a LoRA module lies in one flat vector, and the frozen A that all modules of a base share.

A module is ``y = W x + s * B (A x)`` on every target layer, with one A for everybody: so a module *is* its Bs, merging
Bs is merging the weight changes exactly, and a module is one contiguous vector that can be blended elementwise.

Other kinds are there to be compared with it: with As of their own, with another scale (rsLoRA), with magnitudes (DoRA).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from slowwave.errors import InvalidInput

if TYPE_CHECKING:
    import torch

__all__ = ["SlotShape", "Target", "frozen_a", "place", "row_norms"]


@dataclass(frozen=True)
class Target:
    """One linear layer of the base model that modules act on."""

    name: str
    """Dotted name within the base model, for example ``model.layers.0.mlp.up_proj``."""
    in_features: int
    out_features: int


@dataclass(frozen=True)
class SlotShape:
    """Where the B of each target layer lies in a module's flat vector."""

    targets: tuple[Target, ...]
    rank: int
    alpha: float
    seed: int = 0
    """Seed of the shared A; the same for every module of a base model."""
    own_a: bool = False
    """Whether the vector holds its own As behind the Bs, in place of the shared ones: for skills, which are never merged."""
    stabilised: bool = False
    """Whether the scale is that of rsLoRA."""
    dora: bool = False
    """Whether the vector ends with a magnitude for every row of the weights (DoRA, arXiv 2402.09353): how much longer or
    shorter the row is than it was, as a share; 0 is as it was."""

    @property
    def scale(self) -> float:
        """LoRA's ``alpha / rank``, or rsLoRA's ``alpha / sqrt(rank)`` (arXiv 2312.03732)."""
        return self.alpha / (self.rank**0.5 if self.stabilised else self.rank)

    @property
    def mergeable(self) -> bool:
        """Whether blending vectors is blending weight changes: one A for all, and no magnitudes."""
        return not self.own_a and not self.dora

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of entries of the Bs, in order of the targets."""
        return tuple(target.out_features * self.rank for target in self.targets)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Positions of the targets, by name."""
        return {target.name: index for index, target in enumerate(self.targets)}

    @cached_property
    def sizes_a(self) -> tuple[int, ...]:
        """Numbers of entries of the vector's own As; empty where the shared ones are used."""
        return tuple(target.in_features * self.rank for target in self.targets) if self.own_a else ()

    @cached_property
    def sizes_m(self) -> tuple[int, ...]:
        """Numbers of magnitudes; empty without DoRA."""
        return tuple(target.out_features for target in self.targets) if self.dora else ()

    @property
    def size(self) -> int:
        """Length of a module's vector."""
        return sum(self.sizes) + sum(self.sizes_a) + sum(self.sizes_m)

    def split(self, vector: torch.Tensor) -> list[torch.Tensor]:
        """The Bs of a vector of shape (size,), as views of shape (out_features, rank) each.

        One `split` and not one slice a layer: its backward pass writes each gradient once.
        """
        parts = self._parts(vector)[: len(self.targets)]
        return [part.view(target.out_features, self.rank) for part, target in zip(parts, self.targets, strict=True)]

    def split_a(self, vector: torch.Tensor) -> list[torch.Tensor]:
        """The vector's own As, as views of shape (rank, in_features) each; empty where the shared ones are used."""
        first = len(self.targets)
        return [part.view(self.rank, -1) for part in self._parts(vector)[first : first + len(self.sizes_a)]]

    def split_m(self, vector: torch.Tensor) -> list[torch.Tensor]:
        """The vector's magnitudes, as views of shape (out_features,) each; empty without DoRA."""
        return list(self._parts(vector)[len(self.targets) + len(self.sizes_a) :])

    def _parts(self, vector: torch.Tensor) -> Sequence[torch.Tensor]:
        parts: Sequence[torch.Tensor] = vector.split((*self.sizes, *self.sizes_a, *self.sizes_m))
        return parts

    def empty(self) -> torch.Tensor:
        """A vector that changes nothing, shape (size,), float32: zeros, but As as drawn where it has its own."""
        import torch

        vector = torch.zeros(self.size)
        if self.own_a:
            drawn = torch.cat([a.flatten() for a in self.draw_a()])
            vector[sum(self.sizes) :][: len(drawn)] = drawn
        return vector

    def draw_a(self) -> list[torch.Tensor]:
        """The shared As, one of shape (rank, in_features) for each target."""
        return [frozen_a(target, self.rank, self.seed + index) for index, target in enumerate(self.targets)]


def frozen_a(target: Target, rank: int, seed: int) -> torch.Tensor:
    """Draw the shared A of one layer: random signs over the square root of the width, shape (rank, in_features), float32.

    Rows of random signs have norm 1 and are orthogonal up to 1/sqrt(width), like orthonormal ones (Johnson-Lindenstrauss
    with signs: Achlioptas, 2003), but come out bit-equal on every machine: no factorisation rounds differently.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)  # on the CPU, whatever the process's default device is
    signs = torch.randint(0, 2, (rank, target.in_features), generator=generator, device="cpu") * 2 - 1
    # Rounded to bfloat16, the type it is stored in, so that what was trained with is what is loaded.
    scaled: torch.Tensor = signs / target.in_features**0.5
    return scaled.to(torch.bfloat16).to(torch.float32)


def row_norms(
    squares: torch.Tensor, cross: torch.Tensor, gram: torch.Tensor, b: torch.Tensor, scale: float
) -> torch.Tensor:
    """Lengths of the rows of ``W + s B A``, without making that matrix; shape (out_features,), float32.

    ``|W + s B A|^2 = |W|^2 + 2 s <B, W A'> + s^2 <B (A A'), B>``, row by row: nothing larger than B is made.

    Args:
        squares: ``|W|^2`` by rows, shape (out_features,).
        cross: ``W A'``, shape (out_features, rank).
        gram: ``A A'``, shape (rank, rank).
        b: shape (out_features, rank).
        scale: s.
    """
    square = squares + 2.0 * scale * (b * cross).sum(dim=1) + scale**2 * ((b @ gram) * b).sum(dim=1)
    return square.clamp(min=1e-12).sqrt()  # rounding may make a row that is all but gone negative


_LAYERS = re.compile(r"(ffn|attention|linear)(?: (?:(lower|upper)|(\d+)-(\d+)))?")


def place(linears: Sequence[Target], ffn: Sequence[Target], layers: str) -> tuple[Target, ...]:
    """The linear layers that a placement means, in the model's order.

    Args:
        linears: all of them.
        ffn: those that are feed-forward.
        layers: "ffn", "attention" or "linear" (all); behind it may stand "lower" or "upper" (half of the blocks; a middle
            one counts as upper) or a range of blocks, first and last ("ffn 10-29").

    Raises:
        InvalidInput: the placement is unknown, or the model has no such layers.
    """
    known = (
        "Known are ffn, attention and linear, alone or with lower, upper, or a range of blocks such as 10-29 behind it."
    )
    words = _LAYERS.fullmatch(layers)
    if words is None:
        raise InvalidInput("Unknown layers", layers, known)
    kind, half, first, last = words.groups()
    count = 1 + max((_block(target) for target in linears), default=-1)
    within = range(int(first), int(last) + 1) if first else range(count)
    if half:
        within = range(count // 2) if half == "lower" else range(count // 2, count)
    forward = {target.name for target in ffn}
    wanted = {
        "ffn": forward,
        "attention": {target.name for target in linears if target.name not in forward and "att" in target.name},
        "linear": {target.name for target in linears},
    }[kind]
    all_of_them = not half and not first
    found = tuple(one for one in linears if one.name in wanted and (all_of_them or _block(one) in within))
    if not found:
        raise InvalidInput("The model has no such layers", layers, f"It has {count} blocks, from 0. {known}")
    return found


def _block(target: Target) -> int:
    """The number of the block that a layer belongs to: the first number in its name; -1 if there is none."""
    return next((int(part) for part in target.name.split(".") if part.isdigit()), -1)
