"""What an assistant asks its user or says of them, and what answers or confirms it.

Rules, not a model; they know English. What an assistant says is learned only where the user's answer makes it a fact.
"""

from __future__ import annotations

import re

from slowwave.chatter import is_chatter, is_remark
from slowwave.quarantine import is_order
from slowwave.queries import HELP, rule
from slowwave.splitting import sentences

__all__ = ["asks_back", "assents", "claims", "confirms", "is_empty"]

_LONGEST = 200
"""Characters of a question or claim that an answer is kept with."""
_LAST = 3
"""Sentences from the end of a turn that are looked at."""
_NUMBERING = re.compile(r"^\d{1,3}[.)]\s+")
_CLOSING = "\"'”’)*_ "

# -- what is asked or said -------------------------------------------------------------------------------------------

_THING = r"(?:summary|list|plan|reminder|jokes?|story|comparison|outline|draft|link|copy|table|breakdown|example)"
_MORE = (
    rf"(?:(?:me|us|another|more|some|any|something|anything|{HELP}|(?:an?|the) (?:[\w-]+ ){{0,2}}?(?:{HELP}|{_THING}))\b"
    r"|to (?:know|hear|talk|chat|discuss|explore|continue|see|read|share|start|begin|learn (?:more|how|about)"
    r"|(?:try|do|use|get) (?:it|that|this|these|those|one|some|more|started)|go (?:over|through|with|deeper))\b)"
)
_WISH = r"you(?:'d| would| want)?(?: like| need)?"
_OFFER = rule(
    rf"\b(?:would you (?:also )?like|do you (?:also )?want|want) {_MORE}|\bwould you prefer (?:me|that i)\b",
    r"\b(?:shall|should) i\b|\b(?:can|may|could) i (?!(?:just )?(?:ask|know)\b)|\b(?:how|what) can i\b",
    rf"\b(?:anything|something) (?:i can\b|(?:else|specific|in particular|on your mind)(?=\W*$| (?:i|to|on|that|about|for|with"
    rf"|{_WISH})\b)|{_WISH} to (?:know|talk|chat|discuss|ask|add|share)\b)|\blet me know\b|\bready to\b|\bare you ready\b",
    r"\bto (?:talk|chat) about\b|\bhow does (?:that|this) sound\b|\bany (?:other |more |further )?(?:questions|topics)\b",
    r"\b(?:does|do|did|is|was) (?:that|this|it|these|those) (?:help|sound|make|work|answer|clear)",
    rf"\bare you (?:interested in|looking for)(?: [\w'-]+){{0,3}} (?:hearing|learning|knowing|trying|more|{HELP})\b",
    r"\bwhat do you think(?=\W*$| (?:of|about) (?:that|this|it|these|those|the|my)\b)",
)
"""Questions about the conversation, not about the user."""
_YOU = rule(r"\byou(?:r|rs)?\b")


def asks_back(turn: str) -> str | None:
    """What an assistant's turn asks the user at its end; None if it asks nothing, or only offers help.

    >>> asks_back("Nice! How often do you run?"), asks_back("Can I help you with anything else?")
    ('How often do you run?', None)
    """
    said = _sentences(turn)
    asked = [number for number, one in enumerate(said) if _is_asked(one)]
    if not asked or asked[-1] < len(said) - _LAST or _OFFER.search(said[asked[-1]].replace("’", "'")):
        return None
    last = first = asked[-1]
    if last < len(said) - 1 and not _YOU.search(said[last]):
        return None
    while first - 1 in asked and not _OFFER.search(said[first - 1].replace("’", "'")):
        first -= 1
    question = next((one for one in (" ".join(said[first : last + 1]), said[last]) if len(one) <= _LONGEST), None)
    return None if question is None or is_order(question) else question


def _sentences(turn: str) -> list[str]:
    """The sentences of a turn, without what only numbers them."""
    whole = (_NUMBERING.sub("", turn[slice(*place)]) for place in sentences(turn))
    return [one for one in whole if re.search(r"[^\W\d]", one)]


def _is_asked(sentence: str) -> bool:
    return sentence.rstrip(_CLOSING).endswith("?")


_OF_USER = rule(
    r"\byou(?:'re|'ve| (?:are|have|were|had|do|did|own|live|work|like|love|hate|prefer|enjoy|said|told|mentioned|study|play|speak"
    r"|can't|don't|\w+ed)\b)",
    r"(?:^|[:,–—] |\b(?:that|so|and|but) )your (?!own\b)(?:[\w'-]+ ){1,4}?(?:is|are|was|were|has|have)\b",
)
_ADVISES = rule(
    r"\b(?:should|could|can|might|may|must|will|would|if|try|need|want|let|please|welcome|great|good|recommend|suggest|consider"
    r"|hope|sure|when|interested|looking|asked)\b|'ll\b"
)


def claims(turn: str) -> str | None:
    """What an assistant's turn says of its user at its end; None if it asks, advises or says nothing of them.

    >>> claims("Noted: you are allergic to nuts."), claims("You should see a doctor.")
    ('Noted: you are allergic to nuts.', None)
    """
    for said in reversed(_sentences(turn)[-_LAST:]):
        plain = said.replace("’", "'")
        if _is_asked(said):
            return None
        if _OF_USER.search(plain) and not (_ADVISES.search(plain) or is_chatter(said) or is_remark(said)):
            return None if len(said) > _LONGEST or is_order(said) else said
    return None


# -- what answers ----------------------------------------------------------------------------------------------------

_SO = (
    r"(?:i|we)(?: do| don't| am|'m not| are|'re not| have| haven't| did| didn't| was| wasn't| can| can't| will| won't| think so"
    r"| guess so| hope so| don't think so)"
)
_RIGHT = r"that(?:'s| is) (?:right|correct|true)"
_YES = rf"(?:yes|yeah|yep|yup|exactly|correct|indeed|absolutely|definitely|certainly|of course|{_RIGHT}|{_SO})"
_YES_NO = rule(
    rf"\W*(?:{_YES}|right|sure|no|nope|nah|not (?:really|yet|at all|any ?more)|never|unfortunately not)"
    rf"(?:[\s,.!]+(?:{_YES}|right|sure|not (?:really|yet|at all|any ?more)|never|please|thanks|thank you))*\W*",
    r"(?:it|they) (?:is|was|are|were|went|has been)\b.*|it's\b.*",
)
_CONFIRMS = rule(rf"\W*(?:(?:yes|yeah|yep|yup)\W+)?(?:{_RIGHT}|exactly|correct|indeed|{_SO})\W*")


def assents(sentence: str) -> bool:
    """Whether a sentence is nothing but a yes or no, or says how something is that only the question names."""
    plain = sentence.replace("’", "'")
    return _YES_NO.fullmatch(plain) is not None and (
        not plain.lower().startswith(("it", "they")) or is_remark(sentence)
    )


_INVITES = rule(
    r"\b(?:can|could|would|will) you (?:please |also )?(?:share|tell|describe|give|explain|elaborate|let|walk|send"
    r"|provide|show)\b"
)


def is_empty(question: str, answer: str) -> bool:
    """Whether an answer only agrees to answer.

    >>> is_empty("Can you tell me your age?", "Sure."), is_empty("Do you smoke?", "Sure.")
    (True, False)
    """
    return assents(answer) and _INVITES.search(question) is not None


def confirms(sentence: str) -> bool:
    """Whether a sentence says that what was said of its speaker is so: a yes alone may only be polite.

    >>> confirms("Yes, that's right."), confirms("Yes."), confirms("You're right.")
    (True, False, False)
    """
    return _CONFIRMS.fullmatch(sentence.replace("’", "'")) is not None
