"""What a sentence leaves unsaid: fragments, corrections, and sentences that only the one before them explains.

Rules, not a model; they know English. What is no sentence is still told when it has a verb, a name and its value, or a number.
"""

from __future__ import annotations

import re

from slowwave.queries import HELP, core, rule

__all__ = ["corrects", "hangs", "is_answer", "is_label", "links", "says_little"]

_EXPLETIVE = rule(
    r"\bit(?:'s| is| was|'s been| has been| takes| took) (?:(?:so|very|really|quite|not|also|just|always|pretty) )*(?:raining"
    r"|snowing|cold|hot|late|early|time|been|sunny|monday|tuesday|wednesday|thursday|friday|saturday|sunday|my|our|[\w-]+ "
    r"(?:to|that|how|when|for|if|because)\b)",
)
_TIME = (
    r"(?:morning|afternoon|evening|night|week|weekend|month|year|summer|winter|spring|fall|autumn|time|season|coming)"
)
_PRONOUN = rule(
    r"\b(?:he|she|him|her|his|hers|they|them|their|theirs|its|it|these|those|ones)\b",
    rf"\bthis\b(?! {_TIME}\b)|(?:^|\b(?:in|of|with|for|on|at|from|about|to|like|after|before|by|than|as) )that\b",
    r"\bthe (?:same|other|others|first|second|latter|former)\b(?= *[,.!?]|$| one\b)|\banother one\b|\bone of (?:it|each)\b",
    r"(?<=\w )there\b(?! (?:is|are|was|were|has|have|will|would|might|may|can|could|should|seems?|used)\b|')",
)
_NAMED = rule(
    r"(?-i:(?<=[\w,;] )[A-Z][a-z])", r"\b(?:an?|my|our|your|the|some|several|two|three|every|each|no) [\w'-]+"
)
_LINK = rule(
    r"(?:especially|such as|for example|for instance|because|which|who|otherwise|except|specifically|in particular|at first"
    r"|that way|so far|not|then|however|instead|therefore|plus|as well as|including|mainly|mostly|usually just|only|even"
    r"|and|but|so|or|besides this|despite that|after that|before that|at the same time|more importantly)\b(?! (?:if|when|by)\b)"
)
_ANSWERING = rule(
    r"\W*(?:yes|yeah|yep|yup|no|nope|nah|not|sure|right|correct|exactly)\b",
    r"(?:about|around|roughly|almost|nearly|over|only|just|at|in|on|for|from|with|by|near|because|since|until|till|after|before"
    r"|during|maybe|probably|usually|mostly|mainly|sometimes|often|rarely|once|twice|every|each|a|an|the|my|our|two|three|four"
    r"|five|six|seven|eight|nine|ten|several|some|none|nothing|both|\d\S*)\b",
)
_WHOLE = rule(
    r"\b(?:i|we|he|she|they|it|you|me|us|him|them)\b",
    r"\b(?:is|are|was|were|am|has|have|had|do|does|did|will|can|would|could|should|must)\b|\w(?:'s|'m|'re|'ve|'d|'ll)\b",
    r"\b(?!bed\b|red\b|need\b)\w{2,}(?:ed)\b",
)
"""Signs that something has a subject or a verb."""
_LATIN = re.compile(r"[\x00-\u024f\u2010-\u205f]*")


def hangs(sentence: str) -> bool:
    """Whether a sentence speaks of something that only the sentence before it names: "It was red.", "She loves it.".

    >>> hangs("She loves it."), hangs("My dog loves it when it snows."), hangs("It's raining.")
    (True, False, False)
    """
    said = core(sentence)
    found = _PRONOUN.search(said)
    if found is None or (_EXPLETIVE.match(said, found.start()) and not _PRONOUN.search(said, found.end())):
        return False
    before = said[: found.start()]
    return len(before.split()) <= 6 and _NAMED.search(before) is None


def links(sentence: str) -> bool:
    """Whether a sentence goes on with the one before it, though it may stand alone: "But I don't work on Mondays."."""
    plain = sentence.lstrip(" \t\"'“‘(*-")
    return _LINK.match(plain) is not None or _ITEM.match(sentence) is not None


_LABEL = re.compile(
    r"(?:[^\W\d]|_)[\w'’()/&+.-]*(?: [\w'’()/&+.-]+){0,3}(?:\s?=|(?<=[^\W\d]):(?!//)|:(?=\s)|\s:(?=\s))\s*[\w\"'“‘(+$€£#@/~-]"
)
_LONGEST_VALUE = 80
_ITEM = re.compile(r"\s*(?:[-*•–]|\d+[.)])\s")
_NOT_SAID = (
    rf"(?:it|that|this|these|those|them|him|her|you|your?s|me|more|less|some|any|one|none|nothing|something|anything|everything"
    rf"|to|too|so|very|well|good|great|better|fun|sure|what|how|now|again|forward|{HELP})\b"
)
_DOES = rule(
    rf"(?:hates?|loves?|loathes?|likes?|dislikes?|adores?|enjoys?|prefers?|avoids?|fears?|needs?|wants?|eats?|drinks?|smokes?"
    rf"|owns?|speaks?|stud(?:y|ies)|teach(?:es)?|works?|lives?|drives?|wears?|collects?|became|began|bought|broke|built|drove"
    rf"|flew|found|gave|got|grew|had|kept|left|lost|met|moved|quit|sold|swam|taught|took|went|won|wrote) (?!{_NOT_SAID})\w",
    r"(?!(?:noth|someth|anyth|everyth|th|interest|amaz|excit|fascinat|stunn|surpris|charm|morn|even|look|sound|go|feel|be|dur|k"
    rf"|r|spr|wonder|think|hop|try|check|test|talk|chatt|ask|wish|noth|miss)ing\b)[a-z]{{2,}}ing (?!{_NOT_SAID})\w",
)
"""What somebody does or did, without saying who."""
_NONE = rule(
    r"\W*no (?!(?:problem|worr|way|thank|idea|doubt|need|more|wonder|matter|rush|hurry|pressure|kidding|joke|offen[cs]e|clue"
    r"|comment|biggie|prob|not|no|it|that|this|you|we|sorry|actually|really|one|luck|hard|longer|other|things?|nothing|further"
    r"|question|stress|bother|sweat|fear|yes|please|also|and|but|so|or|never|maybe|exactly|just)(?:s|y|ies)?\b)[^\W\d]{3,}"
)
_NUMBERED = re.compile(r"(?<!\w)(?=[^\W_]*\d)(?=[^\W_]*[^\W\d_])[\w-]{2,}|[^\W\d_]{3,} \W*\d|\d \W*[^\W\d_]{2,}")
_CHOSEN = rule(
    r"(?:the )?(?:option|number|choice|part|step|round|next|question|answer|idea|example|chapter|top|level|plan)s?\b.*"
)
"""A number that only points at something in the talk."""


def is_label(sentence: str) -> bool:
    """Whether a line gives something a value: "Gate: B12", "DB_PORT=5432".

    >>> is_label("Diet: vegan"), is_label("At 10:30"), is_label("Nice :)")
    (True, False, False)
    """
    said = core(sentence)
    return len(said) <= _LONGEST_VALUE and _LABEL.match(said) is not None


def is_answer(sentence: str) -> bool:
    """Whether a sentence says something only together with the question it answers: "Yes, twice a week.", "Porto."."""
    said = core(sentence)
    if _LATIN.fullmatch(sentence) is None or _WHOLE.search(said) or is_label(sentence):
        return False
    return len(said.split()) < 3 or (len(said.split()) <= 6 and _ANSWERING.match(sentence) is not None)


def says_little(sentence: str) -> bool:
    """Whether an answer tells nothing without its question: "Porto." does not, "Love hiking." and "Room 204." do.

    >>> says_little("Porto."), says_little("No kids."), says_little("No problem."), says_little("- vegan")
    (True, False, True, False)
    """
    said = core(sentence)
    if (
        len(said.split()) > 2
        or sentence.endswith(":")
        or _ITEM.match(sentence)
        or re.search(r"[\w.]@\w|\w/\w*[a-z]", said)
    ):
        return False
    if _DOES.match(said) or _NONE.match(sentence):
        return False
    return _NUMBERED.search(said) is None or _CHOSEN.fullmatch(said) is not None


# -- what takes something back ---------------------------------------------------------------------------------------

_CORRECTION = rule(
    r"\W*(?:(?:oh|oops|wait|no|ah|well|hm+)[\s,.!…–—-]+)*(?:(?:sorry|actually|no(?! \w)|correction|rather|or rather|scratch that"
    r"|make (?:that|it)|i mean|i meant|that should be)(?:[\s,:;–—-]+(?=\w)))+"
)
_NO_CORRECTION = rule(
    r"(?:yes|no|not|nope|never ?mind|nothing|something|anything|one (?:more|last)|another|wrong|what|why|how|can|could|also"
    r"|thanks?|thank you|please|really|true|right|that's|too|about|for|to|but|and|again|all)\b"
)


def corrects(sentence: str) -> bool:
    """Whether a fragment puts right what was said before it: "Sorry, Max.", "I mean three.".

    >>> corrects("Sorry, Max."), corrects("Sorry, I'm late."), corrects("Max.")
    (True, False, False)
    """
    opening = _CORRECTION.match(sentence.replace("’", "'"))
    if opening is None:
        return False
    rest = sentence[opening.end() :]
    return len(rest.split()) <= 6 and not _WHOLE.search(rest) and not _NO_CORRECTION.match(rest)
