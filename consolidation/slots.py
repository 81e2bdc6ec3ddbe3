"""Slots of any clause: agent, price, time, place, object, complement, subject; and, failing all, a blank."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from slowwave.consolidation import lexicon, templates
from slowwave.consolidation.chunks import Chunk
from slowwave.consolidation.clauses import Clause, parse
from slowwave.consolidation.cuts import condition_of, first_clause
from slowwave.consolidation.kinds import is_relative
from slowwave.consolidation.morphology import participle, past_form, third
from slowwave.consolidation.spans import is_person, which, worth
from slowwave.consolidation.subjects import is_reported, means_somebody
from slowwave.consolidation.voices import Slot, Voice, agree, fill, fill_all

__all__ = ["clause_slots", "cloze"]


_GAPS = {
    "time": "when", "bound": "when", "place": "where", "price": "for how much", "duration": "for how long", "age": "at what age",
    "because": "because of what", "purpose": "for what purpose",
}  # fmt: skip
"""The question word, in place of a chunk and its preposition."""
_GIVEN_TO = re.compile(
    rf"(?P<whom>me|him|her|us|them|you|(?:my|our|his|her|the) (?:[\w-]+ )??(?:{lexicon.KIN}|{lexicon.PET}|{lexicon.ROLE}|parents|"
    r"kids|children)|(?!The\b)[A-Z][\w'-]*(?<!'s))(?: [A-Z][\w-]*)? (?P<what>(?:an?|the|my|our|his|her|some|\d|[$€£]|[a-z]).*)"
)
_STAYING = {"time", "bound", "condition"}
"""What a question keeps however far behind it stands."""
_DATE = re.compile(r"\b\d{4}$")
_PRESENT = {
    "am": "is", "is": "is", "are": "is", "was": "was", "were": "was", "have": "has", "has": "has", "do": "does",
    "does": "does",
}  # fmt: skip
_LINKS = lexicon.PREPOSITIONS | lexicon.DETERMINERS | lexicon.ADVERBS | lexicon.STOPS | {"of", "to", "is"}


def clause_slots(sentence: str, voices: Iterable[Voice]) -> list[Slot]:
    """Slots of the main clause: agent, price, time, place, object, complement, subject and prepositional phrases."""
    voices = list(voices)
    clause = parse(first_clause(sentence))
    if clause is None:
        return []
    clause = _parted(clause)
    if condition := condition_of(sentence, clause.past):
        clause = replace(clause, chunks=(*clause.chunks, Chunk("condition", "", condition)))
    subject, _, aside = clause.subject.partition(", ")
    if " and " in aside and not re.match(r"(?:who|which|whose|an?|the|\w+ed)\b", aside):
        subject = clause.subject
    if (
        not subject
        or re.search(r"\b(?:what|I [a-z])", subject)
        or not means_somebody(subject)
        or is_reported(clause)
        or ":" in subject
        or (subject == "I" and clause.base in lexicon.MUSING)
        or len(subject.split()) > 14
    ):
        return []
    slots: list[Slot] = []
    for i, chunk in enumerate(clause.chunks):
        score = worth(chunk, clause, subject)
        if score > 0:
            rows = tuple(_chunk_rows(clause, voice, subject, i) for voice in voices)
            slots.append(Slot(score, chunk.text, rows))
    if (
        subject.lower() not in {"i", "we"}
        and not any(voice.is_self(subject) for voice in voices)
        and len(subject.split()) <= 9
    ):
        slots += _subject_slot(clause, voices, subject, sentence)
    return slots


def _parted(clause: Clause) -> Clause:
    """A clause of giving with whom it is given to apart from what: "lent Tom 50 euros"."""
    given = clause.chunks[0] if clause.chunks else None
    if given is None or given.kind != "object" or clause.base not in lexicon.GIVING or clause.passive:
        return clause
    found = _GIVEN_TO.fullmatch(given.text)
    if found is None:
        return clause
    parts = (Chunk("set", "", found["whom"]), Chunk("object", "", found["what"]))
    return replace(clause, chunks=(*parts, *clause.chunks[1:]))


def cloze(sentence: str, voices: Iterable[Voice]) -> list[Slot]:
    """The last telling span of a sentence, blanked out."""
    text = sentence.strip().rstrip(" .!")
    spans = [
        found.group()
        for found in re.finditer(r"[$€£]?\.?\d[\d,.:]*(?: ?[ap]m)?\b|(?:[A-Z][\w'-]+)(?: [A-Z][\w'-]+)*", text)
        if found.start() > 0
    ]
    words = text.split()
    if not spans:
        tail = words[-3:]
        while len(tail) > 1 and any(word.lower() in lexicon.AUX for word in tail[:-1]):
            tail = tail[1:]
        while len(tail) > 1 and tail[0].lower().strip(",") in _LINKS:
            tail = tail[1:]
        spans = [" ".join(tail)] if len(words) > len(tail) + 1 else []
    if is_relative(text) or not spans or spans[-1].lower() in lexicon.VAGUE or len(words) > 40:
        return []
    before, _, after = text.rpartition(spans[-1])
    wordings = tuple(
        fill_all(templates.CLOZE, {"gap": f"{voice.text(before)}___{voice.text(after)}"}) for voice in voices
    )
    return [Slot(1, spans[-1], wordings)]


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _chunk_rows(clause: Clause, voice: Voice, subject: str, at: int) -> tuple[str, ...]:
    """The wordings that ask for a chunk; every second one leaves the date out, as somebody would who does not know it."""
    keep = [
        k
        for j, k in enumerate(clause.chunks)
        if j == at
        or (k.kind != "because" and (j < 3 or k.kind in _STAYING) and not (clause.past and is_relative(k.text)))
    ]
    rows = _rows_with(clause, voice, subject, clause.chunks[at], keep)
    undated = [k for k in keep if k is clause.chunks[at] or not _is_date(k)]
    if len(undated) == len(keep) or voice.kind == "plain":
        return rows
    bare = _rows_with(clause, voice, subject, clause.chunks[at], undated)
    return tuple(pair[number % 2] for number, pair in enumerate(zip(bare, rows, strict=False)))


def _is_date(chunk: Chunk) -> bool:
    return chunk.kind in {"time", "bound"} and chunk.prep != "until" and _DATE.search(chunk.text) is not None


def _rows_with(clause: Clause, voice: Voice, subject: str, chunk: Chunk, keep: Sequence[Chunk]) -> tuple[str, ...]:
    own = voice.is_self(subject)
    nominative = voice.forms(subject)[0]
    aux, inner, finite = _clause_forms(clause, voice, subject)
    person = (
        chunk.kind in {"agent", "prepositional", "object"}
        and is_person(chunk.text, chunk.prep or (clause.base if clause.base in lexicon.MEETS else ""))
        and clause.verb != ""
    )
    wh = "who" if person else "what"
    stranded, dropped, echo = [], [], []
    gap = _GAPS.get(chunk.kind)
    for k in keep:
        if k is chunk:
            stranded.append(k.prep if gap is None else "")
            echo.append(
                (f"{k.prep} when" if k.kind == "bound" else gap) or f"{k.prep} {'whom' if person and k.prep else wh}"
            )
        else:
            text = voice.text(str(k), own)
            stranded.append(text)
            dropped.append(text)
            echo.append(text)
    pied = _join(aux, nominative, inner, *dropped)
    values = {
        "D": _join(aux, nominative, inner, *stranded),
        "I": _join(nominative, finite, *stranded),
        "E": _join(nominative, finite, *echo),
        "P": chunk.prep or "in",
        "p": chunk.prep or "in",
        "wh": wh,
        "Wh": wh,
        "whom": "whom" if person else "what",
        "Which": which(chunk.text),
        "was": "was" if clause.past else "is",
        "X": nominative,
        "be": aux,
    }
    if not clause.verb and chunk.kind == "object":
        who = "who" if is_person(clause.subject) and chunk.text[:1].isupper() else "what"
        return fill_all(
            templates.FAMILIES["complement"],
            values | {"wh": who, "Wh": who, "be": finite if not clause.adverbs else aux},
        )
    if chunk.kind == "agent":
        values["D"], values["I"] = pied, _join(nominative, finite, *dropped)
        if clause.auxiliaries in {("was",), ("were",)} and not clause.negation:
            values["Who_active"] = _join(wh, clause.adverbs, past_form(clause.verb), nominative, *dropped)
        rows = templates.FAMILIES["agent"].replace("{Wh} {D} by? | ", "") if dropped else templates.FAMILIES["agent"]
        return fill_all(rows, values)
    rows = templates.FAMILIES[chunk.kind]
    return tuple(
        asked
        for row in rows.split(" | ")
        if (asked := fill(row.strip(), values | ({"D": pied} if row.strip().startswith("{P}") else {})))
    )


def _subject_slot(clause: Clause, voices: list[Voice], subject: str, sentence: str) -> list[Slot]:
    person = is_person(clause.subject, clause.base, sentence)
    wh = "who" if person else "what"
    chunks = [k for j, k in enumerate(clause.chunks) if (j < 3 and k.kind != "because") or k.kind == "condition"]
    if (
        not chunks
        or clause.negation
        or subject.lower().startswith(("one of", "some", "any", "many", "not ", "more", "most"))
    ):
        return []
    definite = not clause.verb and re.match(r"(?:the|[A-Z][\w ]*'s) ", chunks[0].text)
    if not clause.verb and not definite and len(chunks[0].text.split()) < 4:
        return []
    wordings = []
    for voice in voices:
        _, _, finite = _clause_forms(clause, voice, subject)
        rest = " ".join(voice.text(str(chunk)) for chunk in chunks)
        values = {
            "wh": wh,
            "Wh": wh,
            "was": "was" if clause.past else "is",
            "Which": "which person" if person else "what exactly",
        }
        if definite:
            wordings.append(fill_all(templates.FAMILIES["definite"], values | {"be": finite, "Y": rest}))
            continue
        values["V"] = f"{finite} {rest}"
        thing = chunks[0]
        if (
            clause.past
            and not clause.auxiliaries
            and clause.verb
            and thing.kind == "object"
            and not clause.tail
            and not clause.negation
        ):
            others = " ".join(voice.text(str(chunk)) for chunk in chunks[1:])
            be = agree("was", voice.forms(thing.text)[3])
            if clause.base not in {"have", "become", "say", "cost", "weigh"}:
                values["By"] = f"{thing.text} {be} {participle(clause.verb)} by {'whom' if person else 'what'} {others}"
        wordings.append(fill_all(templates.FAMILIES["subject"], values))
    score = 7.2 if definite else 5.8 if subject[:1].isupper() else 5
    return [Slot(score, subject, tuple(wordings))]


def _clause_forms(clause: Clause, voice: Voice, subject: str) -> tuple[str, str, str]:
    """(auxiliary, what follows the subject in a question, the finite group in a statement)."""
    _, _, _, person = voice.forms(subject)
    own = voice.is_self(subject)
    middle = [clause.negation] if clause.negation else []
    middle += [clause.adverbs] if clause.adverbs else []
    if clause.auxiliaries:
        first = clause.auxiliaries[0].lower()
        if own and first in _PRESENT:
            first = agree(_PRESENT[first], person)
        group = [*middle, *clause.auxiliaries[1:], clause.verb, clause.tail]
        return first, " ".join(filter(None, group)), " ".join(filter(None, [first, *group]))
    rest = " ".join(filter(None, [*middle, clause.base, clause.tail]))
    if clause.past:
        return "did", rest, " ".join(filter(None, [*middle, clause.verb, clause.tail]))
    verb = agree(clause.base, person) if own else clause.verb
    aux = agree("does", person) if own else ("does" if clause.verb == third(clause.base) else "do")
    return aux, rest, " ".join(filter(None, [*middle, verb, clause.tail]))
