"""Who asks, and how a wording becomes a question in that voice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from slowwave.consolidation import lexicon
from slowwave.consolidation.morphology import base_form, third
from slowwave.prompts import display_name
from slowwave.types import Fact

__all__ = ["Slot", "Voice", "agree", "fill", "fill_all", "lower", "voices_of"]

_AFTER_HEAD = re.compile(rf" (?:of|{'|'.join(sorted(lexicon.PREPOSITIONS))}|\w+ing) ")


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
        text = lower(self.text(span))
        head = _AFTER_HEAD.split(text)[0].lower()
        many = (re.search(r"(?:[^s'u]s|people|children|men)$", head) and lower(span)[:1].islower()) or " and " in text
        return text, text + ("'" if many and text.endswith("s") else "'s"), text, "pl" if many else "sg"


@dataclass(frozen=True)
class Slot:
    """One answer span and its wordings, a tuple per voice."""

    score: float
    answer: str
    wordings: tuple[tuple[str, ...], ...]


def voices_of(statement: str, fact: Fact) -> list[Voice]:
    """Who may ask about a statement: the user and somebody else where it is about the user, else nobody special."""
    name = str(fact.metadata.get("name") or display_name(fact.user_id) or "")
    if re.search(r"\b(?:we|our|us|We|Our)\b", statement):
        return [Voice("first")]
    if re.search(r"\b(?:I|my|My|me|mine)\b", statement):
        return [Voice("first"), Voice("third", name or "the user")]
    if (name and re.match(rf"{re.escape(name)}\b", statement)) or re.match(r"(?:the )?user\b", statement, re.I):
        return [Voice("first", name or "the user"), Voice("third", name or "the user")]
    return [Voice("plain")]


def lower(span: str) -> str:
    """A span as it stands inside a sentence: the capital of an article or owner goes, that of a name stays."""
    return span[0].lower() + span[1:] if re.match(r"(?:The|A|An|My|Our|His|Her|Their|Project)\b", span) else span


def agree(base: str, person: str) -> str:
    """A present verb, or "was", that agrees with a person ("i", "pl" or "sg")."""
    rows = {"is": ("am", "are", "is"), "was": ("was", "were", "was"), "has": ("have", "have", "has")}
    if base in rows:
        return rows[base][("i", "pl", "sg").index(person)]
    plain = base_form(base) if base == "does" else base
    return third(plain) if person == "sg" else plain


def fill(wording: str, values: Mapping[str, str], person: str = "sg") -> str | None:
    """A wording with its placeholders filled, or None when one has no value."""
    if any(name not in values for name in re.findall(r"\{([^}]+)\}", wording)):
        return None
    text = re.sub(r"\[(\w+)\]", lambda found: agree(found[1], person), wording)
    text = re.sub(r"\{([^}]+)\}", lambda found: values[found[1]], text)
    text = re.sub(r"\s+([?.,])(?![\w./])", r"\1", " ".join(text.split()))
    if re.search(r"\b(?!had\b|that\b)([a-z]+) \1\b", text):
        return None
    return text[:1].upper() + text[1:]


def fill_all(wordings: str, values: Mapping[str, str], person: str = "sg") -> tuple[str, ...]:
    """The wordings of a row, separated by bars, that can be filled."""
    return tuple(text for wording in wordings.split(" | ") if (text := fill(wording.strip(), values, person)))
