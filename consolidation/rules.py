"""The built-in question writer: questions that the text itself answers, relation rows, the clause parser, then a cloze.

Questions come in the voice of the user ("What am I allergic to?") and, where the statement is about the user, also in
the third person ("What is Ada allergic to?"), because a memory is asked both by its owner and by programs.
"""

from __future__ import annotations

import re

from slowwave.consolidation import lexicon
from slowwave.consolidation.answered import answered_slots
from slowwave.consolidation.kinds import is_relative
from slowwave.consolidation.names import name_slots
from slowwave.consolidation.relations import relation_slots
from slowwave.consolidation.slots import clause_slots, cloze
from slowwave.consolidation.statements import sentences, statements
from slowwave.consolidation.subjects import named
from slowwave.consolidation.support import question_key, supported
from slowwave.consolidation.voices import Slot, Voice, voices_of
from slowwave.types import Fact, QAPair

__all__ = ["PHRASINGS", "RuleWriter", "question_key", "supported"]

PHRASINGS = 6
"""The least number of wordings a slot must have to be asked at all."""
_PRONOUN = re.compile(
    r"(?:he|she|they|his|her|their|its|it(?! (?:is|was|takes|took) .*\b(?:that|whether|who|to)\b))\b", re.I
)
"""Nobody knows later whom a statement that begins so is about."""
_PER_SENTENCE, _PER_FACT = 3, 4
_FIRST, _THIRD = 6, 3
_SAME = 0.75
_WHOLE = 2
_PLAIN = 8


class RuleWriter:
    """Writes question-answer pairs from one statement by rules: no model, no download, always the same result.

    Each answer span gets six to nine wordings, or more where plenty are wanted; at most three spans a sentence and four a fact.
    """

    name = "rules"

    def __init__(self, *, cloze: bool = True, plenty: int = 1) -> None:
        self._cloze = cloze
        """Whether a statement of no known form is asked for by a gap in it."""
        self._plenty = plenty
        """Multiplies the most wordings of a span."""

    def __call__(self, fact: Fact) -> list[QAPair]:
        """All pairs for one fact, the most informative answer first; empty when nothing is stated."""
        found: list[tuple[float, int, list[QAPair]]] = []
        for slot, asking in answered_slots(fact.text):
            if pairs := self._pairs(slot, asking, fact):
                found.append((-slot.score, len(found), pairs))
        stated = list(named(statements(fact.text)))
        for statement in stated:
            voices = voices_of(statement, fact)
            taken: list[str] = []
            relations = relation_slots(statement, voices)
            extra = sorted(clause_slots(statement, voices), key=lambda slot: -slot.score)
            if relations:
                extra = [slot for slot in extra if slot.score >= 7]
            for slot in relations + extra:
                if len(taken) >= _PER_SENTENCE:
                    break
                key = question_key(slot.answer)
                if key in lexicon.VAGUE or any(_within(key, other) or _within(other, key) for other in taken):
                    continue
                if pairs := self._pairs(slot, voices, fact):
                    taken.append(key)
                    found.append((-slot.score, len(found), pairs))
            for slot in [] if relations or _PRONOUN.match(statement) else name_slots(statement, voices):
                key = question_key(slot.answer)
                known = {question_key(pair.question) for _, _, row in found for pair in row}
                pairs = [pair for pair in self._pairs(slot, voices, fact) if question_key(pair.question) not in known]
                if asked := next((row for _, _, row in found if question_key(row[0].answer) == key), None):
                    # The clause asks for it in few words; what it left out comes second.
                    asked[1:1] = pairs[:_WHOLE]
                elif len(pairs) >= PHRASINGS and not any(_same(key, other) for other in taken):
                    taken.append(key)
                    found.append((-slot.score, len(found), pairs))
        if not found and self._cloze:
            for statement in stated:
                if statement.split()[0].lower() in lexicon.HOLLOW and (len(stated) > 1 or _PRONOUN.match(statement)):
                    continue
                voices = voices_of(statement, fact)
                alone = len(sentences(fact.text)) == 1
                blanks = [slot for slot in cloze(statement, voices) if alone or re.search(r"[A-Z\d]", slot.answer)]
                found += [(0.0, 0, pairs) for slot in blanks if (pairs := self._pairs(slot, voices, fact))][:1]
                if found:
                    break
        best = sorted(found, key=lambda row: row[:2])[:_PER_FACT]
        return [pair for _, _, pairs in best for pair in pairs]

    def _pairs(self, slot: Slot, voices: list[Voice], fact: Fact) -> list[QAPair]:
        """At most eight wordings: a voice alone gives all of them, two voices share them."""
        chosen: dict[str, QAPair] = {}
        for voice, rows in zip(voices, slot.wordings, strict=True):
            if voice.kind == "third" and len(rows) > 4:
                rows = (rows[0], rows[3], rows[4], *rows)
            taken, most = 0, (_PLAIN if len(voices) == 1 else _FIRST if voice.kind == "first" else _THIRD)
            for row in rows:
                pair = QAPair(question=row, answer=slot.answer)
                if (
                    taken < most * self._plenty
                    and question_key(row) not in chosen
                    and supported(pair, fact)
                    and not re.search(r"\b(?:I|me) I\b", row)
                    and not is_relative(row)
                ):
                    chosen[question_key(row)] = pair
                    taken += 1
        return list(chosen.values()) if len(chosen) >= PHRASINGS else []


def _within(words: str, others: str) -> bool:
    return f" {words} " in f" {others} "


def _same(words: str, others: str) -> bool:
    """Whether two answers are one: each has hardly a word that the other lacks."""
    both = len(set(words.split()) & set(others.split()))
    return 2 * both > _SAME * (len(words.split()) + len(others.split()))
