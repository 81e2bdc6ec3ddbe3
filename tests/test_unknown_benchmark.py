"""The benchmark of what was never said: its questions, how it counts, and one quick run."""

from __future__ import annotations

import doctest
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import harness, unknown
from benchmarks.harness import Options
from benchmarks.phonebook import Entry, entries
from benchmarks.unknown import FRESH, IN_VIEW, KINDS, admits, never_said
from slowwave import Memory
from slowwave.consolidation.rows import Shares
from slowwave.prompts import UNKNOWN
from slowwave.types import Answer, Fact

BOOK = entries(24, 0, None)
KNOWN, OTHERS = BOOK[:12], BOOK[12:]


@given(seed=st.integers(0, 50), kind=st.sampled_from(KINDS), count=st.integers(1, 12))
def test_nobody_ever_said_the_answer(seed: int, kind: str, count: int) -> None:
    halves = never_said(kind, KNOWN, OTHERS, seed, count)
    assert halves == never_said(kind, KNOWN, OTHERS, seed, count)
    assert len(halves[1]) == count // 2
    questions = [*halves[0], *halves[1]]
    assert len(set(questions)) == len(questions) == count
    known = {one.name for one in KNOWN}
    named = [question for question in questions if any(name in question for name in known)]
    assert len(named) == (count if kind == "other_thing" else 0)
    words = {word for one in BOOK for word in one.name.split()}
    heard = [question for question in questions if words & set(re.findall(r"\w+", question))]
    assert kind not in {"strange_name", "elsewhere"} or not heard
    assert kind != "other_thing" or not any(re.search("number|phone|call|dial|reach", one) for one in questions)


def test_strange_names_keep_away_from_the_names_of_the_book() -> None:
    for place, wordings in enumerate((IN_VIEW, FRESH)):
        odd = [Entry(f"{one} {other}", "1") for one in wordings.first[:-1] for other in ["Smith"]]
        questions = never_said("strange_name", odd, OTHERS, 0, 100)[place]
        assert len(questions) == len(wordings.last)
        assert all(wordings.first[-1] in question for question in questions)


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_asks_something_else(kind: str) -> None:
    drawn = []
    for seed in range(3):
        book = entries(28, seed, None)
        drawn.append({one for half in never_said(kind, book[:16], book[16:], seed, 12) for one in half})
    for number, one in enumerate(drawn):
        for other in drawn[:number]:
            assert len(one & other) <= 8, "of 12"


def test_fresh_wordings_are_other_ones_and_make_up_the_second_half() -> None:
    for kind in KINDS:
        in_view, fresh = never_said(kind, KNOWN, OTHERS, 1, 12)
        for questions, wordings in ((in_view, IN_VIEW), (fresh, FRESH)):
            forms = wordings.elsewhere if kind == "elsewhere" else wordings.number
            forms = wordings.other_thing if kind == "other_thing" else forms
            said = "|".join(re.escape(form).replace(re.escape("{name}"), r"\w+ \w+") for form in forms)
            assert all(re.fullmatch(said, question) for question in questions)
    for name in ("number", "other_thing", "elsewhere", "first", "last"):
        assert not set(getattr(IN_VIEW, name)) & set(getattr(FRESH, name))


@pytest.mark.parametrize(
    ("text", "admission"),
    [
        (UNKNOWN, True),
        ("", True),
        ("I'm sorry, I cannot help with that.", True),
        ("That was never mentioned.", True),
        ("I do not have her address.", True),
        ("It is 222-333-4444.", False),
        ("I'm sorry, it is 222-333-4444.", False),
        ("In Porto.", False),
        ("She is an unknowing nurse.", False),
    ],
)
def test_an_admission_is_told_from_an_answer(text: str, admission: bool) -> None:
    assert admits(text) == admission


def test_the_docstrings_are_true() -> None:
    assert doctest.testmod(unknown).failed == 0


class Talker:
    """A memory that answers everything with one text and one confidence, except what it knows by heart."""

    def __init__(self, folder: str, *, says: str, sure: float, knows: bool = True, **settings: Any) -> None:
        self.says, self.sure, self.knows = says, sure, knows
        self.told: list[str] = []
        self.nights = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *caught: object) -> None:
        return None

    def add_many(self, texts: Sequence[str], *, user_id: str, said_at: datetime) -> list[Fact]:
        assert said_at.tzinfo is UTC
        self.told += texts
        return []

    def ask(
        self, question: str, *, user_id: str, max_tokens: int, use_facts: bool = True, use_modules: bool = True
    ) -> Answer:
        if self.knows and (use_facts or use_modules):
            for text in self.told:
                name = text.removeprefix("The phone number of ").partition(" is ")[0]
                if name in question and re.search("phone|number|contact|dial", question):
                    return Answer(text=text, confidence=0.9)
        return Answer(text=self.says, confidence=self.sure)

    def consolidate(self, *, progress: Any) -> None:
        self.nights += 1

    def settled_ids(self, *, user_id: str) -> frozenset[str]:
        return frozenset()

    def modules(self, *, user_id: str) -> list[object]:
        return [None] * self.nights


def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *flags: str, **talker: Any) -> dict[str, float]:
    def weights(options: Options, seed: int, label: str, shares: Shares) -> dict[str, float]:
        return {f"{label}.known": 0.75 if shares.absent else 1.0, f"{label}.invented": 0.0 if shares.absent else 1.0}

    monkeypatch.setattr(unknown, "_weights", weights)
    out = tmp_path / "unknown.json"
    fake: Any = partial(Talker, **talker)
    measure: Any = partial(unknown.measure, open_memory=fake)
    argv = ["--out", str(out), *flags]
    assert (
        harness.run("unknown", unknown.__doc__, measure, flags=unknown.FLAGS, targets=unknown.TARGETS, argv=argv) == 0
    )
    found: dict[str, float] = json.loads(out.read_text())["figures"]
    return found


def test_a_memory_that_makes_things_up_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(tmp_path, monkeypatch, says="It is 222-333-4444.", sure=0.9)
    for kind in KINDS:
        for way in ("before.base", "before.retrieval", "after.weights", "after.both"):
            assert found[f"{way}.{kind}.answered"] == found[f"{way}.{kind}.confident"] == 1.0
        assert found[f"after.both.{kind}.in_view.answered"] == found[f"after.both.{kind}.fresh.answered"] == 1.0
        assert not unknown.TARGETS[f"after.both.{kind}.confident"].met(found[f"after.both.{kind}.confident"])
    assert found["after.weights.names.answered"] == found["after.both.names.answered"] == 1.0
    assert found["after.both.known"] == found["after.both.known.confident"] == 1.0
    assert found["before.base.known"] == 0.0
    assert found["modules"] == 2.0
    assert (found["recall_given_up"], found["weights_given_up"]) == (0.25, 0.0)
    assert unknown.TARGETS.keys() <= found.keys()


def test_what_is_made_up_without_confidence_is_no_confident_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = asked(tmp_path, monkeypatch, says="In Porto.", sure=0.3)
    assert {found[f"after.both.{kind}.answered"] for kind in KINDS} == {1.0}
    assert {found[f"after.both.{kind}.confident"] for kind in KINDS} == {0.0}
    stricter = asked(tmp_path, monkeypatch, "--confident", "0.25", says="In Porto.", sure=0.3)
    assert {stricter[f"after.both.{kind}.confident"] for kind in KINDS} == {1.0}


def test_silence_alone_is_no_merit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(tmp_path, monkeypatch, says=UNKNOWN, sure=0.0, knows=False)
    assert {found[f"after.both.{kind}.answered"] for kind in KINDS} == {0.0}
    assert found["after.weights.names.answered"] == found["after.weights.known"] == found["after.both.known"] == 0.0
    assert found["weights_given_up"] == 1.0
    assert not unknown.TARGETS["after.both.known"].met(found["after.both.known"])


def test_a_quick_run_tells_every_figure_that_has_a_target(tmp_path: Path, tiny_model: Path) -> None:
    def open_memory(folder: str, **settings: Any) -> Memory:
        return Memory(folder, embedder="hash:256", effort="quick", **settings)

    out = tmp_path / "unknown.json"
    argv = ["--quick", "--model", str(tiny_model), "--out", str(out)]
    measure: Any = partial(unknown.measure, open_memory=open_memory)
    assert (
        harness.run("unknown", unknown.__doc__, measure, flags=unknown.FLAGS, targets=unknown.TARGETS, argv=argv) == 0
    )
    figures = json.loads(out.read_text())["figures"]
    assert unknown.TARGETS.keys() <= figures.keys()
    steps = [name for name in figures if name.endswith("steps")]
    given_up = [name for name in figures if name.endswith("given_up")]
    assert all(figures[name] > 0 for name in steps)
    assert all(0.0 <= figures[name] <= 1.0 for name in figures if name not in {*steps, "modules", *given_up})
    for name in figures:
        if name.endswith(".confident") and "known" not in name:
            assert figures[name] <= figures[name.replace("confident", "answered")]
    assert figures["after.both.elsewhere.answered"] == 0.0, "nothing near: no model is asked at all"
    assert [path.name for path in tmp_path.iterdir()] == ["unknown.json"]
