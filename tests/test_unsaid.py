"""Questions about things never said: near misses, other things about known people, and what nobody tells."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from slowwave.adapters_store.lexical import tokens
from slowwave.consolidation import unsaid
from slowwave.consolidation.unsaid import Unsaid, stranger, things

ASKED = (
    "What is Jeffrey Buck's phone number?",
    "Jeffrey Buck's number?",
    "How do I call Mr Roger Barrett?",
    "What is my sister's name?",
    "What is my shoe size?",
)
TOLD = ("The phone number of Jeffrey Buck is 1.", "Mr Roger Barrett has number 2.", "My sister's name is Clara.")
USER = (("I", "my"), ("Ada", "Ada's"))


def drawn(
    *, exam: bool = False, count: int = 400, asked: Sequence[str] = ASKED, told: Sequence[str] = TOLD
) -> list[tuple[str, str]]:
    drawing, rng = Unsaid(asked, told, USER, exam=exam), random.Random(0)
    return [drawing.draw(rng) for _ in range(count)]


def test_nothing_that_was_said_is_among_them() -> None:
    for question, _ in drawn() + drawn(exam=True):
        assert question not in ASKED
        assert "my shoe size" not in question.casefold(), "it was told"
        assert set(tokens(question)) not in ({"jeffrey", "buck", "number"}, {"jeffrey", "buck", "phone", "number"})
        assert not {"roger", "barrett"} <= set(tokens(question)) or "call" not in question


def test_near_misses_mix_what_is_known_with_what_is_not() -> None:
    near = [question for question, _ in drawn() if question.endswith("'s phone number?")]
    names = [question.removeprefix("What is ").removesuffix("'s phone number?") for question in near]
    assert len(set(names)) > 30
    assert any(name.startswith("Jeffrey ") for name in names)
    assert any(name.endswith((" Buck", " Barrett")) for name in names)
    assert any(not {"Jeffrey", "Roger", "Buck", "Barrett"} & set(name.split()) for name in names)
    assert any(question.startswith("How do I call Mr ") for question, _ in drawn()), "a title stays"


def test_other_things_are_asked_of_those_who_are_known() -> None:
    about = {whom: question for question, whom in drawn() if whom}
    assert set(about) == {"Jeffrey Buck", "Roger Barrett", "my sister"}
    assert all(whom in question for whom, question in about.items())


def test_what_the_gate_asks_is_never_trained() -> None:
    trained, examined = ({question for question, _ in drawn(exam=exam)} for exam in (False, True))
    assert not trained & examined
    assert not set(things(["my"], exam=True)) & set(things(["my"], exam=False))
    rng = random.Random(0)
    names = [{word for _ in range(300) for word in stranger(rng, exam).split()} for exam in (False, True)]
    assert not names[0] & names[1]


def test_where_all_is_said_a_stranger_is_asked_about() -> None:
    everything = [question for exam in (True, False) for question in things([whose for _, whose in USER], exam)]
    asked = {
        question
        for question, _ in drawn(
            asked=everything, told=[" ".join(question.replace("?", "") for question in (*everything, *unsaid._DEEDS))]
        )
    }
    assert asked
    assert not asked & set(everything)


def test_without_a_name_the_user_is_asked_about() -> None:
    drawing, rng = Unsaid(["Where do I live?"], ["I live in Porto."], USER, exam=False), random.Random(0)
    for _ in range(50):
        question, whom = drawing.draw(rng)
        assert not whom
        assert set(question.casefold().replace("?", " ").replace(".", " ").split()) & {"my", "i", "ada's", "ada"}


@given(st.lists(st.text(max_size=60), max_size=4), st.lists(st.text(max_size=60), max_size=3), st.booleans())
def test_any_text_can_be_asked_about(asked: list[str], told: list[str], exam: bool) -> None:
    drawing = Unsaid(asked, told, USER, exam=exam)
    for seed in range(5):
        question, _ = drawing.draw(random.Random(seed))
        assert question
        assert drawing.draw(random.Random(seed))[0] == question
