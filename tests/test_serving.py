"""Modules ready to answer: what is kept of them, how several speak together, and what happens when one goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from modules import publish
from numpy.typing import NDArray

from slowwave import Memory
from slowwave import serving as serving_module
from slowwave.adapters_store.calibration import EVERYDAY
from slowwave.adapters_store.router import Route, Router
from slowwave.answering import Request
from slowwave.model import Encoded, Generated, Slot, Stack
from slowwave.prompts import UNKNOWN
from slowwave.serving import combination
from slowwave.settings import Combine

PETS = "What is my boat and my goat called?"


@pytest.fixture
def two_modules(tmp_path: Path, tiny_model: Path) -> Iterator[Memory]:
    with Memory(tmp_path, model=str(tiny_model), embedder="hash:256") as memory:
        publish(memory, "m-boat", "My boat is called Meringue.", ("What is my boat called?", "Meringue"))
        publish(memory, "m-goat", "My goat is called Nimbus.", ("What is my goat called?", "Nimbus"))
        yield memory


@pytest.mark.parametrize(
    ("says", "winner", "answer"),
    [
        ((("Meringue", -0.5), ("Nimbus", -0.1)), "m-goat", "Nimbus"),  # the surest one
        ((("Meringue", -0.2), ("Nimbus", -0.2)), "heaviest", None),
        ((("Meringue", -0.5), ("Quasar", -0.1)), "m-boat", "Meringue"),  # sure of what its module does not know
        ((("Nimbus", -0.1), ("I don't know.", -0.1)), "", UNKNOWN),  # one module's words are no evidence for another
    ],
)
def test_the_surest_of_a_panel_answers(
    two_modules: Memory,
    monkeypatch: pytest.MonkeyPatch,
    says: tuple[tuple[str, float], ...],
    winner: str,
    answer: str | None,
) -> None:
    answerer = two_modules._rooms.answerer
    route = answerer.evidence(Request(PETS, "ada", use_facts=False)).route
    spoken: dict[str, tuple[str, float]] = dict(zip(("m-boat", "m-goat"), says, strict=True))

    def generate(prompts: list[Encoded], limit: int, stack: Stack) -> list[Generated]:
        assert isinstance(stack, Stack)
        assert len(prompts) == len(stack.rows) == len(route.modules) == 2
        return [
            Generated(text=spoken[name][0], ids=[1], logprobs=[spoken[name][1]], finished=True)
            for name, _ in route.modules
        ]

    monkeypatch.setattr(answerer.base, "generate", generate)
    said = two_modules.ask(PETS, user_id="ada", use_facts=False)
    if winner == "heaviest":
        assert [use.id for use in said.modules] == [route.modules[0][0]]
    else:
        assert said.text == answer
        assert said.rule == ("panel" if winner else "not supported")
        assert not winner or [(use.id, use.weight) for use in said.modules] == [(winner, 1.0)]


def ways(memory: Memory, monkeypatch: pytest.MonkeyPatch, **options: float) -> tuple[list[str], int]:
    """The merge methods and panels of one answer from two modules, and how many modules it names."""
    serving = memory._rooms.answerer._serving
    slot, stack = serving.slot, serving.stack
    taken: list[str] = []

    def merged(user_id: str, route: Route, method: str, strength: float) -> Slot | None:
        taken.append(method)
        return slot(user_id, route, method, strength)

    def panel(user_id: str, route: Route, strength: float) -> Stack | None:
        taken.append("panel")
        return stack(user_id, route, strength)

    monkeypatch.setattr(serving, "slot", merged)
    monkeypatch.setattr(serving, "stack", panel)
    said = memory.ask(PETS, user_id="ada", use_facts=False, max_tokens=4, **options)  # type: ignore[arg-type]
    assert sum(use.weight for use in said.modules) == pytest.approx(1.0)
    return taken, len(said.modules)


@pytest.mark.parametrize("combine", get_args(Combine))
def test_modules_are_combined_as_the_setting_says(
    two_modules: Memory, monkeypatch: pytest.MonkeyPatch, combine: Combine
) -> None:
    two_modules._rooms.settings = two_modules.settings.model_copy(update={"combine": combine})
    way = "panel" if combine == "auto" else combine
    assert ways(two_modules, monkeypatch) == ([way], 1 if way in {"panel", "single"} else 2)


def test_modules_of_different_ranks_answer_together(tmp_path: Path, tiny_model: Path) -> None:
    with Memory(tmp_path, model=str(tiny_model), embedder="hash:256", rank=2) as memory:
        publish(
            memory, "m-boat", "My boat is called Meringue.", ("What is my boat called?", "Meringue"), rank=4, size=0.1
        )
        publish(memory, "m-goat", "My goat is called Nimbus.", ("What is my goat called?", "Nimbus"), rank=6, size=0.1)
        base, serving = memory._rooms.answerer.base, memory._rooms.answerer._serving
        route = memory._rooms.answerer.evidence(Request(PETS, "ada", use_facts=False)).route
        shape = base.shape(6)
        parts = {
            name: memory._rooms.store.vector(name, user_id="ada", base_sha256=base.ref.sha256, shape=shape)
            for name in ("m-boat", "m-goat")
        }
        slot = serving.slot("ada", route, "linear", 1.0)
        assert slot is not None
        assert slot.shape == shape
        torch.testing.assert_close(slot.vector, sum(parts[name] * weight for name, weight in route.modules))
        stack = serving.stack("ada", route, 1.0)
        assert stack is not None
        torch.testing.assert_close(stack.vectors, torch.stack([parts[name] for name, _ in route.modules]))


@pytest.mark.parametrize("gone", [("m-boat",), ("m-boat", "m-goat")])
def test_a_module_that_goes_while_an_answer_is_under_way_takes_no_part(
    two_modules: Memory, gone: tuple[str, ...]
) -> None:
    answerer = two_modules._rooms.answerer
    evidence = answerer.evidence(Request(PETS, "ada", use_facts=False))
    two_modules._rooms.store.retire(gone)
    answerer.forget(["ada"])
    assert answerer._serving.stack("ada", evidence.route, 1.0) is None
    slot = answerer._serving.slot("ada", evidence.route, "ties", 1.0)
    assert (slot is None) == (len(gone) == 2)


def test_a_panel_that_cannot_be_compared_leaves_it_to_one_module(
    two_modules: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn tokens say nothing about how sure a module is, and merging equals erases them."""
    taken, modules = ways(two_modules, monkeypatch, temperature=0.7)
    assert (taken[-1], modules) == ("single", 1)


@pytest.mark.parametrize("gone", [("m-boat",), ("m-goat",), ("m-boat", "m-goat")])
def test_where_a_module_of_a_panel_has_gone_the_heaviest_of_the_others_answers(
    two_modules: Memory, monkeypatch: pytest.MonkeyPatch, gone: tuple[str, ...]
) -> None:
    answerer = two_modules._rooms.answerer
    evidence = answerer.evidence(Request(PETS, "ada", use_facts=False))
    two_modules._rooms.store.retire(gone)
    answerer.forget(["ada"])
    asked: list[bool] = []

    def stream(prompt: Encoded, limit: int, slot: object, **_: object) -> Iterator[tuple[str, Generated]]:
        asked.append(slot is not None)
        yield "Nimbus", Generated(text="Nimbus", ids=[1], logprobs=[-0.1], finished=True)

    monkeypatch.setattr(answerer.base, "stream", stream)
    monkeypatch.setattr(answerer._gatherer, "gather", lambda *_, **__: evidence)
    said = two_modules.ask(PETS, user_id="ada", use_facts=False)
    left = [name for name, _ in evidence.route.modules if name not in gone]
    assert [use.id for use in said.modules] == left[:1]
    assert asked == [bool(left)]
    assert said.text == ("Nimbus" if left == ["m-goat"] else UNKNOWN), "what no module is left for is no evidence"


@pytest.mark.parametrize(
    ("weights", "wanted", "way"),
    [
        ((1.0,), "panel", "single"),
        ((0.7, 0.3), "auto", "ties"),
        ((0.69, 0.31), "auto", "panel"),
        ((0.4, 0.3, 0.3), "auto", "panel"),
        ((0.9, 0.1), "linear", "linear"),
    ],
)
def test_a_merge_needs_a_leader(weights: tuple[float, ...], wanted: str, way: str) -> None:
    route = Route(tuple((f"m-{number}", weight) for number, weight in enumerate(weights)))
    assert combination(route, wanted) == way


def test_a_damaged_module_is_no_evidence(tmp_path: Path, tiny_model: Path) -> None:
    with Memory(tmp_path, model=str(tiny_model), embedder="hash:256") as memory:
        publish(memory, "m-good", "My boat is called Meringue.", ("What is my boat called?", "Meringue"))
        publish(memory, "m-torn", "My goat is called Nimbus.", ("What is my goat called?", "Nimbus"))
        question = "What is my boat and my goat called?"
        request = Request(question, "ada", use_facts=False)
        whole = memory._rooms.answerer.evidence(request)
        assert {name for name, _ in whole.route.modules} == {"m-good", "m-torn"}
        assert {"Meringue", "Nimbus"} <= set(whole.sources)
        weights = tmp_path / "modules" / "m-torn" / "adapter_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1])
        memory._rooms.answerer.forget(["ada"])
        torn = memory._rooms.answerer.evidence(request)
        assert torn.route.modules == (("m-good", 1.0),)
        assert torn.sources == ("Meringue",)
        assert torn.nearness == torn.route.score <= whole.nearness
        answer = memory.ask(question, user_id="ada", use_facts=False)
        assert [use.id for use in answer.modules] in ([], ["m-good"])
        assert "Nimbus" not in answer.text
        alone = memory.ask("What is my goat called?", user_id="ada", use_facts=False)
        assert (alone.text, alone.source, alone.modules) == (UNKNOWN, "unknown", ())


# -- what is kept ----------------------------------------------------------------------------------------------------


def watch_embedder(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Every list of texts that is embedded from now on."""
    embedder = memory._rooms.embedder
    seen: list[list[str]] = []
    encode = embedder.encode

    def watched(texts: Sequence[str]) -> NDArray[np.float32]:
        seen.append(list(texts))
        return encode(texts)

    monkeypatch.setattr(embedder, "encode", watched)
    return seen


def same_routes(one: Router, other: Router) -> bool:
    vectors = [(one.module(name)[1], other.module(name)[1]) for name in one.modules]
    return (
        one.rows == other.rows
        and one.calibration == other.calibration
        and all(np.array_equal(a, b) for a, b in vectors)
    )


def test_a_publication_touches_the_rows_of_its_module_alone(
    two_modules: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = two_modules._rooms.answerer._serving
    router, _ = serving.router("ada")
    seen = watch_embedder(two_modules, monkeypatch)
    publish(two_modules, "m-moat", "My moat is called Ripple.", ("What is my moat called?", "Ripple"))
    two_modules._rooms.store.retire(["m-goat"])
    seen.clear()
    later, manifests = serving.router("ada")
    assert later is router
    assert seen == [["What is my moat called?"]]
    assert router.modules == ("m-boat", "m-moat")
    assert manifests.keys() >= {"m-boat", "m-moat"}
    serving.forget(["ada"])
    assert same_routes(serving.router("ada")[0], router)


def test_what_one_user_forgets_costs_no_other_anything(two_modules: Memory) -> None:
    publish(two_modules, "m-bob", "My boat is called Anchor.", ("What is my boat called?", "Anchor"), user_id="bob")
    serving = two_modules._rooms.answerer._serving
    routes = {user: Route(((name, 1.0),)) for user, name in (("ada", "m-boat"), ("bob", "m-bob"))}
    routers = {user: serving.router(user)[0] for user in routes}
    slots = {user: serving.slot(user, route, "single", 1.0) for user, route in routes.items()}
    (fact,) = two_modules.get_all(user_id="bob")
    two_modules.delete(fact.id)
    assert serving.router("ada")[0] is routers["ada"]
    assert serving.router("bob")[0] is not routers["bob"]
    kept, before = serving.slot("ada", routes["ada"], "single", 1.0), slots["ada"]
    assert kept is not None
    assert before is not None
    assert kept.vector is before.vector
    assert serving.slot("bob", routes["bob"], "single", 1.0) is None
    assert not [key for cache in (serving._vectors, serving._merged) for key in cache if key[0] == "bob"]


def test_routers_are_kept_for_the_users_who_asked_last(two_modules: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "_USERS", 2)
    serving = two_modules._rooms.answerer._serving
    publish(two_modules, "m-bob", "My boat is called Anchor.", ("What is my boat called?", "Anchor"), user_id="bob")
    routers = {user: serving.router(user)[0] for user in ("ada", "bob")}
    assert serving.loads("bob", "m-bob")
    assert serving.router("ada")[0] is routers["ada"]
    serving.router("cem")
    assert list(serving._routers) == ["ada", "cem"], "who asked longest ago goes"
    assert not [user for user, _ in serving._whole if user == "bob"]
    assert same_routes(serving.router("bob")[0], routers["bob"]), "and is made anew"


def test_what_is_published_for_one_user_calibrates_no_others_router(
    two_modules: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = two_modules._rooms.answerer._serving
    router, _ = serving.router("ada")
    calibrations: list[Router] = []
    monkeypatch.setattr(Router, "calibrate", lambda self, encode: calibrations.append(self))
    publish(two_modules, "m-bob", "My boat is called Anchor.", ("What is my boat called?", "Anchor"), user_id="bob")
    assert serving.router("ada")[0] is router
    assert calibrations == []
    publish(two_modules, "m-moat", "My moat is called Ripple.", ("What is my moat called?", "Ripple"))
    serving.router("ada")
    assert calibrations == [router]


def test_what_is_published_for_one_user_leaves_merged_routes_of_all(two_modules: Memory) -> None:
    serving = two_modules._rooms.answerer._serving
    route = Route((("m-boat", 0.8), ("m-goat", 0.2)))
    first = serving.slot("ada", route, "ties", 1.0)
    publish(two_modules, "m-moat", "My moat is called Ripple.", ("What is my moat called?", "Ripple"))
    second = serving.slot("ada", route, "ties", 1.0)
    assert first is not None
    assert second is not None
    assert second.vector is first.vector


def test_answers_route_by_a_calibrated_boundary(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everyday prompts are embedded once, however often modules come and go."""
    names = [f"{letter}{end}" for letter in "bcdfghjklmnpqrstvw" for end in ("oat", "ig")]
    questions = [(f"What is my {name} called?", "Ripple") for name in names]
    with Memory(tmp_path, model=str(tiny_model), embedder="hash:256") as memory:
        publish(memory, "m-first", "My things are called Ripple.", *questions)
        publish(memory, "m-second", "My other things are called Ripple.", *questions)
        seen = watch_embedder(memory, monkeypatch)
        serving = memory._rooms.answerer._serving
        router, _ = serving.router("ada")
        assert len(router) >= 64
        assert router.calibration.shift != 0.0
        publish(memory, "m-third", "My last thing is called Ripple.", ("What is my last thing called?", "Ripple"))
        serving.router("ada")
        assert seen.count(list(EVERYDAY)) == 1
