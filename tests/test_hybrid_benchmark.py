from __future__ import annotations

import gzip
import itertools
import json
import random
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import conversations, harness, hybrid, hybrid_sets
from benchmarks.conversations import bootstrap
from benchmarks.harness import DataMissing
from benchmarks.hybrid import chosen_gaps, halves
from benchmarks.hybrid_rows import HYBRID, READ_FIRST, ROWS, Ask, Row, mark, read_first
from benchmarks.hybrid_sets import Question, evidence_first
from benchmarks.taught import Modules, Taught, claim, surest
from slowwave.adapters_store.merge import merge
from slowwave.model import BaseModel
from slowwave.prompts import conversation, render_facts
from slowwave.types import Fact


def write(folder: Path, file: str, records: Sequence[Mapping[str, Any]]) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, records)).encode()))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One document of each public set, made up."""
    folder = tmp_path / "data"
    people = ("Ann Berg", "Bo Kim", "Clara Weber", "Max Silva", "Ivy Stone", "Hugo Meyer", "Rosa Garcia", "Karl Novak")
    jobs = ("nurse", "teacher", "baker", "pilot", "plumber", "lawyer", "farmer", "painter")
    told = [f"{name} works as a {job} in Porto." for name, job in zip(people, jobs, strict=True)]
    write(folder, hybrid_sets.ARTICLES.file, [{"article_id": "a", "text": " ".join(told)}])
    questions = [
        {
            "article_id": "a",
            "question": f"By what does {people[number]} earn money?",
            "options": [f"As a {jobs[number]}.", "As a clown."],
            "label": 0,
            "evidence": [told[number]],
        }
        for number in (7, 5, 2)
    ]
    unknown = {**questions[0], "article_id": "elsewhere"}
    write(folder, hybrid_sets.QUALITY.file, [*questions, unknown, {**questions[0], "evidence": []}])
    write(folder, hybrid_sets.SUMMARIES.file, [{"doc_id": "s", "summary": " ".join(told[:6])}])
    asked = [
        {"doc_id": "s", "question": f"By what does {name} earn money?", "answers": [f"A {job}.", job]}
        for name, job in zip(people[:4], jobs, strict=False)
    ]
    write(folder, hybrid_sets.NARRATIVE.file, asked)
    write(folder, conversations.DATASET.file, conversations.built_in())
    return folder


class TestChoosing:
    def test_the_interval_is_that_of_all_resamples(self) -> None:
        values = [0.0, 0.25, 1.0]
        means = sorted(statistics.fmean(some) for some in itertools.product(values, repeat=3))
        low, high = bootstrap(values, 0, draws=20_000)
        assert low == pytest.approx(means[int(0.025 * len(means))], abs=1e-9)
        assert high == pytest.approx(means[int(0.975 * len(means))], abs=0.26)  # between two of its 27 steps

    def test_the_interval_of_many_is_that_of_a_normal_mean(self) -> None:
        draw = random.Random(1)
        values = [float(draw.random() < 0.3) - float(draw.random() < 0.2) for _ in range(400)]
        low, high = bootstrap(values, 0, draws=4000)
        half = 1.96 * statistics.stdev(values) / 20
        assert low == pytest.approx(statistics.fmean(values) - half, abs=0.008)
        assert high == pytest.approx(statistics.fmean(values) + half, abs=0.008)

    @given(count=st.integers(2, 60), seed=st.integers(0, 9))
    def test_halves_are_halves(self, count: int, seed: int) -> None:
        half = halves(count, seed)
        assert half == halves(count, seed)
        assert abs(half.count(0) - half.count(1)) <= 1

    def test_the_row_of_a_half_is_the_best_of_the_other(self) -> None:
        half = [0, 0, 1, 1]
        marks = {"plain": [0.5] * 4, "a": [1.0, 1.0, 0.0, 0.0], "b": [0.0, 0.0, 1.0, 0.5], "c": [0.0] * 4}
        gaps, chosen = chosen_gaps(marks, half, ("c", "a", "b"), "plain")
        assert chosen == ("b", "a")
        assert gaps == [-0.5] * 4  # what was best on one half is worst on the other
        assert chosen_gaps(marks, half, ("c",), "plain") == ([-0.5] * 4, ("c", "c"))

    @given(data=st.data())
    def test_the_choice_for_a_half_does_not_depend_on_its_own_marks(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(2, 12))
        half = halves(count, data.draw(st.integers(0, 3)))
        values = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=count, max_size=count)
        marks = {name: data.draw(values) for name in ("plain", "a", "b", "c")}
        mine = data.draw(st.sampled_from([0, 1]))
        fresh = {name: data.draw(values) for name in marks}
        other = {name: [fresh[name][i] if half[i] == mine else marks[name][i] for i in range(count)] for name in marks}
        rows = ("a", "b", "c")
        assert chosen_gaps(marks, half, rows, "plain")[1][mine] == chosen_gaps(other, half, rows, "plain")[1][mine]

    def test_only_rows_with_modules_and_facts_are_chosen_from(self) -> None:
        assert len({row.label for row in ROWS}) == len(ROWS) == 35
        assert len(HYBRID) == 16 + len(READ_FIRST) == 20
        assert all("@" in label and "retrieval" in label for label in HYBRID)
        assert Row("ties", "retrieval", 0.3).label == "ties@0.3+retrieval"
        assert [row.label for row in ROWS[:3]] == ["base", "retrieval", "full"]

    def test_modules_are_asked_where_the_reader_does_not_know(self) -> None:
        said = {row.label: [row.label, row.label] for row in ROWS} | {"retrieval": ["Porto.", "I don't know."]}
        found = read_first(said)
        assert found["retrieval, else top1@1"] == ["Porto.", "top1@1"]
        assert set(found) == {f"retrieval, else {way}@1" for way in ("single", "top1", "ties", "panel")}


class TestSets:
    @given(
        places=st.lists(st.lists(st.integers(0, 19), max_size=6), max_size=5), size=st.just(20), most=st.integers(1, 25)
    )
    def test_evidence_comes_before_the_rest_and_everybody_has_a_turn(
        self, places: list[list[int]], size: int, most: int
    ) -> None:
        found = evidence_first(places, size, most)
        assert found == sorted(set(found))
        assert len(found) == min(most, size)
        wanted = {place for some in places for place in some}
        assert wanted <= set(found) or set(found) <= wanted
        if len(places) <= most:
            assert all(some[0] in found for some in places if some)

    def test_quality_keeps_the_evidence_and_the_right_option(self, data: Path) -> None:
        (found,) = hybrid_sets.quality(data, 0, 1, 2, 3)
        texts = [fact.text for fact in found.facts]
        assert len(texts) == 3
        assert texts[0] == "Ann Berg works as a nurse in Porto."  # what is left over is filled from the beginning
        for question in found.questions:
            assert question.options[0] == question.gold[0] != "As a clown."
            job = question.gold[0].removeprefix("As a ").rstrip(".")
            assert any(job in text for text in texts)
        assert [fact.said_at for fact in found.facts] == sorted(fact.said_at for fact in found.facts)
        with pytest.raises(DataMissing, match="has 1 that fit, not 2"):
            hybrid_sets.quality(data, 0, 2, 2, 3)

    def test_narrativeqa_takes_whole_summaries_or_cuts_short_ones(self, data: Path) -> None:
        (whole,) = hybrid_sets.narrativeqa(data, 0, 1, 4, 6)
        assert len(whole.facts) == 6
        assert len(whole.questions) == 4
        assert all(len(question.gold) == 2 and question.scored == "f1" for question in whole.questions)
        (cut,) = hybrid_sets.narrativeqa(data, 0, 1, 2, 3)
        assert cut.facts == whole.facts[:3]
        assert len(cut.questions) == 2

    def test_longmemeval_groups_what_was_said_and_dates_it(self, data: Path) -> None:
        first, second = hybrid_sets.longmemeval(data, 0, 2, 3, 4)
        assert all(question.scored == "contains" for question in (*first.questions, *second.questions))
        assert len(first.questions) == len(second.questions) == 3
        assert not {q.text for q in first.questions} & {q.text for q in second.questions}
        assert "You never said." not in {gold for q in (*first.questions, *second.questions) for gold in q.gold}
        for one in (first, second):
            assert 0 < len(one.facts) <= 4
            assert {fact.said_at for fact in one.facts} <= {
                datetime(2026, 3, 2, 9, 15, tzinfo=UTC),
                datetime(2026, 9, 14, 18, 40, tzinfo=UTC),
            }

    def test_invented_people_are_asked_for_what_their_facts_say(self) -> None:
        found = hybrid_sets.invented(None, 3, 3, 4, 6)
        assert found == hybrid_sets.invented(None, 3, 3, 4, 6)
        assert found != hybrid_sets.invented(None, 4, 3, 4, 6)
        for one in found:
            assert len(one.facts) == 6
            assert len(one.questions) == 4
            assert all(any(q.gold[0] in fact.text for fact in one.facts) for q in one.questions)

    def test_the_best_gold_answer_counts(self) -> None:
        assert mark("a nurse", Question("", ("A pilot.", "Nurse"), "f1")) == 1.0
        assert mark("She is a nurse.", Question("", ("A pilot.", "Nurse"), "contains")) == 1.0
        assert mark("She is a nurse.", Question("", ("A pilot.",), "contains")) == 0.0
        assert mark("As a nurse.", Question("", ("As a nurse.",), "option", ("As a nurse.", "As a clown."))) == 1.0
        assert mark("As a clown.", Question("", ("As a nurse.",), "option", ("As a nurse.", "As a clown."))) == 0.0


def facts(*texts: str) -> tuple[Fact, ...]:
    when = datetime(2026, 11, 21, tzinfo=UTC)
    return tuple(Fact(id=text, text=text, user_id="user-0", said_at=when) for text in texts)


@pytest.fixture
def asking(base: BaseModel) -> Ask:
    """Two documents with modules of random numbers, and a question about each, one with options."""
    shape = base.shape(8)
    vectors = torch.randn(3, shape.size, generator=torch.Generator().manual_seed(0)) * 0.05
    told = (
        facts("Ann Berg lives in Porto.", "Bo Kim lives in Oslo."),
        facts("Clara Weber works as a baker.", "Max Silva works as a pilot."),
        facts("Ivy Stone plays the violin."),
    )
    taught = tuple(
        Taught(vector, tuple((one.id, f"What about {' '.join(one.text.split()[:2])}?", one.text) for one in some))
        for vector, some in zip(vectors, told, strict=True)
    )
    asked = [
        (0, Question("Where does Ann Berg live?", ("Porto",), "contains")),
        (1, Question("What does Max Silva do?", ("pilot",), "contains")),
    ]
    return Ask(Modules(base, shape, taught, told), asked, "hash:256", 2048)


class TestAsking:
    def test_retrieval_and_routes_go_over_all_documents(self, asking: Ask) -> None:
        assert [some[0].text for some in asking.retrieved] == [
            "Ann Berg lives in Porto.",
            "Max Silva works as a pilot.",
        ]
        assert [route[0][0] for route in asking.routes] == [0, 1]
        for route in asking.routes:
            assert sum(weight for _, weight in route) == pytest.approx(1.0)
            assert len(route) == 3

    def test_full_context_is_the_documents_and_says_what_it_cut(self, asking: Ask) -> None:
        shown, share = asking.full
        assert [[one.text for one in some] for some in shown] == [
            [one.text for one in asking.modules.facts[document]] for document in (0, 1)
        ]
        assert share == 0.0
        base = asking.modules.base

        def length(place: int, some: Sequence[Fact]) -> int:
            return len(base.encode(conversation(asking.asked[place][1].text, render_facts(some))).ids)

        lengths = [length(place, some) for place, some in enumerate(shown)]
        short, share = Ask(asking.modules, asking.asked, "hash:256", min(lengths) - 1).full
        assert share == 1.0
        for place, some in enumerate(short):
            assert [one.text for one in some] == [one.text for one in shown[place]][: len(some)]
            assert length(place, some) < min(lengths) <= length(place, shown[place][: len(some) + 1])

    def test_every_row_says_what_its_modules_say_alone(self, asking: Ask) -> None:
        modules, base = asking.modules, asking.modules.base
        for row in (
            Row("single", "", 0.5),
            Row("top1", "retrieval"),
            Row("ties"),
            Row("panel", "retrieval", 0.3),
            Row(),
        ):
            for place, said in enumerate(asking.said(row)):
                document, question = asking.asked[place]
                shown = render_facts(asking.retrieved[place]) if row.shown else ()
                prompt = base.encode(conversation(question.text, shown))
                route = asking.routes[place]
                vectors = {
                    "single": [modules.vectors[document]],
                    "top1": [modules.vectors[route[0][0]]],
                    "ties": [
                        merge([modules.vectors[m] for m, _ in route], torch.tensor([w for _, w in route]), "ties")
                    ],
                    "panel": [modules.vectors[m] for m, _ in route],
                    "": [torch.zeros(modules.shape.size)],
                }[row.modules]
                slots = [base.slot(modules.shape, vector).at(row.scale) for vector in vectors]
                alone = [base.generate([prompt], 24, slot)[0] for slot in slots]
                assert said == alone[surest([(claim(one.text), one.mean_logprob) for one in alone])].text

    def test_the_likeliest_option_is_found_by_its_mean(self, asking: Ask) -> None:
        base, modules = asking.modules.base, asking.modules
        options = ("In Porto.", "In Oslo, I think, or somewhere near it.", "A nurse")
        asked = [(place, Question(one.text, (options[0],), "option", options)) for place, one in asking.asked]
        ask = Ask(modules, asked, "hash:256", 2048)
        for row in (Row("single", "", 1.0), Row("", "retrieval")):
            for place, said in enumerate(ask.said(row)):
                document, question = asked[place]
                slot = base.slot(modules.shape, modules.vectors[document]) if row.modules else None
                shown = render_facts(ask.retrieved[place]) if row.shown else ()
                with torch.no_grad():
                    scores = [
                        float(
                            base.answer_logprobs([base.encode(conversation(question.text, shown), one)], slot)[0].mean()
                        )
                        for one in options
                    ]
                assert said == options[scores.index(max(scores))]

    def test_where_nothing_was_learned_the_base_model_answers(self, base: BaseModel) -> None:
        shape = base.shape(8)
        told = (facts("Ann Berg lives in Porto."),)
        ask = Ask(
            Modules(base, shape, (Taught(torch.zeros(shape.size), ()),), told),
            [(0, Question("Where does Ann Berg live?", ("Porto",), "contains"))],
            "hash:256",
            2048,
        )
        assert ask.routes == [[]]
        plain = ask.said(Row())
        assert all(ask.said(Row(modules)) == plain for modules in ("single", "top1", "ties", "panel"))


def test_a_quick_run_without_data_reports_every_row(tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "hybrid.json"
    argv = ["--quick", "--model", str(tiny_model), "--out", str(out)]
    flags, targets = hybrid.FLAGS, hybrid.TARGETS
    assert harness.run("hybrid", hybrid.__doc__, hybrid.measure, flags=flags, targets=targets, argv=argv) == 0
    figures = json.loads(out.read_text())["figures"]
    assert {f"invented.{row.label}" for row in ROWS} <= figures.keys()
    low, high = (figures[f"invented.best_over_retrieval.{end}"] for end in ("low", "high"))
    assert low <= figures["invented.best_over_retrieval"] <= high
    assert "sets_above_retrieval" not in figures
    lines = (tmp_path / "hybrid.invented.seed0.examples.jsonl").read_text(encoding="utf-8").splitlines()
    examples = [json.loads(line) for line in lines]
    assert len(examples) == figures["invented.questions"]
    for row in ROWS:
        golds = [(one["answers"][row.label], one["gold"]) for one in examples]
        mean = statistics.fmean(max(conversations.contains(said, gold) for gold in some) for said, some in golds)
        assert figures[f"invented.{row.label}"] == pytest.approx(mean)
    assert not list(tmp_path.glob("*.safetensors"))


def test_public_sets_are_marked_each_in_its_way(tmp_path: Path, tiny_model: Path, data: Path) -> None:
    out = tmp_path / "hybrid.json"
    sizes = ["--documents", "1", "--questions", "3", "--facts", "3", "--epochs", "1", "--answers", "1"]
    argv = ["--quick", "--model", str(tiny_model), "--out", str(out), "--data", str(data), *sizes]
    assert harness.run("hybrid", hybrid.__doc__, hybrid.measure, flags=hybrid.FLAGS, argv=argv) == 0
    figures = json.loads(out.read_text())["figures"]
    assert Counter(name.partition(".")[0] for name in figures) == {
        **dict.fromkeys(("quality", "narrativeqa", "longmemeval"), len(ROWS) + len(READ_FIRST) + 8),
        "sets_above_retrieval": 1,
    }
    wins = sum(figures[f"{name}.best_over_retrieval.low"] > 0 for name in hybrid_sets.READERS)
    assert figures["sets_above_retrieval"] == wins
    only = ["--sets", "quality,nonsense"]
    assert harness.run("hybrid", hybrid.__doc__, hybrid.measure, flags=hybrid.FLAGS, argv=[*argv, *only]) == 2


def test_a_set_that_lacks_is_told_before_anything_is_taught(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*given: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(hybrid, "base_of", never)
    (data / "longmemeval" / "longmemeval_evidence_300.jsonl.gz").unlink()
    argv = ["--quick", "--out", str(tmp_path / "hybrid.json"), "--data", str(data)]
    assert harness.run("hybrid", hybrid.__doc__, hybrid.measure, flags=hybrid.FLAGS, argv=argv) == 2
