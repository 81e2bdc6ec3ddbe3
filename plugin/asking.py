"""What an assistant asks its user, and what answers it.

Rules, not a model; they know English. What an assistant says is learned only where the user's answer makes it a fact.
"""

from __future__ import annotations

import re

from slowwave.chatter import is_remark
from slowwave.queries import rule

__all__ = ["asks_back", "assents"]

_YES_NO = rule(
    r"\W*(?:yes|yeah|yep|yup|no|nope|nah|correct|exactly|right|that(?:'s| is) (?:right|correct|true)|i do|i don't|i am|i'm not"
    r"|not really|never)\b[\s,]*(?:please|thanks|i do|i don't|i am|i'm not|i have|i haven't|i did|i didn't|that's right|not"
    r" really|never)?\W*",
    r"(?:it|they) (?:is|was|are|were|went|has been)\b.*|it's\b.*",
)


def assents(sentence: str) -> bool:
    """Whether a sentence is nothing but a yes or no, or says how something is that only the question names."""
    plain = sentence.replace("’", "'")
    return _YES_NO.fullmatch(plain) is not None and (
        not plain.lower().startswith(("it", "they")) or is_remark(sentence)
    )


_OFFER = rule(
    r"\b(?:would you like|do you want|want me|shall i|should i|can i|may i|how can i|what can i|would you prefer (?:me|that i)"
    r"|anything|something else|let me know|(?:does|do|did|is|was) (?:that|this|it|these|those) (?:help|sound|make|work|answer"
    r"|clear)|how does (?:that|this) sound|any (?:other |more |further )?(?:questions|topics)|ready to|to (?:talk|chat) about"
    r"|are you (?:interested|looking|ready)|have you (?:considered|thought|tried)|what do you think)\b"
)
"""Questions about the conversation, not about the user."""


def asks_back(turn: str) -> str | None:
    """The question about the user that an assistant's turn ends with; None if it has none, or only offers help.

    >>> asks_back("Nice! How often do you run?"), asks_back("Can I help you with anything else?")
    ('How often do you run?', None)
    """
    last = re.split(r"(?<=[.!?…])\s+|\n+", turn.strip())[-1].strip()
    if not last.endswith("?") or len(last) > 200 or _OFFER.search(last.replace("’", "'")):
        return None
    return last
