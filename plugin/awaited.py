"""The same method, awaited: it runs in a thread, and the event loop goes on.

What takes long has threads of its own: a search must not wait for twenty answers, nor the next token of an answer, and a night
holds its thread for hours. What is quick goes where `asyncio.to_thread` goes.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

__all__ = ["Pace", "awaited", "in_a_thread", "off_the_loop"]

Owner = TypeVar("Owner")
P = ParamSpec("P")
T = TypeVar("T")
Pace = Literal["quick", "answer", "stream", "night"]
"""How long something takes: which threads it runs in."""

_THREADS = {"answer": 4, "stream": 4, "night": 4}
"""Threads that all memories of a process share; more than a few answers side by side only wait for the same processor."""


@functools.cache
def _pool(pace: Pace) -> Executor | None:
    """The threads for a pace, made when first wanted; None for those of the event loop."""
    if pace == "quick":
        return None
    return ThreadPoolExecutor(_THREADS[pace], thread_name_prefix=f"slowwave-{pace}")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has none of these threads


async def in_a_thread(pace: Pace, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something off the event loop, with the context of the caller: a task that is cancelled does not stop the thread."""
    run = functools.partial(copy_context().run, call, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool(pace), run)


def awaited(
    method: Callable[Concatenate[Owner, P], T], pace: Pace = "quick"
) -> Callable[Concatenate[Owner, P], Coroutine[Any, Any, T]]:
    """The awaited sibling of a method, with its parameters and what its docstring says."""
    name = method.__name__

    @functools.wraps(method)
    async def sibling(self: Owner, /, *args: P.args, **kwargs: P.kwargs) -> T:
        # By name, so that a subclass that has another method is asked for its own.
        found: T = await in_a_thread(pace, getattr(self, name), *args, **kwargs)
        return found

    sibling.__name__ = f"a{name}"
    sibling.__qualname__ = f"{method.__qualname__.rpartition('.')[0]}.a{name}"
    sibling.__doc__ = f"`{name}`, awaited: it runs in a thread. {inspect.getdoc(method) or ''}".strip()
    return sibling


async def off_the_loop(iterator: Iterator[T]) -> AsyncGenerator[T, None]:
    """Iterate without blocking the event loop; each item is made in a thread when it is asked for."""
    end = object()
    while (item := await in_a_thread("stream", next, iterator, end)) is not end:
        yield item  # type: ignore[misc]  # not `end`: no checker narrows by identity
