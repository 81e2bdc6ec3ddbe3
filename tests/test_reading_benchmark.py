"""The reading benchmark: what its exam shows and asks, how it counts, and one quick run."""

from __future__ import annotations

import doctest
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import harness, reading
from benchmarks.harness import Options
from benchmarks.phonebook import UNSEEN, Entry, entries, first_number
from benchmarks.reading import FORMS, Case, exam, halves, marks, stored
from slowwave import Memory
from slowwave.consolidation import lessons
from slowwave.consolidation.rows import Lesson, Shares
from slowwave.model import BaseModel
from slowwave.types import Fact, QAPair

BOOK = entries(6, 0, None)
FACTS = stored(BOOK)


def by_name(question: str, count: int) -> list[Fact]:
    """A search that finds the right fact first."""
    hits = sorted(
        FACTS, key=lambda fact: fact.text.split(" is ")[0].removeprefix("The phone number of ") not in question
    )
    return hits[:count]


def blind(question: str, count: int) -> list[Fact]:
    """A search that always finds the same."""
    return FACTS[:count]


def shown(case: Case) -> str:
    return " ".join(fact.text for fact in case.shown)


@pytest.mark.parametrize("found", [by_name, blind])
def test_each_form_shows_what_it_says(found: Callable[[str, int], Sequence[Fact]]) -> None:
    cases = exam(BOOK, FACTS, found, 0)
    assert set(cases) == set(FORMS)
    owners = [one for one in BOOK for _ in range(2)]
    for form, some in cases.items():
        assert len(some) == len(owners)
        for case, owner in zip(some, owners, strict=True):
            assert owner.name in case.question
            assert case.question in {wording.format(name=owner.name) for wording in UNSEEN}
            if form in {"changed", "beside_old"}:
                assert case.old == owner.phone != case.right == first_number(case.right)
                assert case.right in shown(case)
                assert (case.old in shown(case)) == (form == "beside_old")
            else:
                assert (case.right, case.old) == (owner.phone, "")
            assert len(case.shown) == (0 if form == "closed" else 3)
    assert all((case.right in shown(case)) == (found is by_name) for case in cases["retrieved"][6:])
    assert not any(case.right in shown(case) for case in cases["others"])


def test_a_changed_fact_stands_where_the_old_one_stood_and_beside_it_comes_later() -> None:
    cases = exam(BOOK, FACTS, by_name, 0)
    for case, fact in zip(cases["changed"], [fact for fact in FACTS for _ in range(2)], strict=True):
        (changed,) = [one for one in case.shown if case.right in one.text]
        assert changed.said_at == fact.said_at
    for case in cases["beside_old"]:
        (new,) = [one for one in case.shown if case.right in one.text]
        (old,) = [one for one in case.shown if case.old in one.text]
        assert new.said_at - old.said_at == timedelta(days=30)


@given(seed=st.integers(0, 100))
def test_an_exam_is_seeded_and_two_wordings_are_asked_of_each(seed: int) -> None:
    cases = exam(BOOK, FACTS, by_name, seed)
    assert cases == exam(BOOK, FACTS, by_name, seed)
    assert len({case.question for case in cases["closed"]}) == 2 * len(BOOK)


def test_right_old_and_other_numbers_are_told_apart() -> None:
    cases = [Case("?", (), "222-333-4444", "555-666-7777")] * 4
    said = ["It is 222-333-4444.", "222-333-4444, once 555-666-7777", "555-666-7777", "I don't know."]
    assert marks("changed", cases, said) == {"changed": 0.5, "changed.stale": 0.25}
    assert marks("closed", [Case("?", (), "222-333-4444")], ["999-333-4444"]) == {"closed": 0.0}


def test_both_is_compared_with_the_better_half() -> None:
    figures = {
        "base.retrieved": 0.6,
        "base.changed": 0.5,
        **{"reading_rows.closed": 0.9, "reading_rows.retrieved": 0.8, "reading_rows.changed": 1.0},
        **{"closed_only.closed": 1.0, "closed_only.retrieved": 0.3, "closed_only.changed": 0.25},
    }
    assert halves(figures, ["reading_rows", "closed_only"]) == {
        "closed_book_given_up": pytest.approx(0.1),
        "reading_rows.both_over_halves": pytest.approx(-0.1),
        "reading_rows.changed_over_base": 0.5,
        "closed_only.both_over_halves": pytest.approx(-0.7),
        "closed_only.changed_over_base": -0.25,
    }


def test_a_wording_of_the_exam_that_was_trained_is_refused(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def leaking(user_id: str, facts: Sequence[Fact], *same: object) -> Lesson:
        pairs = {fact.id: (QAPair(question=UNSEEN[1].format(name=BOOK[0].name), answer="1"),) for fact in facts[:1]}
        return Lesson(user_id, tuple(facts), pairs, pairs)

    monkeypatch.setattr(lessons, "write_lesson", leaking)
    with pytest.raises(AssertionError, match="1 questions of the exam were trained"):
        reading.taught(base, FACTS, Shares(), 0, Options("reading", Path("unused.json")))


def test_names_are_read_from_the_facts() -> None:
    odd = Entry("Anna-Maria O'Neil", "222-333-4444")
    assert reading._names(stored([*BOOK, odd])) == [one.name for one in (*BOOK, odd)]


def test_the_docstrings_are_true() -> None:
    assert doctest.testmod(reading).failed == 0


def test_a_quick_run_tells_every_figure_that_has_a_target(tmp_path: Path, tiny_model: Path) -> None:
    def open_memory(folder: str, **settings: Any) -> Memory:
        return Memory(folder, embedder="hash:256", **settings)

    out = tmp_path / "reading.json"
    argv = ["--quick", "--model", str(tiny_model), "--out", str(out)]

    def measure(options: Options, seed: int) -> harness.Figures:
        return reading.measure(options, seed, open_memory)

    assert (
        harness.run("reading", reading.__doc__, measure, flags=reading.FLAGS, targets=reading.TARGETS, argv=argv) == 0
    )
    figures = json.loads(out.read_text())["figures"]
    assert reading.TARGETS.keys() <= figures.keys()
    assert figures["hit"] == 1.0, "four facts, and words of the name in the question"
    assert figures["base.closed"] == 0.0, "nobody told the base model"
    shares = [figures[f"{label}.{form}"] for label in ("base", "reading_rows", "closed_only") for form in FORMS]
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert min(figures["reading_rows.steps"], figures["closed_only.steps"]) >= 24, "both modules were taught"
    assert figures["reading_rows.steps"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["reading.json"]
