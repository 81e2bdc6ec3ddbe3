"""Who a question is about: the names in it, and which texts speak of those.

A small reader that is shown what Jonas is allergic to gives it to whoever asks the same of Lena. So where a question names
somebody of whom something is known, only texts about them, or about what those are linked to, are evidence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import dropwhile
from typing import NamedTuple

from slowwave.adapters_store.lexical import STOP, folded, tokens
from slowwave.dates import MONTHS, WEEKDAYS

__all__ = ["CALENDAR", "about", "full_names", "names", "stands"]

_UPPER = "".join(letter for letter in map(chr, range(0x2000)) if letter.isupper())
_CAPITALISED = re.compile(rf"\b[{_UPPER}][\w'’-]+(?: [{_UPPER}][\w'’-]+)*")
_ENDS = ("", ".", "!", "?", ":")
"""What stands before the first word of a sentence."""
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*|[.,;:!?()]")
_OWNED = re.compile(
    r"\b(?:my|our) (?:(?:new|old|current|former|first|second|best|own|big|little|older|younger|elder|eldest|youngest|next|last"
    r"|favou?rite|late|dear|lovely|good|only) )*([\w-]+)",
    re.IGNORECASE,
)
_PART = re.compile(
    r"\b(?:(?:[Tt]he|[Mm]y|[Oo]ur) (?:[\w-]+ ){0,2}?([\w-]+?)(?:['’]s)? (?:name is|is called|is named|is)(?= [A-ZÀ-Þ])"
    r"|(?:is|was) (?:the|my|our) (?:[\w-]+ ){0,2}?([\w-]+)(?=[.,;!]|$))"
)
"""What somebody is: "The plumber's name is Kipchoge", "Haruka is our new intern"."""
_OWNER = re.compile(r"\b(?:my|our|your)\s+$", re.IGNORECASE)
_DETERMINED = re.compile(r"\b(?:the|an?|my|our|your|this|that)\s+$", re.IGNORECASE)
_PLACED = re.compile(
    r"\b(?:in|at|near|around|inside|outside|across|during"
    r"|(?:flights?|trains?|bus|tickets?|ferry|trips?|journey|fly|flew|flown|go|went|drive|drove|moved?) (?:to|from))"
    r"(?: the)?\s+$",
    re.IGNORECASE,
)
_OCCASIONS = frozenset("christmas easter hanukkah passover thanksgiving halloween diwali eid ramadan xmas".split())
_ROLES = frozenset(
    "aunt uncle cousin friend colleague neighbour neighbor boss teacher doctor dentist brother sister mother father wife "
    "husband son daughter partner landlord landlady client grandmother grandfather".split()
)
"""After these a name follows: "my Aunt Vera Lund"; after others none does: "my Home Phone Number"."""
_TITLES = _ROLES | frozenset(
    "dr mr mrs ms miss mx prof professor sir madam auntie aunty tante tia tio grandma grandpa granny nana coach".split()
)
"""What stands before a name and is none: Dr. Lopes and Dr. Shaw have nothing in common, and Uncle Tom is Tom."""
_CALLS = frozenset(("let", "there", "here"))
"""With 's they own nothing."""
_TITLE = 0.8
"""The share of capitalised words from which on a text is written like a title."""
CALENDAR = frozenset(word for name in (*WEEKDAYS, *MONTHS) for word in tokens(name))
"""Days of the week and months, as tokens."""


class _Run(NamedTuple):
    """Capitalised words that follow each other, up to the first one that owns what comes after it."""

    words: list[str]
    first: str | None
    """The first word of the text, where the run goes on after it."""
    before: str
    """The text in front of the run."""


def full_names(text: str) -> list[str]:
    """Runs of two or more capitalised words: names of which one part alone says little.

    The first word of a text has its capital from its place and is left out; what follows it counts, if it is one word only as an
    owner ("Jeffrey Buck's": "Last Monday" is no name). What is the user's is no name, nor what somebody owns ("my Dog's Name"). A
    text with a capital on nearly every word says nothing about names.

    >>> full_names("What is Jeffrey Buck's phone number?"), full_names("Jeffrey Buck's number please"), full_names("Is Ada in?")
    (["Jeffrey Buck's"], ["Buck's"], [])
    """
    found: list[str] = []
    for run, first, before in _runs(text):
        words = run
        if _OWNER.search(before) or _OWNER.fullmatch(f"{first} "):
            words = run[1:] if run and run[0].lower() in _ROLES else []
        alone = len(words) == 1 and first is not None and _owns(words[0]) and bool(tokens(first))
        if len(words) > 1:
            words = list(dropwhile(_is_title, words))
        if len(words) > 1 or alone:
            found.append(" ".join(words))
    return found


def names(text: str) -> list[frozenset[str]]:
    """The words of each name in a question, full or not; days and months are none, unless they own something.

    >>> [sorted(name) for name in names("When does Mia visit Vera Lund's office in May?")]
    [['mia'], ['lund', 'vera']]
    """
    return [name for run in _runs(text) if (name := _name(run))]


def stands(name: str, text: str) -> bool:
    """Whether a full name stands in a text: its words in order, with one more between two of them at most.

    Words that the text writes small are no part of a name to it, and may stand anywhere and with another ending.

    >>> stands("William Roberts's", "Robert Williams's number"), stands("Jeffrey Buck", "It is Jeffrey P. Buck's.")
    (False, True)
    """
    wanted = [word for word in map(folded, _words(name)) if word not in STOP or word == "will"]
    told = _words(text)
    there = _vocabulary(told)
    if not all(_forms(word) & there for word in wanted):
        return False
    plain = [folded(word) for word in told]
    capital = {word for word, written in zip(plain, told, strict=True) if written[0].isupper()}
    proper = [word for word in wanted if word in capital]
    return len(proper) < 2 or any(_follows(proper, told[at:], plain[at:]) for at in range(len(told)))


def about(question: str, texts: Sequence[str], speakers: Sequence[str] = ()) -> list[bool]:
    """Which of the texts may answer a question, by the names in it.

    A text may if it has the name, or something in common with a text that has it: another name, or what is the user's
    ("my daughter Mia starts school", "my daughter is allergic to nuts"). A name that stands in no text rules out none: it
    may be of the world ("Which city in Germany do I live in?"). In a question without any capital, names are what the texts
    write with one.

    Where no text has to do with all the names ("What did Tom give me in Rome?"), those about the persons will do, unless they
    tell of another place; a place alone never stands for a person.

    >>> about("What is Lena allergic to?", ["My wife Lena is a nurse.", "Jonas is allergic to nuts.", "My wife hates figs."])
    [True, False, True]

    Args:
        speakers: who said the first of the texts; what somebody says of "I" is about them.
    """
    asked = [(name, _is_setting(run)) for run in _runs(question) if (name := _name(run))]
    asked = asked or [(name, False) for name in _small(question, texts)]
    if not asked:
        return [True] * len(texts)
    known = [_vocabulary(_words(text)) for text in texts]
    inside = frozenset().union(*map(_inside, (question, *texts)))
    persons: list[list[bool]] = []
    settings: list[list[bool]] = []
    strangers = False
    for name, setting in asked:
        said = [_holds(_vocabulary(_words(speaker)), name) for speaker in speakers]
        naming = [_holds(words, name) or (i < len(said) and said[i]) for i, words in enumerate(known)]
        if any(naming):
            about_it = [text for text, has in zip(texts, naming, strict=True) if has]
            linked = {form for text in about_it for form in _links(text, inside)}
            same = [name, *(full for text in about_it for full in _in_full(text))]
            may = [
                has or not linked.isdisjoint(words - _of_others(text, same))
                for has, words, text in zip(naming, known, texts, strict=True)
            ]
            (settings if setting else persons).append(may)
        elif not setting:
            strangers = True
    every = [all(column) for column in zip(*persons, *settings, strict=True)] or [True] * len(texts)
    if any(every) and settings and not persons and not strangers:
        # Only a place or an employer is named: what names nothing at all may be about it ("My badge number is 5521.").
        return [may or not any(map(_name, _runs(text))) for may, text in zip(every, texts, strict=True)]
    if any(every) or not settings or strangers:
        return every
    masks = [all(column) for column in zip(*persons, strict=True)] or [
        any(column) for column in zip(*settings, strict=True)
    ]
    here = frozenset[str]().union(*(name for name, _ in asked))
    return [may and not _is_elsewhere(text, here) for may, text in zip(masks, texts, strict=True)]


def _runs(text: str) -> Iterable[_Run]:
    """Each run of capitalised words."""
    text = unicodedata.normalize("NFC", text)
    words = text.split()
    if len(words) > 3 and sum(word[0].isupper() for word in words) > _TITLE * len(words):
        return
    for found in _CAPITALISED.finditer(text):
        run, first = found.group().split(), None
        if found.start() == 0:
            first, run = run[0], run[1:]
            if _owns(first) and tokens(first) and first[:-2].lower() not in _CALLS:
                run = []
        owner = next((place for place, word in enumerate(run) if _owns(word)), len(run))
        yield _Run(run[: owner + 1], first, text[: found.start()])


def _owns(word: str) -> bool:
    return word.endswith(("'s", "’s"))


def _name(run: _Run) -> frozenset[str]:
    """The words of a run that are a name's."""
    owners = {folded(word) for word in run.words if _owns(word)}
    spoken = (folded(word) for word in _words(" ".join(run.words)))
    days = CALENDAR - {word for word in owners if word in MONTHS}
    return frozenset(word for word in spoken if word[0].isalnum() and not _is_plain(word)) - days - _TITLES


def _is_title(word: str) -> bool:
    return folded(word).rstrip(".") in _TITLES


def _is_plain(word: str) -> bool:
    """Whether a word has its capital from habit or place, and is no name."""
    return word.startswith("i'") or (word in STOP and word != "will")


def _is_setting(run: _Run) -> bool:
    """Whether a name in a question is that of a place, an occasion or a thing, rather than of whom it is about."""
    if not _name(run) - _OCCASIONS:
        return True
    if run.words and _owns(run.words[-1]):
        return False
    return bool(_PLACED.search(run.before) or _DETERMINED.search(run.before))


def _is_elsewhere(text: str, asked: frozenset[str]) -> bool:
    """Whether a text tells of another place or occasion than those that are asked for, and of none of these."""
    found = [name for run in _runs(text) if (name := _name(run)) and (_PLACED.search(run.before) or name <= _OCCASIONS)]
    return bool(found) and all(asked.isdisjoint(name) for name in found)


def _small(question: str, texts: Sequence[str]) -> list[frozenset[str]]:
    """Names in a question that is written in small letters: what stands with a capital in the midst of a text."""
    if any(letter.isupper() for letter in question[1:].replace("I", "")):
        return []
    named = {word for text in texts for run in _runs(text) for word in map(folded, _words(" ".join(run.words)))}
    spoken = map(folded, _words(question))
    return [
        frozenset((word,)) for word in spoken if word in named - CALENDAR and word not in STOP and word[0].isalnum()
    ]


def _links(text: str, inside: frozenset[str]) -> frozenset[str]:
    """Words by which other texts may go on about the same, in their forms: names, and what is the user's.

    The first word of a text has its capital from its place ("Tell me Ada's number") unless it stands inside of one with it.
    """
    text = unicodedata.normalize("NFC", text)
    runs = [(found.start(), [folded(word) for word in _words(found.group())]) for found in _CAPITALISED.finditer(text)]
    capitals = (
        word for at, run in runs for place, word in enumerate(run) if at or place or len(run) > 1 or word in inside
    )
    named = (word for word in capitals if word not in _TITLES)
    owned = (folded(found[1]) for found in _OWNED.finditer(text))
    parts = (folded(word) for found in _PART.finditer(text) for word in found.groups() if word)
    links = {
        word for word in (*named, *owned, *parts) if word not in CALENDAR and word not in STOP and not _is_plain(word)
    }
    return frozenset(form for word in links for form in _forms(word))


def _inside(text: str) -> frozenset[str]:
    """The words that a text writes with a capital where no sentence begins."""
    found = _CAPITALISED.finditer(unicodedata.normalize("NFC", text))
    runs = [(one.string[: one.start()].rstrip()[-1:], _words(one.group())) for one in found]
    return frozenset(folded(word) for before, run in runs for word in (run if before not in _ENDS else run[1:]))


def _in_full(text: str) -> list[frozenset[str]]:
    """The names of two words and more in a text, up to what they own."""
    names: list[frozenset[str]] = []
    for found in _CAPITALISED.finditer(unicodedata.normalize("NFC", text)):
        run = found.group().split()
        owner = next((place for place, word in enumerate(run) if _owns(word)), len(run))
        words = frozenset(word for word in map(folded, run[: owner + 1]) if word not in STOP)
        if len(words) > 1:
            names.append(words)
    return names


def _of_others(text: str, same: Sequence[frozenset[str]]) -> frozenset[str]:
    """The words, in their forms, of full names in a text that are none of these: Jeffrey Miller is nobody of Jeffrey Buck's."""
    others = (name for name in _in_full(text) if not any(name <= one or one <= name for one in same))
    return frozenset(form for name in others for word in name for form in _forms(word))


# -- words, as names are written ---------------------------------------------------------------------------------------


def _words(text: str) -> list[str]:
    """The words of a text without possessive endings, and what stands between them."""
    words = _WORD.findall(unicodedata.normalize("NFC", text).replace("’", "'"))
    return [part for word in words for part in _parts(word.removesuffix("'s"))]


def _parts(word: str) -> list[str]:
    """A name with a hyphen as its parts, for people write it without: Mei-Ling, Jean-Luc."""
    return word.split("-") if "-" in word and not any(map(str.isdigit, word)) else [word]


def _forms(word: str) -> frozenset[str]:
    """What stands for a word in a vocabulary: itself, and its stem among the words that are written small."""
    return frozenset((word, *(f"{stem}~" for stem in tokens(word))))


def _vocabulary(words: Sequence[str]) -> frozenset[str]:
    """All words of a text as they are, and the stems of those that are written small: Williams is not William."""
    small = tokens(folded(" ".join(word for word in words if not word[0].isupper())))
    return frozenset((*folded(" ".join(words)).split(), *(f"{stem}~" for stem in small)))


def _holds(vocabulary: frozenset[str], name: frozenset[str]) -> bool:
    return all(not vocabulary.isdisjoint(_forms(word)) for word in name)


def _follows(name: Sequence[str], told: Sequence[str], plain: Sequence[str]) -> bool:
    """Whether a text begins with a name; an initial or one more name may stand between its words."""
    at = -1
    for word in name:
        following = at + 1
        if at >= 0 and word not in plain[following : following + 1]:
            if not told[following : following + 1] or not told[following][0].isupper():
                return False
            following += 2 if plain[following + 1 : following + 2] == ["."] and len(told[following]) == 1 else 1
        if word not in plain[following : following + 1]:
            return False
        at = following
    return True
