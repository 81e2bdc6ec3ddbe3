"""What comes back: the story of an answer as plain data, and its pieces as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slowwave.memory import Memory
from slowwave.types import Answer

__all__ = ["answer_details", "answer_usage", "spoken"]


def answer_details(answer: Answer) -> dict[str, Any]:
    """What an answer rests on, ready for JSON: fact ids, modules with weights, confidence, source, and what decided."""
    return {
        "facts": [found.id for found in answer.facts],
        "modules": [{"id": used.id, "weight": used.weight} for used in answer.modules],
        "confidence": answer.confidence,
        "source": answer.source,
        "rule": answer.rule,
    }


def answer_usage(answer: Answer) -> dict[str, int]:
    """Tokens of an answer: prompt_tokens, completion_tokens, total_tokens."""
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
    }


def spoken(memory: Memory, request: Mapping[str, Any]) -> Iterator[str | Answer]:
    """The pieces of an answer as they come, and last the answer; `request` holds the arguments of `Memory.stream`.

    Frameworks take each item in whatever thread or context comes along. That is safe: nothing is held between two pieces,
    and nothing is generated before it is asked for.
    """
    stream = memory.stream(**request)
    yield from stream
    yield stream.answer
