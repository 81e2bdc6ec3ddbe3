"""Weights beside facts: what a module recalls, and what it does to reading, with and without training rows for both.

Teaches the same facts to two modules, one with the usual rows (closed book; with the true fact among others, with others only,
and with a changed fact that must win) and one closed book only. Asks each in wordings that no writer makes:
closed book; with the true fact among distractors; with distractors only; with a changed fact, newer than the true one.
Against: the base model (with its reader) and the same facts, no module: retrieval alone.
"both_over_halves" is the module's figure with the true fact, less the better of its closed-book figure and retrieval alone.
"changed_over_base" is the same for changed facts, against the base model.

With --data: the phone book of "Understanding LoRA as Knowledge Memory"; without: names and numbers drawn from the seed.
Everything is generation straight from the model: no routing, and no check of answers.
Time: about 8 minutes a seed on two CPU cores with the default model and 16 facts.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from benchmarks.harness import Figures, Flag, Options, Target, run, watch
from benchmarks.phonebook import UNSEEN, Entry, entries, first_number

if TYPE_CHECKING:
    from slowwave.consolidation.rows import Shares
    from slowwave.model import BaseModel, Slot
    from slowwave.types import Fact

__all__ = ["FORMS", "ask", "measure", "stored", "taught"]

FLAGS = (Flag("facts", 16, "how many numbers are learned", quick=4),)
TARGETS = {
    "reading_rows.both_over_halves": Target(least=0.0),
    "reading_rows.changed": Target(least=0.95),
    "closed_book_given_up": Target(most=0.02),
}
FORMS = ("closed", "true", "others", "changed")
_DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)
_LONGEST = 24


def measure(options: Options, seed: int) -> Figures:
    """Two modules of the same facts, and the base model."""
    from slowwave import Settings
    from slowwave.consolidation.rows import Shares
    from slowwave.model import load_base

    base = load_base(Settings.checked(**options.memory_settings(seed)))
    book = entries(options.whole("facts"), seed, options.data)
    facts = stored(book)
    figures = _figures(base, None, book, facts, seed, "base")
    variants = {"reading_rows": Shares(), "closed_only": replace(Shares(), reading=0, closed=4)}
    for label, shares in variants.items():
        slot, steps = taught(base, facts, shares, seed, options)
        figures |= _figures(base, slot, book, facts, seed, label)
        figures[f"{label}.steps"] = steps
    figures["closed_book_given_up"] = figures["closed_only.closed"] - figures["reading_rows.closed"]
    for label in variants:
        better = max(figures[f"{label}.closed"], figures["base.true"])
        figures[f"{label}.both_over_halves"] = figures[f"{label}.true"] - better
        figures[f"{label}.changed_over_base"] = figures[f"{label}.changed"] - figures["base.changed"]
    return figures


def stored(book: Sequence[Entry]) -> list[Fact]:
    """The entries as facts, one a minute."""
    from slowwave.facts import fact_id
    from slowwave.types import Fact

    return [
        Fact(id=fact_id("ada", one.text), text=one.text, user_id="ada", said_at=_DAY + timedelta(minutes=number))
        for number, one in enumerate(book)
    ]


def taught(base: BaseModel, facts: Sequence[Fact], shares: Shares, seed: int, options: Options) -> tuple[Slot, int]:
    """A slot that was taught the facts with the usual recipe and these shares of rows, and its training steps."""
    from slowwave import Settings
    from slowwave.consolidation.lessons import write_lesson
    from slowwave.consolidation.skilled import built_in_writer
    from slowwave.consolidation.train import recipe_for, train

    settings = Settings.checked(**options.memory_settings(seed))
    recipe = replace(recipe_for(settings, base.hidden_size), shares=shares)
    lesson = write_lesson("ada", facts, built_in_writer(base), seed)
    asked = {pair.question for pairs in lesson.trained.values() for pair in pairs}
    leaked = [form for form in UNSEEN if any(form.format(name=one) in asked for one in _names(facts))]
    if leaked:
        raise AssertionError(f"wordings of the exam were trained: {leaked}")
    with watch() as progress:
        trained = train(base, lesson, recipe, progress=progress)
    return base.slot(recipe.shape(base), trained.vector), trained.steps


def _names(facts: Sequence[Fact]) -> list[str]:
    return [fact.text.removeprefix("The phone number of ").partition(" is ")[0] for fact in facts]


def _figures(
    base: BaseModel, slot: Slot | None, book: Sequence[Entry], facts: Sequence[Fact], seed: int, label: str
) -> dict[str, float]:
    found: dict[str, float] = {}
    for form in FORMS:
        rng = random.Random(f"{seed}:{form}")
        questions, shown, wanted = [], [], []
        for number, (one, fact) in enumerate(zip(book, facts, strict=True)):
            for wording in range(2):
                others = rng.sample([other for other in facts if other.id != fact.id], min(2, len(facts) - 1))
                right = one.phone
                lines = [] if form == "closed" else others
                if form == "true":
                    lines = [*others, fact]
                elif form == "changed":
                    right = f"{rng.randint(200, 999)}-{rng.randint(200, 999)}-{rng.randint(0, 9999):04d}"
                    text = fact.text.replace(one.phone, right)
                    newer = fact.model_copy(update={"text": text, "said_at": fact.said_at + timedelta(days=30)})
                    lines = [*others, fact, newer]
                questions.append(UNSEEN[(number + wording) % len(UNSEEN)].format(name=one.name))
                shown.append(lines)
                wanted.append(right)
        said = ask(base, slot, questions, shown)
        marks = [first_number(text) == right for text, right in zip(said, wanted, strict=True)]
        found[f"{label}.{form}"] = statistics.fmean(marks)
    return found


def ask(base: BaseModel, slot: Slot | None, questions: Sequence[str], shown: Sequence[Sequence[Fact]]) -> list[str]:
    """What the model says to each question with its facts in the prompt, greedily."""
    from slowwave.prompts import conversation, render_facts

    rows = zip(questions, shown, strict=True)
    prompts = [base.encode(conversation(question, render_facts(facts))) for question, facts in rows]
    return [one.text for one in base.generate(prompts, _LONGEST, slot)]


if __name__ == "__main__":
    sys.exit(run("reading", __doc__, measure, flags=FLAGS, targets=TARGETS))
