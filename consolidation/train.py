"""Teaching one module: AdamW on one flat vector, by default with completion-only loss, until its rows are recalled.

Recall is a by-product of the loss: if every answer token has a probability above one half, greedy decoding repeats the
answer (Parametric Memory Law, arXiv 2605.30260). So training stops soon after the last passes together were recalled and
read, the module is the running mean of the vector over these passes, and the gate confirms by generation.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from slowwave.adapters_store.shape import SlotShape
from slowwave.consolidation.canary import NIGHTLY, rehearsal
from slowwave.consolidation.formats import with_formats
from slowwave.consolidation.recipes import Recipe, learning_rate, recipe_for, scaled
from slowwave.consolidation.rows import TELLING, Form, Lesson, Row, epoch_rows
from slowwave.consolidation.teacher import TAUGHT, ask_teacher, coarse_kl, key_of
from slowwave.files import write_atomically
from slowwave.model import BaseModel, Encoded, Slot, Stack
from slowwave.packing import families
from slowwave.types import Progress, no_progress

if TYPE_CHECKING:
    import torch

__all__ = ["Batch", "Course", "Recipe", "Trained", "adam_step", "learning_rate", "recipe_for", "scaled", "train"]

logger = logging.getLogger(__name__)

_RECALLED = math.log(0.5)
_SURE = math.log(0.9)
_LAID_OUT = 2048
"""The most tokens of a batch whose rows are laid out as branches: each of them is compared with each."""
_ROUNDING = 1e-9
"""So that 17 and 19 of 20 are nine tenths."""
_TWICE = 2
"""Passes in a row in which an answer must be sure to be spared."""
_SPARED: frozenset[Form] = frozenset({"closed", "true_fact", "distractors"})
"""Forms whose rows come back as they were; the others are invented anew in every pass."""

Batch = list[tuple[Row, Encoded]]


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
    """Share of closed-book rows recalled in each pass: by the vector before each update, not by the mean."""
    read: list[float] = field(default_factory=list)
    """Share of the other rows answered right in each pass."""
    sure: dict[str, int] = field(default_factory=dict)
    """In how many passes in a row an answer was sure; only where sure ones are spared."""


@dataclass
class _Marks:
    """What was recalled in the pass under way."""

    recalled: list[bool] = field(default_factory=list)
    read: list[bool] = field(default_factory=list)
    sure: dict[str, bool] = field(default_factory=dict)
    """Whether every row of a kind was recalled with a wide margin, by `_name`."""


class Course:
    """One module's training under way: which rows come next, what is lost on them, and when it is enough.

    Rows follow from the seed and the pass's number alone, so the state that is saved after a pass is all there is.
    """

    def __init__(self, base: BaseModel, lesson: Lesson, recipe: Recipe, checkpoint: Path | None = None) -> None:
        self.base, self.recipe, self.checkpoint = base, recipe, checkpoint
        self.lesson = with_formats(lesson, recipe.shares)
        self.ordinary = rehearsal(base, count=NIGHTLY)
        shape = recipe.shape(base)
        self.state, self.trained = _restore(checkpoint, shape, base.device)
        self.slot = base.slot(shape, self.state["vector"])
        self.slot.vector.requires_grad_(True)
        self.slow = sum(shape.sizes) if recipe.variant.ratio != 1.0 else None
        self.teacher = ask_teacher(base, self.lesson, recipe.variant.top) if recipe.variant.teacher else {}
        self.total = recipe.epochs * len(_batches(base, self._rows(0), recipe.batch, recipe.seed))
        """The most steps that there can be, up to a few: passes are packed alike, not the same."""
        self.span = recipe.averaged * self.total / recipe.epochs
        """The steps of the running mean: up to so many it is a plain one, then each new vector counts for one part in so many."""
        self.losses: list[float] = []
        self.marks = _Marks()

    def batches(self) -> Iterator[Batch]:
        """The batches of pass after pass until it is enough; `learn` from each before asking for the next."""
        trained, recipe = self.trained, self.recipe
        while trained.epochs < recipe.epochs and not _enough(trained, recipe):
            began = time.perf_counter()
            self.losses, self.marks = [], _Marks()
            rows = self._without_sure(self._rows(trained.epochs))
            yield from _batches(self.base, rows, recipe.batch, recipe.seed + trained.epochs)
            trained.epochs += 1
            trained.losses.append(sum(self.losses) / len(self.losses))
            trained.recalled.append(_share(self.marks.recalled))
            trained.read.append(_share(self.marks.read))
            for name, sure in self.marks.sure.items():
                trained.sure[name] = trained.sure.get(name, 0) + 1 if sure else 0
            trained.seconds += time.perf_counter() - began
            figures = (trained.epochs, trained.losses[-1], trained.recalled[-1], trained.read[-1])
            logger.debug("pass %d: loss %.4f, recalled %.3f, read %.3f", *figures)
            if self.checkpoint is not None:
                _save(self.checkpoint, self.state, trained)

    def asked(self, batch: Batch) -> list[Encoded]:
        """The rows as they are learned: where the prompt counts, all but the first token is answer."""
        return [Encoded(encoded.ids, 1) if self._is_whole(row) else encoded for row, encoded in batch]

    def ask(self, rows: list[Encoded], slot: Slot | Stack) -> list[torch.Tensor]:
        """One forward pass, for `loss`: log-probabilities, (tokens,) a row, or (tokens, vocabulary) where there is a teacher."""
        if self.teacher:
            return self.base.answer_distributions(rows, slot)
        if isinstance(slot, Stack) or sum(len(row.ids) for row in rows) > _LAID_OUT:
            return self.base.answer_logprobs(rows, slot)
        kin = families(rows)
        said = self.base.branch_logprobs([[rows[index] for index in some] for some in kin], slot)
        by_row = dict(zip((index for some in kin for index in some), said, strict=True))
        return [by_row[index] for index in range(len(rows))]

    def loss(self, batch: Batch, said: Sequence[torch.Tensor]) -> torch.Tensor:
        """The mean loss of a batch's tokens, in nats; also notes which rows were recalled."""
        import torch

        share = self.recipe.variant.teacher
        counted: list[torch.Tensor] = []
        for (row, encoded), asked, values in zip(batch, self.asked(batch), said, strict=True):
            right, before = values, encoded.prompt - asked.prompt  # (tokens,); so many of them are of the prompt
            if self.teacher:
                wanted = torch.tensor(asked.ids[asked.prompt :], device=values.device)
                right = values.gather(1, wanted[:, None])[:, 0]  # (tokens, vocabulary) -> (tokens,)
            self._note(row, right[before:])
            if row.form in TAUGHT and (known := self.teacher.get(key_of(row))) is not None:
                taught = (1.0 - share) * right[before:] - share * coarse_kl(values[before:], *known)
                right = torch.cat([right[:before], taught])
            counted.append(right)
        return -torch.cat(counted).mean()

    def learn(self, loss: torch.Tensor) -> None:
        """One step, after the loss has gone backward."""
        import torch

        rate = self.recipe.rate(self.trained.steps, self.total)
        clip, ratio = self.recipe.clip, self.recipe.variant.ratio
        adam_step(self.slot.vector, self.state, self.trained.steps, rate, clip=clip, slow=self.slow, ratio=ratio)
        self.trained.steps += 1
        self.losses.append(float(loss.detach()))
        with torch.no_grad():  # a plain mean of the first steps, then one that forgets
            self.state["mean"].lerp_(self.slot.vector, 1.0 / max(1.0, min(self.span, self.trained.steps)))

    def module(self) -> torch.Tensor:
        """What would be published now, shape (shape.size,): the running mean of the vector, with a span of about two passes.

        From step to step a vector goes to and fro between answering too readily and too rarely, and the mean does not
        (averaged weights: Polyak and Juditsky, 1992; arXiv 1803.05407). Rounded to what is stored, so that the gate
        examines exactly what will answer.
        """
        import torch

        return self.state["mean"].detach().cpu().to(torch.bfloat16).to(torch.float32)

    def finish(self) -> Trained:
        """What became of it."""
        self.trained.vector = self.module()
        return self.trained

    def _rows(self, epoch: int) -> list[Row]:
        return epoch_rows(self.lesson, self.recipe.seed, epoch, self.recipe.shares, self.ordinary)

    def _is_whole(self, row: Row) -> bool:
        """Whether the prompt counts too. Never where facts stand in it: some of them are invented."""
        return row.original or (self.recipe.variant.whole and row.form == "closed")

    def _note(self, row: Row, values: torch.Tensor) -> None:
        """Whether a row was recalled, seen before the update."""
        told = row.form in TELLING
        if row.form != "ordinary" and not (told and self.recipe.shares.closed):
            marks = self.marks.recalled if told or row.form == "closed" else self.marks.read
            marks.append(bool((values > _RECALLED).all()))
        if self.recipe.variant.every > 1 and row.form in _SPARED:
            name, sure = _name(row), bool((values > _SURE).all())
            self.marks.sure[name] = sure and self.marks.sure.get(name, True)

    def _without_sure(self, rows: list[Row]) -> list[Row]:
        """The rows of a pass that are shown: not those that were sure twice, unless it is their turn."""
        if self.trained.epochs % self.recipe.variant.every == 0:
            return rows
        spared = [row.form in _SPARED and self.trained.sure.get(_name(row), 0) >= _TWICE for row in rows]
        if all(spared):
            return rows
        for row, gone in zip(rows, spared, strict=True):
            if gone:  # as it was the last time
                (self.marks.recalled if row.form == "closed" else self.marks.read).append(True)
        return [row for row, gone in zip(rows, spared, strict=True) if not gone]


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
    course = Course(base, lesson, recipe, checkpoint)
    for batch in course.batches():
        progress("training", min(course.trained.steps, course.total), course.total)
        course.slot.refresh()
        loss = course.loss(batch, course.ask(course.asked(batch), course.slot))
        loss.backward()
        course.learn(loss)
    progress("training", course.total, course.total)
    return course.finish()


def _name(row: Row) -> str:
    """What is recalled or not, whatever the phrasing: a hash, for it is written into checkpoints."""
    return hashlib.sha256(f"{row.form}\0{row.fact_id}\0{row.answer}".encode()).hexdigest()[:16]


def _enough(trained: Trained, recipe: Recipe) -> bool:
    """Whether so many passes ago the last ones together were recalled and read."""
    until = max(0, trained.epochs - recipe.further)
    last = slice(max(0, until - recipe.patience), until)
    known = ((trained.recalled[last], recipe.recalled), (trained.read[last], recipe.read))
    return all(
        len(values) == recipe.patience and sum(values) >= least * len(values) - _ROUNDING for values, least in known
    )


def _share(marks: list[bool]) -> float:
    return sum(marks) / len(marks) if marks else 1.0


def _batches(base: BaseModel, rows: list[Row], size: int, seed: int) -> list[Batch]:
    """Encoded rows in batches of like length (padding is paid for), the batches in random order.

    Rows about one list of facts stay together, so that the list is read once for them.
    """
    encoded = [(row, base.encode(row.messages, row.answer, ends=row.ends, own=row.form == "ordinary")) for row in rows]
    kin: dict[object, Batch] = {}
    for index, pair in enumerate(encoded):
        kin.setdefault(pair[0].facts or index, []).append(pair)
    units = [some[start : start + size] for some in kin.values() for start in range(0, len(some), size)]
    units.sort(key=lambda unit: max(len(one.ids) for _, one in unit))
    batches: list[Batch] = []
    for unit in units:
        if batches and len(batches[-1]) + len(unit) <= size:
            batches[-1] = [*batches[-1], *unit]
        else:
            batches.append(unit)
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
    ratio: float = 16.0,
) -> None:
    """One AdamW step without weight decay (Kingma and Ba, 2015) on the flat vector, in place.

    Args:
        state: "first" and "second" moments, both of the vector's shape; updated.
        step: how many steps were made before.
        slow: where the As of the vector begin, which learn more slowly (LoRA+, arXiv 2402.12354).
        ratio: how much more slowly.
    """
    import torch

    gradient = vector.grad
    if gradient is None:
        raise RuntimeError("the slot took no part in the forward pass")
    with torch.no_grad():
        norm = float(gradient.norm())
        if not math.isfinite(norm):  # one such step would make entries of the moments no numbers, for good
            logger.debug("step %d: a gradient that is not finite is left out", step)
            vector.grad = None
            return
        gradient *= min(1.0, clip / (norm + 1e-6))
        first, second = state["first"], state["second"]
        first.mul_(0.9).add_(gradient, alpha=0.1)
        second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        scale = math.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        fast = slice(0, slow)
        vector[fast].addcdiv_(first[fast], second[fast].sqrt().add_(1e-8), value=-rate * scale)
        if slow is not None:
            rest = slice(slow, None)
            vector[rest].addcdiv_(first[rest], second[rest].sqrt().add_(1e-8), value=-rate * scale / ratio)
        vector.grad = None


def _restore(checkpoint: Path | None, shape: SlotShape, device: str) -> tuple[dict[str, torch.Tensor], Trained]:
    import torch
    from safetensors import SafetensorError, safe_open

    names = ("vector", "mean", "first", "second")
    if checkpoint is not None and checkpoint.exists():
        try:
            with safe_open(checkpoint, framework="pt") as stream:
                # Cloned, for what is read from a file lies where it lies there, and the bits of a sum follow from that.
                state = {name: stream.get_tensor(name).to(device).clone() for name in names}
                history = json.loads(stream.metadata()["history"])
            if state["vector"].shape == (shape.size,):
                return state, Trained(vector=state["vector"], **history)
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            logger.warning("a training checkpoint cannot be read and is started over: %s", error)
    state = {name: torch.zeros(shape.size, device=device) for name in names}
    state |= {name: shape.empty().to(device) for name in ("vector", "mean")}
    return state, Trained(vector=state["vector"])


def _save(checkpoint: Path, state: dict[str, torch.Tensor], trained: Trained) -> None:
    from safetensors.torch import save

    history = {k: v for k, v in vars(trained).items() if k != "vector"}
    tensors = {name: tensor.detach().cpu() for name, tensor in state.items()}
    write_atomically(checkpoint, save(tensors, metadata={"history": json.dumps(history)}))
