"""Whose memory a LangChain call is about, and the field that holds the memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from langchain_core.runnables import RunnableConfig
from pydantic import SkipValidation

from slowwave.memory import Memory

__all__ = ["Engine", "whose"]

Engine = Annotated[Memory, SkipValidation]
"""A live memory in a field: not in dumps, yet carried over when LangChain rebuilds the object from its fields."""

_RUNTIME = "__pregel_runtime"
"""Where LangGraph keeps what a run was given as its context."""


def whose(explicit: object, pinned: str | None, config: RunnableConfig) -> str:
    """Whose memory a call is about; the order is in the docstring of `slowwave.integrations.langchain`."""
    configurable = config.get("configurable") or {}
    context = getattr(configurable.get(_RUNTIME), "context", None)
    places = (configurable, context, config.get("metadata"))
    for user_id in (explicit, pinned, *map(_user_id, places)):
        if user_id is not None:
            return str(user_id)
    return "default"


def _user_id(place: object) -> object:
    """The user that a dictionary or an object names; None if it names none."""
    return place.get("user_id") if isinstance(place, Mapping) else getattr(place, "user_id", None)
