"""Invented sentences that say several things at once, as articles and notes do, and questions about each of them."""

from __future__ import annotations

import functools
import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from slowwave.consolidation.world import KINDS, SUBJECTS

__all__ = ["Sentence", "SentenceForm", "invent", "sentence_forms"]

_SLOT = re.compile(r"\{(\w+?)(\d?)\}")
_EXAMINED = slice(-1, None)
"""The wording of a slot in which a sentence of the exam is asked about: the last and most oblique one."""
_HELD_OUT = slice(1, 2)
"""The wording of a slot of every other sentence that is not trained."""


@dataclass(frozen=True)
class SentenceForm:
    """A row of ``sentences.toml``: two ways to say it, and wordings for each slot that can be asked for."""

    name: str
    texts: tuple[str, ...]
    questions: Mapping[str, tuple[str, ...]]
    exam: bool = False


@dataclass(frozen=True)
class Sentence:
    """One invented sentence."""

    form: SentenceForm
    values: Mapping[str, str]
    """By slot."""
    text: str

    def pairs(self, exam: bool) -> list[tuple[str, tuple[str, ...]]]:
        """(answer, wordings for training or for the exam) for every slot that can be asked for."""
        held = _EXAMINED if self.form.exam else _HELD_OUT
        return [
            (self.values[slot], tuple(_fill(one, self.values) for one in wordings if (one in wordings[held]) == exam))
            for slot, wordings in self.form.questions.items()
        ]

    def ask(self, rng: random.Random, exam: bool) -> tuple[str, str]:
        """A question and its answer."""
        answer, wordings = rng.choice(self.pairs(exam))
        return rng.choice(wordings), answer


@functools.cache
def sentence_forms(exam: bool) -> Sequence[SentenceForm]:
    """The rows for training, or for the exam."""
    text = resources.files("slowwave.consolidation").joinpath("sentences.toml").read_text(encoding="utf-8")
    return tuple(
        SentenceForm(
            name=row["name"],
            texts=tuple(row["texts"]),
            questions={slot: tuple(wordings) for slot, wordings in row["questions"].items()},
            exam=row["exam"],
        )
        for row in tomllib.loads(text)["sentence"]
        if row["exam"] == exam
    )


def invent(rng: random.Random, exam: bool, form: SentenceForm | None = None) -> Sentence:
    """A sentence with freshly drawn values, none of which stands in another one ("6" in "6 September")."""
    form = form or rng.choice(sentence_forms(exam))
    values: dict[str, str] = {}
    for kind, number in dict.fromkeys(_SLOT.findall("".join(form.texts))):
        while True:
            value = (KINDS.get(kind) or SUBJECTS[kind])(rng)
            if not any(_within(value, other) or _within(other, value) for other in values.values()):
                break
        values[kind + number] = value
    return Sentence(form, values, _fill(rng.choice(form.texts), values))


def _within(part: str, whole: str) -> bool:
    """Whether all words of one stand in the other, one after the other."""
    one, other = (" ".join(re.findall(r"\w+", text.casefold())) for text in (part, whole))
    return f" {one} " in f" {other} "


def _fill(wording: str, values: Mapping[str, str]) -> str:
    text = _SLOT.sub(lambda match: values[match[1] + match[2]], wording)
    return text[:1].upper() + text[1:]
