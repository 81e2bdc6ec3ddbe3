"""Options of the bridges' objects: a misspelt one is refused, for it would be about another user, or about nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from os import PathLike
from typing import Any

from slowwave.errors import InvalidInput

__all__ = ["check_call", "check_options"]

_USERS = frozenset(("user", "userid", "user_ids", "user_name", "username"))
"""What other libraries call the user: asked without being understood, the question would be put to somebody else's memory."""


def check_options(given: object, fields: Collection[str], *, besides: Collection[str] = ()) -> None:
    """Refuse options that an object does not have, and a folder where a memory belongs.

    Args:
        fields: the options that there are.
        besides: what a framework hands to every object of the kind.

    Raises:
        InvalidInput: an option is unknown, or `memory` is a folder's name.
    """
    if not isinstance(given, Mapping):
        return
    if isinstance(given.get("memory"), str | PathLike):
        raise InvalidInput("A memory is wanted, not its folder", str(given["memory"]), "Give slowwave.Memory(folder).")
    for name in given:
        if name not in fields and name not in besides:
            near = (
                "user_id" if name in _USERS else next(iter(get_close_matches(str(name), sorted(fields), 1, 0.5)), None)
            )
            remedy = f"Did you mean {near}?" if near else f"There are {', '.join(sorted(fields))}."
            raise InvalidInput("There is no such option", name, remedy)


def check_call(given: Mapping[str, Any]) -> None:
    """Refuse another name for `user_id` in a call; whatever else frameworks hand along is left alone.

    Raises:
        InvalidInput: the call names its user otherwise.
    """
    for name in given:
        if name in _USERS:
            raise InvalidInput("There is no such option of a call", name, "The user is user_id=...")
