"""A slot: LoRA layers as one flat vector, attached to a model for the length of one forward pass; a stack: several at once.

The hooks on the model's layers look for the slot in a context variable: a night can train one slot while answers are
generated with others, on the same weights, and nothing is copied, locked or restored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from slowwave.adapters_store.shape import SlotShape, row_norms

if TYPE_CHECKING:
    import torch

__all__ = ["Slot", "Stack", "attached", "hook"]


class Slot:
    """One set of LoRA layers, as one flat vector: writing into it changes what the base model knows."""

    def __init__(
        self,
        shape: SlotShape,
        vector: torch.Tensor,
        a: Sequence[torch.Tensor],
        layers: Sequence[torch.nn.Linear] = (),
    ) -> None:
        self.shape = shape
        self.vector = vector
        """The Bs, shape (shape.size,)."""
        self.a = list(a)
        """The shared As, shape (rank, in_features) each."""
        self.strength = 1.0
        """Multiplies the whole module; 1 is as trained."""
        self.layers = list(layers)
        """The layers that the slot acts on, in order of the targets; DoRA alone has to see their weights."""
        self._b: list[torch.Tensor] = []
        self._a: list[torch.Tensor] = []
        self._turns: list[torch.Tensor] = []
        self._laid: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        """A and B of the layers as they are multiplied, laid out once where no gradient is wanted."""
        self._laid_for = (-1, False)
        self.refresh()

    def at(self, strength: float) -> Slot:
        """The same vector at another strength; nothing is copied."""
        if strength == self.strength:
            return self
        other = Slot(self.shape, self.vector, self.a, self.layers)
        other.strength = strength
        other.refresh()
        return other

    def refresh(self) -> None:
        """Cut the vector into Bs again; needed before a forward pass whose gradient is wanted."""
        self._b = self.shape.split(self.vector)
        self._a = self.shape.split_a(self.vector) or self.a
        self._turns = [self._turn(index, m) for index, m in enumerate(self.shape.split_m(self.vector))]

    def _turn(self, index: int, longer: torch.Tensor) -> torch.Tensor:
        """What the rows of a layer are multiplied by (DoRA), shape (out_features,): wanted length over the one they have.

        The length they have is taken for a constant, as in section 4.3 of arXiv 2402.09353.
        """
        import torch

        with torch.no_grad():
            weight, a, b = self.layers[index].weight, self._a[index], self._b[index].float()
            before = torch.linalg.vector_norm(weight, dim=1, dtype=torch.float32)  # (out_features,)
            cross = (weight @ a.to(weight.dtype).t()).float()  # (out_features, rank)
            gram = a.float() @ a.float().t()  # (rank, rank)
            after = row_norms(before.square(), cross, gram, b, self.shape.scale * self.strength)
        turn: torch.Tensor = (1.0 + self.strength * longer) * (before / after)
        return turn

    def add(self, name: str, inputs: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """The output of a layer, (..., out_features), with what the slot adds to it for its inputs, (..., in_features)."""
        import torch

        index = self.shape.places.get(name)
        if index is None:
            return output
        a, b = self._laid.get(index) or self._factors(index, inputs.dtype)
        low = torch.mm(inputs.reshape(-1, a.shape[0]), a)  # (tokens, rank)
        # One pass for product and sum: a token costs little more than calling the functions.
        added = torch.addmm(output.reshape(-1, b.shape[1]), low, b).view(output.shape)
        if not self._turns:
            return added
        turn, bias = self._turns[index].to(inputs.dtype), self.layers[index].bias  # (out_features,)
        return added * turn if bias is None else (added - bias) * turn + bias

    def _factors(self, index: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """A, (in_features, rank), and B with the scale in it, (rank, out_features).

        Without a gradient they are kept: a B that is read across its rows costs a CPU several times as much, at every token.
        """
        import torch

        scale = self.shape.scale * self.strength
        if torch.is_grad_enabled() and self.vector.requires_grad:
            return self._a[index].to(dtype).t(), self._b[index].to(dtype).t() * scale
        with torch.no_grad():
            factors = self._a[index].to(dtype).t(), (self._b[index].t() * scale).to(dtype).contiguous()
        self._laid[index] = factors
        return factors

    def ready(self) -> None:
        """Forget the factors that were laid out if the vector was written into since, or is about to learn."""
        if (now := _state(self.vector)) != self._laid_for:
            self._laid, self._laid_for = {}, now

    def of(self, rows: Sequence[int]) -> Slot:
        """The slot for some rows of a batch: a slot is the same for every row."""
        return self


class Stack:
    """Several modules side by side: each row of a batch is read with a module of its own, in one forward pass."""

    def __init__(
        self,
        shape: SlotShape,
        vectors: torch.Tensor,
        a: Sequence[torch.Tensor],
        rows: Sequence[int] | None = None,
        strength: float = 1.0,
    ) -> None:
        """Stack modules of one shape.

        Args:
            vectors: their Bs, shape (modules, shape.size).
            a: the shared As, shape (rank, in_features) each.
            rows: which module each row of a batch is read with; row i with module i if None.
            strength: multiplies all modules.
        """
        self.shape = shape
        self.vectors = vectors
        self.a = list(a)
        self.rows = list(range(len(vectors)) if rows is None else rows)
        self.strength = strength
        parts = vectors.split(shape.sizes, dim=1)
        # (modules, out_features, rank) each
        self._b = [part.unflatten(1, (-1, shape.rank)) for part in parts]
        self._laid: dict[int, torch.Tensor] = {}
        self._laid_for = (-1, False)

    def of(self, rows: Sequence[int]) -> Stack:
        """The stack for some rows of a batch, in the order given."""
        return Stack(self.shape, self.vectors, self.a, [self.rows[row] for row in rows], self.strength)

    def add(self, name: str, inputs: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """The output of a layer, (rows, tokens, out_features), with what each row's module adds to it.

        Args:
            name: of the layer.
            inputs: shape (rows, tokens, in_features).
            output: of the layer alone.
        """
        import torch
        from torch.nn.functional import linear

        index = self.shape.places.get(name)
        if index is None:
            return output
        b = self._laid.get(index)  # (rows, rank, out_features)
        if b is None:
            b = self._factor(index, inputs.dtype)
        low = linear(inputs, self.a[index].to(inputs.dtype))  # (rows, tokens, rank)
        return torch.baddbmm(output, low, b, alpha=self.shape.scale * self.strength)

    def _factor(self, index: int, dtype: torch.dtype) -> torch.Tensor:
        """The B of every row, (rows, rank, out_features); laid out once where no gradient is wanted."""
        import torch

        learning = torch.is_grad_enabled() and self.vectors.requires_grad
        with torch.set_grad_enabled(learning):
            b: torch.Tensor = self._b[index][self.rows].to(dtype).transpose(1, 2)
        if not learning:
            b = self._laid[index] = b.contiguous()
        return b

    def ready(self) -> None:
        """Forget the factors that were laid out if a vector was written into since, or is about to learn."""
        if (now := _state(self.vectors)) != self._laid_for:
            self._laid, self._laid_for = {}, now


def _state(vector: torch.Tensor) -> tuple[int, bool]:
    """What must not change while factors are kept: how often a vector was written into, and whether it is learning."""
    import torch

    # Nothing writes into a vector that was made in inference mode, and it does not count.
    written = -1 if vector.is_inference() else vector._version
    return written, torch.is_grad_enabled() and vector.requires_grad


_attached: ContextVar[Slot | Stack | None] = ContextVar("slowwave_slot", default=None)


@contextmanager
def attached(slot: Slot | Stack | None) -> Iterator[None]:
    """For the forward passes inside: the slot that the hooks apply, or none."""
    if slot is not None:
        slot.ready()
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
