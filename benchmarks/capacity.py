"""How many facts a module of a rank holds: phone numbers by rank and by number of facts, and edits of CounterFact.

For every number of facts and every rank a module is taught so many phone numbers with the usual recipe, until it recalls them
or the recipe gives up. It is asked closed book, by generation: in wordings that it was trained in and in wordings that no
writer makes. The same module is asked once before, after a fixed number of steps ("fixed"; at its end if that came sooner),
because with fixed steps more facts are also less practice for each (and, as a module is a running mean over about two passes,
an older mean). "per_million" is the facts recalled in unseen wordings
for a million trained parameters. "holds" is the largest number of facts of which 0.95 are recalled in unseen wordings, "full"
whether a larger one was tried. In the end the rows for the table in consolidation/capacity.py are printed, of the worst seed.

CounterFact: only the statement of the edit is given, and the built-in writer makes the questions. "efficacy": the prompt of
the edit is continued with the new object; "paraphrase": the paraphrased prompt is; "neighbourhood": the share of prompts about
other subjects that are answered as the base model answers them; "leaked": the share that are answered with the new object.
"efficacy_preferred" and "paraphrase_preferred" are the customary measure: the new object is likelier than the true one.

With --data: the phone book of "Understanding LoRA as Knowledge Memory" (people drawn by the seed from those after its first
hundred names, with which recipes were found) and CounterFact. Without: names and numbers drawn from the seed (at most
340 facts), and no edits.
What was finished is kept: a run that was stopped goes on with the next module.
Time: an hour or more a seed on two CPU cores with the default model; --facts 16 takes a quarter of it.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import (
    BadOption,
    DataMissing,
    Dataset,
    Figures,
    Flag,
    Options,
    Target,
    load,
    parse,
    remembered,
    run,
    watch,
)
from benchmarks.marks import assert_unseen, questions_of
from benchmarks.phonebook import TRAINED, UNSEEN, Entry, entries, first_number
from benchmarks.reading import ask, base_of, stored

if TYPE_CHECKING:
    import torch

    from slowwave.consolidation.capacity import Measured
    from slowwave.consolidation.recipes import Recipe
    from slowwave.consolidation.rows import Lesson
    from slowwave.consolidation.train import Trained
    from slowwave.model import BaseModel, Slot
    from slowwave.types import Fact

__all__ = ["book", "edit_facts", "main", "measure", "rows_of", "start", "whole_numbers", "wordings", "written"]

EDITS = Dataset(
    "counterfact/counterfact_edit_2000.jsonl.gz",
    "CounterFact (MIT) as in GitHub repository Jometeorie/KnowledgeSpread, file data/counterfact/counterfact-edit.json",
    ("subject", "prompt", "target_true", "target_new", "paraphrase_prompt", "neighborhood_prompt"),
)
FLAGS = (
    Flag("facts", "16,48", "numbers that a module learns: one module for each of the list", quick="2,4"),
    Flag("ranks", "1,2,8", "ranks of the modules: one module for each of the list", quick="1,8"),
    Flag("steps", 200, "after how many steps each module is asked a first time", quick=8),
    Flag("edits", 12, "how many edits of CounterFact are learned; 0 leaves them out", quick=2),
    Flag("edit-rank", 8, "rank of the module that learns them"),
)
TARGETS = {"rank8.facts48.unseen": Target(least=0.95), "edits.efficacy": Target(least=0.95)}
_HELD = 0.95
"""Recall in unseen wordings from which on facts count as held."""


def measure(options: Options, seed: int) -> Figures:
    """Every rank with every number of facts, then the edits."""
    counts, ranks = (whole_numbers(str(options.flags[name]), name) for name in ("facts", "ranks"))

    @cache
    def lesson(count: int) -> Lesson:
        return written(start(options, seed)[0], stored(book(options, seed, count)), seed)

    edited = options.data is not None and options.whole("edits") > 0
    book(options, seed, counts[-1])  # what lacks is told before anything is learned
    if edited:
        _drawn(options, seed)
    figures: dict[str, float] = {}
    for count in counts:
        for rank in ranks:
            # The lesson is written only if the figures are not there yet.
            cell = partial(_cell, options, seed, count, rank, lesson)
            figures |= remembered(options, f"seed{seed}.facts{count}.rank{rank}", cell)
    if edited:
        figures |= remembered(options, f"seed{seed}.edits", partial(_edits, options, seed))
    for rank in ranks:
        figures[f"rank{rank}.holds"] = holds = _holds(figures, counts, rank)
        figures[f"rank{rank}.full"] = float(max(counts) > holds)
    return figures


def whole_numbers(text: str, name: str) -> list[int]:
    """The numbers of a list such as "16,48", ascending, each once.

    Raises:
        BadOption: the list is empty, or something in it is not a whole number above 0.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise BadOption(f"--{name} is {text!r}: give whole numbers above 0, such as 16,48.")
    return sorted({int(word) for word in words})


def book(options: Options, seed: int, count: int) -> list[Entry]:
    """So many entries; of the public phone book a longer one begins with the shorter one."""
    return entries(count, seed, options.data)


def rows_of(figures: Figures, counts: Sequence[int], ranks: Sequence[int], source: str) -> list[Measured]:
    """The rows for the table that the planner reads; none for a rank that held not even the smallest number of facts."""
    from slowwave.consolidation.capacity import Measured

    width, layers, outputs = (int(figures[f"base.{name}"]) for name in ("hidden_size", "layers", "outputs"))
    held = {rank: _holds(figures, counts, rank) for rank in ranks}
    return [Measured(width, layers, outputs, r, most, max(counts) > most, source) for r, most in held.items() if most]


def _holds(figures: Figures, counts: Sequence[int], rank: int) -> int:
    """The largest number of facts that were held at a rank, 0 if none was."""
    return max((count for count in counts if figures[f"rank{rank}.facts{count}.unseen"] >= _HELD), default=0)


# -- phone numbers -----------------------------------------------------------------------------------------------------


def start(options: Options, seed: int, **rank: int) -> tuple[BaseModel, Recipe]:
    """The base model, and what a night would do with it; `rank` if it is not the usual one."""
    from slowwave import Settings
    from slowwave.consolidation.recipes import recipe_for

    settings = Settings.checked(**options.memory_settings(seed), **rank)
    base = base_of(options, seed)
    return base, recipe_for(settings, base.hidden_size)


def written(base: BaseModel, facts: Sequence[Fact], seed: int) -> Lesson:
    """What a night would make of the facts, with those about which nothing could be written left out."""
    from slowwave.consolidation.lessons import write_lesson
    from slowwave.consolidation.skilled import built_in_writer

    with watch() as progress:
        lesson = write_lesson("ada", facts, built_in_writer(base), seed, progress)
    return replace(lesson, facts=tuple(fact for fact in facts if lesson.trained.get(fact.id)))


def _teach(base: BaseModel, lesson: Lesson, recipe: Recipe, steps: int) -> tuple[Trained, torch.Tensor]:
    """As `consolidation.train.train`, and the module as it was after so many steps, or in the end if that was sooner."""
    from slowwave.consolidation.train import Course

    course = Course(base, lesson, recipe)
    early: torch.Tensor | None = None
    with watch() as progress:
        for batch in course.batches():
            progress("training", course.trained.steps, course.total)
            course.slot.refresh()
            loss = course.loss(batch, course.ask(course.asked(batch), course.slot))
            loss.backward()
            course.learn(loss)
            if course.trained.steps == steps:
                early = course.module()
    trained = course.finish()
    return trained, trained.vector if early is None else early


def _cell(options: Options, seed: int, count: int, rank: int, lesson_of: Callable[[int], Lesson]) -> Figures:
    """One module, asked twice."""
    from slowwave.consolidation.capacity import outputs

    base, recipe = start(options, seed, rank=rank)
    known, lesson = book(options, seed, count), lesson_of(count)
    assert_unseen((form.format(name=one.name) for one in known for form in UNSEEN), questions_of(lesson))
    trained, early = _teach(base, lesson, recipe, options.whole("steps"))
    shape, label = recipe.shape(base), f"rank{rank}.facts{count}"
    sizes = {"hidden_size": base.hidden_size, "layers": base.model.config.num_hidden_layers, "outputs": outputs(shape)}
    took = {"steps": trained.steps, "passes": trained.epochs, "seconds": trained.seconds}
    figures = {f"base.{key}": float(value) for key, value in sizes.items()}
    figures |= {f"{label}.{key}": float(value) for key, value in took.items()}
    taught = [wordings(lesson, one)[:2] for one in known]
    fresh = [[UNSEEN[(i + j) % len(UNSEEN)].format(name=one.name) for j in range(2)] for i, one in enumerate(known)]
    for when, vector in (("", trained.vector), ("fixed_", early)):
        slot = base.slot(shape, vector)
        unseen = _recall(base, slot, known, fresh)
        figures[f"{label}.{when}trained"] = _recall(base, slot, known, taught)
        figures[f"{label}.{when}unseen"] = unseen
        figures[f"{label}.{when}per_million"] = unseen * count / (shape.size / 1e6)
    return figures


def wordings(lesson: Lesson, one: Entry) -> list[str]:
    """The wordings in which a module is asked for a number in training; a usual one where nothing was written."""
    pairs = [pair for fact in lesson.facts if fact.text == one.text for pair in lesson.trained[fact.id]]
    return [pair.question for pair in pairs if pair.answer == one.phone] or [TRAINED[0].format(name=one.name)]


def _recall(base: BaseModel, slot: Slot, known: Sequence[Entry], questions: Sequence[Sequence[str]]) -> float:
    """The share of the facts' questions that are answered with exactly their number, closed book."""
    pairs = [(question, one.phone) for one, some in zip(known, questions, strict=True) for question in some]
    said = ask(base, slot, [question for question, _ in pairs], [()] * len(pairs))
    return statistics.fmean(first_number(text) == phone for text, (_, phone) in zip(said, pairs, strict=True))


# -- edits -------------------------------------------------------------------------------------------------------------


def edit_facts(records: Sequence[Mapping[str, Any]]) -> list[Fact]:
    """The statements of edits as facts: the prompt with its new object."""
    from slowwave.records import fact_id
    from slowwave.types import Fact

    texts = [f"{one['prompt']} {one['target_new']}." for one in records]
    day = datetime(2026, 11, 1, 12, tzinfo=UTC)
    return [Fact(id=fact_id("ada", text), text=text, user_id="ada", said_at=day) for text in texts]


def _drawn(options: Options, seed: int) -> list[dict[str, Any]]:
    """Edits of different subjects, drawn from the seed."""
    count, records = options.whole("edits"), load(options.data or Path(), EDITS)
    random.Random(seed).shuffle(records)
    by_subject = {str(one["subject"]): one for one in records}
    if len(by_subject) < count:
        raise DataMissing(f"{EDITS.file!r} has {len(by_subject)} subjects, not {count}: lower --edits.")
    return list(by_subject.values())[:count]


def _edits(options: Options, seed: int) -> Figures:
    """One module that is told of a few edits."""
    from slowwave.consolidation.train import train

    base, recipe = start(options, seed, rank=options.whole("edit-rank"))
    records = _drawn(options, seed)
    lesson = written(base, edit_facts(records), seed)
    figures = {"edits.written": len(lesson.facts) / len(records)}
    if not lesson.facts:
        return figures
    with watch() as progress:
        trained = train(base, lesson, recipe, progress=progress)
    slot = base.slot(recipe.shape(base), trained.vector)
    figures |= {"edits.steps": float(trained.steps), **_edited(base, slot, records)}
    before = _edited(base, None, records)
    del before["edits.neighbourhood"]  # it answers as it answers
    return figures | {name.replace("edits.", "edits.base_"): value for name, value in before.items()}


def _edited(base: BaseModel, slot: Slot | None, records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """How a module, or the base model alone, completes the prompts of edits and of their neighbours."""
    from slowwave.consolidation.gate import is_right, normalise

    figures: dict[str, float] = {}
    new, true = ([str(one[key]) for one in records] for key in ("target_new", "target_true"))
    for name, key in (("efficacy", "prompt"), ("paraphrase", "paraphrase_prompt"), ("leaked", "neighborhood_prompt")):
        prompts = [str(one[key]) for one in records]
        said = ask(base, slot, prompts, [()] * len(prompts))
        figures[f"edits.{name}"] = statistics.fmean(map(is_right, said, new))
        if name == "leaked":
            before = ask(base, None, prompts, [()] * len(prompts))
            same = [normalise(text) == normalise(other) for text, other in zip(said, before, strict=True)]
            figures["edits.neighbourhood"] = statistics.fmean(same)
        else:
            likely = zip(*(_likely(base, slot, prompts, objects) for objects in (new, true)), strict=True)
            figures[f"edits.{name}_preferred"] = statistics.fmean(edited > known for edited, known in likely)
    return figures


def _likely(base: BaseModel, slot: Slot | None, prompts: Sequence[str], objects: Sequence[str]) -> list[float]:
    """Mean log-probability of the objects' tokens after their prompts."""
    import torch

    from slowwave.prompts import conversation

    rows = [base.encode(conversation(p), one, ends=False) for p, one in zip(prompts, objects, strict=True)]
    with torch.no_grad():
        return [float(base.answer_logprobs([row], slot)[0].mean()) for row in rows]


def main(argv: Sequence[str] | None = None) -> int:
    """Run, then print the rows of the table; the exit status is that of the run."""
    status = run("capacity", __doc__, measure, flags=FLAGS, targets=TARGETS, argv=argv)
    if status == 0:
        options = parse("capacity", __doc__, argv, flags=FLAGS)
        record = json.loads(options.out.read_text(encoding="utf-8"))
        worst = {name: float(spread["min"]) for name, spread in record["spread"].items()}
        counts, ranks = (whole_numbers(str(options.flags[name]), name) for name in ("facts", "ranks"))
        source = f"benchmarks/LOG.md, {record['started_at'][:10]}, capacity: worst of {options.seeds} seed(s)"
        rows = rows_of(worst, counts, ranks, source)
        print("rows for the table in consolidation/capacity.py:")
        for row in rows:
            print(f"    {row!r},")
        for rank in sorted(set(ranks) - {row.rank for row in rows}):
            print(f"    # rank {rank} held less than {_HELD:g} of the smallest number of facts already")
    return status


if __name__ == "__main__":
    sys.exit(main())
