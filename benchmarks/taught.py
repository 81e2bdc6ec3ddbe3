"""Modules that benchmarks teach themselves, outside of a memory: taught by a night's recipe, kept beside the record, asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import Options, kept_parts_hold, key_of, reader_files, watch
from benchmarks.routing_sets import vectors_of

if TYPE_CHECKING:
    import torch

    from slowwave.adapters_store.router import Router
    from slowwave.adapters_store.shape import SlotShape
    from slowwave.consolidation.rows import Lesson
    from slowwave.consolidation.train import Recipe
    from slowwave.model import BaseModel, Generated
    from slowwave.types import Fact

__all__ = ["Modules", "Taught", "answers", "claim", "discard", "fewer", "kept", "panel", "recipe_of", "surest", "teach"]

TOKENS = 24
"""The longest answer."""
BATCH = 32


@dataclass(frozen=True)
class Taught:
    """A module, and what the router and the check of answers may know of it."""

    vector: torch.Tensor
    """The Bs, shape (shape.size,), float32; zeros where no question could be written about any of the facts."""
    questions: tuple[tuple[str, str, str], ...]
    """(fact id, question, answer), trained or held out."""
    steps: int = 0
    recalled: float = 0.0
    """The share of the trained questions that were recalled in the last pass, by the vectors of which the module is the mean."""


@dataclass(frozen=True)
class Modules:
    """Modules "m0", "m1", ... of one base model, and the facts that each was taught."""

    base: BaseModel
    shape: SlotShape
    taught: tuple[Taught, ...]
    facts: tuple[tuple[Fact, ...], ...]

    @cached_property
    def vectors(self) -> torch.Tensor:
        """Shape (modules, shape.size)."""
        import torch

        return torch.stack([one.vector for one in self.taught])

    def router(self, embedder: str) -> Router:
        """A router with the rows that a memory would give it, calibrated on them."""
        from slowwave.adapters_store.router import Router, RouteRow

        vectors = vectors_of(embedder)
        rows: list[RouteRow] = []
        for number, (one, told) in enumerate(zip(self.taught, self.facts, strict=True)):
            known = {key for key, _, _ in one.questions}
            rows += [RouteRow(question, key, f"m{number}") for key, question, _ in one.questions]
            rows += [RouteRow(fact.text, fact.id, f"m{number}", "fact") for fact in told if fact.id in known]
        router = Router(rows, vectors([row.text for row in rows] or ["-"])[: len(rows)])
        router.calibrate(vectors)
        return router


# -- teaching ----------------------------------------------------------------------------------------------------------


def recipe_of(base: BaseModel, seed: int, options: Options) -> Recipe:
    """A night's recipe on this base model."""
    from slowwave import Settings
    from slowwave.consolidation.train import recipe_for

    return recipe_for(Settings.checked(**options.memory_settings(seed)), base.hidden_size)


def teach(
    base: BaseModel, facts: Sequence[Fact], seed: int, options: Options, *, most_answers: int = 0, epochs: int = 0
) -> Taught:
    """A module taught the facts with the usual recipe; no gate, and no second try for what was not learned.

    Args:
        facts: of one user, at least one.
        most_answers: how many things a fact is asked for, the first ones that were written; 0 for all.
        epochs: the most passes; 0 for the recipe's.
    """
    from slowwave.consolidation.lessons import write_lesson
    from slowwave.consolidation.skilled import built_in_writer
    from slowwave.consolidation.train import train

    recipe = recipe_of(base, seed, options)
    recipe = replace(recipe, epochs=epochs or recipe.epochs)
    with watch() as progress:
        lesson = fewer(write_lesson(facts[0].user_id, facts, built_in_writer(base), seed, progress), most_answers)
        parts = (lesson.trained, lesson.heldout)
        known = tuple((key, p.question, p.answer) for part in parts for key, pairs in part.items() for p in pairs)
        if not known:
            return Taught(recipe.shape(base).empty(), ())
        trained = train(base, lesson, recipe, progress=progress)
    return Taught(trained.vector, known, trained.steps, trained.recalled[-1])


def fewer(lesson: Lesson, most: int) -> Lesson:
    """The lesson with the first `most` answers of each fact; itself for 0."""
    if not most:
        return lesson
    chosen = {key: list(dict.fromkeys(p.answer for p in pairs))[:most] for key, pairs in lesson.trained.items()}
    trained, heldout = (
        {key: tuple(p for p in pairs if p.answer in chosen.get(key, ())) for key, pairs in part.items()}
        for part in (lesson.trained, lesson.heldout)
    )
    return replace(lesson, trained=trained, heldout=heldout)


def kept(options: Options, part: str, learn: Callable[[], Taught]) -> Taught:
    """A module that lies beside the record, or is taught now and put there; as `harness.remembered` is for figures."""
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import save

    from slowwave.files import write_atomically

    path = options.beside(f".{part}.safetensors")
    key = {**key_of(options), "readers": reader_files()}
    if path.exists() and kept_parts_hold(key):
        try:
            with safe_open(path, framework="pt") as stream:
                told = json.loads(stream.metadata()["told"])
                if told["key"] == key:
                    known = tuple((one[0], one[1], one[2]) for one in told["questions"])
                    return Taught(stream.get_tensor("vector"), known, told["steps"], told["recalled"])
        except (SafetensorError, OSError, KeyError, ValueError):
            pass  # half a file: it is taught again
    taught = learn()
    told = {"key": key, "questions": taught.questions, "steps": taught.steps, "recalled": taught.recalled}
    write_atomically(path, save({"vector": taught.vector.contiguous()}, metadata={"told": json.dumps(told)}))
    return taught


def discard(options: Options, start: str) -> None:
    """Delete the modules beside the record whose part begins so."""
    found: list[Path] = list(options.out.parent.glob(f"{options.beside('').name}.{start}*.safetensors"))
    for path in found:
        path.unlink()


# -- answering ---------------------------------------------------------------------------------------------------------


def answers(
    modules: Modules, vectors: torch.Tensor, asked: Sequence[tuple[int, str]], tokens: int = TOKENS
) -> list[Generated]:
    """What each (row of the vectors, question) is answered, closed book, greedily.

    Args:
        vectors: of the modules or of blends of them, shape (rows, shape.size).
    """
    from slowwave.prompts import conversation

    base = modules.base
    prompts = [base.encode(conversation(question)) for _, question in asked]
    stack = base.stack(modules.shape, vectors).of([row for row, _ in asked])
    return base.generate(prompts, tokens, stack, batch=BATCH)


def claim(text: str) -> str:
    """The answer, or nothing where it says that it does not know: then another module of a panel may, however sure this was."""
    from slowwave.prompts import is_unknown

    return "" if is_unknown(text) else text


def surest(candidates: Sequence[tuple[str, float]]) -> int:
    """Which (text, mean log-probability) a panel takes: the likeliest that says anything; of two alike the first.

    >>> surest([("red", -0.2), ("", -0.1), ("blue", -0.2)])
    0
    """
    return max(range(len(candidates)), key=lambda place: (bool(candidates[place][0]), round(candidates[place][1], 6)))


def panel(
    modules: Modules,
    asked: Sequence[tuple[Sequence[int], str]],
    tokens: int = TOKENS,
    checks: Sequence[Sequence[Callable[[str], str]]] = (),
) -> list[str]:
    """The surest answer to each (modules, question).

    Args:
        checks: for each question, what becomes of each module's answer before they are compared; `claim` if none are given.
    """
    said = iter(answers(modules, modules.vectors, [(row, q) for rows, q in asked for row in rows], tokens))
    found: list[str] = []
    for number, (rows, _) in enumerate(asked):
        some = [next(said) for _ in rows]
        checked = checks[number] if checks else [claim] * len(some)
        texts = [check(one.text) for check, one in zip(checked, some, strict=True)]
        found.append(texts[surest([(text, one.mean_logprob) for text, one in zip(texts, some, strict=True)])])
    return found
