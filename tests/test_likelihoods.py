"""Rows as branches against plain rows, and log-probabilities against the model's own, on families unlike the default model's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers

from slowwave.adapters_store.manifest import BaseRef
from slowwave.likelihoods import _reach
from slowwave.model import BaseModel, Encoded
from slowwave.packing import branches
from slowwave.prompts import conversation

FACTS = ['- 1 May 2026, Ada: "My dog is called Rex, and my sister is called Clara."']
ASKED = (("Who is my dog?", "Rex"), ("What is my sister called?", "Clara"), ("Who?", "Ada, or Rex"))
Family = tuple[str, dict[str, Any]]
PLAIN: Family = ("Qwen2", {})
WIDE: Family = ("Mistral", {"sliding_window": 512})
NARROW: Family = ("Mistral", {"sliding_window": 16})
GEMMA2: Family = ("Gemma2", {"head_dim": 16, "sliding_window": 16})
GEMMA3: Family = ("Gemma3Text", {"head_dim": 16, "sliding_window": 16})
GRANITE: Family = ("Granite", {"logits_scaling": 8.0})
COHERE: Family = ("Cohere", {"logit_scale": 0.25})


@pytest.fixture
def family(base: BaseModel) -> Callable[[Family], BaseModel]:
    """A model of a family with random weights, large enough that its logits differ."""

    def make(kind: Family) -> BaseModel:
        name, more = kind
        tokenizer = base.tokenizer
        config = getattr(transformers, f"{name}Config")(
            vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=512, bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, **more,
        )  # fmt: skip
        torch.manual_seed(0)
        model = getattr(transformers, f"{name.removesuffix('Text')}ForCausalLM")(config)
        model.train(False).requires_grad_(False)
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.mul_(5)
        return BaseModel(model, tokenizer, BaseRef(name=name, sha256=""), "cpu")

    return make


def rows_of(base: BaseModel) -> list[Encoded]:
    return [base.encode(conversation(question, FACTS), answer) for question, answer in ASKED]


def by_the_model(base: BaseModel, row: Encoded) -> torch.Tensor:
    """What transformers' own forward pass says, one row at a time, shape (answer,)."""
    spread = base.model(input_ids=torch.tensor([row.ids])).logits[0].float().log_softmax(-1)  # (tokens, vocabulary)
    return torch.stack([spread[at - 1, row.ids[at]] for at in range(row.prompt, len(row.ids))])


@pytest.mark.parametrize("kind", [PLAIN, WIDE, NARROW, GEMMA2, GEMMA3, GRANITE, COHERE], ids=str)
def test_every_way_gives_what_the_model_says(family: Callable[[Family], BaseModel], kind: Family) -> None:
    base = family(kind)
    rows = rows_of(base)
    with torch.no_grad():
        wanted = [by_the_model(base, row) for row in rows]
        for found in (
            base.answer_logprobs(rows),
            base.branch_logprobs([rows]),
            base.branch_logprobs([rows[:1], rows[1:]]),
        ):
            for one, other in zip(found, wanted, strict=True):
                torch.testing.assert_close(one, other, atol=2e-3, rtol=1e-3)
        (said,) = base.generate([Encoded(rows[0].ids[: rows[0].prompt], rows[0].prompt)], 4)
        again = Encoded((*rows[0].ids[: rows[0].prompt], *said.ids), rows[0].prompt)
        assert said.logprobs[: len(said.ids)] == pytest.approx(base.answer_logprobs([again])[0].tolist(), abs=2e-3)


def test_a_module_learns_the_same_either_way(family: Callable[[Family], BaseModel]) -> None:
    """Where a model makes its logits itself: the gradient of branches is that of plain rows."""
    base = family(GRANITE)
    rows, shape = rows_of(base), base.shape(2)
    slopes: list[torch.Tensor] = []
    for way in (base.answer_logprobs, lambda some, slot: base.branch_logprobs([some], slot)):
        slot = base.slot(shape, torch.zeros(shape.size, requires_grad=True))
        slot.refresh()
        torch.cat(way(rows, slot)).sum().backward()
        assert slot.vector.grad is not None
        slopes.append(slot.vector.grad)
    assert float(slopes[0].abs().max()) > 0.0
    torch.testing.assert_close(*slopes, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("kind", "wanted"), [(PLAIN, True), (WIDE, True), (NARROW, False), (GRANITE, True)], ids=str)
def test_branches_are_read_where_they_can_be(
    family: Callable[[Family], BaseModel], kind: Family, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = family(kind)
    rows = rows_of(base)
    widths: list[tuple[int, ...]] = []
    forward = base.model.get_decoder().forward

    def watched(*given: Any, **options: Any) -> Any:
        widths.append(tuple(options["input_ids"].shape))
        return forward(*given, **options)

    with torch.no_grad():
        base.branch_logprobs([rows])
        monkeypatch.setattr(base.model.get_decoder(), "forward", watched)
        base.branch_logprobs([rows])
    longest = max(len(row.ids) for row in rows)
    assert widths == [(1, len(branches([rows]).ids)) if wanted else (3, longest)]


def test_a_model_that_reads_branches_otherwise_is_found_out(
    base: BaseModel, family: Callable[[Family], BaseModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder that mixes neighbours, as convolutions do, or that refuses masks of its caller; no configuration says so."""
    for spoil in ("mixes", "refuses"):
        other = family(PLAIN)
        decoder = other.model.get_decoder()
        forward = decoder.forward

        def spoilt(*given: Any, forward: Any = forward, spoil: str = spoil, **options: Any) -> Any:
            mask = options.get("attention_mask")
            if spoil == "refuses" and mask is not None and mask.dim() == 4:
                raise ValueError("no such mask")
            found = forward(*given, **options)
            hidden = found.last_hidden_state
            found.last_hidden_state = hidden + torch.nn.functional.pad(hidden, (0, 0, 1, 0))[:, :-1]
            return found

        monkeypatch.setattr(decoder, "forward", spoilt)
        rows = rows_of(other)
        with torch.no_grad():
            for one, row in zip(other.branch_logprobs([rows]), rows, strict=True):
                torch.testing.assert_close(one, by_the_model(other, row), atol=2e-3, rtol=1e-3)


def test_a_window_and_layers_of_other_kinds_bound_what_is_laid_out() -> None:
    class Config:
        def __init__(self, **what: object) -> None:
            vars(self).update(what)

    full, sliding = "full_attention", "sliding_attention"
    assert _reach(Config()) is None
    assert _reach(Config(sliding_window=None, layer_types=[full])) is None
    assert _reach(Config(sliding_window=64, layer_types=[full])) is None
    assert _reach(Config(sliding_window=64)) == 64
    assert _reach(Config(sliding_window=64, layer_types=[full, sliding])) == 64
    assert _reach(Config(layer_types=["conv", full])) == 0
    assert _reach(Config(layer_types=["linear_attention"])) == 0
