"""Teaching one module: AdamW on one flat vector, completion-only loss, until every row is recalled.

Recall is a by-product of the loss: if every answer token has a probability above one half, greedy decoding repeats the
answer (Parametric Memory Law, arXiv 2605.30260), so the training stops there and the gate confirms by generation.
"""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slowwave.adapters_store.layout import write_atomically
from slowwave.adapters_store.shape import SlotShape
from slowwave.consolidation.canary import NIGHTLY, rehearsal
from slowwave.consolidation.rows import Lesson, Row, Shares, epoch_rows
from slowwave.model import BaseModel, Encoded
from slowwave.settings import Settings
from slowwave.types import Progress, no_progress

if TYPE_CHECKING:
    import torch

__all__ = ["Recipe", "Trained", "adam_step", "learning_rate", "recipe_for", "train"]

logger = logging.getLogger(__name__)

_RECALLED = math.log(0.5)


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
    patience: int = 2
    """How many passes in a row must be recalled as a whole before training stops."""
    recalled: float = 0.98
    """The share of a pass's closed-book rows that must be recalled."""
    read: float = 0.85
    """The same for the rows with facts in the prompt and those about things never said."""
    shares: Shares = field(default_factory=Shares)
    seed: int = 0

    def rate(self, step: int, total: int) -> float:
        """The learning rate of a step: a short rise, then a straight fall to a tenth."""
        return self.learning_rate * min(1.0, (step + 1) / self.warmup) * (1.0 - 0.9 * step / max(1, total))

    def as_json(self) -> dict[str, Any]:
        """The recipe for a manifest."""
        return asdict(self)


_EPOCHS = {"quick": 14, "normal": 24, "thorough": 40}


def learning_rate(hidden_size: int, rank: int) -> float:
    """The learning rate for a slot of a rank on a model of a width.

    It falls with the width by the rule of "LoRA Without Regret" (exponent 0.78), anchored at the rate that a sweep found
    at width 576 for a frozen A whose rows have norm 1.
    """
    return 3e-3 * math.pow(576 / hidden_size, 0.78) * math.sqrt(min(1.0, 8 / rank))


def recipe_for(settings: Settings, hidden_size: int) -> Recipe:
    """The recipe that settings mean for a base model of a given width."""
    rate = learning_rate(hidden_size, settings.rank)
    return Recipe(rank=settings.rank, learning_rate=rate, epochs=_EPOCHS[settings.effort], seed=settings.seed)


@dataclass
class Trained:
    """A module that has been taught, and how it went."""

    vector: torch.Tensor
    """Shape (shape.size,), float32."""
    steps: int = 0
    epochs: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    """Mean loss of each pass."""
    recalled: list[float] = field(default_factory=list)
    """Share of closed-book rows recalled in each pass, seen before the update."""
    read: list[float] = field(default_factory=list)
    """Share of the other rows answered right in each pass."""


def train(
    base: BaseModel,
    lesson: Lesson,
    recipe: Recipe,
    checkpoint: Path | None = None,
    progress: Progress = no_progress,
) -> Trained:
    """Teach a new module. With a checkpoint file it goes on where a killed run stopped, to the same bits.

    The state is saved after every pass, because the rows of a pass follow from the seed and the pass's number.
    """
    import torch

    shape = base.shape(recipe.rank)
    ordinary = rehearsal(base, count=NIGHTLY)
    state, trained = _restore(checkpoint, shape, base.device)
    slot = base.slot(shape, state["vector"])
    slot.vector.requires_grad_(True)
    steps_per_epoch = math.ceil(len(epoch_rows(lesson, recipe.seed, 0, recipe.shares, ordinary)) / recipe.batch)
    total = recipe.epochs * steps_per_epoch
    while trained.epochs < recipe.epochs and not _enough(trained, recipe):
        began = time.perf_counter()
        rows = epoch_rows(lesson, recipe.seed, trained.epochs, recipe.shares, ordinary)
        losses: list[float] = []
        right: dict[bool, list[bool]] = {True: [], False: []}  # closed book or not -> recalled or not
        for batch in _batches(base, rows, recipe.batch, recipe.seed + trained.epochs):
            progress("training", trained.steps, total)
            slot.refresh()
            logprobs = base.answer_logprobs([encoded for _, encoded in batch], slot)
            for (row, _), values in zip(batch, logprobs, strict=True):
                if row.form != "ordinary":
                    right[row.form == "closed"].append(bool((values > _RECALLED).all()))
            loss = -torch.cat(logprobs).mean()
            loss.backward()
            adam_step(slot.vector, state, trained.steps, recipe.rate(trained.steps, total), clip=recipe.clip)
            trained.steps += 1
            losses.append(float(loss.detach()))
        trained.epochs += 1
        trained.losses.append(sum(losses) / len(losses))
        trained.recalled.append(_share(right[True]))
        trained.read.append(_share(right[False]))
        trained.seconds += time.perf_counter() - began
        figures = (trained.epochs, trained.losses[-1], trained.recalled[-1], trained.read[-1])
        logger.debug("pass %d: loss %.4f, recalled %.3f, read %.3f", *figures)
        if checkpoint is not None:
            _save(checkpoint, state, trained)
    progress("training", total, total)
    # Rounded to what is stored, so that the gate examines exactly what will answer.
    trained.vector = state["vector"].detach().cpu().to(torch.bfloat16).to(torch.float32)
    return trained


def _enough(trained: Trained, recipe: Recipe) -> bool:
    last = list(zip(trained.recalled, trained.read, strict=True))[-recipe.patience :]
    enough = (recalled >= recipe.recalled and read >= recipe.read for recalled, read in last)
    return len(last) == recipe.patience and all(enough)


def _share(marks: list[bool]) -> float:
    return sum(marks) / len(marks) if marks else 1.0


def _batches(base: BaseModel, rows: list[Row], size: int, seed: int) -> list[list[tuple[Row, Encoded]]]:
    """Encoded rows in batches of like length (padding is paid for), the batches in random order."""
    encoded = [(row, base.encode(row.messages, row.answer, ends=row.ends, own=row.form == "ordinary")) for row in rows]
    encoded.sort(key=lambda pair: len(pair[1].ids))
    batches = [encoded[start : start + size] for start in range(0, len(encoded), size)]
    random.Random(seed).shuffle(batches)
    return batches


def adam_step(
    vector: torch.Tensor,
    state: Mapping[str, torch.Tensor],
    step: int,
    rate: float,
    *,
    clip: float = 1.0,
    slow: int | None = None,
) -> None:
    """One AdamW step without weight decay (Kingma and Ba, 2015) on the flat vector, in place.

    Args:
        state: "first" and "second" moments, both of the vector's shape; updated.
        step: how many steps were made before.
        slow: where the As of the vector begin, which learn at a sixteenth of the rate (LoRA+, arXiv 2402.12354).
    """
    import torch

    gradient = vector.grad
    if gradient is None:
        raise RuntimeError("the slot took no part in the forward pass")
    with torch.no_grad():
        norm = float(gradient.norm())
        gradient *= min(1.0, clip / (norm + 1e-6))
        first, second = state["first"], state["second"]
        first.mul_(0.9).add_(gradient, alpha=0.1)
        second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        scale = math.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        fast = slice(0, slow)
        vector[fast].addcdiv_(first[fast], second[fast].sqrt().add_(1e-8), value=-rate * scale)
        if slow is not None:
            rest = slice(slow, None)
            vector[rest].addcdiv_(first[rest], second[rest].sqrt().add_(1e-8), value=-rate * scale / 16)
        vector.grad = None


def _restore(checkpoint: Path | None, shape: SlotShape, device: str) -> tuple[dict[str, torch.Tensor], Trained]:
    import torch
    from safetensors import SafetensorError, safe_open

    names = ("vector", "first", "second")
    if checkpoint is not None and checkpoint.exists():
        try:
            with safe_open(checkpoint, framework="pt") as stream:
                state = {name: stream.get_tensor(name).to(device) for name in names}
                history = json.loads(stream.metadata()["history"])
            if state["vector"].shape == (shape.size,):
                return state, Trained(vector=state["vector"], **history)
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            logger.warning("a training checkpoint cannot be read and is started over: %s", error)
    state = {name: torch.zeros(shape.size, device=device) for name in names}
    return state, Trained(vector=state["vector"])


def _save(checkpoint: Path, state: dict[str, torch.Tensor], trained: Trained) -> None:
    from safetensors.torch import save

    history = {k: v for k, v in vars(trained).items() if k != "vector"}
    tensors = {name: tensor.detach().cpu() for name, tensor in state.items()}
    write_atomically(checkpoint, save(tensors, metadata={"history": json.dumps(history)}))
