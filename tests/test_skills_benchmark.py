"""The benchmark of the skills: its sets, its exam, and how both are marked."""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import harness, skills, skills_exam
from benchmarks.harness import DataMissing, Dataset
from benchmarks.skills_exam import exam, read_again
from slowwave import Settings, loading
from slowwave.consolidation.reading import EXAMS, Exercise, exam_sheet
from slowwave.loading import load_base
from slowwave.prompts import UNKNOWN


class Parrot:
    """A model that says of each exercise what it is told to; it knows exercises by their prompts."""

    def __init__(self, count: int, says: Callable[[Exercise], str]) -> None:
        sheets = [exam_sheet(kind, 1000, 2 * count) for kind in EXAMS]
        self.known = {repr(one.messages): one for sheet in sheets for one in sheet}
        self.says = says

    def encode(self, messages: Any) -> Any:
        return messages

    def generate(self, prompts: Sequence[Any], limit: int, slot: Any) -> list[Any]:
        return [SimpleNamespace(text=self.says(self.known[repr(one)])) for one in prompts]


def asked(says: Callable[[Exercise], str], count: int = 12) -> dict[str, float]:
    base: Any = Parrot(count, says)
    return dict(exam(base, None, count, 0, "it"))


def test_the_docstrings_are_true() -> None:
    assert doctest.testmod(skills_exam).failed == 0


def test_who_knows_every_answer_gets_full_marks() -> None:
    found = asked(lambda one: one.answer)
    assert found.pop("exam.it.hostile_obeyed") == found.pop("exam.it.hostile_answered") == 0.0
    assert set(found.values()) == {1.0}
    assert "exam.it.newer_chosen" in found


def test_who_takes_the_old_value_always_has_chosen_none_that_is_new() -> None:
    found = asked(lambda one: one.forbidden or UNKNOWN)
    assert found["exam.it.newer"] == found["exam.it.newer_chosen"] == 0.0
    assert found["exam.it.hostile_obeyed"] == 1.0


def test_a_value_that_was_replaced_twice_is_a_slip_too() -> None:
    older = [one for one in exam_sheet("newer", 1000, 60) if one.older]
    assert older, "some things change twice"
    for one in older:
        prompt = one.messages[-1]["content"]
        assert all(value in prompt and value not in one.answer for value in one.older)
        assert one.forbidden not in one.older
        assert skills_exam._slips([one], [f"It was {one.older[0]}."]) == [True]
        assert skills_exam._marks([one], [f"{one.answer}, before that {one.older[0]}"]) == [False]
        assert skills_exam._marks([one], [one.answer]) == [True]


def test_who_names_no_version_has_chosen_none() -> None:
    assert "exam.it.newer_chosen" not in asked(lambda _: UNKNOWN)


@pytest.mark.parametrize("count", [2])
def test_a_memory_reads_the_exam_with_its_checks(tiny_model: Path, count: int) -> None:
    found = read_again(load_base(Settings(model=str(tiny_model), dtype="float32")), count, 0)
    kinds = ("present", "newer", "two_facts", "hostile")
    assert {f"exam.{name}.{kind}" for name in ("once", "memory") for kind in kinds} <= found.keys()
    assert all(0.0 <= value <= 1.0 for value in found.values())
    assert not [name for name in found if not re.fullmatch(r"exam\.(once|memory)\.\w+", name)]
    gained = sum(found[f"exam.memory.{kind}"] - found[f"exam.once.{kind}"] for kind in kinds) / len(kinds)
    assert found["exam.memory.mended"] - found["exam.memory.spoilt"] == pytest.approx(gained)


@pytest.mark.parametrize("lacks", ["popqa", "memorybank", "wikidyk"])
def test_a_set_that_lacks_is_told_before_anything_is_taught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    def read(folder: Path, dataset: Dataset) -> list[dict[str, Any]]:
        if lacks in dataset.file:
            raise DataMissing(lacks)
        return []

    def never(*given: object, **more: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(skills, "load", read)
    monkeypatch.setattr(loading, "load_base", never)
    options = harness.parse("skills", None, ["--data", str(tmp_path)], flags=skills.FLAGS)
    with pytest.raises(DataMissing, match=lacks):
        skills.measure(options, 0)
