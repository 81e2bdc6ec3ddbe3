"""What follows a verb: an object, then prepositional phrases, each with the kind of thing it tells."""

from __future__ import annotations

import re
from dataclasses import dataclass

from slowwave.consolidation import lexicon
from slowwave.consolidation.morphology import bare, base_form, is_adverb, is_time

__all__ = ["Chunk", "chunks_of", "kind_of", "second_verb"]


_BOUNDS = {"since", "until", "by", "before", "after"}
"""Without these a time says something else: "until May" is not "in May"."""


@dataclass(frozen=True)
class Chunk:
    """A piece that follows the verb: an object (no preposition) or a prepositional phrase."""

    kind: str
    prep: str
    text: str

    def __str__(self) -> str:
        return f"{self.prep} {self.text}".strip()


def kind_of(prep: str, text: str, passive: bool) -> str:
    """What a chunk tells: object, time, place, price, duration, age, agent, prepositional, a set phrase or a bound.

    A bound is a time with "since" or the like.
    """
    money = re.match(r"(?:about |around |only |just |over )?(?:[$€£]|\d[\d.,]* (?:euros?|dollars?|pounds?)\b)", text)
    if not prep:
        return "time" if lexicon.BARE_TIME.fullmatch(text) else "object"
    if money and prep in {"for", "at"}:
        return "price"
    if prep in {"for", "within"} and lexicon.DURATION.match(text):
        return "duration"
    if prep in {"in", "on", "at", "since", "until", "during", "by", "from", "before", "after"} and is_time(text):
        return (
            "bound" if prep in _BOUNDS or (prep == "from" and not re.search(r"\b(?:to|until|till)\b", text)) else "time"
        )
    if prep == "by" and passive:
        return "agent"
    if prep == "at" and text.lower().startswith("the age of "):
        return "age"
    if re.match(r"\w+ing\b|[a-z]+ of\b|(?:part|order|fact|addition|general|particular)\b", text):
        return "set"
    made = prep == "in" and re.match(r"an? .*\b[A-Z]\w*$", text)  # "in a red Volvo"
    proper = (
        not made
        and re.search(r"\b[A-Z]\w*(?!['\w])", text)
        and not re.search(r"'s\b|\"", text)
        and not lexicon.WORK.search(text)
    )
    if (
        prep in lexicon.PLACE_PREPOSITIONS
        and (proper or lexicon.PLACE.search(text))
        and not lexicon.LANGUAGE.match(text)
    ):
        return "place"
    return "prepositional"


def chunks_of(tokens: list[str], passive: bool) -> tuple[Chunk, ...]:
    """Object, then prepositional phrases; stops where a subordinate clause or a second verb begins."""
    if tokens and bare(tokens[0]) == "that":
        return (Chunk("set", "", " ".join(tokens).strip(" ,;:.!?")),)
    chunks: list[Chunk] = []
    carried = ""
    for prep, words in _pieces(tokens):
        if prep in lexicon.PREPOSITIONS:
            prep = f"{carried} {prep}".strip()
            carried = "" if words else prep
        while words and bare(words[-1]) in lexicon.TRAILING:
            words.pop()
        text = " ".join(words).strip(" ,;:!?").rstrip(" ,;:.!?")
        if text and prep == "to-verb":
            chunks.append(Chunk("purpose", "", text))
        elif text and prep in {"because", "due to"}:
            chunks.append(Chunk("because", prep, text))
        elif text:
            kind = kind_of(prep, text, passive)
            if prep == "to" and chunks and chunks[-1].prep == "from" and chunks[-1].kind == "bound":
                chunks[-1] = Chunk("time", "from", f"{chunks[-1].text} to {text}")
                continue
            chunks.append(Chunk("set" if kind == "object" and chunks else kind, prep, text))
    return tuple(chunks)


def _pieces(tokens: list[str]) -> list[tuple[str, list[str]]]:
    """The tokens cut before each preposition: (preposition, its words)."""
    found: list[tuple[str, list[str]]] = [("", [])]
    i = 0
    while i < len(tokens) and not _ends(tokens, i, found[-1]):
        word = bare(tokens[i])
        after = bare(tokens[i + 1]) if i + 1 < len(tokens) else ""
        moment = lexicon.BARE_TIME.match(" ".join(tokens[i:]))
        if moment and (i == 0 or bare(tokens[i - 1]) not in lexicon.PREPOSITIONS | {"of"}):
            size = len(moment.group().split())
            found += [("", tokens[i : i + size]), ("", [])]
            i += size
            continue
        if word == "due" and after == "to":
            found.append(("due to", []))
            i += 2
            continue
        ranges = i and tokens[i - 1][-1:].isdigit() and after[:1].isdigit() and word == "to"
        splits = (not ranges and word in lexicon.PREPOSITIONS) or word == "because"
        if splits and tokens[i].islower() and not (i and bare(tokens[i - 1]) in {"of", "such"}) and after:
            if (
                word == "to"
                and found[-1][0] != "to-verb"
                and (after in lexicon.BASES or after == "be")
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
    return found


def _ends(tokens: list[str], i: int, piece: tuple[str, list[str]]) -> bool:
    """Whether an aside, a subordinate clause or a second verb begins here."""
    token, word = tokens[i], bare(tokens[i])
    prep, words = piece
    rest = " ".join(tokens[i:])
    after = bare(tokens[i + 1]) if i + 1 < len(tokens) else ""
    participle = word in lexicon.PARTICIPLE or word.endswith("ed")
    if token in {"-", "--", "–", "—"} or word == "but":
        return True
    if i > 0 and tokens[i - 1].endswith((",", ";", ":")):
        return (
            (token.islower() and not re.search(r"\b(?:and|or)\b", rest))
            or (participle and prep != "to-verb")
            or word.endswith("ing")
            or tokens[i - 1][-1] != ","
            or (word in lexicon.ASIDES and ", and " not in rest and ", or " not in rest)
            or _breaks(tokens, i, rest, after)
        )
    if words and token.islower() and prep != "to-verb" and _reduces(tokens, i):
        return True
    if word == "and" and prep and is_time(" ".join(words)) and after and not _is_timed(tokens[i + 1 : i + 3]):
        return True
    return i > 0 and _breaks(tokens, i, rest, after)


def _is_timed(tokens: list[str]) -> bool:
    """Whether a second time, not something else that happens at another time, goes on here ("in 1990 and 1995")."""
    said = tokens[:1] if tokens[0].endswith(",") else tokens
    return all(lexicon.TIME_WORD.fullmatch(bare(token)) or bare(token) in lexicon.PREPOSITIONS for token in said)


def _breaks(tokens: list[str], i: int, rest: str, after: str) -> bool:
    """Whether a second clause begins here, with or without a comma before it."""
    word = bare(tokens[i])
    return (
        lexicon.INTERVAL.match(rest) is not None
        or word == "according"
        or (word in {"and", "or"} and second_verb(tokens, i + 1))
        or word in lexicon.RELATIVES
        or (word in lexicon.SUBORDINATORS and word not in {"because", "since", "until"})
        or (word in {"before", "after", "since", "until"} and after in lexicon.PRONOUNS | {"being"})
    )


def _reduces(tokens: list[str], i: int) -> bool:
    """Whether a participle after a noun opens a reduced relative ("fragments found in ...", "fans filming ...")."""
    word, before = bare(tokens[i]), bare(tokens[i - 1])
    after = bare(tokens[i + 1]) if i + 1 < len(tokens) else ""
    if before in lexicon.DETERMINERS | lexicon.PREPOSITIONS | {"and", "or", "of"} or is_adverb(before):
        return False
    if word.endswith("ing") and len(word) > 5:
        followers = lexicon.PREPOSITIONS | lexicon.DETERMINERS | lexicon.PRONOUNS
        opens = after in followers or after.endswith(("self", "selves"))
        return opens and word not in lexicon.NOUNS_ING and base_form(word) in lexicon.BASES
    return (
        word in lexicon.PARTICIPLE or (word.endswith("ed") and word not in lexicon.NOT_VERBS)
    ) and after in lexicon.PREPOSITIONS


def second_verb(tokens: list[str], i: int) -> bool:
    """Whether a second verb phrase or clause, not a further noun, follows a conjunction."""
    if i >= len(tokens) or (not tokens[i].islower() and tokens[i] != "I"):
        return False
    word = bare(tokens[i])
    after = bare(tokens[i + 1]) if i + 1 < len(tokens) else ""
    if word in lexicon.PRONOUNS | lexicon.AUX | {"then", "have"} or (
        word in lexicon.PAST and word not in lexicon.PAST.values()
    ):
        return True
    if (word.endswith("ed") and base_form(word) != word) or any(
        bare(token) in lexicon.AUX for token in tokens[i + 1 : i + 5]
    ):
        return True
    if word.endswith("s") and base_form(word) in lexicon.BASES - {word} and after in lexicon.DETERMINERS:
        return True
    return word in lexicon.BASES and (
        after in lexicon.DETERMINERS | lexicon.PREPOSITIONS | lexicon.PRONOUNS or after.endswith("ing")
    )
