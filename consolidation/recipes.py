"""How modules are trained: a table of variants, and the recipe that follows from one of them.

A variant is a row: where the layers lie, what of them is trained, what the loss counts, what is shown. The first row is
what a night trains. Some others could be published as well, for their modules lie in the same slot; the rest are there to
be compared in benchmarks, and a night refuses them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from slowwave.consolidation.formats import MIXTURES
from slowwave.consolidation.rows import Shares
from slowwave.errors import InvalidInput
from slowwave.settings import Settings

if TYPE_CHECKING:
    from slowwave.adapters_store.shape import SlotShape
    from slowwave.model import BaseModel

__all__ = ["VARIANTS", "Recipe", "Variant", "learning_rate", "recipe_for", "scaled", "variant_recipe"]


@dataclass(frozen=True)
class Variant:
    """One way to train a module: a row of `VARIANTS`, or a row of one's own made with `dataclasses.replace`."""

    name: str
    layers: str = "ffn"
    """On which layers the module acts: "ffn", "attention" or "linear" (all), in all blocks or in some (`shape.place`)."""
    rank: int | None = None
    """If it is not that of the settings."""
    alpha: float | None = None
    """LoRA's alpha, if it is not twice the rank."""
    own_a: bool = False
    """Whether the As are trained too, instead of one frozen A that all modules share."""
    ratio: float = 1.0
    """By how much the Bs learn faster than As and magnitudes (LoRA+, arXiv 2402.12354)."""
    stabilised: bool = False
    """Whether the scale is alpha over the square root of the rank (rsLoRA, arXiv 2312.03732)."""
    dora: bool = False
    """Whether the length of every row of the weights is trained apart from its direction (DoRA, arXiv 2402.09353)."""
    rate: float = 1.0
    """The learning rate as a share of what the rule says."""
    teacher: float = 0.0
    """The share of the loss that is the distance to the base model with the true fact in its prompt (arXiv 2503.08727)."""
    top: int = 16
    """How many of the teacher's likeliest tokens are kept at each position."""
    whole: bool = False
    """Whether the tokens of the question count in the loss of closed-book rows, as those of the answer do."""
    mixture: str = "qa"
    """In which formats facts are told: a name of `formats.MIXTURES`."""
    every: int = 1
    """A row that was recalled with a wide margin in the last two passes is shown in every so many-th pass only."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.teacher <= 1.0:
            raise InvalidInput("The teacher's share of the loss cannot be used", self.teacher, "Give 0 to 1.")
        if min(self.ratio, self.rate, self.top, self.every) <= 0:
            values = (self.ratio, self.rate, self.top, self.every)
            raise InvalidInput("A variant has a value that is not positive", values, "Give more than 0.")
        if self.mixture not in MIXTURES:
            raise InvalidInput("Unknown mixture of formats", self.mixture, f"Known mixtures: {', '.join(MIXTURES)}.")

    @property
    def mergeable(self) -> bool:
        """Whether modules of this kind can be blended: one A for all, and no magnitudes."""
        return not self.own_a and not self.dora

    @property
    def obstacle(self) -> str:
        """Why no night may publish modules of this kind; empty if it may."""
        if self.own_a:
            return "its modules have As of their own, so that they cannot be merged"
        if self.dora:
            return "its modules have magnitudes, so that they cannot be merged"
        if self.layers != "ffn":
            return "its modules do not lie where a memory's slot is"
        if self.stabilised or self.alpha is not None:
            return "its modules have another scale than a memory's slot"
        if self.rank is not None:
            return "the rank of its modules is not the one that the memory was given"
        return ""

    @property
    def publishable(self) -> bool:
        """Whether a memory can answer with modules of this kind: they lie in its slot and can be merged there."""
        return not self.obstacle


_SAME_STEP = 2.0 / (16.0 / math.sqrt(8.0))
"""The rate at which rsLoRA with alpha 16 changes the weights in a step as the default does, at rank 8."""

VARIANTS: Mapping[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant("ffn"),
        Variant("attention", layers="attention"),
        Variant("linear", layers="linear"),
        Variant("ffn upper", layers="ffn upper"),
        Variant("ffn lower", layers="ffn lower"),
        Variant("rank 2", rank=2),
        Variant("rank 32", rank=32),
        # Trained As learn at two thirds of the rate of a frozen A (2e-3 and 3e-3 at width 576).
        Variant("own a", own_a=True, rate=2 / 3),
        Variant("linear, own a", layers="linear", own_a=True, rate=2 / 3),
        Variant("lora+", own_a=True, ratio=16.0),
        Variant("rslora", stabilised=True, alpha=16.0, rate=_SAME_STEP),
        Variant("dora", own_a=True, dora=True, rate=2 / 3),
        Variant("dora, shared a", dora=True),
        Variant("distilled", teacher=0.5),
        Variant("whole", whole=True),
        Variant("sparing", every=3),
        *(Variant(mixture, mixture=mixture) for mixture in MIXTURES if mixture != "qa"),
    )
}
"""Every way to train that there is, by name. The first is a night's; what the others gave is in benchmarks/LOG.md."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a module becomes, besides its facts and the base model."""

    rank: int
    learning_rate: float
    batch: int = 4
    """Rows per step: on a CPU the cost of a row does not depend on it, so small batches buy more updates."""
    epochs: int = 24
    """The most passes over the rows."""
    warmup: int = 5
    """Steps of rising learning rate."""
    clip: float = 1.0
    """Largest norm of a gradient."""
    averaged: int = 2
    """Over about how many passes the module is the running mean of the vector; with 0 it is the last vector."""
    patience: int = 2
    """Over how many passes together it is looked whether it is enough: few rows tell little, and a vector goes to and fro."""
    recalled: float = 0.9
    """The share of these passes' closed-book rows that must be recalled. (The mean then recalled all where it was measured.)"""
    read: float = 0.75
    """The share of their rows with facts in the prompt, and of those about things never said, that must be right."""
    further: int = 1
    """How many passes come then before training stops: what was just recalled is not yet known in other words."""
    shares: Shares = field(default_factory=Shares)
    seed: int = 0
    variant: Variant = VARIANTS["ffn"]

    def rate(self, step: int, total: int) -> float:
        """The learning rate of a step: a short rise, then a straight fall to a tenth."""
        return self.learning_rate * min(1.0, (step + 1) / self.warmup) * (1.0 - 0.9 * min(1.0, step / max(1, total)))

    def shape(self, base: BaseModel) -> SlotShape:
        """How a module of this recipe lies in its vector.

        Raises:
            InvalidInput: the base model has no such layers.
        """
        kind = self.variant
        return base.shape(
            self.rank, kind.layers, alpha=kind.alpha, own_a=kind.own_a, stabilised=kind.stabilised, dora=kind.dora
        )

    def for_a_night(self) -> Recipe:
        """The recipe itself, if its modules may be published in a memory.

        Raises:
            InvalidInput: they may not.
        """
        if not self.variant.publishable:
            others = ", ".join(repr(name) for name, variant in VARIANTS.items() if variant.publishable)
            remedy = f"Use it in benchmarks, and in a memory one of {others}."
            raise InvalidInput(
                f"A night cannot publish this variant ({self.variant.obstacle})", self.variant.name, remedy
            )
        return self

    def as_json(self) -> dict[str, Any]:
        """The recipe for a manifest."""
        return asdict(self)


@dataclass(frozen=True)
class _Effort:
    """What a setting of the effort means for training."""

    epochs: int
    further: int = 1
    strangers: float = 0.0


_EFFORTS: Mapping[str, _Effort] = {
    "quick": _Effort(14),
    "normal": _Effort(24),
    # Takes more than twice the steps where facts name people in full; elsewhere a few passes more.
    "thorough": _Effort(40, further=5, strangers=1.0),
}


def learning_rate(hidden_size: int, rank: int) -> float:
    """The learning rate for a slot of a rank on a model of a width.

    It falls with the width by the rule of "LoRA Without Regret" (exponent 0.78), anchored at the rate that a sweep found
    at width 576 for a frozen A whose rows have norm 1.
    """
    return 3e-3 * math.pow(576 / hidden_size, 0.78) * math.sqrt(min(1.0, 8 / rank))


def recipe_for(settings: Settings, hidden_size: int, variant: str = "ffn") -> Recipe:
    """The recipe that settings mean for a base model of a given width: one whose modules a memory can answer with.

    Raises:
        InvalidInput: there is no such variant, or a night cannot publish its modules.
    """
    return variant_recipe(settings, hidden_size, variant).for_a_night()


def variant_recipe(settings: Settings, hidden_size: int, variant: str | Variant) -> Recipe:
    """The recipe of any variant, for a benchmark.

    Raises:
        InvalidInput: there is no such variant.
    """
    if isinstance(variant, str):
        if variant not in VARIANTS:
            raise InvalidInput("Unknown variant of the training", variant, f"Known variants: {', '.join(VARIANTS)}.")
        variant = VARIANTS[variant]
    rank = variant.rank or settings.rank
    rate = _rate(variant, hidden_size, rank)
    effort = _EFFORTS[settings.effort]
    shares = replace(MIXTURES[variant.mixture], strangers=effort.strangers)
    return Recipe(
        rank, rate, epochs=effort.epochs, further=effort.further, shares=shares, seed=settings.seed, variant=variant
    )


def scaled(recipe: Recipe, factor: int, hidden_size: int) -> Recipe:
    """The recipe at a multiple of its rank, with the learning rate that belongs to it."""
    if factor == 1:
        return recipe
    rank = recipe.rank * factor
    ratio = _rate(recipe.variant, hidden_size, rank) / _rate(recipe.variant, hidden_size, recipe.rank)
    return replace(recipe, rank=rank, learning_rate=recipe.learning_rate * ratio)


def _rate(variant: Variant, hidden_size: int, rank: int) -> float:
    # What the rule takes from the rate at higher ranks, rsLoRA takes from the scale.
    return learning_rate(hidden_size, 8 if variant.stabilised else rank) * variant.rate
