"""Preparing a base model: the skills it lacks are trained on invented facts, examined, and kept for good.

The reader answers from facts in its prompt and says when the answer is not there; it is folded into the base model. The
writer turns facts into questions; a night puts it on. Neither holds anything about anybody. A base model that passes the
exam by itself gets no skill, nor does one that training makes no better.
"""

from __future__ import annotations

import json
import logging
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slowwave.adapters_store.shape import SlotShape
from slowwave.adapters_store.skills import Skill, SkillName, find_skill, identity, load_vector, save_skill, skill_path
from slowwave.consolidation.asking import writer_exam, writer_sheet
from slowwave.consolidation.canary import HARMS, harm, rehearsal
from slowwave.consolidation.gate import is_right
from slowwave.consolidation.reading import EXAMS, Exercise, exam_sheet, reader_sheet
from slowwave.consolidation.train import adam_step, learning_rate
from slowwave.errors import SlowwaveError, WeightsError
from slowwave.files import write_atomically
from slowwave.loading import load_base, put_away
from slowwave.model import BaseModel, Encoded, Slot
from slowwave.prompts import UNKNOWN, is_unknown
from slowwave.settings import Settings
from slowwave.types import Progress, labelled, no_progress
from slowwave.weights import base_model

if TYPE_CHECKING:
    import torch

__all__ = ["SKILLS", "SkillRecipe", "examine_skill", "is_exercise_right", "is_slip", "prepare", "teach"]

logger = logging.getLogger(__name__)

_LONGEST = 24
"""Tokens of a reader's answer in the exam."""
_CHECKPOINT = 20
"""Steps between two checkpoints."""


@dataclass(frozen=True)
class SkillRecipe:
    """How a skill is trained: a row of `SKILLS`."""

    name: SkillName
    sheet: Callable[[random.Random, float], list[Exercise]]
    """Exercises whose prompts begin alike, for a moment of the training between 0 and 1."""
    steps: int
    sheets: int = 1
    """Sheets per step."""
    ordinary: int = 2
    """One ordinary prompt is rehearsed every so many steps."""
    rank: int = 4
    layers: str = "linear"
    """On which layers the skill acts; "ffn" is half as large."""
    warmup: int = 10
    steady: float = 0.6
    """From which share of the steps on the learning rate falls."""
    passed: float = 0.9
    """A base model whose exam gives this much or more by itself gets no such skill."""
    harm: float = 0.2
    """By how much the losses on prose and on the base's own answers may rise, as a share of what they were."""
    exam: int = 24
    """Exercises of each kind in the exam; the shipped reader was examined with 32."""

    def key(self) -> str:
        """What decides the skill, besides the base model and the seed."""
        return json.dumps({k: v for k, v in asdict(self).items() if k != "sheet"}, sort_keys=True)

    def pace(self, step: int) -> float:
        """The share of the learning rate in a step: up in `warmup` steps, full for most of the way, down to a twentieth."""
        rest = (self.steps - step) / (self.steps * (1.0 - self.steady))
        return min(1.0, (step + 1) / self.warmup, 0.05 + 0.95 * rest)


def _eight(rng: random.Random, done: float) -> list[Exercise]:
    return reader_sheet(rng, 8, done)


def _any_time(rng: random.Random, _: float) -> list[Exercise]:
    return writer_sheet(rng)


SKILLS: Mapping[SkillName, SkillRecipe] = {
    "reader": SkillRecipe("reader", _eight, steps=440),
    "writer": SkillRecipe("writer", _any_time, steps=160, sheets=3, layers="ffn", passed=0.7, exam=18),
}
"""The recipes; what they gave on the default base model is in benchmarks/LOG.md."""


def prepare(
    settings: Settings,
    *,
    names: Sequence[SkillName] = ("reader", "writer"),
    seed: int = 0,
    again: bool = False,
    recipes: Mapping[SkillName, SkillRecipe] = SKILLS,
    progress: Progress = no_progress,
) -> dict[SkillName, Skill]:
    """Make sure that the base model of these settings has its skills; trains and examines those that are missing.

    Killed at any point, the next call goes on where this one stopped.

    Args:
        names: which skills; the writer lies on the reader, so it comes last.
        seed: of the invented facts and their order.
        again: train anew even if there are skills. What is there is kept unless the new skill scores at least as much and
            does no harm; modules that were trained on a reader that is replaced stay silent until a night learns their
            facts again. A skill's file removed from the cache brings the shipped one back, where there is one.

    Raises:
        WeightsError: the base model cannot be used, or the cache folder cannot keep what would be trained.
    """
    found: dict[SkillName, Skill] = {}
    under = base_model(settings.model, progress).sha256
    for name in names:
        skill = None if again else find_skill(name, under)
        if skill is None:
            skill = _prepare_alone(settings, recipes[name], under, seed, labelled(progress, name), again=again)
        found[name] = skill
        under = identity(under, skill)
    return found


def _prepare_alone(
    settings: Settings, recipe: SkillRecipe, under: str, seed: int, progress: Progress, *, again: bool
) -> Skill:
    name = recipe.name
    try:
        with _alone(skill_path(name, under), progress):
            there = find_skill(name, under)
            if there is not None and not again:
                return there  # somebody else was faster
            base = load_base(settings, progress, plain=name == "reader")
            skill = _prepare(base, recipe, seed, progress, there)
            if name == "reader" and skill.needed:
                put_away(base)  # with the reader it is another one, and both need the room
            return skill
    except OSError as error:
        if isinstance(error, SlowwaveError):
            raise
        reason = f"it cannot be kept in the cache folder ({error.strerror or type(error).__name__})"
        remedy = "Change the folder's rights, or set SLOWWAVE_CACHE to a folder that can be written."
        raise WeightsError(f"{name} skill", reason, remedy) from error


@contextmanager
def _alone(path: Path, progress: Progress) -> Iterator[None]:
    """One process, and one thread of it, prepares a skill at a time; and none that could not keep it in the end.

    Raises:
        OSError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.stem}.lock"), thread_local=False)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=1)
        except Timeout:
            progress("wait for another preparation", 0, 0)
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass  # an old lock opens also where nothing new can be written
        yield
    finally:
        lock.release()


def _prepare(base: BaseModel, recipe: SkillRecipe, seed: int, progress: Progress, there: Skill | None) -> Skill:
    path = skill_path(recipe.name, base.ref.sha256)
    before = examine_skill(base, None, recipe, progress=progress)
    details: dict[str, Any] = {"recipe": json.loads(recipe.key()), "seed": seed, "before": before}
    old, known = _known(base, recipe, there, progress)
    if before["mean"] >= recipe.passed and old is None:
        logger.info("the base model needs no %s: it scores %.2f by itself", recipe.name, before["mean"])
        return save_skill(path, recipe.name, base.ref.sha256, recipe.rank, None, details, recipe.layers)
    checkpoint = path.with_suffix(".part")
    vector = teach(base, recipe, seed, checkpoint, progress)
    after = examine_skill(
        base, base.slot(base.skill_shape(recipe.rank, recipe.layers), vector), recipe, progress=progress
    )
    details["after"] = after
    # Worse than nothing is not put under anybody's memory, nor what spoils the model for everything else.
    spoilt = [name for name in HARMS if after[name] > (1 + recipe.harm) * before[name]]
    why = ""
    if spoilt:
        why = f"it does harm ({', '.join(spoilt)})"
    elif after["mean"] <= before["mean"]:
        why = "it is no better than the base model alone"
    elif after["mean"] < known:
        why = f"it scores {after['mean']:.2f}, and the one that is there {known:.2f}"
    logger.info("%s: %.2f before, %.2f after", recipe.name, before["mean"], after["mean"])
    if why:
        details["refused"] = why
        stays = "" if old is None else "; the one that is there stays"
        logger.warning("the %s was refused: %s%s", recipe.name, why, stays)
    if why and old is not None:
        skill = replace(old, details={**old.details, "again": {"after": after, "refused": why}})
    else:
        kept = None if why else vector
        skill = save_skill(path, recipe.name, base.ref.sha256, recipe.rank, kept, details, recipe.layers)
    checkpoint.unlink(missing_ok=True)
    if old is not None and skill.sha256 != old.sha256:
        skill = replace(skill, details={**details, "replaced": old.sha256})
        if recipe.name == "reader":
            logger.warning("the reader was replaced: modules trained on the old one wait for a night that learns anew")
    return skill


def _known(base: BaseModel, recipe: SkillRecipe, there: Skill | None, progress: Progress) -> tuple[Skill | None, float]:
    """The skill that would be replaced, if it can be used, and its mean in the exam that the new one has to pass."""
    if there is None or not there.needed:
        return None, 0.0
    try:
        slot = base.slot(base.skill_shape(there.rank, there.layers), load_vector(there))
    except WeightsError as error:
        logger.warning("%s", error)
        return None, 0.0
    return there, examine_skill(base, slot, recipe, progress=progress)["mean"]


def teach(
    base: BaseModel,
    recipe: SkillRecipe,
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Progress = no_progress,
) -> torch.Tensor:
    """Train a skill; returns its flat vector, shape (base.skill_shape(rank, layers).size,), as it will be stored.

    Every step sees new exercises that follow from the seed and the step's number alone, so that a killed run goes on
    from its checkpoint to the same bits.
    """
    import torch

    shape = base.skill_shape(recipe.rank, recipe.layers)
    rehearsed = rehearsal(base)
    key = f"{base.ref.sha256} {seed} {recipe.key()}"
    done, state = _restore(checkpoint, key, shape)
    slot = base.slot(shape, state["vector"].to(base.device))
    moments = {name: state[name].to(base.device) for name in ("first", "second")}
    slot.vector.requires_grad_(True)
    top = learning_rate(base.hidden_size, recipe.rank)
    losses: list[float] = []
    for step in range(done, recipe.steps):
        progress("training", step, recipe.steps)
        rng = random.Random(f"{recipe.name}:{seed}:{step}")
        groups = [_encoded(base, recipe.sheet(rng, step / recipe.steps)) for _ in range(recipe.sheets)]
        if rehearsed and step % recipe.ordinary == 0:
            groups.append([rng.choice(rehearsed).encoded(base)])
        slot.refresh()
        # A long answer counts no more than a short one: what matters is mostly decided at its first token.
        loss = -torch.stack([row.mean() for row in base.branch_logprobs(groups, slot)]).mean()
        loss.backward()
        adam_step(slot.vector, moments, step, top * recipe.pace(step), slow=sum(shape.sizes) if shape.own_a else None)
        losses.append(float(loss.detach()))
        if (step + 1) % _CHECKPOINT == 0:
            logger.debug("%s step %d: mean loss %.4f", recipe.name, step + 1, sum(losses) / len(losses))
            losses.clear()
        if checkpoint is not None and (step + 1) % _CHECKPOINT == 0:
            _save(checkpoint, key, step + 1, {"vector": slot.vector, **moments})
    progress("training", recipe.steps, recipe.steps)
    return slot.vector.detach().cpu().to(torch.bfloat16).to(torch.float32)


def examine_skill(
    base: BaseModel,
    slot: Slot | None,
    recipe: SkillRecipe,
    *,
    seed: int = 0,
    progress: Progress = no_progress,
) -> dict[str, float]:
    """The marks of a skill, or of the base model without one, on relations and wordings that are never trained.

    Shares between 0 and 1 by kind and their mean; "neutral" and "instructions" are losses in nats per token (`harm`).
    """
    marks = _reader_marks if recipe.name == "reader" else _writer_marks
    found = marks(base, slot, recipe.exam, seed, progress)
    return {**found, **harm(base, slot)}


def _reader_marks(base: BaseModel, slot: Slot | None, count: int, seed: int, progress: Progress) -> dict[str, float]:
    marks: dict[str, float] = {}
    for number, kind in enumerate(EXAMS):
        progress("exam", number, len(EXAMS))
        exercises = exam_sheet(kind, seed, count)
        said = base.generate([base.encode(one.messages) for one in exercises], _LONGEST, slot)
        right = [is_exercise_right(exercise, answer.text) for exercise, answer in zip(exercises, said, strict=True)]
        marks[kind] = round(sum(right) / len(right), 4)
    progress("exam", len(EXAMS), len(EXAMS))
    marks["mean"] = round(sum(marks.values()) / len(marks), 4)
    return marks


def is_exercise_right(exercise: Exercise, said: str) -> bool:
    """Whether what was said is the exercise's answer, and nothing that it must not say."""
    if is_slip(exercise, said):
        return False
    return is_unknown(said) if exercise.answer == UNKNOWN else is_right(said, exercise.answer)


def is_slip(exercise: Exercise, said: str) -> bool:
    """Whether an answer holds what it must not say: the word that an order wants, or what was true at any time before."""
    return any(word.casefold() in said.casefold() for word in (exercise.forbidden, *exercise.older) if word)


def _writer_marks(base: BaseModel, slot: Slot | None, count: int, seed: int, progress: Progress) -> dict[str, float]:
    """How many of the drafted pairs are good, and how many good ones there are for one fact.

    Good: the answer stands in the fact, the question does not tell it, and with the fact in the prompt leads back to it.
    """
    from slowwave.consolidation.skilled import SkilledWriter

    writer = SkilledWriter(base, slot)
    kept = written = 0
    exam = writer_exam(seed, count)
    for number, (fact, _) in enumerate(exam):
        progress("exam", number, len(exam))
        drafted = writer.draft(fact)
        written += len(drafted)
        kept += len(writer.check(fact, drafted))
    progress("exam", len(exam), len(exam))
    share = kept / written if written else 0.0
    # Few pairs are as useless as bad ones: four a fact are wanted.
    return {"good": share, "pairs": kept / count, "mean": round(share * min(1.0, kept / count / 4), 4)}


def _encoded(base: BaseModel, exercises: Sequence[Exercise]) -> list[Encoded]:
    return [base.encode(one.messages, one.answer) for one in exercises]


def _restore(checkpoint: Path | None, key: str, shape: SlotShape) -> tuple[int, dict[str, torch.Tensor]]:
    import torch
    from safetensors import SafetensorError, safe_open

    names = ("vector", "first", "second")
    if checkpoint is not None and checkpoint.exists():
        try:
            with safe_open(checkpoint, framework="pt") as stream:
                about = stream.metadata()
                if about["key"] == key:
                    return int(about["step"]), {
                        name: torch.as_tensor(stream.get_tensor(name)).clone() for name in names
                    }
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            logger.warning("a checkpoint of a skill cannot be read and is started over: %s", type(error).__name__)
    return 0, {"vector": shape.empty(), "first": torch.zeros(shape.size), "second": torch.zeros(shape.size)}


def _save(checkpoint: Path, key: str, step: int, state: Mapping[str, torch.Tensor]) -> None:
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    try:
        write_atomically(checkpoint, save(tensors, metadata={"key": key, "step": str(step)}))
    except OSError as error:  # without it a killed training starts over, and that is all
        logger.warning("a checkpoint of a skill cannot be written: %s", error.strerror or type(error).__name__)
