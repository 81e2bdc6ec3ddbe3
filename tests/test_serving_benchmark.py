"""The serving benchmark: what is timed is what is said, however long it takes."""

from __future__ import annotations

import doctest
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import harness, serving, serving_parts, serving_room
from benchmarks.harness import Options
from benchmarks.phonebook import UNSEEN
from benchmarks.serving_parts import PARTS, WAYS, Way, _Question
from benchmarks.serving_room import FACTS, MOST, USER, WEIGHTS, Room, furnished, in_turns, seconds
from slowwave import Memory
from slowwave import serving as answers
from slowwave.adapters_store.merge import METHODS, merge
from slowwave.slot import attached

pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),  # PEFT asks transformers the old way
    pytest.mark.filterwarnings("ignore:The density 1.0 is greater:UserWarning"),  # PEFT on a density that drops nothing
]
BY_WEIGHTS = [name for name, way in WAYS.items() if way.modules]


def open_memory(folder: str, **settings: Any) -> Memory:
    return Memory(folder, embedder="hash:256", **settings)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Room]:
    argv = ["--quick", "--model", str(tiny_model), "--out", str(tmp_path_factory.mktemp("room") / "it.json")]
    with furnished(harness.parse("serving", "doc", argv, flags=serving.FLAGS), 0, open_memory) as made:
        yield made


# -- the clock ---------------------------------------------------------------------------------------------------------


def test_turns_alternate_and_the_first_of_each_does_not_count() -> None:
    calls = ""
    times = {"a": iter([99.0, 3.0, 4.0, 6.0]), "b": iter([99.0, 1.0, 2.0, 2.0])}

    def call(name: str) -> float:
        nonlocal calls
        calls += name
        return next(times[name])

    found = in_turns(partial(call, "a"), partial(call, "b"), 3)
    assert calls == "ba" + "abbaab"
    assert (found.a, found.b, found.ratio, found.low, found.high, found.rounds) == (4.0, 2.0, 3.0, 2.0, 3.0, 3)


def test_what_is_done_often_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0

    def work() -> None:
        nonlocal clock
        clock += 2.0

    monkeypatch.setattr(time, "perf_counter", lambda: clock)
    assert seconds("cpu", work, 5) == 2.0
    assert clock == 10.0


# -- the room ----------------------------------------------------------------------------------------------------------


def test_modules_of_the_room_are_live_and_are_found(room: Room) -> None:
    assert len(room.modules) == 3
    assert {one.id: one.facts for one in room.memory.modules(user_id=USER)} == dict.fromkeys(room.modules, FACTS)
    assert len(room.memory.settled_ids(user_id=USER)) == len(room.book) == FACTS * 3
    route = room.route("m-001", MOST)
    assert [name for name, _ in route.modules] == ["m-001", "m-002", "m-000"]
    assert sum(weight for _, weight in route.modules) == pytest.approx(1.0)
    assert room.route("m-002", 1).modules == (("m-002", 1.0),)


def test_the_endless_model_decodes_as_many_tokens_as_it_is_asked_for(room: Room) -> None:
    prompt = room.prompt("What is my name?", 2)
    said = room.base.generate([prompt], 40)[0]
    assert said.finished, "else this test shows nothing"
    assert sum(1 for _ in room.endless.decoder.steps([prompt], 40, None)) == 40
    assert room.base.generate([prompt], 40)[0].ids == said.ids, "the model itself is as it was"


# -- merging -----------------------------------------------------------------------------------------------------------


def test_the_bare_model_has_the_same_weights_and_no_slot(room: Room) -> None:
    base, bare = room.base, serving.shared(room.base.model)
    assert {one.data_ptr() for one in bare.parameters()} == {one.data_ptr() for one in base.model.parameters()}
    slot = base.slot(room.shape, serving_room._random(room.shape, 1) * 100)
    ids = torch.tensor([room.prompt("What is my name?", 2).ids])
    with torch.no_grad(), attached(slot):
        with_slot, without = base.model(input_ids=ids).logits, bare(input_ids=ids).logits
    with torch.no_grad():
        plain = base.model(input_ids=ids).logits
    torch.testing.assert_close(without, plain)
    assert not torch.allclose(with_slot, plain, atol=1e-2)


def test_peft_merges_the_same_modules_and_a_wrong_merge_is_seen(room: Room) -> None:
    vectors = torch.stack([serving_room._random(room.shape, seed) for seed in range(MOST)])
    weights, same = torch.tensor(WEIGHTS), replace(METHODS["ties_peft"], density=1.0)
    peft = serving.Peft(room.base, room.shape, vectors)
    assert peft.difference(merge(vectors, weights, same, shape=room.shape)) < 1e-4
    assert peft.difference(merge(vectors, weights, "linear")) > 0.1
    assert peft.difference(merge(vectors.flip(0), weights, same, shape=room.shape)) > 0.1
    assert peft.merge(0.5) > 0.0
    assert peft.merge(0.5) > 0.0, "what it made the first time is gone"
    assert list(peft._model.peft_config) == ["0", "1", "2"]


# -- the parts of a question -------------------------------------------------------------------------------------------


TIMED: dict[str, list[str]] = {
    "base": [],
    "context": [],
    "retrieval": ["embed"],
    "disk": ["embed", "read", "merge"],
    "preloaded": ["embed", "merge"],
    "merged": ["embed", "merge"],
    "cached": ["embed"],
    "both": ["embed"],
}
"""What each way is to do while the clock runs."""


def counted(room: Room, way: Way, patch: pytest.MonkeyPatch) -> tuple[list[str], dict[str, float]]:
    """What is done of the expensive things while the clock runs, and what it shows."""
    done: list[str] = []
    running: list[bool] = []
    clock = seconds

    def watched(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def doing(*given: Any, **same: Any) -> Any:
            done.extend([name] if running else [])
            return work(*given, **same)

        return doing

    def clocked(device: str, work: Callable[[], object]) -> float:
        running.append(True)
        spent = clock(device, work)
        running.pop()
        return spent

    patch.setattr(room.memory._rooms.store, "vector", watched("read", room.memory._rooms.store.vector))
    patch.setattr(answers, "merge", watched("merge", merge))
    patch.setattr(
        room.answerer._gatherer._embedder, "encode", watched("embed", room.answerer._gatherer._embedder.encode)
    )
    patch.setattr(serving_parts, "seconds", clocked)
    return done, _Question(room, 1, 12).answer(way)


@pytest.mark.parametrize("before", ["disk", "cached", "both"])
@pytest.mark.parametrize("name", WAYS)
def test_each_way_does_its_own_work_and_no_other(
    room: Room, monkeypatch: pytest.MonkeyPatch, name: str, before: str
) -> None:
    way = WAYS[name]
    _Question(room, 1, 12).answer(WAYS[before])
    done, spent = counted(room, way, monkeypatch)
    assert done == TIMED[name]
    expected = {
        "embed": way.facts == "found" or way.modules > 0,
        "recall": way.facts == "found",
        "route": way.modules > 0,
        "merge": way.modules > 0,
        "prefill": True,
        "decode": True,
    }
    assert {part: value > 0.0 for part, value in spent.items()} == expected
    assert tuple(spent) == PARTS


def test_prompts_hold_what_the_way_says(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[str, int] = {}
    encode = room.base.encode

    def watched(messages: Any, *given: Any, **same: Any) -> Any:
        shown[asked[-1]] = messages[-1]["content"].count("phone number of")
        return encode(messages, *given, **same)

    asked: list[str] = []
    monkeypatch.setattr(room.base, "encode", watched)
    for name, way in WAYS.items():
        asked.append(name)
        _Question(room, 5, 12).answer(way)
    assert {name: count for name, count in shown.items() if count} == {"context": 12, "retrieval": 3, "both": 3}


def test_the_context_is_cut_to_the_window_of_the_model(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    assert serving_parts._fitting(room) == 12
    longest = max(len(room.prompt(form.format(name=one.name), 5).ids) for form in UNSEEN for one in room.book)
    window = longest + room.options.whole("answer")
    monkeypatch.setattr(type(room.base), "context_window", property(lambda _: window))
    assert serving_parts._fitting(room) == 5


def test_shares_are_of_the_whole(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(self: _Question, way: Way) -> dict[str, float]:
        self.routed_right = True
        weights = {"route": 0.001, "merge": 0.003} if way.modules else {"route": 0.0, "merge": 0.0}
        return {**dict.fromkeys(PARTS, 0.0), **weights, "decode": 0.076, "prefill": 0.02 - sum(weights.values())}

    monkeypatch.setattr(_Question, "answer", answer)
    found = serving_parts.parts(room)
    for name in BY_WEIGHTS:
        assert found[f"{name}.share"] == pytest.approx(0.004 / 0.096)
    assert found["retrieval.whole_ms"] == pytest.approx(96.0)
    assert found["merged.merge_ms"] == pytest.approx(3.0)
    assert found["routed_right"] == 1.0
    assert "base.share" not in found


# -- the whole ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [serving, serving_parts, serving_room])
def test_the_docstrings_are_true(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


def test_a_quick_run_tells_every_figure_that_has_a_target(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaled: list[tuple[Options, int]] = []

    def scale(options: Options, seed: int) -> dict[str, float]:
        scaled.append((options, seed))
        return {"scale_p95_ms": 1.0, "scale_gib": 1.0}

    monkeypatch.setattr(serving, "scale", scale)
    out = tmp_path / "serving.json"
    argv = ["--quick", "--model", str(tiny_model), "--out", str(out)]
    measure: Any = partial(serving.measure, open_memory=open_memory)
    assert (
        harness.run("serving", serving.__doc__, measure, flags=serving.FLAGS, targets=serving.TARGETS, argv=argv) == 0
    )
    figures = json.loads(out.read_text())["figures"]
    assert serving.TARGETS.keys() <= figures.keys()
    assert [(one.quick, seed) for one, seed in scaled] == [(True, 0)]
    assert figures["merge.same_options_difference"] < 1e-4
    assert figures["routed_right"] == 1.0
    assert figures["context.facts"] == 12.0
    assert {f"{way}.{part}_ms" for way in WAYS for part in (*PARTS, "whole")} <= figures.keys()
    assert all(0.0 < figures[f"{way}.share"] < 1.0 for way in BY_WEIGHTS)
    assert all(figures[f"{way}.whole_ms"] >= figures[f"{way}.decode_ms"] > 0.0 for way in WAYS)
    assert [path.name for path in tmp_path.iterdir()] == ["serving.json"]


def test_peft_and_the_million_rows_can_be_left_out(tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "serving.json"
    argv = ["--quick", "--model", str(tiny_model), "--out", str(out), "--peft", "0", "--scale", "0", "--rounds", "1"]
    measure: Any = partial(serving.measure, open_memory=open_memory)
    assert (
        harness.run("serving", serving.__doc__, measure, flags=serving.FLAGS, targets=serving.TARGETS, argv=argv) == 0
    )
    figures = json.loads(out.read_text())["figures"]
    assert not [name for name in figures if "peft" in name or "scale" in name]
    assert figures["merge.cold_ms"] > 0.0
