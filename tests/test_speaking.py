"""A reader that looks again: of two facts that answer a question, the newer one holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from benchmarks.skills_exam import shown
from slowwave.consolidation.reading import exam_sheet
from slowwave.evidence import Evidence
from slowwave.model import BaseModel, Encoded, Generated
from slowwave.prompts import UNKNOWN, conversation, render_facts
from slowwave.speaking import Request, Said, Speaker
from slowwave.types import Fact, ScoredFact

DAY = datetime(2026, 3, 1, 9, tzinfo=UTC)
OLD, NEW = "Clara lives in Porto.", "Clara has moved to Faro now."
QUESTION = "Where does Clara live?"


class Reader:
    """A base model that reads the oldest of its facts, as a small one does at times."""

    def __init__(self, finds: Mapping[str, str], sure: float = 0.9) -> None:
        self.finds, self.sure = finds, sure
        self.ref = SimpleNamespace(reader_sha256="ab" * 32)
        self.shown: list[str] = []

    def encode(self, messages: Sequence[Mapping[str, str]]) -> Encoded:
        self.shown.append(messages[-1]["content"])
        return Encoded((len(self.shown) - 1,), 1)

    def stream(self, prompt: Encoded, limit: int, *_: object, **__: object) -> Iterator[tuple[str, Generated]]:
        shown = self.shown[prompt.ids[0]]
        said = next((answer for fact, answer in self.finds.items() if fact in shown), UNKNOWN)
        state = Generated(ids=[1], logprobs=[math.log(self.sure if len(self.shown) > 1 else 0.9)])
        for word in said.split():
            state.text = f"{state.text} {word}".strip()
            yield word, state


def told(*texts: tuple[str, int]) -> Evidence:
    """Facts with the hours at which they were told."""
    facts = [
        Fact(id=str(number), text=text, user_id="ada", said_at=DAY + timedelta(hours=hours))
        for number, (text, hours) in enumerate(texts)
    ]
    return Evidence(facts=tuple(ScoredFact(fact=fact, score=0.5) for fact in facts))


def read(reader: Reader, evidence: Evidence, question: str = QUESTION) -> tuple[list[str], Said]:
    """(what was streamed, what was said)."""
    pieces: list[str] = []
    speaking = Speaker(cast(BaseModel, reader), 24).read(Request(question, "ada"), evidence)
    while True:
        try:
            pieces.append(next(speaking))
        except StopIteration as end:
            said: Said = end.value
            return [piece for piece in pieces if piece], said


def test_a_newer_fact_that_answers_by_itself_takes_the_place_of_the_older_one() -> None:
    reader, evidence = Reader({OLD: "Porto", NEW: "Faro"}), told((OLD, 0), (NEW, 48))
    pieces, said = read(reader, evidence)
    assert (pieces, said.text, said.rule) == (["Faro"], "Faro", "read")
    assert said.evidence is evidence, "all that was shown is named, not the newer fact alone"
    assert OLD in reader.shown[0]
    assert OLD not in reader.shown[1]
    assert NEW in reader.shown[1]


@pytest.mark.parametrize(("finds", "sure"), [
    ({OLD: "Porto"}, 0.9),  # the newer fact says nothing about it
    ({OLD: "Porto", NEW: "Faro"}, 0.4),  # hardly anything
    ({OLD: "Porto", NEW: "Lisbon"}, 0.9),  # something that does not stand in it
])  # fmt: skip
def test_otherwise_the_older_one_stays(finds: Mapping[str, str], sure: float) -> None:
    reader = Reader(finds, sure)
    pieces, said = read(reader, told((OLD, 0), (NEW, 48)))
    assert (pieces, said.text) == (["Porto"], "Porto")
    assert len(reader.shown) == 2


@pytest.mark.parametrize(("evidence", "finds", "question"), [
    (told((OLD, 0), (NEW, 5)), {OLD: "Porto"}, QUESTION),  # of one day
    (told((OLD, 0), (NEW, 48)), {NEW: "Faro"}, QUESTION),  # the newest one was read
    (told((OLD, 48), (NEW, 0)), {OLD: "Porto"}, QUESTION),
    (told((OLD, 0), (NEW, 48)), {OLD: "Porto moved"}, QUESTION),  # made of both
    (told((OLD, 0), (NEW, 48)), {}, QUESTION),  # nothing was found
    (told((OLD, 0), (NEW, 48)), {OLD: "Porto"}, "Where did Clara live before?"),
])  # fmt: skip
def test_there_is_no_second_look_where_nothing_newer_could_answer(
    evidence: Evidence, finds: Mapping[str, str], question: str
) -> None:
    reader = Reader(finds)
    _, said = read(reader, evidence, question)
    assert said.text == next(iter(finds.values()), "")
    assert len(reader.shown) == 1


def test_facts_of_one_day_are_answered_word_by_word() -> None:
    fact = "Clara lives in Vila Nova de Gaia."
    assert read(Reader({fact: "Vila Nova de Gaia"}), told((fact, 0)))[0] != ["Vila Nova de Gaia"]


@pytest.mark.parametrize("kind", ["present", "newer"])
def test_the_benchmark_shows_a_memory_what_the_exam_shows_the_model(kind: str) -> None:
    for exercise in exam_sheet(kind, 5, 40):
        facts, question = shown(exercise)
        assert conversation(question, render_facts(facts)) == list(exercise.messages)
