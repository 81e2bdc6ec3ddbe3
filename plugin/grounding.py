"""What an answer may be made of: words that stand in the facts it was shown, or in what its modules are known to answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from slowwave.adapters_store.lexical import STOP, tokens
from slowwave.fitting import fits
from slowwave.naming import CALENDAR
from slowwave.prompts import UNKNOWN, is_unknown, may_be_unknown

__all__ = ["Grounding", "all_words", "holds", "value_words"]

_GROUNDED = 0.7
"""The share of an answer's words that must stand in facts or in the question."""

_ASKS_OPENLY = re.compile(r"\b(?:what|which|who|whom|whose|where|when|how|why)\b", re.IGNORECASE)
_SIGN = r"(?:[+#]+|-(?![\w-])|(?<=(?<![\w*])[A-Z])\*(?![\w*]))?"
_WORD = re.compile(r"(?:(?<![\w.)])[-−](?=\d))?[^\W_]+(?:[-.@:/'’][^\W_]+)*" + _SIGN)
_GLUED = re.compile(r"(?<=\d)(?=(?:st|nd|rd|th|am|pm|mg|kg|km|cm|mm|ml|min)\b)", re.IGNORECASE)
_BORDERS = r"(?<![\w+#-])(?<!\w[-.,:/'’@]){}(?![\w+#*-]|[-.,:/@]\w|['’](?!s\b)\w)"
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
"""Letters of scripts that put no space between words."""
_PAUSE = re.compile(r"[,;!?](?=[\s\"”')]|$)|\n|\s[-–—]\s|\.(?=[\s\"”')]|$)")
_AUXILIARIES = frozenset("are be been can could did do does had has have is was were will would".split())
"""No statement begins with one of these: there it is a name, like Will."""
_FUNCTION = STOP | frozenset(
    "about after against am among around because before behind being below beneath beside between but during except if "
    "inside into like may might must near no nor not off onto out outside over shall should since so some than these "
    "those though through toward towards under until up upon very via we while within without".split()
)
"""Words that nothing complete ends in."""
_CLOSING = frozenset(("and", "but", "or"))
"""What stands before these is complete, whatever follows."""
_NEGATIONS = frozenset(("neither", "never", "no", "nobody", "none", "not", "nothing", "without"))
_COUNTS = {
    word: str(number)
    for number, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), start=2)
}
_TIMES = {
    "annual": "year", "annually": "year", "daily": "day", "hourly": "hour", "monthly": "month", "nightly": "night",
    "weekly": "week", "yearly": "year",
} | {
    word: word
    for word in "second minute hour day night week weekend fortnight month quarter year decade century morning noon midday "
    "afternoon evening midnight today tomorrow yesterday once twice thrice".split()
}  # fmt: skip


class _Word(NamedTuple):
    """A word as it is written, with the signs that belong to it, and what its place makes of it."""

    text: str
    begins: bool
    """Whether a sentence begins with it, so that its capital says nothing."""
    article: bool
    """Whether it is an A that is written large for its place."""
    following: str

    @property
    def signed(self) -> bool:
        """Whether a sign belongs to it: B+, C#, -18."""
        return not (self.text[0].isalnum() and self.text[-1].isalnum())

    @property
    def marked(self) -> bool:
        """Whether `tokens` loses what tells it from other words: a sign, or that it is a single letter."""
        return self.signed or (len(self.text) == 1 and self.text.isupper() and self.text != "I" and not self.article)


def _written(text: str) -> list[_Word]:
    """The words of a text as they are written, but "10:30am" as two and "Ada's" as Ada."""
    plain = _GLUED.sub(" ", text.replace("−", "-").replace("’", "'"))
    found = [(match.group().removesuffix("'s"), match.start()) for match in _WORD.finditer(plain)]
    words: list[_Word] = []
    for place, (word, start) in enumerate(found):
        before = plain[max(0, start - 8) : start].rstrip(" \t\"'“‘(*_")
        begins = place == 0 or before.endswith((".", "!", "?", ":", "\n"))
        following = found[place + 1][0] if place + 1 < len(found) else ""
        words.append(_Word(word, begins, word == "A" and begins and following[:1].islower(), following))
    return words


def value_words(text: str) -> frozenset[str]:
    """The words that an answer is told from others by: B+ is not B-, and Will is somebody."""
    words, written = tokens(text), _written(text)
    return frozenset((*words, *(word.text for word in written if word.marked or not words)))


def all_words(text: str) -> frozenset[str]:
    """The words of a fact among which `value_words` of an answer are looked for."""
    return frozenset((*tokens(text), *(word.text for word in _written(text))))


def holds(text: str, answer: str) -> bool:
    """Whether a text has all words of an answer, if this has any."""
    words = value_words(answer)
    return bool(words) and words <= all_words(text)


def _exact(words: Sequence[_Word], *, said: bool) -> Iterator[str]:
    """What of an answer must stand in its facts word for word, whatever share of the rest does, or what a fact has of it.

    Numbers, signs, single letters, names, times and negations: one wrong word of these makes another answer.

    Args:
        said: whether they are an answer's words; of a fact every word is taken.
    """
    counted = False
    for word in words:
        small = word.text.lower()
        if any(map(str.isdigit, small)) or (word.marked and word.text != "A"):
            yield small
        elif word.text == "A":
            yield from () if word.article else ("A",)
        elif counted and small in {"am", "pm", "a.m", "p.m"}:
            yield small.replace(".", "")
        elif small in _NEGATIONS or small.endswith("n't"):
            yield "not"
        elif small in _COUNTS:
            yield _COUNTS[small]
        elif small.removesuffix("s") in _TIMES or small in _TIMES:
            yield _TIMES.get(small) or _TIMES[small.removesuffix("s")]
        elif said and word.text[0].isupper() and small in _AUXILIARIES and not word.begins:
            yield word.text
        elif said and word.text[0].isupper() and (not word.begins or small in CALENDAR) and not small.startswith("i'"):
            yield from tokens(word.text)
        if not said:
            yield from (word.text, small) if word.signed else (word.text, small, *tokens(word.text))
        counted = any(map(str.isdigit, small))


class Grounding:
    """Lets an answer pass as far as its words stand in the evidence.

    Nothing is released before the first word that is in a fact and not merely in the question; from the first word that
    is in neither, the rest waits for the verdict at the end. What is released ends where a phrase does: it is all that is
    said if the rest is refused, and cannot be taken back.
    """

    def __init__(self, sources: Sequence[str], question: str) -> None:
        sources = tuple(dict.fromkeys(sources))  # a module was taught the same answer in many wordings
        self._sources = sources
        self._each = [frozenset(tokens(text)) for text in sources]
        self._known = frozenset[str]().union(*self._each)
        self._question = question
        self._asked = set(tokens(question))
        self._sent = 0
        told = [_written(text) for text in sources]
        asked = _written(question)
        self._exact = {word for words in (*told, asked) for word in _exact(words, said=False)}
        self._lettered = {(word.text, word.following) for words in told for word in words if word.marked}
        self._values = {word.text for words in told for word in words if _is_value(word, alone=len(words) == 1)}
        self._values -= {word.text for word in asked if not word.begins}

    def release(self, text: str) -> str:
        """More of the text so far that may be shown; the last word waits until it is complete, and so does a phrase."""
        cut = max((i for i, letter in enumerate(text) if letter.isspace()), default=0)
        words = tokens(text[:cut])
        if may_be_unknown(text[:cut]) or not all(word in self._known or word in self._asked for word in words):
            return ""
        end = _phrase_end(text[:cut])
        if end <= self._sent or not self._tells(tokens(text[:end])) or not self._is_exact(text[:cut]):
            return ""
        if not fits(self._question, text[:end], whole=False):
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
        words = tokens(text)
        values = any(word.text in self._values for word in _written(text))
        if (values and not words) or _UNSPACED.search(text):
            return self._stands(text) or (bool(words) and self._is_made_of(text, words, values=values))
        return self._is_made_of(text, words, values=values)

    def _is_made_of(self, text: str, words: Sequence[str], *, values: bool) -> bool:
        """Whether most words stand in the evidence, all those that make the answer do, and one of them is not the question's."""
        grounded = [word for word in words if word in self._known or word in self._asked]
        novel = self._tells(words) or (values and bool(words))
        # "Porto" may answer "Porto or Lisbon?" and "Do I live in Porto?", but only if a fact says it too.
        choice = not _ASKS_OPENLY.search(self._question) or " or " in self._question
        chosen = choice and not set(words) - self._asked and any(word in self._known for word in words)
        return len(grounded) >= _GROUNDED * len(words) and (novel or chosen) and self._is_exact(text)

    def _tells(self, words: Sequence[str]) -> bool:
        """Whether one of the words is a fact's and not merely the question's.

        A negation holds only of what stands beside it: neither "I don't smoke" nor "I don't live in Porto" follows from "I don't
        eat meat" and "I live in Porto".
        """
        told = {word for word in words if word in self._known and word not in self._asked}
        negations = set(filter(_negates, told))
        if not negations:
            return bool(told)
        needed = told if told > negations else set(words)
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
        written = _written(text)
        if not all(word in self._exact for word in _exact(written, said=True)):
            return False
        # "A positive" may be a grade of something, or a blood type where the fact says "B positive".
        rivals = {following for letter, following in self._lettered if letter != "A"}
        return not any(
            word.article and word.following in rivals and ("A", word.following) not in self._lettered
            for word in written
        )


def _is_value(word: _Word, *, alone: bool) -> bool:
    """Whether a word that a search leaves out is somebody or something in a fact: Will, IT, The Who, an A, A+.

    Args:
        alone: whether the fact is nothing else, as the answers of modules are.
    """
    if tokens(word.text) or word.text == "I" or word.text.startswith("I'"):
        return False
    small = word.text.lower()
    written_large = word.text[0].isupper() and (alone or not word.begins or small in _AUXILIARIES)
    return word.marked or written_large


def _phrase_end(text: str) -> int:
    """Where the last complete phrase of a text ends; 0 if none does.

    >>> [_phrase_end(text) for text in ("a nurse in", "a nurse in Porto", "a nurse, in", "Vila Nova")]
    [0, 7, 7, 0]
    """
    found = list(_WORD.finditer(text))
    for place in range(len(found) - 1, -1, -1):
        if _is_function(found[place].group()):
            continue
        end = found[place].end()
        rest = [match.group().lower() for match in found[place + 1 :]]
        pause = _PAUSE.match(text, end)
        if pause and (pause.group() != "." or len(found[place].group()) > 3):  # "Mr. Oduya" goes on
            return end
        link = list(takewhile(_is_function, rest))
        if link and (link[0] in _CLOSING or (len(link) < len(rest) and _AUXILIARIES.isdisjoint(link))):
            return end  # with "is" behind it, it would be half a sentence
    return 0


def _negates(word: str) -> bool:
    return word in _NEGATIONS or word.endswith("n't")


def _is_function(word: str) -> bool:
    small = word.lower().replace("’", "'")
    return small in _FUNCTION or small.endswith(("n't", "'m", "'re", "'ve", "'ll", "'d"))
