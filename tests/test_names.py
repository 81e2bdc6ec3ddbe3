"""Questions for the names in a statement, and the proof that a question is the statement with a gap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from slowwave.consolidation import skilled
from slowwave.consolidation.names import name_slots
from slowwave.consolidation.rules import PHRASINGS, RuleWriter
from slowwave.consolidation.skilled import CheckedWriter
from slowwave.consolidation.statements import statements
from slowwave.consolidation.support import restates, supported
from slowwave.consolidation.voices import voices_of
from slowwave.model import BaseModel
from slowwave.types import Fact, QAPair


def fact(text: str, user: str = "ada") -> Fact:
    return Fact(id="f", text=text, user_id=user, said_at=datetime(2026, 11, 21, tzinfo=UTC))


def asked(text: str) -> dict[str, tuple[str, ...]]:
    told = fact(text)
    return {
        slot.answer: slot.wordings[0]
        for statement in statements(text)
        for slot in name_slots(statement, voices_of(statement, told))
    }


@pytest.mark.parametrize(("text", "answer", "question"), [
    ("Amtrak opened the Jefferson station before ending its only service there.", "Jefferson station",
     "Amtrak opened which station before ending its only service there?"),
    ("The county clerk Del Riley established voting by mail in the whole state.", "Del Riley",
     "Which county clerk established voting by mail in the whole state?"),
    ("The Tellico Dam project was stopped twice because of a small fish.", "Tellico Dam project",
     "Which project was stopped twice because of a small fish?"),
    ("In 1966 Sylvester da Cunha modelled the girl after a rival's mascot.", "Sylvester da Cunha",
     "In 1966 who modelled the girl after a rival's mascot?"),
    ("Development of the British UB.109T cruise missile was given priority that year.", "British UB.109T cruise missile",
     "Development of which missile was given priority that year?"),
    ("Over half a century later the Jews of Innsbruck rebuilt their synagogue.", "Jews of Innsbruck",
     "Over half a century later what rebuilt their synagogue?"),
    ("Loski's second mixtape was named as an inspiration by Drake in an interview.", "Loski",
     "Whose second mixtape was named as an inspiration by Drake in an interview?"),
    ('The lyrics of the song "Slow Sunday" were changed for the show.', "Slow Sunday",
     "The lyrics of which song were changed for the show?"),
    ("Heba Saadia, the first referee of her country, took up the profession late.", "Heba Saadia",
     "Who took up the profession late?"),
    ("They rebuilt the bridge over Şirin Dere after the flood of 1998.", "Şirin Dere",
     "They rebuilt the bridge over what after the flood of 1998?"),
    ("My sister Clara moved to Porto with her husband Tom last year.", "Tom",
     "My sister Clara moved to Porto with which husband last year?"),
])  # fmt: skip
def test_a_name_is_asked_for_by_the_statement_itself(text: str, answer: str, question: str) -> None:
    assert question in asked(text).get(answer, ()), asked(text)


@pytest.mark.parametrize(("text", "never"), [
    ("I will see the dentist on Monday in March at the latest.", {"Monday", "March", "I"}),
    ("Parishioners collected the stones for the new church from the mines.", {"Parishioners"}),
    ("The opening of the Berlin office was on the third of May.", {"Berlin"}),
    ("Ada keeps the spare key of the cellar under the blue pot.", {"Ada"}),
    ("Ronnie O'Sullivan made five century breaks in a row that evening.", {"Sullivan", "Ronnie O"}),
])  # fmt: skip
def test_what_is_no_name_is_not_asked_for(text: str, never: set[str]) -> None:
    assert not never & set(asked(text)), asked(text)


def test_short_statements_and_known_relations_are_asked_as_before() -> None:
    assert asked("Ada lives in Porto.") == {}
    writer = RuleWriter()
    assert {pair.answer for pair in writer(fact("The phone number of Jeffrey Buck is 603-556-7631."))} == {
        "603-556-7631"
    }


def test_what_the_clause_left_out_is_asked_second() -> None:
    text = "Heba Saadia, the first referee of her country, took up the profession when no woman was among the players."
    questions = [pair.question for pair in RuleWriter()(fact(text)) if pair.answer == "Heba Saadia"]
    assert len(questions) > PHRASINGS
    assert "when no woman was among the players" in questions[1]


NAMES = st.sampled_from(
    ["Ada Lovelace", "Porto", '"Slow Sunday"', "the Tellico Dam project", "Dr. Meier", "Y", "IBM's"]
)
WORDS = st.sampled_from("opened the station before in of and , who was a clerk 1998 which 's my".split())


@settings(max_examples=200, deadline=None)
@given(st.lists(NAMES | WORDS, min_size=6, max_size=24).map(" ".join))
def test_every_wording_is_whole_and_supported(text: str) -> None:
    for pair in RuleWriter()(fact(text)):
        assert supported(pair, fact(text))
    for answer, wordings in asked(text).items():
        assert answer.strip(), text
        assert all("{" not in wording for wording in wordings)


@pytest.mark.parametrize(("question", "answer", "text", "same"), [
    ("Which clerk established voting by mail?", "Del Riley", "The clerk Del Riley established voting by mail.", True),
    ("What uses an oil can?", "The đàn tre", "The đàn tre uses an oil can to make music.", True),
    ("Whose mixtape was named by Drake?", "Loski", "Loski 's mixtape was named by Drake.", True),
    ("Which project was stopped?", "Tellico Dam project", "The Tellico Dam project was stopped.", True),
    ("Amtrak opened what before the war?", "the station", "Amtrak opened the station before the war.", True),
    ("Who lives in Porto?", "Ada", "Bob lives in Rome. Ada lives in Porto.", True),
    ("Who lives in Rome?", "Ada", "Bob lives in Rome. Ada lives in Porto.", False),
    ("Who died in the same cage?", "Incas", "Incas, the last known parakeet, died in the same cage.", True),
    ("What shows a stream?", "\" Sae Taryeong \"", "\" Sae Taryeong \", a folk song, shows a stream.", True),
    ("Who made tea and coffee?", "Ada", "Ada made tea, cake, and coffee.", False),
    ("Who invented tea?", "Ada", "Ada, it was wrongly claimed, invented tea.", False),
    ("Who married Dina?", "Bob", "After he fought Bob, Carl moved to Paris, married Dina, and left.", False),
    ("Who made tea?", "Ada", "Ada, who baked, and Bob made tea.", False),
    ("Who sings?", "Ada", "Ada, 5.5 years old, sings.", False),  # no aside: there is more than words in it
    ("What did Amtrak open?", "the station", "Amtrak opened the station.", False),
    ("What opened?", "the station", "Amtrak opened the station.", False),
    ("What?", "the station", "Amtrak opened the station.", False),
    ("Where does Ada live?", "Porto", "Ada lives in Porto.", False),
    ("What is the door code?", "4711", "What is the door code? 4711.", True),
    ("What is the door code?", "4711", "What is the door code? I forgot. Room 4711 is free.", False),
])  # fmt: skip
def test_a_question_restates_its_fact(question: str, answer: str, text: str, same: bool) -> None:
    assert restates(QAPair(question=question, answer=answer), fact(text)) is same


def _reader(base: BaseModel, monkeypatch: pytest.MonkeyPatch, says: str, mark: float) -> list[str]:
    """Make the base model say the same everywhere and hold everything for as likely; what it is asked for likeliness."""
    seen: list[str] = []

    def encode(messages: Sequence[dict[str, str]], answer: str = "") -> str:
        return messages[-1]["content"] + answer

    def greedy(base: BaseModel, guesses: Sequence[str], max_tokens: int) -> list[str]:
        return [says for _ in guesses]

    def branch_logprobs(groups: Sequence[Sequence[str]]) -> list[torch.Tensor]:
        seen.extend(row for rows in groups for row in rows)
        return [torch.full((3,), mark) for rows in groups for _ in rows]

    monkeypatch.setattr(base, "encode", encode)
    monkeypatch.setattr(skilled, "greedy", greedy)
    monkeypatch.setattr(base, "branch_logprobs", branch_logprobs)
    return seen


def test_what_the_reader_does_not_find_is_dropped_if_the_question_does_not_restate_the_fact(
    base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = fact("I live in Porto.")
    assert {pair.answer for pair in RuleWriter()(told)} == {"Porto"}
    seen = _reader(base, monkeypatch, says="Lyon", mark=0.0)
    assert not CheckedWriter(base)(told)
    assert not seen


@pytest.mark.parametrize(("mark", "kept"), [(-1.0, True), (-3.0, False)])
def test_a_subject_that_the_reader_does_not_find_is_kept_if_it_is_likely(
    base: BaseModel, monkeypatch: pytest.MonkeyPatch, mark: float, kept: bool
) -> None:
    told = fact("The đàn tre uses an olive oil can to make music.")
    writer = CheckedWriter(base)
    seen = _reader(base, monkeypatch, says="an olive oil can", mark=mark)
    answers = {pair.answer for pair in writer(told)}
    assert "an olive oil can" in answers
    assert ("The đàn tre" in answers) is kept
    assert seen
    assert all("đàn tre" in row for row in seen)
