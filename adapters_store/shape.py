"""How a LoRA module lies in one flat vector, and the frozen A that all modules of a base share.

A module is ``y = W x + s * B (A x)`` on every target layer, with one A for everybody: so a module *is* its Bs, merging
Bs is merging the weight changes exactly, and a module is one contiguous vector that can be blended elementwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["SlotShape", "Target", "frozen_a"]


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

    @property
    def scale(self) -> float:
        """LoRA's ``alpha / rank``."""
        return self.alpha / self.rank

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

    @property
    def size(self) -> int:
        """Length of a module's vector."""
        return sum(self.sizes) + sum(self.sizes_a)

    def split(self, vector: torch.Tensor) -> list[torch.Tensor]:
        """The Bs of a vector of shape (size,), as views of shape (out_features, rank) each.

        One `split` and not one slice a layer: its backward pass writes each gradient once.
        """
        parts = vector.split((*self.sizes, *self.sizes_a))[: len(self.targets)]
        return [part.view(target.out_features, self.rank) for part, target in zip(parts, self.targets, strict=True)]

    def split_a(self, vector: torch.Tensor) -> list[torch.Tensor]:
        """The vector's own As, as views of shape (rank, in_features) each; empty where the shared ones are used."""
        parts = vector.split((*self.sizes, *self.sizes_a))[len(self.targets) :]
        return [part.view(self.rank, -1) for part in parts]

    def empty(self) -> torch.Tensor:
        """A vector that changes nothing, shape (size,), float32: Bs of zero, and As as drawn where it has its own."""
        import torch

        vector = torch.zeros(self.size)
        if self.own_a:
            vector[sum(self.sizes) :] = torch.cat([a.flatten() for a in self.draw_a()])
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

    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, (rank, target.in_features), generator=generator) * 2 - 1
    # Rounded to bfloat16, the type it is stored in, so that what was trained with is what is loaded.
    scaled: torch.Tensor = signs / target.in_features**0.5
    return scaled.to(torch.bfloat16).to(torch.float32)
