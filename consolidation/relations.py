"""Slots of statements that fit a row of relations, and of "B's A is C" in general."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from slowwave.consolidation import lexicon, templates
from slowwave.consolidation.cuts import condition_of, first_clause
from slowwave.consolidation.kinds import fits, is_asked_for, is_denied
from slowwave.consolidation.spans import is_person
from slowwave.consolidation.subjects import is_askable
from slowwave.consolidation.voices import Slot, Voice, fill_all, lower

__all__ = ["relation_slots"]

_SUBJECT = (
    r"(?P<s>I|we|user|(?:my|our|the|his|her) (?:[\w'-]+ ){0,3}?[\w'-]+|(?!(?:when|while|if|in|on|at|after|before|since|"
    r"as|although|because|for|what|that|how)\b)(?:[\w-]+ ){0,2}(?-i:[A-Z])[\w.'-]*(?: (?:de|van|of|the|"
    r"(?-i:[A-Z])[\w.'-]*)){0,4})"
)
_ABOUT = {"s", "own", "thing"}
"""The groups that stand in every question."""
_SOFTLY = r" (?:(?:just|also|really|recently|currently|now|always|usually|still|actually|finally|absolutely|often) )*"
_CLOCK = r"[^,;]*?(?:, \d{4})?(?: at \d[\d:.]*(?: ?[ap]\.?m\.?)?)?"
_MACROS = {
    "s": _SUBJECT,
    "own": r"(?P<own>my|our|[\w .'-]+?(?:'s|s'))",
    "be": r"(?:am|is|are)",
    "T": rf"(?P<T>{_CLOCK})",
    "T2": rf"(?P<T2>{_CLOCK})",
    **{name: rf"(?P<{name}>(?-i:[A-Z])[^;]*?)" for name in ("Name", "Called")},
    **{
        name: rf"(?P<{name}>(?:(?!,? (?:because|but|and (?:I|my|we|it)|so|when|which|since|though|although|as)\b)[^;:])+)"
        for name in ("long", "address", "favourite")
    },
}
_TAIL = (
    r"(?:,? (?:with|since|and (?:I|we|he|she|it|they|my)|because|for|when|where|which|who|but|so|on|at|in|from|after|"
    r"before|during|while|if|although|though|as|every|last|next|this|today|yesterday|if)\b.*|[,;:] (?:I|it|he|she|we|"
    r"they|my|even|and|especially|an?|the)\b.*|(?:,| and) an? .*| back then| -+ .*)?"
)
_UNTIL = re.compile(r"\b(?:until|till)\b")
"""What is over some day is asked only with that day."""
_ATTRIBUTE = re.compile(
    r"(?P<own>my|our|[\w .&-]+?(?:'s|s')) (?P<k>(?!name is)[a-z][\w-]*(?: (?!is\b|was\b)[\w-]+){0,3}) (?P<be>is|are|"
    r"was|were) (?P<x>[^,;]+?)" + _TAIL
)
_PARTICIPIAL = re.compile(r"(?:\w+ly )?(?:\w+ed|\w+ing|not|so|very|too|written|made|built|held|known|that|to) |[a-z]+$")
_SOMEBODY = re.compile(rf"\b(?:{lexicon.KIN}|{lexicon.PET})$")
_CLAUSE_LIKE = re.compile(rf"\b(?:{'|'.join(sorted(lexicon.STOPS - {'and', 'or'}))})\b")
_INVERTED = re.compile(
    r"^[Tt]he (?P<k>[a-z][\w-]*(?: [a-z][\w-]*){0,2}) of (?P<of>[A-Z][\w.'-]*(?: [A-Z][\w.'-]*)*|my [\w ]+?) (?P<be>is|"
    r"was) (?P<x>.+)$"
)


def relation_slots(sentence: str, voices: Iterable[Voice]) -> list[Slot]:
    """Slots of the first relation row that fits the whole statement; also of "B's A is C" in general."""
    voices = list(voices)
    if condition_of(sentence) or _UNTIL.search(sentence):
        return []
    sentence = first_clause(sentence).strip().rstrip(" .!")
    if turned := _INVERTED.match(sentence):
        sentence = f"{turned['of'].strip()}'s {turned['k']} {turned['be']} {turned['x']}"
    for pattern, slots in _compiled():
        found = pattern.fullmatch(sentence)
        if found and all(
            is_askable(span) if name in _ABOUT else fits(name, span, sentence[: found.start(name)])
            for name, span in found.groupdict().items()
            if span
        ):
            return [
                slot
                for rank, (group, rows) in enumerate(slots.items())
                if is_asked_for(group, found[group] or "")
                for slot in _relation_slot(found, group, rows, voices, 9 - rank)
            ]
    found = _ATTRIBUTE.fullmatch(sentence)
    if (
        found
        and is_askable(found["own"])
        and not _CLAUSE_LIKE.search(found["k"])
        and _is_attribute(found["k"], found["x"])
    ):
        rows = templates.ATTRIBUTE_WHO if is_person(found["x"]) and len(found["x"].split()) > 1 else templates.ATTRIBUTE
        return _relation_slot(found, "x", rows, voices, 7)
    return []


def _is_attribute(key: str, value: str) -> bool:
    """Whether a value tells which one it is, not how or where; who somebody is, only a name tells."""
    if _PARTICIPIAL.match(value) or is_denied(value) or value.split()[0] in lexicon.PREPOSITIONS:
        return False
    return not _SOMEBODY.search(key) or fits("Name", value, "")


def _relation_slot(found: re.Match[str], group: str, rows: str, voices: list[Voice], score: float) -> list[Slot]:
    spans = found.groupdict()
    answer = (spans.get(group) or "").strip(" ,")
    if not answer or re.match(r"(?:is|was|are|were|has|had)\b", answer):
        return []
    wordings = []
    for voice in voices:
        owner = re.sub(r"'s?$", "", spans.get("own") or "") or spans.get("s") or ""
        nominative, possessive, objective, person = voice.forms(owner) if owner else ("", "", "", "sg")
        values = {
            name: voice.text(lower(span or ""), voice.is_self(owner)) for name, span in spans.items() if name != group
        }
        values.update({"s": nominative, "s's": possessive, "o": objective} if owner else {})
        usable = " | ".join(row for row in rows.split(" | ") if person != "i" or " of {s}" not in row)
        wordings.append(fill_all(usable, values, person))
    return [Slot(score, answer, tuple(wordings))]


@cache
def _compiled() -> tuple[tuple[re.Pattern[str], Mapping[str, str]], ...]:
    def expand(pattern: str) -> str:
        pattern = pattern.replace("<s> ", "<s>" + _SOFTLY)
        return re.sub(r"(?<!\?P)<(\w+)>", lambda found: _MACROS.get(found[1], rf"(?P<{found[1]}>.+?)"), pattern)

    return tuple((re.compile(f"(?:{expand(pattern)}){_TAIL}", re.I), slots) for pattern, slots in templates.RELATIONS)
