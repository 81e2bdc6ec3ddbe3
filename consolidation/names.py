"""Slots of the names in a statement: the statement itself, with a question word in the name's place.

Clause slots ask what a parsed clause is about. Statements of news, notes and encyclopedias name more than that, in the
middle of phrases that no small parser takes apart: "Amtrak opened the Jeffersonville station before ending its service
there" is asked "Amtrak opened what before ending its service there?", and a describing word goes into the question:
"which station".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slowwave.consolidation import lexicon, templates
from slowwave.consolidation.clauses import opens
from slowwave.consolidation.spans import is_person
from slowwave.consolidation.voices import Slot, Voice, fill_all, lower

__all__ = ["name_slots"]

_WORD = r"[^\W_](?:[\w.&/+–-]|['’](?=[A-Z]))*"
_TOKEN = re.compile(rf'"(?P<title>[^"]{{2,120}})"|{_WORD}')
_JOINS = lexicon.words("of de la le el van von der den del du di da do dos das al bin ibn y")
"""Small words inside a name ("Kaunas Soviet of Workers Deputies"); one of them is not enough to end it."""
_SMALL = (
    lexicon.PREPOSITIONS | lexicon.DETERMINERS | lexicon.AUX | lexicon.STOPS | lexicon.PRONOUNS | lexicon.VAGUE
    | lexicon.ADVERBS | lexicon.HOLLOW | lexicon.words(
        "of be been being having according both only one two three other same first last next new old own such known"
    )
)  # fmt: skip
_GRAMMAR = lexicon.PREPOSITIONS | lexicon.DETERMINERS | lexicon.STOPS | {"of", "both", "according"}
_WHERE = lexicon.words("in at on from near to into across outside over under through along between")
_ASIDE = re.compile(r", (?:an?|the|once|also|then|now|now a|formerly|[a-z]+ed|[a-z]+ing) [^,]+, ")
_BESIDE = re.compile(r", (?:who|which|whose|where|as well as|including) .*")
_CUT = re.compile(r", | (?:who|which|whose|that|because|although|while|when|after|before|but|and then|only to) ")
"""Where a statement can be cut: what follows is said beside the point."""
_LEAST, _LONGEST = 6, 36  # words of a statement that is asked for its names
_MOST = 2  # names: a third covers hardly anything more (0.795 for 0.79 of the facts in benchmarks/LOG.md)
_NOUNS = 3  # nouns that a name may stand before
_NAMED, _DESCRIBED, _TITLED, _FIRST, _PAIRED = 3.0, 1.0, 0.8, 0.6, -0.6
"""What a name is worth as an answer; more with a noun that describes it, in quotes or early, less as one of two."""


@dataclass(frozen=True)
class _Gap:
    """A name in a statement and how it is asked for."""

    before: str
    """The statement up to the name and what describes it."""
    asked: str
    """The question word, with what describes the name: "which station", "who", "whose"."""
    after: str
    blank: str
    """The statement with a gap in the name's place."""
    answer: str
    score: float


def name_slots(statement: str, voices: Sequence[Voice]) -> list[Slot]:
    """Slots for at most two names of a statement, the best described first; none where it is too short or too long."""
    text = statement.strip().rstrip(" .!")
    if not _LEAST <= len(text.split()) <= _LONGEST:
        return []
    own = {voice.name.lower() for voice in voices}
    gaps = sorted((gap for gap in _gaps(text) if gap.answer.lower() not in own), key=lambda gap: -gap.score)[:_MOST]
    return [Slot(gap.score, gap.answer, tuple(_wordings(gap, voice) for voice in voices)) for gap in gaps]


def _wordings(gap: _Gap, voice: Voice) -> tuple[str, ...]:
    before, after, blank = (voice.text(part) for part in (gap.before, gap.after, gap.blank))
    after = _ASIDE.sub(" ", after) if _ASIDE.match(after) else _BESIDE.sub("", after) if _BESIDE.match(after) else after
    whole = " ".join(f"{before}{gap.asked}{after}".split())
    short = " ".join(f"{_tail(before)}{gap.asked}{_head(after)}".split())
    if len(short.split()) < _LEAST:
        short = whole
    values = {"q": lower(whole), "s": lower(short), "gap": blank, "Q": _capital(whole), "S": _capital(short)}
    return fill_all(templates.NAMED, values)


def _gaps(text: str) -> Iterator[_Gap]:
    for start, end, title in _names(text):
        name, before, after = text[start:end], text[:start], text[end:]
        blank = f"{before}___{after}"
        answer = title or name
        owner = re.match(r"'s\b", after)
        score = _NAMED + _TITLED * bool(title) + _FIRST * (len(before.split()) < 4) + 0.2 * min(len(answer.split()), 4)
        if before.endswith(" and ") or re.match(r",? and [A-Z]", after):
            score += _PAIRED
        following = _following(after) if not owner else ""
        described, noun = _described(before)
        if following and re.search(r"(?i)\bthe $", before):
            before, after = before[:-4], after[len(following) + 1 :]
            blank = f"{text[:start]}___{after}"
            answer, asked = f"{answer} {following}", f"which {following.split()[-1]}"
            score += _DESCRIBED
        elif following and not title:
            continue
        elif noun:
            before, asked = described, f"which {noun}"
            score += _DESCRIBED
        else:
            asked = "what" if title or not _is_somebody(answer, before, text) else "who"
            before = re.sub(r"(?i)\b(?:the|an?) $", "", before)
        if owner:
            after = after[owner.end() :]
            asked = "whose" if asked in {"who", "what"} else f"{asked}'s"
        yield _Gap(before, asked, after, blank, answer, score)


def _names(text: str) -> Iterator[tuple[int, int, str | None]]:
    """Start, end and quoted title of every name: a quoted title, or a run of capitalised words with what joins them."""
    tokens = list(_TOKEN.finditer(text))
    i = 0
    while i < len(tokens):
        token, first = tokens[i], i
        i += 1
        if title := token["title"]:
            if title[:1].isupper():
                yield token.start(), token.end(), title
            continue
        if not _capitalised(token[0]):
            continue
        last = first
        while i < len(tokens) and _adjoining(text, tokens[i - 1], tokens[i]):
            word = tokens[i][0]
            if _capitalised(word) or (re.fullmatch(r"\d{1,4}", word) and last == i - 1):
                last = i
            elif word not in _JOINS and (word, tokens[i - 1][0]) != ("the", "of"):
                break
            i += 1
        i = last + 1
        if first == 0:
            # The first word has its capital from its place: "Development of the British UB.109T" is not all a name.
            while first < last and (tokens[first][0].lower() in _GRAMMAR or (first == 0 and tokens[1][0] == "of")):
                first += 1
                while first < last and not _capitalised(tokens[first][0]):
                    first += 1
        start, end = tokens[first].start(), tokens[last].end()
        end -= text[end - 1] in "–-"
        if _capitalised(tokens[first][0]) and _telling(text[start:end], text, start):
            yield start, end, None


def _adjoining(text: str, left: re.Match[str], right: re.Match[str]) -> bool:
    return text[left.end() : right.start()] in {" ", ": "} and not right["title"]


def _capitalised(word: str) -> bool:
    """Whether a word is written as names are: a capital first, or a year before a name."""
    return word[0].isupper() or (word[0].isdigit() and any(letter.isupper() for letter in word))


def _telling(name: str, text: str, start: int) -> bool:
    """Whether somebody could ask for a name: no day, no "I", no first word that is a capital only because it is the first."""
    if (
        len(name) < 2
        or lexicon.DAYS.match(name)
        or lexicon.TIME.fullmatch(name)
        or re.search(r"\b\d{1,3} $", text[:start])
    ):
        return False
    if start > 0 or len(name.split()) > 1:
        return name.lower() not in _SMALL
    tokens = text.split()
    return name.lower() not in _SMALL | lexicon.BASES and (
        text[len(name) :].startswith("'s ") or (len(tokens) > 2 and opens(tokens, 1) and not name.endswith("s"))
    )


def _is_somebody(name: str, before: str, text: str) -> bool:
    """Whether "who" asks for a name: not after "the" or a preposition of place."""
    last = before.split()[-1].lower() if before.split() else ""
    kind = re.search(rf"{re.escape(name)} (?:is|was) (?:an?|the) ((?:[\w-]+ ){{0,3}}[\w-]+)", text)
    if last in _WHERE | lexicon.DETERMINERS or re.search(r"\b(?:the|an?) \d+ $", before) or lexicon.THING.search(name):
        return False
    if kind and lexicon.THING.search(kind[1]):
        return False
    return is_person(name, "", text if " " in name else "")


def _described(before: str) -> tuple[str, str]:
    """The text without what describes the name that follows it, and that: "the 1886 song " gives "" and "1886 song"."""
    words = before.split(" ")[:-1] if before.endswith(" ") else []
    if not words or not _plain(words[-1]):
        return before, ""
    taken = [words.pop()]
    while words and len(taken) < 6 and words[-1].lower() not in _SMALL:
        owned = len(words) > 1 and words[-2].lower() in lexicon.DETERMINERS and re.fullmatch(r"[a-z-]+", words[-1])
        if not (owned or _plain(words[-1]) or re.match(r"[A-Z\d][\w-]*(?:'s)?$", words[-1])):
            break
        taken.insert(0, words.pop())
    if words and words[-1].lower() == "of":
        return before, ""
    if words and words[-1].lower() in lexicon.DETERMINERS:
        words.pop()
    described = " ".join(taken)
    return " ".join([*words, ""]) if words else "", described


def _plain(word: str) -> bool:
    """Whether a word could be a noun or adjective that describes: in small letters, neither of grammar nor a verb form."""
    return bool(lexicon.WORK.fullmatch(word)) or (
        re.fullmatch(r"[a-z][a-z-]{2,}", word) is not None
        and word not in _SMALL | lexicon.BASES | set(lexicon.PAST)
        and not word.endswith(("ed", "ing", "ly"))
        and (not word.endswith("s") or word.endswith("ss"))
    )


def _following(after: str) -> str:
    """The nouns that a name stands before: "the UB.109T cruise missile was" gives "cruise missile"; empty where none do."""
    tokens = after.split() if after.startswith(" ") else []
    nouns: list[str] = []
    for at, token in enumerate(tokens[:_NOUNS]):
        noun = token.strip(",")
        plain = re.fullmatch(r"[a-z]{3,}", noun) is not None and noun not in _SMALL and not noun.endswith(("ed", "ly"))
        said = re.sub(r"^(?:re|co|out|over|under)", "", noun) in lexicon.PAST
        if not plain or said or opens(["x", *tokens[at:]], 1):
            break
        nouns.append(noun)
        if noun != token:
            break
    return " ".join(nouns) if tokens[len(nouns) : len(nouns) + 1] != ["of"] else ""


def _tail(before: str) -> str:
    """The last part of what stands before a name, at least three words of it."""
    for found in reversed(list(_CUT.finditer(before))):
        if len(before[found.end() :].split()) >= 3:
            return before[found.end() :]
    return before


def _head(after: str) -> str:
    """The first part of what stands after a name, at least four words of it."""
    for found in _CUT.finditer(after):
        if len(after[: found.start()].split()) >= 4 and not after.startswith(","):
            return after[: found.start()]
    return after


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
