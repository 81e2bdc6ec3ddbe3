"""What is stated in a text: one line, sentences, and the pieces of them that a question can be asked about."""

from __future__ import annotations

import re
from collections.abc import Iterator

from slowwave.consolidation import lexicon

__all__ = ["normalise", "sentences", "statements"]

_LONGEST = 600  # characters; a longer "sentence" is a document without full stops
_OPENER = re.compile(
    r"^(?:(?:by the way|also|well|actually|so|oh|hi|hello|hey|okay|ok|yes|yeah|yep|no|sure|of course|anyway|btw|ps|"
    r"thanks|thank you|great|unfortunately|fortunately|luckily|however|in fact|for example|oh yeah|speaking of [^,]+|"
    r"recently|lately|(?:hi|hello|hey) [a-z ]{1,20})(?:,|!| -) ?|(?:and|but|so|because) (?=I\b|my\b))+",
    re.I,
)
_JOINT = re.compile(
    r"(?:, (?:and|but|so)|;| - |, which means| and| but) (?=(?:I|my|we|our)\b(?! (?:was wondering|am not sure)))"
)
_EMPTY = re.compile(
    r"^(?:thanks|thank|hello|hi|hey|congratulations|please|let|tell|give|show|remind|recommend|sounds|sure|good|great|"
    r"okay|yes|no|what|how|why|could|can|would|do|does|is|are|will|if)\b",
    re.I,
)


def normalise(text: str) -> str:
    """One line, contractions spelled out, stray spaces around quotes and possessives closed."""
    text = " ".join(text.replace("“", '"').replace("”", '"').replace("’", "'").split())
    text = re.sub(r" \([^)]*\)", "", text)
    if text.count('"') % 2 == 0:
        text = re.sub(r'"\s*([^"]*?)\s*"', r'"\1"', text)
    text = re.sub(r" (?=[,;.!?](?:\s|$)|'s\b)", "", text)
    for pattern, spelled in lexicon.CONTRACTIONS:
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


def statements(text: str) -> Iterator[str]:
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
            if words[0].lower() in lexicon.BASES and words[1].lower() in {"me", "us", "it", "the", "a", "you", "your"}:
                continue
            yield opened
