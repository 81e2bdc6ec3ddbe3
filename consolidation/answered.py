"""A question and its answer in one text, "What is the door code? 4711." - as notes have them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from slowwave.consolidation import lexicon, templates
from slowwave.consolidation.statements import normalise, sentences
from slowwave.consolidation.voices import Slot, Voice, fill_all

__all__ = ["answered_slots"]

_WORD = r"(?:what|who|whom|whose|where|when|which|how)\b"
_QUESTION = re.compile(
    rf"(?:(?:in|on|at|for|by|from|to|of|with) )?{_WORD}|.* (?:(?:in|on|at|for|by|from|to|of|with|is|was) )?{_WORD}(?: \w+)?\?$",
    re.I,
)
"""One that begins with its question word, or ends with it."""
_AGREED = re.compile(r"(?:do|did|are|were|have|had) you\b|(?:is|are|was|were|do|does|did|has|have) your\b", re.I)
"""A question about the user that is answered by yes or no."""
_ADDRESSED = re.compile(
    r"\b(?:should|could|would|may|shall|let|can you|will you|how (?:are|do|did) you|you (?:think|mean|know|recommend|suggest|"
    r"want|believe|understand|remember|see|say|call|spell|do|doing|make|get|need|sure|ok|okay|able|ready|going|here|there)|"
    r"your (?:advice|opinion|view|recommendation|suggestion|idea|thoughts?|take|favou?r|help)|yours|yourself)\b",
    re.I,
)
"""Such a question is put to the assistant; what follows it is no answer."""
_OWN = (
    (re.compile(r"\b(?:are|'re) you\b", re.I), "am I"),
    (re.compile(r"\bwere you\b", re.I), "was I"),
    (re.compile(r"\b(do|did|have|had) you\b", re.I), r"\1 I"),
    (re.compile(r"\byour\b", re.I), "my"),
)
"""A chat asks the user; the memory asks in the user's voice."""
_YOU = re.compile(r"\byou\b", re.I)
_ELSEWHERE = re.compile(
    r"\b(?:he|she|it|they|him|her|them|his|its|their|this|these|those)\b(?!.*\b(?:that|which|who)\b)"
)
_NAMED = re.compile(r"\b(?:my|our|your)\b|(?<=\w )[A-Z]")
"""Whom a pronoun may mean within the question; else it is somebody said before."""
_TALK = re.compile(
    r"\b(?:I|me|we|us|thanks?|please|hello|hi|sorry|no|yes|yeah|ok|okay|maybe|perhaps|anyway)\b|^(?:it|this|that)\b",
    re.I,
)
_LONGEST = 8  # words of an answer


def answered_slots(text: str) -> Iterator[tuple[Slot, list[Voice]]]:
    """A slot for every question of a text that is followed by a short answer, and in whose voice it is asked."""
    some = [piece for sentence in sentences(normalise(text)) for piece in re.split(r"(?<=\?)\s+", sentence)]
    for question, reply in itertools.pairwise(some):
        answer = reply.strip(" .!")
        agreed = _AGREED.match(question) is not None and answer.lower() in {"yes", "no"}
        if not question.endswith("?") or not (agreed or _QUESTION.match(question)) or _ADDRESSED.search(question):
            continue
        words = answer.split()
        if not 0 < len(words) <= _LONGEST or reply.endswith("?") or (_TALK.search(answer) and not agreed):
            continue
        if words[0].lower() in lexicon.BASES or (_ELSEWHERE.search(question) and not _NAMED.search(question)):
            continue
        asked = _in_own_voice(question)
        if _YOU.search(asked):
            continue
        values = {"Q": asked, "q": asked[:1].lower() + asked[1:]}
        yield Slot(9.0, answer, (fill_all(templates.ANSWERED, values),)), [Voice("first")]


def _in_own_voice(question: str) -> str:
    """A question to the user as the user would ask it: "Where do you live?" is "Where do I live?"."""
    for pattern, put in _OWN:
        question = pattern.sub(put, question)
    return question[:1].upper() + question[1:]
