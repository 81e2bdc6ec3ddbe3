"""The awaited siblings of a memory: the same results, off the event loop, and no method is forgotten."""

from __future__ import annotations

import asyncio
import inspect
import threading
from contextvars import ContextVar
from pathlib import Path

import pytest

from slowwave.awaited import awaited, in_a_thread, off_the_loop
from slowwave.errors import FactNotFound, InvalidInput
from slowwave.memory import Memory

QUICK = {"shared", "start", "version"}
"""What looks at little, or what one does once: no sibling."""


def test_every_method_that_takes_long_has_an_awaited_sibling_with_its_parameters() -> None:
    public = {name for name, one in inspect.getmembers(Memory, callable) if not name.startswith("_")}
    siblings = {name for name in public if inspect.iscoroutinefunction(getattr(Memory, name))}
    assert {name.removeprefix("a") for name in siblings} == public - siblings - QUICK
    for name in siblings:
        one, other = getattr(Memory, name), getattr(Memory, name.removeprefix("a"))
        assert inspect.signature(one).parameters == inspect.signature(other).parameters
        assert one.__name__ == name
        assert one.__qualname__ == f"Memory.{name}"


async def test_awaited_it_is_the_same_memory(tmp_path: Path, tiny_model: Path) -> None:
    with Memory(tmp_path / "memory", model=str(tiny_model), embedder="hash:256") as memory:
        (fact,) = await memory.aadd("I live in Porto.", user_id="ana")
        await memory.aadd_many(["I play chess.", "I speak French."], user_id="ana")
        assert {one.text for one in await memory.aget_all(user_id="ana")} == {
            "I live in Porto.",
            "I play chess.",
            "I speak French.",
        }
        assert (await memory.asearch("Where do I live?", user_id="ana", k=1))[0].fact == await memory.aget(fact.id)
        new = await memory.aupdate(fact.id, "I live in Faro.")
        assert [one.text for one in await memory.ahistory(new.id)] == ["I live in Porto.", "I live in Faro."]
        assert [await memory.astatus(one) for one in (fact.id, new.id)] == ["superseded", "recent"]
        assert (await memory.amodules(), await memory.anights(), await memory.asettled_ids()) == ([], [], frozenset())
        stream = await memory.astream("Where do I live?", user_id="ana")
        pieces = [piece async for piece in stream]
        answer = await memory.aask("Where do I live?", user_id="ana")
        assert "".join(pieces) == answer.text == stream.answer.text
        await memory.adelete(new.id)
        with pytest.raises(FactNotFound):
            await memory.aget(new.id)
        assert await memory.adelete_all(user_id="ana") == 2
        with pytest.raises(InvalidInput):
            await memory.aadd("")
        assert not (await memory.aconsolidate()).facts


async def test_a_night_whose_task_is_cancelled_stops_after_its_step(tmp_path: Path, tiny_model: Path) -> None:
    begun, steps = threading.Event(), list[str]()

    def progress(stage: str, done: int, total: int) -> None:
        steps.append(stage)
        begun.set()

    async with Memory(tmp_path / "memory", model=str(tiny_model), embedder="hash:256") as memory:
        (fact,) = memory.add("I live in Porto.")
        night = asyncio.create_task(memory.aconsolidate(progress=progress))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        night.cancel()
        with pytest.raises(asyncio.CancelledError):
            await night
        with memory._nights._running:  # the thread is through
            told = len(steps)
        assert not memory.nights(), "it did not run to its end"
        # Whether so small a model also passes its gate depends on the processor; that it went on to its end does not.
        report = await memory.aconsolidate()
        assert report.resumed or told < 5
        assert [one.fact_id for one in report.facts] == [fact.id]
        assert len(memory.nights()) == 1
    assert memory.closed


async def test_a_search_does_not_wait_for_answers_nor_an_answer_for_a_night() -> None:
    may_end, began = threading.Event(), list[str]()

    class One:
        def ask(self) -> str:
            began.append("ask")
            assert may_end.wait(10)
            return "answered"

        def search(self) -> str:
            return "found"

        aask = awaited(ask, "answer")
        asearch = awaited(search)

    one = One()
    asks = [asyncio.create_task(one.aask()) for _ in range(40)]
    while not began:
        await asyncio.sleep(0.001)
    assert await one.asearch() == "found"
    assert await asyncio.to_thread(lambda: "anything") == "anything"
    assert [piece async for piece in off_the_loop(iter("ab"))] == ["a", "b"]
    assert not any(ask.done() for ask in asks)
    may_end.set()
    assert set(await asyncio.gather(*asks)) == {"answered"}


async def test_the_context_of_the_caller_reaches_the_thread() -> None:
    user: ContextVar[str] = ContextVar("user")
    user.set("ana")
    assert await in_a_thread("answer", user.get) == "ana"


def test_an_awaited_method_says_what_it_takes_and_raises() -> None:
    assert Memory.aadd.__doc__ is not None
    assert Memory.aadd.__doc__.startswith("`add`, awaited")
    assert "InvalidInput" in Memory.aadd.__doc__


async def test_the_event_loop_goes_on_and_a_subclass_is_asked_for_its_own() -> None:
    begun, may_end = threading.Event(), threading.Event()

    class One:
        def wait(self, what: str) -> str:
            raise NotImplementedError

        await_it = awaited(wait)

    class Other(One):
        def wait(self, what: str) -> str:
            begun.set()
            assert may_end.wait(10)
            return what.upper()

    task = asyncio.create_task(Other().await_it("ada"))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    may_end.set()  # from the loop, which is not blocked
    assert await task == "ADA"
