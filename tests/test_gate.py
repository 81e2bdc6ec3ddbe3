"""What the gate does with a module that harms ordinary prompts."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import pytest
import tiny
import torch

from slowwave.consolidation import gate
from slowwave.consolidation.canary import canary
from slowwave.consolidation.gate import (
    BAR,
    STRENGTHS,
    Verdict,
    _objection,
    canary_loss,
    examine,
    is_right,
    normalise,
    temper,
)
from slowwave.consolidation.rows import Row, Shares
from slowwave.model import BaseModel, Slot
from slowwave.types import FactReport


@pytest.mark.parametrize(("harm", "strength"), [(0.2, 1.0), (0.3, 0.85), (0.45, 0.7), (1.0, 1.0)])
def test_a_module_is_as_weak_as_ordinary_prompts_need_it(
    base: BaseModel, monkeypatch: pytest.MonkeyPatch, harm: float, strength: float
) -> None:
    def loss(base: BaseModel, slot: Slot | None) -> float:
        return 2.0 * (1.0 + harm * slot.strength**2) if slot is not None else 2.0

    monkeypatch.setattr(gate, "canary_loss", loss)
    shape = base.shape(4)
    vector = torch.randn(shape.size, generator=torch.Generator().manual_seed(1)).to(torch.bfloat16).float()
    weaker, found = temper(base, vector, shape)
    assert found == strength
    if strength == 1.0:
        assert weaker is vector
    else:
        torch.testing.assert_close(weaker, vector * strength, rtol=2**-8, atol=0.0)
        assert torch.equal(weaker, weaker.to(torch.bfloat16).float()), "what is written is what was examined"


def test_a_real_module_is_within_the_budget_afterwards(base: BaseModel) -> None:
    shape = base.shape(4)
    before = canary_loss(base, None)
    nothing = torch.zeros(shape.size, requires_grad=True)
    prompts = [base.encode([{"role": "user", "content": question}], answer, own=True) for question, answer in canary()]
    slot = base.slot(shape, nothing)
    slot.refresh()
    (uphill,) = torch.autograd.grad(-torch.cat(base.answer_logprobs(prompts, slot)).mean(), nothing)
    wild = uphill / uphill.norm()

    def rise(vector: torch.Tensor) -> float:
        return canary_loss(base, base.slot(shape, vector)) / before - 1.0

    size = next(size for size in torch.logspace(-2, 3, 80).tolist() if rise(wild * size) > BAR.canary)
    weaker, strength = temper(base, wild * size, shape)
    assert strength in STRENGTHS[1:]
    assert rise(weaker) <= BAR.canary * 1.02  # rounding to bfloat16


def test_the_base_models_loss_is_measured_once(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Slot | None] = []

    def loss(_: BaseModel, slot: Slot | None) -> float:
        asked.append(slot)
        return 2.0 + len(asked)

    monkeypatch.setattr(gate, "_canary_loss", loss)
    monkeypatch.setattr(gate, "_base_losses", WeakKeyDictionary())
    slot = base.slot(base.shape(4))
    assert [canary_loss(base, one) for one in (None, slot, None, slot)] == [3.0, 4.0, 3.0, 5.0]
    assert asked == [None, slot, slot]


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("B-", "B+"), ("B+", "B-"), ("B", "B-"), ("AB-", "B-"), ("B positive", "A positive"), ("positive", "A positive"),
        ("Building B", "Building A"), ("Vitamin D", "Vitamin A"), ("Plan B", "Plan A"), ("plan b", "plan a"),
        ("C", "C++"), ("C++", "C"), ("C#", "C"), ("F", "F#"),
        ("5 degrees", "-5 degrees"), ("-5 degrees", "5 degrees"), ("It is −5.", "5"), ("-$300", "$300"),
        ("", "A"), ("", "The"), ("", "?"), ("anything", "..."), ("!", "!"),
        ("1603-556-7631", "603-556-7631"), ("603-556-7632", "603-556-7631"), ("I don't know.", "I"),
    ],
)  # fmt: skip
def test_what_is_another_answer_is_not_right(said: str, answer: str) -> None:
    assert not is_right(said, answer)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("the old bridge", "old bridge"), ("Old bridge", "the old bridge"), ("An old bridge.", "old bridge"),
        ("dr okafor", "Dr. Okafor"), ("Dr Okafor", "Dr. Okafor"), ("It was a follow up.", "follow-up"),
        ("Follow-up", "follow up"), ("603 556 7631", "603-556-7631"), ("It is 603-556-7631.", "603-556-7631"),
        ("+49 170 12", "49 170 12"), ("Your blood type is B-.", "B-"), ("It's A+!", "A+"), ("a+", "A+"),
        ("A", "A"), ("blood type A", "A"), ("It is vitamin A.", "Vitamin A"), ("You take Plan A", "plan A"),
        ("A sailing boat", "a sailing boat"), ("a sailing boat", "A sailing boat"), ("It is a sailing boat.", "sailing boat"),
        ("a sailing boat", "sailing boat"), ("I write C++, mostly.", "c++"), ("The Who", "The Who"), ("Who", "The Who"),
        ("−18 degrees", "-18 degrees"), ("It is set to -18 degrees", "-18"), ("2010-2015", "2010 - 2015"),
        ("Lord of Rings", "the Lord of the Rings"), ("- 5 May", "5 May"), ("Ada's", "Ada s"), ("7pm", "7PM"),
    ],
)  # fmt: skip
def test_what_is_the_same_answer_is_right(said: str, answer: str) -> None:
    assert is_right(said, answer)


def test_questions_are_the_same_without_case_punctuation_and_articles() -> None:
    assert normalise("What is the name of a dog?") == normalise("what is name of dog")
    assert normalise("Which plan is Plan A?") != normalise("Which plan is plan?")
    assert normalise("Is it C?") != normalise("Is it C++?")


def test_a_module_that_ignores_a_changed_fact_is_not_published() -> None:
    report = FactReport(fact_id="a", user_id="ada", status="settled")
    fine = {"true_fact": 1.0, "distractors": 0.0, "changed_fact": 1.0, "absent": 1.0}

    def objection(changed: float, base_changed: float) -> str:
        reading = {**fine, "changed_fact": changed}
        return _objection(Verdict((report,), 1.0, 0.0, 1.0, reading, 1.0, 0.0, "", base_changed), BAR)

    assert "says otherwise" in objection(0.0, 1.0)
    assert "says otherwise" in objection(0.2, 0.9)
    assert not objection(0.75, 1.0), "a module may lose some, and is good (benchmarks/LOG.md)"
    assert not objection(0.0, 0.0), "no worse than the base model"


@pytest.mark.parametrize(
    ("asked", "lost", "refused"),
    [
        (0, 0, False),
        (2, 1, False),
        (2, 2, True),
        (8, 1, False),
        (8, 2, True),
        (24, 2, False),
        (24, 3, True),
        (48, 4, False),
        (48, 5, True),
    ],
)
def test_one_answer_may_be_lost_in_reading_and_a_tenth_of_many(asked: int, lost: int, refused: bool) -> None:
    """A module of four numbers that recalled all of them was refused for one of eight answers, three nights in a row."""
    report = FactReport(fact_id="a", user_id="ada", status="settled")
    base = 1.0 if asked else 0.0
    reading = {"true_fact": base - lost / max(1, asked), "changed_fact": 1.0, "absent": 1.0}
    verdict = Verdict((report,), 1.0, 0.0, 1.0, reading, base, 0.0, "", 0.0, asked)
    assert bool(_objection(verdict, BAR)) is refused


@pytest.mark.parametrize(("facts", "barred"), [(1, False), (4, True)])
def test_a_changed_fact_is_held_against_a_module_only_where_enough_was_asked(
    base: BaseModel, monkeypatch: pytest.MonkeyPatch, facts: int, barred: bool
) -> None:
    """A module that says what it was taught whatever stands in its prompt."""
    lesson = tiny.lesson(tiny.FACTS[:facts], "ada")
    taught = {fact.id: answer for fact, answer, _ in lesson.slots(lesson.heldout)}

    def marks(_: BaseModel, rows: Sequence[Row], slot: Slot | None, guess: str = "") -> list[bool]:
        if slot is None:
            return [row.form != "closed" for row in rows]
        return [row.form == "absent" or taught[row.fact_id] == row.answer for row in rows]

    monkeypatch.setattr(gate, "_marks", marks)
    verdict = examine(base, base.slot(base.shape(4)), lesson, "m", Shares(), seed=0)
    assert verdict.reading["changed_fact"] == 0.0
    assert ("says otherwise" in verdict.reason) == barred
    assert verdict.published != barred
