"""What an answer may be made of: words that stand in the facts it was shown, or in what its modules are known to answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import takewhile

from slowwave.fitting import fits
from slowwave.naming import CALENDAR
from slowwave.prompts import UNKNOWN, is_unknown, may_be_unknown
from slowwave.wording import (
    AUXILIARIES,
    FUNCTION,
    NEGATIONS,
    WORD,
    Word,
    counted,
    counts,
    exact,
    in_order,
    other_hours,
    words,
    written,
)

__all__ = ["Grounding"]

_GROUNDED = 0.7
"""The share of an answer's words that must stand in facts, but for those of the question."""

_ASKS_OPENLY = re.compile(r"\b(?:what|which|who|whom|whose|where|when|how|why)\b", re.IGNORECASE)
_BORDERS = r"(?<![\w+#-])(?<!\w[-.,:/'’@]){}(?![\w+#*-]|[-.,:/@]\w|['’](?!s\b)\w)"
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
"""Letters of scripts that put no space between words."""
_PAUSE = re.compile(r"[,;!?](?=[\s\"”')]|$)|\n|\s[-–—]\s|\.(?=[\s\"”')]|$)")
_CLOSING = frozenset(("and", "but", "or"))
"""What stands before these is complete, whatever follows."""
_OPENING = frozenset(("between", "both", "either", "from", "neither"))
"""What begins with these goes on behind an "and" or "or"."""
_LINKING = frozenset("about because by since so until".split())
"""Words that an answer may be put together with, whatever the facts say."""
_DENIES = re.compile(r"n['’]t\b|\b(?:cannot|never|not?|without)\b(?! ?\d)", re.IGNORECASE)
_HARMLESS = re.compile(
    r"(?: \w+)? (?:forget|miss|wait|mind|only|just|far|know|think|sure|doubt|let|later than|(?:more|less|fewer|earlier) than)\b",
    re.IGNORECASE,
)
"""What a negation says nothing against, if these follow: "I never miss yoga", "no later than Friday"."""
_CLAUSE = re.compile(
    r"[.,;:!?](?!\d)|\b(?:and|but|until|till|unless|before|because|so|since|when|while|if|except)\b", re.IGNORECASE
)
_NEGATIVE = re.compile(
    r"n['’]t\b|\b(?:not|no|never|without|cannot|neither|none|nothing|nobody|avoid\w*|hat(?:e|es|ed)|dislike\w*|refus\w*"
    r"|stop\w*|quit|allergic|forbidden|banned|off|away|miss\w*|lack\w*|wrong|former\w*|used to|old|before)\b",
    re.IGNORECASE,
)
"""A question or an answer with one of these is about what is not so, or not any more."""


class Grounding:
    """Lets an answer pass as far as its words stand in the evidence.

    Nothing is released before the first word that is in a fact and not merely in the question; from the first word that
    is in neither, the rest waits for the verdict at the end. What is released ends where a phrase does: it is all that is
    said if the rest is refused, and cannot be taken back.
    """

    def __init__(self, sources: Sequence[str], question: str) -> None:
        # A module was taught the same answer in many wordings; and an hour may be told in two ways.
        sources = tuple(dict.fromkeys(text for told in sources for text in (told, other_hours(told)) if text))
        self._sources = sources
        self._each = [frozenset(words(text)) for text in sources]
        self._known = frozenset[str]().union(*self._each)
        self._question = question
        self._asked = set(words(question))
        self._sent = 0
        told = [written(text) for text in sources]
        asked = written(question)
        self._exact = {word for read in (*told, asked) for word in exact(read, said=False)}
        self._row = cache(in_order)  # of the texts that an answer's numbers stand in, when there are any
        self._denied = cache(_denied)
        self._lettered = {(word.text, word.following) for read in told for word in read if word.marked}
        self._values = {word.text for read in told for word in read if _is_value(word, alone=len(read) == 1)}
        self._values -= {word.text for word in asked if not word.begins}

    def release(self, text: str) -> str:
        """More of the text so far that may be shown; the last word waits until it is complete, and so does a phrase."""
        cut = max((i for i, letter in enumerate(text) if letter.isspace()), default=0)
        told = words(text[:cut])
        if may_be_unknown(text[:cut]) or not all(word in self._known or word in self._asked for word in told):
            return ""
        end = _phrase_end(text[:cut])
        if end <= self._sent or not self._tells(words(text[:end])) or not self._is_exact(text[:cut]):
            return ""
        if self._is_denied(text[:end]) or not fits(self._question, text[:end], whole=False):
            return ""
        ready = text[self._sent : end]
        self._sent = end
        return ready

    def finish(self, text: str, nothing_said: bool) -> str:
        """What is left to show: the rest, nothing, or that the answer is not known."""
        if self._carries(text) and not is_unknown(text) and fits(self._question, text):
            return text[self._sent :]
        return UNKNOWN if nothing_said else ""

    def _carries(self, text: str) -> bool:
        """Whether the evidence says this."""
        said = words(text)
        values = any(word.text in self._values for word in written(text))
        if (values and not said) or _UNSPACED.search(text):
            return self._stands(text) or (bool(said) and self._is_made_of(text, said, values=values))
        return self._is_made_of(text, said, values=values)

    def _is_made_of(self, text: str, said: Sequence[str], *, values: bool) -> bool:
        """Whether most words stand in the evidence, all those that make the answer do, and one of them is not the question's."""
        said = [word for word in said if word not in _LINKING] or said
        own = [word for word in said if word not in self._asked]
        novel = self._tells(said) or (values and bool(said))
        # "Porto" may answer "Porto or Lisbon?" and "Do I live in Porto?", but only if a fact says it too.
        choice = not _ASKS_OPENLY.search(self._question) or " or " in self._question
        chosen = choice and not own and any(word in self._known for word in said)
        # The question's words do not make up for those that nobody said.
        grounded = sum(word in self._known for word in own) >= _GROUNDED * len(own)
        return grounded and (novel or chosen) and self._is_exact(text) and not self._is_denied(text)

    def _tells(self, said: Sequence[str]) -> bool:
        """Whether one of the words is a fact's and not merely the question's.

        A negation holds only of what stands beside it: neither "I don't smoke" nor "I don't live in Porto" follows from "I don't
        eat meat" and "I live in Porto".
        """
        told = {word for word in said if word in self._known and word not in self._asked}
        negations = set(filter(_negates, told))
        if not negations:
            return bool(told)
        needed = told if told > negations else set(said)
        return any(needed <= source for source in self._each)

    def _stands(self, text: str) -> bool:
        """Whether an answer stands in a source as it is, as a whole word or as a part of what has no spaces."""
        plain = text.strip(" \t\n\"'“”.,;!?。！？")
        if not plain or plain in self._question:
            return False
        border = r"(?<!\d){}(?!\d)" if _UNSPACED.search(plain) else _BORDERS
        found = re.compile(border.format(re.escape(plain)))
        return any(found.search(source) for source in self._sources)

    def _is_exact(self, text: str) -> bool:
        """Whether the numbers, names, signs and times of an answer are those of the evidence."""
        said = written(text)
        if not all(word in self._exact for word in exact(said, said=True)):
            return False
        if not all(self._counts(number, what) for number, what in counted(text)):
            return False
        # "A positive" may be a grade of something, or a blood type where the fact says "B positive".
        rivals = {following for letter, following in self._lettered if letter != "A"}
        return not any(
            word.article and word.following in rivals and ("A", word.following) not in self._lettered for word in said
        )

    def _counts(self, number: str, what: str) -> bool:
        """Whether a number stands by what it counts in one text; by a word of the question it may stand anywhere."""
        if what in {"old", "year"} and "old" in self._asked:
            return True
        if what in self._asked and what not in CALENDAR and what not in {"am", "pm"}:
            return True
        having = [text for text, known in zip(self._sources, self._each, strict=True) if number in known]
        return any(counts(self._row(text), number, what) for text in (*having, self._question))

    def _is_denied(self, text: str) -> bool:
        """Whether all texts that have a word of the answer deny it, though neither it nor the question is about what is not so.

        "I can't eat shellfish" is no answer to what I can eat.
        """
        if _NEGATIVE.search(text) or _NEGATIVE.search(self._question):
            return False
        own = {word for word in words(text) if word in self._known and word not in self._asked}
        having = [
            (known, text) for text, known in zip(self._sources, self._each, strict=True) if not own.isdisjoint(known)
        ]
        return any(all(word in self._denied(text) for known, text in having if word in known) for word in own)


def _denied(text: str) -> frozenset[str]:
    """The words of a text that stand behind a negation, up to the end of its clause."""
    clauses = ((clause, found) for clause in _CLAUSE.split(text) if (found := _DENIES.search(clause)))
    behind = [clause[found.end() :] for clause, found in clauses]
    return frozenset(word for rest in behind if not _HARMLESS.match(rest) for word in words(rest))


def _is_value(word: Word, *, alone: bool) -> bool:
    """Whether a word that a search leaves out is somebody or something in a fact: Will, IT, The Who, an A, A+.

    Args:
        alone: whether the fact is nothing else, as the answers of modules are.
    """
    if words(word.text) or word.text == "I" or word.text.startswith("I'"):
        return False
    small = word.text.lower()
    written_large = word.text[0].isupper() and (alone or not word.begins or small in AUXILIARIES)
    return word.marked or written_large


def _phrase_end(text: str) -> int:
    """Where the last complete phrase of a text ends; 0 if none does.

    >>> [_phrase_end(text) for text in ("a nurse in", "a nurse in Porto", "a nurse, in", "Vila Nova")]
    [0, 7, 7, 0]
    """
    found = list(WORD.finditer(text))
    for place in range(len(found) - 1, -1, -1):
        if _is_function(found[place].group()):
            continue
        end = found[place].end()
        rest = [match.group().lower() for match in found[place + 1 :]]
        pause = _PAUSE.match(text, end)
        if pause and (pause.group() != "." or len(found[place].group()) > 3):  # "Mr. Oduya" goes on
            return end
        link = list(takewhile(_is_function, rest))
        opened = link and link[0] in _CLOSING and any(one.group().lower() in _OPENING for one in found[:place])
        if link and not opened and (link[0] in _CLOSING or (len(link) < len(rest) and AUXILIARIES.isdisjoint(link))):
            return end  # with "is" behind it, it would be half a sentence
    return 0


def _negates(word: str) -> bool:
    return word in NEGATIONS or word.endswith("n't")


def _is_function(word: str) -> bool:
    small = word.lower().replace("’", "'")
    return small in FUNCTION or small.endswith(("n't", "'m", "'re", "'ve", "'ll", "'d"))
