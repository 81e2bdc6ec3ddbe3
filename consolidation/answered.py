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
_ADDRESSED = re.compile(r"\b(?:you|your|should|could|would|let)\b")
"""Such a question is put to the assistant; what follows it is no answer."""
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
        if not question.endswith("?") or not _QUESTION.match(question) or _ADDRESSED.search(question):
            continue
        words = answer.split()
        if not 0 < len(words) <= _LONGEST or reply.endswith("?") or _TALK.search(answer):
            continue
        if words[0].lower() in lexicon.BASES:
            continue
        asked = question[:1].upper() + question[1:]
        values = {"Q": asked, "q": asked[:1].lower() + asked[1:]}
        yield Slot(9.0, answer, (fill_all(templates.ANSWERED, values),)), [Voice("first")]
