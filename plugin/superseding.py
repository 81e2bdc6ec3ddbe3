"""Which statements give the value of the same thing, so that a newer one replaces an older one, and who asks for the older.

By pattern, not by meaning, and only where a person has one such value at a time: a wrong replacement hides a fact that is
true. "I live in Porto" is replaced by "I moved to Faro" but not by "I live in Portugal", because nothing there says that
anything changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from slowwave.restated import statement_key, without_opening
from slowwave.values import MONTHS, WHEN, value_of

__all__ = ["Subject", "asks_before", "replaces", "subject"]


_BEFORE = re.compile(
    r"\b(?:did(?:n't)?\b[^.?!]{0,40}? use to|used to"
    r"|previous(?:ly)?|former(?:ly)?|originally|in the past|back then|no longer)\b|\bbefore\W*$|\bearlier\W*$"
    r"|\bbefore (?:that|then|this|the (?:change|move)|(?:i|we|he|she|they) (?:moved|changed|switched|got|left))\b"
    r"|\b(?:my|our|his|her|their|\w+'s) (?:(?:old|last) (?:home|flat|house|place|city|job|address|boss|employer|doctor|dentist)"
    r"|old (?:name|car|phone|\w*number|phone number|pass ?word|code|pin|e-?mail))\b",
    re.IGNORECASE,
)
_IN_USE = re.compile(
    r"\b(?:am|is|are|was|were|be|been|being|get|gets|got|getting|ha(?:s|ve|d))(?:n't)?(?: not| often| also| usually| still)?"
    r"(?: (?:i|we|you|he|she|they|it|this|that))? used to\b"
    r"|(?:\b(?:is|are|was|were|ha(?:s|ve|d))(?:n't)?|\w's)(?: (?:the|a|an|my|our|your|his|her|their))?"
    r"(?-i:(?: (?!(?:we|you|he|she|they|who|that|which)\b)[a-z]+){0,2}) used to\b"
    r"|\b(?:is|are|was|were)(?:n't)? (?-i:[A-Z][\w'-]*) used to\b",
    re.IGNORECASE,
)
"""Where "used to" is about a habit of today or a means: "what code is used to open it", "am I used to the cold"."""


def asks_before(question: str) -> bool:
    """Whether a question asks for what was so before it changed.

    >>> asks_before("Where did I live before?"), asks_before("What is my old phone number?"), asks_before("How old am I?")
    (True, True, False)
    """
    return _BEFORE.search(_IN_USE.sub(" ", question.replace("’", "'"))) is not None


@dataclass(frozen=True)
class Subject:
    """What a statement gives the value of."""

    key: str
    """Equal for statements about the same thing."""
    value: str
    kind: str
    form: str
    """Values of another kind or form are values of something else (see `values`)."""
    certain: bool
    """Whether there is only one value at a time; if not, a newer statement replaces this only by saying that it changed."""
    several: bool
    """Whether one may have several of these, such as sisters and flights: a word of change then means one of them."""
    changed: bool
    """Whether the statement says that something changed."""
    since: tuple[int, int] | None = None
    """The year and month in which it changed; month 0 if only the year is told."""


@dataclass(frozen=True)
class _Frame:
    """One row: a pattern with a group "value" and perhaps a group "what", and what it is about."""

    pattern: re.Pattern[str]
    about: str
    kinds: tuple[str, ...]
    certain: bool = False
    several: bool = False


def _frame(pattern: str, about: str, kinds: str, *, certain: bool = False, several: bool = False) -> _Frame:
    return _Frame(re.compile(pattern + r"[.!\s]*", re.IGNORECASE), about, tuple(kinds.split()), certain, several)


_AMOUNTS = "age|height|weight|shoe size|salary|rent|target weight"
_CODES = (
    "(?:phone |mobile |cell |telephone |work |home )?number|zip code|post ?code|pin(?: code)?|door code|alarm code"
    "|licen[cs]e plate|(?:room|desk|locker) number|(?:gym |locker )+code"
)
_MANY_CODES = "(?:account|membership|flight|gate|seat|policy) number"
_PEOPLE = "boss|manager|landlord|dentist|doctor|gp|therapist|wife|husband|spouse|fianc[eé]e?|girlfriend|boyfriend"
_EVENTS = "appointment|deadline|interview|exam|flight|surgery|wedding|meeting|check-?up|graduation|due date"
"""What is moved: whatever else is said of these is not replaced, for there may be another one."""
_SINGLE = frozenset(
    "wife husband spouse partner fiance fiancé fiancee fiancée girlfriend boyfriend mother father mom mum dad boss".split()
)
"""Whom one has only one of; of anybody else's things ("my sister's birthday", "my dog's name") there may be several."""
_MANY = frozenset(
    """son daughter sister brother child kid baby twin cousin niece nephew aunt uncle grandmother grandfather grandma grandpa
    grandson granddaughter stepson stepdaughter friend roommate flatmate neighbour neighbor colleague coworker student teacher
    dog cat puppy kitten pet rabbit parrot hamster horse fish goldfish turtle tortoise bird pony ex old former previous""".split()
)


def _of(nouns: str) -> str:
    return rf"(?:my|our) (?:new |current )?(?P<what>(?:[\w'’-]+ ){{0,2}}?(?:{nouns}))"


def _the(nouns: str) -> str:
    """What a household has one of: "the wifi password"."""
    return rf"(?:the|my|our) (?:new |current )?(?P<what>(?:{nouns}))"


_IS = r"(?: is|'s|’s)(?: now| currently| actually)?"
_BECAME = r"(?: is|'s|’s)(?: now| currently)?|(?: has|'s|’s)?(?: been)? changed(?: from .{1,30})? to|was changed to"
_VALUE = r"(?P<value>.{1,60}?)(?: now)?"
_MOVED = r"(?:has been|was|got|is) (?:moved|rescheduled|postponed|changed|pushed back)"
_JUST = r"(?:i|we)(?:'ve|’ve| have)?(?: just| recently)?"
_HAS = r"(?:has )?(?:just |recently )?"
_ANOTHER = (
    r"(?:(?:my|our) )?(?P<what>(?:wife|husband|partner|mother|father|mum|mom|dad|girlfriend|boyfriend|boss)"
    r"|(?-i:(?!(?:He|She|It|They|We|You|This|That|Who|Nobody|Somebody|Someone|Everybody|Everyone|One)\b)[A-ZÀ-Þ][\w'’-]+"
    r"(?: [A-ZÀ-Þ][\w'’-]+)?))"
)
"""Somebody by a name, or of whom one has only one."""
_SINCE = rf"(?: (?:recently|lately|(?P<when>{WHEN})))?"

_FRAMES: tuple[_Frame, ...] = (
    _frame(rf"{_of(_AMOUNTS)}{_IS} {_VALUE}", "{what}", "amount", certain=True),
    _frame(rf"{_of(_MANY_CODES)}{_IS} {_VALUE}", "{what}", "code", several=True),
    _frame(rf"{_of(_CODES)}{_IS} {_VALUE}", "{what}", "code", certain=True),
    _frame(rf"{_of('(?:home |street |postal |work )?address')}{_IS} {_VALUE}", "{what}", "street", certain=True),
    _frame(rf"{_of('birthday|birth date|date of birth')}{_IS} {_VALUE}", "{what}", "date", certain=True),
    _frame(rf"{_of('bedtime')}{_IS} {_VALUE}", "{what}", "clock", certain=True),
    _frame(rf"{_of('e-?mail')}(?: address)?{_IS} {_VALUE}", "{what}", "mail", certain=True),
    _frame(rf"{_of(_PEOPLE)}(?:['’]s name)?{_IS} {_VALUE}", "{what}", "person", certain=True),
    _frame(rf"{_of('employer')}{_IS} {_VALUE}", "{what}", "firm", certain=True),
    _frame(rf"{_of('nickname')}{_IS} {_VALUE}", "{what}", "person", several=True),
    _frame(rf"{_of('(?:first |last )?name|surname')}{_IS} {_VALUE}", "{what}", "person", certain=True),
    _frame(rf"{_of('pass ?word|pass ?code|user ?name|handle')}{_IS} {_VALUE}", "{what}", "secret", certain=True),
    _frame(rf"{_the('wi-?fi pass ?word|wi-?fi key')}(?:{_BECAME}) {_VALUE}", "wifi password", "secret", certain=True),
    _frame(rf"{_JUST} changed {_the('wi-?fi pass ?word')} to {_VALUE}", "wifi password", "secret", certain=True),
    _frame(
        rf"{_the('(?:front |back )?door code|alarm code|gate code')}(?:{_BECAME}) {_VALUE}",
        "{what}",
        "code",
        certain=True,
    ),
    _frame(rf"{_of('blood type')}{_IS} {_VALUE}", "{what}", "blood", certain=True),
    _frame(rf"{_of('time zone')}{_IS} {_VALUE}", "{what}", "zone", certain=True),
    _frame(rf"{_of('home ?town')}{_IS} {_VALUE}", "{what}", "place", certain=True),
    _frame(rf"{_of('job title|occupation|profession')}{_IS} {_VALUE}", "{what}", "job"),
    _frame(
        rf"{_of('native language|mother tongue|citizenship|nationality')}{_IS} {_VALUE}",
        "{what}",
        "origin",
        several=True,
    ),
    _frame(
        rf"(?:my|our) (?:new |current )?(?P<what>favou?rite (?:colou?r|number|day|month|season)){_IS} {_VALUE}",
        "{what}",
        "colour weekday month season amount",
        certain=True,
    ),
    _frame(
        r"(?:my|our) (?:new |current )?(?P<what>favou?rite (?:food|drink|dish|fruit|vegetable|snack|dessert|animal|flower|sport"
        rf"|subject|hobby)){_IS} {_VALUE}",
        "{what}",
        "title origin thing",
    ),
    _frame(
        rf"(?:my|our) (?:new |current )?(?P<what>favou?rite(?: [\w'’-]+){{1,3}}?){_IS} {_VALUE}",
        "{what}",
        "title origin",
    ),
    _frame(rf"{_of(_EVENTS)}{_IS} (?:on|at) {_VALUE}", "when {what}", "moment", several=True),
    _frame(rf"{_of(_EVENTS)} {_MOVED} (?:on|at|for|to) {_VALUE}", "when {what}", "moment", several=True),
    _frame(
        r"i(?:(?:['’]m| am)(?: now| currently)?|(?:['’]ve| have)?(?: just)? turned) (?P<value>\d+(?: years old)?)(?: now)?",
        "age",
        "amount",
        certain=True,
    ),
    _frame(rf"i(?:'m|’m| am) {_VALUE} tall", "height", "amount", certain=True),
    _frame(rf"i weigh (?:now |currently )?{_VALUE}", "weight", "amount", certain=True),
    _frame(rf"(?:i|we) (?:now |currently )?live (?:now )?(?:in|at) {_VALUE}", "home", "place"),
    _frame(rf"{_JUST} (?:moved|relocated) to {_VALUE}{_SINCE}", "home", "place"),
    _frame(rf"i (?:now |currently )?work (?:at|for) (?:the )?{_VALUE}", "employer", "firm"),
    _frame(rf"{_JUST} started (?:working|a new job) (?:at|for) {_VALUE}{_SINCE}", "employer", "firm"),
    _frame(rf"i (?:now |currently )?drive {_VALUE}", "car", "car"),
    _frame(rf"{_ANOTHER} (?:now |currently )?lives (?:now )?in {_VALUE}", "home of {what}", "place"),
    _frame(rf"{_ANOTHER} {_HAS}(?:moved|relocated) to {_VALUE}{_SINCE}", "home of {what}", "place"),
    _frame(rf"{_ANOTHER} (?:now |currently )?works (?:at|for) (?:the )?{_VALUE}", "employer of {what}", "firm"),
    _frame(
        rf"{_ANOTHER} {_HAS}started (?:working|a new job) (?:at|for) {_VALUE}{_SINCE}", "employer of {what}", "firm"
    ),
)
_CHANGED = re.compile(
    r"\b(?:now|no longer|not any ?more|anymore|moved|relocated|started|switched|changed|instead|these days|rescheduled"
    r"|postponed|pushed back|just turned|updated)\b",
    re.IGNORECASE,
)
_NEW = re.compile(r"\bnew\b", re.IGNORECASE)
"""A word of change for what one has one of; of what one has several of it is one more."""
_SEVERAL = re.compile(
    r"[;?]|[.!]\s+\w|,\s*(?:and|but)\b|\b(?:and|but|or|if|when|because|which|who|also|not|used to)\b", re.I
)
"""Signs that a statement says more than one thing, or takes it back."""
_CAPITALS = re.compile(r" (?:I[Ss]|T[Oo]|I[Nn]|A[Tt]|A[Nn]?|F[Oo][Rr]|N[Oo][Ww]) ")
"""Who writes Every Word Like This shows no names by it."""
_TITLE = re.compile(r"\b(dr|mrs?|ms|prof|st)\.", re.IGNORECASE)
"""Whose dot ends no sentence."""
_FREE = frozenset({"amount", "code"})
"""Kinds whose form may change: a rent of 900 euros, then one of 1000 dollars."""
_MOVING = re.compile(r"\b(?:moved|relocated)\b", re.IGNORECASE)
"""Who lives in a town "now" may still live in the country that was told; who moved there left what was told."""
_LONGEST = 160
"""Characters of a statement that gives one value."""


def subject(text: str) -> Subject | None:
    """What a statement gives the value of; None if that cannot be told, or if there may be several values.

    >>> subject("My favorite color is blue.").key, subject("My friend is Ada.")
    ('favourite colour', None)
    """
    plain = _TITLE.sub(r"\1", " ".join(without_opening(text).split()))
    if not plain or len(plain) > _LONGEST or _SEVERAL.search(plain) or _CAPITALS.search(plain):
        return None
    for frame in _FRAMES:
        found = frame.pattern.fullmatch(plain)
        value = value_of(found["value"], frame.kinds) if found is not None else None
        if found is None or value is None:
            continue
        groups = found.groupdict()
        what = statement_key(groups.get("what") or "").replace("favor", "favour").replace("color", "colour")
        several = frame.several or _one_of_many(what)
        changed = bool(_CHANGED.search(plain) or (_NEW.search(plain) and not several))
        return Subject(
            key=frame.about.format(what=what),
            value=value.key,
            kind=value.kind,
            form=value.form,
            certain=frame.certain and not several,
            several=several,
            changed=changed,
            since=_since(groups.get("when") or ""),
        )
    return None


def replaces(newer: str, older: str, said_at: datetime | None = None) -> bool:
    """Whether a statement takes the place of one that was made before it by the same speaker.

    Args:
        newer: what was said later, best with its days resolved (`slowwave.dates.resolve_dates`).
        older: what was said before.
        said_at: when that was; what changed in an earlier month ("I moved to Porto in 2015") is history to it.

    >>> replaces("I live in Faro now.", "I live in Porto."), replaces("I live in Portugal.", "I live in Porto.")
    (True, False)
    """
    after, before = subject(newer), subject(older)
    if after is None or before is None or (after.key, after.kind) != (before.key, before.kind):
        return False
    words, others = set(after.value.split()), set(before.value.split())
    if words <= others or others <= words:  # "Ada", "Ada Lovelace": one only says more
        return False
    changed = after.changed and _is_after(after, before, said_at)
    if after.form != before.form and not (
        changed and (after.kind in _FREE or (_MOVING.search(newer) and after.form == "town"))
    ):
        return False
    return changed or (after.certain and before.certain)


def _one_of_many(what: str) -> bool:
    """Whether it belongs to somebody or something that one may have several of: "my sister's birthday"."""
    *owners, _ = what.split() or [""]
    for owner in owners:
        name = owner.removesuffix("'s").removesuffix("’s").rstrip("'’")
        if name in _MANY or name.removesuffix("s") in _MANY or (name != owner and name not in _SINGLE):
            return True
    return False


def _since(when: str) -> tuple[int, int] | None:
    year = re.search(r"\d{4}", when)
    month = next((MONTHS[word] for word in when.lower().split() if word in MONTHS), 0)
    return (int(year[0]), month) if year is not None else None


def _is_after(after: Subject, before: Subject, said_at: datetime | None) -> bool:
    """Whether a change came after what it would replace; where months are not told, years decide."""
    if after.since is None:
        return True
    if before.since is not None:
        return after.since > before.since and (after.since[0] > before.since[0] or bool(before.since[1]))
    if said_at is None:
        return False
    return after.since >= (said_at.year, said_at.month if after.since[1] else 0)
