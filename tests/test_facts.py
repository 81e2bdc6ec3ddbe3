"""Facts: ids by content, versions, tombstones, isolation, filters, and search."""

from __future__ import annotations

import copy
import pickle
import sqlite3
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from slowwave import Memory, Message, facts, graves, recall, scrub
from slowwave.collection import Calls, Collection
from slowwave.errors import FactNotFound, InvalidInput, MemoryClosed, MemoryLocked
from slowwave.intake import check_content, to_facts
from slowwave.recall import Recall
from slowwave.records import fact_id
from slowwave.scrub import blank_unused
from slowwave.types import Fact


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "memory", embedder="hash:256") as opened:
        yield opened


def test_adding_twice_is_adding_once(memory: Memory) -> None:
    first = memory.add("I like tea.", user_id="ada")
    again = memory.add("  I like   tea. ", user_id="ada")
    assert [one.id for one in first] == [one.id for one in again]
    assert len(memory.get_all(user_id="ada")) == 1
    assert memory.add("I like tea.", user_id="ben")[0].id != first[0].id


def test_a_fact_is_found_at_once_and_survives_reopening(memory: Memory) -> None:
    memory.add_many(["I'm allergic to peanuts.", "I live in Porto.", "My sister is Clara."], user_id="ada")
    assert memory.search("peanuts", user_id="ada", k=1)[0].text == "I'm allergic to peanuts."
    folder = memory.folder
    memory.close()
    with Memory(folder, embedder="hash:256") as again:
        assert again.search("Porto", user_id="ada", k=1)[0].text == "I live in Porto."


def test_users_never_mix(memory: Memory) -> None:
    memory.add("I live in Porto.", user_id="ada")
    memory.add("I live in Bergen.", user_id="ben")
    assert [hit.text for hit in memory.search("Where do I live? Porto Bergen", user_id="ben", k=5)] == [
        "I live in Bergen."
    ]
    assert memory.delete_all(user_id="ben") == 1
    assert [one.user_id for one in memory.get_all()] == ["ada"]


def test_filters(memory: Memory) -> None:
    memory.add("I like tea.", user_id="ada", metadata={"topic": "drinks", "score": 3})
    memory.add("I like chess and tea.", user_id="ada", metadata={"topic": "games"}, source="notes.txt")
    assert [one.metadata["score"] for one in memory.get_all(user_id="ada", where={"topic": "drinks"})] == [3]
    assert [hit.fact.source for hit in memory.search("tea", user_id="ada", where={"source": "notes.txt"})] == [
        "notes.txt"
    ]
    assert memory.get_all(user_id="ada", limit=1, offset=1)[0].text == "I like chess and tea."


def test_filters_know_types_and_new_facts(memory: Memory) -> None:
    memory.add("I like green tea.", user_id="ada", metadata={"hot": True})
    memory.add("I like black tea.", user_id="ada", metadata={"hot": 1})

    def found(value: bool | int) -> list[str]:
        return sorted(hit.text for hit in memory.search("tea", user_id="ada", where={"hot": value}))

    assert (found(True), found(1)) == (["I like green tea."], ["I like black tea."])
    memory.add("I like white tea.", user_id="ada", metadata={"hot": 1})
    assert found(1) == ["I like black tea.", "I like white tea."]
    assert found(2) == []


@pytest.mark.parametrize("where", [None, {"kind": "drink"}])
def test_a_search_does_no_python_work_for_every_fact(memory: Memory, where: dict[str, str] | None) -> None:
    def steps(query: str) -> int:
        """Bytecodes that a search runs in the room that searches."""
        count = 0

        def trace(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal count
            if frame.f_globals.get("__name__") != "slowwave.recall":
                return None
            frame.f_trace_opcodes = True
            count += event == "opcode"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            memory.search(query, user_id="ada", k=2, where=where)
        finally:
            sys.settrace(before)
        return count

    counts = []
    for start, end in ((0, 40), (40, 400)):
        memory.add_many(
            [f"I like tea number {n}." for n in range(start, end)], user_id="ada", metadata={"kind": "drink"}
        )
        memory.search("tea", user_id="ada", where=where)  # builds the index
        counts.append(steps("What tea do I like? number 7"))
    assert counts[1] < 1.5 * counts[0]


def test_update_keeps_history_and_hides_the_old_version(memory: Memory) -> None:
    (old,) = memory.add("I live in Porto.", user_id="ada")
    new = memory.update(old.id, "I live in Lisbon.")
    newest = memory.update(old.id, "I live in Faro.")  # the id of any version will do
    assert [one.text for one in memory.history(new.id)] == ["I live in Porto.", "I live in Lisbon.", "I live in Faro."]
    assert [one.text for one in memory.get_all(user_id="ada")] == ["I live in Faro."]
    assert [hit.text for hit in memory.search("Porto Lisbon Faro live", user_id="ada")] == ["I live in Faro."]
    assert memory.get(old.id).superseded_by == new.id
    assert newest.supersedes == new.id
    memory.delete(newest.id)
    for version in (old, new, newest):
        with pytest.raises(FactNotFound):
            memory.get(version.id)


def test_an_update_with_the_same_text_changes_date_and_metadata_only(memory: Memory) -> None:
    (fact,) = memory.add("I live in Porto.", user_id="ada", metadata={"kind": "home"})
    assert memory.update(fact.id, "I live in Porto.") == memory.get(fact.id) == fact
    later = datetime(2027, 1, 2, tzinfo=UTC)
    new = memory.update(fact.id, "I live in Porto.", said_at=later, metadata={"kind": "flat"})
    assert (new.id, new.said_at, new.metadata) == (fact.id, later, {"kind": "flat"})
    assert memory.get(fact.id) == new
    assert [one.id for one in memory.history(fact.id)] == [fact.id]
    assert [hit.text for hit in memory.search("Where do I live?", user_id="ada", where={"kind": "flat"})] == [fact.text]


def test_an_update_to_the_text_of_another_fact_joins_their_histories(memory: Memory) -> None:
    """What one of the two was before must not be left behind when they are deleted."""
    (first,) = memory.add("I like tea.", user_id="ada")
    tea = memory.update(first.id, "I like green tea.", metadata={"kind": "drink"})
    (coffee,) = memory.add("I drink coffee at noon.", user_id="ada")
    joined = memory.update(coffee.id, "I like green tea.")
    assert joined.id == tea.id
    assert joined.metadata == {"kind": "drink"}
    assert [one.text for one in memory.get_all(user_id="ada")] == ["I like green tea."]
    assert {one.id for one in memory.history(tea.id)} == {first.id, coffee.id, tea.id}
    memory.delete(tea.id)
    for fact in (first, coffee, tea):
        with pytest.raises(FactNotFound):
            memory.get(fact.id)


def test_an_update_takes_metadata_away_but_not_who_said_it(memory: Memory) -> None:
    turn = {"role": "user", "content": "My dog is called Biscuit.", "name": "Bob"}
    (fact,) = memory.add([turn], user_id="ada", metadata={"kind": "pet", "room": "x"})
    new = memory.update(fact.id, fact.text, metadata={"kind": "dog"})
    assert (new.id, new.metadata) == (fact.id, {"kind": "dog", "name": "Bob"})
    assert memory.get(fact.id) == new
    assert memory.get_all(where={"room": "x"}) == []


def test_an_update_to_what_is_history_elsewhere_joins_all_of_it(memory: Memory) -> None:
    (first,) = memory.add("I live in Rome.", user_id="ada", said_at=datetime(2026, 1, 1, tzinfo=UTC))
    second = memory.update(first.id, "I live in Porto.", said_at=datetime(2026, 2, 1, tzinfo=UTC))
    third = memory.update(first.id, "I live in Lisbon.", said_at=datetime(2026, 3, 1, tzinfo=UTC))
    (other,) = memory.add("I am somewhere.", user_id="ada", said_at=datetime(2026, 1, 5, tzinfo=UTC))
    live = memory.update(other.id, "I live in Porto.", said_at=datetime(2026, 1, 9, tzinfo=UTC))
    assert (live.id, live.said_at) == (second.id, datetime(2026, 2, 1, tzinfo=UTC)), "the later of its dates"
    assert live.metadata == {"also_said": "2026-01-09"}
    assert [one.id for one in memory.get_all(user_id="ada")] == [second.id]
    assert [one.id for one in memory.history(third.id)] == [first.id, other.id, third.id, second.id]
    memory.delete(live.id)
    assert memory.get_all() == []
    for fact in (first, second, third, other):
        with pytest.raises(FactNotFound):
            memory.get(fact.id)


def _days(memory: Memory) -> list[int]:
    return [one.said_at.day for one in memory.get_all(user_id="ada")]


@pytest.mark.parametrize(
    ("text", "days", "kept"),
    [
        ("I had a migraine today.", (16, 17, 18), [16, 17, 18]),
        ("I see my dentist on Friday.", (2, 16), [2, 16]),
        ("I see my dentist on Friday.", (16, 18), [18]),  # the Friday of one week
        ("I swam for an hour two days ago.", (2, 4), [2, 4]),
        ("I want to learn Polish this year.", (2, 18), [18]),
        ("I ate out every Friday.", (2, 16), [16]),
        ("I still like figs.", (2, 16), [16]),
        ("My exam is on Friday, 27 November 2026.", (2, 16), [16]),
    ],
)
def test_words_that_refer_to_the_day_are_another_fact_on_another_day(
    memory: Memory, text: str, days: tuple[int, ...], kept: list[int]
) -> None:
    for _ in range(2):  # a replayed chat brings nothing new
        for day in days:
            memory.add(text, user_id="ada", said_at=datetime(2026, 11, day, 9, tzinfo=UTC))
        assert _days(memory) == kept
    for one in memory.get_all(user_id="ada"):
        memory.delete(one.id)
    for day in days:
        assert not memory.add(text, user_id="ada", said_at=datetime(2026, 11, day, 9, tzinfo=UTC))


def test_the_day_is_that_of_the_speaker() -> None:
    late = datetime(2026, 11, 22, 23, tzinfo=timezone(timedelta(hours=-5)))
    said = partial(fact_id, "ada", "I ran today.", "")
    assert said(late) == said(late - timedelta(hours=12)) != said(late.astimezone(UTC))
    assert fact_id("ada", "I run.", "", late) == fact_id("ada", "I run.")
    assert fact_id("ada", "I ran today.", "Ben", late) != fact_id("ada", "I ran today.", "", late)


def test_facts_from_before_ids_told_days_apart_stay_the_same_facts(memory: Memory) -> None:
    text = "I had a migraine today."
    day = datetime(2026, 11, 17, 9, tzinfo=UTC)
    plain = fact_id("ada", text)
    merged = Fact(id=plain, text=text, user_id="ada", said_at=day, metadata={"also_said": "2026-11-16"})
    memory._rooms.facts.add([merged])
    for step in (-1, 0):
        (same,) = memory.add(text, user_id="ada", said_at=day + timedelta(days=step))
        assert (same.id, same.metadata) == (plain, merged.metadata)
    (other,) = memory.add(text, user_id="ada", said_at=day + timedelta(days=3))
    assert other.id != plain
    assert _days(memory) == [17, 20]
    memory.delete(plain)
    for step in (-1, 0):
        assert not memory.add(text, user_id="ada", said_at=day + timedelta(days=step))
    assert memory.add(text, user_id="ada", said_at=day + timedelta(days=3)) == [other]
    assert _days(memory) == [20]


def test_an_update_with_the_words_that_it_has_keeps_the_fact(memory: Memory) -> None:
    said = datetime(2026, 11, 16, 9, tzinfo=UTC)
    (fact,) = memory.add("I had a migraine today.", user_id="ada", said_at=said)
    assert memory.update(fact.id, fact.text, metadata={"kind": "health"}).said_at == said
    assert memory.update(fact.id, fact.text, said_at=said + timedelta(days=1)).id == fact.id
    assert _days(memory) == [17]


def test_an_update_finds_words_stored_before_ids_told_days_apart(memory: Memory) -> None:
    said = datetime(2026, 11, 16, 9, tzinfo=UTC)
    text = "I had a migraine today."
    memory._rooms.facts.add([Fact(id=fact_id("ada", text), text=text, user_id="ada", said_at=said)])
    (other,) = memory.add("I had a headache today.", user_id="ada", said_at=said)
    assert memory.update(other.id, text, said_at=said).id == fact_id("ada", text)
    assert _days(memory) == [16]


def test_texts_may_come_one_by_one(memory: Memory) -> None:
    texts = (text for text in ("I like tea.", "I like figs."))
    assert len(memory.add_many(texts)) == 2  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="must be text"):
        memory.add_many([[]])  # type: ignore[list-item]


def test_an_update_back_to_what_was_before_keeps_what_was_before_that(memory: Memory) -> None:
    (rome,) = memory.add("I live in Rome.", user_id="ada")
    porto = memory.update(rome.id, "I live in Porto.")
    lisbon = memory.update(rome.id, "I live in Lisbon.")
    again = memory.update(lisbon.id, "I live in Porto.")
    assert again.id == porto.id
    assert [one.text for one in memory.get_all(user_id="ada")] == ["I live in Porto."]
    assert [one.id for one in memory.history(again.id)] == [rome.id, lisbon.id, porto.id]
    memory.delete(again.id)
    assert memory.get_all() == []
    for fact in (rome, porto, lisbon):
        with pytest.raises(FactNotFound):
            memory.get(fact.id)


def test_an_update_back_to_the_same_day_joins_too(memory: Memory) -> None:
    """Nothing of the old version changes then but its place."""
    days = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
    (rome,) = memory.add("I live in Rome.", user_id="ada", said_at=days[0])
    porto = memory.update(rome.id, "I live in Porto.", said_at=days[1])
    lisbon = memory.update(rome.id, "I live in Lisbon.", said_at=days[2])
    again = memory.update(lisbon.id, "I live in Porto.", said_at=days[1])
    assert again.id == porto.id
    assert [one.id for one in memory.history(again.id)] == [rome.id, lisbon.id, porto.id]
    assert [one.id for one in memory.get_all()] == [porto.id]


def test_an_update_unlearns_every_fact_that_is_not_as_it_was(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[set[str]] = []
    monkeypatch.setattr(memory._changes, "_unlearn", lambda facts: gone.append({fact.id for fact in facts}))
    day, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)
    (tea,) = memory.add("I like green tea.", user_id="ada", said_at=day)
    (coffee,) = memory.add("I drink coffee at noon.", user_id="ada", said_at=day)
    memory.update(tea.id, tea.text, metadata={"kind": "drink"})
    assert gone == [], "what a module may have learned is as it was"
    memory.update(tea.id, tea.text, said_at=later)
    assert gone == [{tea.id}], "a module may have learned the date"
    memory.update(coffee.id, tea.text, said_at=later)
    assert gone[1:] == [{coffee.id}]
    (figs,) = memory.add("I eat figs.", user_id="ada", said_at=day)
    memory.update(figs.id, tea.text, said_at=datetime(2026, 3, 3, tzinfo=UTC))
    assert gone[2:] == [{figs.id, tea.id}], "the one that has the words already is dated anew"


def _raised_in_the_end(call: Callable[[], object]) -> BaseException:
    while True:
        try:
            call()
        except BaseException as error:  # whatever it is
            return error


def test_closing_waits_for_the_searches_of_other_threads(tmp_path: Path) -> None:
    """What comes too late hears that the memory is closed, and not what Chroma says without its files."""
    for pause in (0.0, 0.01, 0.02, 0.03):
        memory = Memory(tmp_path / f"{pause}", embedder="hash:256")
        memory.add_many([f"Tea {number} is green." for number in range(50)], user_id="ada")
        calls: list[Callable[[], object]] = [
            partial(memory.search, "tea", user_id="ada"),
            partial(memory.get_all, user_id="ada"),
            partial(memory.add, "I like green tea.", user_id="ada"),
        ]
        with ThreadPoolExecutor(3) as pool:
            working = [pool.submit(_raised_in_the_end, call) for call in calls]
            time.sleep(pause)
            memory.close()
            raised = [one.result(30) for one in working]
        assert [type(error) for error in raised] == [MemoryClosed] * 3
        assert repr(str(memory.folder)) in str(raised[0])


def test_what_is_deleted_is_scrubbed_while_nobody_reads(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks of SQLite do not hold within one process: a reader would roll back what the scrub writes."""
    fact, *_ = memory.add_many([f"Tea {number} is green." for number in range(9)], user_id="ada")
    scrubbing, read, seen = threading.Event(), threading.Event(), list[bool]()

    def slow(folder: Path, ids: Iterable[str]) -> None:
        scrubbing.set()
        seen.append(read.wait(1.0))
        scrub.scrub_database(folder, ids)

    monkeypatch.setattr(facts, "scrub_database", slow)
    store = memory._rooms.facts  # what a search has at hand that began before the deletion
    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(memory.delete, fact.id)
        assert scrubbing.wait(30)
        assert len(store.live("ada")) == 8
        read.set()
        deleting.result(30)
    assert seen == [False], "it did not wait for the scrub"


def test_deleting_beside_searches_harms_nothing(memory: Memory, tmp_path: Path) -> None:
    told = memory.add_many([f"Tea {number} is green." for number in range(30)], user_id="ada")
    stop = threading.Event()

    def search() -> int:
        count = 0
        while not stop.is_set():
            memory.search("tea", user_id="ada")
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        searching = [pool.submit(search) for _ in range(2)]
        for fact in told[:20]:
            memory.delete(fact.id)
        stop.set()
        assert all(one.result(30) for one in searching)
    assert len(memory.get_all(user_id="ada")) == 10
    memory.close()
    with sqlite3.connect(tmp_path / "memory" / "facts" / "chroma.sqlite3") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_fact_that_is_deleted_while_it_is_found_is_not_found(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    told = memory.add_many(["Tea is green.", "Tea is black."], user_id="ada")
    chroma = memory._rooms.facts._facts

    def half(**asked: Any) -> dict[str, Any]:
        found = chroma.query(**asked)
        place = found["ids"][0].index(told[0].id)
        for name in ("documents", "metadatas"):
            found[name][0][place] = None
        return dict(found)

    monkeypatch.setattr(memory._rooms.facts, "_facts", SimpleNamespace(query=half, count=chroma.count, get=chroma.get))
    vector = memory._rooms.embedder.encode(["tea"])[0]
    ((fact, near),) = memory._rooms.facts.nearest(vector, "ada", 2)
    assert fact == told[1]
    assert near == pytest.approx(float(memory._rooms.facts.vectors([fact.id])[fact.id] @ vector), abs=1e-5)


def test_a_folder_is_given_back_even_if_closing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(tmp_path, embedder="hash:256")
    memory.add("I like tea.", user_id="ada")
    with monkeypatch.context() as full:
        full.setattr(facts, "blank_unused", lambda folder: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            memory.close()
    with Memory(tmp_path, embedder="hash:256") as again:
        assert [fact.text for fact in again.get_all()] == ["I like tea."]


def test_the_words_of_a_user_are_kept_until_others_push_them_out(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "_USERS", 2)
    for user in ("ada", "ben", "cem"):
        memory.add(f"I am {user}.", user_id=user)
    memory.search("who", user_id="ada")
    ada = memory._rooms.recall._indexes["ada"]
    memory.add("I like figs.", user_id="ben")
    memory.search("who", user_id="ben")
    memory.search("who", user_id="ada")
    assert memory._rooms.recall._indexes["ada"] is ada, "what others say changes nothing here"
    memory.search("who", user_id="cem")
    assert list(memory._rooms.recall._indexes) == ["ada", "cem"], "who asked longest ago goes"
    assert {hit.text for hit in memory.search("figs", user_id="ben")} == {"I am ben.", "I like figs."}


CHANGES = st.lists(
    st.tuples(st.sampled_from(["add", "say", "update", "revise", "delete"]), st.integers(0, 4), st.integers(0, 4)),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
def test_what_is_kept_ready_is_what_the_store_holds(memory: Memory, changes: list[tuple[str, int, int]]) -> None:
    """Whatever changes between searches: the words follow, and nothing is read again."""
    said = [
        f"My {thing} is called {name}." for thing, name in zip("boat cat dog owl fox".split(), "abcde", strict=True)
    ]
    day = datetime(2026, 1, 1, tzinfo=UTC)
    memory.delete_all(user_id="ada")
    memory.search("boat", user_id="ada")
    read, live = memory._rooms.facts.live, list[object]()
    with pytest.MonkeyPatch.context() as patch:

        def watched(*given: Any) -> list[Fact]:
            live.append(given)
            return read(*given)

        patch.setattr(memory._rooms.facts, "live", watched)
        for number, (what, one, other) in enumerate(changes):
            facts = memory.get_all(user_id="ada")
            later = day + timedelta(days=number + 1)
            if what == "add":
                memory.add(f"{said[one]} {number}", user_id="ada", said_at=later)
            elif what == "say":
                memory.add(
                    [{"role": "user", "content": f"My phone number is {other}{one}."}], user_id="ada", said_at=later
                )
            elif facts:
                fact = facts[one % len(facts)]
                if what == "update":
                    memory.update(fact.id, f"{said[other]} {number}", said_at=later)
                elif what == "revise":
                    memory.update(fact.id, fact.text, said_at=later, metadata={"kind": other})
                else:
                    memory.delete(fact.id)
    assert live == []
    recall = memory._rooms.recall
    assert recall.live("ada") == read("ada")
    fresh = Recall(memory._rooms.facts, memory._rooms.embedder)
    for question in (*said, "phone number", "nothing"):
        assert recall.search(question, "ada", 5)[0] == fresh.search(question, "ada", 5)[0]
        assert recall.search(question, "ada", 5, {"kind": 1})[0] == fresh.search(question, "ada", 5, {"kind": 1})[0]


def test_new_dates_and_metadata_are_seen_by_the_next_search(memory: Memory) -> None:
    first, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)
    (tea,) = memory.add([{"role": "user", "content": "I like green tea."}], user_id="ada", said_at=first)
    assert memory.search("tea", user_id="ada")[0].fact == tea
    (again,) = memory.add([{"role": "user", "content": "I like green tea."}], user_id="ada", said_at=later)
    assert (again.id, again.said_at) == (tea.id, later)
    assert memory.get_all(user_id="ada") == [again], "said again"
    labelled = memory.update(tea.id, tea.text, metadata={"kind": "drink"})
    assert memory.get_all(user_id="ada") == [labelled]
    assert memory.search("tea", user_id="ada", where={"kind": "drink"})[0].fact == labelled


def test_a_page_that_was_written_is_found_though_the_next_one_fails(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "PAGE", 2)
    memory.add("My cat is called Miso.", user_id="ada")
    memory.search("cat", user_id="ada")
    chroma = memory._rooms.facts._facts
    written: list[int] = []

    def upsert(**rows: Any) -> None:
        if written:
            raise OSError("disk full")
        written.append(len(rows["ids"]))
        chroma.upsert(**rows)

    with monkeypatch.context() as full:
        full.setattr(memory._rooms.facts, "_facts", SimpleNamespace(upsert=upsert, get=chroma.get))
        with pytest.raises(OSError, match="disk full"):
            memory.add_many(["I like figs.", "I like dates.", "I like plums."], user_id="ada")
    assert {hit.text for hit in memory.search("what do I like", user_id="ada")} >= {"I like figs.", "I like dates."}
    assert len(memory.get_all(user_id="ada")) == 3


def test_to_be_alone_is_to_wait_for_the_calls_that_are_in() -> None:
    calls, alone, inside, leave = Calls("m"), threading.Event(), threading.Event(), threading.Event()

    def call() -> bool:
        with calls:
            inside.set()
            assert leave.wait(30)
            return alone.is_set()

    def write() -> None:
        with calls.alone():
            alone.set()

    with ThreadPoolExecutor(2) as pool:
        calling = pool.submit(call)
        assert inside.wait(30)
        writing = pool.submit(write)
        assert not alone.wait(0.1)
        leave.set()
        assert not calling.result(30), "both were in"
        writing.result(30)
    with calls:
        pass


def test_closing_lets_a_call_that_is_in_finish(tmp_path: Path) -> None:
    class Slow:
        metadata: ClassVar[dict[str, str]] = {"kind": "slow"}

        def get(self, value: int) -> int:
            inside.set()
            assert leave.wait(30)
            return value

    inside, leave = threading.Event(), threading.Event()
    calls = Calls("m")
    collection = Collection(Slow(), calls)
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(collection.get, 3)
        assert inside.wait(30)
        ended = pool.submit(calls.end)
        with pytest.raises(TimeoutError):
            ended.result(timeout=0.1)
        with pytest.raises(MemoryClosed):
            collection.get(4)
        leave.set()
        assert answer.result(30) == 3
        ended.result(30)
    assert collection.metadata == {"kind": "slow"}


class _Said:
    """A message as LangChain has them: a type, and content that may be parts."""

    def __init__(self, type: str, content: object) -> None:
        self.type, self.content = type, content


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": [{"type": "text", "text": "My dog is called Biscuit."}, {"type": "image_url"}]}],
        [
            {"role": "assistant", "content": None, "tool_calls": []},
            {"role": "user", "content": "My dog is called Biscuit."},
        ],
        [{"role": "user", "content": ""}, {"role": "human", "content": "My dog is called Biscuit."}],
        [_Said("human", "My dog is called Biscuit."), _Said("ai", ["Nice!"])],
        [{"role": "user", "content": [SimpleNamespace(text="My dog is called Biscuit.")], "said_at": None}],
        _Said("human", "My dog is called Biscuit."),
    ],
)
def test_messages_are_taken_as_agents_have_them(memory: Memory, messages: object) -> None:
    assert [fact.text for fact in memory.add(messages, user_id="ada")] == ["My dog is called Biscuit."]  # type: ignore[arg-type]


def test_the_date_of_a_message_may_be_written(memory: Memory) -> None:
    for key in ("date", "said_at"):
        turn = {"role": "user", "content": f"My {key} is a fine one.", key: "2026-03-04T10:00+00:00"}
        (fact,) = memory.add([turn], user_id="ada")
        assert fact.said_at == datetime(2026, 3, 4, 10, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="date of message 0"):
        memory.add([{"role": "user", "content": "My dog is called Biscuit.", "date": "yesterday"}])


def test_what_is_no_text_date_or_range_is_refused_in_words_that_help(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="add_many"):
        memory.add(["I like tea.", "I like figs."])
    with pytest.raises(InvalidInput, match="use `add`"):
        memory.add_many([{"role": "user", "content": "I like tea."}])  # type: ignore[list-item]
    with pytest.raises(InvalidInput, match="said_at"):
        memory.add("I like tea.", said_at="2026-11-21")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="limit"):
        memory.get_all(limit=-1)
    odd: Any = memory  # whatever people hand in
    for call in (
        partial(odd.add, "I like tea.", source=5),
        partial(odd.add, "I like tea.", source="\ud83d"),
        partial(odd.add, "I like tea.", metadata=["topic"]),
        partial(odd.search, "tea", k="2"),
        partial(odd.search, "tea", k=2.5),
        partial(odd.search, "tea", where={"source": ["a"]}),
        partial(odd.search, "tea", where={"order": 2**63}),
        partial(odd.search, "tea", where="food"),
        partial(odd.get_all, where={"topic": None}),
        partial(odd.get, None),
        partial(odd.history, 5),
        partial(odd.delete, "\ud83d"),
        partial(odd.ask, "tea?", temperature=None),
        partial(odd.ask, "tea?", temperature=float("inf")),
        partial(odd.ask, "tea?", max_tokens=2.5),
    ):
        with pytest.raises(InvalidInput):
            call()
    assert memory.get_all() == []
    assert memory.search("half an emoji \ud83d") == []


def test_what_is_no_folder_and_no_settings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InvalidInput, match="is a file"):
        Memory(tmp_path / "notes.txt")
    with pytest.raises(InvalidInput, match="settings"):
        Memory(tmp_path / "memory", settings={"model": "tiny"})  # type: ignore[arg-type]
    assert not (tmp_path / "memory").exists()


def test_the_source_may_stand_in_the_metadata(memory: Memory) -> None:
    """As in LangChain's documents."""
    (fact,) = memory.add("I like tea.", metadata={"source": "diary.txt", "page": 3})
    assert (fact.source, fact.metadata) == ("diary.txt", {"page": 3})
    assert [hit.text for hit in memory.search("tea", where={"source": "diary.txt"})] == ["I like tea."]
    assert memory.add("I like rum.", source="chat", metadata={"source": "diary.txt"})[0].source == "chat"
    new = memory.update(fact.id, "I like mate.", metadata={"source": "letter.txt"})
    assert memory.get(new.id).source == "letter.txt"
    assert memory.update(new.id, "I like milk.").source == "letter.txt"


def test_a_score_is_at_most_one(memory: Memory) -> None:
    texts = [f"I like the {one} tea of the {two}." for one in ("green", "black", "old") for two in ("north", "east")]
    memory.add_many(texts)
    assert max(hit.score for text in texts for hit in memory.search(text)) <= 1.0


def test_a_copy_of_what_holds_a_memory_holds_the_same(memory: Memory) -> None:
    assert copy.deepcopy({"memory": memory})["memory"] is memory
    assert pickle.loads(pickle.dumps(memory)) is memory
    memory.close()
    with pickle.loads(pickle.dumps(memory)) as again:
        assert (again.folder, again.settings) == (memory.folder, memory.settings)


def test_of_many_who_open_a_folder_at_once_all_have_the_same(tmp_path: Path) -> None:
    for number in range(5):
        folder = tmp_path / str(number)
        with ThreadPoolExecutor(8) as pool:
            opened = list(pool.map(lambda _, at=folder: Memory.shared(at, embedder="hash:64"), range(8)))
        assert len({id(one) for one in opened}) == 1
        opened[0].close()


def test_a_folder_that_this_process_has_open_says_so(memory: Memory) -> None:
    with pytest.raises(MemoryLocked, match=r"in use by this process.*shared"):
        Memory(memory.folder)
    assert not memory.closed
    memory.close()
    assert memory.closed


def test_what_is_said_again_is_a_live_fact_of_its_own(memory: Memory) -> None:
    """Porto, then Lisbon, then Porto again: forgetting Lisbon must not take Porto along."""
    (porto,) = memory.add("I live in Porto.", user_id="ada")
    lisbon = memory.update(porto.id, "I live in Lisbon.")
    memory.add("I live in Porto.", user_id="ada")
    assert {one.text for one in memory.get_all(user_id="ada")} == {"I live in Porto.", "I live in Lisbon."}
    memory.delete(lisbon.id)
    assert [one.text for one in memory.get_all(user_id="ada")] == ["I live in Porto."]


def test_a_deleted_fact_is_not_brought_back_by_a_replay(memory: Memory) -> None:
    said = datetime.now(UTC) - timedelta(days=3)
    (one,) = memory.add("My PIN is 1234.", user_id="ada", said_at=said)
    memory.delete(one.id)
    assert memory.add("My PIN is 1234.", user_id="ada", said_at=said) == []
    assert memory.get_all(user_id="ada") == []
    assert memory._rooms.facts._graves.dug_at([one.id]).keys() == {one.id}
    assert len(memory.add("My PIN is 1234.", user_id="ada")) == 1, "said again after the deletion, it is a fact again"
    assert memory._rooms.facts._graves.dug_at([one.id]) == {}


def test_a_deleted_text_stands_in_no_file(memory: Memory) -> None:
    (one,) = memory.add("The secret word is xylophonequark.", user_id="ada")
    memory.search("xylophonequark", user_id="ada")
    memory.delete(one.id)
    assert memory.search("xylophonequark", user_id="ada") == []
    memory.close()
    holding = [p.name for p in memory.folder.rglob("*") if p.is_file() and b"xylophonequark" in p.read_bytes()]
    assert holding == []


def test_memory_written_into_an_index_file_by_chance_is_blanked(memory: Memory) -> None:
    """A new index is saved as it was allocated, with whatever stood there before; here a deleted text is put there."""
    kept, gone = memory.add_many(["I like tea.", "The secret word is xylophonequark."], user_id="ada")
    (index, *_) = [path for path in memory.folder.rglob("data_level0.bin") if path.stat().st_size]
    files = (index, index.with_name("length.bin"))
    sizes = [file.stat().st_size for file in files]
    for file, size in zip(files, sizes, strict=True):
        file.write_bytes((b"xylophonequark" * size)[:size])
    memory.delete(gone.id)
    assert [set(file.read_bytes()) for file in files] == [{0}, {0}]
    assert [file.stat().st_size for file in files] == sizes
    memory.close()
    with Memory(memory.folder, embedder="hash:256") as again:
        again.add("I live in Porto.", user_id="ada")
        assert again.search("tea", user_id="ada", k=1)[0].id == kept.id
        assert again.search("Porto", user_id="ada", k=1)[0].text == "I live in Porto."


def test_blanking_leaves_the_vectors_of_an_index_alone(tmp_path: Path) -> None:
    folder = tmp_path / "segment"
    folder.mkdir()
    size, elements, capacity = 40, 3, 10
    (folder / "header.bin").write_bytes(struct.pack("<i6Q", 1, 0, capacity, elements, size, 32, 4) + bytes(48))
    (folder / "data_level0.bin").write_bytes(b"\x07" * size * capacity)
    (folder / "length.bin").write_bytes(b"\x07" * 4 * capacity)
    blank_unused(tmp_path)
    assert (folder / "length.bin").read_bytes() == b"\x07" * 4 * elements + bytes(4 * (capacity - elements))
    assert (folder / "data_level0.bin").read_bytes() == b"\x07" * size * elements + bytes(size * (capacity - elements))


def test_a_deleted_embedding_stands_in_no_file(memory: Memory) -> None:
    """Texts can be guessed from embeddings, and an index on disk keeps those of deleted rows."""
    texts = [f"I like tea number {number}, {number * 7919 % 997} grams of it." for number in range(1200)]
    added = memory.add_many(texts, user_id="ada")
    gone = added[17]
    vector = memory._rooms.facts.vectors([gone.id])[gone.id]
    memory.search("tea", user_id="ada")
    memory.close()
    assert near(memory.folder, vector), "an index this large is on disk"
    with Memory(memory.folder, embedder="hash:256") as again:
        (twin,) = again.add(f"{added[18].text}!", user_id="ada")
        again.delete(gone.id)
        again.delete(added[18].id)
        assert not near(memory.folder, vector)
        again.add_many([f"{text} Hot." for text in texts], user_id="ada")  # makes Chroma write the index again
        assert gone.id not in {hit.id for hit in again.search(gone.text, user_id="ada", k=5)}
        assert not near(memory.folder, vector), "nor does it come back, should the process be killed now"
    assert not near(memory.folder, vector)
    with Memory(memory.folder, embedder="hash:256") as again:
        hit = again.search(twin.text, user_id="ada", k=1)[0]
        assert hit.id == twin.id
        assert hit.score == pytest.approx(1.0, abs=1e-4), "what has the same embedding keeps it"


def near(folder: Path, vector: NDArray[np.float32]) -> list[str]:
    """Files that hold this embedding, whatever its length."""
    found = []
    for path in folder.rglob("*"):
        if not path.is_file() or path.stat().st_size < vector.nbytes:
            continue
        data = path.read_bytes()
        for start in range(4):
            numbers = np.frombuffer(data[start : start + (len(data) - start) // 4 * 4], dtype=np.float32)
            numbers = np.clip(np.nan_to_num(numbers, nan=0.0, posinf=0.0, neginf=0.0), -2.0, 2.0)
            if len(numbers) < len(vector):
                continue
            products = np.correlate(numbers, vector, mode="valid")
            lengths = np.sqrt(np.maximum(np.convolve(numbers**2, np.ones(len(vector)), mode="valid"), 1e-6))
            if (products / lengths > 0.999).any():
                found.append(path.name)
    return found


def test_deleting_many_rewrites_the_database_once(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.add_many([f"I like tea number {n}." for n in range(20)], user_id="ada")
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    assert memory.delete_all(user_id="ada") == 20
    assert statements.count("VACUUM") == 1


def test_more_facts_than_chroma_takes_in_one_call(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graves, "PAGE", 3)
    monkeypatch.setattr(facts, "PAGE", 3)
    store = memory._rooms.facts
    for owner, name in ((store, "_facts"), (store._graves, "_collection")):
        monkeypatch.setattr(owner, name, Narrow(getattr(owner, name)))
    texts = [f"I like tea number {n}." for n in range(8)]
    said = datetime(2026, 11, 1, tzinfo=UTC)
    assert len(memory.add_many(texts, user_id="ada", said_at=said)) == 8
    assert len(store.vectors([one.id for one in memory.get_all()])) == 8
    assert memory.delete_all(user_id="ada") == 8
    assert memory.get_all() == memory.add_many(texts, user_id="ada", said_at=said) == []


class Narrow:
    """A Chroma collection that takes three ids in a call."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            assert len(options.get("ids") or ()) <= 3
            return getattr(self._collection, name)(*arguments, **options)

        return call


def test_chat_messages(memory: Memory) -> None:
    facts = memory.add(
        [
            {"role": "system", "content": "You are helpful."},
            {"role": "user", "content": "Can you recommend a café? By the way, I moved to Porto last May."},
            Message(role="assistant", content="Sure! You live in Lisbon, right?"),
            {"role": "user", "content": "Thanks!", "said_at": "2026-01-02T03:04:05+00:00"},
            {"role": "user", "content": "My sister Clara is a nurse.", "said_at": "2026-01-02T03:04:05+00:00"},
        ],
        user_id="ada",
    )
    assert [one.text for one in facts] == ["By the way, I moved to Porto last May.", "My sister Clara is a nurse."]
    assert facts[1].said_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "   ",
        "x" * 2001,
        "nul \x00",
        "lone \ud800",
        42,
        [{"role": "user"}],
        [{"role": "user", "content": 3}],
        [{"role": "wizard", "content": "hello there you"}],
        [{"role": "user", "content": ""}],
        ["just text"],
        b"bytes",
    ],
)
def test_bad_content_is_refused_before_anything_is_written(memory: Memory, content: object) -> None:
    with pytest.raises(InvalidInput):
        memory.add(content)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        memory.add([{"role": "user", "content": "I live in Porto now."}, {"role": "user", "content": "nul \x00"}])
    assert memory.get_all() == []


@pytest.mark.parametrize("user", ["", " ", "a\nb", "x" * 129, None, 7])
def test_bad_users_are_refused(memory: Memory, user: Any) -> None:
    calls: tuple[Callable[..., object], ...] = (memory.add, memory.search, memory.ask)
    for call in calls:
        with pytest.raises(InvalidInput, match="user id"):
            call("I like tea.", user_id=user)


def test_bad_metadata_is_refused(memory: Memory) -> None:
    huge, odd = 2**63, float("nan")
    for metadata in (
        {"a": [1]}, {"": 1}, {"slowwave_user_id": "ben"}, {"a": huge}, {"a": odd}, {"a": "\ud83d"}, {"\ud83d": 1},
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match="metadata"):
            memory.add("I like tea.", metadata=metadata)  # type: ignore[arg-type]


def test_a_folder_has_one_owner(memory: Memory) -> None:
    with pytest.raises(MemoryLocked, match="process"):
        Memory(memory.folder, embedder="hash:256")
    memory.close()
    memory.close()
    with pytest.raises(MemoryClosed):
        memory.get_all()
    Memory(memory.folder, embedder="hash:256").close()


def test_shared_gives_the_open_memory(tmp_path: Path) -> None:
    one = Memory.shared(tmp_path / "m", embedder="hash:256")
    assert Memory.shared(tmp_path / "m") is one
    one.close()
    two = Memory.shared(tmp_path / "m", embedder="hash:256")
    assert two is not one
    two.close()


def test_another_embedder_is_refused(memory: Memory) -> None:
    memory.add("I like tea.")
    folder = memory.folder
    memory.close()
    with Memory(folder, embedder="hash:64") as other, pytest.raises(InvalidInput, match="another embedder"):
        other.get_all()


@given(st.text(min_size=1, max_size=50), st.text(min_size=1, max_size=50))
def test_ids_are_by_content(one: str, two: str) -> None:
    assert (fact_id("ada", one) == fact_id("ada", two)) == (one.split() == two.split())


@given(st.text(max_size=3000))
def test_a_text_is_one_fact_or_a_clear_error(text: str) -> None:
    try:
        facts = to_facts(text, user_id="ada", said_at=None, source=None, metadata=None, limit=2000)
    except InvalidInput:
        assert not text.strip() or len(text.strip()) > 2000 or "\x00" in text
    else:
        assert [one.text for one in facts] == [text.strip()]


def test_what_two_people_say_is_two_facts(memory: Memory) -> None:
    turns = [Message(role="user", content="I live in Porto.", name=name) for name in (None, "Clara", "Clara")]
    memory.add(turns, user_id="ada")
    assert [one.metadata.get("name") for one in memory.get_all(user_id="ada")] == [None, "Clara"]


def test_a_new_version_of_what_somebody_says_is_theirs(memory: Memory) -> None:
    (mine,) = memory.add("I live in Faro.", user_id="ada")
    (hers,) = memory.add([Message(role="user", content="I live in Porto.", name="Clara")], user_id="ada")
    assert memory.update(hers.id, "I live in Porto.") == hers, "nothing new"
    moved = memory.update(hers.id, "I live in Faro.")
    assert moved.id != mine.id
    assert [one.id for one in memory.history(hers.id)] == [hers.id, moved.id]
    memory.delete(moved.id)
    assert memory.get_all(user_id="ada") == [mine]


@pytest.mark.parametrize("learns", [False, True])
def test_what_the_assistant_says_is_learned_only_on_demand(tmp_path: Path, learns: bool) -> None:
    turns = [
        Message(role="user", content="I am planning a trip to Madeira in May."),
        Message(role="assistant", content="The ferry to Porto Santo leaves at eight in the morning."),
        Message(role="user", content="My sister Clara comes along."),
    ]
    with Memory(tmp_path, embedder="hash:256", learn_assistant=learns) as memory:
        facts = memory.add(turns, user_id="ada", said_at=datetime(2026, 3, 1, tzinfo=UTC))
    said = [(fact.source, fact.metadata.get("name"), fact.text) for fact in facts]
    mine = [("user", None, turns[0].content), ("user", None, turns[2].content)]
    assert said == ([*mine[:1], ("assistant", "assistant", turns[1].content), *mine[1:]] if learns else mine)


@pytest.mark.parametrize(
    "bad", [{"limit": "5"}, {"limit": -1}, {"limit": True}, {"offset": -1}, {"offset": 0.5}, {"offset": None}]
)
def test_a_count_that_is_none_is_refused_with_its_name(memory: Memory, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=f"Bad {next(iter(bad))}"):
        memory.get_all(**bad)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "a" * 3000,
        5,
        b"bytes",
        ["text"],
        [{"role": "user"}],
        [{"role": "user", "content": " "}],
        [{"role": "user", "content": "I\x00"}],
    ],
)
def test_what_is_looked_at_before_is_what_is_refused(content: Any) -> None:
    """The command line looks at all inputs with `check_content` before it keeps the first."""
    with pytest.raises(InvalidInput) as looked:
        check_content(content, user_id="ada", limit=2000)
    with pytest.raises(InvalidInput) as taken:
        to_facts(content, user_id="ada", limit=2000)
    assert str(looked.value) == str(taken.value)


def test_facts_and_hits_are_keys_of_sets(memory: Memory) -> None:
    (fact,) = memory.add("I like tea.", user_id="ada", metadata={"topic": "drinks"})
    hits = memory.search("tea", user_id="ada") + memory.search("tea", user_id="ada")
    assert {fact, *memory.get_all(user_id="ada")} == {fact}
    assert (len(hits), len(set(hits))) == (2, 1)
