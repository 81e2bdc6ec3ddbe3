"""Teaching several modules of one base model in one forward pass: a GPU is filled by modules sooner than by large batches.

Each row of the joint batch is read with the module that it belongs to (`slowwave.slot.Stack`), and each module makes its
own steps. A module comes out as if it were taught alone, up to rounding: not to the same bits, so a night, which promises
that a module's bits follow from its facts alone, teaches one after another.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from slowwave.consolidation.recipes import Recipe
from slowwave.consolidation.rows import Lesson
from slowwave.consolidation.train import Course, Trained, train
from slowwave.model import BaseModel
from slowwave.types import Progress, labelled, no_progress

__all__ = ["train_many"]

logger = logging.getLogger(__name__)

_AT_ONCE = 8
"""The most modules in one forward pass."""


def train_many(
    base: BaseModel,
    lessons: Sequence[Lesson],
    recipe: Recipe,
    *,
    checkpoints: Sequence[Path] = (),
    at_once: int = _AT_ONCE,
    progress: Progress = no_progress,
) -> list[Trained]:
    """Teach a module for each lesson, several at once; returns them in the lessons' order.

    Modules that cannot lie side by side (with As of their own, with magnitudes), and groups that do not fit into the
    device's memory, are taught one after another.

    Args:
        checkpoints: a file for each lesson, where its module is saved after every pass of its own.
        at_once: the most modules in one forward pass.
    """
    files: list[Path | None] = list(checkpoints) or [None] * len(lessons)
    work = list(zip(lessons, files, strict=True))
    done: list[Trained] = []
    size = at_once if recipe.variant.mergeable else 1
    for start in range(0, len(work), size):
        some = work[start : start + size]
        label = labelled(progress, f"modules {start + 1} to {start + len(some)} of {len(work)}")
        done += _group(base, some, recipe, label)
    return done


def _group(
    base: BaseModel, work: Sequence[tuple[Lesson, Path | None]], recipe: Recipe, progress: Progress
) -> list[Trained]:
    import torch

    if len(work) > 1:
        try:
            return _together([Course(base, lesson, recipe, file) for lesson, file in work], progress)
        except torch.OutOfMemoryError:
            logger.warning("%d modules do not fit into memory at once and are taught one after another", len(work))
    return [train(base, lesson, recipe, file, progress) for lesson, file in work]


def _together(courses: Sequence[Course], progress: Progress) -> list[Trained]:
    """Teach courses of one recipe until the last has enough; a module that has enough takes no more part."""
    import torch

    base, shape = courses[0].base, courses[0].slot.shape
    running = [(course, course.batches()) for course in courses]
    total = sum(course.total for course in courses)
    while turn := [(course, batch) for course, batches in running if (batch := next(batches, None)) is not None]:
        progress("training", sum(course.trained.steps for course in courses), total)
        vectors = torch.stack([course.slot.vector for course, _ in turn])  # (modules, shape.size)
        owners = [index for index, (_, batch) in enumerate(turn) for _ in batch]
        rows = [row for course, batch in turn for row in course.asked(batch)]
        said = iter(turn[0][0].ask(rows, base.stack(shape, vectors).of(owners)))
        losses = [course.loss(batch, [next(said) for _ in batch]) for course, batch in turn]
        torch.stack(losses).sum().backward()  # the rows of one module say nothing about another's vector
        for (course, _), loss in zip(turn, losses, strict=True):
            course.learn(loss)
    progress("training", total, total)
    return [course.finish() for course in courses]
