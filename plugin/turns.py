"""Chat templates, which each model has its own of: what they take, and what of them must not change from day to day."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from slowwave.errors import WeightsError

__all__ = ["chat_ids"]

_DAY = datetime(2024, 7, 26)
"""The date in every prompt of a template that shows one: with today's, a module would be asked in other words than it was
taught in, and no night could be finished to the same bits on another day."""
_TODAY = re.compile(r"""strftime_now\(\s*(['"])(.*?)\1\s*\)""")
_REMEDY = "Take another instruction-tuned model, or mend the template among its tokenizer's files."


def chat_ids(tokenizer: Any, messages: Sequence[Mapping[str, str]], name: str) -> tuple[int, ...]:
    """Chat messages as token ids, in the model's own template, up to where its answer begins.

    Templates differ in what they take. Where one knows no system turn its text stands in the first user turn; where one
    demands that user and assistant take turns, neighbouring turns of one role become one, and the user begins.

    Raises:
        WeightsError: the template does not take the messages even so.
    """
    turns = [dict(turn) for turn in messages]
    try:
        takes = _takes(tokenizer, tokenizer.get_chat_template())
        if not takes.system:
            turns = _folded(turns)
        if not takes.any_order:
            turns = _in_turn(turns)
        return tuple(_render(tokenizer, turns, tokenize=True, return_dict=False))
    except _faults() as error:
        reason = f"its chat template does not take the conversation ({type(error).__name__}: {error})"
        raise WeightsError(name, reason, _REMEDY) from error


class _Takes(NamedTuple):
    """What a chat template takes."""

    system: bool
    any_order: bool
    """Whether two turns of one role may follow each other, and the assistant may begin."""


@lru_cache(maxsize=16)
def _takes(tokenizer: Any, template: str) -> _Takes:
    """Found out by trying, once for a template."""

    def shown(*roles: str) -> bool:
        turns = [{"role": role, "content": f"turn{number}"} for number, role in enumerate(roles)]
        try:
            text = _render(tokenizer, turns, tokenize=False)
        except _faults():
            return False
        return all(turn["content"] in text for turn in turns)

    return _Takes(shown("system", "user"), shown("user", "user") and shown("assistant", "user"))


def _render(tokenizer: Any, turns: Sequence[Mapping[str, str]], **how: bool) -> Any:
    return tokenizer.apply_chat_template(
        turns,
        add_generation_prompt=True,
        enable_thinking=False,
        date_string=_DAY.strftime("%d %b %Y"),
        chat_template=_undated(tokenizer.get_chat_template()),
        **how,
    )


@lru_cache(maxsize=16)
def _undated(template: str) -> str:
    """A template with the one day in place of today, where it asks for that itself: a function cannot be given to it."""
    return _TODAY.sub(lambda found: repr(_DAY.strftime(found[2])), template)


def _faults() -> tuple[type[Exception], ...]:
    from jinja2 import TemplateError

    return (TemplateError, TypeError, ValueError, LookupError)


def _folded(turns: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The turns without those of the system, whose text stands above the first of the user."""
    told = [turn["content"] for turn in turns if turn["role"] == "system"]
    rest = [dict(turn) for turn in turns if turn["role"] != "system"]
    first = next((turn for turn in rest if turn["role"] == "user"), None)
    if first is not None and told:
        first["content"] = "\n\n".join([*told, first["content"]])
    return rest


def _in_turn(turns: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The turns with neighbours of one role as one, beginning with the user, the system aside."""
    found: list[dict[str, str]] = []
    for turn in turns:
        if turn["role"] == "assistant" and all(one["role"] == "system" for one in found):
            continue
        if found and found[-1]["role"] == turn["role"]:
            found[-1]["content"] += "\n\n" + turn["content"]
        else:
            found.append(dict(turn))
    return found
