"""Merging against PEFT, a numpy reference and its own laws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from slowwave.adapters_store import ties as passes
from slowwave.adapters_store.merge import METHODS, Recipe, match_norm, merge
from slowwave.adapters_store.shape import SlotShape, Target
from slowwave.adapters_store.ties import thin, trim
from slowwave.errors import InvalidInput

pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),  # PEFT asks transformers the old way
    pytest.mark.filterwarnings("ignore:The density 1.0 is greater:UserWarning"),  # PEFT on a density that drops nothing
]
SMALL = SlotShape((Target("up", 4, 3), Target("down", 16, 2)), rank=2, alpha=4.0, seed=3)
"""Its As hold halves and quarters: products with them are exact, as are sums of these entries, so no even vote is decided by
rounding. Their rows are not orthogonal."""
SEEDED = {name for name, recipe in METHODS.items() if recipe.drop == "random"}
entries = st.integers(-64, 64).map(lambda n: n / 8)
modules = hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.just(SMALL.size)), elements=entries)
shares = st.lists(st.sampled_from([0.125, 0.25, 0.5, 1.0]), min_size=3, max_size=3)
every = st.sampled_from(sorted(METHODS))


def reference_ties(vectors: NDArray[Any], weights: Sequence[float], density: float = 1.0) -> NDArray[Any]:
    """TIES with weighted votes and sums, entry by entry."""
    kept = np.array(vectors, dtype=np.float64)
    if len(kept) > 1:
        for row in kept:
            row[np.argsort(-np.abs(row), kind="stable")[int(density * len(row)) :]] = 0
    merged = np.zeros(kept.shape[1])
    for column in range(kept.shape[1]):
        weighted = [float(w) * row[column] for w, row in zip(weights, kept, strict=True)]
        positive = sum(weighted) >= 0
        merged[column] = sum(x for x in weighted if x != 0 and (x > 0) == positive)
    return merged


def draw(count: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


# -- laws -------------------------------------------------------------------------------------------------------------


@given(modules, st.lists(st.sampled_from([0.125, 0.25, 0.5, 1.0, -0.5]), min_size=3, max_size=3))
def test_ties_equals_the_reference(vectors: NDArray[Any], weights: list[float]) -> None:
    merged = merge(torch.tensor(vectors), torch.tensor(weights[: len(vectors)]))
    np.testing.assert_allclose(merged.numpy(), reference_ties(vectors, weights[: len(vectors)]), atol=1e-6)


@pytest.mark.parametrize("density", [0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("average", [False, True])
def test_trimmed_ties_equals_the_reference(density: float, average: bool) -> None:
    vectors, weights = draw(3, 200), [0.6, 0.25, 0.15]
    merged = merge(vectors, torch.tensor(weights), Recipe(votes="weighted", density=density, average=average))
    expected = reference_ties(vectors.numpy(), weights, density)
    if average:
        kept = trim(vectors, density).numpy()
        expected /= np.maximum(1, ((kept != 0) & ((kept > 0) == (expected > 0))).sum(axis=0))
    np.testing.assert_allclose(merged.numpy(), expected, atol=1e-6)


@given(modules, shares, every, st.randoms(use_true_random=False))
def test_the_order_of_the_modules_does_not_matter(
    vectors: NDArray[Any], weights: list[float], method: str, random: Any
) -> None:
    k = len(vectors)
    if method in SEEDED or (method == "single" and len(set(weights[:k])) < k):
        return  # which entries fall out, and which of two equally heavy modules is taken, is a matter of order
    some, w = torch.tensor(vectors), torch.tensor(weights[:k])
    order = list(range(k))
    random.shuffle(order)
    torch.testing.assert_close(
        merge(some[order], w[order], method, shape=SMALL), merge(some, w, method, shape=SMALL), atol=1e-5, rtol=1e-5
    )


@given(modules, st.sampled_from([0.125, 0.3, 1.0]), every)
def test_one_module_is_itself_times_its_weight(vectors: NDArray[Any], weight: float, method: str) -> None:
    one = torch.tensor(vectors[:1])
    expected = one[0] if method == "single" else one[0] * weight
    assert torch.equal(merge(one, torch.tensor([weight]), method, shape=SMALL), expected)


@given(modules, shares, st.sampled_from([2.0, 0.5]), every)
def test_scaling_the_modules_scales_the_merge(
    vectors: NDArray[Any], weights: list[float], factor: float, method: str
) -> None:
    some, w = torch.tensor(vectors), torch.tensor(weights[: len(vectors)])
    bare, scaled = merge(some, w, method, shape=SMALL), merge(some * factor, w, method, shape=SMALL)
    torch.testing.assert_close(scaled, bare * factor, atol=1e-5, rtol=1e-5)


@given(modules, shares, st.sampled_from(["linear", "cat", "ties", "ties_delta"]))
def test_a_module_of_zeros_changes_nothing(vectors: NDArray[Any], weights: list[float], method: str) -> None:
    some, w = torch.tensor(vectors), torch.tensor(weights[: len(vectors)])
    more, heavier = torch.cat([some, torch.zeros(1, SMALL.size)]), torch.cat([w, torch.ones(1)])
    torch.testing.assert_close(
        merge(more, heavier, method, shape=SMALL), merge(some, w, method, shape=SMALL), atol=1e-5, rtol=1e-5
    )


@given(modules, shares, every)
def test_small_blocks_a_list_and_an_out_give_the_same(vectors: NDArray[Any], weights: list[float], method: str) -> None:
    some, w = torch.tensor(vectors), torch.tensor(weights[: len(vectors)])
    whole, before = merge(some, w, method, shape=SMALL), some.clone()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "_BLOCK", 3)
        blocked = merge(some, w, method, shape=SMALL)
    out = torch.full((SMALL.size,), math.nan)
    assert merge(list(some), w, method, shape=SMALL, out=out) is out
    torch.testing.assert_close(blocked, whole, atol=1e-6, rtol=1e-6)
    assert torch.equal(out, whole)
    assert torch.equal(some, before), "modules are never written"


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16])
def test_narrow_modules_are_summed_in_float32_and_rounded_once(method: str, narrow: torch.dtype) -> None:
    vectors, weights = draw(3, SMALL.size).to(narrow), torch.tensor([0.6, 0.3, 0.1])
    wide = merge(vectors.float(), weights, method, shape=SMALL)
    merged = merge(vectors, weights, method, shape=SMALL)
    assert merged.dtype is narrow
    if METHODS[method].roots:  # what PEFT does to the A comes last: a second rounding
        torch.testing.assert_close(merged, wide.to(narrow), atol=0, rtol=2 * torch.finfo(narrow).eps)
    else:
        assert torch.equal(merged, wide.to(narrow))
    assert torch.equal(merge(vectors, weights, method, shape=SMALL, out=torch.empty(SMALL.size)), wide)


def test_a_dominant_module_survives_ties() -> None:
    """With 0.8 of the weight a module keeps its sign wherever it speaks louder than the rest together."""
    vectors = draw(3, 1000).sign()
    merged = merge(vectors, torch.tensor([0.8, 0.1, 0.1]))
    assert torch.equal(merged.sign(), vectors[0])


def test_trim_keeps_the_largest() -> None:
    assert trim(torch.tensor([[1.0, -3.0, 2.0, 0.5]]), 0.5).tolist() == [[0.0, -3.0, 2.0, 0.0]]


# -- random drops -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", sorted(SEEDED))
def test_a_seed_draws_the_same_entries_every_time_and_leaves_the_callers_generator_alone(method: str) -> None:
    vectors, weights = draw(3, 500), torch.tensor([0.5, 0.3, 0.2])
    before = torch.get_rng_state()
    merged, again = merge(vectors, weights, method), merge(vectors, weights, method)
    other = merge(vectors, weights, replace(METHODS[method], seed=1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(merged, again)
    assert not torch.equal(merged, other)


@pytest.mark.parametrize("density", [0.5, 0.8])
def test_dropping_at_random_changes_nothing_on_average(density: float) -> None:
    vectors, weights = draw(3, 2000), torch.tensor([0.5, 0.3, 0.2])
    draws = [merge(vectors, weights, Recipe(density=density, drop="random", seed=seed)).double() for seed in range(256)]
    linear = merge(vectors, weights, "linear").double()
    error = (torch.stack(draws).mean(dim=0) - linear).norm() / linear.norm()
    # One draw is off by sqrt(1/density - 1) of the norm, the mean of 256 by a sixteenth of that; half as much again is
    # far beyond chance for 2,000 entries.
    assert error < 1.5 * math.sqrt(1 / density - 1) / 16


def test_each_module_and_each_layer_loses_entries_of_its_own() -> None:
    ones, recipe = torch.ones(2, SMALL.size), METHODS["dare_linear"]
    first, second = thin(ones.unbind(), recipe, (SMALL.size,), torch.Generator().manual_seed(3))
    assert not torch.equal(first, second)
    assert set(first.tolist()) == {0.0, 1.25}
    # At rank 1, from Bs of ones, a B comes back as the share of its row that was kept: the same for the same drops.
    twins = SlotShape((Target("a", 64, 8), Target("b", 64, 8)), rank=1, alpha=2.0)
    merged = merge(torch.ones(2, twins.size), torch.tensor([0.5, 0.5]), replace(recipe, deltas=True), shape=twins)
    one, other = twins.split(merged)
    assert not torch.equal(one, other)


# -- weight changes ---------------------------------------------------------------------------------------------------


def deltas(shape: SlotShape, vector: torch.Tensor) -> list[torch.Tensor]:
    """The weight changes s B A of a module, (out, in) each."""
    return [b @ a * shape.scale for b, a in zip(shape.split(vector), shape.draw_a(), strict=True)]


@pytest.mark.parametrize("method", ["linear", "cat"])
def test_a_shared_a_makes_the_merge_of_bs_the_merge_of_deltas(method: str) -> None:
    vectors, weights = draw(3, SMALL.size), torch.tensor([0.5, 0.3, 0.2])
    parts = zip(*(deltas(SMALL, vector) for vector in vectors), strict=True)
    expected = [torch.einsum("k,kij->ij", weights, torch.stack(part)) for part in parts]
    for ours, dense in zip(deltas(SMALL, merge(vectors, weights, method)), expected, strict=True):
        torch.testing.assert_close(ours, dense)


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_ties_on_the_deltas_is_the_nearest_to_the_dense_merge(rank: int) -> None:
    shape = SlotShape((Target("up", 24, 40), Target("down", 40, 24)), rank=rank, alpha=2.0 * rank)
    vectors, weights = draw(3, shape.size), [0.5, 0.3, 0.2]
    merged = merge(vectors, torch.tensor(weights), "ties_delta", shape=shape)
    for index, (b, a) in enumerate(zip(shape.split(merged), shape.draw_a(), strict=True)):
        dense = np.stack([(shape.split(vector)[index] @ a).flatten().numpy() for vector in vectors])
        target = reference_ties(dense, weights).reshape(b.shape[0], a.shape[1])
        nearest = np.linalg.lstsq(a.numpy().T, target.T, rcond=None)[0].T
        np.testing.assert_allclose(b.numpy(), nearest, atol=1e-5)


def test_at_rank_one_ties_on_the_deltas_is_ties_on_the_bs() -> None:
    shape = SlotShape((Target("up", 24, 40), Target("down", 40, 24)), rank=1, alpha=2.0)
    vectors, weights = draw(3, shape.size), torch.tensor([0.5, 0.3, 0.2])
    torch.testing.assert_close(merge(vectors, weights, "ties_delta", shape=shape), merge(vectors, weights, "ties"))


# -- equal norms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("shape", [None, SMALL])
def test_matched_merges_have_the_weighted_mean_of_the_norms(method: str, shape: SlotShape | None) -> None:
    vectors, weights = draw(3, SMALL.size), torch.tensor([0.5, 0.3, 0.2])
    merged = merge(vectors, weights, method, shape=SMALL)
    matched = match_norm(merged, vectors, weights, shape)

    def norm(vector: torch.Tensor) -> float:
        parts = [vector] if shape is None else deltas(shape, vector)
        return math.sqrt(sum(float(part.square().sum()) for part in parts))

    expected = sum(float(w) * norm(vector) for w, vector in zip(weights, vectors, strict=True))
    assert norm(matched) == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(matched / matched.norm(), merged / merged.norm())


def test_aligned_modules_are_matched_already_and_zeros_stay_zeros() -> None:
    direction, weights = draw(1, SMALL.size)[0], torch.tensor([0.5, 0.3, 0.2])
    aligned = torch.stack([direction, 2 * direction, 5 * direction])
    linear = merge(aligned, weights, "linear")
    torch.testing.assert_close(match_norm(linear, aligned, weights), linear)
    assert match_norm(torch.zeros(SMALL.size), aligned, weights).eq(0).all()


# -- PEFT -------------------------------------------------------------------------------------------------------------

WEIGHTS = [(1.0, 1.0), (1 / 3, 1 / 3, 1 / 3), (0.7, 0.2, 0.1), (1.0, 0.5, -0.5)]


class Stock:
    """A real PEFT model with random modules on one frozen A, and what its `add_weighted_adapter` makes of them."""

    def __init__(self, rank: int, count: int = 3) -> None:
        from peft import LoraConfig, get_peft_model
        from transformers import LlamaConfig, LlamaForCausalLM

        config = LlamaConfig(
            vocab_size=32, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2
        )
        base: Any = LlamaForCausalLM(config)
        names = [name for name, _ in base.named_modules() if name.endswith(("up_proj", "gate_proj", "down_proj"))]
        linears = dict(base.named_modules())
        targets = tuple(Target(name, linears[name].in_features, linears[name].out_features) for name in names)
        self.shape = SlotShape(targets, rank, alpha=2.0 * rank)
        self.vectors = draw(count, self.shape.size, seed=rank)
        lora = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names)
        self.model: Any = get_peft_model(base, lora, adapter_name="0")
        for index in range(1, count):
            self.model.add_adapter(str(index), lora)
        layers = dict(self.model.named_modules())
        self.layers: list[Any] = [layers[f"base_model.model.{name}"] for name in names]
        for index, vector in enumerate(self.vectors):
            for layer, b, a in zip(self.layers, self.shape.split(vector), self.shape.draw_a(), strict=True):
                layer.lora_A[str(index)].weight.data = a.clone()
                layer.lora_B[str(index)].weight.data = b.clone()

    def merged(self, weights: Sequence[float], kind: str, *, whole_a: float | None = None, **options: Any) -> list[Any]:
        """The weight changes after PEFT's own merge; with the A it started from, times `whole_a`, if that is given."""
        names = [str(index) for index in range(len(weights))]
        self.model.add_weighted_adapter(names, list(weights), "merged", combination_type=kind, **options)
        try:
            for layer, a in zip(self.layers, self.shape.draw_a(), strict=True):
                if whole_a is not None:
                    layer.lora_A["merged"].weight.data = a * whole_a
            return [layer.get_delta_weight("merged").detach() for layer in self.layers]
        finally:
            self.model.delete_adapter("merged")

    def ours(self, weights: Sequence[float], method: str | Recipe) -> list[torch.Tensor]:
        vectors = self.vectors[: len(weights)]
        return deltas(self.shape, merge(vectors, torch.tensor(weights), method, shape=self.shape))


@pytest.fixture(scope="module", params=[2, 4, 8])
def stock(request: pytest.FixtureRequest) -> Stock:
    return Stock(request.param)


def same(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_cat_and_linear_equal_pefts(stock: Stock, weights: Sequence[float]) -> None:
    exact = stock.merged(weights, "cat")
    same(stock.ours(weights, "cat"), exact)
    same(stock.ours(weights, "linear"), exact)
    same(stock.ours(weights, "linear_peft"), stock.merged(weights, "linear"))


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(("votes", "theirs"), [("values", "total"), ("signs", "frequency")])
def test_ties_with_pefts_options_equals_pefts(stock: Stock, weights: Sequence[float], votes: Any, theirs: str) -> None:
    for density in (0.2, 0.5, 0.8, 1.0):
        recipe = replace(METHODS["ties_peft"], votes=votes, density=density)
        # PEFT trims the shared A as well. No Bs can express that, so its A is put back, as strong as PEFT leaves it.
        strength = sum(math.copysign(math.sqrt(abs(w) * stock.shape.scale), w) for w in weights) / len(weights)
        a = None if density == 1 else strength
        expected = stock.merged(weights, "ties", density=density, majority_sign_method=theirs, whole_a=a)
        same(stock.ours(weights, recipe), expected)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("kind", ["linear", "ties"])
def test_dare_equals_pefts_when_both_drop_the_same(
    stock: Stock, weights: Sequence[float], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft.utils import merge_utils

    recipe = replace(METHODS[f"{kind}_peft"], drop="random", density=0.5, by_layer=False, seed=7)
    ones = torch.ones(len(weights), stock.shape.size).unbind()
    kept = [row.ne(0).float() for row in thin(ones, recipe, (), torch.Generator().manual_seed(7))]
    masks = {
        layer.lora_B[str(index)].weight.data_ptr(): mask
        for index, row in enumerate(kept)
        for layer, mask in zip(stock.layers, stock.shape.split(row), strict=True)
    }
    drop = merge_utils.random_pruning

    def drop_the_same(tensor: torch.Tensor, density: float, rescale: bool) -> torch.Tensor:
        mask = masks.get(tensor.data_ptr())
        if mask is None:
            return tensor  # the shared A
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "bernoulli", lambda _: mask)
            return drop(tensor, density, rescale)

    monkeypatch.setattr(merge_utils, "random_pruning", drop_the_same)
    same(stock.ours(weights, recipe), stock.merged(weights, f"dare_{kind}", density=0.5))


@pytest.mark.parametrize("density", [0.3, 0.7])
@pytest.mark.parametrize(("votes", "theirs"), [("values", "total"), ("signs", "frequency")])
def test_ties_on_the_deltas_equals_pefts_seen_through_the_shared_a(
    stock: Stock, density: float, votes: Any, theirs: str
) -> None:
    weights = (0.7, 0.2, 0.1)
    recipe = Recipe(density=density, votes=votes, average=True, deltas=True)
    dense = stock.merged(weights, "ties_svd", density=density, majority_sign_method=theirs, svd_rank=32)
    projections = [torch.linalg.pinv(a) @ a for a in stock.shape.draw_a()]
    same(stock.ours(weights, recipe), [delta @ onto for delta, onto in zip(dense, projections, strict=True)])


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vectors", "weights"),
    [
        (torch.ones(2, 3), torch.ones(3)),
        (torch.ones(2, 3), torch.ones(2, 1)),
        (torch.ones(3), torch.ones(1)),
        (torch.tensor(1.0), torch.ones(1)),
        (torch.ones(1, 2, 3), torch.ones(1)),
        (torch.ones(0, 3), torch.ones(0)),
        ([], torch.ones(0)),
        ([torch.ones(3), torch.ones(4)], torch.ones(2)),
        ([torch.ones(2, 3)], torch.ones(1)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(vectors: Any, weights: torch.Tensor) -> None:
    with pytest.raises(InvalidInput, match="do not fit"):
        merge(vectors, weights)


def test_bad_input_is_refused_before_anything_is_written() -> None:
    vectors, weights, out = torch.ones(2, SMALL.size), torch.ones(2), torch.zeros(SMALL.size)
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("Unknown merge method", {"method": "average"}),
        ("cannot be blended", {"vectors": torch.ones(2, SMALL.size, dtype=torch.int64)}),
        ("cannot be blended", {"vectors": [vectors[0], vectors[1].bfloat16()]}),
        ("weight", {"weights": torch.tensor([1.0, math.nan])}),
        ("needs the layers", {"method": "ties_delta"}),
        ("needs the layers", {"method": "ties_peft"}),
        ("not that of the modules", {"shape": replace(SMALL, rank=4)}),
        ("not that of the modules", {"shape": replace(SMALL, own_a=True)}),
        ("`out` does not fit", {"out": torch.zeros(3)}),
        ("`out` does not fit", {"out": torch.zeros(SMALL.size, dtype=torch.int64)}),
        ("never written", {"out": vectors[1]}),
    ]
    for message, change in wrong:
        with pytest.raises(InvalidInput, match=message):
            merge(**{"vectors": vectors, "weights": weights, "out": out, **change})
    assert out.eq(0).all()
    assert vectors.eq(1).all()
    with pytest.raises(InvalidInput, match="does not fit its modules"):
        match_norm(torch.ones(3), vectors, weights)


@pytest.mark.parametrize("choice", [{"votes": "loudest"}, {"drop": "largest"}, {"density": 0.0}, {"density": 1.5}])
def test_a_recipe_of_unknown_choices_is_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Recipe(**choice)
