"""How many facts a module holds: what was measured, and a rule for modules that nobody has measured.

A measurement that found no end says only that a module holds at least so many, so it bounds nothing. One that went on until
facts were lost says how many are too many: then capacity is taken to grow with the trained parameters, as it does in
"Understanding LoRA as Knowledge Memory" (arXiv 2603.01097) and in "Physics of Language Models 3.3" (arXiv 2404.05405).
The A is shared and frozen, so these are the Bs: the rank times the output widths of all layers that a module acts on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from slowwave.adapters_store.shape import SlotShape
from slowwave.consolidation.retries import TRIES
from slowwave.settings import Settings

if TYPE_CHECKING:
    from slowwave.model import BaseModel

__all__ = ["TABLE", "Measured", "capacity", "facts_per_module", "limits", "outputs"]


@dataclass(frozen=True)
class Measured:
    """The most facts that were tried with a module and recalled, at least 0.95 of them in wordings that it never saw."""

    hidden_size: int
    """Width of the base model."""
    layers: int
    """Blocks of the base model."""
    outputs: int
    """Sum of the output widths of the layers that modules act on: what one rank has to train."""
    rank: int
    facts: int
    full: bool
    """Whether more were tried and were too many; if not, the module may hold more."""
    source: str
    """Where the measurement is written down."""

    @property
    def parameters(self) -> int:
        """Trained numbers of the module."""
        return self.rank * self.outputs


TABLE: Sequence[Measured] = (
    Measured(
        hidden_size=576, layers=30, outputs=109_440, rank=8, facts=48, full=False,
        source="benchmarks/LOG.md, 2026-11-22, phonebook: 0.995 in unseen wordings, one seed",
    ),
)  # fmt: skip
"""What `python -m benchmarks.capacity` and other benchmarks found, on SmolLM2-135M-Instruct unless the sizes say otherwise."""

_BITS_HELD = 1.0
"""Bits a trained parameter holds of what it saw a hundred times; two after a thousand (arXiv 2404.05405).
Derived: it was found where all weights are trained, and is taken to hold for a module's."""
_BITS_OF_A_FACT = 34.0
"""Bits of an answer that nothing helps to guess: ten digits."""


def facts_per_module(settings: Settings, shape: SlotShape, table: Sequence[Measured] = TABLE) -> int:
    """The most facts to plan for a module of a shape: what the settings say, or fewer where they would not fit."""
    return min(settings.facts_per_module, capacity(shape, table))


def limits(settings: Settings, base: BaseModel) -> dict[int, int]:
    """The most facts of a module, by what the memory's rank is multiplied with when facts are tried again."""
    return {
        factor: facts_per_module(settings, base.shape(settings.rank * factor))
        for factor in sorted({1, *(one.rank for one in TRIES)})
    }


def outputs(shape: SlotShape) -> int:
    """Sum of the output widths of the layers that a module acts on."""
    return sum(target.out_features for target in shape.targets)


def capacity(shape: SlotShape, table: Sequence[Measured] = TABLE) -> int:
    """How many facts a module of a shape holds, at least 1; never fewer at a higher rank.

    Measured in full on this base model: what was found at the rank. Between two ranks in proportion to the parameters of the
    lower one, and no more than the higher one holds; below all of them no fewer than the lowest holds, for that no measurement
    says. Measured in full on other base models only: in proportion to the parameters of theirs. Nowhere: by a count of bits.
    Whatever was recalled once at this rank or a lower one is held.
    """
    mine = [row for row in table if row.outputs == outputs(shape)]
    parameters = shape.rank * outputs(shape)
    known = any(row.full for row in mine)
    bound = _bound(parameters, mine if known else table, proportional=not known)
    recalled = max((row.facts for row in mine if row.parameters <= parameters), default=0)
    return max(1, bound, recalled)


def _bound(parameters: int, table: Sequence[Measured], *, proportional: bool) -> int:
    """What the rows that found an end say about so many parameters; `proportional` also below the smallest of them."""
    rows = sorted((row for row in table if row.full), key=lambda row: row.parameters)
    if not rows:
        return int(parameters * _BITS_HELD / _BITS_OF_A_FACT)
    held = list(accumulate((row.facts for row in rows), max))  # a larger module is never taken to hold less
    lower = [(row.parameters, facts) for row, facts in zip(rows, held, strict=True) if row.parameters <= parameters]
    higher = [facts for row, facts in zip(rows, held, strict=True) if row.parameters >= parameters]
    if lower:
        size, facts = lower[-1]
        return min([facts * parameters // size, *higher])
    return held[0] * parameters // rows[0].parameters if proportional else held[0]
