"""Who a question is about, and which texts may answer it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowwave.naming import about, full_names, names


@pytest.mark.parametrize(("text", "names"), [
    ("What is Jeffrey Buck's phone number?", ["Jeffrey Buck's"]),
    ("Jeffrey Buck's contact number please.", ["Buck's"]),
    ("Jeffrey Buck’s number", ["Buck’s"]),
    ("Tell Clara's number.", ["Clara's"]),
    ("Is Ada's door open?", []),
    ("Last Monday what did I eat?", []),
    ("Any Italian restaurants I like?", []),
    ("Tell Ada Grant about it.", ["Ada Grant"]),
    ("Is Ada in?", []),
    ("Is Ada Grant in?", ["Ada Grant"]),
    ("Where do I live?", []),
    ("Please Tell Me My Sister's Name", []),
    ("WHAT IS ADA GRANT'S NUMBER", []),
    ("", []),
])  # fmt: skip
def test_names_in_questions(text: str, names: list[str]) -> None:
    assert full_names(text) == names


@pytest.mark.parametrize(("text", "found"), [
    ("What is Lena allergic to?", [{"lena"}]),
    ("When does Mia visit Vera Lund's office?", [{"mia"}, {"vera", "lund"}]),
    ("What is on Friday in May?", []),
    ("Friday Market opens when, on which Monday in March?", [{"market"}]),
    ("Where do I live?", []),
    ("Who is it?", []),
    ("PLEASE TELL ME WHO LENA IS", []),
    ("", []),
])  # fmt: skip
def test_single_names_in_questions(text: str, found: list[set[str]]) -> None:
    assert names(text) == found


NURSE, NUTS = "My wife Lena is a nurse.", "Jonas is allergic to nuts."


@pytest.mark.parametrize(("question", "texts", "may"), [
    ("What is Lena allergic to?", [NURSE, NUTS], [True, False]),
    ("What is Jonas allergic to?", [NURSE, NUTS], [False, True]),
    # Nobody named, or a name that nothing was said about: the reader decides.
    ("What is my wife allergic to?", [NURSE, NUTS], [True, True]),
    ("What is Zoe allergic to?", [NURSE, NUTS], [True, True]),
    # Linked by what is the user's, by another name, and by a small letter or an ending.
    ("What does Lena hate?", [NURSE, "My wife hates figs."], [True, True]),
    ("Where does Lena work?", ["Lena is with Bo.", "Bo and his wife work in Oslo."], [True, True]),
    ("Where does Lena live?", ["lena is from Oslo.", "Lena\u2019s flat is in Porto.", "Bo lives in Turin."], [True, True, False]),
    # Written in small letters, as in a chat; with one capital the writer knows how to make them.
    ("what is lena allergic to", [NURSE, NUTS], [True, False]),
    ("Lena is allergic to what", [NURSE, NUTS], [True, False]),
    ("what am i allergic to on fridays?", ["On a Friday I had figs.", NUTS], [True, True]),
    ("what is lena's IBAN?", [NURSE, NUTS], [True, True]),
    ("what does my wife do?", [NURSE, NUTS], [True, True]),
    # A day is no link, nor is the first word of a sentence that says little.
    ("When does Lena climb?", ["Lena comes on Friday.", "I climb on Friday."], [True, False]),
    ("Who is the client of Walnut?", ["The client of Walnut is Bremen.", "The studio is Nordlicht."], [True, False]),
    # With two names a text must be linked with both.
    ("Where did Lena meet Jonas?", [NURSE, NUTS], [False, False]),
    ("Where did Lena meet Jonas?", [NURSE, NUTS, "Lena met Jonas in Rome."], [True, True, True]),
])  # fmt: skip
def test_texts_about_those_who_are_named(question: str, texts: list[str], may: list[bool]) -> None:
    assert about(question, texts) == may


def test_what_somebody_says_of_themselves_is_about_them() -> None:
    texts = ["I live in Porto.", "I live in Oslo.", "Where does Ada live? Porto"]
    assert about("Where does Ada live?", texts, ["Ada", "Bo"]) == [True, False, True]
    assert about("Where does Ada live?", texts[:2], ["", ""]) == [True, True]


WORDS = st.lists(
    st.sampled_from(["Lena", "Jonas", "my", "wife", "lives", "in", "Porto", "where", "does", "Friday"]), max_size=6
)
TEXTS = WORDS.map(" ".join)


@given(TEXTS, st.lists(TEXTS, max_size=5), st.randoms())
def test_the_order_of_texts_does_not_matter(question: str, texts: Sequence[str], rng: random.Random) -> None:
    order = list(range(len(texts)))
    rng.shuffle(order)
    may = about(question, texts)
    assert about(question, [texts[i] for i in order]) == [may[i] for i in order]


@given(TEXTS, st.lists(TEXTS, max_size=5))
def test_a_text_with_every_name_of_the_question_may_always_answer(question: str, texts: Sequence[str]) -> None:
    assert about(question, [*texts, question])[-1]
