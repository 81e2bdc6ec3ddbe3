"""What is tried with a fact that failed before: more wordings, then a larger module that has only this fact to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["TRIES", "Try"]


@dataclass(frozen=True)
class Try:
    """How a night tries a fact."""

    more: bool = False
    """Whether the writer is asked for more wordings."""
    rank: int = 1
    """Multiplies the rank of the module."""
    alone: bool = False
    """Whether the fact gets a module of its own."""


TRIES: Sequence[Try] = (Try(), Try(more=True), Try(more=True, rank=2, alone=True))
"""By the number of nights that failed before; a fact that fails in the last one as well is left to retrieval."""
