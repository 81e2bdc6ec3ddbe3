"""A reader that looks again: of two facts that answer a question, the newer one holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import pytest
import torch

from benchmarks.skills_exam import shown
from slowwave.consolidation.reading import exam_sheet
from slowwave.errors import InvalidInput
from slowwave.evidence import Evidence
from slowwave.model import BaseModel, Encoded, Generated
from slowwave.prompts import UNKNOWN, conversation, render_facts
from slowwave.speaking import Request, Said, Speaker, silently
from slowwave.types import Fact, Message, ScoredFact

DAY = datetime(2026, 3, 1, 9, tzinfo=UTC)
OLD, NEW = "Clara lives in Porto.", "Clara has moved to Faro now."
QUESTION = "Where does Clara live?"


class Reader:
    """A base model that reads the oldest of its facts, as a small one does at times; an answer has two tokens."""

    def __init__(self, finds: Mapping[str, str], sure: float = 0.9, rival: float = 0.2) -> None:
        self.finds, self.sure, self.rival = finds, sure, rival
        self.reads = True
        self.context_window = 512
        self.shown: list[str] = []

    def encode(self, messages: Sequence[Mapping[str, str]]) -> Encoded:
        self.shown.append(messages[-1]["content"])
        return Encoded((len(self.shown) - 1,), 1)

    def stream(self, prompt: Encoded, limit: int, *_: object, **options: object) -> Iterator[tuple[str, Generated]]:
        assert not options["never"], "one that looks again has no second thoughts"
        shown = self.shown[prompt.ids[0]]
        said = next((answer for fact, answer in self.finds.items() if fact in shown), UNKNOWN)
        sure = self.sure if len(self.shown) > 1 else 0.9
        state = Generated(ids=[1, 2], logprobs=[math.log(0.9), math.log(sure)])  # what begins surely is not always sure
        for word in said.split():
            state.text = f"{state.text} {word}".strip()
            yield word, state

    def answer_logprobs(self, rows: Sequence[Encoded]) -> list[torch.Tensor]:
        assert [row.ids for row in rows] == [(0, 1, 2)], "what was said, behind the prompt with all facts"
        return [torch.tensor([0.9, self.rival]).log()]


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
    speaker, request = Speaker(cast(BaseModel, reader), 24), Request(question, "ada")
    speaking = speaker.read(request, *speaker.shown(request, evidence))
    while True:
        try:
            pieces.append(next(speaking))
        except StopIteration as end:
            said: Said = end.value
            return [piece for piece in pieces if piece], said


def test_a_newer_fact_that_answers_by_itself_takes_the_place_of_the_older_one() -> None:
    reader, evidence = Reader({OLD: "Porto", NEW: "Faro"}), told((OLD, 0), (NEW, 48))
    pieces, said = read(reader, evidence)
    assert (pieces, said.text, said.rule) == (["Faro"], "Faro", "read again")
    assert said.evidence == evidence, "all that was shown is named, not the newer fact alone"
    assert OLD in reader.shown[0]
    assert OLD not in reader.shown[1]
    assert NEW in reader.shown[1]


def test_of_three_versions_the_newest_holds() -> None:
    newest = "Clara lives in Lisbon these days."
    reader = Reader({OLD: "Porto", NEW: "Faro", newest: "Lisbon"})
    assert read(reader, told((OLD, 0), (NEW, 48), (newest, 96)))[1].text == "Lisbon"
    assert len(reader.shown) == 3


@pytest.mark.parametrize(("reader", "kept"), [
    (Reader({OLD: "Porto"}), "Porto"),  # the newer fact says nothing about it
    (Reader({OLD: "Porto", NEW: "Faro"}, sure=0.5), "Porto"),  # it is not clear that it does
    (Reader({OLD: "Porto", NEW: "Faro"}, rival=0.04), "Porto"),  # it was no rival
    (Reader({OLD: "Porto", NEW: "Lisbon"}), "Porto"),  # something that does not stand in it
])  # fmt: skip
def test_otherwise_the_older_one_stays(reader: Reader, kept: str) -> None:
    pieces, said = read(reader, told((OLD, 0), (NEW, 48)))
    assert (pieces, said.text, said.rule) == ([kept], kept, "read")
    assert len(reader.shown) == 2


def test_a_newer_fact_that_says_less_of_the_same_changes_nothing() -> None:
    full, rain = "I live in Porto, Rua das Flores 12.", "It rains all day in Porto."
    reader = Reader({full: "Porto, Rua das Flores 12", rain: "Porto"})
    assert read(reader, told((full, 0), (rain, 48)), "Where do I live?")[1].text == "Porto, Rua das Flores 12"


def test_the_newer_fact_is_the_one_said_later_wherever_its_speaker_was() -> None:
    west, east = timezone(timedelta(hours=-8)), timezone(timedelta(hours=1))
    late, early = datetime(2026, 3, 1, 23, 30, tzinfo=west), datetime(2026, 3, 2, 0, 10, tzinfo=east)
    facts = [Fact(id=text, text=text, user_id="ada", said_at=when) for text, when in ((NEW, late), (OLD, early))]
    reader = Reader({NEW: "Faro", OLD: "Porto"})
    evidence = Evidence(facts=tuple(ScoredFact(fact=fact, score=0.5) for fact in facts))
    assert read(reader, evidence)[1].text == "Faro"
    assert len(reader.shown) == 1


@pytest.mark.parametrize(("old", "new", "older", "newer"), [
    ("My blood type is B-.", "My blood type is B+, they say.", "B-", "B+"),
    ("My brother is Will.", "My brother is Tom now.", "Will", "Tom"),
])  # fmt: skip
def test_versions_that_differ_in_what_a_search_leaves_out_are_two(old: str, new: str, older: str, newer: str) -> None:
    reader = Reader({old: older, new: newer})
    assert read(reader, told((old, 0), (new, 48)), "What is it now?")[1].text == newer


def test_what_is_drawn_is_not_compared() -> None:
    reader, evidence = Reader({OLD: "Porto", NEW: "Faro"}), told((OLD, 0), (NEW, 48))
    speaker, request = Speaker(cast(BaseModel, reader), 24), Request(QUESTION, "ada", temperature=0.7)
    speaking = speaker.read(request, *speaker.shown(request, evidence))
    assert silently(speaking).text == "Porto"


@pytest.mark.parametrize(("evidence", "finds", "question"), [
    (told((OLD, 0), (NEW, 5)), {OLD: "Porto"}, QUESTION),  # of one day
    (told((OLD, 0), (NEW, 48)), {NEW: "Faro"}, QUESTION),  # the newest one was read
    (told((OLD, 48), (NEW, 0)), {OLD: "Porto"}, QUESTION),
    (told((OLD, 0), (NEW, 48)), {OLD: "Porto moved"}, QUESTION),  # made of both
    (told((OLD, 0), (NEW, 48)), {}, QUESTION),  # nothing was found
    (told((OLD, 0), (NEW, 48)), {OLD: "Porto"}, "Where did Clara live before?"),
    (told((OLD, 0), (NEW, 48)), {OLD: "Porto"}, "Where did Clara live in 2024?"),
    (told((OLD, 0), (NEW, 48)), {OLD: "Porto"}, "Where did Clara live last March?"),
    (told((OLD, 0), (NEW, 48)), {OLD: "Porto"}, "Where did Clara live first?"),
    (told((OLD, 0), (NEW, 48)), {OLD: "Porto"}, "Where did Clara live when she was a child?"),
])  # fmt: skip
def test_there_is_no_second_look_where_nothing_newer_could_answer(
    evidence: Evidence, finds: Mapping[str, str], question: str
) -> None:
    reader = Reader(finds)
    _, said = read(reader, evidence, question)
    assert said.text == next(iter(finds.values()), "")
    assert len(reader.shown) == 1


def test_facts_of_one_day_are_answered_phrase_by_phrase() -> None:
    fact, answer = "Clara lives in Vila Nova de Gaia, near the river.", "Vila Nova de Gaia, near the river"
    pieces = read(Reader({fact: answer}), told((fact, 0)))[0]
    assert pieces == ["Vila Nova de Gaia", ", near the river"]


@pytest.mark.parametrize("kind", ["present", "newer"])
def test_the_benchmark_shows_a_memory_what_the_exam_shows_the_model(kind: str) -> None:
    for exercise in exam_sheet(kind, 5, 40):
        facts, question = shown(exercise)
        assert conversation(question, render_facts(facts)) == list(exercise.messages)


# -- what the model cannot read ----------------------------------------------------------------------------------------


class Words:
    """A base model that reads so many words."""

    def __init__(self, window: int) -> None:
        self.context_window = window
        self.read: list[str] = []

    def encode(self, messages: Sequence[Mapping[str, str]]) -> Encoded:
        self.read = " ".join(message["content"] for message in messages).split()
        return Encoded(tuple(range(len(self.read))), len(self.read))


def turn(role: str, *words: str) -> Message:
    return Message(role=role, content=" ".join(words))


HISTORY = (
    turn("system", "be-kind"),
    turn("user", "one", "eins"),
    turn("assistant", "two", "zwei"),
    turn("user", "three", "drei"),
)


def test_what_fits_is_read_whole_and_else_the_oldest_turns_are_left_out() -> None:
    """First turns with their answers, the oldest first; then facts, the last first. What the system says stays."""
    evidence = told((OLD, 0), (NEW, 1))
    request = Request(QUESTION, "ada", HISTORY, max_tokens=4)
    order, seen = ("one", "two", "three", "Faro", "Porto"), set[int]()
    for window in range(200, 0, -1):
        words = Words(window)
        try:
            prompt, left = Speaker(cast(BaseModel, words), 64).shown(request, evidence)
        except InvalidInput:
            break
        assert len(prompt.ids) <= window - 4
        said = " ".join(words.read)
        assert "be-kind" in said
        gone = [word for word in order if word not in said]
        assert [hit.text for hit in left.facts] == [hit.text for hit in evidence.facts if hit.text in said]
        assert gone == list(order[: len(gone)])
        seen.add(len(gone))
    assert seen == {0, 2, 3, 4, 5}, "no more is left out than must be, and no answer stands without its question"


@pytest.mark.parametrize("facts", [0, 1])
def test_a_question_that_cannot_be_read_is_refused(facts: int) -> None:
    speaker = Speaker(cast(BaseModel, Words(8)), 4)
    request = Request("why " * 9, "ada", HISTORY)
    with pytest.raises(InvalidInput, match="8 tokens"):
        speaker.prompt(request, [hit.fact for hit in told((OLD, 0)).facts][:facts])
    with pytest.raises(InvalidInput, match="8 tokens"):
        speaker.chat(request)


def test_system_messages_that_leave_no_room_are_named() -> None:
    request = Request("Why?", "ada", (turn("system", *["kindly"] * 20), *HISTORY))
    with pytest.raises(InvalidInput, match="system messages"):
        Speaker(cast(BaseModel, Words(12)), 4).shown(request, told((OLD, 0)))


def test_plain_talk_leaves_out_its_oldest_turns_too() -> None:
    words = Words(10)
    Speaker(cast(BaseModel, words), 4).chat(Request("Who are you?", "ada", HISTORY))
    assert words.read == ["be-kind", "three", "drei", "Who", "are", "you?"]


def test_a_long_answer_takes_no_more_than_half_of_the_room() -> None:
    speaker = Speaker(cast(BaseModel, Words(12)), 4)
    assert len(speaker.chat(Request("Who are you?", "ada", max_tokens=5000)).ids) == 3
