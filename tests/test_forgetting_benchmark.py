"""The forgetting benchmark: a memory that forgets what it should keep is reported, and one that keeps what it should forget."""

from __future__ import annotations

import doctest
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import forgetting, harness
from benchmarks.forgetting import by_age, compared
from benchmarks.phonebook import TRAINED, entries, first_number
from slowwave import Memory, NightReport
from slowwave.adapters_store.manifest import KnownFact, KnownQuestion, Manifest, text_sha256
from slowwave.loading import load_base
from slowwave.model import BaseModel
from slowwave.prompts import UNKNOWN
from slowwave.types import Answer, Fact, Progress, no_progress

ZEROS = [
    name for name in forgetting.TARGETS if re.fullmatch(r"deleted\.(\w+_left(_closed)?|answered|from_weights)", name)
]


def ran(tmp_path: Path, open_memory: Any, *flags: str) -> dict[str, float]:
    """The figures of a run."""
    out = tmp_path / "forgetting.json"
    measure: Any = partial(forgetting.measure, open_memory=open_memory)
    argv = ["--out", str(out), *flags]
    targets = forgetting.TARGETS
    assert (
        harness.run("forgetting", forgetting.__doc__, measure, flags=forgetting.FLAGS, targets=targets, argv=argv) == 0
    )
    found: dict[str, float] = json.loads(out.read_text())["figures"]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["forgetting.json"]
    return found


# -- night after night -------------------------------------------------------------------------------------------------


def test_known_numbers_by_age() -> None:
    recall = {(1, 1): 1.0, (2, 1): 0.5, (2, 2): 0.75, (3, 1): 0.25, (3, 2): 1.0, (3, 3): 0.5}
    assert by_age(recall) == {
        **{"after_1.of_1": 1.0, "after_2.of_1": 0.5, "after_2.of_2": 0.75},
        **{"after_3.of_1": 0.25, "after_3.of_2": 1.0, "after_3.of_3": 0.5},
        **{"age_0": 0.75, "age_1": 0.75, "age_2": 0.25},
        **{"lost": 0.75, "worst": 0.75, "known_at_the_end": pytest.approx(1.75 / 3)},
    }


@given(nights=st.integers(1, 6), share=st.floats(0, 1))
def test_a_memory_whose_recall_never_changes_loses_nothing(nights: int, share: float) -> None:
    found = by_age({(after, of): share for after in range(1, nights + 1) for of in range(1, after + 1)})
    assert found["lost"] == found["worst"] == 0.0
    assert all(found[f"age_{age}"] == pytest.approx(share) for age in range(nights))


class Parrot:
    """Knows by heart what it was told before its last nights; it has no weights."""

    def __init__(self, folder: str, *, remembers: int, mixes: bool = False, **settings: Any) -> None:
        self.remembers, self.mixes = remembers, mixes
        self.told: list[list[str]] = [[]]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *caught: object) -> None:
        return None

    def add_many(self, texts: Sequence[str], *, user_id: str, said_at: datetime) -> list[Fact]:
        assert said_at.tzinfo is UTC
        self.told[-1] += texts
        return []

    def consolidate(self, *, progress: Any) -> None:
        self.told = [*self.told[-self.remembers :], []]

    def ask(self, question: str, *, user_id: str, use_facts: bool) -> Answer:
        assert not use_facts
        known = [text for some in self.told for text in some]
        said = [*known[1:], *known[:1]] if self.mixes else known
        people = [text.removeprefix("The phone number of ").partition(" is ")[0] for text in known]
        names = dict(zip(people, said, strict=True))
        return Answer(text=next((text for name, text in names.items() if name in question), UNKNOWN))

    def modules(self, *, user_id: str) -> list[object]:
        return []

    def settled_ids(self, *, user_id: str) -> frozenset[str]:
        return frozenset()


@pytest.mark.parametrize(("remembers", "lost"), [(1, 1.0), (3, 0.0)])
def test_a_memory_that_keeps_the_last_night_alone_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remembers: int, lost: float
) -> None:
    monkeypatch.setattr(forgetting, "_deletion", lambda *given: {})
    found = ran(tmp_path, partial(Parrot, remembers=remembers), "--nights", "3", "--facts", "2")
    assert found["age_0"] == 1.0
    assert (found["lost"], found["worst"], found["age_2"]) == (lost, lost, 1.0 - lost)
    for name in ("lost", "worst", "known_at_the_end"):
        assert forgetting.TARGETS[name].met(found[name]) == (remembers == 3)


def test_the_number_of_somebody_else_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "_deletion", lambda *given: {})
    found = ran(tmp_path, partial(Parrot, remembers=9, mixes=True), "--nights", "2", "--facts", "2")
    assert found["known_at_the_end"] == found["age_0"] == 0.0


# -- a deletion --------------------------------------------------------------------------------------------------------


class Sleeper(Memory):
    """A real memory whose nights train nothing: a module's weights are drawn from the facts that it is said to know."""

    def consolidate(self, *, user_id: str | None = None, progress: Progress = no_progress) -> NightReport:
        settled = self.settled_ids()
        facts = [fact for fact in self.get_all(user_id="ada") if fact.id not in settled]
        if not facts:
            return NightReport(night_id="n", started_at=datetime(2026, 11, 21, tzinfo=UTC))
        name = "m-" + hashlib.sha256(" ".join(fact.id for fact in facts).encode()).hexdigest()[:16]
        base = load_base(self.settings)
        shape = base.shape(8)
        people = {fact.id: fact.text.removeprefix("The phone number of ").partition(" is ")[0] for fact in facts}
        questions = [
            KnownQuestion(fact_id=fact.id, question=form.format(name=people[fact.id]), answer=number)
            for fact in facts
            for form in (*TRAINED, "Which of the numbers is it?")
            if (number := first_number(fact.text))
        ]
        manifest = Manifest(
            id=name,
            user_id="ada",
            created_at=datetime(2026, 11, 21, tzinfo=UTC),
            base=base.ref,
            rank=8,
            alpha=shape.alpha,
            seed=0,
            recipe={},
            facts=tuple(KnownFact(id=fact.id, sha256=text_sha256(fact.text)) for fact in facts),
            questions=tuple(questions),
        )
        generator = torch.Generator().manual_seed(self.drawn_from(name))
        vectors = self._rooms.embedder.encode([one.question for one in questions])
        self._rooms.store.stage(
            manifest, torch.randn(shape.size, generator=generator) * 0.01, shape, vectors, "hash:256"
        )
        self._rooms.store.publish([name])
        return NightReport(night_id="n", started_at=datetime(2026, 11, 21, tzinfo=UTC))

    def drawn_from(self, name: str) -> int:
        """The seed of a module's weights: what it knows, and nothing else."""
        return int(name[2:10], 16)


class Hoarder(Sleeper):
    """It forgets nothing."""

    def delete(self, fact_id: str) -> None:
        self.get(fact_id)

    def consolidate(self, *, user_id: str | None = None, progress: Progress = no_progress) -> NightReport:
        return super().consolidate() if not self.modules() else NightReport(night_id="n", started_at=datetime.now(UTC))


class Shallow(Sleeper):
    """It deletes the text of a fact and leaves the modules that were trained on it."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        setattr(self._changes, "_unlearn", lambda facts: None)  # noqa: B010


class WarmStarter(Sleeper):
    """What its modules become depends on what it knew before."""

    taught = 0

    def drawn_from(self, name: str) -> int:
        self.taught += 1
        return super().drawn_from(name) + self.taught


class Leaky(Sleeper):
    """It keeps what it was told in a file of its own."""

    def add_many(self, texts: Sequence[str], **same: Any) -> list[Fact]:
        (self.folder / "diary.txt").write_text("\n".join(texts))
        return super().add_many(texts, **same)


def deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path, kind: type[Memory]) -> dict[str, float]:
    monkeypatch.setattr(forgetting, "_nights", lambda *given: {})
    flags = ("--model", str(model), "--told", "4", "--deleted", "2")
    return ran(tmp_path, partial(kind, embedder="hash:256"), *flags)


def test_a_memory_that_forgets_leaves_nothing(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = deleted(tmp_path, monkeypatch, tiny_model, Sleeper)
    assert {name: found[name] for name in ZEROS} == dict.fromkeys(ZEROS, 0.0)
    assert found["deleted.text_before"] >= 2, "the database, and the manifest"
    assert found["deleted.routes_before"] == 2 * (len(TRAINED) + 2), "one of them is a question that names nobody"
    assert found["deleted.modules_before"] == 1.0
    assert found["deleted.comparable"] == found["deleted.identical"] == 1.0
    assert found["deleted.nats_after"] == found["deleted.nats_never"] != found["deleted.nats_before"]
    assert found["deleted.nats_base"] > 0.0


def test_a_memory_that_does_not_forget_is_reported(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = deleted(tmp_path, monkeypatch, tiny_model, Hoarder)
    for name in ("text", "routes", "modules"):
        assert found[f"deleted.{name}_left"] == found[f"deleted.{name}_before"] > 0.0
    assert found["deleted.text_left_closed"] > 0.0
    assert found["deleted.comparable"] == 0.0
    assert "deleted.identical" not in found
    missed = [name for name in ZEROS if not forgetting.TARGETS[name].met(found[name])]
    assert set(missed) >= {
        f"deleted.{name}" for name in ("text_left", "text_left_closed", "routes_left", "modules_left")
    }


def test_modules_that_stay_are_reported(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = deleted(tmp_path, monkeypatch, tiny_model, Shallow)
    assert found["deleted.modules_left"] == 1.0
    assert found["deleted.routes_left"] > 0.0
    assert 0.0 < found["deleted.text_left"] < found["deleted.text_before"], "the questions in the manifest say it still"


def test_a_module_that_is_not_the_same_is_reported(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = deleted(tmp_path, monkeypatch, tiny_model, WarmStarter)
    assert (found["deleted.comparable"], found["deleted.identical"]) == (1.0, 0.0)
    assert found["deleted.nats_after"] != found["deleted.nats_never"]


def test_a_text_that_stays_anywhere_in_the_folder_is_reported(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = deleted(tmp_path, monkeypatch, tiny_model, Leaky)
    assert found["deleted.text_left"] == found["deleted.text_left_closed"] == 1.0
    assert found["deleted.modules_left"] == 0.0


@pytest.mark.parametrize("nights", [(1,), (2,), (1, 2)])
def test_an_answer_that_still_comes_is_reported(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, nights: tuple[int, ...]
) -> None:
    """Whenever it comes: that day, or after the next night."""

    class Grudge(Sleeper):
        slept = 0

        def consolidate(self, **same: Any) -> NightReport:
            self.slept += 1
            return super().consolidate(**same)

        def ask(self, question: str, **same: Any) -> Answer:
            known = {text.removeprefix("The phone number of ").partition(" is ")[0]: text for text in told}
            here = [text for name, text in known.items() if name in question and self.slept in nights]
            return Answer(text=here[0] if here else UNKNOWN)

    told = [one.text for one in entries(4, 0, None)]
    found = deleted(tmp_path, monkeypatch, tiny_model, Grudge)
    assert found["deleted.answered"] == 1.0
    assert found["deleted.known_before"] == found["deleted.kept_before"] == float(1 in nights)
    assert found["deleted.kept"] == float(2 in nights)


def test_weights_that_say_it_are_heard_without_any_route(
    tmp_path: Path, tiny_model: Path, base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The straight question reaches the modules alone: what the store and the checks would say does not matter."""
    phones = [one.phone for one in entries(4, 0, None)[:2]]
    generate = base.generate

    def blurted(prompts: Sequence[Any], limit: int, slot: Any = None, *same: Any) -> list[Any]:
        said = generate(prompts, 1, slot, *same)
        for one in said:
            one.text = f"It is {phones[0]}."
        return said

    monkeypatch.setattr(base, "generate", blurted)
    found = deleted(tmp_path, monkeypatch, tiny_model, Sleeper)
    assert found["deleted.from_weights_before"] == found["deleted.from_weights"] == 0.5, "one of the two"
    assert found["deleted.answered"] == 0.0


def test_only_modules_of_the_same_facts_are_compared() -> None:
    a, b, c = frozenset("a"), frozenset("b"), frozenset("c")
    assert compared({a: b"1", b: b"2"}, {a: b"1", b: b"3"}) == {"comparable": 1.0, "identical": 0.5}
    assert compared({a: b"1", b: b"2"}, {a: b"1", c: b"2"}) == {"comparable": 0.5, "identical": 1.0}
    assert compared({a: b"1"}, {}) == {"comparable": 0.0}
    assert compared({}, {a: b"1"}) == {"comparable": 0.0}


@pytest.mark.parametrize(("told", "gone"), [("3", "3"), ("3", "0")])
def test_something_must_go_and_something_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], told: str, gone: str
) -> None:
    monkeypatch.setattr(forgetting, "_nights", lambda *given: {})
    argv = ["--told", told, "--deleted", gone, "--out", str(tmp_path / "it.json")]
    measure = partial(forgetting.measure, open_memory=Sleeper)
    assert harness.run("forgetting", None, measure, flags=forgetting.FLAGS, argv=argv) == 2
    assert f"{gone} of {told} facts" in capsys.readouterr().err


# -- the whole ---------------------------------------------------------------------------------------------------------


def test_the_docstrings_are_true() -> None:
    assert doctest.testmod(forgetting).failed == 0


def test_a_stopped_run_goes_on_with_the_part_that_is_missing(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[str] = []

    def part(name: str, *given: Any) -> dict[str, float]:
        parts.append(name)
        if len(parts) == 2:
            raise KeyboardInterrupt
        return {name: 1.0}

    monkeypatch.setattr(harness, "commit", lambda: "one")
    monkeypatch.setattr(forgetting, "_nights", partial(part, "nights"))
    monkeypatch.setattr(forgetting, "_deletion", partial(part, "deletion"))
    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path, Sleeper)
    assert ran(tmp_path, Sleeper) == {"nights": 1.0, "deletion": 1.0}
    assert parts == ["nights", "deletion", "deletion"]


def test_a_quick_run_tells_what_real_nights_do(tmp_path: Path, tiny_model: Path) -> None:
    def open_memory(folder: str, **settings: Any) -> Memory:
        return Memory(folder, embedder="hash:256", effort="quick", **settings)

    found = ran(tmp_path, open_memory, "--quick", "--model", str(tiny_model))
    assert {re.sub(r"\d", "N", name) for name in found if name.startswith("after")} == {"after_N.of_N"}
    assert {name: found[name] for name in ZEROS if name in found} == dict.fromkeys(set(ZEROS) & found.keys(), 0.0)
    assert found["deleted.text_before"] > 0.0
    assert 0.0 <= found["settled"] <= 1.0
    assert found.get("deleted.identical", 1.0) == 1.0
