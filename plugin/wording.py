"""What of an answer is compared with facts: its words in one spelling, those that must be exact, and what numbers count.

"14th of June" says what "14 June" says, and "7pm" what "7 pm" does; but B+ is no B-, Will is somebody, and of "178 cm" and
"82 kg" nobody is 82 cm tall.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from slowwave.adapters_store.lexical import STOP, folded, tokens
from slowwave.naming import CALENDAR

__all__ = [
    "AUXILIARIES",
    "FUNCTION",
    "NEGATIONS",
    "WORD",
    "Word",
    "all_words",
    "counted",
    "counts",
    "exact",
    "holds",
    "in_order",
    "other_hours",
    "value_words",
    "words",
    "written",
]

AUXILIARIES = frozenset("are be been can could did do does had has have is was were will would".split())
"""No statement begins with one of these: there it is a name, like Will."""
FUNCTION = STOP | frozenset(
    "about after against am among around because before behind being below beneath beside between but during except if "
    "inside into like may might must near no nor not off onto out outside over shall should since so some than these "
    "those though through toward towards under until up upon very via we while within without".split()
)
"""Words that nothing complete ends in, and that are nothing that is counted."""
NEGATIONS = frozenset(("neither", "never", "no", "nobody", "none", "not", "nothing", "without"))

WORD = re.compile(
    r"(?:(?<![\w.)])[-−](?=\d))?[^\W_]+(?:[-.@:/'’][^\W_]+)*"
    r"(?:[+#]+|-(?![\w-])|(?<=(?<![\w*])[A-Z])\*(?![\w*]))?"
)
"""A word with the signs that belong to it: B+, C#, -18."""
_GLUED = re.compile(r"\b(\d[\d.,:]*)(am|pm|mcg|mg|kg|km|cm|mm|ml|min|[gmt]b|g|l)\b", re.IGNORECASE)
_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_HALF_OF_DAY = re.compile(r"\b([ap])\.\s?m\b\.?", re.IGNORECASE)
_AGED = re.compile(r"\b(\w+)-(year|month|week|day)s?-old\b", re.IGNORECASE)
_MEASURED = re.compile(
    r"\b(\d+|[a-z]+)-(?=(?:year|month|week|day|hour|minute|inch|foot|litre|liter|metre|meter|page)\b)", re.IGNORECASE
)
_PRICE = re.compile(r"([€£$])\s?(\d+(?:[.,]\d+)*)|(\d)\s?([€£$])")
_TENS = re.compile(
    r"\b(twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ](one|two|three|four|five|six|seven|eight|nine))?\b",
    re.IGNORECASE,
)
_CURRENCY = {"€": "euro", "£": "pound", "$": "dollar"}
_NUMBERS: Sequence[str] = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen"
).split()
_DECADES: Sequence[str] = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = (
    "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth".split()
)
_SAME = {word: str(number) for number, word in enumerate(_NUMBERS, start=1)} | {
    word: str(number) for number, word in enumerate(_ORDINALS, start=3)
} | {
    "€": "euro", "eur": "euro", "$": "dollar", "usd": "dollar", "£": "pound", "%": "percent", "min": "minute", "mins": "minute",
    "hr": "hour", "hrs": "hour", "kilo": "kg", "kilogram": "kg", "gram": "g", "km": "kilometre", "kilometer": "kilometre",
    "m": "metre", "meter": "metre", "cm": "centimetre", "centimeter": "centimetre", "mm": "millimetre", "liter": "litre",
    "l": "litre", "ml": "millilitre", "milligram": "mg", "microgram": "mcg", "inche": "inch", "feet": "foot", "degree": "°",
}  # fmt: skip
"""Two spellings of one thing, by the stem that `tokens` makes."""
_CLOCK = re.compile(r"\b(\d{1,2})(?:[:.]([0-5]\d))?(?:\s?([ap]m))?\b(?![:.]?\d)", re.IGNORECASE)
_HALVES = re.compile(
    rf"\b(?:a )?(half past|quarter past|quarter to) ({'|'.join(_NUMBERS[:12])}|1[0-2]|[1-9])\b", re.IGNORECASE
)
_TIMES = {
    "annual": "year", "annually": "year", "daily": "day", "hourly": "hour", "monthly": "month", "nightly": "night",
    "weekly": "week", "yearly": "year",
} | {
    word: word
    for word in "second minute hour day night week weekend fortnight month quarter year decade century morning noon midday "
    "afternoon evening midnight today tomorrow yesterday once twice thrice".split()
}  # fmt: skip
_NUMBER = re.compile(r"\d[\d.:/]*")
_COUNTED = re.compile(rf"[$€£%]|{WORD.pattern}|[^\w\s]")
_FAR = 3
"""Words within which a number and what it counts stand in a fact: "82 of these fine kilos"."""


def words(text: str) -> list[str]:
    """The words that say something, without stop words and endings, each in one spelling.

    >>> words("on the 14th of June at 7pm"), words("fourteen euros"), words("Łódź")
    (['14', 'june', '7', 'pm'], ['14', 'euro'], ['lodz'])
    """
    return [_same(word) for word in tokens(_spelled(text))]


def value_words(text: str) -> frozenset[str]:
    """The words that an answer is told from others by: B+ is not B-, and Will is somebody."""
    found, signs = words(text), written(text)
    return frozenset((*found, *(word.text for word in signs if word.marked or not found)))


def all_words(text: str) -> frozenset[str]:
    """The words of a fact among which `value_words` of an answer are looked for."""
    return frozenset((*words(text), *(word.text for word in written(text))))


def holds(text: str, answer: str) -> bool:
    """Whether a text has all words of an answer, if this has any."""
    wanted = value_words(answer)
    return bool(wanted) and wanted <= all_words(text)


class Word(NamedTuple):
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


def written(text: str) -> list[Word]:
    """The words of a text as they are written, but "10:30am" as two and "Ada's" as Ada."""
    plain = _spelled(text)
    found = [(match.group().removesuffix("'s"), match.start()) for match in WORD.finditer(plain)]
    read: list[Word] = []
    for place, (word, start) in enumerate(found):
        before = plain[max(0, start - 8) : start].rstrip(" \t\"'“‘(*_")
        begins = place == 0 or before.endswith((".", "!", "?", ":", "\n"))
        following = found[place + 1][0] if place + 1 < len(found) else ""
        read.append(Word(word, begins, word == "A" and begins and following[:1].islower(), following))
    return read


def exact(read: Sequence[Word], *, said: bool) -> Iterator[str]:
    """What of an answer must stand in its facts word for word, whatever share of the rest does, or what a fact has of it.

    Numbers, signs, single letters, names, times and negations: one wrong word of these makes another answer.

    Args:
        said: whether they are an answer's words; of a fact every word is taken.
    """
    for word in _exact(read, said=said):
        yield _same(word) if len(word) > 1 else word


def _exact(read: Sequence[Word], *, said: bool) -> Iterator[str]:
    after_number = False
    for word in read:
        small = word.text.lower()
        if any(map(str.isdigit, small)) or (word.marked and word.text != "A"):
            yield small
        elif word.text == "A":
            yield from () if word.article else ("A",)
        elif after_number and small in {"am", "pm"}:
            yield small
        elif small in NEGATIONS or small.endswith("n't"):
            yield "not"
        elif small in _SAME and small != "one" and _SAME[small].isdigit():
            yield small
        elif small.removesuffix("s") in _TIMES or small in _TIMES:
            yield _TIMES.get(small) or _TIMES[small.removesuffix("s")]
        elif said and word.text[0].isupper() and small in AUXILIARIES and not word.begins:
            yield word.text
        elif said and word.text[0].isupper() and (not word.begins or small in CALENDAR) and not small.startswith("i'"):
            yield from tokens(word.text)
        if not said:
            yield from (word.text, small) if word.signed else (word.text, small, *tokens(word.text))
        after_number = any(map(str.isdigit, small))


def in_order(text: str) -> list[str]:
    """The words and signs of a text one after another, as `counted` compares them."""
    found = _COUNTED.findall(_spelled(text))
    return [_same(next(iter(tokens(word)), word.lower())) for word in found]


def counted(text: str) -> Iterator[tuple[str, str]]:
    """Each number of a text with what it counts, or the month or the currency that it belongs to.

    >>> list(counted("82 kg on June 14, for 3 weeks")), list(counted("No. 27, Porto"))
    ([('82', 'kg'), ('14', 'june'), ('3', 'week')], [])
    """
    row = in_order(text)
    for place, word in enumerate(row):
        if not _NUMBER.fullmatch(word):
            continue
        before, behind = row[place - 1] if place else "", row[place + 1] if place + 1 < len(row) else ""
        if behind[:1].isalpha() and behind not in FUNCTION:
            yield word, behind
        if before in CALENDAR:
            yield word, before


def counts(row: Sequence[str], number: str, what: str) -> bool:
    """Whether in a text's words a number stands by what it counts."""
    places = [place for place, word in enumerate(row) if word == number]
    return any(what in row[max(0, place - _FAR) : place + _FAR + 1] for place in places)


def _spelled(text: str) -> str:
    """A text with its numbers in one spelling: 15,000, 10:30am, 14th and 4-year-old are 15000, 10:30 am, 14 and 4 year old."""
    plain = unicodedata.normalize("NFC", text).replace("−", "-").replace("’", "'")
    plain = _HALF_OF_DAY.sub(r"\1m", _MEASURED.sub(r"\1 ", _AGED.sub(r"\1 \2 old", _ORDINAL.sub(r"\1", plain))))
    plain = _PRICE.sub(_price, _TENS.sub(_tens, plain)).replace("°C", " degrees").replace("°", " degrees")
    plain = plain.replace("%", " percent ").replace("per cent", "percent")
    return _GLUED.sub(r"\1 \2", _THOUSANDS.sub("", plain))


def _price(found: re.Match[str]) -> str:
    """A price with its currency behind it: €5 and 5 € are 5 euro."""
    sign, amount = found[1] or found[4], found[2] or found[3]
    return f"{amount} {_CURRENCY[sign]} "


def _tens(found: re.Match[str]) -> str:
    """A number of two words, or of ten, in digits."""
    return str(10 * (_DECADES.index(found[1].lower()) + 2) + (_NUMBERS.index(found[2].lower()) + 1 if found[2] else 0))


def other_hours(text: str) -> str:
    """A text with its hours told the other way, "5 pm" for "17:00" and the reverse; empty if it has none.

    >>> other_hours("Wednesdays at 17:00, or 5:30 am"), other_hours("half past two"), other_hours("at noon")
    ('Wednesdays at 5 pm, or 05:30', '2:30', '')
    """
    found = _HALVES.sub(_half, _CLOCK.sub(_clock, text.replace("p.m.", "pm").replace("a.m.", "am")))
    return found if found != text else ""


def _clock(found: re.Match[str]) -> str:
    hour, minute, half = int(found[1]), found[2] or "00", (found[3] or "").lower()
    if half and 1 <= hour <= 12:
        return f"{hour % 12 + (12 if half == 'pm' else 0):02}:{minute}"
    if half or not found[2] or hour > 23:
        return found[0]
    told = f"{hour % 12 or 12}" + (f":{minute}" if minute != "00" else "")
    return f"{told} {'pm' if hour >= 12 else 'am'}"


def _half(found: re.Match[str]) -> str:
    after, hour = found[1].lower(), found[2].lower()
    number = int(hour) if hour.isdigit() else _NUMBERS.index(hour) + 1
    minute = {"half past": "30", "quarter past": "15", "quarter to": "45"}[after]
    return f"{(number - 2) % 12 + 1 if minute == '45' else number}:{minute}"


def _same(word: str) -> str:
    """One spelling of a word for all: without accents, numbers in digits, and units by one name."""
    plain = folded(word)
    return _SAME.get(plain, plain)
