"""The built-in question writer: relation rows first, then the clause parser, then a cloze.

Questions come in the voice of the user ("What am I allergic to?") and, where the statement is about the user, also in
the third person ("What is Ada allergic to?"), because a memory is asked both by its owner and by programs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from slowwave.consolidation import templates as lists
from slowwave.consolidation.clauses import (
    Chunk,
    Clause,
    base_form,
    normalise,
    parse,
    participle,
    past_form,
    sentences,
    third,
)
from slowwave.prompts import display_name, render_date
from slowwave.types import Fact, QAPair

__all__ = ["PHRASINGS", "RuleWriter", "question_key", "supported"]

PHRASINGS = 6
"""The least number of wordings a slot must have to be asked at all."""
_PER_SENTENCE, _PER_FACT = 3, 4
_FIRST, _THIRD = 6, 3
_PLAIN = 8
_LONGEST = 600  # characters; a longer "sentence" is a document without full stops

_SUBJECT = (
    r"(?P<s>I|we|user|(?:my|our|the|his|her) (?:[\w'-]+ ){0,3}?[\w'-]+|(?!(?:when|while|if|in|on|at|after|before|"
    r"since|as|although|because|for|what|that|how)\b)(?:[\w-]+ ){0,2}(?-i:[A-Z])[\w.'-]*(?: "
    r"(?:de|van|of|the|(?-i:[A-Z])[\w.'-]*)){0,4})"
)
_SOFTLY = r" (?:(?:just|also|really|recently|currently|now|always|usually|still|actually|finally|absolutely|often) )*"
_TIMED = re.compile(
    r"\d|day\b|noon|midnight|tomorrow|tonight|week|month|January|February|March|April|May|June|July|August|September|"
    r"October|"
    r"November|December"
)
_CLOCK = r"[^,;]*?(?:, \d{4})?(?: at \d[\d:.]*(?: ?[ap]\.?m\.?)?)?"
_MACROS = {
    "s": _SUBJECT,
    "own": r"(?P<own>my|our|[\w .'-]+?(?:'s|s'))",
    "be": r"(?:am|is|are|was|were)",
    "T": rf"(?P<T>{_CLOCK})",
    "T2": rf"(?P<T2>{_CLOCK})",
    "Name": r"(?P<Name>(?-i:[A-Z])[^;]*?)",
    "long": r"(?P<long>(?:(?!,? (?:because|but|and (?:I|my|we|it)|so|when|which|since|though|although|as)\b)[^;:])+)",
}
_TAIL = (
    r"(?:,? (?:with|since|and (?:I|we|he|she|it|they|my)|because|for|when|where|which|who|but|so|on|at|in|from|after|"
    r"before|"
    r"during|while|if|although|though|as|every|last|next|this|today|yesterday|if)\b.*|[,;:] (?:I|it|he|she|we|they|my|"
    r"even|"
    r"and|especially)\b.*| -+ .*)?"
)
_OPENER = re.compile(
    r"^(?:(?:by the way|also|well|actually|so|oh|hi|hello|hey|okay|ok|yes|yeah|yep|no|sure|of course|anyway|btw|ps|"
    r"thanks"
    r"|thank you|great|unfortunately|fortunately|luckily|however|in fact|for example|oh yeah|speaking of [^,]+|"
    r"recently|"
    r"lately|(?:hi|hello|hey) [a-z ]{1,20})(?:,|!| -) ?|(?:and|but|so|because) (?=I\b|my\b))+",
    re.I,
)
_JOINT = re.compile(
    r"(?:, (?:and|but|so)|;| - |, which means| and| but) (?=(?:I|my|we|our)\b(?! (?:was wondering|am not sure)))"
)
_EMPTY = re.compile(
    r"^(?:thanks|thank|hello|hi|hey|congratulations|please|let|tell|give|show|remind|recommend|sounds|sure|"
    r"good|great|okay|yes|no|what|how|why|could|can|would|do|does|is|are|will|if)\b",
    re.I,
)
_HOLLOW = lists.words("it this that there these those he she they you here here's which who one his her their its what")
_MUSING = lists.words(
    "think wonder hope guess suppose know believe mean agree understand remember see appreciate say tell"
)
_PLANNING = lists.words("look consider want need try feel plan aim keep get wish")
_VAGUE = lists.words(
    "it them him her me us you this that these those one ones something someone anything everything things thing stuff "
    "so too more most less much many lot bit way all some others able way part time well all good great here there"
)
_PERSON = re.compile(
    rf"\b(?:king|queen|president|prince|princess|emperor|pope|bishop|mayor|actor|actress|composer|writer|author|"
    rf"singer|artist|"
    rf"painter|player|woman|man|girl|boy|astronaut|athlete|director|minister|general|captain|officer|rapper|politician|"
    rf"scientist|historian|journalist|lawyer|professor|teacher|doctor|nurse|founder|leader|champion|coach|manager|who|"
    rf"activist|"
    rf"student|soldier|people|fan|critic|scholar|expert|monk|priest|physician|engineer|comedian|poet|ms|mr|mrs|dr|sir|"
    rf"lord|lady|saint|{lists.KIN})s?\b|\b\w{{4,}}(?:ologist|ographer|ician|wright)\b",
    re.I,
)
_THING = re.compile(
    r"\b(?:island|river|lake|mountain|university|college|school|church|cathedral|station|street|park|museum|company|"
    r"corporation|"
    r"inc|ltd|band|team|club|party|league|association|society|empire|republic|kingdom|states|city|county|prize|award|"
    r"war|"
    r"battle|treaty|act|film|album|song|book|house|building|bridge|tower|airlines?|bank|hotel|hospital|institute|army|"
    r"navy|"
    r"court|council|committee|festival|ship|uss|hms|world|cup|games?|journal|times|records|pictures|entertainment|"
    r"music|order"
    r"|championship|contest|tournament|memorial|painting|mixtape|magazine|newspaper|video|game|series|species|station|"
    r"pride|month|day|center|centre|castle|"
    r"palace|abbey|theat(?:er|re)|network)\b",
    re.I,
)
_MEETS = lists.words("meet marry hire appoint kill arrest defeat sue succeed with by")
_DOES = _MEETS | lists.words(
    "say move live work marry write sing paint die bear speak play study visit meet buy teach act direct"
)


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold().replace("_", " "))


@lru_cache(maxsize=64)
def _spaced(text: str) -> str:
    return f" {' '.join(_tokens(text))} "


def question_key(question: str) -> str:
    """A question without case and punctuation: two wordings with the same key are one."""
    return " ".join(_tokens(question))


def supported(pair: QAPair, fact: Fact) -> bool:
    """Whether the answer stands in the fact and is not given away by the question.

    The answer must be a run of whole tokens of the fact's text (case, spacing and punctuation ignored) or the day the
    fact was said, at most 120 characters; the question must be 1 to 300 characters.
    """
    question, answer = pair.question.strip(), _tokens(pair.answer)
    if not answer or not _tokens(question) or len(question) > 300 or len(pair.answer) > 120:
        return False
    if set(answer) <= set(_tokens(question)):
        return False
    wanted = f" {' '.join(answer)} "
    return any(wanted in _spaced(text) for text in (fact.text, render_date(fact)))


@dataclass(frozen=True)
class Voice:
    """Who asks: "first" (the user), "third" (somebody else about the user) or "plain" (nobody of the two is meant)."""

    kind: str
    name: str = ""

    def is_self(self, span: str) -> bool:
        """Whether the span means the user."""
        return self.kind != "plain" and span.lower() in {"i", "my", "user", "the user", self.name.lower()}

    def text(self, span: str, about_self: bool = False) -> str:
        """A span of the statement as this voice would say it."""
        if self.kind == "third":
            owner = "their" if about_self else f"{self.name}'s"
            for pattern, put in (
                (r"\b[Mm]y\b", owner),
                (r"\bI am\b", f"{self.name} is"),
                (r"\bI have\b", f"{self.name} has"),
                (r"\bmyself\b", "themselves"),
                (r"\b(?:I|me)\b", self.name),
                (r"\bmine\b", owner),
            ):
                span = re.sub(pattern, put.replace("\\", r"\\"), span)
        elif self.kind == "first" and self.name:
            span = re.sub(rf"(?i)\b(?:{re.escape(self.name)}|(?:the )?user)'s\b", "my", span)
            if about_self:
                span = re.sub(r"\b(?:his|her|their)\b(?= \w)", "my", span)
        return span

    def forms(self, span: str) -> tuple[str, str, str, str]:
        """Nominative, possessive, objective and person ("i", "pl" or "sg") of a subject."""
        if self.is_self(span):
            return ("I", "my", "me", "i") if self.kind == "first" else (self.name, f"{self.name}'s", self.name, "sg")
        if span.lower() in {"we", "our"}:
            return "we", "our", "us", "pl"
        text = self.text(span)
        text = _lower(text)
        head = re.split(rf" (?:of|{'|'.join(lists.PREPOSITIONS)}|\w+ing) ", text)[0].lower()
        many = (re.search(r"(?:[^s'u]s|people|children|men)$", head) and _lower(span)[:1].islower()) or " and " in text
        return text, text + ("'" if many and text.endswith("s") else "'s"), text, "pl" if many else "sg"


@dataclass(frozen=True)
class Slot:
    """One answer span and its wordings, a tuple per voice."""

    score: float
    answer: str
    wordings: tuple[tuple[str, ...], ...]


def _lower(span: str) -> str:
    return span[0].lower() + span[1:] if re.match(r"(?:The|A|An|My|Our|His|Her|Their|Project)\b", span) else span


def _agree(base: str, person: str) -> str:
    rows = {"is": ("am", "are", "is"), "was": ("was", "were", "was"), "has": ("have", "have", "has")}
    if base in rows:
        return rows[base][("i", "pl", "sg").index(person)]
    plain = base_form(base) if base == "does" else base
    return third(plain) if person == "sg" else plain


def _fill(wording: str, values: Mapping[str, str], person: str = "sg") -> str | None:
    """A wording with its placeholders filled, or None when one has no value."""
    if any(name not in values for name in re.findall(r"\{([^}]+)\}", wording)):
        return None
    text = re.sub(r"\[(\w+)\]", lambda found: _agree(found[1], person), wording)
    text = re.sub(r"\{([^}]+)\}", lambda found: values[found[1]], text)
    text = re.sub(r"\s+([?.,])", r"\1", " ".join(text.split()))
    if re.search(r"\b(?!had\b|that\b)([a-z]+) \1\b", text):
        return None
    return text[:1].upper() + text[1:]


def _rows(wordings: str, values: Mapping[str, str], person: str = "sg") -> tuple[str, ...]:
    return tuple(text for wording in wordings.split(" | ") if (text := _fill(wording.strip(), values, person)))


@cache
def _compiled() -> tuple[tuple[re.Pattern[str], Mapping[str, str]], ...]:
    def expand(pattern: str) -> str:
        pattern = pattern.replace("<s> ", "<s>" + _SOFTLY)
        return re.sub(r"(?<!\?P)<(\w+)>", lambda found: _MACROS.get(found[1], rf"(?P<{found[1]}>.+?)"), pattern)

    return tuple((re.compile(f"(?:{expand(pattern)}){_TAIL}", re.I), slots) for pattern, slots in lists.RELATIONS)


_ATTRIBUTE = re.compile(
    r"(?P<own>my|our|[\w .&-]+?(?:'s|s')) (?P<k>(?!name is)[a-z][\w-]*(?: (?!is\b|was\b)[\w-]+){0,3}) (?P<be>is|are|"
    r"was|were) (?P<x>[^,;]+?)" + _TAIL
)
_SAID_ON = re.compile(
    r"today|tonight|this (?:morning|afternoon|evening)", re.I
)  # learned undated, it would be nonsense
_PARTICIPIAL = re.compile(r"(?:\w+ly )?(?:\w+ed|\w+ing|not|so|very|too|written|made|built|held|known|that|to) |[a-z]+$")
_INVERTED = re.compile(
    r"^[Tt]he (?P<k>[a-z][\w-]*(?: [a-z][\w-]*){0,2}) of (?P<of>[A-Z][\w.'-]*(?: [A-Z][\w.'-]*)*|my [\w ]+?) "
    r"(?P<be>is|was) (?P<x>.+)$"
)


def relation_slots(sentence: str, voices: Iterable[Voice]) -> list[Slot]:
    """Slots of the first relation row that fits the whole statement; also of "B's A is C" in general."""
    voices = list(voices)
    sentence = sentence.strip(" .!")
    if turned := _INVERTED.match(sentence):
        sentence = f"{turned['of'].strip()}'s {turned['k']} {turned['be']} {turned['x']}"
    for pattern, slots in _compiled():
        found = pattern.fullmatch(sentence)
        if found and re.search(r"\b(?:is|was|are|were|has|had|will|can)\b", found.groupdict().get("s") or ""):
            continue
        if found and all(_TIMED.search(span or "1") for name, span in found.groupdict().items() if name in {"T", "T2"}):
            return [
                slot
                for rank, (group, rows) in enumerate(slots.items())
                for slot in _relation_slot(found, group, rows, voices, 9 - rank)
            ]
    found = _ATTRIBUTE.fullmatch(sentence)
    if (
        found
        and not re.search(rf"\b(?:{'|'.join(lists.STOPS - {'and', 'or'})})\b", found["k"])
        and not _PARTICIPIAL.match(found["x"])
    ):
        rows = lists.ATTRIBUTE_WHO if _is_person(found["x"]) and len(found["x"].split()) > 1 else lists.ATTRIBUTE
        return _relation_slot(found, "x", rows, voices, 7)
    return []


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
            name: voice.text(_lower(span or ""), voice.is_self(owner)) for name, span in spans.items() if name != group
        }
        values.update({"s": nominative, "s's": possessive, "o": objective} if owner else {})
        usable = " | ".join(row for row in rows.split(" | ") if person != "i" or " of {s}" not in row)
        wordings.append(_rows(usable, values, person))
    return [Slot(score, answer, tuple(wordings))]


def _is_person(text: str, base: str = "", context: str = "") -> bool:
    head = re.sub(r",.*", "", text).split("'s ")[-1]
    nouns = re.split(rf" (?:of|{'|'.join(lists.PREPOSITIONS)}|that|who) ", head)[0]
    aside = re.split(rf" (?:of|{'|'.join(lists.PREPOSITIONS)}|that|who) ", text.partition(", ")[2])[0]
    telling = [word for word in nouns.split() if word.islower()] + nouns.split()[-1:] + aside.split()[-1:]
    if re.match(r"(?:the |a |an )?[\"\d]", text) or re.match(
        r"(?:The|Project|Operation|Mount|Lake|Fort|Cape) [A-Z]", head
    ):
        return False
    if any(_THING.fullmatch(word) for word in telling):
        return False
    if re.match(r"(?:I|my|who)\b", head) and not re.search(rf"\b(?:{lists.KIN})\b", head):
        return head == "I"
    words = head.split()
    if re.fullmatch(
        r"(?!(?:the|a|an|my|his|her|their|our|its) )(?:[a-z][\w-]+ ){1,5}(?:[A-Z][\w.'-]+ ){1,3}[A-Z][\w'-]+", nouns
    ):
        return True
    named = re.search(r"\b[A-Z]", head)
    if (
        re.search(r"\bwho\b", text)
        or _PERSON.search(nouns if named else (nouns.split() or [""])[-1])
        or (named and context and re.search(r"\b(?:he|she|his|her|him|himself|herself)\b", context))
    ):
        return True
    return (
        len(words) in {2, 3, 4} and all(word[:1].isupper() or word in {"de", "van", "von", "al"} for word in words)
    ) or (len(words) == 1 and head[:1].isupper() and base in _DOES)


def _which(answer: str) -> str:
    if re.fullmatch(r"(?:\w+ )?\d{4}", answer):
        return "In which year" if answer.isdigit() else "In which month"
    if re.search(r"\d ?[ap]\.?m|\d:\d\d", answer):
        return "At what time"
    return "On which day" if re.search(r"day\b|\d (?:[JFMASOND][a-z]+)|[a-z] \d\d?\b", answer) else "When exactly"


def _clause_forms(clause: Clause, voice: Voice, subject: str) -> tuple[str, str, str]:
    """(auxiliary, what follows the subject in a question, the finite group in a statement)."""
    _, _, _, person = voice.forms(subject)
    own = voice.is_self(subject)
    middle = [clause.negation] if clause.negation else []
    middle += [clause.adverbs] if clause.adverbs else []
    if clause.auxiliaries:
        first = clause.auxiliaries[0].lower()
        table = {
            "am": "is",
            "is": "is",
            "are": "is",
            "was": "was",
            "were": "was",
            "have": "has",
            "has": "has",
            "do": "does",
            "does": "does",
        }
        if own and first in table:
            first = _agree(table[first], person)
        group = [*middle, *clause.auxiliaries[1:], clause.verb, clause.tail]
        return first, " ".join(filter(None, group)), " ".join(filter(None, [first, *group]))
    rest = " ".join(filter(None, [*middle, clause.base, clause.tail]))
    if clause.past:
        return "did", rest, " ".join(filter(None, [*middle, clause.verb, clause.tail]))
    verb = _agree(clause.base, person) if own else clause.verb
    aux = _agree("does", person) if own else ("does" if clause.verb == third(clause.base) else "do")
    return aux, rest, " ".join(filter(None, [*middle, verb, clause.tail]))


def clause_slots(sentence: str, voices: Iterable[Voice]) -> list[Slot]:
    """Slots of the main clause: agent, price, time, place, object, complement, subject and prepositional phrases."""
    voices = list(voices)
    clause = parse(sentence)
    if clause is None:
        return []
    subject, _, aside = clause.subject.partition(", ")
    if " and " in aside and not re.match(r"(?:who|which|whose|an?|the|\w+ed)\b", aside):
        subject = clause.subject
    if (
        not subject
        or re.search(r"\b(?:what|I [a-z])", subject)
        or subject.split()[0].lower() in _HOLLOW
        or ":" in subject
        or (subject == "I" and clause.base in _MUSING)
        or len(subject.split()) > 14
    ):
        return []
    slots: list[Slot] = []
    for i, chunk in enumerate(clause.chunks):
        score = _score(chunk, clause, subject)
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


def _score(chunk: Chunk, clause: Clause, subject: str) -> float:
    words = chunk.text.split()
    copula = not clause.verb
    content = [
        word for word in words if word.lower().strip(",") not in _VAGUE and word.lower() not in lists.DETERMINERS
    ]
    limit = 8 if chunk.kind in {"time", "place", "prepositional", "agent"} else 12
    if (
        not content
        or len(words) > limit
        or chunk.kind == "set"
        or re.fullmatch(r"\w+ times", chunk.text)
        or words[-1].lower() in lists.STOPS | lists.DETERMINERS | {"of"}
    ):
        return 0
    if re.match(
        r"(?:it|them|him|me|us|you|this|that|these|those|himself|herself|themselves|myself|something|anything|no|"
        r"each|any|my best|an? (?:bit|lot)|some (?:issues|trouble|advice|tips))\b",
        chunk.text,
    ):
        return 0
    if copula and subject == "I" and not re.match(r"(?:an?|the)\b|[A-Z]", chunk.text):
        return 0
    if (
        chunk.kind == "object"
        and clause.base in lists.FEELING
        and clause.verb
        and not re.match(r"(?:an?|the|my|our|[A-Z\d\"$]|\w+s\b)", chunk.text)
    ):
        return 0
    if chunk.kind == "time" and chunk.prep == "before":
        return 0
    if chunk.kind == "purpose" and (clause.base in lists.ORDERING or chunk is clause.chunks[0]):
        return 0
    if clause.base == "say" and chunk is not clause.chunks[0]:
        return 0
    if chunk.kind in {"object", "prepositional"}:
        if len(words) > 1 and re.search(r"[a-z]ed$|^told$|^made$|^written$|^built$|^held$", words[-1]):
            return 0
        if chunk.kind == "prepositional" and chunk.prep == "by":
            return 0
        if re.match(r"(?:those|that|how|if|whether|so|as|such|too|more|less|very|not|to)\b", chunk.text):
            return 0
        if (
            chunk.kind == "prepositional"
            and not re.match(r"(?:the|a|an|my|our|[\"A-Z$\d])|two|three|four|five", chunk.text)
            and len(words) > 2
        ):
            return 0
        if chunk.kind == "prepositional" and chunk.prep in {
            "like",
            "despite",
            "without",
            "within",
            "than",
            "per",
            "before",
            "after",
            "under",
            "over",
        }:
            return 0
        if chunk.kind == "prepositional" and copula:
            return 0
    score = {
        "agent": 9,
        "price": 8,
        "time": 7,
        "place": 7,
        "duration": 6,
        "age": 8,
        "object": 6.5,
        "prepositional": 4.5,
        "because": 3,
        "purpose": 2.5,
    }[chunk.kind]
    score += 0.6 * bool(re.search(r"[A-Z]|\d", chunk.text))
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
    if subject == "I" and clause.base in _PLANNING:
        score = score - 3 if chunk.kind == "object" else 0
    return score


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _chunk_rows(clause: Clause, voice: Voice, subject: str, at: int) -> tuple[str, ...]:
    chunk = clause.chunks[at]
    own = voice.is_self(subject)
    nominative = voice.forms(subject)[0]
    aux, inner, finite = _clause_forms(clause, voice, subject)
    person = (
        chunk.kind in {"agent", "prepositional", "object"}
        and _is_person(chunk.text, chunk.prep or (clause.base if clause.base in _MEETS else ""))
        and clause.verb != ""
    )
    wh = "who" if person else "what"
    keep = [k for j, k in enumerate(clause.chunks) if j == at or (k.kind != "because" and (j < 3 or k.kind == "time"))]
    stranded, dropped, echo = [], [], []
    gap = {
        "time": "when",
        "place": "where",
        "price": "for how much",
        "duration": "for how long",
        "age": "at what age",
        "because": "because of what",
        "purpose": "for what purpose",
    }.get(chunk.kind)
    for k in keep:
        if k is chunk:
            stranded.append(k.prep if gap is None else "")
            echo.append(gap or f"{k.prep} {'whom' if person and k.prep else wh}")
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
        "wh": wh,
        "Wh": wh,
        "whom": "whom" if person else "what",
        "Which": _which(chunk.text),
        "was": "was" if clause.past else "is",
        "X": nominative,
        "be": aux,
    }
    if not clause.verb and chunk.kind == "object":
        who = "who" if _is_person(clause.subject) and chunk.text[:1].isupper() else "what"
        return _rows(
            lists.FAMILIES["complement"], values | {"wh": who, "Wh": who, "be": finite if not clause.adverbs else aux}
        )
    if chunk.kind == "agent":
        values["D"], values["I"] = pied, _join(nominative, finite, *dropped)
        if clause.auxiliaries in {("was",), ("were",)} and not clause.negation:
            values["Who_active"] = _join(wh, clause.adverbs, past_form(clause.verb), nominative, *dropped)
        rows = lists.FAMILIES["agent"].replace("{Wh} {D} by? | ", "") if dropped else lists.FAMILIES["agent"]
        return _rows(rows, values)
    rows = lists.FAMILIES[chunk.kind]
    return tuple(
        asked
        for row in rows.split(" | ")
        if (asked := _fill(row.strip(), values | ({"D": pied} if row.strip().startswith("{P}") else {})))
    )


def _subject_slot(clause: Clause, voices: list[Voice], subject: str, sentence: str) -> list[Slot]:
    person = _is_person(clause.subject, clause.base, sentence)
    wh = "who" if person else "what"
    chunks = [k for k in clause.chunks[:3] if k.kind != "because"]
    if not chunks or subject.lower().startswith(("one of", "some", "any", "many", "not ", "more", "most")):
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
        definite = not clause.verb and re.match(r"(?:the|[A-Z][\w ]*'s) ", chunks[0].text)
        if not clause.verb and not definite and len(chunks[0].text.split()) < 4:
            return []
        if definite:
            wordings.append(_rows(lists.FAMILIES["definite"], values | {"be": finite, "Y": rest}))
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
            be = _agree("was", voice.forms(thing.text)[3])
            if clause.base not in {"have", "become", "say", "cost", "weigh"}:
                values["By"] = f"{thing.text} {be} {participle(clause.verb)} by {'whom' if person else 'what'} {others}"
        wordings.append(_rows(lists.FAMILIES["subject"], values))
    score = (
        7.2
        if not clause.verb and re.match(r"(?:the|[A-Z][\w ]*'s) ", chunks[0].text)
        else 5.8
        if subject[:1].isupper()
        else 5
    )
    return [Slot(score, subject, tuple(wordings))]


def cloze(sentence: str, voices: Iterable[Voice]) -> list[Slot]:
    """The last telling span of a sentence, blanked out."""
    text = sentence.strip(" .!")
    spans = [
        found.group()
        for found in re.finditer(r"[$€£]?\d[\d,.:]*(?: ?[ap]m)?\b|(?:[A-Z][\w'-]+)(?: [A-Z][\w'-]+)*", text)
        if found.start() > 0
    ]
    words = text.split()
    if not spans:
        tail = words[-3:]
        while len(tail) > 1 and tail[0].lower().strip(
            ","
        ) in lists.PREPOSITIONS | lists.DETERMINERS | lists.ADVERBS | lists.STOPS | {
            "of",
            "to",
            "is",
        }:
            tail = tail[1:]
        spans = [" ".join(tail)] if len(words) > len(tail) else []
    if not spans or spans[-1].lower() in _VAGUE or len(words) > 40:
        return []
    before, _, after = text.rpartition(spans[-1])
    wordings = tuple(_rows(lists.CLOZE, {"gap": f"{voice.text(before)}___{voice.text(after)}"}) for voice in voices)
    return [Slot(1, spans[-1], wordings)]


def _statements(text: str) -> Iterator[str]:
    """What is stated in a text; questions, greetings and requests are left out."""
    for sentence in sentences(normalise(text)):
        if len(sentence) > _LONGEST or sentence.rstrip("\"')").endswith("?"):
            continue
        for piece in _JOINT.split(sentence):
            opened = _OPENER.sub("", piece).strip()
            words = opened.split()
            if len(words) < 2 or (_EMPTY.match(opened) and len(words) < 4) or not re.search(r"\w", opened):
                continue
            if re.match(
                r"(?:can|could|would|do|does|what|how|please|let|thanks?|thank|tell|give|show|recommend|remind|if)\b",
                opened,
                re.I,
            ):
                continue
            if words[0].lower() in lists.BASES and words[1].lower() in {"me", "us", "it", "the", "a", "you", "your"}:
                continue
            yield opened


def _voices(statement: str, fact: Fact) -> list[Voice]:
    name = str(fact.metadata.get("name") or display_name(fact.user_id) or "")
    if re.search(r"\b(?:we|our|us|We|Our)\b", statement):
        return [Voice("first")]
    if re.search(r"\b(?:I|my|My|me|mine)\b", statement):
        return [Voice("first"), Voice("third", name or "the user")]
    if (name and re.match(rf"{re.escape(name)}\b", statement)) or re.match(r"(?:the )?user\b", statement, re.I):
        return [Voice("first", name or "the user"), Voice("third", name or "the user")]
    return [Voice("plain")]


def _pairs(slot: Slot, voices: list[Voice], fact: Fact) -> list[QAPair]:
    """At most eight wordings: a voice alone gives all of them, two voices share them."""
    chosen: dict[str, QAPair] = {}
    answer = render_date(fact) if _SAID_ON.fullmatch(slot.answer) else slot.answer
    for voice, rows in zip(voices, slot.wordings, strict=True):
        if voice.kind == "third" and len(rows) > 4:
            rows = (rows[0], rows[3], rows[4], *rows)
        taken, limit = 0, (_PLAIN if len(voices) == 1 else _FIRST if voice.kind == "first" else _THIRD)
        for row in rows:
            pair = QAPair(question=row, answer=answer)
            if (
                taken < limit
                and question_key(row) not in chosen
                and supported(pair, fact)
                and not re.search(r"\b(?:I|me) I\b", row)
            ):
                chosen[question_key(row)] = pair
                taken += 1
    return list(chosen.values()) if len(chosen) >= PHRASINGS else []


class RuleWriter:
    """Writes question-answer pairs from one statement by rules: no model, no download, always the same result.

    Each answer span gets six to nine wordings; at most three spans a sentence and four a fact.
    """

    name = "rules"

    def __call__(self, fact: Fact) -> list[QAPair]:
        """All pairs for one fact, the most informative answer first; empty when nothing is stated."""
        found: list[tuple[float, int, list[QAPair]]] = []
        statements = list(_statements(fact.text))
        for statement in statements:
            voices = _voices(statement, fact)
            taken: list[str] = []
            relations = relation_slots(statement, voices)
            extra = sorted(clause_slots(statement, voices), key=lambda slot: -slot.score)
            if relations:
                extra = [slot for slot in extra if slot.score >= 7]
            for slot in relations + extra:
                if len(taken) >= _PER_SENTENCE:
                    break
                key = question_key(slot.answer)
                if key in _VAGUE or any(f" {key} " in f" {other} " or f" {other} " in f" {key} " for other in taken):
                    continue
                if pairs := _pairs(slot, voices, fact):
                    taken.append(key)
                    found.append((-slot.score, len(found), pairs))
        if not found:
            for statement in statements:
                if statement.split()[0].lower() in _HOLLOW - {"he", "she", "one"} and len(statements) > 1:
                    continue
                voices = _voices(statement, fact)
                blanks = [
                    s
                    for s in cloze(statement, voices)
                    if len(sentences(fact.text)) == 1 or re.search(r"[A-Z\d]", s.answer)
                ]
                found += [(0.0, 0, pairs) for slot in blanks if (pairs := _pairs(slot, voices, fact))][:1]
                if found:
                    break
        best = sorted(found, key=lambda row: row[:2])[:_PER_FACT]
        return [pair for _, _, pairs in best for pair in pairs]
