"""The demonstration plays fair: its questions are never written by a night, and its verdict can be no."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slowwave import Fact, NightReport, Settings
from slowwave.consolidation.gate import normalise
from slowwave.consolidation.writers import as_writer, write
from slowwave.demo import PEOPLE, WAYS, _verdict, run
from slowwave.types import FactReport


def test_there_is_enough_to_ask() -> None:
    told = [one for some in PEOPLE.values() for one in some]
    assert len(PEOPLE) == 2
    assert len(told) >= 16
    assert sum(len(one.questions) for one in told) >= 32
    assert all(one.answer in one.text for one in told)


def test_no_night_writes_the_questions() -> None:
    for user, told in PEOPLE.items():
        for one in told:
            fact = Fact(id="f", text=one.text, user_id=user, said_at=datetime.now(UTC))
            written = {normalise(pair.question) for pair in write(fact, as_writer(None))}
            assert not written & {normalise(question) for question in one.questions}, one.text


def verdict(**change: Any) -> dict[str, Any]:
    """What is said of two facts, both settled and right in every way, but for what is changed."""
    said = {way: {"right": True} for way in WAYS}
    after = [{"user": "ada", "fact": name, "question": f"Which {name}?", **said} for name in ("boat", "cat")]
    for place, way in change.get("wrong", ()):
        after[place][way] = {"right": False}
    strange = [{"declined": True}, {"declined": change.get("declined", True)}]
    facts = [FactReport(fact_id=name, user_id="ada", status="settled", recall=1.0) for name in ("boat", "cat")]
    report = NightReport(night_id="n", started_at=datetime.now(UTC), facts=tuple(facts))
    ids = {("ada", "boat"): "boat", ("ada", "cat"): "cat"}
    return _verdict(after, after, strange, report, ids, change.get("seen", set()))


def test_what_is_right_in_every_way_is_ok() -> None:
    assert verdict()["ok"] is True


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"wrong": [(0, "weights only"), (1, "weights only")]}, "weights only"),
        ({"wrong": [(0, "weights only")]}, "weights only"),
        ({"wrong": [(0, "both")]}, "both"),
        ({"declined": False}, "nothing strange"),
        ({"seen": {("ada", "which boat")}}, "no question was trained"),
    ],
)
def test_a_verdict_can_be_no_and_says_why(change: dict[str, Any], check: str) -> None:
    result = verdict(**change)
    assert result["ok"] is False
    assert [name for name, fine in result["checks"].items() if not fine] == [
        name for name in result["checks"] if name.startswith(check)
    ]


def test_a_trained_question_does_not_count() -> None:
    result = verdict(seen={("ada", "which boat")}, wrong=[(0, "both")])
    assert (result["questions"], result["after"]["both"]) == (1, 1.0)


def test_a_model_that_learns_little_does_not_pass_for_one_that_does(tmp_path: Path, tiny_model: Path) -> None:
    result = run(quick=True, settings=Settings(model=str(tiny_model), embedder="hash:256", dtype="float32"))
    assert set(result["after"]) == set(WAYS)
    weights = result["after_gate_passed"]["weights only"]
    assert weights < 0.7, "the tiny model is no match for these questions"
    assert result["ok"] is False
    assert {"tell", "night: training", "ask after the night"} <= set(result["seconds"])
