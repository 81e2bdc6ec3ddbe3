"""Training rows: each question in the forms it will be asked in.

A module that is only taught closed book forgets how to read, so for two rows closed book there is one with facts in the
prompt: the true one among others, others only (answer from the weights), or a changed one (the prompt wins). Facts make a
prompt several times as long, so several questions are asked about one list of them, which is read once (`packing.branches`).
Some rows ask for things never said, some are ordinary prompts. Which rows an epoch has follows from seed and epoch alone.

Facts can be told in other formats beside questions (`slowwave.consolidation.formats`); by default none is.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from slowwave.consolidation.canary import Rehearsed
from slowwave.consolidation.invention import change_value
from slowwave.consolidation.unsaid import Unsaid
from slowwave.prompts import UNKNOWN, conversation, dated, display_name, render_facts
from slowwave.types import Fact, QAPair

__all__ = ["TELLING", "Form", "Lesson", "Row", "Shares", "epoch_rows", "exam_rows"]

Form = Literal[
    "closed", "true_fact", "distractors", "changed_fact", "absent", "ordinary",
    "reversed", "statement", "summary", "rewrite", "original",
]  # fmt: skip
READING: tuple[Form, ...] = ("true_fact", "distractors", "changed_fact")
TELLING: tuple[Form, ...] = ("reversed", "statement", "summary", "rewrite", "original")
"""Other ways to tell a fact than to answer a question about it."""


@dataclass(frozen=True)
class Row:
    """One prompt and the answer it must get."""

    form: Form
    fact_id: str
    """Empty for questions about things never said and for ordinary prompts."""
    question: str
    answer: str
    facts: tuple[str, ...] = ()
    """Rendered facts above the question."""
    ends: bool = True
    """Whether the answer is whole."""
    original: bool = False
    """Whether it is plain text, of which every token is learned and not only the answer."""

    @property
    def messages(self) -> list[dict[str, str]]:
        """The row's prompt, in the words that answers later use."""
        if self.form == "ordinary":
            return [{"role": "user", "content": self.question}]
        return conversation(self.question, self.facts)


@dataclass(frozen=True)
class Shares:
    """How often each form is shown for each answer of a fact, per epoch."""

    closed: int = 2
    reading: int = 1
    asked: int = 3
    """Of how many facts is asked for each list of facts, which is then read once for all of them; 1: each row has its own."""
    absent: float = 0.3
    """Rows about things never said, as a share of the others: the fewer, the more is invented, and the more known."""
    strangers: float = 0.0
    """Rows that ask closed book what others ask, of a stranger, as a share of those that name somebody in full."""
    ordinary: float = 0.15
    """Rows that rehearse ordinary prompts in the base model's own words, as a share of the others."""
    distractors: int = 2
    """The most other facts in a prompt; a list has at most one less beside those that it is asked about."""
    reversed: float = 0.0
    """Rows from the answer back to what has it, for each fact and epoch; so too the next ones."""
    statement: float = 0.0
    """Statements to complete."""
    summary: float = 0.0
    rewrite: float = 0.0
    original: float = 0.0
    """The fact's own text."""


@dataclass(frozen=True)
class Lesson:
    """What one module is taught: its facts, and the phrasings to train and to hold out."""

    user_id: str
    facts: tuple[Fact, ...]
    trained: Mapping[str, tuple[QAPair, ...]]
    """By fact id."""
    heldout: Mapping[str, tuple[QAPair, ...]]
    told: Mapping[Form, tuple[Row, ...]] = field(default_factory=dict)
    """Rows of the other formats, by format; made by `formats.with_formats` where shares ask for them."""

    def slots(self, pairs: Mapping[str, tuple[QAPair, ...]]) -> list[tuple[Fact, str, list[str]]]:
        """(fact, answer, phrasings) for every answer that is asked for."""
        found: list[tuple[Fact, str, list[str]]] = []
        for fact in self.facts:
            by_answer: dict[str, list[str]] = {}
            for pair in pairs.get(fact.id, ()):
                by_answer.setdefault(pair.answer, []).append(pair.question)
            found += [(fact, answer, phrasings) for answer, phrasings in by_answer.items()]
        return found


def epoch_rows(lesson: Lesson, seed: int, epoch: int, shares: Shares, ordinary: Sequence[Rehearsed] = ()) -> list[Row]:
    """The rows of one pass: every answer in every form, phrasings taking turns, and some of the ordinary prompts."""
    slots = lesson.slots(lesson.trained)
    rows: list[Row] = []
    for number, (fact, answer, phrasings) in enumerate(slots):
        rng = random.Random(f"{seed}:{epoch}:{fact.id}:{answer}")
        turn = epoch * shares.closed + number
        rows += [Row("closed", fact.id, phrasings[(turn + i) % len(phrasings)], answer) for i in range(shares.closed)]
        for i in range(shares.reading if shares.asked == 1 else 0):
            form = READING[(epoch * shares.reading + number + i) % len(READING)]
            rows.append(_reading_row(lesson, fact, answer, rng.choice(phrasings), form, rng, shares.distractors))
    lists = [] if shares.asked == 1 else _lists(lesson, slots, random.Random(f"{seed}:{epoch}:lists"), shares)
    rows += [row for one in lists for row in one]
    for telling in TELLING:
        rows += _turns(lesson.told.get(telling, ()), getattr(shares, telling), epoch)
    rng = random.Random(f"{seed}:{epoch}")
    known, shown = len(rows), [one[0].facts for one in lists]
    rows += _absent_rows(lesson, rng, round(known * shares.absent), shares.distractors, exam=False, lists=shown)
    rows += _stranger_rows(lesson, rng, [row.question for row in rows if row.form == "closed"], shares.strangers)
    if ordinary:
        some = rng.choices(ordinary, k=math.ceil(known * shares.ordinary))
        rows += [Row("ordinary", "", one.question, one.answer, ends=one.whole) for one in some]
    rng.shuffle(rows)
    return rows


def exam_rows(lesson: Lesson, seed: int, form: Form, most: int, shares: Shares) -> list[Row]:
    """Rows for the gate: held-out phrasings in one form, at most `most` (spread over the facts)."""
    rng = random.Random(f"{seed}:exam:{form}")
    if form == "absent":
        return _absent_rows(lesson, rng, most, shares.distractors, exam=True)
    slots = [(fact, answer, question) for fact, answer, some in lesson.slots(lesson.heldout) for question in some]
    if form == "closed":
        return [Row("closed", fact.id, question, answer) for fact, answer, question in slots[:most]]
    rng.shuffle(slots)
    return [
        _reading_row(lesson, fact, answer, question, form, rng, shares.distractors)
        for fact, answer, question in slots[:most]
    ]


def _turns(rows: Sequence[Row], share: float, epoch: int) -> list[Row]:
    """The rows of a format whose turn it is: `share` for each fact that has any, on the average over the epochs."""
    each = share * len({row.fact_id for row in rows})
    first, last = math.floor(epoch * each), math.floor((epoch + 1) * each)
    return [rows[turn % len(rows)] for turn in range(first, last)]


def _reading_row(
    lesson: Lesson, fact: Fact, answer: str, question: str, form: Form, rng: random.Random, most: int
) -> Row:
    others = _others(lesson, fact, rng, rng.randint(1, most))
    form, answer, own = _standing(lesson, fact, answer, form, rng)
    return Row(form, fact.id, question, answer, tuple(render_facts([*others, *own])))


def _standing(lesson: Lesson, fact: Fact, answer: str, form: Form, rng: random.Random) -> tuple[Form, str, list[Fact]]:
    """How a fact stands in a prompt of a form: the form itself, the right answer then, and what is shown of the fact."""
    if form == "changed_fact":
        changed, new = _change(lesson, fact, answer, rng)
        if changed is not None:
            # Sometimes old and new side by side: the newer one wins.
            return form, new, [changed, fact] if rng.random() < 0.5 else [changed]
        form = "true_fact"  # the answer stands in the text not at all (a date of saying) or twice: it cannot be changed
    return form, answer, [fact] if form == "true_fact" else []


def _lists(
    lesson: Lesson, slots: Sequence[tuple[Fact, str, list[str]]], rng: random.Random, shares: Shares
) -> list[list[Row]]:
    """Rows that share a list of facts: of one fact that stands in it, of one that was changed there, of one that it lacks.

    No list asks twice of one fact, because what was changed for one answer may be another's.
    """
    lists: list[list[Row]] = []
    for _ in range(shares.reading):
        left = rng.sample(slots, len(slots))
        while left:
            asked: dict[str, tuple[Fact, str, list[str]]] = {}
            for slot in left:
                if len(asked) < shares.asked:
                    asked.setdefault(slot[0].id, slot)
            left = [slot for slot in left if asked.get(slot[0].id) is not slot]
            lists.append(_list(lesson, list(asked.values()), rng, shares))
    return lists


def _list(
    lesson: Lesson, asked: Sequence[tuple[Fact, str, list[str]]], rng: random.Random, shares: Shares
) -> list[Row]:
    """One list of facts and the rows that ask of it."""
    turn, own = rng.randrange(len(READING)), {fact.id for fact, _, _ in asked}
    rest = [fact for fact in lesson.facts if fact.id not in own]
    shown = rng.sample(rest, min(len(rest), rng.randint(0, shares.distractors - 1)))
    rows: list[Row] = []
    for number, (fact, answer, phrasings) in enumerate(asked):
        form, right, standing = _standing(lesson, fact, answer, READING[(turn + number) % len(READING)], rng)
        shown += standing
        rows.append(Row(form, fact.id, rng.choice(phrasings), right))
    if not shown:  # of one fact alone that is not to be shown
        shown = rng.sample(rest, min(len(rest), 1))
    facts = tuple(render_facts(shown))
    return [replace(row, facts=facts) for row in rows]


def _others(lesson: Lesson, fact: Fact, rng: random.Random, count: int) -> list[Fact]:
    others = [one for one in lesson.facts if one.id != fact.id]
    return rng.sample(others, min(count, len(others)))


def _change(lesson: Lesson, fact: Fact, answer: str, rng: random.Random) -> tuple[Fact | None, str]:
    fact = dated(fact)
    place = _only_place(fact.text, answer)
    if place is None:
        return None, answer
    others = [value for one, value, _ in lesson.slots(lesson.trained) if one.id != fact.id]
    new = change_value(answer, others, rng)
    text = fact.text[: place.start()] + new + fact.text[place.end() :]
    said_at = fact.said_at + timedelta(days=rng.randint(1, 400))
    return fact.model_copy(update={"text": text, "said_at": said_at}), new


def _only_place(text: str, answer: str) -> re.Match[str] | None:
    """Where an answer stands in a text as whole words, if only once; with its own capitals if it has them there.

    Changed in one of two places, the fact would say both; as a part of a word or of a number, nothing that is asked for.
    """
    words = rf"(?<!\w)(?<!\d[.,:]){re.escape(answer)}(?!\w)(?![.,:]\d)"
    found = list(re.finditer(words, text)) or list(re.finditer(words, text, re.IGNORECASE))
    return found[0] if len(found) == 1 else None


def _unsaid(lesson: Lesson, exam: bool) -> Unsaid:
    name = display_name(lesson.user_id) or "the user"
    asked = [question for _, _, phrasings in lesson.slots(lesson.trained) for question in phrasings]
    told = [dated(fact).text for fact in lesson.facts]
    return Unsaid(asked, told, [("I", "my"), (name, f"{name}'s")], exam=exam)


def _stranger_rows(lesson: Lesson, rng: random.Random, asked: Sequence[str], share: float) -> list[Row]:
    """The same questions about others, closed book: what tells them from those that are known is the name alone."""
    if not share:
        return []
    unsaid = _unsaid(lesson, exam=False)
    others = [unsaid.near(question, rng) for question in asked if rng.random() < share]
    return [Row("absent", "", question, UNKNOWN) for question in others if question]


def _absent_rows(
    lesson: Lesson, rng: random.Random, count: int, most: int, exam: bool, lists: Sequence[tuple[str, ...]] = ()
) -> list[Row]:
    """Questions about things never said, every second one below facts: one of the lists that there are, or its own."""
    unsaid = _unsaid(lesson, exam)
    rows: list[Row] = []
    free = rng.sample(lists, len(lists))
    for index in range(count):
        question, whom = unsaid.draw(rng)
        facts: tuple[str, ...] = ()
        if index % 2 and lesson.facts:
            # What is known of somebody must not be taken for what is asked, so it stands above the question.
            own = [fact for fact in lesson.facts if whom and whom.casefold() in fact.text.casefold()]
            fit = (one for one in free if not own or any(whom.casefold() in line.casefold() for line in one))
            if one := next(fit, None):
                free.remove(one)
                facts = one
            else:
                shown = rng.sample(list(lesson.facts), min(len(lesson.facts), rng.randint(1, most)))
                if own and not any(fact in own for fact in shown):
                    shown[0] = rng.choice(own)
                facts = tuple(render_facts(shown))
        rows.append(Row("absent", "", question, UNKNOWN, facts))
    return rows
