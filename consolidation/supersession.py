"""Which one thing a fact says, so that a later fact about the same thing replaces it.

Only where somebody can have but one of it: an address, a phone number, an employer, a favourite colour, but not an allergy
or a dog. And only facts that say nothing else: what stands beside it would be lost. The rest stays side by side, and the
reader takes the newer.
"""

from __future__ import annotations

import re

from slowwave.consolidation.relations import relation_slots
from slowwave.consolidation.statements import statements
from slowwave.consolidation.support import question_key
from slowwave.consolidation.voices import voices_of
from slowwave.prompts import dated
from slowwave.quarantine import is_order
from slowwave.types import Fact

__all__ = ["subject_key"]

_SINGLE = (
    "boss|manager|supervisor|doctor|dentist|gp|physician|therapist|landlord|landlady|accountant|lawyer|hairdresser|barber|"
    "optician|tutor|personal trainer|piano teacher|wife|husband|spouse|fiance|fiancee|emergency contact"
)
_ONE_OF_IT = re.compile(
    r"what is (?:my|.+ s) (?!.*\bcalled$)(?!(?:middle |nick)?name$).+|"
    r"what (?:is|are) the .+ (?:password|passcode|passphrase|pin|code|combination) .+|"
    rf"where (?:do|does) .+ (?:live|work)|where is .+|how old (?:am|is|are) .+|when is .+ birthday|"
    rf"when is the deadline for .+|when is .+ due|who is (?:my|.+ s) (?:{_SINGLE})|who (?:am|is|are) .+ married to|"
    r"what car (?:do|does) .+ drive|when (?:do|does) .+ wake up|how much does .+ cost|what diet (?:do|does) .+ follow|"
    r"what (?:is|are) .+ favourite .+"
)
_MOVED = re.compile(r"where did (.+) move to")
_LONGEST = 200  # characters; more than this is a story, not a fact


def subject_key(fact: Fact) -> str:
    """The plain question that the fact answers and nothing besides; empty if there may be several answers to it.

    >>> from datetime import datetime
    >>> told = {"id": "1", "user_id": "ada", "said_at": datetime(2026, 11, 22)}
    >>> subject_key(Fact(text="I live in Porto.", **told)), subject_key(Fact(text="I moved to Faro.", **told))
    ('where do i live', 'where do i live')
    >>> subject_key(Fact(text="I'm allergic to peanuts.", **told))
    ''
    """
    if len(fact.text) > _LONGEST or is_order(fact.text):
        return ""
    stated = list(statements(dated(fact).text))
    if len(stated) != 1 or fact.text.rstrip().endswith("?"):
        return ""
    slots = relation_slots(stated[0], voices_of(stated[0], fact))
    if len(slots) != 1 or not slots[0].wordings or not slots[0].wordings[0]:
        return ""
    (slot,) = slots
    if not stated[0].rstrip(" .!").endswith(slot.answer):
        return ""  # it goes on: "I live in Porto with my sister"
    key = question_key(slot.wordings[0][0])
    if moved := _MOVED.fullmatch(key):
        key = f"where {'do' if moved[1] in {'i', 'we', 'you', 'they'} else 'does'} {moved[1]} live"
    return key if _ONE_OF_IT.fullmatch(key) else ""
