"""What a benchmark asks was never trained: its guard sees the questions, and what the guard finds ends the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pytest
import tiny

from benchmarks import capacity, conversations, forgetting, marks, phonebook, speed, unknown
from benchmarks.harness import parse
from benchmarks.phonebook import UNSEEN, entries
from slowwave.consolidation import lessons
from slowwave.consolidation.rows import Lesson
from slowwave.types import Answer, Fact, NightReport, QAPair


class Listener:
    """A memory that knows nothing and keeps what it is asked after its last night."""

    def __init__(self, *given: object, **settings: object) -> None:
        self.asked: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *caught: object) -> None:
        return None

    def add(self, *given: object, **also: object) -> list[Fact]:
        return []

    def add_many(self, texts: Sequence[str], **also: object) -> list[Fact]:
        now = datetime.now(UTC)
        return [Fact(id=str(number), text=text, user_id="ada", said_at=now) for number, text in enumerate(texts)]

    def consolidate(self, **also: object) -> NightReport:
        self.asked.clear()
        return NightReport(night_id="n", started_at=datetime.now(UTC), seconds={"train": 1.0}, modules=(), facts=())

    def ask(self, question: str, **also: object) -> Answer:
        self.asked.append(question)
        return Answer(text="I don't know.", source="unknown")

    def modules(self, **also: object) -> list[object]:
        return []

    def settled_ids(self, **also: object) -> frozenset[str]:
        return frozenset()

    def get_all(self, **also: object) -> list[Fact]:
        return []


MEMORIES = [
    (phonebook, ["--facts", "4", "--unknown", "2"]),
    (conversations, ["--limit", "8"]),
    (forgetting, ["--nights", "2", "--facts", "2"]),
    (unknown, ["--quick"]),
]


def run(judge: ModuleType, argv: list[str], out: Path, memory: Listener) -> None:
    name = judge.__name__.rpartition(".")[2]
    options = parse(name, judge.__doc__ or "", [*argv, "--out", str(out)], flags=judge.FLAGS)
    judge.measure(options, 0, lambda *given, **settings: memory)


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The halves that need a model, or more of a memory, have tests of their own."""
    monkeypatch.setattr(forgetting, "_deletion", lambda *given: {})
    monkeypatch.setattr(unknown, "_weights", lambda *given: {f"{given[2]}.known": 0.0})


def guard(judge: ModuleType) -> ModuleType:
    """Where the benchmark takes its guard from."""
    return judge if hasattr(judge, "assert_unseen_by") else marks


@pytest.mark.parametrize(("judge", "argv"), MEMORIES)
def test_what_a_memory_is_asked_behind_its_night_was_looked_for_among_what_it_was_taught(
    judge: ModuleType, argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, looked = Listener(), list[str]()
    monkeypatch.setattr(guard(judge), "assert_unseen_by", lambda _, asked: looked.extend(asked))
    run(judge, argv, tmp_path / "out.json", memory)
    trained = {form.format(name=one.name) for one in entries(6, 0, None) for form in phonebook.TRAINED}
    asked = set(memory.asked) - trained if judge is phonebook else set(memory.asked)
    assert asked
    assert asked <= set(looked)


@pytest.mark.parametrize(("judge", "argv"), MEMORIES)
def test_a_question_that_was_trained_ends_the_run(
    judge: ModuleType, argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaking(_: object, asked: Iterable[str]) -> None:
        questions = list(asked)
        marks.assert_unseen(questions, questions[-1:])

    monkeypatch.setattr(guard(judge), "assert_unseen_by", leaking)
    with pytest.raises(AssertionError, match="1 questions of the exam were trained"):
        run(judge, argv, tmp_path / "out.json", Listener())


@pytest.mark.parametrize("judge", [speed, capacity])
def test_a_lesson_that_holds_a_wording_of_the_exam_is_refused(
    judge: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaking(user_id: str, facts: Sequence[Fact], *same: Any) -> Lesson:
        name = facts[0].text.removeprefix("The phone number of ").partition(" is ")[0]
        pairs = {fact.id: (QAPair(question=UNSEEN[1].format(name=name), answer="1"),) for fact in facts}
        return Lesson(user_id, tuple(facts), pairs, pairs)

    monkeypatch.setattr(lessons, "write_lesson", leaking)
    name = judge.__name__.rpartition(".")[2]
    argv = ["--quick", "--model", str(tiny.FOLDER), "--out", str(tmp_path / "out.json")]
    options = parse(name, judge.__doc__ or "", argv, flags=judge.FLAGS)
    with pytest.raises(AssertionError, match="questions of the exam were trained"):
        judge.measure(options, 0)
