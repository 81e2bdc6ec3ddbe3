"""Whom a statement is about: whether a subject may stand in a question, and whom a pronoun means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from slowwave.consolidation import lexicon
from slowwave.consolidation.clauses import Clause, opens, parse
from slowwave.consolidation.morphology import bare

__all__ = ["is_askable", "is_reported", "means_somebody", "named"]

_SPOILING = lexicon.AUX | lexicon.words("not never no-one nobody nothing used be been being longer")
_RELATIVE = " (?:who|which|that|whose|whom) "
_SOMEBODY = (
    rf"(?:{lexicon.KIN}|{lexicon.PET}|{lexicon.ROLE}|teammate|classmate|coworker|co-worker|boyfriend|girlfriend)"
)
_KNOWN = re.compile(rf"(?:my|our) (?:[\w-]+ ){{0,2}}?{_SOMEBODY}(?: [A-Z][\w'-]+)*", re.I)
_OTHERS = re.compile(rf"\b(?i:{_SOMEBODY})s?\b|\b[A-Z][\w'-]+")
_INTRODUCED = re.compile(
    rf"(?:I|we) (?:(?:also|just) )?(?:have|has|got|adopted|own) (?:an?|one) (?P<who>(?:[\w-]+ ){{0,2}}?{_SOMEBODY})"
    r"(?: (?:named|called) [A-Z][\w'-]+)?",
    re.I,
)
_HIS_OR_HER = {
    "he": re.compile(
        r"\b(?:sister|daughter|wife|girlfriend|mother|mom|mum|niece|aunt|grandmother|grandma|landlady|Mrs|Ms)\b"
    ),
    "she": re.compile(r"\b(?:brother|son|husband|boyfriend|father|dad|nephew|uncle|grandfather|grandpa|landlord|Mr)\b"),
}
"""Whom a pronoun does not mean."""
_SPOT = re.compile(r"\b(?:in|at|near|to) (?:the )?[A-Z][\w'-]*(?: [A-Z][\w'-]*)*")
_PRONOUN = re.compile(r"(he|she) (?=[a-z])", re.I)


def means_somebody(subject: str) -> bool:
    """Whether a subject can be understood alone: it begins neither with a pronoun nor with a doubt."""
    tokens = subject.split()
    return bool(tokens) and bare(tokens[0]) not in lexicon.HOLLOW | lexicon.DOUBTS | {"their", "you", "your"}


def is_askable(subject: str) -> bool:
    """Whether a span that was taken for a subject is one: no pronoun, doubt, denial or verb of its own is in it.

    >>> is_askable("my sister"), is_askable("my sister would like to"), is_askable("Perhaps Anna"), is_askable("She")
    (True, False, False, False)
    """
    if not means_somebody(subject) or re.match(r"(?:I|we) (?!and\b)", subject, re.I):
        return False
    plain = re.split(_RELATIVE, f" {subject} ")[0].split()
    return not any(
        bare(token) in _SPOILING or (at and token.islower() and (bare(token) in lexicon.DOUBTS or opens(plain, at)))
        for at, token in enumerate(plain)
        if not (token[:1].isupper() and bare(token) in lexicon.MODAL)  # "Will", "May"
    )


def is_reported(clause: Clause) -> bool:
    """Whether a clause tells what somebody says, thinks or heard, not what is so."""
    if clause.base not in lexicon.SAYING or not clause.chunks:
        return False
    said = " ".join(str(chunk) for chunk in clause.chunks)
    return not said.startswith("that ") and _has_verb(said.split())


def _has_verb(tokens: list[str]) -> bool:
    return any(bare(token) in lexicon.AUX or (at and opens(tokens, at)) for at, token in enumerate(tokens))


def named(stated: Iterable[str]) -> Iterator[str]:
    """Statements in which "he" or "she" at the beginning is whom the statement before is about, if that is clear.

    >>> list(named(["My sister is Clara.", "She lives in Rome."]))
    ['My sister is Clara.', 'My sister lives in Rome.']
    """
    who = ""
    for statement in stated:
        pronoun = _PRONOUN.match(statement)
        if pronoun is None:
            who = _introduced(statement)
        elif who and not _HIS_OR_HER[pronoun[1].lower()].search(who):
            rest = statement[pronoun.end() :]
            statement = f"{who} {rest}"
            if _others(rest):
                who = ""
        yield statement


def _others(text: str) -> bool:
    """Whether anybody else, who is not just the name of a place, is in a text."""
    return _OTHERS.search(_SPOT.sub("", text)) is not None


def _introduced(statement: str) -> str:
    """The one person a statement is about; empty where there is none, or another one in it."""
    text = statement.strip(" .!")
    if found := _INTRODUCED.match(text):
        return f"My {found['who']}" if not _others(text[found.end() :]) else ""
    clause = parse(statement)
    if clause is None or not is_askable(clause.subject) or {"are", "were", "have"} & set(clause.auxiliaries):
        return ""
    rest = text[text.find(clause.subject) + len(clause.subject) :] if clause.subject in text else text
    identity = not clause.verb or clause.base in {"call", "name"}
    if _KNOWN.fullmatch(clause.subject):
        others = (
            re.sub(r"^ (?:is|was) (?:called |named )?[A-Z][\w'-]+(?: [A-Z][\w'-]+)*", "", rest) if identity else rest
        )
        return clause.subject if not _others(others) else ""
    single = re.fullmatch(r"[A-Z][\w'-]+(?: [A-Z][\w'-]+)?", clause.subject)
    kind = re.match(
        rf" (?:is|was) (?:(?:my|our|an?|the) (?:[\w-]+ ){{0,2}}?{_SOMEBODY}|an? {lexicon.JOB})(?P<rest>.*)", rest
    )
    return clause.subject if single and kind and not _others(kind["rest"]) else ""
