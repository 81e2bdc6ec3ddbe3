"""What comes back: the story of an answer as plain data, and its pieces across threads."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextvars import copy_context
from typing import Any, TypeVar

from slowwave.memory import Memory
from slowwave.types import Answer

__all__ = ["answer_details", "answer_usage", "in_one_thread", "off_the_loop", "spoken"]

T = TypeVar("T")


def answer_details(answer: Answer) -> dict[str, Any]:
    """What an answer rests on, ready for JSON: fact ids, modules with weights, confidence, source."""
    return {
        "facts": [found.id for found in answer.facts],
        "modules": [{"id": used.id, "weight": used.weight} for used in answer.modules],
        "confidence": answer.confidence,
        "source": answer.source,
    }


def answer_usage(answer: Answer) -> dict[str, int]:
    """Tokens of an answer: prompt_tokens, completion_tokens, total_tokens."""
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
    }


def spoken(memory: Memory, request: Mapping[str, Any]) -> Iterator[str | Answer]:
    """The pieces of an answer as they come, and last the answer; `request` holds the arguments of `Memory.stream`."""

    def speak() -> Iterator[str | Answer]:
        stream = memory.stream(**request)
        yield from stream
        yield stream.answer

    return in_one_thread(speak)


def in_one_thread(start: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Run an iterator in one thread and one context from its first item to its last.

    Frameworks take each item of a stream in whatever thread or context comes along (a chain's own context, a pool's
    next thread), which breaks locks and context variables that the iterator holds between two items. Items are taken as
    fast as they come. An iterator whose consumer has gone stops after its next item.
    """
    items: queue.SimpleQueue[tuple[T] | BaseException | None] = queue.SimpleQueue()
    abandoned = threading.Event()

    def work() -> None:
        try:
            for item in start():
                items.put((item,))
                if abandoned.is_set():
                    break
        except BaseException as error:  # whatever it is, it belongs to the consumer, who raises it
            items.put(error)
        else:
            items.put(None)

    threading.Thread(target=copy_context().run, args=(work,), name="slowwave-stream").start()
    try:
        while (item := items.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item[0]
    finally:
        abandoned.set()


async def off_the_loop(iterator: Iterator[T]) -> AsyncGenerator[T, None]:
    """Iterate without blocking the event loop."""
    end = object()
    while (item := await asyncio.to_thread(next, iterator, end)) is not end:
        yield item  # type: ignore[misc]
