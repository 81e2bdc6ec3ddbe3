"""The built-in question writer: what it asks, and what it must never ask."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slowwave.consolidation.clauses import parse
from slowwave.consolidation.morphology import base_form, third
from slowwave.consolidation.rules import PHRASINGS, RuleWriter
from slowwave.consolidation.statements import sentences
from slowwave.consolidation.support import question_key, supported
from slowwave.consolidation.templates import RELATIONS
from slowwave.prompts import dated
from slowwave.types import Fact, QAPair

WRITER = RuleWriter()
EXAM_WORDS = re.compile(r"reach|call|dial|ring|contact", re.I)
PIECES = "I|we|Ada|my|the|a|was|is|moved|wrote|to|in|by|of|and|who|,|.|?|\"|'|(|)|$650|2024|Porto|sister|not|has|been"
STRUCTURE = st.lists(st.sampled_from([*PIECES.split("|"), '"x"', "-", "because"]), max_size=25).map(" ".join)


def fact(text: str, user: str = "ada", **metadata: str) -> Fact:
    """A fact as a writer gets it: with the days in it put as dates."""
    said_at = datetime(2026, 11, 21, tzinfo=UTC)
    return dated(Fact(id="f", text=text, user_id=user, said_at=said_at, metadata=metadata))


def answers(text: str, user: str = "ada") -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for pair in WRITER(fact(text, user)):
        grouped.setdefault(pair.answer, []).append(pair.question)
    return grouped


EXPECTED = [
    ("I'm allergic to peanuts.", "peanuts", "What am I allergic to?"),
    ("I'm allergic to peanuts.", "peanuts", "What is Ada allergic to?"),
    ("The phone number of Jeffrey Buck is 603-556-7631.", "603-556-7631", "What is Jeffrey Buck's phone number?"),
    ("The phone number of Jeffrey Buck is 603-556-7631.", "603-556-7631", "What is the phone number of Jeffrey Buck?"),
    ("My mother's phone number is 555-1234.", "555-1234", "What is Ada's mother's phone number?"),
    ("Ada moved to Porto in March 2024.", "Porto", "Where did Ada move to?"),
    ("Ada moved to Porto in March 2024.", "Porto", "Where did I move to?"),
    ("Ada moved to Porto in March 2024.", "March 2024", "When did I move to Porto?"),
    ("Bob moved to Porto in March 2024.", "March 2024", "In which month did Bob move to Porto?"),
    ("My sister's name is Clara.", "Clara", "What is my sister's name?"),
    ("My sister's name is Clara.", "Clara", "What is Ada's sister called?"),
    ("I have a dog named Rex.", "Rex", "What is my dog called?"),
    ("My favorite color is teal.", "teal", "What is my favourite color?"),
    ("My favorite movies are Alien and Heat.", "Alien and Heat", "What are my favourite movies?"),
    ("I live in Porto with my two cats.", "Porto", "Where does Ada live?"),
    ("Ada lives in Porto.", "Porto", "Where do I live?"),
    ("My parents live in Braga.", "Braga", "Where do Ada's parents live?"),
    ("I work as a nurse at St. Mary's Hospital.", "nurse", "What is my job?"),
    ("I work as a nurse at St. Mary's Hospital.", "St. Mary's Hospital", "Where do I work?"),
    ("I was born in Graz in 1990.", "Graz", "Where was I born?"),
    ("I was born in Graz in 1990.", "1990", "When was Ada born?"),
    ("My birthday is on 4 July.", "4 July", "When is my birthday?"),
    ("I prefer tea over coffee.", "tea", "What do I prefer to coffee?"),
    ("I really enjoy painting and chess.", "painting and chess", "What does Ada enjoy?"),
    ("The wifi password is hunter42.", "hunter42", "What is the password for the wifi?"),
    ("I have an appointment with Dr. Smith on 1 December 2026 at 3 pm.", "1 December 2026 at 3 pm",
     "When is my appointment with Dr. Smith?"),
    ("I have an appointment with Dr. Smith on Tuesday at 3 pm.", "Dr. Smith", "Who is my appointment with?"),
    ("My flight to Lisbon leaves at 7:40.", "7:40", "When does my flight to Lisbon leave?"),
    ("I just bought a Trek bike for $650 last week.", "$650", "How much did I pay for a Trek bike?"),
    ("I just bought a Trek bike for $650 last week.", "the week of 9 November 2026", "When did I buy a Trek bike for $650?"),
    ("I drive a Toyota Corolla.", "a Toyota Corolla", "What car do I drive?"),
    ("My wife speaks Portuguese.", "Portuguese", "Which language does my wife speak?"),
    ("I play the cello.", "cello", "What does Ada play?"),
    ("I'm 34 years old.", "34", "How old am I?"),
    ("Bob is married to Alice.", "Alice", "Who is Bob married to?"),
    ("The deadline for the grant proposal is 12 May.", "12 May", "When is the grant proposal due?"),
    ("My dentist is Dr. Kovacs.", "Dr. Kovacs", "Who is my dentist?"),
    ("I take 20 mg of lisinopril every morning.", "20 mg of lisinopril", "What medicine do I take?"),
    ("I am vegetarian.", "vegetarian", "What diet do I follow?"),
    ("I wake up at 6:00 AM on Fridays.", "6:00 AM", "When do I wake up?"),
    ("Our project uses Postgres 16.", "Postgres 16", "What does our project use?"),
    ("The spare key is kept under the blue pot.", "the blue pot", "Where is the spare key kept?"),
    ("A ticket costs 12 euros.", "12 euros", "How much does a ticket cost?"),
    ("The capital of France is Paris.", "Paris", "What is France's capital?"),
    ("User's name is Ada.", "Ada", "What is my name?"),
    ("I don't eat pork.", "pork", "What does Ada not eat?"),
    ("the dispute over Clipperton Island was settled by King Victor Emmanuel III of Italy.",
     "King Victor Emmanuel III of Italy", "Who settled the dispute over Clipperton Island?"),
    ("Rosalind Creasy wrote a landmark book in 1982.", "Rosalind Creasy", "Who wrote a landmark book in 1982?"),
    ("Rosalind Creasy wrote a landmark book in 1982.", "1982", "When did Rosalind Creasy write a landmark book?"),
    ("Maryam Eslamdoust was the first Iranian-born woman to hold public office.", "Maryam Eslamdoust",
     "Who was the first Iranian-born woman to hold public office?"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "answer", "question"), EXPECTED)
def test_asks(text: str, answer: str, question: str) -> None:
    assert question in answers(text).get(answer, []), answers(text)


@pytest.mark.parametrize("text", sorted({row[0] for row in EXPECTED}))
def test_every_slot_has_enough_different_wordings(text: str) -> None:
    found = answers(text)
    assert 1 <= len(found) <= 3
    for questions in found.values():
        assert len({question_key(question) for question in questions}) >= PHRASINGS


@pytest.mark.parametrize("text", [
    "Can you recommend a good restaurant?", "Thanks!", "Hello, how are you?", "Tell me a joke.", "That's great!",
    "Thank you for your advice.", "", "...", "?!", "What is the capital of France?",
])  # fmt: skip
def test_nothing_is_stated(text: str) -> None:
    assert WRITER(fact(text)) == []


def test_a_chat_turn_gives_only_what_it_states() -> None:
    found = answers(
        "Can you suggest some trails? By the way, I just bought a Trek FX 3 bike for $650 last week. Thanks!"
    )
    assert set(found) == {"$650", "a Trek FX 3 bike", "the week of 9 November 2026"}


@pytest.mark.parametrize(("text", "answer", "question"), [
    ("Who is my dentist? Dr. Weber. I saw him on Monday.", "Dr. Weber", "Remind me: who is my dentist?"),
    ("What is the wifi password? hunter2-blue", "hunter2-blue", "What is the wifi password?"),
    ("What university did Watts Humphrey attend? Illinois Institute of Technology.",
     "Illinois Institute of Technology", "What university did Watts Humphrey attend?"),
])  # fmt: skip
def test_a_question_that_its_text_answers_is_asked_for(text: str, answer: str, question: str) -> None:
    assert question in answers(text)[answer]


@pytest.mark.parametrize("text", [
    "What do you think? Maybe pizza.", "Where should I go? Thanks!", "Who is my dentist? I forgot.",
    "What is the time? What is the day?", "How are you? Fine.", "Is it far? Lisbon.",
])  # fmt: skip
def test_a_question_to_the_assistant_is_not_answered_by_what_follows(text: str) -> None:
    assert WRITER(fact(text)) == []


def test_a_long_turn_gives_at_most_four_slots() -> None:
    turn = " ".join(f"I bought a lamp number {n} for ${n}00 at Shop{n} on {n} May." for n in range(1, 8))
    assert len(answers(turn)) == 4


def test_a_user_without_a_name_is_the_user() -> None:
    questions = answers("I'm allergic to peanuts.", "u-4711")["peanuts"]
    assert "What is the user allergic to?" in questions
    named = [pair.question for pair in WRITER(fact("I'm allergic to peanuts.", "u-4711", name="Zoe"))]
    assert "What is Zoe allergic to?" in named


def test_we_is_never_turned_into_one_person() -> None:
    questions = [question for rows in answers("We moved to Lisbon in 2020.").values() for question in rows]
    assert questions
    assert not any("Ada" in question for question in questions)


def test_a_name_is_only_text() -> None:
    assert WRITER(fact("My sister met my doctor in Porto.", "u1", name=r"A\1{s}")) != []


@pytest.mark.parametrize("text", [
    "The a of " + "A" * 500 + "!", "I have an " + "appointment with " * 30, "I bought " + "a lamp for $5 at " * 30,
    "Ada " * 140, "my " * 190 + "is x", "I moved from " * 40, "," * 500, "the " + "very " * 110 + "end",
    "A" * 100_000, "I live in Porto. " * 2000,
])  # fmt: skip
@pytest.mark.timeout(20)
def test_no_text_takes_for_ever(text: str) -> None:
    WRITER(fact(text))


def test_today_is_the_day_it_was_said() -> None:
    assert "When did I sign a contract?" in answers("I signed a contract today.")["21 November 2026"]


def test_most_informative_first() -> None:
    assert next(iter(answers("I just bought a Trek bike for $650 last week."))) == "$650"


@given(
    st.from_regex(r"[A-Z][a-z]{2,8} [A-Z][a-z]{2,8}", fullmatch=True),
    st.from_regex(r"\d{3}-\d{3}-\d{4}", fullmatch=True),
)
def test_the_exam_words_are_kept_for_the_exam(name: str, number: str) -> None:
    for text in (f"The phone number of {name} is {number}.", f"{name}'s phone number is {number}."):
        questions = [pair.question.replace(name, "X") for pair in WRITER(fact(text))]
        assert len(questions) >= PHRASINGS
        assert not any(EXAM_WORDS.search(question) for question in questions)


def test_there_are_at_least_thirty_relations_with_enough_wordings() -> None:
    assert len(RELATIONS) >= 30
    for pattern, slots in RELATIONS:
        first = next(iter(slots.values()))
        assert len(set(first.split(" | "))) >= PHRASINGS, pattern


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=200), STRUCTURE))
@example("THE 0 0 0 0 0")
@example("THE 0A hAS 0 0 :")
def test_never_raises_and_is_always_supported(text: str) -> None:
    pairs = WRITER(fact(text))
    assert all(supported(pair, fact(text)) for pair in pairs)
    assert pairs == RuleWriter()(fact(text))
    assert len({question_key(pair.question) for pair in pairs}) == len({pair.question for pair in pairs})


@pytest.mark.parametrize(("question", "answer", "text", "good"), [
    ("Where?", "porto", "I live in Porto.", True),
    ("Where?", "Port", "I live in Porto.", False),
    ("Is it Porto?", "Porto", "I live in Porto.", False),
    ("", "Porto", "I live in Porto.", False),
    ("q" * 301, "Porto", "I live in Porto.", False),
    ("Where?", "a " * 61, "a " * 80, False),
    ("Where?", "!", "I live in Porto!", False),
    ("When did Ada say it?", "21 November 2026", "I live in Porto.", True),
    ("When did Ada say it?", "22 November 2026", "I live in Porto.", False),
    ("What?", "my  sister’s", "It was my sister's.", True),
])  # fmt: skip
def test_supported(question: str, answer: str, text: str, good: bool) -> None:
    assert supported(QAPair(question=question, answer=answer), fact(text)) is good


@pytest.mark.parametrize(("word", "base"), [
    ("moved", "move"), ("planned", "plan"), ("flies", "fly"), ("wrote", "write"), ("visited", "visit"), ("has", "have"),
    ("created", "create"), ("treated", "treat"), ("planning", "plan"),
    ("cancelled", "cancel"), ("studies", "study"), ("called", "call"),
])  # fmt: skip
def test_base_form(word: str, base: str) -> None:
    assert base_form(word) == base


def test_third_person() -> None:
    bases, forms = ("fly", "play", "watch", "have", "go"), ["flies", "plays", "watches", "has", "goes"]
    assert [third(base) for base in bases] == forms


def test_sentences_keep_abbreviations() -> None:
    assert sentences("Dr. Smith came. He left at 3 p.m. Then it rained.")[0] == "Dr. Smith came."


def test_an_apposition_is_not_the_clause() -> None:
    clause = parse("Geoffrey Holt, a man who worked as a groundskeeper, left $3.8 million to his town.")
    assert clause is not None
    assert (clause.base, str(clause.chunks[0])) == ("leave", "$3.8 million")


def questions(text: str) -> dict[str, str]:
    """The answer to every question that is drafted."""
    return {question: answer for answer, rows in answers(text).items() for question in rows}


@pytest.mark.parametrize(("question", "texts"), [
    ("What is my phone number?", ["My phone is charging.", "My mobile is a Nokia 3310.", "My phone is on the table."]),
    ("What is my email address?", ["My email is slow.", "My e-mail is with Proton."]),
    ("What is my address?", ["My address is difficult to pronounce.", "My address is secret."]),
    ("What is my husband called?", ["My husband is Danish.", "My husband is Eve's manager.", "My husband is Portuguese."]),
    ("By what name does my boss go?", ["My boss is Welsh.", "My boss is Nina's cousin."]),
    ("What is the code for the gate?", [
        "The gate code is changed weekly.", "The gate code is under the mat.", "The gate code is too simple.",
        "The gate code is hard to guess.", "The gate code is out of date.", "The gate code is expired."]),
    ("Who do I work for?", ["I work at the weekends.", "I work for 6 hours.", "I work for fun.", "I work at noon."]),
    ("What car do I drive?", [
        "I drive to Graz.", "I drive carefully.", "I drive an hour a day.", "I drive Mia to her lessons in a blue Fiat.",
        "I drive a lot."]),
    ("When is my interview?", ["My interview is in building C4.", "My interview is 40 minutes long."]),
    ("When does my train leave?", ["My train is late by 10 minutes.", "My train is RJ 662.", "My train is number 8."]),
    ("What do I prefer?", ["I prefer not to sing."]),
    ("What do I prefer to the office?", ["I prefer walking to the office."]),
    ("What is my favourite shop?", ["My favourite shop is closed in August.", "My favourite shop is no longer Billa."]),
    ("What is my name?", ["My name is easy to spell."]),
    ("Where did we move to?", ["We moved to Kubernetes.", "We moved to weekly releases.", "We moved to GitLab."]),
    ("Where do I live?", ["I live on bread.", "I live in fear.", "I live in the moment."]),
    ("What do I play?", ["I play outdoors.", "I play every evening.", "I play a lot."]),
    ("What do I study?", ["I am studying late.", "I study for my finals."]),
    ("What is my bike?", ["My bike is stolen.", "My bike is in the shed."]),
    ("What is it that I drive?", ["I drive quickly."]),
])  # fmt: skip
def test_a_question_gets_no_answer_of_another_kind(question: str, texts: list[str]) -> None:
    for text in texts:
        assert question not in questions(text), (text, answers(text))


@pytest.mark.parametrize(("text", "answer", "question"), [
    ("My mobile is 0664 555 12 34.", "0664 555 12 34", "What is my phone number?"),
    ("My e-mail is bo@mail.example.", "bo@mail.example", "What is my email address?"),
    ("My address is Ringstrasse 9, 1030 Wien.", "Ringstrasse 9, 1030 Wien", "What is my address?"),
    ("The gate code is blue butterfly.", "blue butterfly", "What is the code for the gate?"),
    ("The gate password is marigold.", "marigold", "What is the password for the gate?"),
    ("My husband is called Christian.", "Christian", "What is my husband called?"),
    ("I work at the harbour.", "the harbour", "Where do I work?"),
    ("My mother drives an old Fiat.", "an old Fiat", "What car does my mother drive?"),
    ("We moved to a bigger flat.", "a bigger flat", "Where did we move to?"),
    ("I live on the fourth floor.", "the fourth floor", "Where do I live?"),
    ("I prefer walking to the office.", "walking to the office", "What do I prefer?"),
    ("I have a lesson with Rosa every Monday at 10.", "every Monday at 10", "When is my lesson with Rosa?"),
    ("My favourite dish is smoked trout.", "smoked trout", "What is my favourite dish?"),
    ("My exam is in room C7.", "room C7", "Where is my exam?"),
    ("I work at night.", "night", "When do I work?"),
])  # fmt: skip
def test_an_answer_of_the_kind_that_is_asked_for_is_kept(text: str, answer: str, question: str) -> None:
    assert questions(text).get(question) == answer, answers(text)


@pytest.mark.parametrize(("text", "never"), [
    ("I was allergic to wheat in my youth.", "What am I allergic to?"),
    ("I was 12 years old in that photo.", "How old am I?"),
    ("My aunt was living in Cork at the time.", "Where does my aunt live?"),
    ("Eve was married to Karl for ten years.", "Who is Eve married to?"),
    ("My cousin was vegetarian until college.", "What diet does my cousin follow?"),
    ("Eve is not 30 years old.", "How old is Eve?"),
    ("My address is not 4 Mill Lane.", "What is my address?"),
    ("My favourite singer is never on the radio.", "Who is my favourite singer?"),
    ("Eve is not a doctor.", "How would you describe Eve?"),
    ("My team is no longer Milan.", "What is my team?"),
])  # fmt: skip
def test_what_is_over_or_denied_is_not_asked_for_as_if_it_held(text: str, never: str) -> None:
    assert never not in questions(text), answers(text)


@pytest.mark.parametrize(("text", "taken"), [
    ("My cousin doesn't work at Bosch.", "my cousin does not"), ("My cousin wants to work at Bosch.", "my cousin wants to"),
    ("My cousin would love to work at Bosch.", "my cousin would love to"), ("She works at Bosch.", "She"),
    ("My cousin used to work at Bosch.", "my cousin used to"), ("Nina said Karl works at Bosch.", "Nina said Karl"),
    ("Nina believes Karl works at Bosch.", "Nina believes Karl"), ("Possibly Karl works at Bosch.", "Possibly Karl"),
    ("Hopefully Karl works at Bosch.", "Hopefully Karl"), ("Only Karl works at Bosch.", "Only Karl"),
    ("His cousin works at Bosch.", "his cousin"), ("I heard Karl works at Bosch.", "I heard Karl"),
    ("My coach says Karl works at Bosch.", "my coach says Karl"),
])  # fmt: skip
def test_no_doubt_denial_or_verb_is_taken_for_a_subject(text: str, taken: str) -> None:
    for subject in (taken, "Karl", "my cousin"):
        assert f"Where does {subject} work?" not in questions(text)
        assert f"Who is {subject}'s employer?" not in questions(text)
    assert "What did Nina say at Bosch?" not in questions(text)


@pytest.mark.parametrize(("text", "answer", "question"), [
    ("My cousin wants to work at Bosch.", "Bosch", "Where does my cousin want to work?"),
    ("My cousin used to work at Bosch.", "Bosch", "Where did my cousin use to work?"),
    ("My aunt is Nora. She works at Bosch.", "Bosch", "Where does my aunt work?"),
    ("I have a son called Ben. He is 7 years old.", "7", "How old is my son?"),
    ("Nora is my neighbour. She lives in Linz. She drives a red Fiat.", "a red Fiat", "What car does Nora drive?"),
    ("My man of the hour lives in Rome.", "Rome", "Where does my man of the hour live?"),
    ("Emily lives in Rome.", "Rome", "Where does Emily live?"),
    ("Will lives in Rome.", "Rome", "Where does Will live?"),
])  # fmt: skip
def test_whom_a_statement_is_about(text: str, answer: str, question: str) -> None:
    assert questions(text).get(question) == answer, answers(text)


@pytest.mark.parametrize("text", [
    "My aunt met Nora. She works at Bosch.", "My uncle is Karl. She works at Bosch.", "Bosch is large. She works at Bosch.",
    "My aunt and my cousin are here. She works at Bosch.", "I like Nora. She works at Bosch.", "It rains. He works at Bosch.",
])  # fmt: skip
def test_a_pronoun_that_may_mean_somebody_else_is_not_asked_about(text: str) -> None:
    assert not [row for row in questions(text) if re.search(r"\bworks?\b|employer", row)], answers(text)


@pytest.mark.parametrize(("text", "answer", "question"), [
    ("I live in Cork and study law.", "Cork", "Where do I live?"),
    ("My cousin lives in Cork and drives a Fiat.", "Cork", "Where does my cousin live?"),
    ("My cousin drives a Fiat and plays for Juve.", "a Fiat", "What car does my cousin drive?"),
    ("I'm allergic to eggs and love chocolate.", "eggs", "What am I allergic to?"),
    ("My address is 3 Mill Lane and the alarm code is 9090.", "3 Mill Lane", "What is my address?"),
    ("I have a parrot named Koko and a cat named Tiger.", "Koko", "What is my parrot called?"),
    ("My cat is called Tiger and is 9 years old.", "Tiger", "What is my cat called?"),
    ("Nina plays tennis, Karl plays chess.", "tennis", "What does Nina play?"),
    ("Nina works for Bosch, Karl for Siemens.", "Bosch", "Who does Nina work for?"),
    ("I live in Cork, not in Dublin.", "Cork", "Where do I live?"),
    ("I bought a tent and cooked for my friends.", "a tent", "What did I buy?"),
    ("I like bread, cheese and wine.", "bread, cheese and wine", "What do I like?"),
    ("I like salt and pepper.", "salt and pepper", "What do I like?"),
    ("My address is 3 Mill Lane, Cork.", "3 Mill Lane, Cork", "What is my address?"),
    ("I take 5 mg of folate at night if I feel weak.", "5 mg of folate", "What do I take at night if I feel weak?"),
    ("I drive a Fiat unless it snows.", "a Fiat", "What do I drive unless it snows?"),
    ("When I cook, I like quiet music.", "quiet music", "What do I like when I cook?"),
    ("Nina lives in Cork according to Karl.", "Cork", "Where does Nina live according to Karl?"),
    ("I live in Cork until June.", "Cork", "Where do I live until June?"),
])  # fmt: skip
def test_an_answer_ends_where_the_next_clause_begins(text: str, answer: str, question: str) -> None:
    assert questions(text).get(question) == answer, answers(text)


@pytest.mark.parametrize(("text", "never"), [
    ("I take 5 mg of folate if I feel weak.", "What medicine do I take?"),
    ("I drive a Fiat unless it snows.", "What car do I drive?"),
    ("When I cook, I like quiet music.", "What do I like?"),
    ("Nina lives in Cork according to Karl.", "Where does Nina live?"),
    ("I live in Cork until June.", "Where do I live?"),
    ("I take 5 mg of folate in the morning and 9 mg of iron at night.", "When do I take 5 mg of folate at night?"),
    ("My cousin lives in Cork and works at Bosch.", "Where does my cousin live in Cork and works?"),
])  # fmt: skip
def test_what_holds_under_a_condition_is_not_asked_without_it(text: str, never: str) -> None:
    assert never not in questions(text), answers(text)


@pytest.mark.parametrize("text", [
    "My surgery is in a few days.", "The invoice is due in a couple of weeks.", "My interview is on Wednesday at 3 pm.",
    "I will visit Peru next spring.", "My lease ends in several months.", "The invoice is due on Monday.",
    "My holiday starts soon.", "We went to Norway last August.", "My bus leaves on Saturday at 8.",
])  # fmt: skip
def test_a_time_that_hangs_on_the_day_of_speaking_is_neither_asked_for_nor_asked_with(text: str) -> None:
    days = re.compile(r"days|weeks|months|Wednesday|Monday|Saturday|spring|August|soon|\b\d+\b")
    assert not [row for row in questions(text).items() if any(days.search(part) for part in row)], answers(text)


@pytest.mark.parametrize("text", [
    "The minutes are in the folder /team/2025.", "The broker listens on port 1883.", "My desk is in room 2010.",
    "The bug is in line 1984.",
])  # fmt: skip
def test_a_number_that_looks_like_a_year_is_no_time(text: str) -> None:
    assert not [question for question in questions(text) if re.search(r"\b[Ww]hen\b", question)]


@pytest.mark.parametrize(("text", "answer", "question"), [
    ("My surgery is in 10 days.", "1 December 2026", "When is my surgery?"),
    ("My lease ends in 2 months.", "January 2027", "When does my lease end?"),
])  # fmt: skip
def test_a_day_that_can_be_counted_out_is_learned_as_the_date_that_it_is(text: str, answer: str, question: str) -> None:
    assert questions(text).get(question) == answer, answers(text)


@pytest.mark.parametrize(("text", "answer", "question"), [
    ("My permit is valid until 8 March 2029.", "8 March 2029", "Until when is my permit valid?"),
    ("I've worked here since 2011.", "2011", "Since when have I worked here?"),
    ("I have sung at Scala since 2011.", "Scala", "Where have I sung?"),
    ("I sing at Scala since June.", "June", "Since when do I sing at Scala?"),
    ("My coach was Mr. Berg until June.", "June", "Until when was my coach Mr. Berg?"),
    ("I swim on Wednesdays.", "Wednesdays", "When do I swim?"),
    ("I have a rehearsal every Wednesday.", "every Wednesday", "When do I have a rehearsal?"),
    ("Our shop opens at 9:30.", "9:30", "When does our shop open?"),
    ("My surgery is on 4 May 2027.", "4 May 2027", "When is my surgery?"),
    ("I have an interview with Nina on Wednesday at 3 pm.", "Nina", "Who is my interview with?"),
    ("Karl wrote the opera in two weeks.", "the opera", "What did Karl write in two weeks?"),
    ("I worked in Rome from 2001 to 2004.", "2001 to 2004", "When did I work in Rome?"),
])  # fmt: skip
def test_a_time_that_means_the_same_later_is_asked_for_with_its_preposition(
    text: str, answer: str, question: str
) -> None:
    assert questions(text).get(question) == answer, answers(text)


@pytest.mark.parametrize(("text", "answer", "question"), [
    ("Where do you work? Bosch.", "Bosch", "Where do I work?"),
    ("What are you allergic to? Eggs.", "Eggs", "What am I allergic to?"),
    ("Who is your doctor? Dr. Meier.", "Dr. Meier", "Who is my doctor?"),
    ("Do you have a car? No.", "No", "Do I have a car?"),
    ("Is your cousin married? Yes.", "Yes", "Is my cousin married?"),
    ("What did Karl Benz name his first car? Patent-Motorwagen.", "Patent-Motorwagen", "What did Karl Benz name his first car?"),
])  # fmt: skip
def test_a_question_to_the_user_is_asked_in_the_user_s_voice(text: str, answer: str, question: str) -> None:
    assert questions(text).get(question) == answer, answers(text)


@pytest.mark.parametrize("text", [
    "How old is she? 9.", "What time is it? Six.", "What do you recommend? Risotto.", "Can you help? Yes.", "Is it far? No.",
    "How do you cook rice? Slowly.", "Who taught you? Karl.", "What is your opinion? Great.", "Are you sure? Yes.",
])  # fmt: skip
def test_a_question_about_nobody_known_or_to_the_assistant_is_not_asked(text: str) -> None:
    assert not {question for question in questions(text) if "?" in question and "missing" not in question}, answers(
        text
    )


@pytest.mark.parametrize(("text", "answer", "question"), [
    ("The config file is .toolrc.", ".toolrc", "What is the config file?"),
    ("The build command is ./make.sh --fast.", "./make.sh --fast", "What is the build command?"),
    ("The dropout rate is .3 for this run.", ".3", "What is the dropout rate for this run?"),
    ("Nina will open the meeting.", "Nina", "Who will open the meeting?"),
    ("Karl is 5 years younger than me.", "Karl", "Who is 5 years younger than me?"),
    ("My SIM is 8943 0112.", "8943 0112", "What is my SIM?"),
    ("Our API runs on Fastify.", "Our API", "What runs on Fastify?"),
    ("I lent Nina 20 dollars.", "20 dollars", "What did I lend Nina?"),
    ("My aunt gave me a watch.", "a watch", "What did my aunt give me?"),
    ("I sent my cousin a parcel in 2019.", "a parcel", "What did I send my cousin?"),
    ("I quit football in 2015.", "2015", "When did I quit football?"),
    ("Nina put the ring in the box.", "the ring", "What did Nina put in the box?"),
    ("I put sugar in my tea.", "sugar", "What do I put in my tea?"),
    ("I need a new desk.", "a new desk", "What do I need?"),
    ("My lease expires in 2030.", "2030", "When does my lease expire?"),
    ("I bought a lamp from Nina.", "a lamp", "What did I buy?"),
    ("My fees are paid on the 3rd.", "the 3rd", "When are my fees paid?"),
    ("My coach might move to Rome.", "My coach", "Who might move to Rome?"),
    ("I go to work in a green Skoda.", "a green Skoda", "What do I go to work in?"),
])  # fmt: skip
def test_small_things(text: str, answer: str, question: str) -> None:
    assert questions(text).get(question) == answer, answers(text)


def test_a_path_in_a_question_keeps_its_dot() -> None:
    assert "What does the file ./make.sh need?" in questions("The file ./make.sh needs Ruby.")


@pytest.mark.parametrize(("text", "never"), [
    ("I think Nina works at Bosch.", "Where does I think Nina work?"),
    ("I bought a lamp from my uncle.", "Which shop did I get a lamp from?"),
    ("I prefer not to sing.", "Why do I prefer not?"),
    ("I'd rather have soup than salad.", "What would I rather have?"),
])  # fmt: skip
def test_what_is_never_asked(text: str, never: str) -> None:
    assert never not in questions(text), answers(text)
