from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks import conversations, harness, phonebook
from benchmarks.harness import DataMissing, Dataset, Flag, Options, Target
from slowwave.types import Answer, Fact, FactReport, Message, ModuleReport, NightReport, ScoredFact

DATASET = Dataset("book/lines.jsonl.gz", "the shelf of example/repo", ("name",))
FLAGS = (
    Flag("facts", 48, "how many, 100 % of them", quick=8),
    Flag("near", 0.5, "a share"),
    Flag("kind", "a", "a word"),
)


def write_lines(folder: Path, text: str, file: str = DATASET.file) -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))
    return path


class TestOptions:
    def test_defaults_and_quick_and_given_values(self) -> None:
        plain = harness.parse("demo", "A demo.", [], flags=FLAGS)
        assert (plain.seeds, plain.quick, plain.data, plain.model) == (1, False, None, None)
        assert plain.flags == {"facts": 48, "near": 0.5, "kind": "a"}
        assert plain.out.parts[-2:] == ("results", "demo.json")
        quick = harness.parse("demo", "A demo.", ["--quick"], flags=FLAGS)
        assert quick.flags == {"facts": 8, "near": 0.5, "kind": "a"}
        assert quick.out != plain.out
        given_all = harness.parse("demo", None, ["--quick", "--facts", "3", "--near", "0", "--kind", "b"], flags=FLAGS)
        assert given_all.flags == {"facts": 3, "near": 0.0, "kind": "b"}
        assert given_all.whole("facts") == 3

    def test_the_memory_is_opened_with_what_was_given_only(self) -> None:
        assert harness.parse("demo", None, []).memory_settings(7) == {"seed": 7}
        options = harness.parse("demo", None, ["--model", "m", "--device", "cpu"])
        assert options.memory_settings(0) == {"seed": 0, "model": "m", "device": "cpu"}

    @pytest.mark.parametrize(
        "argv", [["--seeds", "0"], ["--first-seed", "-1"], ["--facts", "many"], ["--colour", "red"]]
    )
    def test_nonsense_ends_with_status_2(self, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            harness.parse("demo", None, argv, flags=FLAGS)
        assert caught.value.code == 2
        assert argv[0] in capsys.readouterr().err

    def test_help_is_the_docstring_and_names_every_flag(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            harness.parse("demo", "Measures the demo.", ["--help"], flags=FLAGS)
        assert caught.value.code == 0
        shown = capsys.readouterr().out
        assert "Measures the demo." in shown
        assert "100 % of them (default: 48, quick: 8)" in " ".join(shown.split())

    def test_files_of_a_run_lie_beside_its_record(self) -> None:
        options = Options("demo", Path("some/where.json"))
        assert options.beside(".examples.jsonl") == Path("some/where.examples.jsonl")


class TestLoad:
    def test_records_come_in_file_order(self, tmp_path: Path) -> None:
        write_lines(tmp_path, '{"name": "Zoë", "n": 1}\n{"name": "Ada"}\n')
        assert harness.load(tmp_path, DATASET) == [{"name": "Zoë", "n": 1}, {"name": "Ada"}]

    def test_a_missing_file_names_its_public_source(self, tmp_path: Path) -> None:
        with pytest.raises(DataMissing, match="the shelf of example/repo") as caught:
            harness.load(tmp_path, DATASET)
        assert DATASET.file in str(caught.value)

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"not gzip", "is not gzip JSON lines"),
            (gzip.compress(b'{"name": "a"}\n{"na'), "after 1 records"),
            (gzip.compress(b'{"name": "a"}\n' * 1000)[:-12], "is not gzip JSON lines"),
            (gzip.compress(b'{"name": "\xff"}\n'), "is not gzip JSON lines"),
            (gzip.compress(b'{"name": "a"}\n{"phone": 1}\n'), "Record 2 .* lacks name"),
            (gzip.compress(b'["name"]\n'), "Record 1 .* lacks name"),
            (gzip.compress(b""), "holds no records"),
        ],
    )
    def test_a_broken_file_is_told_from_a_missing_one(self, tmp_path: Path, content: bytes, says: str) -> None:
        write_lines(tmp_path, "").write_bytes(content)
        with pytest.raises(DataMissing, match=says) as caught:
            harness.load(tmp_path, DATASET)
        assert DATASET.source in str(caught.value)


figures = st.dictionaries(st.sampled_from("abc"), st.floats(-1e6, 1e6), max_size=3)


class TestFigures:
    @given(runs=st.lists(figures, max_size=6))
    def test_a_spread_holds_the_values_of_the_runs_that_told_it(self, runs: list[dict[str, float]]) -> None:
        spread = harness.summarise(runs)
        assert spread.keys() == {name for run in runs for name in run}
        for name, figure in spread.items():
            values = [run[name] for run in runs if name in run]
            assert (figure.min, figure.max, figure.runs) == (min(values), max(values), len(values))
            assert figure.min - 1e-6 <= figure.mean <= figure.max + 1e-6
            assert 0 <= figure.std <= (figure.max - figure.min) + 1e-6

    def test_known_numbers(self) -> None:
        figure = harness.summarise([{"x": 1.0}, {"x": 3.0}, {}])["x"]
        assert (figure.mean, figure.min, figure.max, figure.runs) == (2.0, 1.0, 3.0, 2)
        assert figure.std == pytest.approx(math.sqrt(2))

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_a_figure_that_is_no_number_is_refused(self, value: float) -> None:
        with pytest.raises(ValueError, match="'x'"):
            harness.summarise([{"x": value}])

    def test_targets(self) -> None:
        assert Target(least=0.9).met(0.9)
        assert not Target(least=0.9).met(0.89)
        assert not Target(most=1.0).met(1.1)
        assert str(Target(least=0.5, most=2)) == ">= 0.5 and <= 2"


class TestRatio:
    def test_both_are_called_equally_often_and_take_turns(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = 0.0
        calls = ""

        def work(name: str, seconds: float) -> None:
            nonlocal clock, calls
            calls += name
            clock += seconds

        monkeypatch.setattr(time, "perf_counter", lambda: clock)
        found = harness.ratio(lambda: work("a", 3.0), lambda: work("b", 2.0), rounds=4, warmup=1)
        assert calls == "ab" + "abbaabba"
        assert (found.a, found.b, found.ratio, found.low, found.high) == (3.0, 2.0, 1.5, 1.5, 1.5)
        assert found.rounds == 4

    def test_nothing_measurable_is_no_division_by_zero(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "perf_counter", lambda: 1.0)
        assert harness.ratio(lambda: None, lambda: None, rounds=1).ratio == 0.0


class TestRun:
    def test_a_run_is_saved_and_printed(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        seen = []

        def measure(options: Options, seed: int) -> dict[str, float]:
            seen.append(seed)
            return {"em": 0.5 + seed / 10} | ({"rare": 1.0} if seed == 1 else {})

        out = tmp_path / "deep" / "demo.json"
        argv = ["--seeds", "2", "--out", str(out), "--facts", "5"]
        targets = {"em": Target(least=0.9), "never": Target(least=1)}
        assert harness.run("demo", "A demo.", measure, flags=FLAGS, targets=targets, argv=argv) == 0
        record = json.loads(out.read_text())
        assert seen == record["seeds"] == [0, 1]
        assert record["figures"] == {"em": pytest.approx(0.55), "rare": 1.0}
        assert record["spread"]["em"]["max"] == 0.6
        assert record["spread"]["rare"]["runs"] == 1
        assert record["settings"]["facts"] == 5
        assert record["targets"] == {"em": ">= 0.9", "never": ">= 1"}
        assert datetime.fromisoformat(record["started_at"]).tzinfo is not None
        assert record["machine"]["cores"] >= 1
        assert record["versions"]["numpy"][0].isdigit()
        assert re.fullmatch(r"[0-9a-f]{40}(\+dirty)?|unknown", record["commit"])
        shown = capsys.readouterr().out
        assert "0.55" in shown
        assert ">= 0.9" in shown
        assert "never" in shown
        assert not list(tmp_path.rglob("*.part"))

    def test_seeds_are_counted_from_the_first_one_asked_for(self, tmp_path: Path) -> None:
        out = tmp_path / "it.json"
        argv = ["--seeds", "2", "--first-seed", "3", "--out", str(out)]
        assert harness.run("it", None, lambda _, seed: {"figure": float(seed)}, argv=argv) == 0
        record = json.loads(out.read_text())
        assert record["seeds"] == [3, 4]
        assert record["figures"] == {"figure": 3.5}

    def test_a_run_that_was_stopped_measures_only_the_seeds_that_are_missing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        measured: list[int] = []
        at = ["one"]
        monkeypatch.setattr(harness, "commit", lambda: at[0])
        argv = ["--seeds", "3", "--out", str(tmp_path / "it.json")]

        def measure(options: Options, seed: int) -> dict[str, float]:
            measured.append(seed)
            if seed == 2 and len(measured) == 3:
                raise KeyboardInterrupt
            return {"figure": float(seed)}

        with pytest.raises(KeyboardInterrupt):
            harness.run("it", "doc", measure, argv=argv)
        assert harness.run("it", "doc", measure, argv=argv) == 0
        assert measured == [0, 1, 2, 2]
        assert json.loads((tmp_path / "it.json").read_text())["figures"] == {"figure": 1.0}
        assert [path.name for path in tmp_path.iterdir()] == ["it.json"], "the parts are gone when the record is whole"

    @pytest.mark.parametrize(
        ("before", "after", "again"),
        [("one", "one", 1), ("one", "two", 2), ("a+dirty", "a+dirty", 2), ("unknown", "unknown", 2)],
    )
    def test_what_another_commit_measured_is_measured_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, again: int
    ) -> None:
        options = harness.parse("it", "doc", ["--out", str(tmp_path / "it.json")])
        calls: list[str] = []

        def compute() -> dict[str, float]:
            calls.append("once more")
            return {"figure": 1.0}

        for now in (before, after):
            monkeypatch.setattr(harness, "commit", partial(str, now))
            assert harness.remembered(options, "part", compute) == {"figure": 1.0}
        assert len(calls) == again

    @pytest.mark.parametrize("changed", ["data", "reader", "nothing"])
    def test_what_other_files_gave_is_measured_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
    ) -> None:
        data, readers = tmp_path / "data", {"a": "1"}
        write_lines(data, '{"name": "Ada"}\n')
        options = harness.parse("it", "doc", ["--out", str(tmp_path / "it.json"), "--data", str(data)])
        monkeypatch.setattr(harness, "commit", lambda: "one")
        monkeypatch.setattr(harness, "reader_files", lambda: dict(readers))
        calls: list[int] = []

        def compute() -> dict[str, float]:
            calls.append(1)
            readers.setdefault("b", "2")  # a night may be the first to train one
            return {"figure": 1.0}

        harness.remembered(options, "part", compute)
        if changed == "data":
            write_lines(data, '{"name": "Bob"}\n')
        if changed == "reader":
            readers["a"] = "another"
        harness.remembered(options, "part", compute)
        assert len(calls) == (1 if changed == "nothing" else 2)

    def test_the_record_names_its_data_and_the_reader_of_the_model(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write_lines(tmp_path / "data", '{"name": "Ada"}\n')
        monkeypatch.setattr(harness, "loaded_readers", lambda: ["abc"])
        argv = ["--out", str(tmp_path / "it.json"), "--data", str(tmp_path / "data")]
        assert harness.run("it", None, lambda *_: {"figure": 1.0}, argv=argv) == 0
        record = json.loads((tmp_path / "it.json").read_text())
        assert record["data"] == {DATASET.file: hashlib.sha256(path.read_bytes()).hexdigest()}
        assert "abc" in record["readers"]

    def test_the_shipped_reader_is_among_those_that_decide_a_figure(self) -> None:
        assert any(name.endswith(".reader.safetensors") for name in harness.reader_files())

    def test_a_commit_in_the_middle_of_a_run_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        at = ["one"]
        monkeypatch.setattr(harness, "commit", lambda: at[0])

        def measure(options: Options, seed: int) -> dict[str, float]:
            at[0] = "two"
            return {"figure": 1.0}

        for says in ("one..two", "two"):
            assert harness.run("it", None, measure, argv=["--out", str(tmp_path / "it.json")]) == 0
            assert json.loads((tmp_path / "it.json").read_text())["commit"] == says

    def test_the_seconds_of_a_stopped_run_are_counted_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock, stop = [0.0], [True]
        monkeypatch.setattr(harness, "commit", lambda: "one")
        monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

        def half(options: Options, seed: int, name: str) -> dict[str, float]:
            clock[0] += 10.0
            return {name: 1.0}

        def measure(options: Options, seed: int) -> dict[str, float]:
            found = harness.remembered(options, f"seed{seed}.a", partial(half, options, seed, "a"))
            if seed == 1 and stop.pop():
                raise KeyboardInterrupt
            return found | half(options, seed, "b")

        argv = ["--seeds", "2", "--out", str(tmp_path / "it.json")]
        with pytest.raises(KeyboardInterrupt):
            harness.run("it", None, measure, argv=argv)
        stop.append(False)
        assert harness.run("it", None, measure, argv=argv) == 0
        assert json.loads((tmp_path / "it.json").read_text())["seconds"] == 40.0

    def test_an_option_that_cannot_be_ends_with_a_sentence_and_status_2(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        argv = ["--out", str(tmp_path / "it.json"), "--facts", "400"]
        assert harness.run("phonebook", None, phonebook.measure, flags=phonebook.FLAGS, argv=argv) == 2
        assert "lower --facts" in capsys.readouterr().err

    def test_missing_data_end_with_a_sentence_and_status_2(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def measure(options: Options, seed: int) -> dict[str, float]:
            assert options.data is not None
            return {"n": len(harness.load(options.data, DATASET))}

        out = tmp_path / "demo.json"
        argv = ["--data", str(tmp_path / "absent"), "--out", str(out)]
        assert harness.run("demo", None, measure, argv=argv) == 2
        assert "public source: the shelf of example/repo" in capsys.readouterr().err
        assert not out.exists()

    def test_progress_follows_every_stage(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")  # a dumb terminal shows no bars
        shown = io.StringIO()
        with harness.watch(Console(file=shown, force_terminal=True, width=80)) as progress:
            progress("train", 0, 3)
            progress("train", 3, 3)
            progress("gate", 1, 2)
        assert [stage in shown.getvalue() for stage in ("train", "3/3", "gate", "1/2")] == [True] * 4


class FakeMemory:
    """The verbs that benchmarks use; answers from its facts, or, after a night, closed book in `learned` phrasings."""

    def __init__(self, folder: str, *, learned: str = r"phone number|number should", fails: int = 0, **settings: Any):
        self.settings, self.learned, self.fails = settings, learned, fails
        self.facts: list[Fact] = []
        self.settled: set[str] = set()
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *caught: object) -> None:
        self.closed = True

    def add_many(self, texts: Sequence[str], *, user_id: str = "default") -> list[Fact]:
        when = datetime(2026, 11, 21, tzinfo=UTC)
        made = [
            Fact(id=f"{user_id}-{number}", text=text, user_id=user_id, said_at=when)
            for number, text in enumerate(texts, start=len(self.facts))
        ]
        self.facts += made
        return made

    def add(self, content: Sequence[Message], *, user_id: str) -> list[Fact]:
        assert all(message.said_at is not None for message in content)
        return self.add_many([m.content for m in content if m.role == "user"], user_id=user_id)

    def ask(
        self, question: str, *, user_id: str = "default", use_facts: bool = True, use_modules: bool = True
    ) -> Answer:
        mine = [fact for fact in self.facts if fact.user_id == user_id]
        names = set(re.findall(r"[A-Z]\w+", question)) - {"What", "Which", "Where", "How"}
        words = names or set(question.rstrip("?").split()[-1:])
        hits = [fact for fact in mine if all(word.lower() in fact.text.lower() for word in words)]
        if use_facts and hits:
            return Answer(text=hits[-1].text, facts=(ScoredFact(fact=hits[-1], score=1.0),), source="facts")
        known = [fact for fact in hits if fact.id in self.settled]
        if use_modules and known and re.search(self.learned, question):
            return Answer(text=known[-1].text, source="modules")
        return Answer(text="I don't know.", source="unknown")

    def consolidate(self, *, progress: Any) -> NightReport:
        progress("train", 1, 1)
        rows = [
            FactReport(fact_id=f.id, user_id=f.user_id, status="failed" if i < self.fails else "settled", module_id="m")
            for i, f in enumerate(self.facts)
        ]
        self.settled = {row.fact_id for row in rows if row.status == "settled"}
        module = ModuleReport(
            module_id="m",
            user_id="default",
            facts=len(rows),
            published=True,
            steps=1,
            train_seconds=6.0,
            final_loss=0.1,
        )
        return NightReport(
            night_id="n",
            started_at=datetime(2026, 11, 21, tzinfo=UTC),
            seconds={"train": 6.0, "gate": 2.0},
            modules=(module,),
            facts=tuple(rows),
        )

    def modules(self) -> list[Any]:
        return [type("Info", (), {"facts": len(self.settled), "size_bytes": 1000})()] if self.settled else []

    def settled_ids(self) -> frozenset[str]:
        return frozenset(self.settled)

    def get_all(self) -> list[Fact]:
        return self.facts


class TestPhonebook:
    def measure(self, argv: list[str], **changes: Any) -> dict[str, float]:
        opened: list[FakeMemory] = []

        def open_memory(folder: str, **settings: Any) -> Any:
            opened.append(FakeMemory(folder, **settings, **changes))
            return opened[0]

        options = harness.parse("phonebook", phonebook.__doc__, argv, flags=phonebook.FLAGS)
        found = dict(phonebook.measure(options, 3, open_memory))
        assert opened[0].settings == {"seed": 3}
        assert opened[0].closed
        return found

    def test_the_figures_of_a_known_memory(self) -> None:
        found = self.measure(["--facts", "8", "--unknown", "4"])
        assert found["base_em_trained"] == found["base_em_unseen"] == 0.0
        assert found["em_trained"] == 1.0
        assert found["em_unseen"] == 0.25  # one of the four phrasings is among those this memory learned
        assert found["passed"] == 1.0
        assert found["train_seconds_per_fact"] == 0.75
        assert found["night_seconds_per_fact"] == 1.0
        assert found["module_bytes_per_fact"] == 125.0
        assert found["silent_on_unknown_names"] == 1.0

    def test_facts_that_failed_count_in_the_share_and_not_in_the_recall_of_the_passed(self) -> None:
        found = self.measure(["--facts", "8"], fails=2)
        assert found["passed"] == 0.75
        assert found["em_trained"] == 1.0
        assert found["em_trained_all_facts"] == 0.75

    def test_where_nothing_passed_there_is_no_recall_figure(self) -> None:
        found = self.measure(["--facts", "4"], fails=4)
        assert found["passed"] == 0.0
        assert "em_trained" not in found
        assert "module_bytes_per_fact" not in found

    def test_the_public_book_is_read_in_order_and_names_are_distinct(self, tmp_path: Path) -> None:
        lines = [{"name": n, "phone": f"200-300-000{i}"} for i, n in enumerate(["Ada B", "Cy D", "Ada B", "Eve F"])]
        write_lines(tmp_path, "\n".join(map(json.dumps, lines)), phonebook.DATASET.file)
        book = phonebook.public(tmp_path)
        assert [(e.name, e.phone[-1]) for e in book] == [("Ada B", "0"), ("Cy D", "1"), ("Eve F", "3")]
        assert book[0].text == "The phone number of Ada B is 200-300-0000."

    def test_another_seed_asks_for_other_people_and_for_none_that_were_in_view(self, tmp_path: Path) -> None:
        lines = [{"name": f"Bo Berg{i}", "phone": f"200-300-{i:04}"} for i in range(400)]
        write_lines(tmp_path, "\n".join(map(json.dumps, lines)), phonebook.DATASET.file)
        books = [{entry.name for entry in phonebook.entries(20, seed, tmp_path)} for seed in range(4)]
        in_view = {str(line["name"]) for line in lines[: phonebook.IN_VIEW]}
        assert not in_view & set().union(*books)
        assert all(len(one) == 20 for one in books)
        assert all(len(one & other) < 10 for n, one in enumerate(books) for other in books[:n])
        assert len(phonebook.entries(300, 0, tmp_path)) == 300, "all that are left"
        with pytest.raises(DataMissing, match="300 names after its first 100, not 301"):
            phonebook.entries(301, 0, tmp_path)

    @given(fewer=st.integers(1, 60), more=st.integers(60, 120), seed=st.integers(0, 9))
    def test_a_longer_public_book_begins_with_the_shorter_one(self, fewer: int, more: int, seed: int) -> None:
        book = [phonebook.Entry(f"Bo Berg{i}", f"200-300-{i:04}") for i in range(220)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(phonebook, "public", lambda _: list(book))
            longer = phonebook.entries(more, seed, Path())
            assert phonebook.entries(fewer, seed, Path()) == longer[:fewer]

    @given(seed=st.integers(0, 1000), count=st.integers(1, 340))
    def test_generated_books_are_seeded_distinct_and_phone_shaped(self, seed: int, count: int) -> None:
        book = phonebook.entries(count, seed, None)
        assert book == phonebook.entries(count, seed, None)
        assert len({entry.name for entry in book}) == count
        assert all(phonebook.first_number(entry.text) == entry.phone for entry in book)

    def test_too_many_generated_names_are_refused(self) -> None:
        with pytest.raises(ValueError, match="341 names"):
            phonebook.entries(341, 0, None)

    @given(text=st.text())
    def test_the_first_number_is_part_of_the_text(self, text: str) -> None:
        found = phonebook.first_number(text)
        assert found is None or found in text
        assert phonebook.first_number(f"{text} 603-556-7631") is not None or text[-1:] in "0123456789-"


class TestConversations:
    def options(self, tmp_path: Path, *argv: str) -> Options:
        given_all = ["--out", str(tmp_path / "conversations.json"), *argv]
        return harness.parse("conversations", conversations.__doc__, given_all, flags=conversations.FLAGS)

    def test_columns_are_kept_apart_and_examples_can_be_read(self, tmp_path: Path) -> None:
        memories: list[FakeMemory] = []

        def open_memory(folder: str, **settings: Any) -> Any:
            memories.append(FakeMemory(folder, learned="dog|bikes", **settings))
            return memories[0]

        found = conversations.measure(self.options(tmp_path, "--limit", "8", "--distractors", "2"), 0, open_memory)
        assert found["before.base.overall.contains"] == 0.0
        assert found["before.retrieval.overall.contains"] > 0.0
        assert found["after.weights.overall.contains"] < found["after.both.overall.contains"]
        assert found["after.base.overall.contains"] == 0.0
        assert "before.weights.overall.contains" not in found
        low, high = (found[f"after.both.overall.contains.{end}"] for end in ("low", "high"))
        assert 0.0 <= low <= found["after.both.overall.contains"] <= high <= 1.0
        assert found["after.base.abstention.admits"] == 1.0
        assert found["settled_share"] == 1.0
        lines = (tmp_path / "conversations.examples.seed0.jsonl").read_text(encoding="utf-8").splitlines()
        examples = [json.loads(line) for line in lines]
        assert len(examples) == 8
        assert examples[0]["after"].keys() == {"base", "retrieval", "weights", "both"}
        assert examples[0]["before"].keys() == {"base", "retrieval"}
        assert examples[0]["after"]["retrieval"]["facts"]
        # Each question is its own user, with its own evidence and the drawn distractors and nothing else.
        first = [fact.text for fact in memories[0].facts if fact.user_id == "user-chat0"]
        assert "dog Biscuit" in "".join(first)
        assert len(first) == 3

    def test_questions_are_the_first_of_the_wanted_types(self, tmp_path: Path) -> None:
        records = conversations.built_in()
        records.insert(1, {**records[0], "question_id": "x", "question_type": "multi-session"})
        write_lines(tmp_path, "\n".join(map(json.dumps, records)), conversations.DATASET.file)
        found = conversations.cases(3, 1, 0, tmp_path)
        assert [case.id for case in found] == ["chat0", "chat1", "chat2"]
        assert found[0].evidence[0].said_at == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)

    def test_distractors_are_seeded_and_never_the_own_evidence(self) -> None:
        for case in conversations.cases(8, 4, 1, None):
            assert not set(case.distractors) & set(case.evidence)
            assert len(case.distractors) == 4
        assert conversations.cases(8, 4, 1, None) == conversations.cases(8, 4, 1, None)
        assert conversations.cases(8, 4, 1, None) != conversations.cases(8, 4, 2, None)
        assert conversations.cases(3, 4, 1, None) == conversations.cases(8, 4, 1, None)[:3]

    @pytest.mark.parametrize(
        ("answer", "gold", "right"),
        [
            ("You went to Paris.", "Paris", True),
            ("Parisian food", "Paris", False),
            ("You have 3 bikes", "three", True),
            ("At 6:00 PM.", "6:00 pm", True),
            ("At 6:00 AM.", "6:00 pm", False),
            ("10%", "10 %", True),
            ("1,000", "1,00", False),
            ("At UCLA", "University of California, Los Angeles (UCLA)", True),
            ("at the university of california los angeles", "University of California, Los Angeles (UCLA)", True),
            ("Los Angeles", "University of California, Los Angeles (UCLA)", False),
            ("At MoMA", "Museum of Modern Art (MoMA)", True),
            ("At MET", "Metropolitan Opera (in New York)", False),
            ("In New York", "Metropolitan Opera (in New York)", False),
            ("8 days", "7 days (or 8 days)", True),
            ("8 days", "7 days (8 days including the last day)", False),
            ("Boston", "Harvard (Boston)", False),
            ("It is FCC", "Distillation, fluid catalytic cracking (FCC), and treating", False),
            ("I don't know.", "38", False),
            ("3:1", "3:1", True),
            ("", "Paris", False),
        ],
    )
    def test_containment_goes_by_whole_normalised_tokens(self, answer: str, gold: str, right: bool) -> None:
        assert conversations.contains(answer, gold) == float(right)

    @given(answer=st.text(), gold=st.text())
    def test_scores_lie_between_0_and_1_and_an_answer_fits_itself(self, answer: str, gold: str) -> None:
        assert 0.0 <= conversations.f1(answer, gold) <= 1.0
        if conversations.normalise(gold):
            assert conversations.contains(gold, gold) == 1.0
            assert conversations.f1(gold, gold) == 1.0

    @given(values=st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=40), seed=st.integers(0, 9))
    def test_the_interval_is_seeded_and_within_the_values(self, values: list[float], seed: int) -> None:
        low, high = conversations.bootstrap(values, seed, draws=50)
        assert min(values) <= low <= high <= max(values)
        assert (low, high) == conversations.bootstrap(values, seed, draws=50)
