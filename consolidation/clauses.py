"""A small English clause parser: sentences, subject, verb group, and what follows it.

Word lists and suffix rules instead of a tagger: nothing to download, and wrong often enough that every question made
from a clause is checked again (`slowwave.consolidation.writers.supported`). `parse` answers None where it is unsure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from slowwave.consolidation import templates as lists

__all__ = [
    "Chunk",
    "Clause",
    "bare",
    "base_form",
    "is_time",
    "normalise",
    "parse",
    "participle",
    "past_form",
    "sentences",
    "third",
]


@dataclass(frozen=True)
class Chunk:
    """A piece that follows the verb: an object (no preposition) or a prepositional phrase."""

    kind: str
    prep: str
    text: str

    def __str__(self) -> str:
        return f"{self.prep} {self.text}".strip()


@dataclass(frozen=True)
class Clause:
    """One finite clause; `verb` is empty for a copula, whose complement is then the first chunk."""

    subject: str
    auxiliaries: tuple[str, ...]
    adverbs: str
    verb: str
    base: str
    tail: str
    chunks: tuple[Chunk, ...]
    negation: str
    passive: bool

    @property
    def past(self) -> bool:
        """Whether the clause speaks about the past."""
        first = self.auxiliaries[0].lower() if self.auxiliaries else ""
        return first in {"was", "were", "had", "did"} or (not first and self.verb not in {self.base, third(self.base)})


def normalise(text: str) -> str:
    """One line, contractions spelled out, stray spaces around quotes and possessives closed."""
    text = " ".join(text.replace("“", '"').replace("”", '"').replace("’", "'").split())
    text = re.sub(r" \([^)]*\)", "", text)
    if text.count('"') % 2 == 0:
        text = re.sub(r'"\s*([^"]*?)\s*"', r'"\1"', text)
    text = re.sub(r" (?=[,;.!?](?:\s|$)|'s\b)", "", text)
    for pattern, spelled in lists.CONTRACTIONS:
        text = re.sub(pattern, spelled, text, flags=re.I)
    return text


def sentences(text: str) -> list[str]:
    """The sentences of a text, end marks kept; abbreviations and initials do not end one."""
    pieces = re.split(r"(?<=[.!?…])[\"')]?\s+(?=[\"'(]?[A-Z0-9])|\s*\n+\s*", text)
    joined: list[str] = []
    for piece in pieces:
        if joined and re.search(
            r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|No|vs|etc|v|e\.g|i\.e|a\.m|p\.m|[A-Z])\.)$", joined[-1]
        ):
            joined[-1] += " " + piece
        elif piece and piece.strip():
            joined.append(piece.strip())
    return joined


def bare(token: str) -> str:
    """A token without outer punctuation, in lower case."""
    return token.strip(".,;:!?\"'()").lower()


def is_time(text: str) -> bool:
    """Whether a phrase names a point in time."""
    return (
        bool(lists.TIME.search(text))
        and len(text.split()) <= 7
        and not re.match(r"(?:the|a|an|her|his|its) \d{4} ", text)
    )


def base_form(word: str) -> str:
    """The infinitive of a finite verb: "moved" -> "move", "flies" -> "fly"."""
    word = word.lower()
    if word in {"has", "does"}:
        return {"has": "have", "does": "do"}[word]
    if word in lists.PAST or word in lists.PARTICIPLE:
        return lists.PAST.get(word) or lists.PARTICIPLE[word]
    for ending, put in (
        ("ing", ""),
        ("ing", "e"),
        ("ied", "y"),
        ("ed", ""),
        ("ed", "e"),
        ("ies", "y"),
        ("s", ""),
        ("es", ""),
    ):
        if word.endswith(ending) and word[: -len(ending)] + put in lists.BASES:
            return word[: -len(ending)] + put
    if word.endswith("ing") and len(word) > 5 and word[-4] == word[-5] and word[:-4] in lists.BASES:
        return word[:-4]
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ed"):
        stem = word[:-2]
        if stem[-1:] == stem[-2:-1] and stem[:-1] in lists.BASES:
            return stem[:-1]
        if len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in "lsfze":
            return stem[:-1]
        return stem + "e" if lists.E_ENDING.search(stem) else stem
    return word


def third(base: str) -> str:
    """The third person singular: "fly" -> "flies"."""
    if base in {"have", "be"}:
        return {"have": "has", "be": "is"}[base]
    if re.search(r"[^aeiou]y$", base):
        return base[:-1] + "ies"
    return base + ("es" if re.search(r"(?:s|x|z|ch|sh|o)$", base) else "s")


def participle(past: str) -> str:
    """The past participle for a past tense: "wrote" -> "written"."""
    return lists.PARTICIPLE_OF.get(lists.PAST.get(past.lower(), ""), past)


def past_form(verb: str) -> str:
    """The simple past for a participle: "written" -> "wrote"."""
    return lists.PAST_OF.get(lists.PARTICIPLE.get(verb.lower(), ""), verb)


def _is_adverb(word: str) -> bool:
    return word in lists.ADVERBS or (word.endswith("ly") and len(word) > 4 and word not in lists.NOT_ADVERBS)


def _finite(tokens: list[str], i: int) -> bool:
    """Whether the token could be the main verb of a clause without an auxiliary."""
    if i >= len(tokens) or i == 0:
        return False
    token, word, before = tokens[i], bare(tokens[i]), bare(tokens[i - 1])
    following = bare(tokens[i + 1]) if i + 1 < len(tokens) else ""
    if not token[:1].islower() or token[-1] in ",;:" or word in lists.NOT_VERBS | {"like"}:
        return False
    if (
        before in lists.DETERMINERS
        or before in lists.PREPOSITIONS - {"like"}
        or before in {"of", "and", "most", "more", "very"}
    ):
        return False
    if tokens[i - 1].lower().endswith("'s"):
        return False
    if word in lists.PAST and word not in lists.BASES - set(lists.PAST):
        return True
    if word.endswith("ed") and len(word) > 3:
        return True
    if following in lists.AUX or following == "of" or following in {"who", "that"}:
        return False
    if word.endswith("s") and not word.endswith("ss"):
        return base_form(word) in lists.BASES and base_form(word) != word
    j = i - 2 if _is_adverb(before) and i > 1 else i - 1
    plural = bare(tokens[j])
    many = (plural.endswith("s") and not plural.endswith(("ss", "'s", "us"))) or plural in {
        "people",
        "children",
        "men",
        "women",
    }
    return word in lists.BASES and many


def _verb_at(tokens: list[str]) -> int | None:
    """Where the main verb group begins."""
    if bare(tokens[0]) in lists.PRONOUNS:
        return 1 if len(tokens) > 1 else None
    pending, i = 0, 1
    while i < len(tokens):
        word = bare(tokens[i])
        if tokens[i - 1].endswith(","):
            close = next(
                (j for j in range(i, len(tokens) - 1) if tokens[j].endswith(",") and _opens(tokens, j + 1)), None
            )
            if close is not None and (pending or word not in lists.AUX):
                i, pending = close + 1, 0
                continue
        if word in lists.RELATIVES:
            pending += 1
        elif _opens(tokens, i):
            if not pending:
                if word not in lists.AUX and _reduced(tokens, i):
                    i += 1
                    continue
                return i
            pending -= 1
            while i + 1 < len(tokens) and (bare(tokens[i]) in lists.AUX or _is_adverb(bare(tokens[i]))):
                i += 1
        elif word in lists.SUBORDINATORS:
            return None
        i += 1
    return None


def _opens(tokens: list[str], i: int) -> bool:
    """Whether a verb group (adverbs, then an auxiliary or a finite verb) begins here."""
    while i < len(tokens) - 1 and _is_adverb(bare(tokens[i])) and tokens[i].islower():
        i += 1
    if i >= len(tokens):
        return False
    word = bare(tokens[i])
    if word in lists.AUX:
        return not (word in {"may", "might", "will", "can"} and not tokens[i].islower())
    return _finite(tokens, i)


def _reduced(tokens: list[str], i: int) -> bool:
    """Whether a past form is a reduced relative ("an album released in 1999 was ...")."""
    word = bare(tokens[i])
    after = bare(tokens[i + 1]) if i + 1 < len(tokens) else ""
    named = word in {"titled", "called", "named", "dubbed", "nicknamed"}
    if (
        (word in lists.PAST and participle(word) != word)
        or not (named or after in lists.PREPOSITIONS)
        or word == "used"
    ):
        return False
    for j in range(i + 1, len(tokens)):
        if bare(tokens[j]) in lists.STOPS or tokens[j - 1].endswith((",", ";", ":")):
            return False
        if j > i + 1 and _opens(tokens, j) and not tokens[j].endswith("s"):
            return True
        if j > i + 1 and bare(tokens[j]) in {"is", "was", "has"}:
            return True
    return False


def _reduces(tokens: list[str], i: int) -> bool:
    """Whether a participle after a noun opens a reduced relative ("fragments found in ...", "fans filming ...")."""
    word, before = bare(tokens[i]), bare(tokens[i - 1])
    after = bare(tokens[i + 1]) if i + 1 < len(tokens) else ""
    if before in lists.DETERMINERS | lists.PREPOSITIONS | {"and", "or", "of"} or _is_adverb(before):
        return False
    if word.endswith("ing") and len(word) > 5:
        opens = after in lists.PREPOSITIONS | lists.DETERMINERS | lists.PRONOUNS or after.endswith(("self", "selves"))
        return opens and word not in lists.NOUNS_ING and base_form(word) in lists.BASES
    return (
        word in lists.PARTICIPLE or (word.endswith("ed") and word not in lists.NOT_VERBS)
    ) and after in lists.PREPOSITIONS


def _second_verb(tokens: list[str], i: int) -> bool:
    """Whether a second verb phrase or clause, not a further noun, follows a conjunction."""
    if i >= len(tokens) or (not tokens[i].islower() and tokens[i] != "I"):
        return False
    word = bare(tokens[i])
    after = bare(tokens[i + 1]) if i + 1 < len(tokens) else ""
    if word in lists.PRONOUNS | lists.AUX | {"then", "have"} or (
        word in lists.PAST and word not in lists.PAST.values()
    ):
        return True
    if (word.endswith("ed") and base_form(word) != word) or any(
        bare(token) in lists.AUX for token in tokens[i + 1 : i + 5]
    ):
        return True
    if word.endswith("s") and base_form(word) in lists.BASES - {word} and after in lists.DETERMINERS:
        return True
    return word in lists.BASES and (
        after in lists.DETERMINERS | lists.PREPOSITIONS | lists.PRONOUNS or after.endswith("ing")
    )


def _kind(prep: str, text: str, passive: bool) -> str:
    money = re.match(r"(?:about |around |only |just |over )?(?:[$€£]|\d[\d.,]* (?:euros?|dollars?|pounds?)\b)", text)
    if not prep:
        return "time" if lists.BARE_TIME.fullmatch(text) else "object"
    if money and prep in {"for", "at"}:
        return "price"
    if prep in {"for", "within"} and lists.DURATION.match(text):
        return "duration"
    if prep in {"in", "on", "at", "since", "until", "during", "by", "from", "before", "after"} and is_time(text):
        return "time"
    if prep == "by" and passive:
        return "agent"
    if prep == "at" and text.lower().startswith("the age of "):
        return "age"
    if re.match(r"\w+ing\b|[a-z]+ of\b|(?:part|order|fact|addition|general|particular)\b", text):
        return "set"
    proper = re.search(r"\b[A-Z]\w*(?!['\w])", text) and not re.search(r"'s\b|\"", text) and not lists.WORK.search(text)
    if prep in lists.PLACE_PREPOSITIONS and (proper or lists.PLACE.search(text)) and not lists.LANGUAGE.match(text):
        return "place"
    return "prepositional"


def _is_dash(token: str) -> bool:
    """Whether a token is a dash that separates two thoughts."""
    return token in {"-", "--", "–", "—"}


def _chunks(tokens: list[str], passive: bool) -> tuple[Chunk, ...]:
    """Object, then prepositional phrases; stops where a subordinate clause or a second verb begins."""
    found: list[tuple[str, list[str]]] = [("", [])]
    i = 0
    while i < len(tokens):
        word = bare(tokens[i])
        rest = " ".join(tokens[i:])
        after = bare(tokens[i + 1]) if i + 1 < len(tokens) else ""
        closed = i > 0 and tokens[i - 1].endswith((",", ";", ":"))
        if i == 0 and word == "that":
            return (Chunk("set", "", rest.strip(" ,;:.!?")),)
        if closed and tokens[i].islower() and not re.search(r"\b(?:and|or)\b", rest):
            break
        if found[-1][1] and tokens[i].islower() and not closed and found[-1][0] != "to-verb" and _reduces(tokens, i):
            break
        if _is_dash(tokens[i]) or word == "but" or (i and lists.INTERVAL.match(rest)):
            break
        if closed and (word in lists.PARTICIPLE or word.endswith("ed")) and found[-1][0] != "to-verb":
            break
        if closed and (word in lists.RELATIVES or word.endswith("ing") or tokens[i - 1][-1] != ","):
            break
        if closed and word in lists.ASIDES and ", and " not in rest and ", or " not in rest:
            break
        if i and word in {"and", "or"} and _second_verb(tokens, i + 1):
            break
        if i and (
            word in lists.RELATIVES or (word in lists.SUBORDINATORS and word not in {"because", "since", "until"})
        ):
            break
        if i and word in {"before", "after", "since", "until"} and after in lists.PRONOUNS | {"being"}:
            break
        moment = lists.BARE_TIME.match(rest)
        if moment and (i == 0 or bare(tokens[i - 1]) not in lists.PREPOSITIONS | {"of"}):
            size = len(moment.group().split())
            found += [("", tokens[i : i + size]), ("", [])]
            i += size
            continue
        if word == "due" and after == "to":
            found.append(("due to", []))
            i += 2
            continue
        ranges = i and tokens[i - 1][-1:].isdigit() and after[:1].isdigit() and word == "to"
        splits = (not ranges and word in lists.PREPOSITIONS) or word == "because"
        if splits and tokens[i].islower() and not (i and bare(tokens[i - 1]) in {"of", "such"}) and after:
            if (
                word == "to"
                and found[-1][0] != "to-verb"
                and (after in lists.BASES or after == "be")
                and tokens[i + 1].islower()
                and not is_time(after)
            ):
                found.append(("to-verb", [tokens[i]]))
            elif found[-1][0] not in {"because", "due to", "to-verb"}:
                found.append((word, []))
            else:
                found[-1][1].append(tokens[i])
        else:
            found[-1][1].append(tokens[i])
        i += 1
    chunks: list[Chunk] = []
    carried = ""
    for prep, words in found:
        if prep in lists.PREPOSITIONS:
            prep = f"{carried} {prep}".strip()
            carried = "" if words else prep
        while words and bare(words[-1]) in lists.TRAILING:
            words.pop()
        text = " ".join(words).strip(" ,;:.!?")
        if text and prep == "to-verb":
            chunks.append(Chunk("purpose", "", text))
        elif text and prep in {"because", "due to"}:
            chunks.append(Chunk("because", prep, text))
        elif text:
            kind = _kind(prep, text, passive)
            if prep == "to" and chunks and chunks[-1].prep == "from" and chunks[-1].kind == "time":
                chunks[-1] = Chunk("time", "from", f"{chunks[-1].text} to {text}")
                continue
            chunks.append(Chunk("set" if kind == "object" and chunks else kind, prep, text))
    return tuple(chunks)


def _lowered(text: str) -> str:
    return text if lists.DAYS.match(text) else text[0].lower() + text[1:]


def parse(sentence: str) -> Clause | None:
    """The main clause of a normalised sentence, or None when no verb is found.

    >>> clause = parse("Ada moved to Porto in March 2024.")
    >>> clause.subject, clause.base, [str(chunk) for chunk in clause.chunks]
    ('Ada', 'move', ['to Porto', 'in March 2024'])
    """
    tokens = re.findall(r'"[^"]*"[\w,.;:!?\']*|[^\s"]+|"', sentence.rstrip(" .!"))
    lead: Chunk | None = None
    if tokens and (
        bare(tokens[0]) in lists.PREPOSITIONS | lists.SUBORDINATORS | {"according"} or lists.INTERVAL.match(sentence)
    ):
        cut = next((i for i, token in enumerate(tokens[:-2]) if token.endswith(",")), None)
        if cut is None:
            return None
        opening = " ".join(tokens[1 : cut + 1]).strip(",")
        kind = _kind(tokens[0].lower(), opening, False)
        if kind in {"time", "place"}:
            lead = Chunk(kind, tokens[0].lower(), opening)
        tokens = tokens[cut + 1 :]
    elif moment := lists.BARE_TIME.match(sentence):
        lead = Chunk("time", "", _lowered(moment.group()))
        tokens = tokens[len(moment.group().split()) :]
    while len(tokens) > 2 and _is_adverb(bare(tokens[0])) and bare(tokens[1]) in lists.PRONOUNS:
        tokens = tokens[1:]
    if len(tokens) < 2 or (at := _verb_at(tokens)) is None:
        return None
    subject = " ".join(tokens[:at]).strip(" ,")
    if re.search(r", (?:I|we|you|he|she|they|it)$", subject):
        subject = subject.rpartition(", ")[2]
    elif re.match(r"[A-Z][a-z]+ing\b(?! [A-Z])", subject):
        subject = _lowered(subject)
    auxiliaries: list[str] = []
    adverbs: list[str] = []
    negation, i = "", at
    while i < len(tokens):
        word = bare(tokens[i])
        if word in {"not", "never"}:
            negation = word
        elif _is_adverb(word) and tokens[i].islower():
            adverbs += [] if word in lists.FADING else [tokens[i]]
        elif (word in lists.AUX or (auxiliaries and word in {"be", "been", "being", "have"})) and tokens[i][
            -1
        ] not in ",;:":
            auxiliaries.append(tokens[i])
        else:
            break
        i += 1
    word = bare(tokens[i]) if i < len(tokens) else ""
    if len(auxiliaries) > 1 and bare(auxiliaries[0]) in lists.HAVE and bare(auxiliaries[1]) not in {"been", "had"}:
        return None
    last = bare(auxiliaries[-1]) if auxiliaries else ""
    past_participle = word in lists.PARTICIPLE or (word.endswith("ed") and word not in lists.NOT_VERBS)
    going = word.endswith("ing") and len(word) > 4 and word not in lists.ADJECTIVES_ING
    passive, verb = False, ""
    if last in lists.BE:
        passive = past_participle
        if (passive or going or word == "able") and i < len(tokens):
            verb = tokens[i]
    elif (last in lists.HAVE and not past_participle) or (last in lists.DO and word not in lists.BASES):
        verb, i = auxiliaries.pop(), i - 1
    elif auxiliaries or (word and (word in lists.BASES or _finite(tokens, i) or past_participle)):
        verb = tokens[i] if i < len(tokens) else ""
    if not verb and last not in lists.BE:
        return None
    i += bool(verb)
    base = base_form(bare(verb)) if verb else "be"
    tail: list[str] = []
    if verb and not verb.endswith(",") and i < len(tokens):
        if bare(tokens[i]) in lists.PARTICLES and tokens[i].islower():
            tail.append(tokens[i])
        following = [bare(token) for token in tokens[i : i + 2]]
        if base in lists.CATENATIVE and following[0] == "to" and len(following) == 2 and following[1].isalpha():
            tail = tokens[i : i + 2]
            if i + 2 < len(tokens) and bare(tokens[i + 2]) in lists.PARTICLES and tokens[i + 1].isalpha():
                tail.append(tokens[i + 2])
        elif base in lists.CATENATIVE - {"like", "love", "hate", "enjoy", "prefer"} and following[0].endswith("ing"):
            tail = tokens[i : i + 1]
        if following[0] == "of" and not tail:
            tail = tokens[i : i + 1]
        i += len(tail)
        if not tail and i < len(tokens) - 1 and f"{base}-{bare(tokens[i])}" in lists.PHRASAL:
            timed = is_time(" ".join(tokens[i + 1 : i + 3])) or bare(tokens[i + 1]) in lists.STOPS
            tail += [] if timed else [tokens[i]]
            i += len(tail)
        if tail and tail[-1].endswith(","):
            i = len(tokens)
    chunks = () if verb.endswith(",") else _chunks(tokens[i:], passive)
    chunks += (lead,) if lead else ()
    end = ",;:"
    return Clause(
        subject,
        tuple(auxiliaries),
        " ".join(adverbs),
        verb.strip(end),
        base,
        " ".join(tail).strip(end),
        chunks,
        negation,
        passive,
    )
