"""Of what kind a value is that a statement gives: "900 euros" is an amount, "due on the 1st" is none.

Only what is surely of a kind has one. A remark ("hard to pronounce", "closed on Mondays", "Irish" of a person) is no value, so
that it takes the place of none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from slowwave import dates
from slowwave.restated import statement_key

__all__ = ["MONTHS", "WHEN", "Value", "value_of"]


class Value(NamedTuple):
    """A value and what it may be compared with."""

    key: str
    """Equal for values that are the same."""
    kind: str
    form: str
    """Equal within a kind where one can stand for the other without a word of change: "# euros", "# euros a month"."""


# -- words -----------------------------------------------------------------------------------------------------------

MONTHS: Mapping[str, int] = {
    name: number for number, month in enumerate(dates.MONTHS, 1) for name in (month, month[:3], month[:4])
}
"""Numbers of months, by name and short name."""
_MONTH = rf"(?:{'|'.join(sorted(MONTHS, key=len, reverse=True))})"
_DAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day)"
_ORIGINS = frozenset(
    """german american mexican cuban korean moroccan african european texan dominican guatemalan venezuelan roman dutch
    french welsh greek czech swiss thai afghan arab turk dane swede finn pole croat serb slovak slovene scot brit iraqi
    israeli pakistani bangladeshi nepali omani qatari saudi somali uzbek kazakh kurd basque catalan flemish filipino
    filipina latino latina hispanic kenyan chilean tibetan libyan angolan ugandan rwandan samoan londoner berliner yorker
    eskimo inuit malay tatar zulu maori catholic protestant orthodox baptist methodist muslim hindu sikh mormon lutheran
    anglican quaker atheist vegan republican democrat black white aries taurus gemini cancer leo virgo libra scorpio
    sagittarius capricorn aquarius pisces""".split()
)
"""What somebody is, with a capital: where from, of which faith."""
_ORIGIN = re.compile(r"\w{2,}(?:ish|ese|ian|ist|can)")
"""Of the same kind. It takes in a few names, such as Vivian; those replace nothing then."""
_OFFICES = re.compile(r"(?:head|director|president|chief|vice|senior|junior|lead|assistant|intern|[A-Z]{2,})")
_NO_NAME = frozenset(
    """team group department division squad unit plan level grade tier version phase room desk floor building office campus
    home work bed class section gate seat platform terminal day night days nights monday mondays tuesday tuesdays
    wednesday wednesdays thursday thursdays friday fridays saturday saturdays sunday sundays""".split()
)
"""Words that are no place to live in and no employer, whatever their capital."""
_NO_PLACE = _NO_NAME | frozenset(
    """marketing sales engineering finance legal product support operations design research accounting accounts logistics
    procurement production development purchasing consulting security quality administration management compliance
    analytics communications linux ubuntu debian fedora windows mac android chrome firefox safari edge gmail outlook
    proton protonmail thunderbird yahoo slack teams zoom discord signal telegram whatsapp notion obsidian evernote jira
    trello asana confluence python java javascript typescript rust kotlin swift ruby haskell scala clojure elixir react
    angular vue django rails flask emacs vim neovim docker kubernetes terraform postgres mysql sqlite mongo redis kafka
    spark azure google microsoft amazon apple netflix spotify deezer tidal kindle facebook instagram twitter mastodon
    bluesky reddit scrum kanban agile premium enterprise pro basic business economy senior keto decaf lead shift part full
    english spanish french german""".split()
)
"""What people "move to" besides: departments, programs, languages."""
_SHORT_PLACES = frozenset("UK US USA UAE NYC LA DC SF NY NZ".split())
_COUNTRIES = frozenset(
    """afghanistan albania algeria andorra angola argentina armenia australia austria azerbaijan bangladesh belarus belgium
    bolivia bosnia botswana brazil bulgaria cambodia cameroon canada chile china colombia croatia cuba cyprus czechia
    denmark ecuador egypt england estonia ethiopia finland france georgia germany ghana greece guatemala hungary iceland
    india indonesia iran iraq ireland israel italy jamaica japan jordan kazakhstan kenya korea kosovo kuwait latvia
    lebanon libya liechtenstein lithuania luxembourg malaysia malta mexico moldova monaco mongolia montenegro morocco
    mozambique namibia nepal netherlands nicaragua nigeria norway oman pakistan panama paraguay peru philippines poland
    portugal qatar romania russia rwanda scotland senegal serbia singapore slovakia slovenia somalia spain sudan sweden
    switzerland syria taiwan tanzania thailand tunisia turkey uganda ukraine uruguay uzbekistan venezuela vietnam wales
    yemen zambia zimbabwe uk us usa uae europe asia africa america california texas florida bavaria tuscany catalonia""".split()
)
_REMARK = re.compile(
    r"(?:an?|the|my|in|on|at|to|from|with|without|by|for|about|as|like|near|under|over|of|off|out|up|down|so|too|very|quite"
    r"|really|pretty|rather|much|more|most|less|far|still|almost|nearly|only|already|always|never|not|no|all|than|gone|broken"
    r"|lost|stolen|sold|over|hard|easy|good|bad|great|nice|fine|cheap|new|old|big|small|long|short|high|low|hot|cold|full|empty"
    r"|wrong|right|true|sad|cute|weird|sick|dead|free|late|rare|rich|poor|safe|slow|fast|loud|quiet|clean|\w+(?:ing|ed|er|est"
    r"|ous|ful|less|able|ible|ive|ish|ic|ly|[^r]ty|ny|ky|dy))"
)
"""A word that makes what is said of a thing a remark: prepositions, degrees, participles, comparatives, adjectives."""

# -- patterns --------------------------------------------------------------------------------------------------------

_CAP = r"(?-i:[A-ZÀ-Þ])[\w'’.-]*"
_LITTLE = r"(?-i:de|da|do|dos|das|del|della|di|la|le|les|el|van|von|der|den|al|bin|y|e|am)"


def _names(more: str = "") -> str:
    """Words with a capital, with the small words between them that names have."""
    return rf"{_CAP}(?:,? (?:(?:{_LITTLE}{more}) ){{0,2}}{_CAP}){{0,4}}"


_PROPER = _names(r"|(?-i:of|the|and|upon)|&")
_NUMBER = r"\d[\d.,']*"
_UNIT = (
    r"(?:k|euros?|eur|€|\$|£|dollars?|usd|pounds?|quid|gbp|francs?|chf|yen|rupees?|crowns?|zloty|reais|kg|kilos?|kilograms?|lbs?"
    r"|stones?|cm|mm|m|met(?:re|er)s?|feet|foot|ft|inch(?:es)?|in|['\"’”]|years?(?: old)?)"
)
_AMOUNT = (
    rf"(?:[$€£¥]|eu|uk|us|chf)? ?{_NUMBER} ?{_UNIT}?(?: ?{_NUMBER} ?{_UNIT}?)?"
    r"(?:(?: (?:an?|per|each|every) |/)(?:hour|week|month|year))?(?: (?:net|gross))?"
)
_CODE = r"(?=.*\d)(?:(?=\S*\d)[\w./()#+-]+|(?-i:[A-Z]{1,4}))(?: (?:(?=\S*\d)[\w./()#+-]+|(?-i:[A-Z]{1,4}))){0,5}"
_DATE = (
    rf"(?:on )?(?:the )?(?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}|{_MONTH} (?:the )?\d{{1,2}}(?:st|nd|rd|th)?)(?:,? \d{{4}})?"
    r"|(?:on )?\d{1,4}[./-]\d{1,2}[./-](?:\d{2,4})?"
)
WHEN = (
    rf"(?:back )?in (?:{_MONTH} |the (?:spring|summer|autumn|fall|winter) of )?\d{{4}}"
    rf"|(?:on|in the week of|on the (?:weekend|morning|afternoon|evening|night) of) \d{{1,2}} {_MONTH} \d{{4}}"
)
"""When something happened, where that is said by the calendar."""
_STREET = rf"(?:\d[\w/-]*|{_CAP}|{_LITTLE}|(?-i:of|the))"
_SHADE = (
    r"(?:red|orange|yellow|green|blue|purple|violet|pink|brown|black|white|gr[ae]y|teal|turquoise|cyan|magenta|maroon|navy|beige"
    r"|gold|silver|lavender|lilac|indigo|crimson|scarlet|mint|olive|coral|mauve|burgundy|emerald|ochre)"
)
_NAMES_DAY = re.compile(rf"\b(?:{_DAY}|{_MONTH})\b|\d[./-]\d|\b\d{{1,2}}(?:st|nd|rd|th)\b", re.IGNORECASE)
_CLOCK = re.compile(r"\d[:.]\d\d\b|\d ?[ap]\.?m\b|\bo['’]clock|\b(?:noon|midnight)\b|^\d{1,2}$", re.IGNORECASE)
_KINDS: Mapping[str, re.Pattern[str]] = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        "amount": _AMOUNT,
        "code": _CODE,
        "secret": r"(?=\S{4})\S*(?:\d|[@#$%^&*+=_~!?/\\|<>])\S*|(?-i:\S*[a-z][A-Z]\S*)",
        "street": rf"(?=.*\d)(?=.*(?-i:[A-ZÀ-Þ])){_STREET}(?:,? {_STREET}){{1,8}}",
        "mail": r"\S+@\S+",
        "date": _DATE,
        "moment": r".{1,60}",
        "clock": r"(?:at )?(?:\d{1,2}(?:[:.]\d\d)?(?: ?[ap]\.?m\.?| o['’]clock)?|noon|midnight)",
        "person": _names(),
        "place": _PROPER,
        "firm": _PROPER,
        "origin": rf"{_CAP}(?:[ -]{_CAP})?",
        "zone": r"(?-i:[A-Z])[\w+:/-]*(?: (?-i:[A-Z])[\w+:/-]*){0,2}",
        "blood": r"(?:a|b|ab|o|0)(?: ?[+-]| (?:rh )?(?:positive|negative))?",
        "car": rf"an? (?:\w+ ){{0,2}}?{_CAP}(?: (?:{_CAP}|\d\w*)){{0,2}}",
        "colour": rf"(?:(?:dark|light|pale|bright|deep|royal|sky|navy|lime|forest|baby|hot)[ -])?{_SHADE}",
        "weekday": _DAY,
        "month": _MONTH,
        "season": r"spring|summer|autumn|fall|winter",
        "title": rf"(?:{_CAP}|\d+)(?: (?:[a-z]{{1,4}} ){{0,2}}(?:{_CAP}|\d+)){{0,5}}",
        "job": rf"(?:an? )?(?:[\w-]+ ){{0,2}}\w+(?:eer|ist|ian|ant|tor|sor|cher|per|ger|gner|yer|ver|nurse|chef|pilot)|{_PROPER}",
        "thing": r"[a-z]+(?: [a-z]+){0,2}",
    }.items()
}


# -- what the patterns cannot tell -------------------------------------------------------------------------------------


def _is_person(text: str) -> bool:
    words = text.split()
    return not _is_origin(text) and not any(
        _OFFICES.fullmatch(word) or _OFFICES.fullmatch(word.lower()) for word in words
    )


def _is_origin(text: str) -> bool:
    words = re.split(r"[ -]", text.lower())
    return any(word in _ORIGINS or _ORIGIN.fullmatch(word) for word in words)


def _is_place(text: str) -> bool:
    words = text.replace(",", "").split()
    if any(word.lower() in _NO_PLACE or re.search(r"[a-z][A-Z]|\d", word) for word in words):
        return False
    if words[-1].endswith(("'s", "’s")) or (
        len(words) == 1 and _is_origin(text)
    ):  # at somebody's; "my home town is Irish"
        return False
    return all(word in _SHORT_PLACES or not re.fullmatch(r"[A-Z]{2,}", word) for word in words)


def _is_firm(text: str) -> bool:
    return not re.search(r"\d", text) and text.lower() not in _NO_NAME


def _is_thing(text: str) -> bool:
    return not any(_REMARK.fullmatch(word) for word in text.split())


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "person": _is_person,
    "origin": _is_origin,
    "place": _is_place,
    "firm": _is_firm,
    "moment": lambda text: bool(_NAMES_DAY.search(text) or _CLOCK.search(text)),
    "title": lambda text: not _is_origin(text),
    "thing": _is_thing,
}


def value_of(text: str, kinds: Sequence[str]) -> Value | None:
    """The value that a text is, of the first of these kinds that fits; None where it is a remark or something else.

    >>> value_of("900 euros", ("amount",)).form, value_of("due on the 1st", ("amount",)), value_of("Irish", ("person",))
    ('# euros', None, None)
    """
    for kind in kinds:
        if _KINDS[kind].fullmatch(text) and _CHECKS.get(kind, bool)(text) and (key := _key(text, kind)):
            return Value(key, kind, _form(text, kind, key))
    return None


def _key(text: str, kind: str) -> str:
    if kind != "date":
        return statement_key(text)
    words = re.sub(r"(\d)(?:st|nd|rd|th)\b", r"\1", statement_key(text)).split()
    numbered = [f"month {MONTHS[word]}" if word in MONTHS else word for word in words if word not in {"on", "of"}]
    return " ".join(numbered)


def _form(text: str, kind: str, key: str) -> str:
    if kind == "amount":
        return re.sub(r"\d[\d.,:/-]*", "#", key).removesuffix(" old").removesuffix(" years")
    if kind == "code":
        return "long" if sum(letter.isdigit() for letter in text) > 5 else "short"
    if kind == "moment":
        return "day" if _NAMES_DAY.search(text) else "time"
    if kind == "place":
        return "country" if key in _COUNTRIES else "town"
    return ""
