"""A conversation that is handed in again is not said again; one that only begins alike is."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowwave import memory as module
from slowwave import retold
from slowwave.errors import InvalidInput
from slowwave.memory import Memory
from slowwave.retold import Retold
from slowwave.types import Message

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = 24 * HOUR


def said(*texts: str, start: int = 0) -> list[Message]:
    """Turns of the user and of the assistant, one by one."""
    return [Message(role=("user", "assistant")[(start + n) % 2], content=text) for n, text in enumerate(texts)]


class Told:
    """What is told at some moment, and the days after the first on which its messages are taken to be said."""

    def __init__(self, file: Path) -> None:
        self.retold = Retold(file / "told.sqlite3", b"key")

    def __call__(self, turns: Sequence[Message], after: timedelta, user: str = "ada") -> list[float]:
        conversation = self.retold.dated(user, turns, NOW + after)
        self.retold.note(conversation)
        return [round((turn.said_at - NOW) / HOUR, 3) for turn in conversation.turns if turn.said_at is not None]


@pytest.fixture
def tell(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_a_conversation_that_grows_keeps_its_dates(tell: Told) -> None:
    assert tell(said("a"), HOUR) == [1]
    assert tell(said("a", "b", "c"), 2 * HOUR) == [1, 2, 2]
    assert tell(said("a", "b", "c", "d", "e"), 90 * DAY) == [1, 2, 2, 2160, 2160]
    assert tell(said("a", "b", "c", "d", "e"), 180 * DAY) == [1, 2, 2, 2160, 2160], "handed in again as it was"


def test_it_is_known_after_a_restart_and_only_of_its_user(tell: Told, tmp_path: Path) -> None:
    tell(said("a", "b", "c"), HOUR)
    tell.retold.close()
    again = Told(tmp_path)
    assert again(said("a", "b", "c"), 2 * HOUR) == [1, 1, 1]
    assert again(said("a", "b", "c"), 2 * HOUR, "bob") == [2, 2, 2]
    again.retold._key = b"another"
    assert again(said("a", "b", "c"), 3 * HOUR) == [3, 3, 3]


def test_one_message_alone_is_said_again(tell: Told) -> None:
    assert tell(said("a"), HOUR) == [1]
    assert tell(said("a"), 2 * HOUR) == [2]


def test_what_began_with_one_message_is_known_by_it_for_a_week(tell: Told) -> None:
    tell(said("a", "b"), HOUR)
    assert tell(said("a", "b"), 6 * DAY) == [1, 1]
    assert tell(said("a", "b", "c"), 12 * DAY) == [1, 1, 288], "it was handed in meanwhile"
    tell(said("x"), HOUR)
    assert tell(said("x", "y", "z"), 8 * DAY) == [192, 192, 192], "somebody said the same again"


def test_what_takes_another_way_is_the_same_for_some_hours(tell: Told) -> None:
    tell(said("a", "b", "c", "d"), HOUR)
    assert tell(said("a", "b", "other"), 2 * HOUR) == [1, 1, 2], "the last answers were taken back"
    assert tell(said("a", "b"), 3 * HOUR) == [1, 1]
    assert tell(said("a", "b", "new"), 24 * HOUR) == [24, 24, 24], "a new day, a new conversation"
    assert tell(said("a", "b", "new", "n", "o"), 25 * HOUR) == [24, 24, 24, 25, 25]


def test_what_stands_between_does_not_count(tell: Told) -> None:
    prompt, tool = Message(role="system", content="It is noon."), Message(role="tool", content="31")
    a, b, c = said("a", "b", "c")
    tell([prompt, a, b], HOUR)
    later = prompt.model_copy(update={"content": "It is one."})
    blank = Message(role="assistant", content=" ")
    assert tell([later, a, blank, tool, b.model_copy(update={"content": " b\n"}), c], 2 * HOUR)[1:] == [1, 2, 2, 1, 2]


def test_dates_that_are_given_stay(tell: Told) -> None:
    a, b, c = said("a", "b", "c")
    early = a.model_copy(update={"said_at": NOW - 30 * DAY})
    assert tell([early, b, c], HOUR) == [-720, 1, 1]
    assert tell([a, b, c], 2 * HOUR) == [-720, 1, 1], "and are known when they are left out"
    late = a.model_copy(update={"said_at": NOW + 30 * DAY})
    assert tell([late, b, c], 3 * HOUR)[0] == 720, "a date that is given now wins over what was told then"
    for moment in (datetime.min, datetime.max):
        tell([early.model_copy(update={"said_at": moment.replace(tzinfo=UTC)}), b], HOUR)


def test_an_id_is_enough(tell: Told) -> None:
    """LangGraph gives every message one, and a window of a long conversation begins anywhere."""
    turns = [one.model_copy(update={"id": str(n)}) for n, one in enumerate(said("a", "b", "c", "d", "e"))]
    tell(turns[:3], HOUR)
    assert tell(turns[2:], 90 * DAY) == [1, 2160, 2160]
    assert tell(turns[2:3], 90 * DAY) == [1], "even alone"
    assert tell([turns[2].model_copy(update={"content": "edited"})], 91 * DAY) == [2184]
    assert tell([turns[2].model_copy(update={"id": "another"})], 91 * DAY) == [2184]


def test_a_file_that_is_none_is_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "told.sqlite3").write_bytes(b"this is no database at all" * 100)
    tell = Told(tmp_path)
    tell(said("a", "b"), HOUR)
    assert tell(said("a", "b"), 2 * HOUR) == [1, 1]
    assert "begun anew" in caplog.text
    assert str(tmp_path) not in caplog.text


def test_a_file_that_cannot_be_opened_now_is_not_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell = Told(tmp_path)
    tell(said("a", "b"), HOUR)
    tell.retold.close()
    with monkeypatch.context() as patch:
        error = sqlite3.OperationalError("disk I/O error")
        patch.setattr(retold, "_opened", lambda file: (_ for _ in ()).throw(error))
        with pytest.raises(sqlite3.OperationalError):
            Told(tmp_path)
    assert Told(tmp_path)(said("a", "b"), 2 * HOUR) == [1, 1]


def test_what_cannot_be_noted_is_logged(tell: Told, caplog: pytest.LogCaptureFixture) -> None:
    conversation = tell.retold.dated("ada", said("a", "b"), NOW)
    tell.retold._database.execute("DROP TABLE told")
    with caplog.at_level(logging.WARNING):
        tell.retold.note(conversation)
    assert "could not be noted" in caplog.text


@given(st.lists(st.text(max_size=5).filter(str.strip), min_size=2, max_size=8), st.integers(1, 8), st.integers(1, 8))
def test_however_it_is_cut_its_dates_never_move(texts: list[str], first: int, second: int) -> None:
    """Growing by any steps within the hour, every message keeps the time of the step that brought it."""
    retold = Retold(Path(":memory:"), b"key")  # SQLite's own name for no file
    turns = said(*texts)
    ends = sorted({min(first, len(turns)), min(first + second, len(turns)), len(turns)})
    brought: dict[int, datetime] = {}
    for step, end in enumerate(ends):
        now = NOW + step * timedelta(minutes=5)
        conversation = retold.dated("ada", turns[:end], now)
        retold.note(conversation)
        for place, turn in enumerate(conversation.turns):
            assert turn.said_at is not None
            if turn.content.strip():
                assert turn.said_at == brought.setdefault(place, now)
    retold.close()


# -- through a memory --------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    class Clock(datetime):
        moment = NOW

        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return cls.moment.astimezone(tz)

    for place in (module, __import__("slowwave.intake").intake, __import__("slowwave.graves").graves):
        monkeypatch.setattr(place, "datetime", Clock)
    return Clock


@pytest.fixture
def memory(tmp_path: Path) -> Any:
    with Memory(tmp_path / "memory", embedder="hash:256") as one:
        yield one


def texts(memory: Memory) -> list[str]:
    return [fact.text for fact in memory.get_all(user_id="ada")]


def add(memory: Memory, *turns: str) -> None:
    memory.add([{"role": one.role, "content": one.content} for one in said(*turns)], user_id="ada")


def test_a_thread_that_is_handed_in_at_every_turn_holds_the_newest(memory: Memory, clock: Any) -> None:
    add(memory, "My phone number is 111.")
    clock.moment += HOUR
    add(memory, "My phone number is 111.", "Noted.", "My phone number is 222.")
    assert texts(memory) == ["My phone number is 222."]
    clock.moment += DAY
    add(memory, "My phone number is 111.", "Noted.", "My phone number is 222.", "Noted.", "I play chess.")
    add(memory, "My phone number is 111.", "Noted.")
    assert texts(memory) == ["My phone number is 222.", "I play chess."]


def test_without_any_dates_a_window_of_it_does_no_harm(memory: Memory, clock: Any) -> None:
    for number in ("111", "222"):
        add(memory, f"My phone number is {number}.")
        clock.moment += HOUR
    add(memory, "My phone number is 111.", "ok", "My phone number is 222.")
    assert texts(memory) == ["My phone number is 222."]


def test_tomorrow_stays_the_day_that_was_meant(memory: Memory, clock: Any) -> None:
    turns = ["My flight to Oslo is tomorrow.", "Have fun!", "I like aisle seats.", "Noted.", "My cat is called Tom."]
    for end in (1, 3, 5):
        add(memory, *turns[:end])
        clock.moment += 2 * DAY
    assert sum("Oslo" in text for text in texts(memory)) == 1
    assert memory.search("flight", user_id="ada", k=1)[0].fact.said_at == NOW


def test_what_was_deleted_does_not_come_back(memory: Memory, clock: Any) -> None:
    add(memory, "My phone number is 111.", "Noted.")
    clock.moment += HOUR
    memory.delete(memory.get_all(user_id="ada")[0].id)
    clock.moment += HOUR
    add(memory, "My phone number is 111.", "Noted.", "I play chess.")
    assert texts(memory) == ["I play chess."]
    clock.moment += HOUR
    memory.add("My phone number is 111.", user_id="ada")  # by hand: it was said again
    assert "My phone number is 111." in texts(memory)


def test_what_is_refused_is_not_noted(memory: Memory, clock: Any) -> None:
    turns: list[Any] = [{"role": "user", "content": "I play chess."}, {"role": "user", "content": "x" * 30_000}]
    with pytest.raises(InvalidInput):
        memory.add(turns, user_id="ada")
    clock.moment += HOUR
    add(memory, "I play chess.", "Nice.")
    assert memory.get_all(user_id="ada")[0].said_at == NOW + HOUR


def test_no_file_holds_a_text(memory: Memory, tmp_path: Path) -> None:
    add(memory, "My phone number is 11122233.", "Noted.")
    assert b"11122233" not in (tmp_path / "memory" / "told.sqlite3").read_bytes()


def test_who_speaks_in_the_users_name_is_the_user(memory: Memory) -> None:
    for name in (None, "ada", "Ada"):
        memory.add([{"role": "user", "content": "My phone number is 111.", "name": name}], user_id="ada")
    assert len(texts(memory)) == 1
    memory.add([{"role": "user", "content": "My phone number is 222.", "name": "ada"}], user_id="ada")
    assert texts(memory) == ["My phone number is 222."]
