"""Who a question is about: the names in it, and which texts speak of those.

A small reader that is shown what Jonas is allergic to gives it to whoever asks the same of Lena. So where a question names
somebody of whom something is known, only texts about them, or about what those are linked to, are evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from slowwave.adapters_store.lexical import tokens
from slowwave.dates import MONTHS, WEEKDAYS

__all__ = ["CALENDAR", "about", "full_names", "names"]

_CAPITALISED = re.compile(r"\b[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*")
_OWNED = re.compile(r"\b(?:my|our) ([\w-]+)", re.IGNORECASE)
_TITLE = 0.8
"""The share of capitalised words from which on a text is written like a title."""
CALENDAR = frozenset(word for name in (*WEEKDAYS, *MONTHS) for word in tokens(name))
"""Days of the week and months, as tokens."""


def full_names(text: str) -> list[str]:
    """Runs of two or more capitalised words: names of which one part alone says little.

    The first word of a text has its capital from its place and is left out; what follows it counts, if it is one word only as an
    owner ("Jeffrey Buck's": "Last Monday" is no name). A text with a capital on nearly every word says nothing about names.

    >>> full_names("What is Jeffrey Buck's phone number?"), full_names("Jeffrey Buck's number please"), full_names("Is Ada in?")
    (["Jeffrey Buck's"], ["Buck's"], [])
    """
    found: list[str] = []
    for run, first in _runs(text):
        if first is None:
            found += [" ".join(run)] if len(run) > 1 else []
        elif len(run) > 1 or (run and run[0].endswith(("'s", "’s")) and tokens(first)):
            found.append(" ".join(run))
    return found


def names(text: str) -> list[frozenset[str]]:
    """The words of each name in a question, full or not; days and months are none.

    >>> [sorted(name) for name in names("When does Mia visit Vera Lund's office in May?")]
    [['mia'], ['lund', 'vera']]
    """
    words = (frozenset(tokens(" ".join(run))) - CALENDAR for run, _ in _runs(text))
    return [name for name in words if name]


def about(question: str, texts: Sequence[str], speakers: Sequence[str] = ()) -> list[bool]:
    """Which of the texts may answer a question, by the names in it.

    A text may if it has the name, or something in common with a text that has it: another name, or what is the user's
    ("my daughter Mia starts school", "my daughter is allergic to nuts"). A name that stands in no text rules out none: it
    may be of the world ("Which city in Germany do I live in?"). In a question without any capital, names are what the texts
    write with one.

    >>> about("What is Lena allergic to?", ["My wife Lena is a nurse.", "Jonas is allergic to nuts.", "My wife hates figs."])
    [True, False, True]

    Args:
        speakers: who said the first of the texts; what somebody says of "I" is about them.
    """
    may = [True] * len(texts)
    asked = names(question) or _small(question, texts)
    if not asked:
        return may
    words = [frozenset(tokens(text)) for text in texts]
    for name in asked:
        said = [name <= frozenset(tokens(speaker)) for speaker in speakers]
        naming = [name <= known or (i < len(said) and said[i]) for i, known in enumerate(words)]
        if any(naming):
            linked = frozenset[str]().union(*(_links(text) for text, has in zip(texts, naming, strict=True) if has))
            may = [a and (b or not linked.isdisjoint(c)) for a, b, c in zip(may, naming, words, strict=True)]
    return may


def _runs(text: str) -> Iterable[tuple[list[str], str | None]]:
    """Each run of capitalised words, and the first word of the text where the run goes on after it."""
    words = text.split()
    if len(words) > 3 and sum(word[0].isupper() for word in words) > _TITLE * len(words):
        return
    for found in _CAPITALISED.finditer(text):
        run = found.group().split()
        if found.start() == 0:
            yield run[1:], run[0]
        else:
            yield run, None


def _small(question: str, texts: Sequence[str]) -> list[frozenset[str]]:
    """Names in a question that is written in small letters: what stands with a capital in the midst of a text."""
    if any(letter.isupper() for letter in question[1:].replace("I", "")):
        return []
    named = {word for text in texts for run, _ in _runs(text) for word in tokens(" ".join(run))}
    return [frozenset((word,)) for word in tokens(question) if word in named - CALENDAR]


def _links(text: str) -> frozenset[str]:
    """Words by which other texts may go on about the same: names, and what is the user's."""
    capitals = (word for found in _CAPITALISED.finditer(text) for word in tokens(found.group()))
    owned = (word for found in _OWNED.finditer(text) for word in tokens(found[1]))
    return frozenset((*capitals, *owned)) - CALENDAR
