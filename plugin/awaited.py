"""The same method, awaited: it runs in a thread, and the event loop goes on."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar

__all__ = ["awaited", "off_the_loop"]

Owner = TypeVar("Owner")
P = ParamSpec("P")
T = TypeVar("T")


def awaited(
    method: Callable[Concatenate[Owner, P], T],
) -> Callable[Concatenate[Owner, P], Coroutine[Any, Any, T]]:
    """The awaited sibling of a method, with its parameters: a task that is cancelled does not stop the thread."""
    name = method.__name__

    @functools.wraps(method)
    async def in_a_thread(self: Owner, /, *args: P.args, **kwargs: P.kwargs) -> T:
        # By name, so that a subclass that has another method is asked for its own.
        found: T = await asyncio.to_thread(getattr(self, name), *args, **kwargs)
        return found

    in_a_thread.__name__ = f"a{name}"
    in_a_thread.__qualname__ = f"{method.__qualname__.rpartition('.')[0]}.a{name}"
    in_a_thread.__doc__ = f"`{name}` in a thread."
    return in_a_thread


async def off_the_loop(iterator: Iterator[T]) -> AsyncGenerator[T, None]:
    """Iterate without blocking the event loop; each item is made in a thread when it is asked for."""
    end = object()
    while (item := await asyncio.to_thread(next, iterator, end)) is not end:
        yield item  # type: ignore[misc]  # not `end`: no checker narrows by identity
