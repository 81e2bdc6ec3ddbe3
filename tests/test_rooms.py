"""The rooms of a memory: what opens when, and what goes on while something heavy loads."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import slowwave.loading
from slowwave.errors import MemoryClosed
from slowwave.memory import Memory
from slowwave.model import BaseModel


@pytest.fixture
def slow_load(monkeypatch: pytest.MonkeyPatch, base: BaseModel) -> tuple[threading.Event, threading.Event, list[int]]:
    """A base model that loads until it is told to be through: begun, through, and how often it was loaded."""
    begun, through, loads = threading.Event(), threading.Event(), list[int]()

    def load(*_: Any, **__: Any) -> BaseModel:
        loads.append(1)
        begun.set()
        assert through.wait(30)
        return base

    monkeypatch.setattr(slowwave.loading, "load_base", load)
    return begun, through, loads


def test_facts_are_told_and_found_while_the_base_model_loads(
    memory: Memory, slow_load: tuple[threading.Event, threading.Event, list[int]]
) -> None:
    begun, through, loads = slow_load
    memory.add("My boat is called Meringue.")
    answers: list[str] = []
    asking = [threading.Thread(target=lambda: answers.append(memory.ask("Where is it?").text)) for _ in range(2)]
    for one in asking:
        one.start()
    assert begun.wait(30)
    said = threading.Thread(target=lambda: memory.add("My cat is called Miso."), daemon=True)
    said.start()
    said.join(30)
    assert not said.is_alive(), "what is told does not wait for what answers"
    assert memory.search("Miso")[0].text == "My cat is called Miso."
    through.set()
    for one in asking:
        one.join(60)
    assert len(answers) == 2
    assert loads == [1], "two who ask at once share what answers"


def test_a_memory_that_is_closed_while_its_base_model_loads_answers_nothing(
    memory: Memory, slow_load: tuple[threading.Event, threading.Event, list[int]]
) -> None:
    begun, through, _ = slow_load
    memory.add("My boat is called Meringue.")
    errors: list[Exception] = []

    def ask() -> None:
        try:
            memory.ask("What is my boat called?")
        except MemoryClosed as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert begun.wait(30)
    closing = threading.Thread(target=memory.close)
    closing.start()
    closing.join(30)
    assert not closing.is_alive(), "closing does not wait for it"
    through.set()
    asking.join(30)
    assert len(errors) == 1
    assert memory._rooms.base is None


def test_a_base_model_that_a_night_made_a_reader_for_takes_the_place_of_the_one_before(
    memory: Memory, base: BaseModel, tmp_path: Path
) -> None:
    memory.add("My boat is called Meringue.")
    before = memory._rooms.answerer
    memory._rooms.answer_with(before.base)
    assert memory._rooms.answerer is before
    memory._rooms.answer_with(BaseModel.__new__(BaseModel))
    assert memory._rooms.base is None
    assert memory._rooms.answerer is not before


def test_nothing_heavy_is_open_before_it_is_needed(memory: Memory) -> None:
    assert memory._rooms._archive is None
    assert memory.modules() == []
    assert memory._rooms._archive is None
    memory.add("My boat is called Meringue.")
    assert memory._rooms._archive is not None
    assert memory._rooms.base is None
    memory.close()
    with pytest.raises(MemoryClosed):
        _ = memory._rooms.facts
