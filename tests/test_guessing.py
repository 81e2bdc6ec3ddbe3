"""Answers that were guessed: the same texts as by generation, in one forward pass where the guess was right."""

from __future__ import annotations

import math

import pytest
import torch

from slowwave.consolidation.guessing import _AT_ONCE, _portions, greedy
from slowwave.model import BaseModel, Encoded, Generated, Slot, Stack
from slowwave.prompts import UNKNOWN, conversation

FACTS = ('- 1 May 2026, Ada: "I live in Porto."', '- 2 May 2026, Ada: "My sister is Clara."')
QUESTIONS = ("Where do I live?", "Who is my sister?", "What is my sister's name?", "Which town is mine?", "Green?")
LONGEST = 12


@pytest.fixture(params=["base", "slot"])
def slot(request: pytest.FixtureRequest, base: BaseModel) -> Slot | None:
    shape = base.shape(4)
    noise = torch.randn(shape.size, generator=torch.Generator().manual_seed(3)) * 0.05
    return None if request.param == "base" else base.slot(shape, noise)


@pytest.fixture
def asked(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> list[Encoded]:
    """The prompts for which the model has to generate from now on."""
    seen: list[Encoded] = []
    generate = base.generate

    def noted(prompts: list[Encoded], limit: int, slot: Slot | Stack | None = None) -> list[Generated]:
        seen.extend(prompts)
        return generate(prompts, limit, slot)

    monkeypatch.setattr(base, "generate", noted)
    return seen


def prompts(base: BaseModel) -> list[Encoded]:
    return [base.encode(conversation(question, some)) for question in QUESTIONS for some in ((), FACTS)]


def with_end(base: BaseModel, prompt: Encoded, ids: list[int]) -> Encoded:
    return Encoded((*prompt.ids, *ids, base.tokenizer.eos_token_id), prompt.prompt)


def test_whatever_is_guessed_the_texts_are_those_of_generation(base: BaseModel, slot: Slot | None) -> None:
    plain = base.generate(prompts(base), LONGEST, slot)
    texts = [one.text for one in plain]
    right = [with_end(base, prompt, one.ids) for prompt, one in zip(prompts(base), plain, strict=True)]
    wrong = [base.encode(conversation(question, some), UNKNOWN) for question in QUESTIONS for some in ((), FACTS)]
    begun = [with_end(base, prompt, one.ids[:2]) for prompt, one in zip(prompts(base), plain, strict=True)]
    for guesses in (right, wrong, begun, [*right[:5], *wrong[5:]]):
        assert greedy(base, guesses, LONGEST, slot) == texts


def test_what_the_model_is_sure_to_say_is_not_generated(
    base: BaseModel, slot: Slot | None, asked: list[Encoded]
) -> None:
    plain = base.generate(prompts(base), 40, slot)
    sure = [index for index, one in enumerate(plain) if one.finished and min(one.logprobs) > math.log(0.51)]
    assert sure, "the tiny model ends some of its answers by itself and is sure of them"
    asked.clear()
    guesses = [with_end(base, prompt, one.ids) for prompt, one in zip(prompts(base), plain, strict=True)]
    assert greedy(base, guesses, 40, slot) == [one.text for one in plain]
    assert not {prompts(base)[index].ids for index in sure} & {prompt.ids for prompt in asked}


@pytest.mark.parametrize(("room", "generated"), [(0, False), (-1, True)])
def test_a_guess_that_is_longer_than_an_answer_may_be_does_not_count(
    base: BaseModel, asked: list[Encoded], room: int, generated: bool
) -> None:
    said = zip(prompts(base), base.generate(prompts(base), 40), strict=True)
    prompt, sure = next(pair for pair in said if pair[1].finished and min(pair[1].logprobs) > math.log(0.51))
    limit = len(sure.ids) + 1 + room  # the end of turn is a token as well
    cut = base.generate([prompt], limit)[0].text
    asked.clear()
    assert greedy(base, [with_end(base, prompt, sure.ids)], limit) == [cut]
    assert bool(asked) is generated


def test_an_end_of_turn_within_a_guess_ends_the_answer(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even of a module that has learned to say what stands behind it."""
    (prompt, *_), end = prompts(base), base.tokenizer.eos_token_id
    (plain,) = base.generate([prompt], LONGEST)
    monkeypatch.setattr(
        base, "branch_logprobs", lambda groups, slot: [torch.zeros(len(groups[0][0].ids) - groups[0][0].prompt)]
    )
    assert greedy(base, [with_end(base, prompt, [5, 6])], LONGEST) == [base.decode([5, 6])], "all of it is believed"
    assert greedy(base, [with_end(base, prompt, [5, end, 6])], LONGEST) == [plain.text]


def test_nothing_is_asked_where_there_is_nothing_to_ask(base: BaseModel) -> None:
    assert greedy(base, [], LONGEST) == []


def test_portions_hold_every_row_once_and_no_more_than_fits() -> None:
    rows = [Encoded((index % 3, *range(length)), 1) for index, length in enumerate((500, 20, 1500, 300, 700, 20, 20))]
    portions = list(_portions(rows))
    assert sorted(place for some in portions for place in some) == list(range(len(rows)))
    assert all(len(some) == 1 or sum(len(rows[one].ids) for one in some) <= _AT_ONCE for some in portions)
    firsts = [rows[place].ids[0] for some in portions for place in some]
    assert firsts == sorted(firsts), "rows that begin alike are neighbours"
