"""Weights and retrieval together: documents taught to modules, asked with and without facts in the prompt, at several scales.

Per set a few documents, each cut to a few facts and taught to a module of its own (built-in writer, a night's recipe with
fewer passes; no gate). All documents of a set are one memory. Each question is asked of
- "base": the model alone; "retrieval": with the three facts of the memory that a memory would show (mean of cosine and
  words); "full": with all facts of the right document, as many as fit --full tokens ("full_cut": share of prompts cut);
- "single": the right document's module; "top1": the likeliest module by the router; "ties": the three likeliest, merged by
  TIES with the router's weights; "panel": the three side by side, and the surest that claims to know wins; each alone and
  "+retrieval", at scale 1, 0.5, 0.3 and 0.1 of the modules ("ties@0.3+retrieval");
- "retrieval, else ...": modules alone, only where the reader says that it does not know, as a memory does.
The router must choose here (no "none"), as in the paper. Answers are taken straight from the model, greedily and unchecked.
Marks: QuALITY the share of questions whose likeliest option (mean log-probability of its tokens, the options not shown) is
the right one, chance .5; NarrativeQA token F1; LongMemEval and invented people whether the answer holds the gold answer.

"best_over_retrieval" is what weights give beside retrieval: of all rows with modules and facts the one with the best mean on one
half of a set's questions is taken and compared with "retrieval" on the other half, and the other way round; never on the half
it was chosen on. With a bootstrap 95 % interval over questions. "sets_above_retrieval": sets whose lower bound is above 0.

With --data: QuALITY (two options), NarrativeQA summaries, evidence turns of LongMemEval; drawn by the seed. Without:
invented people. Every answer lies beside the record, as .examples.jsonl; modules too, until a set is whole.
With several seeds the bounds in the record are means of bounds: for a narrower interval ask more questions instead.
Time: 10 minutes for LongMemEval, by estimate 15 for each of the others, a seed on two CPU cores with the default model; what
was stopped goes on.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.conversations import bootstrap
from benchmarks.harness import BadOption, DataMissing, Figures, Flag, Options, Target, remembered, run
from benchmarks.hybrid_rows import HYBRID, ROWS, Ask, mark, read_first
from benchmarks.hybrid_sets import READERS, Document, invented
from benchmarks.reading import base_of
from benchmarks.routing_sets import plain
from benchmarks.taught import Modules, discard, kept, recipe_of, teach
from slowwave.settings import DEFAULT_EMBEDDER

if TYPE_CHECKING:
    from slowwave.model import BaseModel

__all__ = ["chosen_gaps", "halves", "measure"]

FLAGS = (
    Flag("documents", 3, "how many documents of each set", quick=2),
    Flag("questions", 8, "the most questions about a document", quick=3),
    Flag("facts", 12, "how many facts of a document are taught", quick=3),
    Flag("answers", 2, "how many things a fact is asked for in training", quick=1),
    Flag("epochs", 12, "the most passes of a training", quick=3),
    Flag("full", 2048, "the most tokens of a prompt with all facts"),
    Flag("sets", ",".join(READERS), "which public sets, with commas"),
    Flag("embedder", DEFAULT_EMBEDDER, "embedding model of retrieval and router, or hash:256", quick="hash:256"),
)
TARGETS = {"sets_above_retrieval": Target(least=2)}


# -- choosing a row ----------------------------------------------------------------------------------------------------


def halves(count: int, seed: int) -> list[int]:
    """In which half, 0 or 1, each of so many questions lies; drawn, and equal halves but for one."""
    drawn = [number % 2 for number in range(count)]
    random.Random(f"{seed} halves").shuffle(drawn)
    return drawn


def chosen_gaps(
    marks: Mapping[str, Sequence[float]], half: Sequence[int], rows: Sequence[str], against: str
) -> tuple[list[float], tuple[str, str]]:
    """Each question's mark by the row that was best on the other half of the questions, less its mark by another row.

    Of rows that are equally good the first is taken.

    Returns:
        The gaps, in the order of the questions, and the rows that were chosen for the two halves.
    """
    chosen = []
    for mine in (0, 1):
        others = [place for place, one in enumerate(half) if one != mine]
        chosen.append(max(rows, key=lambda row: round(statistics.fmean(marks[row][place] for place in others), 9)))
    gaps = [marks[chosen[one]][place] - marks[against][place] for place, one in enumerate(half)]
    return gaps, (chosen[0], chosen[1])


# -- the benchmark -----------------------------------------------------------------------------------------------------


def measure(options: Options, seed: int) -> Figures:
    """Every set, each remembered when it is done."""
    sizes = [options.whole(name) for name in ("documents", "questions", "facts")]
    sets: dict[str, Callable[[], list[Document]]] = {"invented": partial(invented, None, seed, *sizes)}
    if options.data is not None:
        wanted = str(options.flags["sets"]).split(",")
        if unknown := [name for name in wanted if name not in READERS]:
            raise BadOption(f"There are no sets {unknown}: known are {', '.join(READERS)}.")
        sets = {name: partial(READERS[name], options.data, seed, *sizes) for name in wanted}
    documents = {name: read() for name, read in sets.items()}  # what lacks is told before anything is taught
    base = base_of(options, seed)
    figures: dict[str, float] = {}
    for name, some in documents.items():
        figures |= remembered(options, f"seed{seed}-{name}", partial(_one_set, base, name, some, options, seed))
        discard(options, f"seed{seed}-{name}-")
    if len(sets) == len(READERS):
        figures["sets_above_retrieval"] = sum(figures[f"{name}.best_over_retrieval.low"] > 0 for name in sets)
    return figures


def _one_set(base: BaseModel, name: str, documents: Sequence[Document], options: Options, seed: int) -> Figures:
    most, epochs = options.whole("answers"), options.whole("epochs")
    taught = tuple(
        kept(
            options,
            f"seed{seed}-{name}-{number}",
            partial(teach, base, one.facts, seed, options, most_answers=most, epochs=epochs),
        )
        for number, one in enumerate(documents)
    )
    shape = recipe_of(base, seed, options).shape(base)
    modules = Modules(base, shape, taught, tuple(one.facts for one in documents))
    trained = {plain(question) for one in taught for _, question, _ in one.questions}
    asked = [
        (number, question)
        for number, one in enumerate(documents)
        for question in one.questions
        if plain(question.text) not in trained
    ]
    if len(asked) < 2:
        raise DataMissing(f"{len(asked)} questions of {name!r} are left that were not trained: raise --questions.")
    ask = Ask(modules, asked, str(options.flags["embedder"]), options.whole("full"))
    said = {row.label: ask.said(row) for row in ROWS}
    said |= read_first(said)
    marks = {
        label: [mark(text, question) for text, (_, question) in zip(texts, asked, strict=True)]
        for label, texts in said.items()
    }
    gaps, chosen = chosen_gaps(marks, half := halves(len(asked), seed), HYBRID, "retrieval")
    path = options.beside(f".{name}.seed{seed}.examples.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for place, (document, question) in enumerate(asked):
            example = {
                "question": question.text,
                "gold": question.gold,
                "document": document,
                "facts": [fact.text for fact in ask.retrieved[place]],
                "route": ask.routes[place],
                "chosen": chosen[half[place]],
                "answers": {label: texts[place] for label, texts in said.items()},
            }
            out.write(json.dumps(example, ensure_ascii=False) + "\n")
    low, high = bootstrap(gaps, seed)
    figures = {
        "questions": float(len(asked)),
        "recalled": statistics.fmean(one.recalled for one in taught),
        "steps": statistics.fmean(one.steps for one in taught),
        "routed_right": statistics.fmean(
            bool(route) and route[0][0] == document for route, (document, _) in zip(ask.routes, asked, strict=True)
        ),
        "full_cut": ask.full[1],
        **{label: statistics.fmean(values) for label, values in marks.items()},
        "best_over_retrieval": statistics.fmean(gaps),
        "best_over_retrieval.low": low,
        "best_over_retrieval.high": high,
    }
    return {f"{name}.{key}": value for key, value in figures.items()}


if __name__ == "__main__":
    sys.exit(run("hybrid", __doc__, measure, flags=FLAGS, targets=TARGETS))
