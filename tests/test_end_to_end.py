"""A whole day, night and morning on the real default models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slowwave import Settings
from slowwave.demo import PEOPLE, run

pytestmark = pytest.mark.slow


def test_the_demo_reaches_its_marks(tmp_path: Path) -> None:
    """The quick demo has 20 questions and the bits differ between machines, so its bars lie below those of the full one."""
    out = tmp_path / "demo.json"
    result = run(quick=True, out=out, settings=Settings())
    assert json.loads(out.read_text(encoding="utf-8"))["checks"] == result["checks"]
    assert result["after_gate_passed"]["base model"] <= 0.2
    assert result["after_gate_passed"]["weights only"] >= 0.6
    after = result["after"]
    assert after["retrieval only"] >= 0.4, "with the shipped reader"
    assert after["both"] >= max(after["retrieval only"], after["weights only"]) - 0.1
    assert any(one["declined"] for one in result["strange"]), "of two; with five facts each, one is a near miss"
    assert result["checks"]["no question was trained"]
    assert result["settled"] >= 8, "of ten facts"
    assert result["questions"] == sum(len(one.questions) for told in PEOPLE.values() for one in told[:5])
