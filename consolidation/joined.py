"""Questions that need two facts: who my sister is, and where Clara lives, together answer "Where does my sister live?".

Where one fact says who somebody is to the user, questions about that name are asked with the words for it as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from slowwave.consolidation.support import question_key, supported
from slowwave.types import Fact, QAPair

__all__ = ["joined"]

_NAME = r"(?P<name>[A-Z][\w'-]*(?: [A-Z][\w'-]*){0,2})"
_ROLE = r"(?P<role>(?:[a-z][\w-]* ){0,2}[a-z][\w-]*)"
_FORMS = (
    re.compile(rf"^My {_ROLE}(?:'s name)? is (?:called |named )?{_NAME}[.!]?$"),
    re.compile(rf"^My {_ROLE},? {_NAME},? (?:is|has|lives|works|likes|loves|was|will)\b"),
    re.compile(rf"^{_NAME} is my {_ROLE}[.!]?$"),
)
_ROLES = frozenset(
    "sister brother mother father mum mom dad wife husband partner girlfriend boyfriend fiance fiancee son daughter child baby "
    "twin aunt uncle cousin niece nephew grandmother grandfather grandma grandpa friend neighbour neighbor roommate flatmate "
    "boss manager colleague coworker mentor assistant teacher tutor coach trainer doctor dentist therapist lawyer accountant "
    "landlord landlady babysitter nanny cat dog puppy kitten rabbit hamster horse parrot pet company employer school "
    "university gym bank team".split()
)
"""What a name can be called by without meaning something else: "my favourite colour is Green" must not rename green tea."""
_MOST = 3
"""The most joined wordings for one answer."""
_PLAIN_NAMES = {"I", "My", "The", "A", "It", "She", "He", "They", "We"}


def joined(facts: Sequence[Fact], written: Mapping[str, Sequence[QAPair]]) -> dict[str, list[QAPair]]:
    """Further pairs for facts that name somebody whom another fact calls by a role, by fact id.

    Args:
        facts: of one user.
        written: each fact's pairs.

    A role that several facts give to different names is left alone.
    """
    found: dict[str, list[QAPair]] = {}
    for role, (name, source) in _roles(facts).items():
        for fact in facts:
            if fact.id == source:
                continue
            counts: dict[str, int] = {}
            for pair in written.get(fact.id, ()):
                question = _renamed(pair.question, name, f"my {role}")
                key = question_key(pair.answer)
                if question is None or name in pair.answer or counts.get(key, 0) >= _MOST:
                    continue
                new = QAPair(question=question, answer=pair.answer)
                if supported(new, fact):
                    found.setdefault(fact.id, []).append(new)
                    counts[key] = counts.get(key, 0) + 1
    return found


def _roles(facts: Sequence[Fact]) -> dict[str, tuple[str, str]]:
    """(name, id of the fact that says so) by role."""
    names: dict[str, set[str]] = {}
    sources: dict[str, tuple[str, str]] = {}
    for fact in facts:
        for form in _FORMS:
            told = form.match(" ".join(fact.text.split()))
            if told and told["name"] not in _PLAIN_NAMES and told["role"].split()[-1] in _ROLES:
                names.setdefault(told["role"], set()).add(told["name"])
                sources[told["role"]] = (told["name"], fact.id)
                break
    return {role: sources[role] for role, some in names.items() if len(some) == 1}


def _renamed(question: str, name: str, role: str) -> str | None:
    """The question with the role in the place of the name; None if it does not name it."""
    changed, count = re.subn(rf"(?<![\w'-]){re.escape(name)}(?![\w-]| [A-Z])", role, question)
    return changed[:1].upper() + changed[1:] if count else None
