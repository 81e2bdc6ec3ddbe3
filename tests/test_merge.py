"""Merging against PEFT, a numpy reference and its own laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slowwave.adapters_store.merge import METHODS, TiesOptions, linear, merge, ties, trim
from slowwave.errors import InvalidInput

# Multiples of 1/8: sums are exact, so permuting the modules may not change a bit.
entries = st.integers(-64, 64).map(lambda n: n / 8)
modules = hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 12)), elements=entries)
shares = st.lists(st.sampled_from([0.125, 0.25, 0.5, 1.0]), min_size=3, max_size=3)


def reference_ties(vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """TIES with weighted votes and sums, entry by entry."""
    if len(vectors) == 1:
        return np.asarray(vectors[0] * weights[0])
    merged = np.zeros(vectors.shape[1], dtype=np.float32)
    for column in range(vectors.shape[1]):
        weighted = [float(w) * float(v[column]) for w, v in zip(weights, vectors, strict=True)]
        positive = sum(weighted) >= 0
        merged[column] = sum(x for x in weighted if x != 0 and (x > 0) == positive)
    return merged


@given(modules, shares)
def test_ties_equals_the_reference(vectors: np.ndarray, weights: list[float]) -> None:
    w = np.array(weights[: len(vectors)], dtype=np.float32)
    merged = ties(torch.tensor(vectors), torch.tensor(w))
    np.testing.assert_allclose(merged.numpy(), reference_ties(vectors, w), atol=1e-6)


@given(modules, shares, st.sampled_from(sorted(METHODS)), st.randoms(use_true_random=False))
def test_the_order_of_the_modules_does_not_matter(
    vectors: np.ndarray, weights: list[float], method: str, random: object
) -> None:
    k = len(vectors)
    if method == "single" and len(set(weights[:k])) < k:
        return  # a tie between weights is broken by order
    w = torch.tensor(weights[:k])
    order = list(range(k))
    random.shuffle(order)  # type: ignore[attr-defined]
    some = torch.tensor(vectors)
    torch.testing.assert_close(merge(some[order], w[order], method), merge(some, w, method))


@given(modules, st.sampled_from(["linear", "ties"]))
def test_one_module_at_full_weight_is_untouched(vectors: np.ndarray, method: str) -> None:
    one = torch.tensor(vectors[:1])
    assert torch.equal(merge(one, torch.ones(1), method), one[0])


@given(modules, shares, st.sampled_from([2.0, 0.5]))
def test_scaling_the_modules_scales_the_merge(vectors: np.ndarray, weights: list[float], factor: float) -> None:
    some, w = torch.tensor(vectors), torch.tensor(weights[: len(vectors)])
    torch.testing.assert_close(ties(some * factor, w), ties(some, w) * factor)


@pytest.mark.parametrize("density", [0.3, 0.5, 0.8, 0.99])
@pytest.mark.parametrize("count", [2, 3])
def test_peft_options_equal_pefts_own_ties(density: float, count: int) -> None:
    from peft.utils.merge_utils import ties as peft_ties

    torch.manual_seed(count)
    vectors, weights = torch.randn(count, 200), torch.ones(count)
    ours = ties(vectors, weights, TiesOptions(density=density, weighted_votes=False, average=True))
    theirs = peft_ties(list(vectors), weights, density, majority_sign_method="total")
    torch.testing.assert_close(ours, theirs)


def test_a_shared_a_makes_the_merge_of_bs_the_merge_of_deltas() -> None:
    torch.manual_seed(0)
    a, bs, weights = torch.randn(4, 10), torch.randn(3, 7 * 4), torch.tensor([0.5, 0.3, 0.2])
    deltas = torch.stack([b.view(7, 4) @ a for b in bs])
    torch.testing.assert_close(linear(bs, weights).view(7, 4) @ a, torch.einsum("k,kij->ij", weights, deltas))


def test_trim_keeps_the_largest() -> None:
    assert trim(torch.tensor([[1.0, -3.0, 2.0, 0.5]]), 0.5).tolist() == [[0.0, -3.0, 2.0, 0.0]]


def test_a_dominant_module_survives_ties() -> None:
    """With 0.8 of the weight a module keeps its sign wherever it speaks louder than the rest together."""
    torch.manual_seed(1)
    vectors = torch.randn(3, 1000).sign()
    merged = ties(vectors, torch.tensor([0.8, 0.1, 0.1]))
    assert torch.equal(merged.sign(), vectors[0])


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Unknown merge method"):
        merge(torch.ones(1, 2), torch.ones(1), "average")
    with pytest.raises(InvalidInput, match="do not fit"):
        merge(torch.ones(2, 2), torch.ones(3))
