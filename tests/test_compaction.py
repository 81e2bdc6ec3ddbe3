"""Many small modules become one, and only when the one knows all that they knew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowwave import Memory
from slowwave.adapters_store.manifest import BaseRef, KnownFact, Manifest
from slowwave.consolidation import compaction, learning, lessons
from slowwave.consolidation.compaction import crowded
from slowwave.consolidation.gate import Verdict
from slowwave.consolidation.journal import PlannedGroup
from slowwave.types import FactReport

DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)


def module(number: int, size: int) -> Manifest:
    return Manifest(
        id=f"m-{number}",
        user_id="ada",
        created_at=DAY + timedelta(days=number),
        base=BaseRef(name="tiny", sha256="ab"),
        rank=8,
        alpha=16.0,
        seed=0,
        recipe={},
        facts=tuple(KnownFact(id=f"{number}-{one}", sha256="00", settled=True) for one in range(size)),
        questions=(),
        gate={},
    )


@given(st.lists(st.integers(1, 70), max_size=40), st.sampled_from([8, 64]))
def test_what_becomes_one_fits_into_one(sizes: list[int], limit: int) -> None:
    modules = [module(number, size) for number, size in enumerate(sizes)]
    found = crowded(modules, limit)
    taken = [one.id for some in found for one in some]
    assert len(set(taken)) == len(taken), "no module is taken twice"
    for some in found:
        assert len(some) >= 2
        assert sum(len(one.facts) for one in some) <= limit


@given(st.lists(st.integers(1, 6), min_size=30, max_size=120))
def test_however_many_nights_pass_the_modules_stay_few(nights: list[int]) -> None:
    modules: list[Manifest] = []
    learned = 0
    for number, size in enumerate(nights):
        for some in crowded(modules, 64):
            modules = [one for one in modules if one not in some]
            modules.append(module(1000 + 10 * number + len(modules), sum(len(one.facts) for one in some)))
            learned += len(modules[-1].facts)
        modules.append(module(number, size))
        learned += size
    facts = sum(nights)
    assert sum(len(one.facts) for one in modules) == facts
    assert len(modules) <= 2 * facts / 16 + 8
    assert len([one for one in modules if len(one.facts) < 4]) <= 4
    assert learned <= 6 * facts, "a fact is learned again only a few times"


def test_what_fails_is_the_same_from_night_to_night() -> None:
    """So that it is not tried again, and the others go on without it."""
    modules = [module(number, 1) for number in range(4)]
    (first,) = crowded(modules, 64)
    for number in range(4, 7):
        modules.append(module(number, 1))
        assert crowded(modules, 64) == [first]
    modules.append(module(7, 2))
    assert crowded(modules, 64) == [first, modules[4:]]


@pytest.fixture
def crowded_memory(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Memory:
    """Two nights, two modules, and a memory that finds two of a size too many."""
    memory = Memory(tmp_path / "memory", model=str(tiny_model), embedder="hash:256", effort="quick")
    for text in ("My favourite colour is green.", "I live in Porto."):
        memory.add(text, user_id="ada", said_at=DAY)
        assert memory.consolidate().settled == 1
    assert len(memory.modules()) == 2
    monkeypatch.setattr(compaction, "_FAN", 2)
    return memory


def test_a_night_makes_one_module_of_two(crowded_memory: Memory) -> None:
    with crowded_memory as memory:
        before = {one.id for one in memory.modules()}
        settled = memory.settled_ids()
        report = memory.consolidate()
        assert report.facts == (), "nothing new was learned"
        (made,) = report.modules
        assert made.published
        assert set(made.replaces) == before
        (one,) = memory.modules()
        assert one.id == made.module_id
        assert memory.settled_ids() == settled
        assert {folder.name for folder in (memory.folder / "modules").iterdir()} == {one.id}
        assert "Porto" in memory.ask("Where do I live?", user_id="ada", use_facts=False).text
        assert memory.consolidate().modules == ()


def test_a_module_that_knows_less_replaces_nothing(crowded_memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "_lost", lambda *_: 1)
    with crowded_memory as memory:
        before = {one.id for one in memory.modules()}
        settled = memory.settled_ids()
        (refused,) = memory.consolidate().modules
        assert not refused.published
        assert "knows 1 facts less" in refused.reason
        for _ in range(2):
            assert {one.id for one in memory.modules()} == before
            assert memory.settled_ids() == settled
            assert memory.consolidate().modules == (), "it would come out the same, to the bit"


def test_facts_that_do_not_settle_again_are_counted() -> None:
    def mark(fact_id: str, status: Literal["settled", "failed"]) -> FactReport:
        return FactReport(fact_id=fact_id, user_id="ada", status=status)

    known = tuple(KnownFact(id=name, sha256="00") for name in "abc")
    part = PlannedGroup(name="group-0000", user_id="ada", facts=known, replaces=("m-1", "m-2"))
    facts = (mark("a", "settled"), mark("b", "failed"))
    verdict = Verdict(
        facts=facts,
        recall=0.5,
        base_recall=0.0,
        trained_recall=1.0,
        reading={},
        base_reading=0.0,
        canary=0.0,
        reason="",
    )
    assert learning._lost(part, verdict) == 2, "one failed, and one has no report at all"


def test_a_compaction_that_cannot_succeed_is_not_trained(
    crowded_memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "write_all", lambda facts, *_: [[] for _ in facts])
    with crowded_memory as memory:
        before = {one.id for one in memory.modules()}
        report = memory.consolidate()
        assert report.facts == ()
        (refused,) = report.modules
        assert (refused.steps, refused.published) == (0, False)
        assert {one.id for one in memory.modules()} == before
        assert memory.consolidate().modules == ()
