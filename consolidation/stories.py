"""Invented facts and everything asked about them: what the skills are taught and examined on.

A relation is a row of ``relations.toml``: statements in several styles and questions in many wordings. A story is one
fact told by somebody. Relations and wordings are split by name: what is marked for the exam is never trained, and its
examiners ask in the last two wordings, which are the most oblique; of every other relation one wording is held out.
"""

from __future__ import annotations

import functools
import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources

from slowwave.consolidation.world import SUBJECTS, draw, first, person
from slowwave.types import Fact

__all__ = ["Relation", "Story", "alike", "ask", "now", "relations", "speaker", "tell"]

_BRACKETS = re.compile(r"\[([^\[\]|]*)\|([^\[\]|]*)\]")
_EXAMINED = slice(-2, None)
"""The wordings in which a relation of the exam is asked for: the last two, the farthest from its statements."""
_HELD_OUT = slice(2, 3)
"""The wording of every other relation that is not trained. The oblique ones are: matching words would do for the rest."""

_GROUPS = (
    "person first",
    "place street org room",
    "thing object vehicle pet animal",
    "food drink",
    "date fulldate month year",
    "time weekday daytime",
    "number code count age size seat plate phone price",
    "pastime job instrument language",
    "brand title team medicine",
)
"""Kinds of values that may be taken for one another."""
_CONFUSABLE = {kind: set(group.split()) for group in _GROUPS for kind in group.split()}


@dataclass(frozen=True)
class Relation:
    """Something that can be said of somebody or something, and the ways to say it and to ask for it."""

    name: str
    topic: str
    about: str
    """The kind of subject: "person", or a kind of thing."""
    value: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    exam: bool = False
    role: str = ""
    """What the value is to the subject ("sister"), where the value is a person."""

    def wordings(self, exam: bool) -> tuple[str, ...]:
        """The question wordings for training, or for the exam."""
        held = self.questions[_EXAMINED if self.exam else _HELD_OUT]
        return held if exam else tuple(form for form in self.questions if form not in held)


@functools.cache
def relations() -> tuple[Relation, ...]:
    """Every relation, in the order of the table."""
    text = resources.files("slowwave.consolidation").joinpath("relations.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["relation"]
    return tuple(
        Relation(**{**row, "statements": tuple(row["statements"]), "questions": tuple(row["questions"])})
        for row in rows
    )


@dataclass(frozen=True)
class Story:
    """One invented fact, told by somebody on some day."""

    relation: Relation
    subject: str
    """A name, or the speaker's own."""
    value: str
    text: str
    speaker: str
    """Empty when nobody knows what the user is called."""
    said_at: datetime

    @property
    def own(self) -> bool:
        """Whether the speaker tells it about himself or herself."""
        return self.relation.about == "person" and self.subject == self.speaker

    def fact(self) -> Fact:
        """The story as a fact of an invented user."""
        metadata = {"name": self.speaker} if self.speaker else {}
        return Fact(id="", text=self.text, user_id="user", said_at=self.said_at, metadata=metadata)


def speaker(rng: random.Random) -> str:
    """Whom the memory belongs to: mostly a first name, sometimes a full one, sometimes unknown."""
    kind = rng.random()
    return "" if kind < 0.15 else person(rng) if kind < 0.3 else first(rng)


def tell(
    rng: random.Random,
    relation: Relation,
    who: str,
    *,
    subject: str | None = None,
    value: str | None = None,
    after: datetime | None = None,
) -> Story:
    """One fact of a relation, said by `who`; subject and value are drawn if not given.

    Args:
        after: said 1 to 500 days after this, instead of on any day of ten years.
    """
    if subject is None:
        of_speaker = relation.about == "person" and rng.random() < 0.5
        subject = who if of_speaker else SUBJECTS[relation.about](rng)
    if value is None:
        value = draw(rng, relation.value)
        while value in subject:
            value = draw(rng, relation.value)
    own = relation.about == "person" and subject == who
    form = rng.choice(relation.statements)
    if after is None:
        said_at = datetime(2018, 1, 1, 12, tzinfo=UTC) + timedelta(days=rng.randrange(3600))
    else:
        said_at = after + timedelta(days=rng.randint(1, 500))
    return Story(relation, subject, value, fill(form, subject, value, own=own), who, said_at)


def alike(rng: random.Random, about: str, subject: str) -> str:
    """A subject of the same kind, often with a word in common: what retrieval mistakes for the one asked for.

    Where names are few it may be the very same one; callers look.
    """
    other = SUBJECTS[about](rng)
    words, others = subject.split(), other.split()
    if rng.random() < 0.4 or len(words) < 2 or len(others) < 2:
        return other
    if about == "person":
        return " ".join([*words[:-1], others[-1]] if rng.random() < 0.5 else [*others[:-1], words[-1]])
    if any(letter.isdigit() for letter in subject):
        place = rng.choice([index for index, letter in enumerate(subject) if letter.isdigit()])
        return f"{subject[:place]}{rng.randrange(1, 10)}{subject[place + 1 :]}"
    near = (SUBJECTS[about](rng) for _ in range(12))
    return next((one for one in near if set(one.split()) & set(words) - {"the"}), other)


def now(rng: random.Random, text: str) -> str:
    """A statement that says that it is news."""
    lowered = text if re.match(r"(?:I\b|I'|[A-Z]\w+ [A-Z])", text) else text[:1].lower() + text[1:]
    return rng.choice(("", "", "Update: ", "Correction: ", "It has changed: ", "News: ", "As of today, ")) + (
        lowered if rng.random() < 0.5 else text
    )


def ask(rng: random.Random, story: Story, *, exam: bool, subject: str | None = None) -> str:
    """A question that the story answers, or the same about another subject.

    About the speaker it is asked in the first person or by name; about somebody with a full name it is asked by that.
    """
    form = rng.choice(story.relation.wordings(exam))
    own = subject is None and story.own and (not story.speaker or rng.random() < 0.6)
    named = subject or story.subject or "the user"
    return fill(form, named, "", own=own)


def fill(form: str, subject: str, value: str, *, own: bool) -> str:
    """A wording with the brackets resolved to one person and the placeholders filled, capital first."""
    text = _BRACKETS.sub(lambda match: match[2 if own else 1], form)
    text = text.replace("{s}", subject or "the user").replace("{v}", value)
    text = re.sub(r"\s+([,.?!])", r"\1", " ".join(text.split()))
    text = re.sub(r"\bthe the\b", "the", text)
    if value and text.startswith(value) and re.search(r"[\d@./]", value):
        return text  # a password or an address stays as it is
    return text[:1].upper() + text[1:]


def pick(
    rng: random.Random, exam: bool, *, about: str | None = None, role: bool | None = None, value: str | None = None
) -> Relation:
    """A relation of the training or of the exam part; every second time with this kind of value, if there are several."""
    fitting = _fitting(exam, about, role)
    if value is not None and rng.random() < 0.5:
        alike = _CONFUSABLE.get(value, {value})
        same = tuple(one for one in fitting if one.value in alike)
        fitting = same if len(same) > 1 else fitting
    return rng.choice(fitting)


@functools.cache
def _fitting(exam: bool, about: str | None, role: bool | None) -> Sequence[Relation]:
    return tuple(
        one
        for one in relations()
        if one.exam == exam and (about is None or one.about == about) and (role is None or bool(one.role) == role)
    )
