"""Rows laid out as branches: the groups that read the fewest tokens, and batches that keep rows about one list together."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slowwave import Settings
from slowwave.consolidation.recipes import recipe_for
from slowwave.consolidation.rows import Lesson, Row, epoch_rows
from slowwave.consolidation.train import Course, _batches
from slowwave.model import BaseModel, Encoded
from slowwave.packing import branches, families

ROWS = st.lists(
    st.tuples(st.lists(st.integers(0, 1), min_size=1, max_size=8), st.integers(1, 3)).map(
        lambda drawn: Encoded((*drawn[0], *([2] * drawn[1])), len(drawn[0]))
    ),
    min_size=1,
    max_size=7,
)


def partitions(some: Sequence[int]) -> Iterator[list[list[int]]]:
    """Every way to cut them into groups of neighbours."""
    if not some:
        yield []
    for end in range(1, len(some) + 1):
        yield from ([list(some[:end]), *rest] for rest in partitions(some[end:]))


def tokens(rows: Sequence[Encoded], groups: Sequence[Sequence[int]]) -> int:
    return len(branches([[rows[index] for index in group] for group in groups]).ids)


@given(ROWS)
def test_no_other_groups_of_neighbours_read_fewer_tokens(rows: list[Encoded]) -> None:
    found = families(rows)
    order = sorted(range(len(rows)), key=lambda index: rows[index].ids)
    assert sorted(index for group in found for index in group) == list(range(len(rows)))
    assert tokens(rows, found) == min(tokens(rows, groups) for groups in partitions(order))


@pytest.mark.parametrize("size", [2, 4, 5])
def test_batches_hold_every_row_once_and_keep_a_list_together(size: int, base: BaseModel, tiny_lesson: Lesson) -> None:
    rows = epoch_rows(tiny_lesson, 0, 1, recipe_for(Settings(), base.hidden_size).shares)
    batches = _batches(base, rows, size, 0)
    assert sorted(id(row) for batch in batches for row, _ in batch) == sorted(map(id, rows))
    assert max(map(len, batches)) == size
    for facts in {row.facts for row in rows if row.facts}:
        count = sum(row.facts == facts for row in rows)
        assert sum(any(row.facts == facts for row, _ in batch) for batch in batches) == -(-count // size)


@pytest.mark.parametrize("longest", [1, 2048])
def test_rows_are_asked_in_their_order_however_they_are_laid_out(
    longest: int, base: BaseModel, tiny_lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The padded batch is the reference, for log-probabilities and for the gradient."""
    monkeypatch.setattr("slowwave.consolidation.train._LAID_OUT", longest)
    course = Course(base, tiny_lesson, recipe_for(Settings(), base.hidden_size))
    with torch.no_grad():
        course.slot.vector += torch.randn(course.slot.vector.shape, generator=torch.Generator().manual_seed(0)) * 0.05
    course.slot.refresh()
    rows: list[Row] = epoch_rows(tiny_lesson, 0, 1, course.recipe.shares)
    random.Random(0).shuffle(rows)
    encoded = [base.encode(row.messages, row.answer) for row in rows[:7]]
    found, wanted = course.ask(encoded, course.slot), base.answer_logprobs(encoded, course.slot)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    slopes = [torch.autograd.grad(torch.cat(said).mean(), course.slot.vector)[0] for said in (found, wanted)]
    torch.testing.assert_close(*slopes, atol=1e-5, rtol=1e-3)
