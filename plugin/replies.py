"""Asking whatever language model the user has at hand, counting what it costs, and reading rows of JSON out of its replies.

A LangChain chat model and a LlamaIndex LLM are known by their methods; neither framework is imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["LanguageModel", "asking", "called", "json_rows"]

_AT_ONCE = 8
"""The most prompts that a model is given side by side."""


def called(source: object) -> str:
    """What to call a model or function in messages and reports."""
    return str(getattr(source, "name", None) or getattr(source, "__name__", None) or type(source).__name__)


@dataclass
class LanguageModel:
    """A language model of either framework, as a function from a prompt to its reply, and what it was asked so far."""

    source: Any
    chat: bool
    """Whether it is a LangChain chat model; otherwise a LlamaIndex LLM."""
    calls: int = 0
    prompt_tokens: int = 0
    """As the model reports them; 0 where it does not."""
    reply_tokens: int = 0

    def __call__(self, prompt: str) -> str:
        """The reply to one prompt; raises whatever the model raises."""
        self.calls += 1
        return self._read(self.source.invoke(prompt) if self.chat else self.source.complete(prompt))

    def many(self, prompts: Sequence[str]) -> list[str | Exception]:
        """The replies to several prompts, side by side where the model can; an exception where it raised one."""
        batch = getattr(self.source, "batch", None) if self.chat and len(prompts) > 1 else None
        if batch is None:
            return [_tried(self, prompt) for prompt in prompts]
        self.calls += len(prompts)
        replies = batch(list(prompts), config={"max_concurrency": _AT_ONCE}, return_exceptions=True)
        return [one if isinstance(one, Exception) else _tried(self._read, one) for one in replies]

    def _read(self, reply: Any) -> str:
        told = getattr(reply, "usage_metadata", None) or getattr(reply, "additional_kwargs", None) or {}
        self.prompt_tokens += _count(told, "input_tokens", "prompt_tokens")
        self.reply_tokens += _count(told, "output_tokens", "completion_tokens")
        return _content(reply) if self.chat else str(reply.text)


def _tried(read: Callable[[Any], str], given: Any) -> str | Exception:
    try:
        return read(given)
    except Exception as error:  # a remote model: the caller decides what becomes of it
        return error


def asking(source: object) -> LanguageModel | None:
    """The source as a language model; None if it is none of a known kind.

    Known are LangChain chat models (`invoke`, `with_structured_output`) and LlamaIndex LLMs (`complete`, `metadata`).
    """
    if hasattr(source, "invoke") and hasattr(source, "with_structured_output"):
        return LanguageModel(source, chat=True)
    if hasattr(source, "complete") and hasattr(source, "metadata"):
        return LanguageModel(source, chat=False)
    return None


def json_rows(reply: str) -> list[Any]:
    """The first JSON list of objects or lists in a reply; fences, reasoning and talk around it are ignored.

    A list inside an object counts as well, and so does an empty one.

    Raises:
        ValueError: there is none.

    >>> json_rows('Sure! {"rows": [{"a": 1}]}'), json_rows("[]")
    ([{'a': 1}], [])
    """
    reply = re.sub(r"<think>.*?</think>", "", reply, flags=re.DOTALL)
    decoder = json.JSONDecoder()
    for opening in re.finditer(r"[\[{]", reply):
        try:
            value, _ = decoder.raw_decode(reply, opening.start())
        except json.JSONDecodeError:
            continue
        if isinstance(value, dict):
            value = next((inner for inner in value.values() if isinstance(inner, list)), None)
        if isinstance(value, list) and all(isinstance(row, dict | list) for row in value):
            return value
    raise ValueError("no JSON list of rows")


def _content(message: Any) -> str:
    """The text of a chat message: a string, or content blocks of which the text ones count."""
    content = getattr(message, "content", message)
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise TypeError("a reply without text")
    return "".join(
        block if isinstance(block, str) else str(block.get("text", ""))
        for block in content
        if isinstance(block, str | Mapping)
    )


def _count(told: Any, *names: str) -> int:
    values = [told.get(name) for name in names] if isinstance(told, Mapping) else []
    return next((value for value in values if isinstance(value, int)), 0)
