"""What newly said facts make of those that are there: said again, nearly the same, newer, older, or just another fact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modules import publish

from slowwave import Memory, Message
from slowwave.records import fact_id
from slowwave.superseding import replaces, subject
from slowwave.types import Fact
from slowwave.versions import Ledger

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


def on(day: int) -> datetime:
    return DAY + timedelta(days=day)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "memory", embedder="hash:256") as opened:
        yield opened


def live(memory: Memory, user_id: str = "ada") -> list[str]:
    return [fact.text for fact in memory.get_all(user_id=user_id)]


# -- what a statement is about ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ("Zeynep moved to Berlin.", "Zeynep lives in Porto."),
        ("My wife works at Bosch now.", "My wife works at Siemens."),
        ("We moved to Coimbra.", "We live in Braga."),
        ("I just turned 35.", "I'm 34 years old."),
        ("My email address is kim@new.com.", "My email is kim@old.com."),
        ("The door code has changed to 4401.", "The door code is 7713."),
        ("I changed my wifi password to hill-badger-12.", "My wifi password is river-otter-88."),
        ("My boss's name is Tom Reiter.", "My boss is Anna Keller."),
        ("My phone number is 555-0199.", "My phone number is 555-0100."),
        ("By the way, my new phone number is 555-0199!", "my phone number's 555-0100"),
        ("I moved to Faro.", "I live in Porto."),
        ("I live in Faro now.", "I moved to Porto."),
        ("I'm 35.", "I'm 34 years old."),
        ("My age is 35.", "I am 34."),
        ("My dentist appointment has been moved to Monday.", "My dentist appointment is on Friday at 3 pm."),
        ("My favorite color is red.", "My favourite colour is blue."),
        ("I just started working at Initech.", "I work at Globex."),
        ("I weigh 70 kg now.", "I weigh 75 kg."),
        ("My wife's birthday is on 4 May.", "My wife's birthday is on May 3rd."),
        ("My wife is Clara.", "My wife is Anna."),
        ("I drive a Volvo now.", "I drive a red Fiat."),
        ("My landlord is Dr. Ines van der Berg.", "My landlord is Tom Smith."),
        ("My rent is now $1000.", "My rent is 900 euros a month."),
        ("My address is Flat 3, 12 Elm Street.", "My address is Hauptstraße 5, Berlin."),
        ("My wifi password is Winter2025!", "My wifi password is hunter2"),
        ("My bedtime is 11 pm.", "My bedtime is 10:30 pm."),
        ("My new favourite movie is Heat.", "My favourite movie is Blade Runner 2049."),
        ("My favourite food is now sushi.", "My favorite food is pizza."),
        ("My citizenship is now Turkish.", "My citizenship is German."),
        ("My job title is now senior engineer.", "My job title is designer."),
        ("My cat's name is now Luna.", "My cat's name is Rex."),
        ("My flight was moved to 20 May at 18:00.", "My flight is on 3 May at 7:40."),
        ("I've moved to São Paulo recently.", "I live in Porto."),
        ("I just moved to Frankfurt am Main.", "I live in Stoke-on-Trent."),
        ("I live in Spain now.", "I live in France."),
        ("I work at Home Depot now.", "I work at the Bank of Lisbon."),
    ],
)
def test_a_newer_value_takes_the_place_of_the_older_one(newer: str, older: str) -> None:
    assert replaces(newer, older)


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ("She moved to Berlin.", "She lives in Porto."),
        ("My sister moved to Berlin.", "My sister lives in Porto."),
        ("Zeynep moved to Berlin.", "Kerem lives in Porto."),
        ("Zeynep lives in Portugal.", "Zeynep lives in Porto."),
        ("I live in Portugal.", "I live in Porto."),  # both are true
        ("I live in a small flat now.", "I live in Porto."),
        ("I work at Initech.", "I work at Globex."),  # there may be two
        ("My friend is Tom.", "My friend is Ada."),
        ("My brother is Tom.", "My brother is Ben."),
        ("My wife is a doctor.", "My wife is Clara."),
        ("My name is Ada Lovelace.", "My name is Ada."),  # one only says more
        ("My name is Ada.", "My name is Ada Lovelace."),
        ("My exam is hard.", "My exam is on Friday."),
        ("My rent is too high.", "My rent is 900 euros."),
        ("My phone number is not 555-0199.", "My phone number is 555-0100."),
        ("If I win, my phone number is 555-0199.", "My phone number is 555-0100."),
        ("My sister's phone number is 555-0199.", "My phone number is 555-0100."),
        ("My favourite book is Emma.", "My favourite film is Emma."),
        ("My PIN is 1234 and my phone number is 555.", "My PIN is 9999."),
        ("Is my phone number 555-0199?", "My phone number is 555-0100."),
        ("Her phone number is 555-0199.", "My phone number is 555-0100."),
        ("My phone number is 555-0100.", "my phone number is 555-0100!"),
        # a remark about a thing is not its value
        ("My surname is often misspelled.", "My surname is Nowak."),
        ("My name is too long for the form.", "My name is Ada."),
        ("My husband is Norwegian.", "My husband is Tom."),
        ("My dentist is Buddhist.", "My dentist is Tom."),
        ("My girlfriend is CEO of a startup.", "My girlfriend is Anna."),
        ("My rent is due on the 3rd.", "My rent is 900 euros."),
        ("My rent is 30 days late.", "My rent is 900 euros."),
        ("My salary is 60000 euros a year.", "My salary is 5000 euros a month."),
        ("My favourite bakery is closed on Sundays.", "My favourite bakery is Miller's."),
        ("My favourite player is injured now.", "My favourite player is Messi."),
        ("My favourite color is hard to wash.", "My favourite color is white."),
        ("My favourite soup is now cheaper.", "My favourite soup is Borscht."),
        ("My password is in my notebook.", "My password is hunter2."),
        ("My PIN is 4 digits.", "My PIN is 9999."),
        ("My address is 2 blocks from Central Park.", "My address is 12 Elm Street."),
        ("My home town is tiny.", "My home town is Porto."),
        ("My birthday is in 3 weeks.", "My birthday is 3 May."),
        ("I weigh 12 kg less than Tom.", "I weigh 80 kg."),
        ("My exam was moved to room 12.", "My exam is at 10 am."),
        ("My Wife Is Pregnant.", "My wife is Anna."),
        ("I DRIVE A LOT NOW.", "I drive a Fiat."),
        ("My home town is Irish.", "My home town is Cork."),
        ("My password is n/a.", "My password is hunter2."),
        # one may have several
        ("My hamster's name is Luna.", "My hamster's name is Rex."),
        ("My new puppy's name is Luna.", "My new puppy's name is Rex."),
        ("My brother's wife is Luna.", "My brother's wife is Rita."),
        ("My daughter Eva's birthday is 5 June.", "My daughter Eva's birthday is 3 May."),
        ("My interview is on June 7 at 2 pm.", "My interview is on May 3 at 10."),
        ("My exam is at 3 pm.", "My exam is on Monday."),
        ("My exam is now at 3 pm.", "My exam is on Monday."),
        ("My flight number is TP456.", "My flight number is LH123."),
        ("My native language is Turkish.", "My native language is German."),
        ("My favourite band is Queen.", "My favourite band is Abba."),
        # not the home, the employer, the car
        ("I moved to Madrid as a student.", "I live in Porto."),
        ("I moved to Spain in 2011.", "I live in Porto."),
        ("I just moved to Outlook.", "I live in Porto."),
        ("I moved to Sales.", "I live in Porto."),
        ("I moved to Team Red.", "I live in Porto."),
        ("I moved to HR.", "I live in Porto."),
        ("I moved to Django 5.", "I live in Porto."),
        ("I moved to Tom's.", "I live in Porto."),
        ("I live in Portugal now.", "I live in Porto."),
        ("I just started working with Kubernetes.", "I work at Globex."),
        ("I work at Initech on Fridays now.", "I work at Globex."),
        ("I work at Building 43 now.", "I work at Globex."),
        ("I now drive to Lisbon.", "I drive a Fiat."),
        ("I drive a lot now.", "I drive a Fiat."),
        ("I now drive Anna to school.", "I drive a Fiat."),
    ],
)
def test_what_may_both_be_true_stays(newer: str, older: str) -> None:
    assert not replaces(newer, older)


@pytest.mark.parametrize(
    ("newer", "older", "wins"),
    [
        ("I moved to Faro in 2027.", "I live in Porto.", True),
        ("I moved to Faro in May 2026.", "I live in Porto.", True),
        ("I moved to Faro in January 2026.", "I live in Porto.", False),
        ("I moved to Faro in 2012.", "I live in Porto.", False),
        ("I moved to Faro in 2012.", "I moved to Porto in 2019.", False),
        ("I moved to Faro in 2021.", "I moved to Porto in 2019.", True),
        ("I started working at Initech in 2012.", "I work at Globex.", False),
    ],
)
def test_a_dated_change_counts_from_its_date(newer: str, older: str, wins: bool) -> None:
    assert replaces(newer, older, DAY) is wins


@given(st.text(max_size=80))
def test_any_text_has_a_subject_or_none(text: str) -> None:
    found = subject(text)
    assert found is None or (found.key and found.value)
    assert not replaces(text, text)


@pytest.mark.parametrize("start", ["My name is ", "I drive a ", "My phone number is 5", "I live in A", "My "])
@pytest.mark.parametrize("rest", ["a" * 140, "a " * 70, "7" * 140, "A." * 70])
def test_no_statement_makes_a_pattern_search_for_ever(start: str, rest: str) -> None:
    subject(f"{start}{rest},")
    assert subject(start + rest * 20) is None


# -- in a memory -----------------------------------------------------------------------------------------------------


def test_a_newer_statement_supersedes_the_older_one(memory: Memory) -> None:
    (porto,) = memory.add("I live in Porto.", user_id="ada", said_at=on(0))
    memory.add("I live in Bergen.", user_id="ben", said_at=on(0))
    (faro,) = memory.add([{"role": "user", "content": "I moved to Faro."}], user_id="ada", said_at=on(5))
    assert live(memory) == ["I moved to Faro."]
    assert live(memory, "ben") == ["I live in Bergen."]
    assert [one.text for one in memory.history(faro.id)] == ["I live in Porto.", "I moved to Faro."]
    assert memory.get(porto.id).superseded_by == faro.id == memory.history(porto.id)[-1].id
    assert [hit.text for hit in memory.search("Where do I live? Porto Faro", user_id="ada")] == ["I moved to Faro."]


STORY = ("My PIN is 1111.", "My PIN is 2222.", "My PIN is 3333.", "My PIN is 4444.")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_versions_stand_in_the_order_in_which_they_were_said(memory: Memory, order: Sequence[int]) -> None:
    """Whatever order they are told in: an old chat may be read in later."""
    for place in order:
        memory.add(STORY[place], user_id="ada", said_at=on(place))
    assert live(memory) == [STORY[2]]
    assert [one.text for one in memory.history(fact_id("ada", STORY[0]))] == list(STORY[:3])


def test_a_change_replaces_all_that_was_true_together(memory: Memory) -> None:
    (porto,) = memory.add("I live in Porto.", user_id="ada", said_at=on(0))
    memory.add("I live in Portugal.", user_id="ada", said_at=on(1))
    assert len(live(memory)) == 2
    (faro,) = memory.add("I moved to Faro.", user_id="ada", said_at=on(5))
    assert live(memory) == ["I moved to Faro."]
    wanted = ["I live in Porto.", "I live in Portugal.", "I moved to Faro."]
    assert [one.text for one in memory.history(faro.id)] == [one.text for one in memory.history(porto.id)] == wanted
    memory.add("I live in Bergen.", user_id="ada", said_at=on(6))
    assert live(memory) == ["I moved to Faro.", "I live in Bergen."], "nothing says that this changed since"
    memory.delete(faro.id)
    assert live(memory) == ["I live in Bergen."]
    assert memory._rooms.facts.with_older("ada") == memory.get_all(user_id="ada"), "older versions go along"


def test_a_replaced_fact_leaves_the_weights_at_once(tmp_path: Path, tiny_model: Path) -> None:
    with Memory(tmp_path, model=str(tiny_model), embedder="hash:256") as memory:
        publish(memory, "m-pin", "My PIN is 1111.", ("What is my PIN?", "1111"))
        publish(memory, "m-boat", "My boat is called Meringue.", ("What is my boat called?", "Meringue"))
        memory.add("My PIN is 2222.", user_id="ada")
        assert [one.id for one in memory.modules()] == ["m-boat"]


def test_an_old_move_told_today_hides_nothing(memory: Memory) -> None:
    memory.add("I live in Porto.", user_id="ada", said_at=on(0))
    memory.add("I moved to Lisbon two years ago.", user_id="ada", said_at=on(9))
    assert len(live(memory)) == 2
    memory.add("I moved to Faro yesterday.", user_id="ada", said_at=on(20))
    assert live(memory) == ["I moved to Faro yesterday."]


def test_what_is_told_together_is_true_together(memory: Memory) -> None:
    told = ["My meeting is at 10.", "My meeting is now at 3 pm."]
    memory.add([{"role": "user", "content": " ".join(told)}], user_id="ada", said_at=on(0))
    memory.add_many(STORY[:2], user_id="ben", said_at=on(0))
    assert len(live(memory)) == len(live(memory, "ben")) == 2
    memory.add(STORY[2], user_id="ben", said_at=on(0))
    assert live(memory, "ben") == [STORY[2]]


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 1, 0)])
def test_of_several_things_it_is_not_told_which_one_changed(memory: Memory, order: Sequence[int]) -> None:
    told = ("My exam is on 3 May.", "My exam is on 7 June.", "My exam has been moved to 9 June.")
    for place in order[:2]:
        memory.add(told[place], user_id="ada", said_at=on(place))
    both = live(memory)
    memory.add(told[order[2]], user_id="ada", said_at=on(order[2]))
    assert len(live(memory)) == len(both) + 1


def test_other_speakers_and_sources_replace_nothing(memory: Memory) -> None:
    memory.add("My PIN is 1111.", user_id="ada", said_at=on(0))
    memory.add("My PIN is 2222.", user_id="ada", said_at=on(1), source="notes.txt")
    memory.add([Message(role="user", content="My PIN is 3333.", name="Clara")], user_id="ada", said_at=on(2))
    assert live(memory) == list(STORY[:3])


def test_what_is_said_again_gets_the_later_date(memory: Memory) -> None:
    """Tea, then coffee, then tea again: tea is the newest."""
    for day, text in enumerate(("I drink tea in the morning.", "I drink coffee in the morning.")):
        memory.add(text, user_id="ada", said_at=on(day), metadata={"kind": "drink"})
    (tea,) = memory.add("I drink tea in the morning.", user_id="ada", said_at=on(2), metadata={"hot": True})
    assert live(memory) == ["I drink coffee in the morning.", "I drink tea in the morning."]
    assert memory.get(tea.id) == tea
    assert tea.said_at == on(2)
    assert tea.metadata == {"kind": "drink", "hot": True, "also_said": "2026-03-01"}
    (soon,) = memory.add("I drink tea in the morning.", user_id="ada", said_at=on(2) + timedelta(hours=1))
    assert soon.metadata["also_said"] == "2026-03-01", "once more on its day is nothing new"
    (early,) = memory.add("I drink tea in the morning.", user_id="ada", said_at=on(-1))
    assert early.said_at == soon.said_at, "an old chat that is read in later takes nothing back"
    assert early.metadata["also_said"] == "2026-02-28,2026-03-01"
    (other,) = memory.add("I drink tea in the morning.", user_id="ada", said_at=on(2), source="notes.txt")
    assert (other.source, other.metadata["also_from"]) == ("user", "notes.txt")


def test_saying_again_what_was_replaced_replaces_in_turn(memory: Memory) -> None:
    for day, place in enumerate((0, 1, 0)):
        memory.add(STORY[place], user_id="ada", said_at=on(day))
    assert live(memory) == [STORY[0]]
    memory.add(STORY[1], user_id="ada", said_at=on(1))
    assert live(memory) == [STORY[0]], "a replay brings nothing back"
    assert memory.history(fact_id("ada", STORY[0]))[-1].text == STORY[0]
    memory.delete(fact_id("ada", STORY[0]))
    assert live(memory) == []


def test_chat_that_says_the_same_in_nearly_the_same_words_is_one_fact(memory: Memory) -> None:
    (first,) = memory.add([{"role": "user", "content": "I've got three bikes!"}], user_id="ada", said_at=on(0))
    (again,) = memory.add(
        [{"role": "user", "content": "By the way, I have got 3 bikes."}], user_id="ada", said_at=on(3)
    )
    assert (again.id, again.text, again.said_at) == (first.id, first.text, on(3))
    assert again.metadata["also_said"] == "2026-03-01"
    memory.add([{"role": "user", "content": "I have got 4 bikes."}], user_id="ada", said_at=on(3))
    memory.add([{"role": "user", "content": "I have got 3 bikes.", "name": "Clara"}], user_id="ada", said_at=on(3))
    assert len(live(memory)) == 3
    memory.add("I have got 3 bikes.", user_id="ada", said_at=on(4))
    assert len(live(memory)) == 4, "a text is a fact as it is"


def test_a_day_left_to_the_listener_is_another_day_later(memory: Memory) -> None:
    said = "I have just seen my dentist."
    for day in (0, 3):
        memory.add([{"role": "user", "content": said}], user_id="ada", said_at=on(day))
    memory.add([{"role": "user", "content": said[:-1] + "!"}], user_id="ada", said_at=on(9))
    assert live(memory) == [said, said[:-1] + "!"]


def test_what_was_replaced_in_other_words_is_not_said_again_by_them() -> None:
    ledger = Ledger([], lambda key: None)
    for place, day in ((0, 0), (1, 1)):
        ledger.say(fact(STORY[place], day), alike=True)
    again = ledger.say(fact(STORY[0].lower(), 2), alike=True)
    assert again.superseded_by is None
    assert [one.text for one in ledger.changed.values() if one.superseded_by is None] == [STORY[0].lower()]


# -- invariants ------------------------------------------------------------------------------------------------------


def fact(text: str, day: int) -> Fact:
    return Fact(id=fact_id("ada", text), text=text, user_id="ada", said_at=on(day))


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=10))
def test_no_text_is_lost_and_one_version_is_live(told: list[tuple[int, int]]) -> None:
    stored: dict[str, Fact] = {}
    for place, day in told:
        ledger = Ledger(stored.values(), stored.get)
        ledger.say(fact(STORY[place], day), alike=False)
        stored |= ledger.changed
    assert {one.text for one in stored.values()} == {STORY[place] for place, _ in told}
    newest = [one for one in stored.values() if one.superseded_by is None]
    assert len(newest) == bool(told)
    if told:
        last = max(day for _, day in told)
        assert newest[0].said_at == on(last)
    for one in stored.values():
        seen = {one.id}
        while one.superseded_by is not None:
            one = stored[one.superseded_by]
            assert one.id not in seen
            seen.add(one.id)


@given(st.permutations([(0, 0), (1, 1), (2, 2), (3, 3)]), st.integers(1, 3))
def test_one_list_is_as_good_as_many(told: list[tuple[int, int]], size: int) -> None:
    stored: dict[str, Fact] = {}
    for start in range(0, len(told), size):
        ledger = Ledger(stored.values(), stored.get)
        for place, day in told[start : start + size]:
            ledger.say(fact(STORY[place], day), alike=False)
        stored |= ledger.changed
    chain = sorted(stored.values(), key=lambda one: one.said_at)
    assert [one.superseded_by for one in chain] == [*(one.id for one in chain[1:]), None]
    assert [one.supersedes for one in chain] == [None, *(one.id for one in chain[:-1])]
