"""Weights beside facts: what a module recalls, and what it does to reading, with and without training rows for both.

Tells a memory phone numbers and teaches the same facts to two modules: "reading_rows" with the usual rows (closed book; with
the true fact among others, with others only, and with a changed fact that must win), "closed_only" with as many rows, all
closed book. Asks the base model (with its reader, no module) and each module, in wordings that no writer makes:

- closed: with no facts in the prompt;
- retrieved: with the three facts that the memory's own search finds ("hit" is the share in which the true one is among them);
- others: with the next best three, none of them true, so that only weights can answer;
- changed: as retrieved, but the true fact says another number, which must win; "stale" is the share answered with the old one;
- beside_old: with the old fact and, said a month later, the changed one.

"base.retrieved" is retrieval alone, "LABEL.closed" weights alone; "both_over_halves" is the module's figure with retrieved facts
less the better of these two. "closed_book_given_up" is what the reading rows cost closed book.

With --data: the phone book of "Understanding LoRA as Knowledge Memory", people drawn by the seed from those after its first
hundred, with which recipes were found; without: names and numbers drawn from the seed.
Everything is generation straight from the model: no routing, no check of answers, and no rule about who speaks first.
Time: 4 minutes a seed on two idle CPU cores with the default model and 8 facts, about 8 with 16.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.harness import Figures, Flag, Options, Target, remembered, run, watch
from benchmarks.marks import assert_unseen, questions_of
from benchmarks.phonebook import UNSEEN, Entry, entries, first_number

if TYPE_CHECKING:
    from slowwave import Memory
    from slowwave.consolidation.rows import Shares
    from slowwave.model import BaseModel, Slot
    from slowwave.types import Fact

__all__ = ["DAY", "FORMS", "USER", "Case", "ask", "base_of", "exam", "halves", "marks", "measure", "stored", "taught"]

FLAGS = (Flag("facts", 16, "how many numbers are learned", quick=4),)
TARGETS = {
    "reading_rows.both_over_halves": Target(least=0.0),
    "reading_rows.changed": Target(least=0.95),
    "reading_rows.beside_old": Target(least=0.95),
    "closed_book_given_up": Target(most=0.02),
}
FORMS = ("closed", "retrieved", "others", "changed", "beside_old")
USER = "ada"
DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)
"""When things are said: prompts show the day, so a run on another day must not be another run."""
_SHOWN = 3
"""Facts in a prompt: as many as an answer of a memory shows."""
_WORDINGS = 2
"""In how many of the unseen wordings each number is asked for."""
_LONGEST = 40
"""Tokens of an answer: a sentence with a name and a number, digit by digit."""


@dataclass(frozen=True)
class Case:
    """One question, what stands above it, and the number that must come."""

    question: str
    shown: tuple[Fact, ...]
    right: str
    old: str = ""
    """What was true before, where the shown facts say something else now."""


def measure(options: Options, seed: int, open_memory: Callable[..., Memory] | None = None) -> Figures:
    """Two modules of the same facts, and the base model; `open_memory` is `slowwave.Memory` unless a test gives another."""
    from slowwave.consolidation.rows import Shares

    if open_memory is None:
        from slowwave import Memory

        open_memory = Memory
    base = base_of(options, seed)
    book = entries(options.whole("facts"), seed, options.data)
    facts = stored(book)
    with tempfile.TemporaryDirectory() as folder, open_memory(folder, **options.memory_settings(seed)) as memory:
        for fact in facts:
            memory.add(fact.text, user_id=USER, said_at=fact.said_at)
        cases = exam(book, facts, partial(_found, memory, {fact.text: fact for fact in facts}), seed)
    figures = {"hit": statistics.fmean(any(one.right in fact.text for fact in one.shown) for one in cases["retrieved"])}
    figures |= remembered(options, f"seed{seed}.base", partial(_asked, base, None, cases, "base"))
    variants = {"reading_rows": Shares(), "closed_only": replace(Shares(), reading=0, closed=3)}
    for label, shares in variants.items():
        figures |= remembered(
            options, f"seed{seed}.{label}", partial(_variant, base, facts, shares, cases, label, seed, options)
        )
    return figures | halves(figures, list(variants))


def halves(figures: Mapping[str, float], labels: Iterable[str]) -> dict[str, float]:
    """What both together give over the better half, and what reading rows take from the weights."""
    found = {"closed_book_given_up": figures["closed_only.closed"] - figures["reading_rows.closed"]}
    for label in labels:
        better = max(figures[f"{label}.closed"], figures["base.retrieved"])
        found[f"{label}.both_over_halves"] = figures[f"{label}.retrieved"] - better
        found[f"{label}.changed_over_base"] = figures[f"{label}.changed"] - figures["base.changed"]
    return found


def base_of(options: Options, seed: int) -> BaseModel:
    """The base model of a run, with the reader that a memory's first night would give it."""
    from slowwave import Settings
    from slowwave.consolidation.skills import prepare
    from slowwave.loading import load_base

    settings = Settings.checked(**options.memory_settings(seed))
    with watch() as progress:
        prepare(settings, names=("reader",), progress=progress)
        return load_base(settings, progress)


def stored(book: Sequence[Entry]) -> list[Fact]:
    """The entries as facts, one a minute."""
    from slowwave.records import fact_id
    from slowwave.types import Fact

    return [
        Fact(id=fact_id(USER, one.text), text=one.text, user_id=USER, said_at=DAY + timedelta(minutes=number))
        for number, one in enumerate(book)
    ]


def taught(
    base: BaseModel, facts: Sequence[Fact], shares: Shares, seed: int, options: Options, effort: str = "normal"
) -> tuple[Slot, int]:
    """A slot that was taught the facts with the recipe of an effort and these shares of rows, and its training steps.

    Raises:
        AssertionError: a wording of the exam was written for the lesson, so that nothing would be held out.
    """
    from slowwave import Settings
    from slowwave.consolidation.lessons import write_lesson
    from slowwave.consolidation.skilled import built_in_writer
    from slowwave.consolidation.train import recipe_for, train

    settings = Settings.checked(**options.memory_settings(seed), effort=effort)
    recipe = replace(recipe_for(settings, base.hidden_size), shares=shares)
    lesson = write_lesson(USER, facts, built_in_writer(base), seed)
    assert_unseen((form.format(name=one) for one in _names(facts) for form in UNSEEN), questions_of(lesson))
    with watch() as progress:
        trained = train(base, lesson, recipe, progress=progress)
    return base.slot(recipe.shape(base), trained.vector), trained.steps


def _names(facts: Sequence[Fact]) -> list[str]:
    return [fact.text.removeprefix("The phone number of ").partition(" is ")[0] for fact in facts]


# -- the exam ----------------------------------------------------------------------------------------------------------


def exam(
    book: Sequence[Entry], facts: Sequence[Fact], found: Callable[[str, int], Sequence[Fact]], seed: int
) -> dict[str, list[Case]]:
    """The cases of each form; the same for whoever is asked.

    Args:
        found: the facts that a search gives for a question, best first, as many as asked for.
    """
    cases: dict[str, list[Case]] = {form: [] for form in FORMS}
    rng = random.Random(f"{seed}:changed")
    for number, (one, fact) in enumerate(zip(book, facts, strict=True)):
        for wording in range(_WORDINGS):
            question = UNSEEN[(number + wording) % len(UNSEEN)].format(name=one.name)
            hits = list(found(question, _SHOWN + 1))
            others = [hit for hit in hits if hit.id != fact.id]
            new = _other_number(one.phone, rng)
            changed = fact.model_copy(update={"text": fact.text.replace(one.phone, new)})
            later = changed.model_copy(update={"said_at": fact.said_at + timedelta(days=30)})
            cases["closed"].append(Case(question, (), one.phone))
            cases["retrieved"].append(Case(question, tuple(hits[:_SHOWN]), one.phone))
            cases["others"].append(Case(question, tuple(others[:_SHOWN]), one.phone))
            # Where the old fact stood, so that "the last one" is no rule that would find it.
            cases["changed"].append(Case(question, (*others[: _SHOWN - 1], changed), new, one.phone))
            cases["beside_old"].append(Case(question, (*others[: _SHOWN - 2], fact, later), new, one.phone))
    return cases


def _other_number(phone: str, rng: random.Random) -> str:
    while True:
        new = f"{rng.randint(200, 999)}-{rng.randint(200, 999)}-{rng.randint(0, 9999):04d}"
        if new != phone:
            return new


def _found(memory: Memory, facts: Mapping[str, Fact], question: str, count: int) -> list[Fact]:
    return [facts[hit.text] for hit in memory.search(question, user_id=USER, k=count)]


def _variant(
    base: BaseModel,
    facts: Sequence[Fact],
    shares: Shares,
    cases: Mapping[str, Sequence[Case]],
    label: str,
    seed: int,
    options: Options,
) -> dict[str, float]:
    slot, steps = taught(base, facts, shares, seed, options)
    return {f"{label}.steps": float(steps)} | _asked(base, slot, cases, label)


def _asked(base: BaseModel, slot: Slot | None, cases: Mapping[str, Sequence[Case]], label: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for form, some in cases.items():
        said = ask(base, slot, [one.question for one in some], [one.shown for one in some])
        found |= {f"{label}.{key}": value for key, value in marks(form, some, said).items()}
    return found


def marks(form: str, cases: Sequence[Case], said: Sequence[str]) -> dict[str, float]:
    """The marks of one form: the share of right numbers, and of old ones where there are any."""
    answered = [(first_number(text), one) for text, one in zip(said, cases, strict=True)]
    found = {form: statistics.fmean(number == one.right for number, one in answered)}
    if all(one.old for one in cases):
        found[f"{form}.stale"] = statistics.fmean(number == one.old for number, one in answered)
    return found


def ask(base: BaseModel, slot: Slot | None, questions: Sequence[str], shown: Sequence[Sequence[Fact]]) -> list[str]:
    """What the model says to each question with its facts in the prompt, greedily."""
    from slowwave.prompts import conversation, render_facts

    rows = zip(questions, shown, strict=True)
    prompts = [base.encode(conversation(question, render_facts(facts))) for question, facts in rows]
    return [one.text for one in base.generate(prompts, _LONGEST, slot)]


if __name__ == "__main__":
    sys.exit(run("reading", __doc__, measure, flags=FLAGS, targets=TARGETS))
