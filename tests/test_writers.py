"""Any writer: adapters for models and callables, what is kept of what they say, and the held-out wordings."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import ChatModel, CompletionModel
from hypothesis import given
from hypothesis import strategies as st

from slowwave.consolidation.rules import RuleWriter
from slowwave.consolidation.support import question_key
from slowwave.consolidation.writers import NamedWriter, as_writer, split_heldout, supported, write, write_all
from slowwave.errors import InvalidInput, WriterFailed
from slowwave.types import Fact, QAPair

FACT = Fact(id="f", text="I live in Porto.", user_id="ada", said_at=datetime(2026, 11, 21, tzinfo=UTC))
GOOD = [{"question": f"Where is home, version {n}?", "answer": "Porto"} for n in range(6)]


def test_none_is_the_rules() -> None:
    writer = as_writer(None)
    assert writer.name == "rules"
    assert writer(FACT) == RuleWriter()(FACT)
    assert as_writer(writer) is writer


@pytest.mark.parametrize("pair", [
    QAPair(question="Where do I live?", answer="Porto"), ("Where do I live?", "Porto"), ["Where do I live?", "Porto"],
    {"question": "Where do I live?", "answer": "Porto"},
])  # fmt: skip
def test_a_callable_may_return_any_shape(pair: Any) -> None:
    def mine(fact: Fact) -> Iterable[Any]:
        yield pair

    writer = as_writer(mine)
    assert writer.name == "mine"
    assert writer(FACT) == [QAPair(question="Where do I live?", answer="Porto")]


@pytest.mark.parametrize("result", [[("only one",)], [5], "text", 5, [{"question": "a"}], [(1, 2)], None])
def test_nonsense_of_a_callable_is_a_failure(result: Any) -> None:
    with pytest.raises(WriterFailed):
        as_writer(lambda fact: result)(FACT)


def test_an_error_of_a_callable_is_the_cause_and_not_the_message() -> None:
    def broken(fact: Fact) -> list[QAPair]:
        raise RuntimeError(f"secret {fact.text}")

    with pytest.raises(WriterFailed) as caught:
        as_writer(broken)(FACT)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "Porto" not in str(caught.value)
    assert "RuntimeError" in str(caught.value)


@pytest.mark.parametrize("reply", [
    json.dumps(GOOD), f"Sure!\n```json\n{json.dumps(GOOD)}\n```\nDone.", json.dumps({"pairs": GOOD}),
    f"<think>[1] maybe</think>{json.dumps(GOOD)}", json.dumps([[row["question"], row["answer"]] for row in GOOD]),
    json.dumps([{**row, "Why": "because"} for row in GOOD]), [{"type": "text", "text": json.dumps(GOOD)}],
])  # fmt: skip
def test_a_chat_model_is_read_leniently(reply: Any) -> None:
    model = ChatModel(reply)
    assert as_writer(model)(FACT) == [QAPair(**row) for row in GOOD]
    assert "I live in Porto." in model.prompts[0]
    assert "21 November 2026" in model.prompts[0]


def test_a_chat_model_is_asked_three_times() -> None:
    model = ChatModel("no", '[{"question": 3}]', json.dumps(GOOD))
    assert len(as_writer(model)(FACT)) == 6
    assert len(model.prompts) == 3
    with pytest.raises(WriterFailed):
        as_writer(ChatModel("no", "nothing", "{}"))(FACT)
    assert as_writer(ChatModel("[]"))(FACT) == [], "nothing to ask is an answer"


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_fact_on_which_a_writer_fails_is_written_by_rule(place: int) -> None:
    facts = [FACT.model_copy(update={"id": f"f{number}"}) for number in range(4)]

    def picky(fact: Fact) -> list[QAPair]:
        if fact.id == f"f{place}":
            raise ValueError(fact.text)
        return [QAPair(question="Which town is mine?", answer="Porto")]

    written = write_all(facts, as_writer(picky))
    assert ["Which town is mine?" in {pair.question for pair in pairs} for pairs in written] == [
        number != place for number in range(4)
    ]
    assert all(len(pairs) >= 6 for pairs in written)


def test_a_writer_that_cannot_be_reached_is_not_asked_about_every_fact() -> None:
    asked: list[str] = []

    def silent(fact: Fact) -> list[QAPair]:
        asked.append(fact.id)
        raise ConnectionError

    with pytest.raises(WriterFailed):
        write_all([FACT.model_copy(update={"id": f"f{number}"}) for number in range(8)], as_writer(silent))
    assert asked == ["f0", "f0", "f1"]


def test_facts_are_asked_about_side_by_side_and_what_that_costs_is_counted() -> None:
    facts = [
        FACT.model_copy(update={"id": f"f{n}", "text": f"I live in {town}."})
        for n, town in enumerate(("Porto", "Faro"))
    ]

    class Batching(ChatModel):
        batches: list[int] = []  # noqa: RUF012

        def batch(self, prompts: list[str], config: dict[str, int], *, return_exceptions: bool) -> list[object]:
            assert return_exceptions
            assert config["max_concurrency"] > 1
            self.batches.append(len(prompts))
            return [self.invoke(prompt) for prompt in prompts]

        def invoke(self, prompt: str) -> object:
            reply = super().invoke(prompt)
            return SimpleNamespace(content=reply.content, usage_metadata={"input_tokens": 100, "output_tokens": 7})  # type: ignore[attr-defined]

    towns = [
        json.dumps([{"question": f"Where is home, version {n}?", "answer": town} for n in range(6)])
        for town in ("Porto", "Faro")
    ]
    model = Batching("no list", towns[1], towns[0])
    writer = as_writer(model)
    written = write_all(facts, writer)
    assert [{pair.answer for pair in pairs} for pairs in written] == [{"Porto"}, {"Faro"}]
    assert [len(pairs) for pairs in written] == [6, 6]
    assert model.batches == [2]
    assert "JSON list only" in model.prompts[2], "the one whose reply was no list is asked again"
    spent = writer.spent
    assert (spent.calls, spent.prompt_tokens, spent.reply_tokens) == (3, 300, 21)
    assert as_writer(None).spent.calls == 0


def test_a_reply_without_text_among_many_is_asked_for_again() -> None:
    class Batching(ChatModel):
        def batch(self, prompts: list[str], **_: object) -> list[object]:
            return [SimpleNamespace(content=None), SimpleNamespace(content=json.dumps(GOOD))]

    facts = [FACT.model_copy(update={"id": name}) for name in "ab"]
    model = Batching(json.dumps(GOOD))
    assert [len(pairs) for pairs in as_writer(model).many(facts)] == [6, 6]
    assert len(model.prompts) == 1


def test_a_batch_that_raises_as_a_whole_is_a_failure_of_the_writer() -> None:
    class Batching(ChatModel):
        def batch(self, prompts: list[str], **_: object) -> list[object]:
            raise RuntimeError(prompts[0])

    with pytest.raises(WriterFailed) as caught:
        write_all([FACT.model_copy(update={"id": name}) for name in "ab"], as_writer(Batching()))
    assert "Porto" not in str(caught.value)


def test_one_unreachable_reply_of_many_is_a_failure() -> None:
    class Batching(ChatModel):
        def batch(self, prompts: list[str], **_: object) -> list[object]:
            return [ConnectionError("down") for _ in prompts]

    facts = [FACT.model_copy(update={"id": name}) for name in "ab"]
    with pytest.raises(WriterFailed) as caught:
        write_all(facts, as_writer(Batching(*[ConnectionError("down")] * 2)))
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_an_unreachable_chat_model_fails_at_once() -> None:
    model = ChatModel(ConnectionError("down"), json.dumps(GOOD))
    with pytest.raises(WriterFailed) as caught:
        as_writer(model)(FACT)
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert len(model.prompts) == 1


def test_a_llama_index_model() -> None:
    writer = as_writer(CompletionModel(json.dumps(GOOD)))
    assert writer.name == "CompletionModel"
    assert len(writer(FACT)) == 6


def test_real_framework_models() -> None:
    chat = pytest.importorskip("langchain_core.language_models.fake_chat_models")
    model = chat.FakeListChatModel(responses=[json.dumps(GOOD)])
    assert len(as_writer(model)(FACT)) == 6


def test_anything_else_is_refused() -> None:
    with pytest.raises(InvalidInput, match="LangChain"):
        as_writer(42)


def test_write_keeps_what_is_supported_and_once() -> None:
    rows = [
        *((row["question"], row["answer"]) for row in GOOD),
        ("where is HOME version 0", "Porto"),
        ("Where?", "Lisbon"),
    ]
    kept = write(FACT, lambda fact: rows)
    assert kept == [QAPair(**row) for row in GOOD]


def test_write_tops_up_with_the_rules() -> None:
    kept = write(FACT, lambda fact: [("Where is my bed?", "Porto"), ("Where?", "Lisbon")])
    assert kept[0] == QAPair(question="Where is my bed?", answer="Porto")
    assert "Where do I live?" in [pair.question for pair in kept]
    assert write(FACT) == RuleWriter()(FACT)


PAIRS = st.lists(
    st.builds(QAPair, question=st.sampled_from([f"q{n}" for n in range(12)]), answer=st.sampled_from(["a", "b", "A!"])),
    max_size=40,
)


@given(PAIRS, st.integers(0, 3), st.integers(), st.randoms(use_true_random=False))
def test_the_split_is_a_stable_partition(
    pairs: list[QAPair], per_answer: int, seed: int, shuffler: random.Random
) -> None:
    trained, held = split_heldout(pairs, per_answer=per_answer, seed=seed)
    assert sorted(map(str, trained + held)) == sorted(map(str, pairs))
    moved = list(pairs)
    shuffler.shuffle(moved)
    again, held_again = split_heldout(moved, per_answer=per_answer, seed=seed)
    assert set(again) == set(trained)
    assert set(held_again) == set(held)
    for answer in {question_key(pair.answer) for pair in pairs}:
        asked = {question_key(pair.question) for pair in pairs if question_key(pair.answer) == answer}
        out = {question_key(pair.question) for pair in held if question_key(pair.answer) == answer}
        expected = per_answer if len(asked) >= 4 + per_answer else min(1, per_answer) if len(asked) >= 4 else 0
        assert len(out) == expected


@pytest.mark.parametrize(("wordings", "held"), [(3, 0), (4, 1), (5, 1), (6, 2), (9, 2)])
def test_how_many_are_held_out(wordings: int, held: int) -> None:
    pairs = [QAPair(question=f"q{n}", answer="a") for n in range(wordings)]
    assert len(split_heldout(pairs, seed=1)[1]) == held


def test_another_seed_holds_out_others() -> None:
    pairs = [QAPair(question=f"q{n}", answer="a") for n in range(9)]
    assert len({tuple(pair.question for pair in split_heldout(pairs, seed=seed)[1]) for seed in range(20)}) > 1


def test_supported_is_public() -> None:
    assert supported(QAPair(question="Where do I live?", answer="Porto"), FACT)


def test_what_a_proven_writer_leaves_out_is_not_filled_up() -> None:
    fact = Fact(id="f", text="I live in Porto.", user_id="ada", said_at=datetime(2026, 11, 21, tzinfo=UTC))
    assert write(fact, NamedWriter("none", lambda fact: []))
    assert write(fact, NamedWriter("none", lambda fact: [], proven=True)) == []


def test_a_fact_is_asked_about_with_its_day() -> None:
    fact = Fact(id="f", text="I flew to Oslo yesterday.", user_id="ada", said_at=datetime(2026, 11, 21, tzinfo=UTC))
    pairs = write(fact)
    assert "20 November 2026" in {pair.answer for pair in pairs}
    assert not any("yesterday" in pair.question for pair in pairs)
    others = [pair.question for pair in pairs if pair.answer != "20 November 2026"]
    dated = ["20 November 2026" in question for question in others]
    assert any(dated), "some wordings name the day"
    assert not all(dated), "and some leave it out"
