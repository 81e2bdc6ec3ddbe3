"""How many facts a module holds: the table and its rule, and the benchmark that fills the table."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import capacity as benchmark
from benchmarks import harness
from benchmarks.harness import DataMissing, Options
from slowwave import Settings
from slowwave.adapters_store.shape import SlotShape, Target
from slowwave.consolidation.capacity import TABLE, Measured, capacity, facts_per_module, limits, outputs
from slowwave.model import BaseModel

WIDTHS = (1536, 1536, 576)
"""Outputs of the feed-forward layers of a block of the default model."""


def shape(rank: int, layers: int = 30, widths: Sequence[int] = WIDTHS) -> SlotShape:
    targets = [Target(f"model.layers.{n}.mlp.{i}", 576, width) for n in range(layers) for i, width in enumerate(widths)]
    return SlotShape(tuple(targets), rank, 2.0 * rank)


def row(rank: int, facts: int, *, full: bool = True, layers: int = 30) -> Measured:
    return Measured(576, layers, layers * sum(WIDTHS), rank, facts, full, "a test")


rows = st.builds(
    row, st.integers(1, 256), st.integers(1, 2000), full=st.booleans(), layers=st.sampled_from([1, 12, 30])
)
tables = st.lists(rows, max_size=6)
ranks = st.integers(1, 256)


class TestRule:
    def test_the_default_plan_is_what_the_settings_say(self) -> None:
        for rank in (1, 2, 4, 8, 16):
            assert facts_per_module(Settings(rank=rank), shape(rank)) == 64
        assert facts_per_module(Settings(facts_per_module=1024), shape(8)) == 1024

    @given(tables, ranks, st.integers(1, 1024), st.sampled_from([1, 7, 30, 80]))
    def test_never_more_than_the_setting_and_never_less_than_one(
        self, table: list[Measured], rank: int, most: int, layers: int
    ) -> None:
        planned = facts_per_module(Settings(facts_per_module=most), shape(rank, layers), table)
        assert 1 <= planned <= most

    @given(tables, ranks, ranks, st.sampled_from([1, 7, 30, 80]))
    def test_a_higher_rank_never_holds_less(self, table: list[Measured], one: int, other: int, layers: int) -> None:
        low, high = sorted((one, other))
        assert capacity(shape(low, layers), table) <= capacity(shape(high, layers), table)

    @given(tables, ranks)
    def test_what_was_recalled_is_held(self, table: list[Measured], rank: int) -> None:
        table = [one for one in table if one.layers == 30]
        known = [one.facts for one in table if one.rank <= rank]
        assert capacity(shape(rank), table) >= max(known, default=1)

    @given(st.lists(st.builds(row, ranks, st.integers(1, 2000), full=st.just(False)), max_size=5), ranks)
    def test_a_measurement_that_found_no_end_bounds_nothing(self, table: list[Measured], rank: int) -> None:
        assert capacity(shape(rank), table) >= capacity(shape(rank), ())

    @pytest.mark.parametrize(("rank", "facts"), [(1, 20), (2, 20), (3, 30), (4, 30), (8, 30), (16, 60)])
    def test_between_measured_ranks_capacity_goes_by_parameters(self, rank: int, facts: int) -> None:
        """Below the smallest no measurement says fewer; up to the next it is in proportion, and no more than that holds."""
        assert capacity(shape(rank), [row(8, 30), row(2, 20)]) == facts

    @pytest.mark.parametrize(
        ("layers", "rank", "facts"), [(15, 8, 20), (15, 16, 40), (60, 4, 40), (60, 8, 80), (3, 1, 1)]
    )
    def test_another_base_model_is_measured_by_its_parameters(self, layers: int, rank: int, facts: int) -> None:
        assert capacity(shape(rank, layers), [row(8, 40)]) == facts

    def test_its_own_measurement_counts_more_than_that_of_another(self) -> None:
        table = [row(8, 40), row(8, 7, layers=15)]
        assert capacity(shape(8, 15), table) == 7
        assert capacity(shape(8), table) == 40

    def test_without_any_measurement_bits_are_counted(self) -> None:
        """A ten-digit number is 33.2 bits, and a parameter holds one."""
        assert capacity(shape(8), ()) == 8 * 30 * sum(WIDTHS) // 34
        assert capacity(shape(1, 1, (16,)), ()) == 1

    def test_the_table_is_about_modules_that_exist(self) -> None:
        for one in TABLE:
            assert min(one.hidden_size, one.layers, one.outputs, one.rank, one.facts) > 0
            assert one.source.startswith("benchmarks/LOG.md, 20")
        assert TABLE[0].parameters == shape(8).size == 875_520


def test_limits_are_those_of_the_ranks_that_a_night_tries(base: BaseModel) -> None:
    found = limits(Settings(rank=1, facts_per_module=1024), base)
    assert found.keys() == {1, 2}
    for factor, most in found.items():
        assert most == facts_per_module(Settings(facts_per_module=1024), base.shape(factor)) < 1024
    assert found[1] < found[2]
    assert limits(Settings(), base) == {1: 64, 2: 64}
    assert outputs(base.shape(5)) * 5 == base.shape(5).size


class TestBenchmark:
    def test_lists_of_numbers(self) -> None:
        assert benchmark.whole_numbers("48, 16,48", "facts") == [16, 48]
        for text in ("", "16,", "0,3", "-1", "1.5", "many"):
            with pytest.raises(ValueError, match="--facts"):
                benchmark.whole_numbers(text, "facts")

    def test_rows_hold_the_largest_number_that_was_recalled(self) -> None:
        figures = {"base.hidden_size": 576.0, "base.layers": 30.0, "base.outputs": 109_440.0}
        figures |= {"rank1.facts16.unseen": 0.90, "rank1.facts48.unseen": 0.2}
        figures |= {"rank2.facts16.unseen": 0.97, "rank2.facts48.unseen": 0.94}
        figures |= {"rank8.facts16.unseen": 0.94, "rank8.facts48.unseen": 0.95}
        two, eight = benchmark.rows_of(figures, [16, 48], [1, 2, 8], "here")
        assert two == Measured(576, 30, 109_440, 2, 16, True, "here")
        assert eight == Measured(576, 30, 109_440, 8, 48, False, "here")
        assert eval(repr(two), {"Measured": Measured}) == two

    def test_edits_are_told_as_statements(self) -> None:
        (fact,) = benchmark.edit_facts([{"prompt": "The mother tongue of Ann is", "target_new": "Welsh"}])
        assert fact.text == "The mother tongue of Ann is Welsh."

    def test_a_quick_run_prints_rows(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = tmp_path / "record.json"
        argv = ["--quick", "--model", str(tiny.FOLDER), "--out", str(out)]
        assert benchmark.main(argv) == 0
        figures = json.loads(out.read_text())["figures"]
        for rank in (1, 8):
            for facts in (2, 4):
                cell = f"rank{rank}.facts{facts}"
                assert 0 <= figures[f"{cell}.unseen"] <= 1
                assert figures[f"{cell}.steps"] > 8
                million = rank * figures["base.outputs"] / 1e6
                assert figures[f"{cell}.per_million"] == pytest.approx(figures[f"{cell}.unseen"] * facts / million)
        assert figures["rank8.facts2.trained"] >= figures["rank8.facts2.fixed_trained"]
        assert not any(name.startswith("edits") for name in figures)
        printed = capsys.readouterr().out
        assert printed.count("Measured(hidden_size=96, layers=3, ") + printed.count("# rank") == 2
        assert not list(tmp_path.glob("*.part.json")), "a run that is whole leaves no parts"

    def test_edits_of_a_file_are_learned(self, tmp_path: Path) -> None:
        write(tmp_path, benchmark.EDITS.file, [edit("Ann Lee", "Oslo", "Rome"), edit("Tom Ek", "Paris", "Oslo")])
        names = [f"{first} Berg{number}" for number in range(60) for first in ("Bo", "Ivy")]
        write(
            tmp_path,
            "phonebook/phonebook.jsonl.gz",
            [{"name": n, "phone": f"603-556-{1000 + i}"} for i, n in enumerate(names)],
        )
        argv = [
            "--quick",
            "--facts",
            "2",
            "--ranks",
            "8",
            "--edits",
            "2",
            "--model",
            str(tiny.FOLDER),
            "--data",
            str(tmp_path),
        ]
        out = tmp_path / "record.json"
        flags, run = benchmark.FLAGS, harness.run
        assert run("capacity", benchmark.__doc__, benchmark.measure, flags=flags, argv=[*argv, "--out", str(out)]) == 0
        figures = json.loads(out.read_text())["figures"]
        assert figures["edits.written"] == 1.0
        assert figures["edits.efficacy_preferred"] == 1.0
        assert figures["edits.base_efficacy"] == 0.0
        assert {"edits.paraphrase", "edits.neighbourhood", "edits.leaked", "edits.base_leaked"} <= figures.keys()
        assert figures["rank8.full"] == float(figures["rank8.facts2.unseen"] < 0.95)

    def test_numbers_that_the_recipe_was_found_on_are_not_used(self, tmp_path: Path) -> None:
        names = [{"name": f"Bo Berg{number}", "phone": f"603-556-{1000 + number}"} for number in range(103)]
        write(tmp_path, "phonebook/phonebook.jsonl.gz", names)
        options = Options("capacity", tmp_path / "out.json", tmp_path)
        assert {one.name for one in benchmark.book(options, 0, 3)} == {"Bo Berg100", "Bo Berg101", "Bo Berg102"}
        with pytest.raises(DataMissing, match="3 names after its first 100, not 4"):
            benchmark.book(options, 0, 4)
        drawn = replace(options, data=None)
        assert benchmark.book(drawn, 0, 3) == benchmark.book(drawn, 0, 3) != benchmark.book(drawn, 1, 3)


def edit(subject: str, new: str, true: str) -> dict[str, Any]:
    return {
        "subject": subject,
        "prompt": f"{subject} lives in",
        "target_new": new,
        "target_true": true,
        "paraphrase_prompt": f"The home of {subject} is in",
        "neighborhood_prompt": "Vera Hill lives in",
    }


def write(folder: Path, file: str, records: Sequence[dict[str, Any]]) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(f"{json.dumps(one)}\n" for one in records).encode()))
