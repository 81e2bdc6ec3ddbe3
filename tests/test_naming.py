"""Who a question is about, and which texts may answer it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowwave.naming import about, full_names, names, stands


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
    ("What is Øyvind Åsen's phone number?", ["Øyvind Åsen's"]),
    ("What is E\u0301mile Zola's number?", ["Émile Zola's"]),
    ("What's my Dog's Name?", []),
    ("What's my Home Phone Number?", []),
    ("My Dog's Name?", []),
    ("What is my Aunt Vera Lund's number?", ["Vera Lund's"]),
    ("What is Ada's Phone Number?", []),
    ("What's Ada Grant's number?", ["Ada Grant's"]),
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
    ("What is April's phone number?", [{"april"}]),
    ("What is May like in April?", []),
    ("What is Émile's number?", [{"emile"}]),
    ("Where does Will live?", [{"will"}]),
    ("Will Ada come?", [{"ada"}]),
    ("What is it that I'm allergic to?", []),
    ("What is William Roberts's number?", [{"william", "roberts"}]),
])  # fmt: skip
def test_single_names_in_questions(text: str, found: list[set[str]]) -> None:
    assert names(text) == found


@pytest.mark.parametrize(("name", "text", "there"), [
    ("Jeffrey Buck's", "Jeffrey Buck’s number", True),
    ("Jeffrey Buck", "Jeffrey P. Buck", True),
    ("Jeffrey Buck", "Jeffrey Paul Buck", True),
    ("Jeffrey Buck", "Jeffrey, Buck and others", False),
    ("Jeffrey Buck", "Buck is Jeffrey", False),
    ("Charles Grant", "Charles Gray and Ada Grant", False),
    ("Charles Grant", "Charles met Grant", False),
    ("William Roberts's", "Robert Williams's number", False),
    ("Oyvind Asen's", "Øyvind Åsen's number", True),
    ("Will Smith", "Will Smith is a baker.", True),
    ("Will Smith", "Tom Smith is a baker.", False),
    # What the text writes small is no name to it.
    ("Ada's Phone Numbers", "Ada's number is that of her phone.", True),
    ("jeffrey buck", "the number of jeffrey buck", True),
    ("Ada's Phone Numbers", "Ada's number is 4711.", False),
])  # fmt: skip
def test_a_full_name_stands_in_a_text_as_a_whole(name: str, text: str, there: bool) -> None:
    assert stands(name, text) is there


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
    # With two persons a text must be linked with both.
    ("Where did Lena meet Jonas?", [NURSE, NUTS], [False, False]),
    ("Where did Lena meet Jonas?", [NURSE, NUTS, "Lena met Jonas in Rome."], [True, True, True]),
    # Where none is linked with both, the person counts, and not the place, the occasion or the thing.
    ("What does Mum want for Christmas?", ["My mum wants a scarf.", "We spend Christmas in Porto."], [True, False]),
    ("What did Tom give me in Rome?", ["Tom gave me a watch.", "I was in Rome last year."], [True, False]),
    ("What did Tom give me in Rome?", ["Tom gave me a watch in Paris.", "I was in Rome last year."], [False, False]),
    ("What did Ada book in Lisbon?", ["Ada booked the flight.", "Lisbon is lovely in May."], [True, False]),
    ("When is Ada's flight to Lisbon?", ["Ada's flight is at 10.", "Lisbon is lovely in May."], [True, False]),
    ("What is the Wi-Fi code of my Lisbon flat?", ["My Wi-Fi code is x.", "Lisbon is old.", NUTS], [True, True, False]),
    ("What did Lena book in Porto?", ["Jonas booked a flight.", "Porto is old."], [False, True]),
    ("What is Lena allergic to in Porto, and Jonas?", [NURSE, "Jonas hates figs.", "Porto is old."], [False] * 3),
    ("What did Zoe and Jonas eat in Porto?", [NUTS, "Porto is old."], [False, False]),
    # Names as they are written: with accents or without, and not by their stems.
    ("What is Émile allergic to?", ["Emile hates figs.", NUTS], [True, False]),
    ("What is Emile allergic to?", ["Émile hates figs.", NUTS], [True, False]),
    ("What is Williams allergic to?", ["William hates figs.", "Williams is a nurse."], [False, True]),
    ("What is April's number?", ["April's number is 1.", "Anna's number is 2."], [True, False]),
    ("Where does Will live?", ["Will lives in Bath.", "Anna lives in Rome."], [True, False]),
    # Where only a place is named, what names nothing may be about it.
    ("What is my badge at Shell?", ["I work at Shell.", "My badge is 5521.", "Pay Anna now."], [True, True, False]),
    # A title is no name, and a name with a hyphen is its parts.
    ("What is Dr. Lopes's number?", ["Dr. Lopes is our vet.", "Dr. Shaw's number is 555 0101."], [True, False]),
    ("Where does Auntie Mei-Ling sleep?", ["Mei Ling sleeps upstairs.", "Bo sleeps here."], [True, False]),
    # What somebody is links as a name does; what is new does not.
    ("When is Kipchoge coming?", ["The plumber's name is Kipchoge.", "The plumber is coming at 10."], [True, True]),
    ("When does Haruka start?", ["Haruka is our new intern.", "The intern starts on Monday."], [True, True]),
    ("When does Kestrel launch?", ["Kestrel is our new engine.", "My new phone is a Pixel."], [True, False]),
    # Two that begin with "I'm" have nothing in common.
    ("What is Lena allergic to?", ["I'm married to Lena.", "I'm allergic to nuts."], [True, False]),
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


def test_what_was_asked_alike_about_others_is_no_evidence() -> None:
    """A module's questions about two people begin with the same "Tell me": by that somebody else's number passed for right."""
    question = "Which number should I dial to call Jeffrey Buck?"
    texts = [
        "Tell me Jeffrey Buck's phone number. 603-556-7631",
        "Remind me: what is Jeffrey Buck's phone number? 603-556-7631",
        "Tell me Rebecca Gutierrez's phone number. 869-852-9028",
        "Remind me: what is Tom Baker's phone number? 788-773-7510",
    ]
    assert about(question, texts) == [True, True, False, False]


def test_half_of_a_full_name_is_somebody_else() -> None:
    texts = [
        "Jeffrey Buck's phone number is 1.",
        "Jeffrey Miller's phone number is 2.",
        "The phone number of Anna Buck is 3.",
        "Jeffrey lives in Porto.",
        "My dentist is Dr. Jeffrey P. Buck.",
        "Buck works for my dentist.",
    ]
    assert about("What is Jeffrey Buck's phone number?", texts) == [True, False, False, True, True, True]
    assert about("What is Jeffrey's phone number?", texts[:3]) == [True, True, False]


def test_a_sentence_may_begin_with_a_name() -> None:
    texts = ["Clara lives in Porto.", "My sister is Clara.", "Porto lies on the Douro.", "Rain is wet."]
    assert about("Where does Clara live?", texts) == [True, True, True, False]
