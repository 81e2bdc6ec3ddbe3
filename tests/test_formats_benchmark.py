"""The benchmark of formats: what is read, what each row is taught, and one quick run on the tiny model."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import formats, harness, marks
from benchmarks.harness import DataMissing, Options
from slowwave import Settings
from slowwave.consolidation.formats import MIXTURES
from slowwave.consolidation.rows import epoch_rows
from slowwave.model import BaseModel, Slot
from slowwave.prompts import conversation
from slowwave.types import QAPair

TEXT = "Ann Lee plays the flute in Porto. Bo Ek lives in Oslo.\n\nThe door code of the lab is 4711."


def lines(folder: Path, file: str, records: Sequence[Any]) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, records)).encode()))


def public(folder: Path) -> Path:
    lines(
        folder,
        formats.PAPERS.file,
        [{"paper_id": n, "title": f"On {n}", "introduction": TEXT} for n in range(4)],
    )
    exam = [
        {"paper_id": n, "level": level, "question": f"Exam {n} {level} {turn}?", "answer": "It is (so)."}
        for n in range(3)
        for level in (1, 2, 3)
        for turn in range(5)
    ]
    lines(folder, formats.QUESTIONS.file, exam)
    strong = [{"paper_id": n, "question": f"Strong {n}?", "answer": "Said well."} for n in (0, 0, 1, 3)]
    lines(folder, formats.STRONG.file, strong)
    return folder


def parsed(tmp_path: Path, tiny_model: Path, *argv: str) -> Options:
    given_all = ["--quick", "--model", str(tiny_model), "--out", str(tmp_path / "formats.json"), *argv]
    return harness.parse("formats", formats.__doc__, given_all, flags=formats.FLAGS)


def work(paper: formats.Paper, options: Options, base: BaseModel) -> formats._Work:
    return formats._Work(paper, base, Settings.checked(**options.memory_settings(0)), options, 0)


# -- what is read ------------------------------------------------------------------------------------------------------


def test_papers_are_drawn_with_questions_of_all_levels_in_turns(tmp_path: Path) -> None:
    found = formats.papers(public(tmp_path), 2, 7, 1)
    assert found == formats.papers(tmp_path, 2, 7, 1)
    assert {paper.id for paper in found} == {"paper0", "paper1"}, "the others lack pairs or questions"
    for paper in found:
        assert [fact.text for fact in paper.facts] == [
            "Ann Lee plays the flute in Porto.",
            "Bo Ek lives in Oslo.",
            "The door code of the lab is 4711.",
        ]
        assert len({fact.said_at for fact in paper.facts}) == 3
        assert [question.level for question in paper.questions] == [1, 2, 3, 1, 2, 3, 1]
        assert len({question.text for question in paper.questions}) == 7
        number = paper.id.removeprefix("paper")
        assert all(question.text.startswith(f"Exam {number} ") for question in paper.questions)
        assert {pair.question for some in paper.pairs.values() for pair in some} == {f"Strong {number}?"}
        assert paper.facts[0].metadata["name"] == f"On {number}"
    other = [formats.papers(tmp_path, 2, 7, seed) for seed in range(2, 6)]
    assert any(one != found for one in other)
    with pytest.raises(DataMissing, match="2 papers with questions, not 3: lower --papers"):
        formats.papers(tmp_path, 3, 7, 1)


def test_invented_papers_are_trained_in_other_wordings_than_asked() -> None:
    first, second = formats.papers(None, 2, 9, 0)
    assert [first, second] == formats.papers(None, 2, 9, 0)
    assert first != second
    for paper in (first, second):
        trained = [pair for some in paper.pairs.values() for pair in some]
        assert len(paper.facts) == len(paper.questions) == len(paper.pairs) == 9
        marks.assert_unseen([one.text for one in paper.questions], [pair.question for pair in trained])
        for fact, question in zip(paper.facts, paper.questions, strict=True):
            assert question.gold.casefold() in fact.text.casefold()
            assert {pair.answer for pair in paper.pairs[fact.id]} == {question.gold}


# -- what is taught ----------------------------------------------------------------------------------------------------


def test_every_row_is_taught_its_formats_and_nothing_else(tmp_path: Path, base: BaseModel, tiny_model: Path) -> None:
    (paper,) = formats.papers(public(tmp_path), 1, 3, 1)
    job = work(paper, parsed(tmp_path, tiny_model), base)
    strong = {pair.question for some in paper.pairs.values() for pair in some}
    forms: dict[str, set[str]] = {}
    for row, mixture in formats.ROWS.items():
        shares = replace(MIXTURES[mixture], reading=0, absent=0.0)
        rows = [one for epoch in range(8) for one in epoch_rows(job.lesson(row), 0, epoch, shares)]
        forms[row] = {one.form for one in rows}
        asked = {one.question for one in rows if one.form == "closed"}
        mine = {pair.question for some in job.written.trained.values() for pair in some}
        assert asked <= (mine if row == "built_in" else strong)
        assert not any(one.facts for one in rows)
    assert forms == {
        "original": {"original"},
        "qa": {"closed"},
        "qa+rewrite": {"closed", "rewrite"},
        "qa+summary": {"closed", "summary"},
        "all": {"closed", "rewrite", "summary", "reversed", "statement", "original"},
        "built_in": {"closed"},
    }
    assert [row.answer for row in job.told["original"]] == [fact.text for fact in paper.facts]


def test_a_trained_exam_question_ends_the_run(tmp_path: Path, base: BaseModel, tiny_model: Path) -> None:
    (paper,) = formats.papers(None, 1, 2, 0)
    leaked = QAPair(question=paper.questions[1].text.upper(), answer="anything")
    paper = replace(paper, pairs={**paper.pairs, paper.facts[0].id: (leaked,)})
    options = parsed(tmp_path, tiny_model)
    with pytest.raises(AssertionError, match="1 questions of the exam were trained"):
        work(paper, options, base).marks("qa")


def test_the_likelihood_is_the_mean_over_the_golds_own_tokens(
    tmp_path: Path, base: BaseModel, tiny_model: Path
) -> None:
    (paper,) = formats.papers(None, 1, 3, 0)
    slot: Slot | None = None
    found = work(paper, parsed(tmp_path, tiny_model), base)._likelihood(slot)
    for question, value in zip(paper.questions, found, strict=True):
        row = base.encode(conversation(question.text), question.gold, ends=False)
        with torch.no_grad():
            logits = base.model(torch.tensor([row.ids])).logits[0]  # (tokens, vocabulary)
        every = torch.log_softmax(logits.float(), -1)
        wanted = [float(every[at - 1, row.ids[at]]) for at in range(row.prompt, len(row.ids))]
        assert value == pytest.approx(sum(wanted) / len(wanted), abs=1e-4)


# -- figures -----------------------------------------------------------------------------------------------------------


def test_figures_are_means_over_papers_and_levels_and_claims_are_differences() -> None:
    levels = {"a": [1, 2], "b": [1]}
    rows = ("base", *formats.ROWS)
    found = {
        name: {
            row: {f"{mark}.{n}": index + 10.0 * n for mark in formats.MARKS for n in range(len(some))}
            for index, row in enumerate(rows)
        }
        for name, some in levels.items()
    }
    figures = formats.summary(levels, found)
    assert figures["base.f1"] == pytest.approx(10 / 3)
    assert figures["base.level1.f1"] == 0.0
    assert figures["base.level2.rouge_l"] == 10.0
    place = {row: index for index, row in enumerate(rows)}
    for claim, (better, other) in formats.CLAIMS.items():
        assert figures[f"{claim}.likelihood"] == pytest.approx(place[better] - place[other])
    assert formats.TARGETS.keys() <= figures.keys()
    one = {"b": found["b"]}
    assert not any("level" in name for name in formats.summary({"b": [1]}, one))


# -- one run -----------------------------------------------------------------------------------------------------------


def test_a_quick_run_marks_every_row(tmp_path: Path, tiny_model: Path) -> None:
    argv = ["--quick", "--model", str(tiny_model), "--out", str(tmp_path / "formats.json"), "--steps", "6"]
    status = harness.run(
        "formats", formats.__doc__, formats.measure, flags=formats.FLAGS, targets=formats.TARGETS, argv=argv
    )
    assert status == 0
    record = json.loads((tmp_path / "formats.json").read_text())
    found = record["figures"]
    for row in ("base", *formats.ROWS):
        shown = (tmp_path / f"formats.answers.story0.{row}.seed0.jsonl").read_text(encoding="utf-8").splitlines()
        answers = [json.loads(line) for line in shown]
        assert len(answers) == 3
        for one in answers:
            assert one["f1"] == marks.token_f1(one["said"], one["gold"])
            assert one["rouge_l"] == marks.rouge_l(one["said"], one["gold"])
        assert found[f"{row}.f1"] == pytest.approx(sum(one["f1"] for one in answers) / 3)
        assert found[f"{row}.likelihood"] < 0.0
        assert math.isfinite(found[f"{row}.likelihood"])
    assert found["qa.likelihood"] != found["base.likelihood"], "something was learned"
    assert found["q4.qa_over_original.f1"] == pytest.approx(found["qa.f1"] - found["original.f1"])
    assert not list(tmp_path.glob("*.part*"))
