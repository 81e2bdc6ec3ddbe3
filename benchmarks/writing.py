"""What a writer is worth: statements learned from questions about them, and from their bare text.

Modules learn statements, and each set's own question about a statement is asked closed book: straight from its module, with
no facts in the prompt, no routing and no check of answers. Nothing but the statement reaches the memory. Rows:

base      no module.
raw       the statement's text as one training row, every token of it learned ("original" of the formats), and no rows about
          things never said: what has no question would only learn to deny.
built_in  the built-in writer's pairs, trained and examined by the gate as in a night (one night, no second try).
paper     the same pairs as "Understanding LoRA as Knowledge Memory" (arXiv 2603.01097) arranges and trains them: question
          and answer in one user turn, every token learned, learning rate 5e-5 without warm-up, alpha the rank, As of their
          own, all linear layers; asked in the same arrangement. Not as there: the rate falls in a line instead of a cosine,
          no dropout, and the rank, the rows of a step and the number of steps are those of the other rows.

raw and paper make as many steps as built_in took. Marks: "contains" (the gold answer stands in what is said, which is no denial)
and "f1" (of words), over all facts. "passed.*" is over those that passed the gate after built_in, and so chosen by that row:
"built_in_over_raw" is over all facts, "built_in_over_raw_passed" over the chosen ones. A raw figure of nothing counts as one
right answer there: the ratio is a lower bound. "covered" is the share of facts of which some pair has the exam's answer, and
"covered.*" is over those: of the others the writer asked something else. A pair that asks the exam's very question is taken
out before training ("taken_out", pairs a fact), and a trained exam question ends the run.

With --data: WikiDYK, asked with its own question, and zsRE's counterfactual edits ("QUESTION ANSWER." is the statement, asked
with its paraphrase), --facts of each, drawn by the seed; the first and the last hundred records of a set are left out, for
they were in view when the reader and the writer were made.
Without: invented facts of relations that no skill is taught, in the wordings held out of them.
Whether the pairs are good is for a person to judge: a sample of them is written beside the record, as .pairs.SET.seedN.jsonl.
Time: 24 minutes a seed with --facts 16 on two CPU cores with the default model, by estimate twice that with 32; a run that
was stopped goes on at the next row.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Figures, Flag, Options, Target, remembered, run, watch
from benchmarks.marks import assert_unseen, contains, f1, keep, right, without
from benchmarks.reading import base_of
from benchmarks.writing_sets import USER, Item, sets

if TYPE_CHECKING:
    from slowwave import Settings
    from slowwave.consolidation.recipes import Recipe
    from slowwave.consolidation.rows import Lesson
    from slowwave.model import BaseModel, Slot
    from slowwave.types import QAPair

__all__ = ["measure", "paper_prompt", "paper_recipe", "paper_rows", "summary", "taught"]

FLAGS = (
    Flag("facts", 32, "statements of each set, up to 100", quick=3),
    Flag("pairs", 50, "pairs of each set that are written down for a person to judge", quick=10),
)
TARGETS = {
    "built_in.passed.contains": Target(least=0.6),
    "built_in_over_raw": Target(least=3.0),
    "built_in_over_raw_passed": Target(least=3.0),
}
MARKS: Mapping[str, Callable[[str, str], float]] = {"contains": right, "f1": f1}
_OF_THE_NIGHT = {
    "passed": "passed",
    "covered": "covered",
    "pairs": "pairs_per_fact",
    "published": "published",
    "steps": "steps",
    "strength": "strength",
    "canary": "canary",
    "gate": "gate_recall",
}
"""What is known of each fact or module of built_in, and the name of its mean."""
PAPER_RATE = 5e-5
"""The paper's learning rate."""

_LONGEST = 24
"""Tokens of an answer."""


# -- training --------------------------------------------------------------------------------------------------------


def taught(base: BaseModel, lesson: Lesson, recipe: Recipe, steps: int) -> Slot | None:
    """A slot that was taught for so many steps, whether or not it was enough before; None where there is nothing to learn."""
    from slowwave.consolidation.train import Course

    if not steps or not (lesson.trained or any(lesson.told.values())):
        return None
    # A pass has at least one step, and no pass can recall more than everything.
    course = Course(base, lesson, replace(recipe, epochs=steps, recalled=2.0))
    course.total = steps
    with watch() as progress:
        for batch in course.batches():
            progress("training", course.trained.steps, steps)
            course.slot.refresh()
            loss = course.loss(batch, course.ask(course.asked(batch), course.slot))
            loss.backward()
            course.learn(loss)
            if course.trained.steps >= steps:
                break
    return base.slot(recipe.shape(base), course.finish().vector)


def paper_recipe(settings: Settings, hidden_size: int) -> Recipe:
    """The nearest to the paper's training that the table of variants allows; its module is the last step's."""
    from slowwave.consolidation.recipes import VARIANTS, variant_recipe
    from slowwave.consolidation.rows import Shares

    variant = replace(VARIANTS["linear, own a"], name="paper", alpha=float(settings.rank))
    recipe = variant_recipe(settings, hidden_size, variant)
    shares = Shares(closed=0, reading=0, absent=0.0, ordinary=0.0, original=1.0)
    return replace(recipe, learning_rate=PAPER_RATE, warmup=1, averaged=0, shares=shares)


def paper_prompt(question: str, answer: str = "") -> str:
    """The user turn of the paper: "Question: ... Answer: ...", and in the exam the same without the answer."""
    return f"Question: {question} Answer: {answer}".rstrip()


def paper_rows(lesson: Lesson) -> Lesson:
    """The lesson's trained pairs as the paper arranges them: all in the user turn, every token learned, no answer turn."""
    from slowwave.consolidation.rows import Row

    # "ordinary" is the form of a row without the memory's frame: its question is the whole prompt.
    rows = [
        Row("ordinary", fact_id, paper_prompt(pair.question, pair.answer), "", ends=False, original=True)
        for fact_id, pairs in lesson.trained.items()
        for pair in pairs
    ]
    return replace(lesson, trained={}, heldout={}, told={"original": tuple(rows)})


# -- one set ---------------------------------------------------------------------------------------------------------


@dataclass
class _Work:
    """One set and one seed; the items in groups as large as modules are."""

    name: str
    items: Sequence[Item]
    base: BaseModel
    settings: Settings
    options: Options
    seed: int

    @property
    def groups(self) -> list[Sequence[Item]]:
        size = self.settings.facts_per_module
        return [self.items[start : start + size] for start in range(0, len(self.items), size)]

    @cached_property
    def written(self) -> tuple[list[Lesson], list[QAPair]]:
        """A lesson for each group, by the built-in writer, and the pairs that asked what the exam asks."""
        from slowwave.consolidation.lessons import write_lesson
        from slowwave.consolidation.skilled import built_in_writer

        exam = [item.question for item in self.items]
        writer, taken = without(built_in_writer(self.base), exam)
        with watch() as progress:
            facts = [[item.fact for item in group] for group in self.groups]
            lessons = [write_lesson(USER, some, writer, self.seed, progress) for some in facts]
        pairs = [
            pair for one in lessons for some in (one.trained, one.heldout) for two in some.values() for pair in two
        ]
        assert_unseen(exam, [pair.question for pair in pairs])
        return lessons, taken

    def row_base(self) -> Figures:
        """Nothing learned."""
        return self._asked("base", [None] * len(self.groups))

    def row_built_in(self) -> Figures:
        """Trained and examined as in a night."""
        from slowwave.consolidation.gate import examine, temper
        from slowwave.consolidation.train import recipe_for, train

        recipe = recipe_for(self.settings, self.base.hidden_size)
        lessons, taken = self.written
        found: dict[str, float] = {"taken_out": len(taken) / len(self.items)}
        settled: set[str] = set()
        slots: list[Slot | None] = []
        for number, lesson in enumerate(lessons):
            left = tuple(fact for fact in lesson.facts if lesson.trained.get(fact.id))
            found[f"steps.{number}"] = 0
            slots.append(None)
            if not left:
                continue
            lesson = replace(lesson, facts=left)
            with watch() as progress:
                trained = train(self.base, lesson, recipe, progress=progress)
                vector, strength = temper(self.base, trained.vector, recipe.shape(self.base))
                slot = self.base.slot(recipe.shape(self.base), vector)
                verdict = examine(
                    self.base, slot, lesson, f"{self.name}-{number}", recipe.shares, seed=recipe.seed, progress=progress
                )
            slots[-1], found[f"steps.{number}"] = slot, trained.steps
            found[f"published.{number}"] = verdict.published
            found |= {
                f"strength.{number}": strength,
                f"canary.{number}": verdict.canary,
                f"gate.{number}": verdict.recall,
            }
            if verdict.published:
                settled |= {report.fact_id for report in verdict.facts if report.status == "settled"}
            else:
                print(f"{self.name}: the gate refused module {number}: {verdict.reason}")
        asked = {
            fact.id: [pair.answer for some in (lesson.trained, lesson.heldout) for pair in some.get(fact.id, ())]
            for lesson in lessons
            for fact in lesson.facts
        }
        for index, item in enumerate(self.items):
            found[f"passed.{index}"] = item.fact.id in settled
            found[f"pairs.{index}"] = len(asked[item.fact.id])
            found[f"covered.{index}"] = max(
                (contains(answer, item.answer) for answer in asked[item.fact.id]), default=0.0
            )
        self._keep_pairs(lessons)
        return {**found, **self._asked("built_in", slots)}

    def row_raw(self, steps: Sequence[int]) -> Figures:
        """The text itself."""
        from slowwave.consolidation.formats import FORMATS, MIXTURES
        from slowwave.consolidation.rows import Lesson
        from slowwave.consolidation.train import recipe_for

        shares = replace(MIXTURES["original"], absent=0.0)
        recipe = replace(recipe_for(self.settings, self.base.hidden_size), shares=shares)
        slots: list[Slot | None] = []
        for group, count in zip(self.groups, steps, strict=True):
            facts = tuple(item.fact for item in group)
            told = tuple(row for fact in facts for row in FORMATS["original"](fact, (), ()))
            slots.append(taught(self.base, Lesson(USER, facts, {}, {}, {"original": told}), recipe, count))
        return self._asked("raw", slots)

    def row_paper(self, steps: Sequence[int]) -> Figures:
        """The built-in writer's pairs in the paper's arrangement."""
        recipe = paper_recipe(self.settings, self.base.hidden_size)
        slots: list[Slot | None] = []
        for lesson, count in zip(self.written[0], steps, strict=True):
            rows = paper_rows(lesson)
            facts = len({row.fact_id for row in rows.told["original"]})
            # Every row once a pass.
            each = replace(recipe.shares, original=len(rows.told["original"]) / max(1, facts))
            slots.append(taught(self.base, rows, replace(recipe, shares=each), count))
        return self._asked("paper", slots)

    def _asked(self, row: str, slots: Sequence[Slot | None]) -> Figures:
        """The exam, straight from the modules: marks by name and number of the item."""
        from slowwave.prompts import conversation

        found: dict[str, float] = {}
        log: list[dict[str, Any]] = []
        for group, slot in zip(self.groups, slots, strict=True):
            frames = [
                [{"role": "user", "content": paper_prompt(item.question)}]
                if row == "paper"
                else conversation(item.question)
                for item in group
            ]
            said = self.base.generate([self.base.encode(frame) for frame in frames], _LONGEST, slot)
            for item, one in zip(group, said, strict=True):
                marks = {name: mark(one.text, item.answer) for name, mark in MARKS.items()}
                found |= {f"{name}.{len(log)}": value for name, value in marks.items()}
                log.append(
                    {"fact": item.fact.text, "question": item.question, "gold": item.answer, "said": one.text, **marks}
                )
        keep(self.options.beside(f".answers.{self.name}.{row}.seed{self.seed}.jsonl"), log)
        return found

    def _keep_pairs(self, lessons: Sequence[Lesson]) -> None:
        pairs = [
            {"set": self.name, "fact": fact.text, "question": pair.question, "answer": pair.answer}
            for lesson in lessons
            for fact in lesson.facts
            for some in (lesson.trained, lesson.heldout)
            for pair in some.get(fact.id, ())
        ]
        path = self.options.beside(f".pairs.{self.name}.seed{self.seed}.jsonl")
        keep(path, random.Random(self.seed).sample(pairs, min(self.options.whole("pairs"), len(pairs))))
        print(f"pairs to be judged: {path}")


# -- one run ---------------------------------------------------------------------------------------------------------


def measure(options: Options, seed: int) -> Figures:
    """Every row of every set; a row that an earlier run finished is not measured again."""
    from slowwave import Settings

    settings = Settings.checked(**options.memory_settings(seed))
    drawn = sets(options.data, options.whole("facts"), seed)
    base = base_of(options, seed)
    found: dict[str, dict[str, Figures]] = {}
    for name, items in drawn.items():
        work = _Work(name, items, base, settings, options, seed)
        first = remembered(options, f"{name}.built_in.seed{seed}", work.row_built_in)
        steps = [int(first[f"steps.{number}"]) for number in range(len(work.groups))]
        others: Mapping[str, Callable[[], Figures]] = {
            "raw": partial(work.row_raw, steps),
            "paper": partial(work.row_paper, steps),
            "base": work.row_base,
        }
        found[name] = {"built_in": first}
        for row, compute in others.items():
            found[name][row] = remembered(options, f"{name}.{row}.seed{seed}", compute)
    return summary(found)


def summary(found: Mapping[str, Mapping[str, Figures]]) -> dict[str, float]:
    """Figures of all sets together, and of each where there are several, from the marks of items: set, row, "MARK.NUMBER".

    What only the facts that passed, or were covered, can tell is left out where there are none.
    """
    pools: dict[str, list[float]] = {}
    for name, rows in found.items():
        chosen = {
            f"{what}.": {number for number, value in _numbered(rows["built_in"], what).items() if value}
            for what in ("passed", "covered")
        }
        for group in (f"{name}.", "") if len(found) > 1 else ("",):
            for row, figures in rows.items():
                for mark in MARKS:
                    values = _numbered(figures, mark)
                    pools.setdefault(f"{group}{row}.{mark}", []).extend(values.values())
                    for among, numbers in chosen.items():
                        some = [value for number, value in values.items() if number in numbers]
                        pools.setdefault(f"{group}{row}.{among}{mark}", []).extend(some)
            for what, label in _OF_THE_NIGHT.items():
                pools.setdefault(f"{group}{label}", []).extend(_numbered(rows["built_in"], what).values())
            pools.setdefault(f"{group}taken_out", []).append(rows["built_in"]["taken_out"])
    means = {name: statistics.fmean(values) for name, values in pools.items() if values}
    for group in (*(f"{name}." for name in found if len(found) > 1), ""):
        for among, label in (("", ""), ("passed.", "_passed")):
            mark, raw = f"{group}built_in.{among}contains", pools[f"{group}raw.{among}contains"]
            if raw:
                means[f"{group}built_in_over_raw{label}"] = means[mark] / max(statistics.fmean(raw), 1 / len(raw))
    return means


def _numbered(figures: Figures, name: str) -> dict[str, float]:
    return {key.rpartition(".")[2]: value for key, value in figures.items() if key.rpartition(".")[0] == name}


if __name__ == "__main__":
    sys.exit(run("writing", __doc__, measure, flags=FLAGS, targets=TARGETS))
