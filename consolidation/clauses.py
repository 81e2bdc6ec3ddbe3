"""A small English clause parser: subject, verb group, and what follows it.

Word lists and suffix rules instead of a tagger: nothing to download, and wrong often enough that every question made
from a clause is checked again (`slowwave.consolidation.support.supported`). `parse` answers None where it is unsure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from slowwave.consolidation import lexicon
from slowwave.consolidation.chunks import Chunk, chunks_of, kind_of
from slowwave.consolidation.morphology import bare, base_form, is_adverb, is_time, participle, third

__all__ = ["Clause", "opens", "parse", "verb_at"]

_DATED = re.compile(r"\b(?:1[0-9]|20)\d\d\b|\blast\b|\bago\b|\byesterday\b")


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
        if not first and self.verb == self.base and lexicon.PAST.get(self.base) == self.base:  # "quit", "put"
            one = self.subject[-1:] != "s" and self.subject.lower() not in {"i", "you", "we", "they"}
            dated = any(chunk.kind == "time" and _DATED.search(chunk.text) for chunk in self.chunks)
            return dated or (one and " and " not in self.subject)
        return first in {"was", "were", "had", "did"} or (not first and self.verb not in {self.base, third(self.base)})


def parse(sentence: str) -> Clause | None:
    """The main clause of a normalised sentence, or None when no verb is found.

    >>> clause = parse("Ada moved to Porto in March 2024.")
    >>> clause.subject, clause.base, [str(chunk) for chunk in clause.chunks]
    ('Ada', 'move', ['to Porto', 'in March 2024'])
    """
    tokens, lead = _without_lead(sentence)
    while len(tokens) > 2 and is_adverb(bare(tokens[0])) and bare(tokens[1]) in lexicon.PRONOUNS:
        tokens = tokens[1:]
    if len(tokens) < 2 or (at := verb_at(tokens)) is None or (group := _verb_group(tokens, at)) is None:
        return None
    base = base_form(bare(group.verb)) if group.verb else "be"
    tail, after = _tail(tokens, group, base)
    chunks = () if group.verb.endswith(",") else chunks_of(tokens[after:], group.passive)
    return Clause(
        _subject(tokens[:at]),
        group.auxiliaries,
        group.adverbs,
        group.verb.strip(",;:"),
        base,
        " ".join(tail).strip(",;:"),
        chunks + ((lead,) if lead else ()),
        group.negation,
        group.passive,
    )


def _without_lead(sentence: str) -> tuple[list[str], Chunk | None]:
    """The tokens of the main clause, and the time or place before it; no tokens where the lead has no end."""
    tokens = re.findall(r'"[^"]*"[\w,.;:!?\']*|[^\s"]+|"', sentence.rstrip(" .!"))
    if tokens and (
        bare(tokens[0]) in lexicon.PREPOSITIONS | lexicon.SUBORDINATORS | {"according"}
        or lexicon.INTERVAL.match(sentence)
    ):
        cut = next((i for i, token in enumerate(tokens[:-2]) if token.endswith(",")), None)
        if cut is None:
            return [], None
        opening = " ".join(tokens[1 : cut + 1]).strip(",")
        kind = kind_of(tokens[0].lower(), opening, False)
        lead = Chunk(kind, tokens[0].lower(), opening) if kind in {"time", "bound", "place"} else None
        return tokens[cut + 1 :], lead
    if moment := lexicon.BARE_TIME.match(sentence):
        return tokens[len(moment.group().split()) :], Chunk("time", "", _lowered(moment.group()))
    return tokens, None


def _subject(tokens: list[str]) -> str:
    subject = " ".join(tokens).strip(" ,")
    if re.search(r", (?:I|we|you|he|she|they|it)$", subject):
        return subject.rpartition(", ")[2]
    return _lowered(subject) if re.match(r"[A-Z][a-z]+ing\b(?! [A-Z])", subject) else subject


@dataclass(frozen=True)
class _VerbGroup:
    auxiliaries: tuple[str, ...]
    adverbs: str
    negation: str
    verb: str
    passive: bool
    after: int
    """Where the tokens go on."""


def _verb_group(tokens: list[str], at: int) -> _VerbGroup | None:
    """The verb group that begins at a token, or None when it is not one of a finite clause."""
    auxiliaries: list[str] = []
    adverbs: list[str] = []
    negation, i = "", at
    while i < len(tokens):
        token, word = tokens[i], bare(tokens[i])
        if word in {"not", "never"}:
            negation = word
        elif is_adverb(word) and token.islower():
            adverbs += [] if word in lexicon.FADING else [token]
        elif token[-1] not in ",;:" and (
            word in lexicon.AUX or (auxiliaries and word in {"be", "been", "being", "have"})
        ):
            auxiliaries.append(token)
        else:
            break
        i += 1
    word = bare(tokens[i]) if i < len(tokens) else ""
    if len(auxiliaries) > 1 and bare(auxiliaries[0]) in lexicon.HAVE and bare(auxiliaries[1]) not in {"been", "had"}:
        return None
    last = bare(auxiliaries[-1]) if auxiliaries else ""
    past_participle = word in lexicon.PARTICIPLE or (word.endswith("ed") and word not in lexicon.NOT_VERBS)
    going = word.endswith("ing") and len(word) > 4 and word not in lexicon.ADJECTIVES_ING
    passive, verb = False, ""
    if last in lexicon.BE:
        passive = past_participle
        if (passive or going or word == "able") and i < len(tokens):
            verb = tokens[i]
    elif (last in lexicon.HAVE and not past_participle) or (last in lexicon.DO and word not in lexicon.BASES):
        verb, i = auxiliaries.pop(), i - 1
    elif auxiliaries or (word and (word in lexicon.BASES or _finite(tokens, i) or past_participle)):
        verb = tokens[i] if i < len(tokens) else ""
    if not verb and last not in lexicon.BE:
        return None
    return _VerbGroup(tuple(auxiliaries), " ".join(adverbs), negation, verb, passive, i + bool(verb))


def _tail(tokens: list[str], group: _VerbGroup, base: str) -> tuple[list[str], int]:
    """What belongs to the verb itself (a particle, "to" and a second verb), and where the tokens go on."""
    i = group.after
    if not group.verb or group.verb.endswith(",") or i >= len(tokens):
        return [], i
    tail = [tokens[i]] if bare(tokens[i]) in lexicon.PARTICLES and tokens[i].islower() else []
    following = [bare(token) for token in tokens[i : i + 2]]
    if base in lexicon.CATENATIVE and following[0] == "to" and len(following) == 2 and following[1].isalpha():
        tail = tokens[i : i + 2]
        if i + 2 < len(tokens) and bare(tokens[i + 2]) in lexicon.PARTICLES and tokens[i + 1].isalpha():
            tail.append(tokens[i + 2])
    elif base in lexicon.CATENATIVE - {"like", "love", "hate", "enjoy", "prefer"} and following[0].endswith("ing"):
        tail = tokens[i : i + 1]
    if following[0] == "of" and not tail:
        tail = tokens[i : i + 1]
    i += len(tail)
    if not tail and i < len(tokens) - 1 and f"{base}-{bare(tokens[i])}" in lexicon.PHRASAL:
        timed = is_time(" ".join(tokens[i + 1 : i + 3])) or bare(tokens[i + 1]) in lexicon.STOPS
        tail = [] if timed else [tokens[i]]
        i += len(tail)
    return tail, len(tokens) if tail and tail[-1].endswith(",") else i


def _lowered(text: str) -> str:
    return text if lexicon.DAYS.match(text) else text[0].lower() + text[1:]


def verb_at(tokens: list[str]) -> int | None:
    """Where the main verb group begins."""
    if bare(tokens[0]) in lexicon.PRONOUNS:
        return 1 if len(tokens) > 1 else None
    pending, i = 0, 1
    while i < len(tokens):
        word = bare(tokens[i])
        if tokens[i - 1].endswith(","):
            close = next(
                (j for j in range(i, len(tokens) - 1) if tokens[j].endswith(",") and opens(tokens, j + 1)), None
            )
            if close is not None and (pending or word not in lexicon.AUX):
                i, pending = close + 1, 0
                continue
        if word in lexicon.RELATIVES:
            pending += 1
        elif opens(tokens, i):
            if not pending:
                if word not in lexicon.AUX and _reduced(tokens, i):
                    i += 1
                    continue
                return i
            pending -= 1
            while i + 1 < len(tokens) and (bare(tokens[i]) in lexicon.AUX or is_adverb(bare(tokens[i]))):
                i += 1
        elif word in lexicon.SUBORDINATORS:
            return None
        i += 1
    return None


def opens(tokens: list[str], i: int) -> bool:
    """Whether a verb group (adverbs, then an auxiliary or a finite verb) begins here."""
    while i < len(tokens) - 1 and is_adverb(bare(tokens[i])) and tokens[i].islower():
        i += 1
    if i >= len(tokens):
        return False
    word = bare(tokens[i])
    if word in lexicon.AUX:
        return not (word in {"may", "might", "will", "can"} and not tokens[i].islower())
    return _finite(tokens, i)


def _reduced(tokens: list[str], i: int) -> bool:
    """Whether a past form is a reduced relative ("an album released in 1999 was ...")."""
    word = bare(tokens[i])
    after = bare(tokens[i + 1]) if i + 1 < len(tokens) else ""
    named = word in {"titled", "called", "named", "dubbed", "nicknamed"}
    if (
        (word in lexicon.PAST and participle(word) != word)
        or not (named or after in lexicon.PREPOSITIONS)
        or word == "used"
    ):
        return False
    for j in range(i + 1, len(tokens)):
        if bare(tokens[j]) in lexicon.STOPS or tokens[j - 1].endswith((",", ";", ":")):
            return False
        if j > i + 1 and opens(tokens, j) and not tokens[j].endswith("s"):
            return True
        if j > i + 1 and bare(tokens[j]) in {"is", "was", "has"}:
            return True
    return False


def _finite(tokens: list[str], i: int) -> bool:
    """Whether the token could be the main verb of a clause without an auxiliary."""
    if i >= len(tokens) or i == 0:
        return False
    token, word, before = tokens[i], bare(tokens[i]), bare(tokens[i - 1])
    following = bare(tokens[i + 1]) if i + 1 < len(tokens) else ""
    if not token[:1].islower() or token[-1] in ",;:" or word in lexicon.NOT_VERBS | {"like"}:
        return False
    if (
        before in lexicon.DETERMINERS
        or before in lexicon.PREPOSITIONS - {"like"}
        or before in {"of", "and", "most", "more", "very"}
    ):
        return False
    if tokens[i - 1].lower().endswith("'s"):
        return False
    if word in lexicon.PAST and word not in lexicon.BASES - set(lexicon.PAST):
        return True
    if word.endswith("ed") and len(word) > 3:
        return True
    if following in lexicon.AUX or following == "of" or following in {"who", "that"}:
        return False
    if word.endswith("s") and not word.endswith("ss"):
        return base_form(word) in lexicon.BASES and base_form(word) != word
    j = i - 2 if is_adverb(before) and i > 1 else i - 1
    plural = bare(tokens[j])
    irregular = plural in {"people", "children", "men", "women"}
    return word in lexicon.BASES and (irregular or (plural.endswith("s") and not plural.endswith(("ss", "'s", "us"))))
