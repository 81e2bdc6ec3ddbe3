"""Whether a question-answer pair may be trained: its answer stands in the fact, and the question does not tell it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from slowwave.prompts import render_date
from slowwave.types import Fact, QAPair

__all__ = ["question_key", "restates", "supported"]

_ASKING = frozenset({"what", "who", "whom", "whose", "which"})
_ARTICLES = frozenset({"a", "an", "the"})
_DESCRIBED = 6
"""The most words between a question word and what it asks about ("which short film")."""
_ASIDE = re.compile(r", (?:an?|the|who|which|whose|where|once|formerly) [^,;:.!?]+,(?= )")
"""What is said beside a name ("Sae Taryeong, a folk song, describes a stream"): the sentence goes on without it."""


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


def restates(pair: QAPair, fact: Fact) -> bool:
    """Whether a question is the fact itself, or a part of it, with a question word in the answer's place.

    "Which clerk established vote by mail?" restates "The clerk Del Riley established vote by mail." for "Del Riley". Such a
    question is answered by the fact whatever a model makes of it, if only the answer is a whole phrase. So is one that stands in
    the fact with its answer behind it. What is said beside a name, between commas, may be left out.
    """
    asked, answer = _tokens(pair.question), _tokens(pair.answer)
    told = (fact.text, *(fact.text[: one.start()] + fact.text[one.end() :] for one in _ASIDE.finditer(fact.text)))
    return any(_is_said(asked, answer, _tokens(text)) for text in told)


def _is_said(asked: list[str], answer: list[str], said: list[str]) -> bool:
    """Whether a question's words stand in a text's, with a question word where the answer is, or with the answer behind them."""
    if f" {' '.join(asked + answer)} " in f" {' '.join(said)} ":
        return True
    places = [at for at, word in enumerate(asked) if word in _ASKING]
    for start in range(len(said) - len(answer) + 1):
        if said[start : start + len(answer)] != answer:
            continue
        before = [word for word in said[:start] if word not in _ARTICLES]
        after = [word for word in said[start + len(answer) :] if word not in _ARTICLES]
        for at in places:
            left = [word for word in asked[:at] if word not in _ARTICLES]
            right = [word for word in asked[at + 1 :] if word not in _ARTICLES]
            if right and right[0] == answer[-1]:  # "which project" asks for "the Tellico Dam project"
                right = right[1:]
            if after[:1] == ["s"] and asked[at] == "whose":
                after = after[1:]
            for described in range(min(len(right), _DESCRIBED) + 1 if asked[at] == "which" else 1):
                # "which clerk" asks for "Del Riley" in "the clerk Del Riley": what describes comes behind the question word.
                lead = left + right[:described]
                rest = right[described:]
                if (lead or rest) and before[len(before) - len(lead) :] == lead and after[: len(rest)] == rest:
                    return True
    return False


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold().replace("_", " "))


@lru_cache(maxsize=64)
def _spaced(text: str) -> str:
    return f" {' '.join(_tokens(text))} "
