"""Whether two statements say the same, and whether what a model makes of a chat turn is supported by that turn.

Both compare words, not meanings, and both are conservative: a wrong merge loses a fact, a wrong acceptance invents one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from slowwave.dates import resolve_dates
from slowwave.types import Message

__all__ = ["names_no_day", "objection", "same_statement", "statement_key", "without_opening"]

_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_DIGITS: dict[str, str] = {word: str(number) for number, word in enumerate(_NUMBERS.split())}
_LONG_FORMS = tuple(
    (re.compile(rf"{short}\b", re.IGNORECASE), long)
    for short, long in (
        (r"\b(?:can't|cannot)", "can not"),
        (r"\bwon't", "will not"),
        (r"\bshan't", "shall not"),
        (r"(?<=\w)n't", " not"),
        (r"(?<=\bi)'m", " am"),
        (r"(?<=\w)'re", " are"),
        (r"(?<=\w)'ve", " have"),
        (r"(?<=\w)'ll", " will"),
    )
)
_WORD = re.compile(r"(?:(?<!\w)[-+])?\d+(?:[.,:/-]\d+)*|[^\W_]+(?:'[^\W_]+)*|[^\w\s]")
_OPENING = re.compile(
    r"(?:(?:and |oh,? )*(?:by the way|btw|also|please)\b[\s,.!:;-]*|(?:oh|ah|well|so|anyway|actually|hi|hello|hey|yes|yeah"
    r"|ok|okay|thanks|thank you)[,.!:;-]+\s*)+",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"[\s,.!]*\b(?:please|thanks|thank you)[\s.!]*$", re.IGNORECASE)


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).replace("’", "'").strip()
    for short, long in _LONG_FORMS:
        text = short.sub(long, text)
    return text


# -- the same statement twice ----------------------------------------------------------------------------------------


def statement_key(text: str) -> str:
    """A text without case, punctuation, articles, politeness and short forms: texts that say the same have one key.

    >>> statement_key("By the way, I've got three bikes!")
    'i have got 3 bikes'
    """
    return " ".join(word.casefold() for word in _words(text))


def same_statement(one: str, other: str, *, same_day: bool = True) -> bool:
    """Whether two texts of one speaker say the same in the same words in the same order, numbers and negations included.

    What may differ is case (but not that of names), punctuation, articles, politeness, short forms, and how it opens. Codes,
    and whatever a password is said to be, are the same letter for letter.

    Args:
        one: a text, best with its days resolved (`slowwave.dates.resolve_dates`).
        other: the text to compare.
        same_day: False if they were said on different days: then a text that leaves its day to the listener ("on Friday",
            "just now") is never the same.

    >>> same_statement("I live in Porto.", "by the way, I live in Porto"), same_statement("I have 2 cats", "I have 3 cats")
    (True, False)
    """
    if not same_day and not (names_no_day(one) and names_no_day(other)):
        return False
    if _letter_for_letter(one) != _letter_for_letter(other):
        return False
    first, second = _words(one), _words(other)
    if not first or [word.casefold() for word in first] != [word.casefold() for word in second]:
        return False
    if one == one.lower() or other == other.lower():  # somebody who writes without capitals
        return True
    # In the middle of a sentence the case tells names apart: "Polish", "polish"; "IT", "it".
    return all(
        a == b or (place == 0 and a.isupper() == b.isupper())
        for place, (a, b) in enumerate(zip(first, second, strict=True))
    )


_CODE = re.compile(
    r"(?!\d+(?:[.:]\d+)?(?i:[ap]m|k|kg|g|mg|km|cm|mm|m|l|ml|h|st|nd|rd|th)\b)(?:[^\W\d]\S*\d|\d\S*[^\W\d]|\w*[a-z][A-Z])\S*"
)
"""A word with letters and digits, or with a capital within."""
_SECRET = re.compile(
    r"\b(?:pass ?(?:word|code|phrase)|pin|code|user ?name|login)\b(?:\W+\w+){0,3}?(?:\W+(?:is|to|are)|'s|:|\s*=)\s+(\S.*)",
    re.IGNORECASE | re.DOTALL,
)
"""What a password is said to be."""


def _letter_for_letter(text: str) -> list[str]:
    """What of a text may not even differ in case."""
    plain = _plain(text)
    codes = [word.strip(".,;:!?'\"()") for word in plain.split()]
    found = [word for word in codes if _CODE.fullmatch(word)]
    secret = _SECRET.search(plain)
    return found if secret is None else [*found, " ".join(secret[1].split()).rstrip(".")]


def without_opening(text: str) -> str:
    """A text without what only opens or closes it: "Oh, by the way", "thanks"."""
    opening = _OPENING.match(text)
    return _CLOSING.sub("", text[opening.end() :] if opening else text)


_DAY = re.compile(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|today|tonight|tomorrow|yesterday|now|nowadays|currently|just|recently"
    r"|lately|soon|later|earlier|ago|already|yet|still|again|last|next|this|coming|past|since|so far|the other day|in (?:an?"
    r"|\w+) (?:days?|weeks?|months?|years?|hours?|minutes?))\b",
    re.IGNORECASE,
)


def names_no_day(text: str) -> bool:
    """Whether a text means the same whenever it is said."""
    return _DAY.search(text) is None


def _words(text: str) -> list[str]:
    """The words that count, as written: no articles, no punctuation but a question mark at the end, digits for numbers."""
    text = without_opening(_plain(text))
    words: list[str] = []
    for word in _WORD.findall(text):
        if (
            not word[0].isalnum()
            and len(word) == 1
            and unicodedata.category(word).startswith("P")
            and word not in "%#@&/"
        ):
            continue
        article = word.lower() in {"a", "an", "the"} and (word.islower() or not words)
        if not article:
            words.append(_digits(word, word.casefold()))
    return [*words, "?"] if words and text.rstrip().endswith("?") else words


# -- a restatement and its source ------------------------------------------------------------------------------------

_FUNCTION = frozenset(
    """a an the i me my mine myself we us our ours ourselves you your yours he him his himself she her hers herself it its
    itself they them their theirs themselves this that these those who whom whose which what where when why how there here
    am is are was were be been being do does did done doing have has had having will shall to of in on at by for with from
    into onto about as than and or but so because while though although whereas after before during until till since through
    over under between also too both all any some each every such own same then s user speaker said says say""".split()
)
"""Words a restatement may add: they say how the others belong together."""
_NOT = frozenset("not no never none nobody nothing nowhere without neither nor hardly barely".split())
_DOUBTS = {
    word: mark
    for mark, words in {
        "maybe": "might may could would should maybe perhaps probably possibly d",
        "if": "if unless whether",
        "nearly": "almost nearly",
        "want": "want wants wanted wanting wish wishes wished hope hopes hoped hoping",
        "plan": "plan plans planned planning intend intends intending",
        "think": "think thinks thinking thought consider considers considering considered",
        "try": "try tries trying tried",
        "used": "used",
    }.items()
    for word in words.split()
}
"""Words that take something back: what is only hoped for must not come out as done."""
_CLAUSE = re.compile(
    r"[.;:!?,\n]+(?:\s|$)|\s[-–—]+\s|\s(?:and|but|although|though|while|whereas|because|since|so|which|who)\s",
    re.IGNORECASE,
)
_SPOKEN_OF = frozenset("i we you".split())
"""Who a clause is about, or asks something of, where one of them stands before the words that a statement shares with it."""
_ASSENT = re.compile(r"\W*(?:yes|yeah|yep|yup|right|correct|exactly|indeed|of course|true|definitely)\b", re.IGNORECASE)
_MONTHS: Sequence[str] = "january february march april may june july august september october november december".split()
_MONTH = "|".join(_MONTHS)
_DATE = re.compile(
    rf"\b(?P<y>\d{{4}})-(?P<n>\d\d)-(?P<d>\d\d)\b"
    rf"|\b(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<m2>{_MONTH}),? (?P<y2>\d{{4}})\b"
    rf"|\b(?P<m3>{_MONTH}) (?P<d3>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y3>\d{{4}})\b",
    re.IGNORECASE,
)


def objection(statement: str, source: Message, earlier: Sequence[Message], speaker: str | None) -> str | None:
    """Why a statement must not be made of a turn; None if the turn supports it.

    Every word that carries meaning, number and name of it must stand in the turn, in what was said before it, be the
    speaker's name, or belong to a date that `resolve_dates` makes of the turn. Clause by clause, it may not deny what its
    source affirms, affirm what its source denies or only hopes for, or drop whom the source speaks of.

    Args:
        statement: one sentence.
        source: the turn it is said to come from, with the time it was said.
        earlier: what the same speaker said before, and the turn that came right before the source.
        speaker: the speaker's name.
    """
    texts = [_dated(message) for message in (source, *earlier)]
    said = {stem for text in texts for stem in _stems(text)}
    names = set(_stems(speaker or ""))
    wanted = _stems(statement)
    if not wanted:
        return "it says nothing"
    if strange := sorted(set(wanted) - said - names):
        return f"these words stand neither in its message nor before it: {', '.join(strange)}"
    if not (set(wanted) - names) & set(_stems(texts[0])) and not _ASSENT.match(source.content):
        return "nothing of it stands in its message"
    if not _dates(statement) <= {date for text in texts for date in _dates(text)}:
        return "its date is not that of the message"
    clauses = [words for text in texts for words in map(_tokens, _CLAUSE.split(_plain(text))) if words]
    for words in map(_tokens, _CLAUSE.split(_plain(statement))):
        if reason := _misread(words, clauses, names):
            return reason
    return None


def _misread(words: Sequence[str], clauses: Iterable[Sequence[str]], names: set[str]) -> str | None:
    """What is wrong with one clause, compared with the clauses of the source that share the most words with it."""
    wanted = set(_content(words)) - names
    if not wanted:
        return None
    best: list[Sequence[str]] = []
    most = 1
    for clause in clauses:
        shared = len(wanted & set(_content(clause)))
        if shared > most:
            best, most = [], shared
        if shared == most:
            best.append(clause)
    reasons = [_clash(words, clause, wanted | names) for clause in best]
    return next((reason for reason in reasons if reason), None) if reasons and all(reasons) else None


def _clash(words: Sequence[str], clause: Sequence[str], kept: set[str]) -> str | None:
    if bool(_NOT & set(words)) != bool(_NOT & set(clause)):
        return "it denies what its message says, or says what it denies"
    doubts = {_DOUBTS[word] for word in clause if word in _DOUBTS}
    if doubts and not doubts & {_DOUBTS[word] for word in words if word in _DOUBTS}:
        return "it says for certain what its message only considers"
    for word in clause:
        stem = next(iter(_content([word])), None)
        if word in _SPOKEN_OF or stem in kept:
            return None
        if stem is not None:
            return f"it leaves out whom its message speaks of: {word}"
    return None


def _dated(message: Message) -> str:
    """What was said, followed by the same with its days resolved: either wording supports a statement."""
    if message.said_at is None:
        return message.content
    resolved = resolve_dates(message.content, message.said_at)
    return message.content if resolved == message.content else f"{resolved}\n{message.content}"


def _digits(word: str, key: str) -> str:
    """A number word in digits, any other word as it is."""
    found: str | None = _DIGITS.get(key)
    return word if found is None else found


def _tokens(text: str) -> list[str]:
    words = _WORD.findall(_plain(text).casefold())
    return [_digits(word, word) for word in words if word[-1].isalnum()]


def _content(words: Iterable[str]) -> list[str]:
    return [_stem(word) for word in words if word not in _FUNCTION and word not in _NOT and word not in _DOUBTS]


def _stems(text: str) -> list[str]:
    """Of the words that carry meaning: numbers as they are, words without their endings."""
    return _content(_tokens(text))


def _stem(word: str) -> str:
    """A word without its ending: "moved" and "moves" are one word, "42" and "421" are not.

    >>> [_stem(word) for word in ("moved", "moving", "studies", "running", "ada's", "42")]
    ['mov', 'mov', 'study', 'run', 'ada', '42']
    """
    if any(letter.isdigit() for letter in word):
        return word
    word = word.removesuffix("'s").rstrip("'")
    for ending, instead in (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 2 and not word.endswith("ss"):
            word = word.removesuffix(ending) + instead
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls" else word


def _dates(text: str) -> set[tuple[int, int, int]]:
    found = set()
    for date in _DATE.finditer(text):
        year = date["y"] or date["y2"] or date["y3"]
        day = date["d"] or date["d2"] or date["d3"]
        month = int(date["n"]) if date["n"] else _MONTHS.index((date["m2"] or date["m3"]).lower()) + 1
        found.add((int(year), month, int(day)))
    return found
