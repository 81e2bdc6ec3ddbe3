"""Several modules in one forward pass: each comes out as if it were taught alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch

from slowwave import Settings
from slowwave.consolidation import together
from slowwave.consolidation.recipes import Recipe, variant_recipe
from slowwave.consolidation.rows import Lesson
from slowwave.consolidation.together import train_many
from slowwave.consolidation.train import Course, Trained, train
from slowwave.model import BaseModel, Encoded, Slot, Stack

ROUNDING = 1e-3
"""Of a vector, as a share of its length. Vectors are rounded to bfloat16 in the end (2^-8 of an entry), and a sum in another
order can push an entry over the edge; measured are 4e-4 and less."""
TEXTS = (tiny.FACTS, tiny.FACTS[:2], ("I work as a nurse.", "My boss is Vera Lund.", "I play the violin."))


def lessons() -> list[Lesson]:
    """Three of different length, so that they end at different times."""
    return [tiny.lesson(texts, "ada", seed) for seed, texts in enumerate(TEXTS)]


def recipe(base: BaseModel, name: str = "ffn", epochs: int = 3) -> Recipe:
    return replace(variant_recipe(Settings(), base.hidden_size, name), epochs=epochs)


def assert_same(some: Sequence[Trained], others: Sequence[Trained]) -> None:
    assert [one.steps for one in some] == [other.steps for other in others]
    for one, other in zip(some, others, strict=True):
        assert float((one.vector - other.vector).norm() / other.vector.norm()) < ROUNDING
        assert one.losses == pytest.approx(other.losses, abs=1e-4)
        assert (one.recalled, one.read, one.epochs) == (other.recalled, other.read, other.epochs)


@pytest.mark.parametrize("name", ["ffn", "attention", "distilled", "all"])
def test_modules_taught_together_are_those_taught_alone(name: str, base: BaseModel) -> None:
    alone = [train(base, lesson, recipe(base, name)) for lesson in lessons()]
    assert len({one.steps for one in alone}) == len(alone)
    assert_same(train_many(base, lessons(), recipe(base, name)), alone)


def test_they_share_their_forward_passes(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    plain = Course.ask

    def counted(course: Course, rows: list[Encoded], slot: Slot | Stack) -> list[torch.Tensor]:
        sizes.append(len(rows))
        return plain(course, rows, slot)

    monkeypatch.setattr(Course, "ask", counted)
    done = train_many(base, lessons(), recipe(base))
    assert len(sizes) == max(one.steps for one in done)
    assert max(sizes) == 3 * recipe(base).batch
    sizes.clear()
    train_many(base, lessons(), recipe(base), at_once=2)
    assert max(sizes) == 2 * recipe(base).batch
    assert len(sizes) == max(one.steps for one in done[:2]) + done[2].steps


def test_one_that_has_enough_stops_and_the_others_go_on(base: BaseModel) -> None:
    quick = replace(recipe(base, epochs=6), recalled=0.0, read=0.0, patience=2, further=1)
    done = train_many(base, lessons(), quick)
    assert [one.epochs for one in done] == [3, 3, 3]
    picky = replace(recipe(base, epochs=6), recalled=0.0, read=0.6, patience=1, further=0)
    alone = [train(base, lesson, picky) for lesson in lessons()]
    assert len({one.epochs for one in alone}) > 1
    assert_same(train_many(base, lessons(), picky), alone)


@pytest.mark.parametrize("name", ["own a", "dora"])
def test_what_cannot_lie_side_by_side_is_taught_one_after_another(
    name: str, base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [train(base, lesson, recipe(base, name, 2)) for lesson in lessons()]
    monkeypatch.setattr(together, "_together", None)
    many = train_many(base, lessons(), recipe(base, name, 2))
    assert all(torch.equal(one.vector, other.vector) for one, other in zip(alone, many, strict=True))


def test_what_does_not_fit_is_taught_one_after_another(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = [train(base, lesson, recipe(base, epochs=2)) for lesson in lessons()]
    plain, calls = base.answer_logprobs, list[int]()

    def small(rows: Sequence[Encoded], slot: Slot | Stack | None = None) -> list[torch.Tensor]:
        calls.append(len(rows))
        if len(calls) == 5:  # in the middle of the training
            raise torch.OutOfMemoryError
        return plain(rows, slot)

    monkeypatch.setattr(base, "answer_logprobs", small)
    many = train_many(base, lessons(), recipe(base, epochs=2))
    assert all(torch.equal(one.vector, other.vector) for one, other in zip(alone, many, strict=True))


def test_killed_they_go_on_where_each_stopped(base: BaseModel, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.part" for number in range(3)]
    straight = train_many(base, lessons(), recipe(base))

    def kill(stage: str, done: int, total: int) -> None:
        assert stage == "modules 1 to 3 of 3: training"
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_many(base, lessons(), recipe(base), checkpoints=files, progress=kill)
    assert_same(train_many(base, lessons(), recipe(base), checkpoints=files), straight)


def test_no_lessons_are_no_work(base: BaseModel) -> None:
    assert train_many(base, [], recipe(base)) == []
    (alone,) = train_many(base, lessons()[:1], recipe(base, epochs=1))
    assert torch.equal(alone.vector, train(base, lessons()[0], recipe(base, epochs=1)).vector)
