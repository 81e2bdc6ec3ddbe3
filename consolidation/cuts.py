"""Where the first clause of a statement ends, and what it holds only under: "if it rains"."""

from __future__ import annotations

import re

from slowwave.consolidation import lexicon
from slowwave.consolidation.chunks import second_verb
from slowwave.consolidation.clauses import opens, verb_at
from slowwave.consolidation.morphology import bare, base_form, is_adverb

__all__ = ["condition_of", "first_clause"]

_TOLD = (
    rf"(?:(?:I|you|he|she|it|we|they|there|my|your|his|her|its|our|their)\b|"
    rf"(?!{lexicon.DAYS.pattern})(?-i:[A-Z][a-z]+ [a-z]))"
)
_CONDITION = re.compile(
    rf"(?:\b(?:if|unless|whenever|as long as|provided(?: that)?|in case|except|according to)\b|\bwhen (?:the|an?)\b|"
    rf"\b(?:until|till|when|while|once) {_TOLD}).*$",
    re.I,
)
_OVER = re.compile(r"\b(?:was|were|had|did)\b|\b\w{3,}ed\b")
_ELLIPSIS = re.compile(
    r"\b(?P<prep>[a-z]+) (?:the |an? )?[\w .'-]+?(?P<cut>,? and|,) [A-Z][\w'-]+(?: [A-Z][\w'-]+)? (?P=prep) "
)
"""A second clause without its verb: "Tom works at Google, Anna at Meta"."""


def condition_of(sentence: str, past: bool = False) -> str:
    """What a statement holds only under, with its conjunction; empty for none. In the past, "when" tells a time.

    >>> condition_of("I take the bus if it rains."), condition_of("When I travel, I read.")
    ('if it rains', 'when I travel')
    """
    found = _CONDITION.search(sentence.strip(" .!"))
    if found is None or (
        re.match(r"(?:when|while|once|until|till)\b", found[0], re.I) and (past or _OVER.search(found[0]))
    ):
        return ""
    return found[0][:1].lower() + found[0][1:].partition(",")[0] if found.start() == 0 else found[0]


def first_clause(sentence: str) -> str:
    """A sentence up to where a second clause begins, or what it is not: "... and works at Google", ", not in Lisbon".

    >>> first_clause("My sister lives in Rome and works at Google.")
    'My sister lives in Rome'
    """
    tokens = sentence.strip(" .!").split()
    at = verb_at(tokens) if len(tokens) > 2 else None
    if at is None:
        return sentence
    number = _number(tokens[at])
    ends = [i for i in range(at + 2, len(tokens)) if _begins(tokens, i, number)]
    if found := _ELLIPSIS.search(" ".join(tokens)):
        ends.append(len(found.string[: found.start("cut")].split()))
    return " ".join(tokens[: min(ends)]).strip(" ,;") if ends else sentence


def _number(verb: str) -> str:
    """How a second verb would have to agree: "he" (works), "I" (work), or "" for the past, where it cannot be told."""
    word = bare(verb)
    if word in {"is", "has", "does"} or (word.endswith("s") and base_form(word) in lexicon.BASES - {word}):
        return "he"
    return "I" if word in lexicon.BASES | {"am", "are", "do"} and word not in lexicon.PAST else ""


def _begins(tokens: list[str], i: int, number: str) -> bool:
    word, comma = bare(tokens[i]), tokens[i - 1].endswith((",", ";"))
    if word == "not":
        return comma
    if word in {"and", "or", "but"} and i + 1 < len(tokens):
        return not _is_paired(tokens[i - 1]) and _second(tokens, i + 1, number)
    return comma and number != "" and _tells(tokens, i)


def _second(tokens: list[str], i: int, number: str) -> bool:
    """Whether a verb, or a subject with its verb, follows a conjunction."""
    while i < len(tokens) - 1 and is_adverb(bare(tokens[i])) and tokens[i].islower():
        i += 1
    word = bare(tokens[i])
    if second_verb(tokens, i):
        return True
    if not tokens[i].islower() or number == "":
        return number != "" and _tells(tokens, i)
    if number == "he":
        return base_form(word) in lexicon.BASES - {word} and i + 1 < len(tokens)
    return (word in lexicon.BASES and i + 1 < len(tokens)) or _tells(tokens, i)


def _is_paired(token: str) -> bool:
    """Whether a verb stands right before a conjunction: "was caught and shot by ..." is one clause."""
    word = bare(token)
    return token.islower() and (word in lexicon.PARTICIPLE or word in lexicon.PAST or word.endswith("ed"))


def _tells(tokens: list[str], i: int) -> bool:
    """Whether a name or a noun with its article, then a verb, stand here: "Anna likes", "the code is"."""
    size = 1 if tokens[i][:1].isupper() else 2 if bare(tokens[i]) in lexicon.DETERMINERS else 0
    return size > 0 and any(
        opens(tokens, j) for j in range(i + size, min(i + size + 2, len(tokens))) if not _within(tokens, i, j)
    )


def _within(tokens: list[str], i: int, j: int) -> bool:
    """Whether a phrase ends between two places, so that the second is not about the first."""
    return any(
        token.endswith((",", ";", ":")) or bare(token) in lexicon.PREPOSITIONS | lexicon.STOPS for token in tokens[i:j]
    )
