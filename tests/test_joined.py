"""Questions that need two facts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from slowwave.consolidation.joined import joined
from slowwave.consolidation.lessons import write_lesson
from slowwave.consolidation.rules import RuleWriter
from slowwave.consolidation.writers import as_writer
from slowwave.types import Fact, QAPair


def told(*texts: str) -> list[Fact]:
    day = datetime(2026, 11, 21, tzinfo=UTC)
    return [Fact(id=f"f{number}", text=text, user_id="ada", said_at=day) for number, text in enumerate(texts)]


LIVES = (QAPair(question="Where does Clara live?", answer="Porto"), QAPair(question="Clara's town is?", answer="Porto"))


@pytest.mark.parametrize(
    "text",
    [
        "My sister is Clara.",
        "My sister's name is Clara.",
        "My sister is called Clara",
        "Clara is my sister.",
        "My sister Clara has a dog.",
    ],
)
def test_who_has_a_role_is_asked_for_by_it(text: str) -> None:
    facts = told(text, "Clara lives in Porto.")
    found = joined(facts, {"f1": LIVES})
    assert found == {
        "f1": [
            QAPair(question="Where does my sister live?", answer="Porto"),
            QAPair(question="My sister's town is?", answer="Porto"),
        ]
    }


@pytest.mark.parametrize(
    "texts",
    [
        ("My friend is Clara.", "My friend is Ben.", "Clara lives in Porto."),  # which friend?
        ("My sister is tired.", "Clara lives in Porto."),
        ("My name is Clara.", "Clara lives in Porto."),
        ("My favourite colour is Green.", "Green tea comes from China."),
        ("My sister is Clara.", "Clara Bell lives in Porto."),  # somebody else, perhaps
    ],
)
def test_what_is_not_clear_is_not_joined(texts: tuple[str, ...]) -> None:
    facts = told(*texts)
    pairs = {fact.id: RuleWriter()(fact) for fact in facts}
    asked = [pair.question for some in joined(facts, pairs).values() for pair in some]
    assert not any(
        "my friend" in one.lower() or "my sister" in one.lower() or "my name" in one.lower() or "my fav" in one.lower()
        for one in asked
    )


def test_an_answer_that_is_the_name_is_not_asked_for_by_its_role() -> None:
    facts = told("My sister is Clara.", "Clara Bell and Clara are neighbours.")
    assert joined(facts, {"f1": [QAPair(question="Whose neighbour is Clara?", answer="Clara Bell")]}) == {}


def test_a_lesson_trains_joined_questions_and_holds_none_out() -> None:
    facts = told("My sister's name is Clara.", "Clara lives in Porto.")
    lesson = write_lesson("ada", facts, as_writer(None), seed=0)
    joint = [pair for pair in lesson.trained["f1"] if "my sister" in pair.question.lower()]
    assert 0 < len(joint) <= 3
    assert {pair.answer for pair in joint} == {"Porto"}
    assert not any("my sister" in pair.question.lower() for pair in lesson.heldout["f1"])
    alone = write_lesson("ada", facts[1:], as_writer(None), seed=0)
    assert [pair for pair in lesson.trained["f1"] if pair not in joint] == list(alone.trained["f1"])
