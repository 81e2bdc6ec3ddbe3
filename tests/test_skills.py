"""Skills: their files, their training on a real tiny model, and what they do to the base model."""

from __future__ import annotations

import errno
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from slowwave import Memory, Settings
from slowwave.adapters_store.skills import Skill, SkillName, find_skill, identity, load_vector, save_skill, skill_path
from slowwave.consolidation import skilled
from slowwave.consolidation.asking import writer_sheet
from slowwave.consolidation.canary import HARMS, Rehearsed, rehearsal
from slowwave.consolidation.reading import Exercise, reader_sheet
from slowwave.consolidation.rows import Row
from slowwave.consolidation.skilled import CheckedWriter, SkilledWriter, _is_same, built_in_writer
from slowwave.consolidation.skills import SKILLS, SkillRecipe, examine_skill, is_exercise_right, prepare, teach
from slowwave.consolidation.train import _batches
from slowwave.consolidation.writers import write
from slowwave.errors import WeightsError
from slowwave.loading import _load, load_base
from slowwave.model import BaseModel, Encoded, Slot
from slowwave.prompts import chat
from slowwave.types import Fact, Message, Progress, QAPair, no_progress
from slowwave.weights import base_model


def _short(name: str, **changes: object) -> SkillRecipe:
    recipe = SKILLS["reader" if name == "reader" else "writer"]
    return replace(recipe, **{"steps": 4, "sheets": 1, "exam": 2, "passed": 1.1, **changes})  # type: ignore[arg-type]


Scripted = Callable[..., tuple[Skill, list[float]]]
"""Gives a skill, and a fingerprint of what sat each exam."""
SHORT: dict[SkillName, SkillRecipe] = {"reader": _short("reader"), "writer": _short("writer")}


def _encoded(base: BaseModel, seed: int) -> list[list[Encoded]]:
    rng = random.Random(seed)
    sheets = [reader_sheet(rng, 3), writer_sheet(rng)]
    return [[base.encode(one.messages, one.answer) for one in sheet] for sheet in sheets]


@pytest.mark.parametrize("seed", range(6))
def test_branches_are_read_as_if_each_stood_alone(base: BaseModel, seed: int) -> None:
    groups = _encoded(base, seed)
    shape = base.shape(4)
    vector = torch.randn(shape.size, generator=torch.Generator().manual_seed(seed)) * 0.02
    gradients: list[torch.Tensor] = []
    values: list[list[torch.Tensor]] = []
    for branched in (True, False):
        slot = base.slot(shape, vector.clone().requires_grad_(True))
        slot.refresh()
        if branched:
            found = base.branch_logprobs(groups, slot)
        else:
            found = [one for group in groups for one in base.answer_logprobs(group, slot)]
        values.append(found)
        (gradient,) = torch.autograd.grad(torch.cat(found).mean(), slot.vector)
        gradients.append(gradient)
    assert len(values[0]) == len(values[1])
    for one, other in zip(*values, strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("layers", ["linear", "ffn"])
def test_a_folded_skill_is_a_slot_that_is_always_on(tiny_model: Path, layers: str) -> None:
    plain = load_base(Settings(model=str(tiny_model), dtype="float32", skills="off"))
    # A fresh copy: `load_base` shares one with every test.
    folded = _load(base_model(str(tiny_model)), None, "cpu", "float32")
    shape = plain.skill_shape(4, layers)
    assert shape.own_a == (layers == "linear")
    vector = shape.empty() + torch.randn(shape.size, generator=torch.Generator().manual_seed(1)) * 0.02
    folded.fold(shape, vector)
    row = plain.encode([{"role": "user", "content": "Who is Ada?"}], "a nurse")
    with torch.no_grad():
        (on,) = plain.answer_logprobs([row], plain.slot(shape, vector))
        (off,) = plain.answer_logprobs([row])
        (inside,) = folded.answer_logprobs([row])
    torch.testing.assert_close(on, inside, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(off, inside, atol=1e-3)
    with torch.no_grad():
        (nothing,) = plain.answer_logprobs([row], plain.slot(shape))
    assert torch.equal(off, nothing), "an empty skill changes nothing"


def test_a_skill_is_found_again_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path))
    assert find_skill("reader", "a" * 64) is None
    vector = torch.randn(1000).to(torch.bfloat16).to(torch.float32)
    kept = save_skill(skill_path("reader", "a" * 64), "reader", "a" * 64, 8, vector, {"seed": 3})
    again = find_skill("reader", "a" * 64)
    assert again == kept
    assert again is not None
    assert again.needed
    assert torch.equal(load_vector(again), vector)
    assert find_skill("writer", "a" * 64) is None
    assert find_skill("reader", "b" * 64) is None
    content = kept.path.read_bytes()
    kept.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(WeightsError, match="checksum"):
        load_vector(kept)
    kept.path.write_bytes(content[:50])
    with pytest.raises(WeightsError, match="prepare"):
        load_vector(kept)
    assert find_skill("reader", "a" * 64) is None, "half a file is no skill"


def test_the_identity_tells_readers_apart(tmp_path: Path) -> None:
    def reader(sha256: str) -> Skill:
        return Skill("reader", "w", 8, sha256, tmp_path)

    assert identity("w", None) == identity("w", reader("")) == "w"
    assert len({identity("w", None), identity("w", reader("1")), identity("w", reader("2"))}) == 3


def test_the_learning_rate_rises_stays_and_falls_to_a_twentieth() -> None:
    recipe = replace(SKILLS["reader"], steps=100, warmup=10, steady=0.6)
    pace = [recipe.pace(step) for step in range(recipe.steps)]
    assert pace[:10] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert set(pace[10:60]) == {1.0}
    assert pace[80] == pytest.approx(0.05 + 0.95 * 0.5)
    assert pace[60:] == sorted(pace[60:], reverse=True)
    assert 0.05 < pace[-1] < 0.08


def test_exercises_are_told_how_far_the_training_is(base: BaseModel) -> None:
    told: list[float] = []

    def sheet(rng: random.Random, done: float) -> list[Exercise]:
        told.append(done)
        return reader_sheet(rng, 2, done)

    teach(base, _short("reader", sheet=sheet, steps=4), seed=0)
    assert told == [0.0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("name", ["reader", "writer"])
def test_teaching_goes_on_where_it_was_killed(
    base: BaseModel, tmp_path: Path, name: SkillName, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slowwave.consolidation.skills as module

    monkeypatch.setattr(module, "_CHECKPOINT", 1)
    recipe = SHORT[name]
    whole = teach(base, recipe, seed=5)

    class Killed(Exception):
        pass

    def kill(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise Killed

    part = tmp_path / "skill.part"
    with pytest.raises(Killed):
        teach(base, recipe, 5, part, kill)
    assert part.exists()
    steps: list[int] = []
    resumed = teach(base, recipe, 5, part, lambda stage, done, total: steps.append(done))
    assert steps[0] == 2
    assert torch.equal(whole, resumed)
    assert whole.abs().max() > 0
    assert not torch.equal(whole, teach(base, recipe, seed=6))


def test_preparing_trains_examines_and_keeps(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path))
    settings = Settings(model=str(tiny_model), dtype="float32")
    plain = load_base(settings, plain=True)
    stages: list[str] = []
    made = prepare(settings, recipes=SHORT, progress=lambda stage, done, total: stages.append(stage))
    assert {"reader: training", "reader: exam", "writer: training", "writer: exam"} <= set(stages)
    assert not list(tmp_path.rglob("*.part"))
    for skill in made.values():
        marks = {"before", "after"} <= set(skill.details)
        assert marks, "both exams are on record"
        before, after = skill.details["before"], skill.details["after"]
        good = after["mean"] > before["mean"] and all(after[one] <= 1.2 * before[one] for one in HARMS)
        assert skill.needed == good, "worse than nothing is not kept"
    with_reader = load_base(settings)
    assert with_reader.ref.sha256 == identity(plain.ref.sha256, made["reader"])
    stages.clear()
    again = prepare(settings, recipes=SHORT, progress=lambda stage, done, total: stages.append(stage))
    assert {name: one.sha256 for name, one in again.items()} == {name: one.sha256 for name, one in made.items()}
    assert not stages, "nothing is trained twice"
    assert load_base(settings.model_copy(update={"skills": "off"})).ref.sha256 == plain.ref.sha256


def test_a_model_that_passes_gets_no_skill(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path))
    recipes: dict[SkillName, SkillRecipe] = {name: replace(recipe, passed=-1.0) for name, recipe in SHORT.items()}
    made = prepare(Settings(model=str(tiny_model), dtype="float32"), recipes=recipes)
    assert not any(skill.needed for skill in made.values())
    assert all("after" not in skill.details for skill in made.values())


@pytest.mark.parametrize(("harm", "kept"), [(0.05, True), (0.25, False)])
def test_a_skill_that_spoils_the_model_is_refused(
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    harm: float,
    kept: bool,
) -> None:
    import slowwave.consolidation.skills as module

    def marks(base: BaseModel, slot: object, recipe: SkillRecipe, **_: object) -> dict[str, float]:
        return {"mean": float(slot is not None), "neutral": 4 * (1 + harm * (slot is not None)), "instructions": 1.0}

    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "examine_skill", marks)
    recipes: dict[SkillName, SkillRecipe] = {"reader": replace(SHORT["reader"], passed=0.9)}
    made = prepare(Settings(model=str(tiny_model), dtype="float32"), names=("reader",), recipes=recipes)
    assert made["reader"].needed == kept
    assert ("harm (neutral)" in caplog.text) == (not kept)


def test_a_night_prepares_a_model_that_never_was(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slowwave.consolidation.skills as module

    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path / "cache"))
    asked: list[object] = []

    def watched(settings: Settings, **options: object) -> dict[str, Skill]:
        asked.append(options["names"])
        return {}

    monkeypatch.setattr(module, "prepare", watched)
    with Memory(tmp_path / "memory", model=str(tiny_model), embedder="hash:256") as memory:
        memory.consolidate()
    with Memory(tmp_path / "memory", model=str(tiny_model), embedder="hash:256", skills="off") as memory:
        memory.consolidate()
    assert asked == [("reader",)]


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Scripted:
    """Prepares a reader whose exams give the marks of a script, in a cache of its own; also says what was examined."""
    import slowwave.consolidation.skills as module

    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path / "cache"))

    def run(*marks: float, seed: int = 0, again: bool = False, harm: float = 0.0) -> tuple[Skill, list[float]]:
        script, seen = iter(marks), list[float]()

        def marked(base: BaseModel, slot: Slot | None, recipe: SkillRecipe, **_: object) -> dict[str, float]:
            seen.append(0.0 if slot is None else float(slot.vector.abs().sum()))
            return {"mean": next(script), "neutral": 1.0 + harm * (slot is not None), "instructions": 1.0}

        monkeypatch.setattr(module, "examine_skill", marked)
        settings = Settings(model=str(tiny_model), dtype="float32")
        made = prepare(settings, names=("reader",), seed=seed, again=again, recipes=SHORT)
        assert next(script, None) is None, "an exam was not held"
        return made["reader"], seen

    return run


def test_a_new_reader_takes_the_place_of_one_that_is_no_better(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    old, (_, taught) = scripted(0.2, 0.6)
    new, (_, examined, _) = scripted(0.2, 0.6, 0.6, seed=1, again=True)
    assert new.needed
    assert new.sha256 != old.sha256
    assert new.details["replaced"] == old.sha256
    assert "wait for a night" in caplog.text
    found = find_skill("reader", old.base_sha256)
    assert found is not None
    assert found.sha256 == new.sha256
    assert examined == taught, "the old one sat the same exam"


@pytest.mark.parametrize(("after", "harm"), [(0.59, 0.0), (0.9, 0.5), (0.1, 0.0)])
def test_a_new_reader_that_is_worse_or_does_harm_leaves_the_old_one(
    scripted: Scripted, after: float, harm: float, caplog: pytest.LogCaptureFixture
) -> None:
    old, _ = scripted(0.2, 0.6)
    content = old.path.read_bytes()
    again, _ = scripted(0.2, 0.6, after, seed=1, again=True, harm=harm)
    assert again.sha256 == old.sha256
    assert old.path.read_bytes() == content
    assert "the one that is there stays" in caplog.text
    assert again.details["again"]["refused"]
    assert not list(old.path.parent.glob("*.part")), "the next try starts anew"


def test_a_shipped_reader_is_not_hidden_by_a_refusal_and_comes_back(
    scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slowwave.adapters_store.skills as store

    made, _ = scripted(0.2, 0.6)
    shipped = made.path.rename(tmp_path / "shipped.reader.safetensors")
    monkeypatch.setattr(store, "_shipped", lambda name: iter([shipped]))
    kept, _ = scripted(0.2, 0.6, 0.5, seed=1, again=True)
    assert (kept.path, kept.sha256) == (shipped, made.sha256)
    better, _ = scripted(0.2, 0.6, 0.7, seed=1, again=True)
    assert better.path == made.path
    better.path.unlink()
    found = find_skill("reader", made.base_sha256)
    assert found is not None
    assert found.path == shipped


def test_a_refused_skill_says_why(
    scripted: Scripted,
) -> None:
    made, _ = scripted(0.2, 0.2)
    found = find_skill("reader", made.base_sha256)
    assert found is not None
    assert not found.needed
    assert found.refused == "it is no better than the base model alone"
    assert replace(made, details={"before": {}, "after": {}}).refused, "also in a file of an older version"
    assert not replace(made, details={"before": {}}).refused
    assert not replace(made, sha256="ab", details={"after": {}}).refused


def test_a_damaged_reader_is_trained_anew(scripted: Scripted) -> None:
    old, _ = scripted(0.2, 0.6)
    content = old.path.read_bytes()
    old.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    new, _ = scripted(0.2, 0.3, again=True)
    assert new.needed
    assert load_vector(new) is not None


def test_two_preparations_at_once_train_once(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import slowwave.consolidation.skills as module

    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path))
    trained: list[int] = []
    second = threading.Event()

    def slow(base: BaseModel, recipe: SkillRecipe, *_: object) -> torch.Tensor:
        trained.append(threading.get_ident())
        assert second.wait(60)
        return base.skill_shape(recipe.rank, recipe.layers).empty()

    def marks(base: BaseModel, slot: object, recipe: SkillRecipe, **_: object) -> dict[str, float]:
        return {"mean": float(slot is not None), "neutral": 1.0, "instructions": 1.0}

    monkeypatch.setattr(module, "teach", slow)
    monkeypatch.setattr(module, "examine_skill", marks)
    settings = Settings(model=str(tiny_model), dtype="float32")

    def run(progress: Progress) -> str:
        return prepare(settings, names=("reader",), recipes=SHORT, progress=progress)["reader"].sha256

    def waits(stage: str, done: int, total: int) -> None:
        assert stage == "reader: wait for another preparation"
        second.set()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, no_progress)
        while not trained:
            time.sleep(0.01)
        assert pool.submit(run, waits).result(60) == first.result(60)
    assert len(trained) == 1


def test_what_could_not_be_kept_is_not_trained_and_the_night_goes_on(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import slowwave.consolidation.skills as module

    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "skills").write_text("a file where the folder should be")
    monkeypatch.setenv("SLOWWAVE_CACHE", str(cache))
    monkeypatch.setattr(module, "examine_skill", lambda *_, **__: pytest.fail("it was examined"))
    with pytest.raises(WeightsError, match=r"cannot be kept in the cache folder .*SLOWWAVE_CACHE"):
        prepare(Settings(model=str(tiny_model)), names=("reader",))
    with Memory(tmp_path / "memory", model=str(tiny_model), embedder="hash:256") as memory:
        assert memory.consolidate() is not None
    assert "the night goes on without a new reader" in caplog.text


def test_a_disk_that_fills_up_while_training_is_one_clear_error(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    import slowwave.consolidation.skills as module

    def full(*_: object) -> Skill:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_CHECKPOINT", 1)
    monkeypatch.setattr(module, "write_atomically", full)
    monkeypatch.setattr(module, "save_skill", full)
    with pytest.raises(WeightsError, match="No space left"):
        scripted(0.2, 0.6)


def test_the_plain_model_is_put_away_once_there_is_a_reader(scripted: Scripted, tiny_model: Path) -> None:
    from slowwave import loading

    settings = Settings(model=str(tiny_model), dtype="float32")
    plain = load_base(settings, plain=True)
    scripted(0.2, 0.1)
    assert load_base(settings) is plain, "a reader that was refused leaves it in use"
    scripted(0.2, 0.6, again=True)
    assert plain not in loading._loaded.values()
    assert load_base(settings).ref.reader_sha256


def test_prepare_hands_on_seed_and_again_and_says_what_became_of_each_skill(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import slowwave.consolidation.skills as module
    from slowwave import cli, weights

    asked: list[tuple[object, object]] = []
    marks = {"before": {"mean": 0.2}, "after": {"mean": 0.1}}
    base = Skill("reader", "b", 4, "ab", tmp_path)
    made: dict[str, Skill] = {}

    def run(*options: str) -> str:
        ran = CliRunner().invoke(cli.app, ["prepare", *options, "-f", str(tmp_path)], catch_exceptions=False)
        assert ran.exit_code == 0
        return ran.stdout

    def watched(settings: Settings, *, seed: int, again: bool, **_: object) -> dict[str, Skill]:
        asked.append((seed, again))
        return made

    monkeypatch.setattr(weights, "base_model", lambda name, progress: None)
    monkeypatch.setattr(module, "prepare", watched)
    made["reader"] = replace(base, details={**marks, "again": {"refused": "it does harm (prose)"}})
    assert "The new reader was refused: it does harm (prose). The one that was there stays." in run(
        "--again", "--seed", "7"
    )
    made["reader"] = replace(base, details={**marks, "replaced": "cd"})
    assert "modules trained on the old one stay silent" in run()
    made["reader"] = replace(base, sha256="", details={**marks, "refused": "it is no better"})
    assert "The reader was refused: it is no better." in run()
    made["reader"] = replace(base, sha256="", details={"before": {"mean": 1.0}})
    assert "The base model needs no reader." in run()
    assert asked == [(7, True), (0, False), (0, False), (0, False)]


def test_prepare_fetches_the_model_that_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import slowwave.consolidation.skills as module
    from slowwave import cli, weights

    fetched: list[str] = []
    monkeypatch.setattr(weights, "base_model", lambda name, progress: fetched.append(name))
    monkeypatch.setattr(module, "prepare", lambda settings, **options: {})
    ran = CliRunner().invoke(
        cli.app, ["prepare", "somebody/other", "--json", "-f", str(tmp_path)], catch_exceptions=False
    )
    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["model"] == "somebody/other"
    assert fetched == ["somebody/other"]


def test_what_was_true_at_any_time_before_is_a_slip_in_the_exam() -> None:
    moved = Exercise("newer", (), "Lisbon", forbidden="Porto", older=("Faro",))
    told = ["Lisbon", "Porto", "Faro", "Lisbon, before that Porto", "Lisbon, and Faro at first"]
    assert [is_exercise_right(moved, said) for said in told] == [True, False, False, False, False]


def test_the_exam_has_every_mark(base: BaseModel) -> None:
    marks = examine_skill(base, None, SHORT["reader"])
    assert {"present", "absent", "newer", "hostile", "mean", "neutral", "instructions"} <= set(marks)
    assert all(0 <= marks[name] <= 1 for name in ("present", "absent", "mean"))
    assert {"good", "pairs", "mean"} <= set(examine_skill(base, None, SHORT["writer"]))


def test_the_writer_lets_nothing_through_that_the_fact_does_not_say(
    base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    fact = Fact(id="1", text="Ada likes zarfs.", user_id="ada", said_at=datetime(2026, 11, 1, tzinfo=UTC))
    writer = SkilledWriter(base, None)
    drafts = ["What does Ada like?", "What  does Ada like?", "Who likes zarfs?", "What does nobody like?", "zarfs", ""]

    def said(prompts: Sequence[str], max_tokens: int, *_: object, **drawn: object) -> list[_Said]:
        if drawn:  # as many questions as there are samples
            return [_Said(drafts[number % len(drafts)]) for number in range(len(prompts))]
        return [_Said("zarfs\nzarfs\nBen")]

    def read(base: BaseModel, guesses: Sequence[str], max_tokens: int) -> list[str]:
        # One of the questions does not lead back to its answer.
        return ["figs" if "nobody" in prompt else "zarfs" for prompt in guesses]

    monkeypatch.setattr(base, "encode", lambda messages, answer=None: messages[-1]["content"])
    monkeypatch.setattr(base, "generate", said)
    monkeypatch.setattr(skilled, "greedy", read)
    assert writer.answers(fact) == ["zarfs"]
    assert len(writer.draft(fact)) == 4
    assert writer.write(fact) == [QAPair(question="What does Ada like?", answer="zarfs")]


def test_a_span_that_the_reader_finds_by_one_wording_keeps_them_all(
    base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "I bought a red kayak for $650."
    fact = Fact(id="1", text=text, user_id="ada", said_at=datetime(2026, 11, 1, tzinfo=UTC))
    writer = CheckedWriter(base)
    drafted = writer.draft(fact)
    spans = {pair.answer for pair in drafted}
    assert {"$650", "a red kayak"} <= spans
    first = next(pair.question for pair in drafted if pair.answer == "$650")

    def read(base: BaseModel, guesses: Sequence[str], max_tokens: int) -> list[str]:
        return ["$650" if prompt.endswith(first) else "I don't know." for prompt in guesses]

    monkeypatch.setattr(base, "encode", lambda messages, answer=None: messages[-1]["content"])
    monkeypatch.setattr(skilled, "greedy", read)
    kept = writer(fact)
    assert kept == [pair for pair in drafted if pair.answer == "$650"]
    assert len(kept) >= 6


@pytest.mark.parametrize(("read", "answer", "same"), [
    ("the red kayak", "a red kayak", True),
    ("the old bridge", "old bridge in Mostar", True),
    ("6 weeks", "6 months", False),
    ("I don't know.", "I don't know what", False),
    ("", "kayak", False),
    ("kayak", "!", False),
])  # fmt: skip
def test_what_is_read_back_may_be_most_of_the_answer(read: str, answer: str, same: bool) -> None:
    assert _is_same(read, answer) is same


def test_a_base_with_a_reader_reads_back_what_the_rules_write(
    base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path))
    monkeypatch.setattr(base, "ref", base.ref.model_copy(update={"reader_sha256": "ab" * 32}))
    writer = built_in_writer(base)
    assert writer.name == "rules, read back"
    monkeypatch.setattr(skilled, "greedy", lambda base, guesses, max_tokens: ["I don't know." for _ in guesses])
    fact = Fact(id="1", text="I live in Porto.", user_id="ada", said_at=datetime(2026, 11, 1, tzinfo=UTC))
    assert write(fact, writer) == [], "what cannot be read back is not trained, and not filled up by rules either"


@pytest.mark.parametrize(("mean", "name"), [(0.95, "rules, read back"), (0.2, "rules")])
def test_a_base_without_a_reader_reads_back_if_its_marks_are_good(
    base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mean: float, name: str
) -> None:
    """A skill that was refused leaves a base behind that cannot read."""
    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path))
    sha = base.ref.sha256
    save_skill(skill_path("reader", sha), "reader", sha, 4, None, {"before": {"mean": mean}})
    assert built_in_writer(base).name == name


@pytest.mark.parametrize(("details", "name"), [
    ({"before": {"mean": 0.8}}, "rules, read back, and writer"),
    ({"before": {"mean": 0.1}, "after": {"mean": 0.1}}, "rules, read back"),
])  # fmt: skip
def test_a_base_whose_writer_was_refused_does_not_write_by_itself(
    base: BaseModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    details: dict[str, object],
    name: str,
) -> None:
    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path))
    monkeypatch.setattr(base, "ref", base.ref.model_copy(update={"reader_sha256": "ab" * 32}))
    sha = base.ref.sha256
    save_skill(skill_path("writer", sha), "writer", sha, 4, None, details)
    assert built_in_writer(base).name == name


def test_without_a_skill_the_rules_write(base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path))
    assert built_in_writer(base).name == "rules"


class _Said:
    def __init__(self, text: str) -> None:
        self.text = text


def invented_reader(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that was taught nothing, in a cache of its own."""
    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path / "cache"))
    sha = base_model(str(tiny_model)).sha256
    shape = load_base(Settings(model=str(tiny_model), skills="off")).skill_shape(2)
    vector = shape.empty() + torch.randn(shape.size, generator=torch.Generator().manual_seed(3)) * 0.02
    save_skill(skill_path("reader", sha), "reader", sha, 2, vector, {}, "linear")


def test_what_is_not_asked_of_the_memory_is_answered_without_the_reader(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invented_reader(tmp_path, tiny_model, monkeypatch)
    plain = load_base(Settings(model=str(tiny_model), skills="off"))
    base = load_base(Settings(model=str(tiny_model)))
    rows = [base.encode([{"role": "user", "content": "Where do I live?"}], "In Porto.")]
    off = base.without_reader
    assert off is not None
    assert plain.without_reader is None
    (wanted,), (read,), (taken_off,) = (
        one.answer_logprobs(rows, slot) for one, slot in ((plain, None), (base, None), (base, off))
    )
    assert not torch.allclose(read, wanted, atol=1e-3)
    torch.testing.assert_close(taken_off, wanted, atol=1e-5, rtol=1e-5)
    (said,) = plain.generate([plain.encode(chat("Who won?", [Message(role="user", content="Hi")]))], 8)
    for strict in (True, False):
        with Memory(tmp_path / f"memory-{strict}", model=str(tiny_model), embedder="hash:256", strict=strict) as memory:
            asked = not strict  # a strict memory that is asked and has nothing says that it does not know
            answer = memory.ask(
                "Who won?",
                history=[Message(role="user", content="Hi")],
                max_tokens=8,
                use_facts=asked,
                use_modules=asked,
            )
            assert answer.text == said.text.strip()
            assert asked or (answer.source, answer.rule) == ("base", "base")


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_an_exported_base_is_a_plain_model_with_the_reader_in_it(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM
    from typer.testing import CliRunner

    from slowwave.cli import app
    from slowwave.errors import InvalidInput

    invented_reader(tmp_path, tiny_model, monkeypatch)
    arguments = ["export", str(tmp_path / "plain"), "--model", str(tiny_model), "--json"]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == 0, said.output
    base = load_base(Settings(model=str(tiny_model)))
    assert base.ref.reader_sha256
    assert base.ref.sha256 in said.stdout
    stock = AutoModelForCausalLM.from_pretrained(tmp_path / "plain", dtype=torch.float32)
    ids = torch.tensor([base.encode([{"role": "user", "content": "Question: Where do I live?"}]).ids])
    with torch.no_grad():
        torch.testing.assert_close(stock(input_ids=ids).logits, base.model(input_ids=ids).logits)
        plain = load_base(Settings(model=str(tiny_model), skills="off")).model(input_ids=ids).logits
        assert not torch.allclose(stock(input_ids=ids).logits, plain, atol=1e-3)
    assert CliRunner().invoke(app, arguments).exit_code == 1
    with pytest.raises(InvalidInput, match="not empty"):
        base.save(tmp_path / "plain")


def test_a_cut_answer_does_not_teach_the_model_to_stop_there(base: BaseModel) -> None:
    whole, cut = (Rehearsed("How are you?", "Very well", ends) for ends in (True, False))
    end = base.tokenizer.eos_token_id
    assert whole.encoded(base).ids[-1] == end
    assert whole.encoded(base).ids[:-1] == cut.encoded(base).ids
    rows = [Row("ordinary", "", "How are you?", "Very well", ends=ends) for ends in (True, False)]
    ((_, short), (_, long)), *_ = _batches(base, rows, 2, 0)
    assert long.ids == (*short.ids, end), "a night's rows are no different"
    said = rehearsal(base, "instructions")
    assert said
    for one in said:
        assert one.whole == (len(base.tokenizer.encode(one.answer, add_special_tokens=False)) < 24)
