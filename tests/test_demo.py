"""The demonstration plays fair: its questions are never written by a night, and its verdict can be no."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from slowwave import Fact, Settings
from slowwave.consolidation.gate import normalise
from slowwave.consolidation.writers import as_writer, write
from slowwave.demo import PEOPLE, WAYS, run


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


def test_a_model_that_learns_little_does_not_pass_for_one_that_does(tmp_path: Path, tiny_model: Path) -> None:
    result = run(quick=True, settings=Settings(model=str(tiny_model), embedder="hash:256", dtype="float32"))
    assert set(result["after"]) == set(WAYS)
    assert result["ok"] == all(result["checks"].values())
    weights = result["after_gate_passed"]["weights only"]
    assert result["checks"]["weights only, facts that passed the gate: at least 0.7"] == (weights >= 0.7)
    assert {"tell", "night: training", "ask after the night"} <= set(result["seconds"])
