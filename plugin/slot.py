"""A slot: one set of LoRA layers as one flat vector, attached to a model for the length of one forward pass.

The hooks on the model's layers look for the slot in a context variable: a night can train one slot while answers are
generated with others, on the same weights, and nothing is copied, locked or restored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from slowwave.adapters_store.shape import SlotShape

if TYPE_CHECKING:
    import torch

__all__ = ["Slot", "attached", "hook"]


class Slot:
    """One set of LoRA layers, as one flat vector: writing into it changes what the base model knows."""

    def __init__(self, shape: SlotShape, vector: torch.Tensor, a: Sequence[torch.Tensor]) -> None:
        self.shape = shape
        self.vector = vector
        """The Bs, shape (shape.size,)."""
        self.a = list(a)
        """The shared As, shape (rank, in_features) each."""
        self.strength = 1.0
        """Multiplies the whole module; 1 is as trained."""
        self._b: list[torch.Tensor] = []
        self._a: list[torch.Tensor] = []
        self.refresh()

    def at(self, strength: float) -> Slot:
        """The same vector at another strength; nothing is copied."""
        if strength == self.strength:
            return self
        other = Slot(self.shape, self.vector, self.a)
        other.strength = strength
        return other

    def refresh(self) -> None:
        """Cut the vector into Bs again; needed before a forward pass whose gradient is wanted."""
        self._b = self.shape.split(self.vector)
        self._a = self.shape.split_a(self.vector) or self.a

    def add(self, name: str, inputs: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """The output of a layer, (..., out_features), with what the slot adds to it for its inputs, (..., in_features)."""
        import torch
        from torch.nn.functional import linear

        index = self.shape.places.get(name)
        if index is None:
            return output
        # The scale is applied where the tensor is small, and the sum costs no pass of its own.
        low = linear(inputs, self._a[index].to(inputs.dtype)) * (self.shape.scale * self.strength)  # (..., rank)
        b = self._b[index].to(inputs.dtype)  # (out_features, rank)
        return torch.addmm(output.flatten(0, -2), low.flatten(0, -2), b.t()).view(output.shape)


_attached: ContextVar[Slot | None] = ContextVar("slowwave_slot", default=None)


@contextmanager
def attached(slot: Slot | None) -> Iterator[None]:
    """For the forward passes inside: the slot that the hooks apply, or none."""
    token = _attached.set(slot)
    try:
        yield
    finally:
        _attached.reset(token)


def hook(name: str) -> Any:
    """The forward hook of a layer, by the layer's name."""

    def add_slot(module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        slot = _attached.get()
        return output if slot is None else slot.add(name, inputs[0], output)

    return add_slot
