"""Whether a question-answer pair may be trained: its answer stands in the fact, and the question does not tell it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from slowwave.prompts import render_date
from slowwave.types import Fact, QAPair

__all__ = ["question_key", "supported"]


def question_key(question: str) -> str:
    """A question without case and punctuation: two wordings with the same key are one."""
    return " ".join(_tokens(question))


def supported(pair: QAPair, fact: Fact) -> bool:
    """Whether the answer stands in the fact and is not given away by the question.

    The answer must be a run of whole tokens of the fact's text (case, spacing and punctuation ignored) or the day the
    fact was said, at most 120 characters; the question must be 1 to 300 characters.
    """
    question, answer = pair.question.strip(), _tokens(pair.answer)
    if not answer or not _tokens(question) or len(question) > 300 or len(pair.answer) > 120:
        return False
    if set(answer) <= set(_tokens(question)):
        return False
    wanted = f" {' '.join(answer)} "
    return any(wanted in _spaced(text) for text in (fact.text, render_date(fact)))


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold().replace("_", " "))


@lru_cache(maxsize=64)
def _spaced(text: str) -> str:
    return f" {' '.join(_tokens(text))} "
