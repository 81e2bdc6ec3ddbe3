"""LlamaIndex's own prompt templates: a query engine wraps the user's question into one, and only the question is asked.

A memory recalls by itself. Put to it as it is, the whole prompt, with everything that some retriever found, would be what is
searched for and what is answered.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Wrapped", "unwrapped"]


class Wrapped(NamedTuple):
    """What a template was filled with."""

    question: str
    rewrite: bool
    """Whether the question is to be put in other words, and not to be answered."""


class _Template(NamedTuple):
    """One row: what a filled template begins with, and what stands before and behind the question, in its own words."""

    begins: str
    before: str
    behind: str
    ends: str
    rewrite: bool = False


_TEMPLATES = (
    _Template("Context information is below.\n---", "answer the query.\nQuery:", "\nAnswer:", "\nAnswer:"),
    _Template(
        "Context information from multiple sources is below.\n---",
        "answer the query.\nQuery:",
        "\nAnswer:",
        "\nAnswer:",
    ),
    _Template("The original query is as follows:", "", "\nWe have provided an existing answer:", "\nRefined Answer:"),
    _Template("You are an expert Q&A system that strictly operates", "\nQuery:", "\nOriginal Answer:", "\nNew Answer:"),
    _Template("New Context:\n---", "\nQuery:", "\nOriginal Answer:", "\nNew Answer:"),
    _Template(
        "Given the following conversation between a user and an AI assistant and a follow up question",
        "\n  Follow Up Input:",
        "\n  Standalone question:",
        "\n  Standalone question:",
        rewrite=True,
    ),
    _Template(
        "Given a conversation (between Human and Assistant) and a follow up message from Human",
        "\n<Follow Up Message>\n",
        "\n<Standalone question>",
        "\n<Standalone question>",
        rewrite=True,
    ),
)


def unwrapped(prompt: str) -> Wrapped | None:
    r"""The question in a prompt that is one of LlamaIndex's default templates from beginning to end; None for any other.

    >>> unwrapped("The original query is as follows: Who?\nWe have provided an existing answer: Ada.\nRefined Answer:")
    Wrapped(question='Who?', rewrite=False)
    """
    text = prompt.strip()
    for row in _TEMPLATES:
        if not (text.startswith(row.begins) and text.endswith(row.ends)):
            continue
        # The last of each counts: what comes before it is what was retrieved, and may say anything.
        end = text.rfind(row.behind) if row.before else text.find(row.behind)
        start = text.rfind(row.before, 0, max(end, 0)) + len(row.before) if row.before else len(row.begins)
        if len(row.begins) <= start <= end and (question := text[start:end].strip()):
            return Wrapped(question, row.rewrite)
    return None
