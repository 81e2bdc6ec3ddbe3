"""Marks, the guard of the exam, and the benchmark of the writer on the tiny model."""

from __future__ import annotations

import doctest
import gzip
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import harness, marks, writing, writing_sets
from benchmarks.harness import DataMissing, Options
from benchmarks.writing_sets import Item
from slowwave import Settings
from slowwave.consolidation.recipes import recipe_for
from slowwave.consolidation.rows import Lesson, epoch_rows
from slowwave.consolidation.rules import RuleWriter
from slowwave.consolidation.train import Course, train
from slowwave.consolidation.writers import NamedWriter, write
from slowwave.model import BaseModel
from slowwave.types import Fact, QAPair

FACT = Fact(id="f", text="I live in Porto.", user_id="ada", said_at=datetime(2026, 11, 1, tzinfo=UTC))

ASKED = {
    "What is my favourite colour?": "green",
    "What is my sister's name?": "Clara",
    "Where do I live?": "Porto",
    "What am I allergic to?": "peanuts",
    "What is my dog called?": "Biscuit",
}
"""The plainest question about each fact of the tiny model's lesson."""

# -- marks -------------------------------------------------------------------------------------------------------------

words = st.lists(st.sampled_from("Ada ada's the three 3 10% cat dog (cat) re-read".split()), max_size=7)
texts = words.map(" ".join)


def test_the_examples_of_the_marks_hold() -> None:
    found = doctest.testmod(marks)
    assert found.attempted == 3
    assert not found.failed


@pytest.mark.parametrize(
    ("said", "gold", "mark"),
    [
        ("the cat sat on the mat", "a cat on a mat", 2 * 3 / (4 + 3)),
        ("cat cat dog", "cat", 2 * 1 / (3 + 1)),
        ("three bikes", "3 bikes", 1.0),
        ("CAT.", "(cat)", 1.0),
        ("", "cat", 0.0),
        ("cat", "", 0.0),
        ("dog", "cat", 0.0),
    ],
)
def test_f1_has_the_values_of_a_sum_by_hand(said: str, gold: str, mark: float) -> None:
    assert marks.token_f1(said, gold) == pytest.approx(mark)


@given(one=texts, other=texts)
def test_f1_is_a_symmetric_share_and_whole_for_the_same_words_only(one: str, other: str) -> None:
    found = marks.token_f1(one, other)
    assert 0.0 <= found <= 1.0
    assert found == marks.token_f1(other, one)
    same = Counter(marks.normalise(one)) == Counter(marks.normalise(other))
    assert (found == 1.0) == (same and bool(marks.normalise(one)))
    assert (found == 0.0) == (not set(marks.normalise(one)) & set(marks.normalise(other)))


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """By trying every subsequence of the first."""
    for size in range(len(one), 0, -1):
        for some in itertools.combinations(one, size):
            rest: Iterator[str] = iter(other)
            if all(word in rest for word in some):
                return size
    return 0


@given(one=texts, other=texts)
def test_rouge_l_is_what_trying_every_subsequence_gives(one: str, other: str) -> None:
    said, gold = marks.normalise(one), marks.normalise(other)
    wanted = 2 * longest_common(said, gold) / (len(said) + len(gold)) if said and gold else 0.0
    assert marks.rouge_l(one, other) == pytest.approx(wanted)
    assert marks.rouge_l(one, other) <= marks.token_f1(one, other) + 1e-12, "order can only cost"


@pytest.mark.parametrize(
    ("said", "mark"), [("In Porto.", 1.0), ("Portofino", 0.0), ("I don't know if it is Porto.", 0.0), ("", 0.0)]
)
def test_a_denial_is_never_right(said: str, mark: float) -> None:
    assert marks.right(said, "Porto") == mark


# -- the guard ---------------------------------------------------------------------------------------------------------


def test_the_guard_raises_for_the_same_words_whatever_their_case_and_marks() -> None:
    marks.assert_unseen(["Where do I live?"], ["Where do I work?", "Do I live where?"])
    with pytest.raises(AssertionError, match="1 questions of the exam were trained"):
        marks.assert_unseen(["Which cat?", "where do I live"], ["Who?", "Where do the I live?!"])


def test_a_writer_does_not_write_the_exam_and_what_was_taken_out_is_not_filled_up() -> None:
    plain = RuleWriter()(FACT)
    asked = [pair.question for pair in plain[1:]]
    writer, taken = marks.without(NamedWriter("rules", RuleWriter()), [asked[0].upper(), *asked[1:]])
    assert write(FACT, writer) == plain[:1]
    assert taken == plain[1:]


def work(options: Options, base: BaseModel, items: Sequence[Item]) -> writing._Work:
    settings = Settings.checked(**options.memory_settings(0))
    return writing._Work("demo", items, base, settings, options, 0)


def parsed(tmp_path: Path, tiny_model: Path, *argv: str) -> Options:
    given_all = ["--quick", "--model", str(tiny_model), "--out", str(tmp_path / "writing.json"), *argv]
    return harness.parse("writing", writing.__doc__, given_all, flags=writing.FLAGS)


def test_a_trained_exam_question_ends_the_run(
    tmp_path: Path, base: BaseModel, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = parsed(tmp_path, tiny_model)
    items = [Item(FACT, RuleWriter()(FACT)[0].question.rstrip("?").lower(), "Porto")]
    lessons, taken = work(options, base, items).written
    assert [pair.answer for pair in taken] == ["Porto"], "by default it is taken out"
    assert taken[0] not in lessons[0].trained["f"] + lessons[0].heldout["f"]

    def leaking(writer: NamedWriter, asked: Sequence[str]) -> tuple[NamedWriter, list[QAPair]]:
        return writer, []

    monkeypatch.setattr(writing, "without", leaking)
    with pytest.raises(AssertionError, match="questions of the exam were trained"):
        _ = work(options, base, items).written


# -- the sets ----------------------------------------------------------------------------------------------------------


def lines(folder: Path, file: str, records: Sequence[Any]) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, records)).encode()))


def public(folder: Path, count: int = 210) -> Path:
    facts = [{"fact": f"town {n} has a mayor.", "question": f"What of {n}?", "answer": "a mayor"} for n in range(count)]
    lines(folder, "wikidyk/wikidyk_1765.jsonl.gz", facts)
    edits = [{"question": f"Who is {n}?", "paraphrase": f"Name {n}!", "answer_new": f"Ada {n}"} for n in range(count)]
    edits[101]["answer_new"] = ""
    edits[102]["paraphrase"] = "who is 102"
    lines(folder, "zsre/zsre_mend_train_1k.jsonl.gz", edits)
    return folder


def test_statements_are_drawn_from_records_that_were_not_in_view(tmp_path: Path) -> None:
    found = writing_sets.sets(public(tmp_path), 8, 3)
    assert found == writing_sets.sets(tmp_path, 8, 3)
    assert found != writing_sets.sets(tmp_path, 8, 4)
    assert list(found) == ["wikidyk", "zsre"]
    told = {item.fact.text for item in found["wikidyk"]}
    assert len(told) == 8
    assert told < {f"Town {n} has a mayor." for n in range(100, 110)}
    numbers = {int(item.question.removeprefix("Name ").rstrip("!")) for item in found["zsre"]}
    assert numbers == {100, *range(103, 110)}, "neither without an edit nor asked as it was told"
    one = found["zsre"][0]
    assert one.fact.text == f"Who is {one.question[5:-1]}? {one.answer}."
    assert len({item.fact.said_at for item in found["zsre"]}) == len({item.fact.id for item in found["zsre"]}) == 8
    with pytest.raises(DataMissing, match="8 fresh statements, not 9: lower --facts"):
        writing_sets.sets(tmp_path, 9, 3)


def test_invented_statements_are_of_relations_and_wordings_that_no_skill_is_taught() -> None:
    found = writing_sets.invented(40, "0")
    assert found == writing_sets.invented(40, "0")
    assert found != writing_sets.invented(40, "1")
    assert len({(story.relation.name, story.subject) for story, _ in found}) == 40
    for story, question in found:
        assert story.relation.exam
        assert not story.own
        assert story.value.casefold() in story.text.casefold()
        assert story.value not in question


# -- training ----------------------------------------------------------------------------------------------------------


def test_as_many_steps_as_wanted_give_the_module_that_a_night_would_train(
    base: BaseModel, tiny_lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = recipe_for(Settings(), base.hidden_size)
    # Each row has its facts for itself: then every pass has as many batches.
    recipe = replace(usual, epochs=2, recalled=2.0, shares=replace(usual.shares, asked=1))
    wanted = train(base, tiny_lesson, recipe)
    slot = writing.taught(base, tiny_lesson, recipe, wanted.steps)
    assert slot is not None
    assert torch.equal(slot.vector.cpu(), wanted.vector)

    made: list[int] = []
    learn = Course.learn

    def counted(course: Course, loss: torch.Tensor) -> None:
        made.append(course.total)
        learn(course, loss)

    monkeypatch.setattr(Course, "learn", counted)
    early = replace(recipe, recalled=0.0, read=0.0, patience=1, further=0)  # it would be enough after a pass
    assert writing.taught(base, tiny_lesson, early, wanted.steps + 1) is not None
    assert made == [wanted.steps + 1] * (wanted.steps + 1)


def test_there_is_no_module_where_there_is_nothing_to_learn(base: BaseModel, tiny_lesson: Lesson) -> None:
    recipe = recipe_for(Settings(), base.hidden_size)
    assert writing.taught(base, tiny_lesson, recipe, 0) is None
    assert writing.taught(base, replace(tiny_lesson, trained={}), recipe, 5) is None
    assert writing.taught(base, writing.paper_rows(replace(tiny_lesson, trained={})), recipe, 5) is None


def test_the_papers_rows_lie_in_the_user_turn_and_every_token_of_them_is_learned(base: BaseModel) -> None:
    lesson = tiny.lesson(tiny.FACTS[:2], "ada")
    rows = writing.paper_rows(lesson)
    pairs = [pair for some in lesson.trained.values() for pair in some]
    assert len(rows.told["original"]) == len(pairs)
    for row, pair in zip(rows.told["original"], pairs, strict=True):
        assert row.messages == [{"role": "user", "content": f"Question: {pair.question} Answer: {pair.answer}"}]
    recipe = writing.paper_recipe(Settings(rank=4), base.hidden_size)
    assert (recipe.learning_rate, recipe.rank, recipe.variant.alpha) == (5e-5, 4, 4.0)
    assert recipe.rate(0, 100) == 5e-5, "no warm-up"
    assert recipe.averaged == 0, "no mean"
    recipe = replace(recipe, shares=replace(recipe.shares, original=len(pairs) / 2))
    assert sorted(row.question for row in epoch_rows(rows, 0, 0, recipe.shares)) == sorted(
        row.question for row in rows.told["original"]
    ), "nothing else, and everything once"
    course = Course(base, rows, recipe)
    for batch in course.batches():
        for (row, encoded), asked in zip(batch, course.asked(batch), strict=True):
            assert encoded.ids == base.encode(row.messages).ids
            assert asked.prompt == 1
        break
    slot = writing.taught(base, rows, recipe, 2)
    assert slot is not None
    assert len(slot.shape.targets) == len(base.linears)
    assert float(slot.vector[: sum(slot.shape.sizes)].abs().max()) > 0.0, "the Bs began at nothing"


def test_a_night_answers_what_neither_the_base_nor_the_text_itself_teaches(
    tmp_path: Path, base: BaseModel, tiny_model: Path
) -> None:
    items = [
        Item(Fact(id=f"f{number}", text=text, user_id="user", said_at=FACT.said_at), question, answer)
        for number, (text, (question, answer)) in enumerate(zip(tiny.FACTS, ASKED.items(), strict=True))
    ]
    job = work(parsed(tmp_path, tiny_model), base, items)
    night = job.row_built_in()
    rows = {"base": job.row_base(), "built_in": night, "raw": job.row_raw([int(night["steps.0"])])}
    found = writing.summary({"demo": rows})
    assert found["built_in.contains"] >= 0.6
    assert found["built_in.covered.contains"] == found["built_in.contains"]
    assert found["base.contains"] <= 0.2
    assert found["raw.contains"] <= 0.4
    assert found["built_in.passed.contains"] >= found["built_in.contains"]
    assert found["covered"] == 1.0
    assert found["taken_out"] > 0.0, "the plainest questions are the exam's"


# -- figures -----------------------------------------------------------------------------------------------------------


def figures(contains: Sequence[float], **more: float) -> dict[str, float]:
    rows = enumerate(contains)
    return {f"{mark}.{number}": value for number, value in rows for mark in ("contains", "f1")} | more


def built_in(contains: Sequence[float], passed: Sequence[float]) -> dict[str, float]:
    per_fact = {f"passed.{n}": value for n, value in enumerate(passed)} | {
        f"pairs.{n}": 8.0 for n in range(len(passed))
    }
    per_fact["covered.0"] = 1.0
    return figures(contains) | per_fact | {"steps.0": 10.0, "published.0": 1.0, "taken_out": 0.5}


def test_figures_are_of_each_set_and_of_all_and_the_ratio_is_a_lower_bound() -> None:
    a = {"built_in": built_in([1, 1, 0, 0], [1, 1, 1, 0]), "raw": figures([1, 0, 0, 0]), "base": figures([0, 0, 0, 0])}
    b = {"built_in": built_in([1, 0], [1, 0]), "raw": figures([0, 0]), "base": figures([0, 1])}
    found = writing.summary({"a": a, "b": b})
    assert found["a.built_in.contains"] == 0.5
    assert found["a.built_in.passed.contains"] == pytest.approx(2 / 3)
    assert found["a.raw.passed.contains"] == pytest.approx(1 / 3)
    assert found["b.built_in.covered.contains"] == 1.0
    assert found["b.base.covered.contains"] == 0.0
    assert found["a.built_in_over_raw"] == 2.0
    assert found["a.built_in_over_raw_passed"] == pytest.approx(2.0)
    assert found["b.built_in_over_raw"] == 1.0, "a raw figure of nothing counts as one right answer of two"
    assert found["built_in.contains"] == pytest.approx(3 / 6)
    assert found["built_in.passed.contains"] == pytest.approx(3 / 4)
    assert found["built_in_over_raw"] == pytest.approx(3.0)
    assert found["base.contains"] == pytest.approx(1 / 6)
    assert found["a.passed"] == 0.75
    assert found["passed"] == pytest.approx(4 / 6)
    assert found["pairs_per_fact"] == 8.0
    nothing = writing.summary({"a": {**a, "built_in": built_in([0, 0, 0, 0], [0, 0, 0, 0])}})
    assert not any(name.startswith("a.") for name in nothing), "of one set nothing is said twice"
    assert "built_in.passed.contains" not in nothing
    assert "built_in_over_raw_passed" not in nothing
    assert nothing["built_in_over_raw"] == 0.0


# -- one run -----------------------------------------------------------------------------------------------------------


def test_a_quick_run_that_was_stopped_goes_on_at_the_row_that_is_missing(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(harness, "commit", partial(str, "one"))
    argv = ["--quick", "--model", str(tiny_model), "--out", str(tmp_path / "writing.json")]
    go = partial(
        harness.run,
        "writing",
        writing.__doc__,
        writing.measure,
        flags=writing.FLAGS,
        targets=writing.TARGETS,
        argv=argv,
    )
    steps: list[Sequence[int]] = []

    def stopped(work: writing._Work, some: Sequence[int]) -> dict[str, float]:
        steps.append(some)
        raise KeyboardInterrupt

    row_paper = writing._Work.row_paper
    monkeypatch.setattr(writing._Work, "row_paper", stopped)
    with pytest.raises(KeyboardInterrupt):
        go()
    assert f"pairs to be judged: {tmp_path / 'writing.pairs.invented.seed0.jsonl'}" in capsys.readouterr().out
    assert steps[0][0] > 0, "a module was trained"

    def again(work: writing._Work, *some: Sequence[int]) -> dict[str, float]:
        raise AssertionError("measured a second time")

    monkeypatch.setattr(writing._Work, "row_built_in", again)
    monkeypatch.setattr(writing._Work, "row_raw", again)
    monkeypatch.setattr(writing._Work, "row_paper", row_paper)
    assert go() == 0
    record = json.loads((tmp_path / "writing.json").read_text())
    found = record["figures"]
    for row in ("base", "raw", "built_in", "paper"):
        assert 0.0 <= found[f"{row}.contains"] <= 1.0
        shown = (tmp_path / f"writing.answers.invented.{row}.seed0.jsonl").read_text(encoding="utf-8").splitlines()
        answers = [json.loads(line) for line in shown]
        assert len(answers) == 3
        for one in answers:
            assert one["contains"] == marks.right(one["said"], one["gold"])
        assert sum(one["contains"] for one in answers) / 3 == pytest.approx(found[f"{row}.contains"])
    assert 0.0 <= found["passed"] <= 1.0
    assert found["pairs_per_fact"] > 0
    judged = (tmp_path / "writing.pairs.invented.seed0.jsonl").read_text(encoding="utf-8").splitlines()
    assert 0 < len(judged) <= 10
    asked = [one["question"] for one in answers]
    marks.assert_unseen(asked, [json.loads(line)["question"] for line in judged])
    assert not list(tmp_path.glob("*.part*"))


def test_what_a_live_module_was_asked_is_no_question_of_an_exam() -> None:
    """The words count, not the letters: and the error says how many."""
    manifest = SimpleNamespace(questions=[SimpleNamespace(question="Where do I live?")])
    memory: Any = SimpleNamespace(_rooms=SimpleNamespace(store=SimpleNamespace(live=lambda: [manifest])))
    marks.assert_unseen_by(memory, ["Where do I work?"])
    with pytest.raises(AssertionError, match="1 questions of the exam"):
        marks.assert_unseen_by(memory, ["where do I LIVE", "Where do I work?"])
