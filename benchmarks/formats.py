"""In which formats a text is told to a module: its own sentences, questions, summaries, rewrites, and who wrote the questions.

Each paper is learned by one module, closed book, and separate questions about it are asked straight from the module: no
facts in the prompt, no routing and no check of answers. Rows, each with the same number of optimiser steps of four rows
(so with equal exposures, though not with equal tokens), the same recipe and no rows with facts in the prompt:

base         no module.
original     the sentences of the text, every token learned.
qa           question-answer pairs of a strong writer (GPT-4.1 in the public data).
qa+rewrite   and the sentences in other words; qa+summary: and the shortest sentences that hold the answers; both by rules,
             as a night without a strong writer makes them, led by questions of the built-in writer.
all          and what is reversed, what is to be completed, and the sentences themselves.
built_in     question-answer pairs of the built-in writer, in place of those of the strong one.

Marks, as means over all questions and over each of the set's levels: "f1" of words, "rouge_l", and "likelihood", the
mean log-probability of the gold answer's tokens, in nats, which tells more than the others where a small model says nothing
right. Claims of "Understanding LoRA as Knowledge Memory" (arXiv 2603.01097), as differences of marks: "q4.*" (pairs teach more
than the text itself), "q5.*" (other formats add to pairs), "q7.*" (a better writer makes a better module). The paper trained 1000
steps on models of 1.7 to 14 billion parameters and let a judge mark; here it is the sign that is looked at.

With --data: PaperQA, --papers of its introductions drawn by the seed, the authors' training pairs, and --questions of the
separate evaluation questions of each, the three levels in turns. Without: invented facts of relations that no skill is
taught, told in one text; the strong writer's pairs are their wordings but the two held out, which are the exam.
A trained exam question ends the run. Every answer is written beside the record, as .answers.PAPER.ROW.seedN.jsonl.
Time: about 40 minutes a seed on two CPU cores with the default model; a run that was stopped goes on at the next row.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import DataMissing, Dataset, Figures, Flag, Options, Target, load, remembered, run, watch
from benchmarks.marks import assert_unseen, keep, rouge_l, token_f1, without
from benchmarks.reading import base_of
from benchmarks.writing import taught
from benchmarks.writing_sets import USER, invented
from slowwave.types import Fact, QAPair

if TYPE_CHECKING:
    from slowwave import Settings
    from slowwave.consolidation.rows import Form, Lesson, Row
    from slowwave.model import BaseModel, Slot

__all__ = ["CLAIMS", "ROWS", "Paper", "Question", "measure", "papers", "summary"]

_SOURCE = "GitHub repository ahn-ml/Understanding-LoRA-as-Knowledge-Memory (MIT)"
PAPERS = Dataset(
    "paperqa/papers.jsonl.gz", f"{_SOURCE}; the introductions are text of arXiv", ("paper_id", "title", "introduction")
)
QUESTIONS = Dataset(
    "paperqa/qa.jsonl.gz",
    f"{_SOURCE}, file data/paper_dataset/paperQA.json",
    ("paper_id", "level", "question", "answer"),
)
STRONG = Dataset(
    "paperqa/training_qa_gpt41.jsonl.gz",
    "GitHub repository anonymous-icml-loramem/ICML2026-LoRA-As-Knowledge-Memory (MIT), the training pairs of PaperQA",
    ("paper_id", "question", "answer"),
)
FLAGS = (
    Flag("papers", 2, "how many papers, each a module", quick=1),
    Flag("questions", 12, "questions about each paper", quick=3),
    Flag("steps", 100, "optimiser steps of every module", quick=4),
)
ROWS: Mapping[str, str] = {
    "original": "original",
    "qa": "qa",
    "qa+rewrite": "rewrite+qa",
    "qa+summary": "summary+qa",
    "all": "all",
    "built_in": "qa",
}
"""The mixture of formats of each row, by its name in the package."""
CLAIMS: Mapping[str, tuple[str, str]] = {
    "q4.qa_over_original": ("qa", "original"),
    "q5.rewrite_over_qa": ("qa+rewrite", "qa"),
    "q5.summary_over_qa": ("qa+summary", "qa"),
    "q5.all_over_qa": ("all", "qa"),
    "q7.strong_over_built_in": ("qa", "built_in"),
}
"""The row that the paper found better, and the one it was compared with."""
MARKS = ("f1", "rouge_l", "likelihood")
TARGETS = {
    f"{claim}.likelihood": Target(least=0.0)
    for claim in ("q4.qa_over_original", "q5.all_over_qa", "q7.strong_over_built_in")
}

_DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)
_LONGEST = 48
"""Tokens of an answer; PaperQA's have 23 words on the average."""
_AT_ONCE = 8
"""Gold answers read in one forward pass."""


# -- the papers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """A question of the exam."""

    text: str
    gold: str
    level: int


@dataclass(frozen=True)
class Paper:
    """A text as facts, the strong writer's pairs about it by fact, and its exam."""

    id: str
    facts: tuple[Fact, ...]
    pairs: Mapping[str, tuple[QAPair, ...]]
    questions: tuple[Question, ...]


def papers(data: Path | None, count: int, questions: int, seed: int) -> list[Paper]:
    """`count` papers with as many questions each, drawn by the seed.

    Raises:
        DataMissing: a file is missing, or there are fewer papers with pairs and questions.
    """
    if data is None:
        return [_invented(f"story{number}", questions, f"{seed}:formats:{number}") for number in range(count)]
    pairs = _by_paper(load(data, STRONG))
    exams = _by_paper(load(data, QUESTIONS))
    whole = [one for one in load(data, PAPERS) if one["paper_id"] in pairs and one["paper_id"] in exams]
    if len(whole) < count:
        raise DataMissing(f"{PAPERS.file!r} has {len(whole)} papers with questions, not {count}: lower --papers.")
    rng = random.Random(f"{seed}:papers")
    return [
        _paper(one, pairs[one["paper_id"]], _in_turns(exams[one["paper_id"]], questions, rng))
        for one in rng.sample(whole, count)
    ]


def _by_paper(records: Sequence[Mapping[str, Any]]) -> dict[Any, list[Mapping[str, Any]]]:
    found: dict[Any, list[Mapping[str, Any]]] = {}
    for record in records:
        found.setdefault(record["paper_id"], []).append(record)
    return found


def _in_turns(records: Sequence[Mapping[str, Any]], count: int, rng: random.Random) -> tuple[Question, ...]:
    """Drawn questions, the levels taking turns."""
    by_level: dict[int, list[Mapping[str, Any]]] = {}
    for record in records:
        by_level.setdefault(int(record["level"]), []).append(record)
    drawn = [
        (turn, level, one) for level, some in by_level.items() for turn, one in enumerate(rng.sample(some, len(some)))
    ]
    chosen = sorted(drawn, key=lambda row: row[:2])[:count]
    return tuple(Question(str(one["question"]), str(one["answer"]), level) for _, level, one in chosen)


def _paper(record: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]], exam: tuple[Question, ...]) -> Paper:
    """One fact a sentence, said by the title on a day of its own, so that "What did ... say on ...?" has one answer."""
    from slowwave.consolidation.statements import sentences

    name = f"paper{record['paper_id']}"
    facts = tuple(
        Fact(
            id=f"{name}-{number}",
            text=text,
            user_id=USER,
            said_at=_DAY + timedelta(days=number),
            metadata={"name": str(record["title"])},
        )
        for number, text in enumerate(sentences(str(record["introduction"])))
    )
    # Closed book no row shows a fact, so it does not matter which sentence a pair is about.
    strong = tuple(QAPair(question=str(pair["question"]), answer=str(pair["answer"])) for pair in pairs)
    return Paper(name, facts, {facts[0].id: strong}, exam)


def _invented(name: str, count: int, seed: str) -> Paper:
    from slowwave.consolidation.stories import fill

    facts: list[Fact] = []
    pairs: dict[str, tuple[QAPair, ...]] = {}
    exam: list[Question] = []
    for number, (story, question) in enumerate(invented(count, seed)):
        day = _DAY + timedelta(days=number)
        fact = Fact(id=f"{name}-{number}", text=story.text, user_id=USER, said_at=day)
        asked = [fill(form, story.subject, "", own=False) for form in story.relation.wordings(exam=False)]
        pairs[fact.id] = tuple(QAPair(question=one, answer=story.value) for one in asked)
        facts.append(fact)
        exam.append(Question(question, story.value, 1))
    return Paper(name, tuple(facts), pairs, tuple(exam))


# -- one paper -------------------------------------------------------------------------------------------------------


@dataclass
class _Work:
    """One paper and one seed."""

    paper: Paper
    base: BaseModel
    settings: Settings
    options: Options
    seed: int

    @cached_property
    def written(self) -> Lesson:
        """What the built-in writer asks about the sentences, without what it holds out."""
        from slowwave.consolidation.lessons import write_lesson
        from slowwave.consolidation.skilled import built_in_writer

        exam = [question.text for question in self.paper.questions]
        writer, _ = without(built_in_writer(self.base), exam)
        with watch() as progress:
            lesson = write_lesson(USER, self.paper.facts, writer, self.seed, progress)
        mine = [pair for pairs in (self.paper.pairs, lesson.trained) for some in pairs.values() for pair in some]
        assert_unseen(exam, [pair.question for pair in mine])
        return lesson

    @cached_property
    def told(self) -> Mapping[Form, tuple[Row, ...]]:
        """The rows of every format but pairs; every sentence as it is, also those that nothing can be asked about."""
        from slowwave.consolidation.formats import FORMATS, MIXTURES, with_formats

        original = tuple(row for fact in self.paper.facts for row in FORMATS["original"](fact, (), ()))
        return {**with_formats(self.written, MIXTURES["all"]).told, "original": original}

    def lesson(self, row: str) -> Lesson:
        """What the module of a row is taught."""
        from slowwave.consolidation.rows import Lesson

        if row == "built_in":
            return Lesson(USER, self.paper.facts, self.written.trained, {})
        return Lesson(USER, self.paper.facts, self.paper.pairs, {}, self.told)

    def marks(self, row: str) -> Figures:
        """Teach the module of a row and ask it: marks by name and number of the question."""
        from slowwave.consolidation.formats import MIXTURES
        from slowwave.consolidation.train import recipe_for

        slot = None
        if row != "base":
            shares = replace(MIXTURES[ROWS[row]], reading=0, absent=0.0)
            recipe = replace(recipe_for(self.settings, self.base.hidden_size), shares=shares)
            slot = taught(self.base, self.lesson(row), recipe, self.options.whole("steps"))
        said = self._said(slot)
        likely = self._likelihood(slot)
        found: dict[str, float] = {}
        log: list[dict[str, Any]] = []
        for question, text, value in zip(self.paper.questions, said, likely, strict=True):
            marks = {"f1": token_f1(text, question.gold), "rouge_l": rouge_l(text, question.gold), "likelihood": value}
            found |= {f"{name}.{len(log)}": mark for name, mark in marks.items()}
            log.append(
                {"question": question.text, "level": question.level, "gold": question.gold, "said": text, **marks}
            )
        keep(self.options.beside(f".answers.{self.paper.id}.{row}.seed{self.seed}.jsonl"), log)
        return found

    def _said(self, slot: Slot | None) -> list[str]:
        from slowwave.prompts import conversation

        prompts = [self.base.encode(conversation(question.text)) for question in self.paper.questions]
        return [one.text for one in self.base.generate(prompts, _LONGEST, slot)]

    def _likelihood(self, slot: Slot | None) -> list[float]:
        """Mean log-probability of each gold answer's tokens, its end not among them."""
        import torch

        from slowwave.prompts import conversation

        rows = [self.base.encode(conversation(one.text), one.gold, ends=False) for one in self.paper.questions]
        with torch.no_grad():
            some = [self.base.answer_logprobs(rows[at : at + _AT_ONCE], slot) for at in range(0, len(rows), _AT_ONCE)]
        return [float(values.mean()) for batch in some for values in batch]


# -- one run ---------------------------------------------------------------------------------------------------------


def measure(options: Options, seed: int) -> Figures:
    """Every row of every paper; a row that an earlier run finished is not measured again."""
    from slowwave import Settings

    settings = Settings.checked(**options.memory_settings(seed))
    drawn = papers(options.data, options.whole("papers"), options.whole("questions"), seed)
    base = base_of(options, seed)
    found: dict[str, dict[str, Figures]] = {}
    for paper in drawn:
        work = _Work(paper, base, settings, options, seed)
        found[paper.id] = {
            row: remembered(options, f"{paper.id}.{row}.seed{seed}", partial(work.marks, row))
            for row in ("base", *ROWS)
        }
    return summary({paper.id: [question.level for question in paper.questions] for paper in drawn}, found)


def summary(levels: Mapping[str, Sequence[int]], found: Mapping[str, Mapping[str, Figures]]) -> dict[str, float]:
    """Means over all questions and over those of each level, and the claims.

    Args:
        levels: of each paper's questions, in order.
        found: paper, row, "MARK.NUMBER" of the question.
    """
    pools: dict[str, list[float]] = {}
    several = len({level for some in levels.values() for level in some}) > 1
    for name, rows in found.items():
        for row, figures in rows.items():
            for mark in MARKS:
                for number, level in enumerate(levels[name]):
                    value = figures[f"{mark}.{number}"]
                    pools.setdefault(f"{row}.{mark}", []).append(value)
                    if several:
                        pools.setdefault(f"{row}.level{level}.{mark}", []).append(value)
    means = {name: statistics.fmean(values) for name, values in pools.items()}
    for claim, (better, other) in CLAIMS.items():
        means |= {f"{claim}.{mark}": means[f"{better}.{mark}"] - means[f"{other}.{mark}"] for mark in MARKS}
    return means


if __name__ == "__main__":
    sys.exit(run("formats", __doc__, measure, flags=FLAGS, targets=TARGETS))
