"""What a span of a statement is: a person or a thing, which kind of time, and what it is worth as an answer."""

from __future__ import annotations

import re

from slowwave.consolidation import lexicon
from slowwave.consolidation.chunks import Chunk
from slowwave.consolidation.clauses import Clause
from slowwave.consolidation.kinds import is_denied, is_manner, is_relative, is_state

__all__ = ["is_person", "which", "worth"]


_SOMEBODY = rf"\b(?:{lexicon.KIN}|{lexicon.ROLE}|parents?|kids?|children|teammate|classmate|coworker)s?(?: [A-Z]|$)"
_AFTER_NOUNS = re.compile(rf" (?:of|{'|'.join(sorted(lexicon.PREPOSITIONS))}|that|who) ")
_SCORES = {
    "agent": 9.0, "price": 8.0, "age": 8.0, "time": 7.0, "bound": 7.0, "place": 7.0, "object": 6.5, "duration": 6.0,
    "prepositional": 4.5, "because": 3.0, "purpose": 2.5,
}  # fmt: skip
_MEASURED = re.compile(r"\d.* (?:long|late|away|short|early)$")
"""How long or how late something is: no name for it."""
_LOOSE = lexicon.words("like despite without within than per before after under over by")
"""Prepositions whose phrase is an aside rather than an answer."""


def is_person(text: str, base: str = "", context: str = "") -> bool:
    """Whether "who" asks for a span, judged by its words, by its verb or preposition, and by the sentence around it."""
    head = re.sub(r",.*", "", text).split("'s ")[-1]
    nouns = _AFTER_NOUNS.split(head)[0]
    aside = _AFTER_NOUNS.split(text.partition(", ")[2])[0]
    telling = [word for word in nouns.split() if word.islower()] + nouns.split()[-1:] + aside.split()[-1:]
    if re.match(r"(?:the |a |an )?[\"\d]", text) or re.match(
        r"(?:The|Project|Operation|Mount|Lake|Fort|Cape) [A-Z]", head
    ):
        return False
    if any(lexicon.THING.fullmatch(word) for word in telling):
        return False
    if re.match(r"(?:I|who|(?i:my|our))\b", head):
        return head == "I" or re.search(_SOMEBODY, head) is not None
    words = head.split()
    if re.fullmatch(
        r"(?!(?:the|a|an|my|his|her|their|our|its) )(?:[a-z][\w-]+ ){1,5}(?:[A-Z][\w.'-]+ ){1,3}[A-Z][\w'-]+", nouns
    ):
        return True
    named = re.search(r"\b[A-Z]", head)
    if (
        re.search(r"\bwho\b", text)
        or lexicon.PERSON.search(nouns if named else (nouns.split() or [""])[-1])
        or (named and context and re.search(r"\b(?:he|she|his|her|him|himself|herself)\b", context))
    ):
        return True
    return (
        len(words) in {2, 3, 4}
        and all(
            word[:1].isupper() or word in {"de", "da", "dos", "di", "du", "van", "von", "der", "al", "el", "bin"}
            for word in words
        )
    ) or (len(words) == 1 and head[:1].isupper() and (base in lexicon.DOES or head in lexicon.GIVEN))


def which(answer: str) -> str:
    """How to ask for just such a time: "In which year", "At what time"."""
    if found := re.match(r"(?:the )?(week|weekend) of ", answer):
        return "In which week" if found[1] == "week" else "On which weekend"
    if re.fullmatch(r"(?:\w+ )?\d{4}", answer):
        return "In which year" if answer.isdigit() else "In which month"
    if re.search(r"\d ?[ap]\.?m|\d:\d\d", answer):
        return "At what time"
    return "On which day" if re.search(r"day\b|\d (?:[JFMASOND][a-z]+)|[a-z] \d\d?\b", answer) else "When exactly"


def worth(chunk: Chunk, clause: Clause, subject: str) -> float:
    """What a chunk is worth as an answer: the most informative kinds first, 0 for what nobody would ask for."""
    words = chunk.text.split()
    copula = not clause.verb
    content = [
        word
        for word in words
        if word.lower().strip(",") not in lexicon.VAGUE and word.lower() not in lexicon.DETERMINERS
    ]
    limit = 8 if chunk.kind in {"time", "bound", "place", "prepositional", "agent"} else 12
    if (
        not content
        or len(words) > limit
        or chunk.kind in {"set", "condition"}
        or re.fullmatch(r"\w+ times", chunk.text)
        or words[-1].lower() in lexicon.STOPS | lexicon.DETERMINERS | {"of"}
    ):
        return 0
    if re.match(
        r"(?:it|them|him|me|us|you|this|that|these|those|himself|herself|themselves|myself|something|anything|no|each|"
        r"any|my best|an? (?:bit|lot)|some (?:issues|trouble|advice|tips))\b",
        chunk.text,
    ):
        return 0
    if (
        copula
        and chunk.kind == "object"
        and (
            clause.negation
            or is_denied(f"{clause.adverbs} {chunk.text}".strip())
            or (chunk.text.islower() and is_state(chunk.text))
            or _MEASURED.search(chunk.text)
            or (lexicon.DEMONYM.fullmatch(chunk.text) and is_person(subject))
        )
    ):
        return 0
    compared = " than " in chunk.text and not re.search(r"\b(?:\w+er|more|less|worse)\b.* than ", chunk.text)
    if chunk.kind == "object" and (compared or is_manner(chunk.text)):
        return 0
    if chunk.kind == "agent" and lexicon.DURATION.match(chunk.text):
        return 0
    if copula and subject == "I" and not re.match(r"(?:an?|the)\b|[A-Z]", chunk.text):
        return 0
    if (
        chunk.kind == "object"
        and clause.base in lexicon.FEELING
        and clause.verb
        and not re.match(r"(?:an?|the|my|our|[A-Z\d\"$]|\w+s\b)", chunk.text)
    ):
        return 0
    if chunk.kind in {"time", "bound"} and (chunk.prep == "before" or is_relative(chunk.text)):
        return 0
    if chunk.prep in {"in", "within"} and lexicon.DURATION.match(chunk.text) and not clause.past:
        return 0
    if chunk.kind == "purpose" and (clause.base in lexicon.ORDERING | {"prefer"} or chunk is clause.chunks[0]):
        return 0
    if clause.base == "say" and chunk is not clause.chunks[0]:
        return 0
    if chunk.kind in {"object", "prepositional"}:
        if len(words) > 1 and re.search(r"[a-z]ed$|^told$|^made$|^written$|^built$|^held$", words[-1]):
            return 0
        if re.match(r"(?:those|that|how|if|whether|so|as|such|too|more|less|very|not|to)\b", chunk.text):
            return 0
        if chunk.kind == "prepositional" and (
            copula
            or chunk.prep in _LOOSE
            or (len(words) > 2 and not re.match(r"(?:the|a|an|my|our|[\"A-Z$\d])|two|three|four|five", chunk.text))
        ):
            return 0
    score = _SCORES[chunk.kind] + 0.6 * bool(re.search(r"[A-Z]|\d", chunk.text))
    if (
        chunk.kind == "object"
        and copula
        and subject != "I"
        and re.match(r"the (?:\S+ )?(?:first|only|last|\S+est|most)\b", chunk.text)
    ):
        return 0
    if chunk.kind == "object" and copula:
        if len(words) == 1 and chunk.text.islower() and len(clause.chunks) > 1:
            return 0
        score = 5.5 if re.match(r"(?:an?|the|one)\b", chunk.text) or len(content) > 1 else 4
    if chunk.kind == "purpose" and (
        copula
        or (clause.passive and clause.base not in {"use", "build", "design", "make"})
        or re.match(r"to (?:be|have)\b", chunk.text)
    ):
        return 0
    if subject == "I" and clause.base in lexicon.PLANNING:
        score = score - 3 if chunk.kind == "object" else 0
    return score
