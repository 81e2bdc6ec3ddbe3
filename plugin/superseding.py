"""Which statements give the value of the same thing, so that a newer one replaces an older one, and who asks for the older.

By pattern, not by meaning, and only where a person has one such value at a time: a wrong replacement hides a fact that is
true. "I live in Porto" is replaced by "I moved to Faro" but not by "I live in Portugal", because nothing there says that
anything changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from slowwave.restated import statement_key, without_opening

__all__ = ["Subject", "asks_before", "replaces", "subject"]


_BEFORE = re.compile(
    r"\b(?:used? to|previous(?:ly)?|former(?:ly)?|originally|in the past|back then|no longer)\b|\bbefore\W*$|\bearlier\W*$"
    r"|\bbefore (?:that|then|this|the (?:change|move)|(?:i|we|he|she|they) (?:moved|changed|switched|got|left))\b"
    r"|\b(?:my|our|his|her|their|\w+'s) (?:(?:old|last) (?:home|flat|house|place|city|job|address|boss|employer|doctor|dentist)"
    r"|old (?:name|car|phone|\w*number|phone number|pass ?word|code|pin|e-?mail))\b",
    re.IGNORECASE,
)


def asks_before(question: str) -> bool:
    """Whether a question asks for what was so before it changed.

    >>> asks_before("Where did I live before?"), asks_before("What is my old phone number?"), asks_before("How old am I?")
    (True, True, False)
    """
    return _BEFORE.search(question.replace("’", "'")) is not None


@dataclass(frozen=True)
class Subject:
    """What a statement gives the value of."""

    key: str
    """Equal for statements about the same thing."""
    value: str
    certain: bool
    """Whether there is only one value at a time; if not, a newer statement replaces this only by saying that it changed."""
    changed: bool
    """Whether the statement says that something changed."""


@dataclass(frozen=True)
class _Frame:
    """One row: a pattern with a group "value" and perhaps a group "what", and what it is about."""

    pattern: re.Pattern[str]
    about: str
    certain: bool = False


def _frame(pattern: str, about: str, *, certain: bool = False) -> _Frame:
    return _Frame(re.compile(pattern + r"[.!\s]*", re.IGNORECASE), about, certain)


_NUMBERED = (
    "age|height|weight|shoe size|(?:phone |mobile |cell |telephone |work |home )?number|(?:home |street |postal |work )?address"
    "|zip code|post ?code|pin(?: code)?|door code|alarm code|licen[cs]e plate|salary|rent|bedtime|target weight"
    "|(?:room|desk|locker|account|membership|flight|gate|seat|policy|customer) number|birthday|birth date|date of birth"
)
_PEOPLE = (
    "employer|boss|manager|landlord|dentist|doctor|gp|therapist|wife|husband|spouse|fianc[eé]e?|girlfriend|boyfriend"
)
_WORDED = (
    "name|first name|last name|surname|nickname|user ?name|handle|pass ?word|pass ?code|blood type|time zone|home ?town"
    "|job title|occupation|profession|native language|mother tongue|citizenship|nationality"
)
_EVENTS = "appointment|deadline|interview|exam|flight|surgery|wedding|meeting|check-?up|graduation|due date"
"""What is moved: whatever else is said of these is not replaced."""


def _of(nouns: str) -> str:
    return rf"(?:my|our) (?:new |current )?(?P<what>(?:[\w'’-]+ ){{0,2}}?(?:{nouns}))"


_IS = r"(?: is|'s|’s)(?: now| currently| actually)?"
_NAME = r"(?P<value>(?-i:[A-ZÀ-Þ])[\w'’.-]*(?:,? [\w'’.-]+){0,3}?)(?: now)?"
_FIGURE = r"(?P<value>(?=.*\d).{1,60}?)"
_DAY = r"(?=.*(?:\d|day\b)).{1,60}?"
_MOVED = r"(?:has been|was|got|is) (?:moved|rescheduled|postponed|changed|pushed back)"

_FRAMES: tuple[_Frame, ...] = (
    _frame(rf"{_of(_NUMBERED)}{_IS} {_FIGURE}", "{what}", certain=True),
    _frame(rf"{_of('e-?mail(?: address)?')}{_IS} (?P<value>\S+@\S+?)", "{what}", certain=True),
    _frame(rf"{_of(_PEOPLE)}{_IS} {_NAME}", "{what}", certain=True),
    _frame(rf"{_of(_WORDED)}{_IS} (?P<value>[^\s,]+(?: [^\s,]+){{0,4}})", "{what}", certain=True),
    _frame(rf"(?:my|our) (?P<what>favou?rite(?: [\w'’-]+){{1,3}}?){_IS} (?P<value>.{{1,60}}?)", "{what}", certain=True),
    _frame(rf"{_of(_EVENTS)}{_IS} (?P<value>(?:on|at) {_DAY})", "when {what}", certain=True),
    _frame(rf"{_of(_EVENTS)} {_MOVED} (?:on|at|for|to) (?P<value>{_DAY})", "when {what}", certain=True),
    _frame(r"i(?:'m|’m| am)(?: now| currently)? (?P<value>\d+)(?: years old)?", "age", certain=True),
    _frame(
        r"i(?:'m|’m| am) (?P<value>\d[\d.,]* ?(?:cm|m|feet|ft|met(?:re|er)s)\b.{0,12}?) tall", "height", certain=True
    ),
    _frame(rf"i weigh(?: now| currently)? {_FIGURE}", "weight", certain=True),
    _frame(rf"i(?: now| currently)? live(?: now)? (?:in|at) {_NAME}", "home"),
    _frame(rf"i(?:'ve|’ve| have)?(?: just| recently)? (?:moved|relocated) to {_NAME}", "home"),
    _frame(rf"i(?: now| currently)? work (?:at|for) {_NAME}", "employer"),
    _frame(
        rf"i(?:'ve|’ve| have)?(?: just| recently)? started (?:working|a new job) (?:at|for|with) {_NAME}", "employer"
    ),
    _frame(r"i(?: now| currently)? drive (?:an? |the )?(?P<value>[\w'’-]+(?: [\w'’-]+){0,3})", "car"),
)
_CHANGED = re.compile(
    r"\b(?:now|no longer|not any ?more|anymore|moved|relocated|started|switched|changed|new|instead|these days|rescheduled"
    r"|postponed|pushed back|just turned|updated)\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"[;?]|[.!]\s+\w|,\s*(?:and|but)\b|\b(?:and|but|or|if|when|because|which|who|also|not|used to)\b", re.I
)
"""Signs that a statement says more than one thing, or takes it back."""
_LONGEST = 160
"""Characters of a statement that gives one value."""


def subject(text: str) -> Subject | None:
    """What a statement gives the value of; None if that cannot be told, or if there may be several values.

    >>> subject("My favorite color is blue.").key, subject("My friend is Ada.")
    ('favourite colour', None)
    """
    plain = " ".join(without_opening(text).split())
    if not plain or len(plain) > _LONGEST or _SEVERAL.search(plain):
        return None
    for frame in _FRAMES:
        found = frame.pattern.fullmatch(plain)
        if found is not None:
            what = (
                statement_key(found.groupdict().get("what") or "").replace("favor", "favour").replace("color", "colour")
            )
            value = statement_key(found["value"]).removesuffix(" now")
            changed = _CHANGED.search(plain) is not None
            return Subject(frame.about.format(what=what), value, frame.certain, changed) if value else None
    return None


def replaces(newer: str, older: str) -> bool:
    """Whether a statement takes the place of one that was made before it by the same speaker.

    >>> replaces("I live in Faro now.", "I live in Porto."), replaces("I live in Portugal.", "I live in Porto.")
    (True, False)
    """
    after, before = subject(newer), subject(older)
    if after is None or before is None or after.key != before.key:
        return False
    words, others = set(after.value.split()), set(before.value.split())
    if words <= others or others <= words:  # "Ada", "Ada Lovelace": one only says more
        return False
    return after.changed or (after.certain and before.certain)
