"""Single words: how they bend, and what they can be. Suffix rules and word lists instead of a tagger."""

from __future__ import annotations

import re

from slowwave.consolidation import lexicon

__all__ = ["bare", "base_form", "is_adverb", "is_time", "participle", "past_form", "third"]


def bare(token: str) -> str:
    """A token without outer punctuation, in lower case."""
    return token.strip(".,;:!?\"'()").lower()


def is_time(text: str) -> bool:
    """Whether a phrase names a point in time."""
    return (
        bool(lexicon.TIME.search(text))
        and len(text.split()) <= 7
        and not re.match(r"(?:the|a|an|her|his|its) \d{4} ", text)
    )


def base_form(word: str) -> str:
    """The infinitive of a finite verb: "moved" -> "move", "flies" -> "fly"."""
    word = word.lower()
    if word in {"has", "does"}:
        return {"has": "have", "does": "do"}[word]
    if word.endswith("ed") and word in lexicon.BASES:  # "need"
        return word
    if word in lexicon.PAST or word in lexicon.PARTICIPLE:
        return lexicon.PAST.get(word) or lexicon.PARTICIPLE[word]
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
        if word.endswith(ending) and word[: -len(ending)] + put in lexicon.BASES:
            return word[: -len(ending)] + put
    if word.endswith("ing") and len(word) > 5 and word[-4] == word[-5] and word[:-4] in lexicon.BASES:
        return word[:-4]
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ed"):
        stem = word[:-2]
        if stem[-1:] == stem[-2:-1] and stem[:-1] in lexicon.BASES:
            return stem[:-1]
        if len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in "lsfze":
            return stem[:-1]
        return stem + "e" if lexicon.E_ENDING.search(stem) else stem
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
    return lexicon.PARTICIPLE_OF.get(lexicon.PAST.get(past.lower(), ""), past)


def past_form(verb: str) -> str:
    """The simple past for a participle: "written" -> "wrote"."""
    return lexicon.PAST_OF.get(lexicon.PARTICIPLE.get(verb.lower(), ""), verb)


def is_adverb(word: str) -> bool:
    """Whether a word is an adverb."""
    return word in lexicon.ADVERBS or (word.endswith("ly") and len(word) > 4 and word not in lexicon.NOT_ADVERBS)
