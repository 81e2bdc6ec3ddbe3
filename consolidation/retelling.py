"""Statements said otherwise by rules: in another voice, the other way round, as somebody's words, or only what is needed.

No model and no download; where the clause parser is unsure, fewer texts come out, and never one that says something else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from slowwave.consolidation import lexicon
from slowwave.consolidation.clauses import Clause, parse
from slowwave.consolidation.statements import statements
from slowwave.consolidation.support import question_key
from slowwave.consolidation.voices import Voice, agree, lower, voices_of
from slowwave.prompts import display_name, render_date
from slowwave.types import Fact, QAPair

__all__ = ["holds", "in_voice", "other_words", "place_of", "shortest", "speaker"]

_BE = {
    "am": "is", "is": "is", "are": "is", "was": "was", "were": "was", "have": "has", "has": "has", "do": "does",
    "does": "does",
}  # fmt: skip


def shortest(fact: Fact, pairs: Sequence[QAPair]) -> str:
    """The shortest statements that together hold every answer, in the order of the text; empty if none holds any."""
    stated = list(statements(fact.text))
    kept: set[str] = set()
    for answer in dict.fromkeys(pair.answer for pair in pairs):
        holding = [statement for statement in stated if holds(statement, answer)]
        if holding and not any(statement in kept for statement in holding):
            kept.add(min(holding, key=len))
    return " ".join(_sentence(statement) for statement in stated if statement in kept)


def other_words(fact: Fact) -> list[str]:
    """The statements of a fact said otherwise.

    >>> from datetime import UTC, datetime
    >>> said_at = datetime(2026, 11, 1, tzinfo=UTC)
    >>> other_words(Fact(id="1", text="My sister's name is Clara.", user_id="ada", said_at=said_at))[:2]
    ["Ada's sister's name is Clara.", "Clara is my sister's name."]
    """
    found: dict[str, None] = {}
    for statement in statements(fact.text):
        said = [in_voice(statement, voice) for voice in voices_of(statement, fact)]
        said += [turned for one in said if (turned := _turned(one))]
        said.append(f'On {render_date(fact)} {speaker(fact)} said: "{_sentence(statement)}"')
        found |= dict.fromkeys(text for one in said if (text := _sentence(one)) != _sentence(statement))
    return list(found)


def in_voice(statement: str, voice: Voice) -> str:
    """A statement as this voice would say it.

    >>> in_voice("I live in Porto.", Voice("third", "Ada")), in_voice("Ada has lost her keys.", Voice("first", "Ada"))
    ('Ada lives in Porto.', 'I have lost her keys.')
    """
    clause = parse(statement)
    if clause is not None and voice.is_self(clause.subject):
        finite = clause.auxiliaries[0] if clause.auxiliaries else clause.verb
        agreeing = _agreeing(clause, finite, "i" if voice.kind == "first" else "sg")
        statement = re.sub(rf"\b{re.escape(finite)}\b", lambda _: agreeing, statement, count=1)
        if voice.kind == "first":
            statement = re.sub(rf"^{re.escape(clause.subject)}\b", "I", statement)
    said = voice.text(statement)
    return said[:1].upper() + said[1:]


def _agreeing(clause: Clause, finite: str, person: str) -> str:
    """The finite verb of a clause as it stands beside another person."""
    if finite.lower() in _BE:
        return agree(_BE[finite.lower()], person)
    return finite if clause.past or finite.lower() in lexicon.MODAL else agree(clause.base, person)


def _turned(statement: str) -> str:
    """The other way round, "Clara is my sister's name."; empty where that would sound odd or say something else."""
    clause = parse(statement)
    if clause is None or clause.verb or clause.negation or clause.adverbs or clause.tail or len(clause.chunks) != 1:
        return ""
    subject, be, said = clause.subject, " ".join(clause.auxiliaries), str(clause.chunks[0])
    if f"{subject} {be} {said}".casefold() != statement.rstrip(" .!").casefold():
        return ""
    named = re.match(r"[A-Z\d\"]", said) or "favo" in subject
    owned = re.match(r"(?:the|my|our|his|her|their) |.*'s? ", lower(subject))  # "A nurse is Ada." says nobody
    return f"{said[:1].upper()}{said[1:]} {be} {lower(subject)}." if named and owned else ""


def speaker(fact: Fact) -> str:
    """Who said it: a name, or "the user"."""
    return str(fact.metadata.get("name") or display_name(fact.user_id) or "the user")


def place_of(text: str, span: str) -> int:
    """Where a span stands in a text as whole words, whatever the case; -1 if it does not."""
    found = re.search(rf"(?<!\w){re.escape(span)}(?!\w)", text, re.IGNORECASE)
    return found.start() if found else -1


def holds(text: str, span: str) -> bool:
    """Whether a text holds the words of a span, in their order."""
    return f" {question_key(span)} " in f" {question_key(text)} "


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", '"')) else f"{text}."
