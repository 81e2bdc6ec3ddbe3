"""Greedy answers in one forward pass, where they can be guessed: speculative decoding with the expected answer as draft.

A token with more than half of the probability is the likeliest one. So a model that gives every token of a guess, the end
of turn too, more than half would have said just this (speculative decoding, arXiv 2211.17192, with a draft that is taken
as a whole or not at all). Exams know the right answer before they ask, and most of what is examined answers rightly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from slowwave.model import BaseModel, Encoded, Slot
from slowwave.packing import families

__all__ = ["greedy"]

_LIKELIEST = math.log(0.5)
_AT_ONCE = 1024
"""The most tokens that are read in one pass: each of them is compared with each."""


def greedy(base: BaseModel, guesses: Sequence[Encoded], max_tokens: int, slot: Slot | None = None) -> list[str]:
    """What the model answers to each prompt: the texts of `BaseModel.generate`, up to rounding, whatever the guesses are.

    Args:
        guesses: the prompts, each with the answer that is expected and the end of turn.
        max_tokens: of an answer that was guessed wrong.
    """
    import torch

    said: dict[int, str] = {}
    for places in _portions(guesses):
        rows = [guesses[place] for place in places]
        kin = families(rows)
        with torch.inference_mode():
            marks = base.branch_logprobs(
                [[rows[index] for index in some] for some in kin], slot
            )  # each (answer tokens,)
        for index, mark in zip((index for some in kin for index in some), marks, strict=True):
            *answer, end = rows[index].ids[rows[index].prompt :]
            # An answer that has the end of turn in its middle would have stopped there.
            if len(mark) <= max_tokens and end not in answer and bool((mark > _LIKELIEST).all()):
                said[places[index]] = base.decode(answer)
    left = [place for place in range(len(guesses)) if place not in said]
    prompts = [Encoded(guesses[place].ids[: guesses[place].prompt], guesses[place].prompt) for place in left]
    made = base.generate(prompts, max_tokens, slot)
    said.update(zip(left, (one.text for one in made), strict=True))
    return [said[place] for place in range(len(guesses))]


def _portions(rows: Sequence[Encoded]) -> Iterator[list[int]]:
    """The places of rows that are read together: those that begin alike are neighbours."""
    some: list[int] = []
    for place in sorted(range(len(rows)), key=lambda index: rows[index].ids):
        if some and sum(len(rows[one].ids) for one in (*some, place)) > _AT_ONCE:
            yield some
            some = []
        some.append(place)
    if some:
        yield some
