"""Rows of token ids as tensors: padded on the right, padded on the left, or as branches of one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["Branches", "Encoded", "branches", "families", "padded"]


@dataclass(frozen=True)
class Encoded:
    """A prompt, and possibly its answer, as token ids."""

    ids: tuple[int, ...]
    prompt: int
    """How many of the ids belong to the prompt."""


def padded(rows: Sequence[Sequence[int]], pad: int, *, left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows and which of their places hold a token, shape (rows, longest) each.

    Args:
        pad: the id in the other places.
        left: whether the rows end together, so that the next token of every row is at the right edge; otherwise they begin
            together, and positions count from 0 without help.
    """
    import torch

    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for index, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(len(row))
        ids[index, place] = torch.tensor(row)
        mask[index, place] = 1
    return ids, mask


@dataclass(frozen=True)
class Branches:
    """Rows in groups as one sequence without padding: of each group the common beginning, then the rest of every row."""

    ids: list[int]
    positions: list[int]
    sees: torch.Tensor
    """Which token sees which, shape (tokens, tokens): a branch sees its group's beginning and itself, and nothing later."""
    where: list[int]
    """The places before each answer token, row by row."""
    wanted: list[int]
    """The answer tokens."""


def branches(groups: Sequence[Sequence[Encoded]]) -> Branches:
    """Lay groups of rows out as branches, so that what the rows of a group have in common is read once."""
    import torch

    ids: list[int] = []
    positions: list[int] = []
    group_of: list[int] = []
    branch_of: list[int] = []  # 0 is the common beginning
    where: list[int] = []
    wanted: list[int] = []
    for index, group in enumerate(groups):
        trunk = _common([row.ids[: row.prompt] for row in group])
        parts = [group[0].ids[:trunk], *(row.ids[trunk:] for row in group)]
        for branch, part in enumerate(parts):
            if branch:
                row, start = group[branch - 1], len(ids) - trunk
                # Of a row alone the beginning is the whole prompt, and its branch stands right behind it.
                where += range(start + row.prompt - 1, start + len(row.ids) - 1)
                wanted += row.ids[row.prompt :]
            positions += range(trunk if branch else 0, (trunk if branch else 0) + len(part))
            ids += part
            group_of += [index] * len(part)
            branch_of += [branch] * len(part)
    groups_at, branch_at = torch.tensor(group_of), torch.tensor(branch_of)  # (tokens,)
    sees = (branch_at[:, None] == branch_at[None, :]) | (branch_at[None, :] == 0)  # (tokens, tokens)
    sees &= groups_at[:, None] == groups_at[None, :]
    return Branches(ids, positions, sees.tril(), where, wanted)


def families(rows: Sequence[Encoded]) -> list[list[int]]:
    """The groups in which rows are laid out as branches, by their places: those of neighbours, in order, that save the most."""
    order = sorted(range(len(rows)), key=lambda index: rows[index].ids)
    # Rows that begin alike are neighbours now. saved[end] is the most tokens that groups of the first `end` rows save.
    shared = [_common([rows[one].ids[: rows[one].prompt] for one in pair]) for pair in pairwise(order)]
    saved, begins = [0] * (len(order) + 1), [0] * (len(order) + 1)
    for end in range(1, len(order) + 1):
        saved[end], begins[end], trunk = saved[end - 1], end - 1, len(rows[order[end - 1]].ids)
        for start in range(end - 2, -1, -1):
            trunk = min(trunk, shared[start])
            if (whole := saved[start] + (end - start - 1) * trunk) > saved[end]:
                saved[end], begins[end] = whole, start
    groups: list[list[int]] = []
    end = len(order)
    while end:
        groups.append(order[begins[end] : end])
        end = begins[end]
    return groups[::-1]


def _common(rows: Sequence[Sequence[int]]) -> int:
    """How many ids the rows have in common at the beginning; at least one id of every row is left over."""
    shortest = min(map(len, rows)) - 1 if len(rows) > 1 else len(rows[0])
    return next((at for at in range(shortest) if any(row[at] != rows[0][at] for row in rows)), shortest)
