"""What the gate does with a module that harms ordinary prompts."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import pytest
import torch

from slowwave.consolidation import gate
from slowwave.consolidation.canary import canary
from slowwave.consolidation.gate import BAR, STRENGTHS, canary_loss, temper
from slowwave.model import BaseModel, Slot


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
