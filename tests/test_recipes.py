"""Variants of the training against stock PEFT, transformers' own loss and torch's AdamW; and which of them a night takes."""

from __future__ import annotations

import copy
import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st

from slowwave import Settings
from slowwave.adapters_store.shape import SlotShape, Target, frozen_a, place, row_norms
from slowwave.consolidation.formats import MIXTURES, with_formats
from slowwave.consolidation.recipes import (
    VARIANTS,
    Recipe,
    Variant,
    learning_rate,
    recipe_for,
    scaled,
    variant_recipe,
)
from slowwave.consolidation.rows import TELLING, Lesson, Row, Shares, epoch_rows
from slowwave.consolidation.teacher import ask_teacher, coarse_kl, key_of
from slowwave.consolidation.train import Course, Trained, _enough, _restore, _save, adam_step, train
from slowwave.errors import InvalidInput
from slowwave.loading import load_base
from slowwave.model import BaseModel, Encoded
from slowwave.prompts import conversation
from slowwave.slot import attached

SHAPES = (
    "ffn", "attention", "linear", "ffn upper", "ffn lower", "own a", "linear, own a", "rslora", "dora", "dora, shared a",
)  # fmt: skip
"""Variants that differ in how a module lies in its vector, or in what it does to an input."""
BIASED = Variant("dora on layers with a bias", layers="linear", own_a=True, dora=True)
KINDS = [pytest.param(variant, id=variant.name) for variant in (*(VARIANTS[name] for name in SHAPES), BIASED)]


def recipe_of(base: BaseModel, name: str | Variant, epochs: int = 24) -> Recipe:
    return replace(variant_recipe(Settings(), base.hidden_size, name), epochs=epochs)


def random_vector(shape: SlotShape, seed: int = 0) -> torch.Tensor:
    """A module that changes much, with magnitudes between a half and twice."""
    generator = torch.Generator().manual_seed(seed)
    vector = shape.empty()
    vector[: sum(shape.sizes)] = torch.randn(sum(shape.sizes), generator=generator) * 0.2
    for longer in shape.split_m(vector):
        longer.uniform_(-0.5, 1.0, generator=generator)
    for a in shape.split_a(vector):
        a += torch.randn(a.shape, generator=generator) * 0.05
    return vector


def question(base: BaseModel) -> torch.Tensor:
    return torch.tensor([base.encode(conversation("Where do I live?"), "Porto").ids])


def in_peft(folder: Path, base: BaseModel, recipe: Recipe, vector: torch.Tensor) -> Any:
    """Stock PEFT's model with the weights of a vector copied over."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    shape = recipe.shape(base)
    stock: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    norms = {name: module.weight.norm(dim=1) for name, module in stock.named_modules() if hasattr(module, "weight")
             and module.weight.ndim == 2}  # fmt: skip
    config = LoraConfig(
        r=shape.rank,
        lora_alpha=int(shape.alpha),
        target_modules=[target.name for target in shape.targets],
        use_rslora=recipe.variant.stabilised,
        use_dora=recipe.variant.dora,
        task_type="CAUSAL_LM",
    )
    model: Any = get_peft_model(stock, config)
    layers = dict(model.named_modules())
    parts = zip(shape.targets, shape.split(vector), shape.split_a(vector) or shape.draw_a(), strict=True)
    longer = shape.split_m(vector)
    with torch.no_grad():
        for index, (target, b, a) in enumerate(parts):
            layer = layers[f"base_model.model.{target.name}"]
            layer.lora_A["default"].weight.copy_(a)
            layer.lora_B["default"].weight.copy_(b)
            if longer:
                magnitude = norms[target.name] * (1.0 + longer[index])
                layer.lora_magnitude_vector["default"].weight.copy_(magnitude)
    return model.train(False)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # PEFT asks transformers the old way
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_module_gives_the_logits_of_stock_peft(kind: Variant, base: BaseModel, tiny_model: Path) -> None:
    recipe = recipe_of(base, kind)
    shape = recipe.shape(base)
    vector = random_vector(shape)
    ids = question(base)
    with torch.no_grad():
        plain = base.model(input_ids=ids).logits
        with attached(base.slot(shape, vector)):
            ours = base.model(input_ids=ids).logits
        theirs = in_peft(tiny_model, base, recipe, vector)(input_ids=ids).logits
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(ours, plain, atol=1e-1), "the module changes nothing"


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("kind", [VARIANTS["rslora"], VARIANTS["dora"], BIASED], ids=lambda kind: kind.name)
def test_gradients_are_those_of_stock_peft(kind: Variant, base: BaseModel, tiny_model: Path) -> None:
    recipe = recipe_of(base, kind)
    shape = recipe.shape(base)
    vector = random_vector(shape)
    theirs = in_peft(tiny_model, base, recipe, vector)
    slot = base.slot(shape, vector.clone())
    slot.vector.requires_grad_(True)
    slot.refresh()
    row = base.encode(conversation("Where do I live?"), "Porto")
    (-torch.cat(base.answer_logprobs([row], slot)).mean()).backward()
    labels = torch.tensor([[-100] * row.prompt + list(row.ids[row.prompt :])])
    theirs(input_ids=torch.tensor([row.ids]), labels=labels).loss.backward()
    assert slot.vector.grad is not None
    layers = dict(theirs.named_modules())
    weights = dict(base.model.named_modules())
    for index, target in enumerate(shape.targets):
        layer = layers[f"base_model.model.{target.name}"]
        wanted = layer.lora_B["default"].weight.grad
        torch.testing.assert_close(shape.split(slot.vector.grad)[index], wanted, atol=1e-5, rtol=1e-3)
        if shape.own_a:
            wanted = layer.lora_A["default"].weight.grad
            torch.testing.assert_close(shape.split_a(slot.vector.grad)[index], wanted, atol=1e-5, rtol=1e-3)
        if shape.dora:  # ours is a share of the length, theirs the length itself
            wanted = layer.lora_magnitude_vector["default"].weight.grad * weights[target.name].weight.norm(dim=1)
            torch.testing.assert_close(shape.split_m(slot.vector.grad)[index], wanted, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_module_changes_nothing_and_neither_does_one_at_no_strength(kind: Variant, base: BaseModel) -> None:
    shape = recipe_of(base, kind).shape(base)
    ids = question(base)
    with torch.no_grad():
        plain = base.model(input_ids=ids).logits
        for slot in (base.slot(shape), base.slot(shape, random_vector(shape)).at(0.0)):
            with attached(slot):
                torch.testing.assert_close(base.model(input_ids=ids).logits, plain, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_can_be_folded_into_the_weights(kind: Variant, base: BaseModel) -> None:
    shape = recipe_of(base, kind).shape(base)
    vector = random_vector(shape)
    ids = question(base)
    other = BaseModel(copy.deepcopy(base.model), base.tokenizer, base.ref, "cpu")
    other.fold(shape, vector)
    with torch.no_grad(), attached(base.slot(shape, vector)):
        wanted = base.model(input_ids=ids).logits
    with torch.no_grad():
        torch.testing.assert_close(other.model(input_ids=ids).logits, wanted, atol=1e-3, rtol=1e-3)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.floats(0.0, 8.0), st.integers(0, 99))
def test_row_lengths_need_no_large_matrix(out: int, inside: int, rank: int, scale: float, seed: int) -> None:
    torch.manual_seed(seed)
    weight, a, b = (torch.randn(shape, dtype=torch.float64) for shape in ((out, inside), (rank, inside), (out, rank)))
    wanted = (weight + scale * b @ a).norm(dim=1)
    found = row_norms(weight.norm(dim=1).square(), weight @ a.T, a @ a.T, b, scale)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-6)


# -- where the layers lie ----------------------------------------------------------------------------------------------


def test_placements_are_parts_of_the_model(base: BaseModel) -> None:
    def names(layers: str) -> list[str]:
        return [target.name for target in base.shape(2, layers).targets]

    every = [target.name for target in base.linears]
    assert names("linear") == every
    assert names("ffn") == [target.name for target in base.targets] == [name for name in every if ".mlp." in name]
    assert names("attention") == [name for name in every if ".self_attn." in name]
    for kind in ("ffn", "attention", "linear"):
        assert names(f"{kind} lower") + names(f"{kind} upper") == names(kind)
        assert names(f"{kind} 0-0") + names(f"{kind} 1-2") == names(kind)
    assert names("ffn 1-1") == [f"model.layers.1.mlp.{part}_proj" for part in ("gate", "up", "down")]
    assert base.shape(4) == SlotShape(base.targets, 4, 8.0)
    assert base.skill_shape(4) == SlotShape(base.linears, 4, 8.0, own_a=True)
    assert base.skill_shape(4, "ffn") == base.shape(4)


@pytest.mark.parametrize("layers", ["", "mlp", "ffn middle", "ffn 3-9", "ffn 2-1", "ffn 1"])
def test_layers_that_are_not_there_are_refused(layers: str, base: BaseModel) -> None:
    with pytest.raises(InvalidInput, match="layers"):
        base.shape(2, layers)


def test_a_model_without_numbered_blocks_has_no_halves() -> None:
    linears = (Target("up_proj", 2, 2), Target("attn.out", 2, 2))
    assert place(linears, linears[:1], "linear") == linears
    with pytest.raises(InvalidInput, match="no such layers"):
        place(linears, linears[:1], "ffn upper")


@given(st.integers(1, 64), st.booleans())
def test_scales_are_those_of_lora_and_rslora(rank: int, stabilised: bool) -> None:
    shape = SlotShape((Target("x", 3, 2),), rank, 16.0, stabilised=stabilised)
    assert shape.scale == pytest.approx(16.0 / (rank**0.5 if stabilised else rank))


# -- the table ---------------------------------------------------------------------------------------------------------


def test_the_first_variant_is_a_nights(base: BaseModel) -> None:
    recipe = recipe_for(Settings(), base.hidden_size)
    assert recipe == variant_recipe(Settings(), base.hidden_size, next(iter(VARIANTS)))
    assert recipe.shape(base) == base.shape(recipe.rank)
    assert recipe.shares == Shares()
    assert recipe.learning_rate == learning_rate(base.hidden_size, 8)
    assert {name for name, variant in VARIANTS.items() if variant.name != name} == set()


@pytest.mark.parametrize("name", VARIANTS)
def test_what_a_night_may_publish_lies_in_a_memorys_slot_and_the_rest_is_refused(name: str, base: BaseModel) -> None:
    recipe = recipe_of(base, name)
    same = recipe.shape(base) == base.shape(Settings().rank)
    assert VARIANTS[name].publishable == same
    assert VARIANTS[name].mergeable == recipe.shape(base).mergeable
    if same:
        assert recipe_for(Settings(), base.hidden_size, name).variant.name == name
    else:
        with pytest.raises(InvalidInput, match=name) as refused:
            recipe_for(Settings(), base.hidden_size, name)
        assert VARIANTS[name].obstacle in str(refused.value)
    assert (
        Recipe(**{**json.loads(json.dumps(recipe.as_json())), "shares": recipe.shares, "variant": recipe.variant})
        == recipe
    )


def test_what_is_no_variant_is_refused(base: BaseModel) -> None:
    with pytest.raises(InvalidInput, match="Unknown variant"):
        variant_recipe(Settings(), base.hidden_size, "magic")
    for bad in ({"teacher": 1.5}, {"ratio": 0.0}, {"every": 0}, {"mixture": "soup"}):
        with pytest.raises(InvalidInput):
            replace(VARIANTS["ffn"], **bad)


def test_a_larger_rank_learns_more_slowly_unless_its_scale_sees_to_it(base: BaseModel) -> None:
    plain, stable = recipe_of(base, "ffn"), recipe_of(base, "rslora")
    assert scaled(plain, 4, base.hidden_size).learning_rate == pytest.approx(plain.learning_rate / 2)
    assert scaled(stable, 4, base.hidden_size).learning_rate == stable.learning_rate
    assert scaled(plain, 4, base.hidden_size).rank == 32
    # At rank 8 both change the weights alike in a step: rate times scale.
    scales = [one.shape(base).scale * one.learning_rate for one in (plain, stable)]
    assert scales[0] == pytest.approx(scales[1])


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_learns(name: str, base: BaseModel, tiny_lesson: Lesson) -> None:
    recipe = recipe_of(base, name, epochs=4)
    trained = train(base, tiny_lesson, recipe)
    assert trained.vector.shape == (recipe.shape(base).size,)
    assert bool(torch.isfinite(trained.vector).all())
    assert trained.losses[-1] < 0.9 * trained.losses[0]


@pytest.mark.parametrize("name", ["linear, own a", "lora+", "dora", "distilled", "whole", "sparing", "all"])
def test_a_killed_run_of_any_kind_goes_on_to_the_same_bits(
    name: str, base: BaseModel, tiny_lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, learn = recipe_of(base, name, epochs=4), Course.learn
    straight = train(base, tiny_lesson, recipe)

    def kill(stage: str, done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(base, tiny_lesson, recipe, tmp_path / "part", kill)
    steps: list[int] = []

    def counted(course: Course, loss: torch.Tensor) -> None:
        steps.append(course.trained.steps)
        learn(course, loss)

    monkeypatch.setattr(Course, "learn", counted)
    again = train(base, tiny_lesson, recipe, tmp_path / "part")
    assert 0 < len(steps) < straight.steps, "it went on, and did not begin again"
    assert torch.equal(straight.vector, again.vector)
    assert (straight.losses, straight.sure) == (again.losses, again.sure)


def test_what_a_checkpoint_holds_lies_in_memory_as_what_was_never_saved(base: BaseModel, tmp_path: Path) -> None:
    """In a file numbers lie anywhere; the bits of a vectorised sum follow from where they lie."""
    shape = recipe_of(base, "dora").shape(base)
    file, history = tmp_path / "part", Trained(vector=shape.empty())
    kept = {
        name: torch.full((shape.size,), value)
        for value, name in zip((1.0, 2.0, 3.0, 4.0), ("vector", "mean", "first", "second"), strict=True)
    }
    for passes in range(8):
        history.losses = [0.5] * passes  # what stands before the numbers is as long as the history
        _save(file, kept, history)
        state, trained = _restore(file, shape, "cpu")
        assert trained.losses == history.losses
        assert {name: float(tensor.mean()) for name, tensor in state.items()} == {
            n: float(t.mean()) for n, t in kept.items()
        }
        assert [tensor.data_ptr() % 64 for tensor in state.values()] == [0, 0, 0, 0]


def test_a_checkpoint_without_a_mean_is_started_over(
    base: BaseModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as a version before wrote."""
    shape, file = recipe_of(base, "ffn").shape(base), tmp_path / "part"
    kept = {name: torch.ones(shape.size) for name in ("vector", "first", "second")}
    _save(file, kept, Trained(vector=kept["vector"], epochs=3))
    state, trained = _restore(file, shape, "cpu")
    assert trained.epochs == 0
    assert not any(bool(tensor.any()) for tensor in state.values())
    assert "started over" in caplog.text


@pytest.mark.parametrize("averaged", [0, 1, 2])
def test_a_module_is_the_mean_of_its_last_steps(
    averaged: int, base: BaseModel, tiny_lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the sum in numpy: a plain mean up to the span, then each step counts for a share of one in span."""
    vectors: list[np.ndarray[Any, Any]] = []
    learn = Course.learn

    def noted(course: Course, loss: torch.Tensor) -> None:
        learn(course, loss)
        vectors.append(course.slot.vector.detach().numpy().astype(np.float64))

    monkeypatch.setattr(Course, "learn", noted)
    recipe = replace(recipe_of(base, "own a", epochs=5), averaged=averaged, patience=9)
    span = averaged * Course(base, tiny_lesson, recipe).total / recipe.epochs
    trained = train(base, tiny_lesson, recipe)
    assert len(vectors) == trained.steps > span + 1
    mean = np.mean(vectors[: max(1, int(span))], axis=0)
    for vector in vectors[max(1, int(span)) :]:
        mean += (vector - mean) / max(1.0, span)
    np.testing.assert_allclose(trained.vector.numpy(), mean, atol=2**-7 * np.abs(mean).max())
    if not averaged:
        assert torch.equal(trained.vector, torch.from_numpy(vectors[-1]).to(torch.bfloat16).float())


@pytest.mark.parametrize("ratio", [1.0, 16.0])
def test_lora_plus_is_adamw_with_two_rates(ratio: float) -> None:
    torch.manual_seed(0)
    vector = torch.randn(20, requires_grad=True)
    fast, slow = (part.clone().detach().requires_grad_(True) for part in (vector[:12], vector[12:]))
    groups = [{"params": [fast], "lr": 1e-2}, {"params": [slow], "lr": 1e-2 / ratio}]
    reference = torch.optim.AdamW(groups, weight_decay=0.0)
    state = {"first": torch.zeros(20), "second": torch.zeros(20)}
    for step in range(5):
        goal = torch.randn(20)
        ((vector - goal) ** 2).sum().backward()
        ((fast - goal[:12]) ** 2).sum().backward()
        ((slow - goal[12:]) ** 2).sum().backward()
        adam_step(vector, state, step, 1e-2, clip=1e9, slow=12, ratio=ratio)
        reference.step()
        reference.zero_grad()
    torch.testing.assert_close(vector, torch.cat([fast, slow]), atol=1e-6, rtol=1e-5)


# -- what the loss counts ----------------------------------------------------------------------------------------------


def reference_loss(base: BaseModel, course: Course, batch: list[tuple[Row, Encoded]]) -> float:
    """The mean loss of a batch by transformers, row by row; labels say which tokens count."""
    total, count = 0.0, 0
    for row, encoded in batch:
        whole = row.original or (course.recipe.variant.whole and row.form == "closed")
        hidden = 1 if whole else encoded.prompt
        labels = torch.tensor([[-100] * hidden + list(encoded.ids[hidden:])])
        with torch.no_grad():
            loss = base.model(input_ids=torch.tensor([encoded.ids]), labels=labels).loss
        total, count = total + float(loss) * (len(encoded.ids) - hidden), count + len(encoded.ids) - hidden
    return total / count


@pytest.mark.parametrize("name", ["ffn", "whole", "original+qa"])
def test_the_loss_is_that_of_transformers(name: str, base: BaseModel, tiny_lesson: Lesson) -> None:
    course = Course(base, tiny_lesson, recipe_of(base, name, epochs=1))
    forms = set()
    for batch in course.batches():
        loss = course.loss(batch, course.ask(course.asked(batch), course.slot))
        assert float(loss.detach()) == pytest.approx(reference_loss(base, course, batch), abs=1e-4)
        course.losses.append(float(loss.detach()))  # no step: the module stays empty
        forms |= {row.form for row, _ in batch}
    assert ("original" in forms) == (name == "original+qa")


def test_prompts_with_facts_in_them_are_never_learned(base: BaseModel, tiny_lesson: Lesson) -> None:
    """Some of those facts are invented: that is what they are there for."""
    course = Course(base, tiny_lesson, recipe_of(base, "whole"))
    for row in epoch_rows(tiny_lesson, 0, 0, Shares()):
        encoded = base.encode(row.messages, row.answer)
        (asked,) = course.asked([(row, encoded)])
        assert asked.ids == encoded.ids
        assert asked.prompt == (1 if row.form == "closed" else encoded.prompt)


# -- the teacher -------------------------------------------------------------------------------------------------------


@given(st.integers(2, 30), st.integers(1, 30), st.integers(0, 999), st.floats(0.1, 8.0))
def test_the_coarse_divergence_is_between_nothing_and_the_whole_one(
    words: int, top: int, seed: int, sharpness: float
) -> None:
    torch.manual_seed(seed)
    teacher, student = (torch.log_softmax(sharpness * torch.randn(3, words), dim=1) for _ in range(2))
    known = teacher.topk(min(top, words), dim=1)
    coarse = coarse_kl(student, known.indices, known.values)
    whole = (teacher.exp() * (teacher - student)).sum(dim=1)
    assert bool((coarse >= -1e-4).all())
    assert bool((coarse <= whole + 1e-4).all())
    if top >= words:
        torch.testing.assert_close(coarse, whole, atol=1e-4, rtol=1e-4)
    same = coarse_kl(teacher, known.indices, known.values)
    torch.testing.assert_close(same, torch.zeros(3), atol=1e-4, rtol=0.0)


def test_the_likeliest_tokens_are_those_of_a_plain_forward_pass(base: BaseModel) -> None:
    rows = [
        base.encode(conversation(q), a) for q, a in (("Where do I live?", "Porto"), ("Who is it?", "My sister Clara"))
    ]
    found = base.answer_topk(rows, 5)
    spread = base.answer_distributions(rows)
    for row, (ids, logs), whole, right in zip(rows, found, spread, base.answer_logprobs(rows), strict=True):
        with torch.no_grad():
            logits = base.model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)[row.prompt - 1 : -1]
        torch.testing.assert_close(whole, logits, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(logs, logits.topk(5, dim=1).values, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(logits.gather(1, ids), logs, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(right, whole.gather(1, torch.tensor(row.ids[row.prompt :])[:, None])[:, 0])


def test_the_teacher_sees_the_fact(base: BaseModel, tiny_lesson: Lesson) -> None:
    lesson = with_formats(tiny_lesson, MIXTURES["all"])
    known = ask_teacher(base, lesson, 1000)
    rows = [Row("closed", name, p.question, p.answer) for name, pairs in lesson.trained.items() for p in pairs]
    better = 0
    for row in rows:
        ids, logs = known[key_of(row)]
        encoded = base.encode(row.messages, row.answer)
        (alone,) = base.answer_distributions([encoded])
        said = torch.tensor(encoded.ids[encoded.prompt :])[:, None]
        taught = logs[ids == said]  # of the right token at each position
        assert len(taught) == len(said)
        better += float(taught.sum()) > float(alone.gather(1, said).sum())
    assert better / len(rows) > 0.9
    assert {key_of(row) for told in lesson.told.values() for row in told if not row.original} <= known.keys()


def test_the_distilled_loss_mixes_both(base: BaseModel, tiny_lesson: Lesson) -> None:
    """Hard loss and divergence computed apart, from the teacher's and the student's whole distributions."""
    recipe = recipe_of(base, replace(VARIANTS["distilled"], teacher=0.25, top=1000))
    course = Course(base, tiny_lesson, recipe)
    facts = {fact.id: fact for fact in tiny_lesson.facts}
    batch = next(batch for batch in course.batches() if {row.form for row, _ in batch} >= {"closed"})
    loss = float(course.loss(batch, course.ask(course.asked(batch), course.slot)).detach())
    tokens: list[float] = []
    for row, encoded in batch:
        (student,) = base.answer_distributions([encoded])
        hard = -student.gather(1, torch.tensor(encoded.ids[encoded.prompt :])[:, None])[:, 0]
        if row.form in {"closed", "distractors"}:
            from slowwave.prompts import render_fact

            prompt = conversation(row.question, [render_fact(facts[row.fact_id])])
            (teacher,) = base.answer_distributions([base.encode(prompt, row.answer)])
            tokens += (0.75 * hard + 0.25 * (teacher.exp() * (teacher - student)).sum(dim=1)).tolist()
        else:
            tokens += hard.tolist()
    assert loss == pytest.approx(sum(tokens) / len(tokens), abs=1e-3)


# -- sparing what is known ---------------------------------------------------------------------------------------------


def shown(course: Course) -> list[list[Row]]:
    """The rows of each pass, as `train` would see them; every row counts as sure."""
    passes: list[list[Row]] = []
    for batch in course.batches():
        if len(passes) == course.trained.epochs:
            passes.append([])
        passes[-1] += [row for row, _ in batch]
        course.loss(batch, [torch.zeros(len(encoded.ids) - encoded.prompt) for _, encoded in batch])
        course.losses.append(0.0)
    return passes


def test_rows_that_were_sure_twice_are_shown_in_every_third_pass(base: BaseModel, tiny_lesson: Lesson) -> None:
    recipe = replace(recipe_of(base, "sparing", epochs=8), patience=9)
    spared = {"closed", "true_fact", "distractors"}
    passes = shown(Course(base, tiny_lesson, recipe))
    again = [[row for row in rows if row.form in spared] for rows in passes]
    plain = shown(Course(base, tiny_lesson, replace(recipe, variant=VARIANTS["ffn"])))
    assert passes[:2] == plain[:2]
    for number in (3, 6):
        assert passes[number] == plain[number], "a third pass shows everything"
    for number in (4, 5, 7):
        assert len(again[number]) < len(again[3]) / 2
        left = [row for row in plain[number] if row.form not in spared]
        assert sorted(map(repr, left)) == sorted(repr(row) for row in passes[number] if row.form not in spared)


def test_a_row_that_is_no_longer_sure_comes_back(base: BaseModel, tiny_lesson: Lesson) -> None:
    course = Course(base, tiny_lesson, replace(recipe_of(base, "sparing", epochs=5), patience=9))
    passes: list[set[str]] = []
    for batch in course.batches():
        if len(passes) == course.trained.epochs:
            passes.append(set())
        passes[-1] |= {row.fact_id for row, _ in batch if row.form == "closed"}
        hazy = tiny_lesson.facts[0].id  # one fact is only just recalled
        said = [torch.full((len(e.ids) - e.prompt,), -0.5 if row.fact_id == hazy else 0.0) for row, e in batch]
        course.loss(batch, said)
        course.losses.append(0.0)
    assert passes[4] == {tiny_lesson.facts[0].id}
    assert course.trained.recalled == [1.0] * 5, "what is spared counts as recalled"


def test_nothing_is_spared_by_default(base: BaseModel, tiny_lesson: Lesson) -> None:
    course = Course(base, tiny_lesson, replace(recipe_of(base, "ffn", epochs=5), patience=9))
    sizes = {len(rows) for rows in shown(course)}
    assert len(sizes) == 1
    assert course.trained.sure == {}


def test_texts_of_facts_are_not_in_the_names_of_what_is_sure(base: BaseModel, tiny_lesson: Lesson) -> None:
    course = Course(base, tiny_lesson, replace(recipe_of(base, "sparing", epochs=3), patience=9))
    shown(course)
    assert course.trained.sure
    assert not any("Porto" in name or name.count("-") for name in course.trained.sure)


# -- formats in the training -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["summary", "original"])
def test_without_questions_the_texts_themselves_must_be_recalled(
    name: str, base: BaseModel, tiny_lesson: Lesson
) -> None:
    """Training that has no closed-book row would otherwise stop after three passes, with nothing learned."""
    trained = train(base, tiny_lesson, recipe_of(base, name, epochs=4))
    assert trained.epochs == 4
    assert trained.recalled[0] < 0.5


def test_told_rows_decide_nothing_where_questions_are_asked(base: BaseModel, tiny_lesson: Lesson) -> None:
    course = Course(base, tiny_lesson, recipe_of(base, "all"))
    for batch in course.batches():
        told = [(row, encoded) for row, encoded in batch if row.form in TELLING]
        if told:
            before = copy.deepcopy(course.marks)
            course.loss(told, [torch.full((len(one.ids) - one.prompt,), -9.0) for one in course.asked(told)])
            assert course.marks == before
            break
    else:
        pytest.fail("no told row was shown")


def test_the_same_seed_gives_the_same_module_whatever_ran_before(tiny_model: Path) -> None:
    base = load_base(Settings(model=str(tiny_model), dtype="float32"))
    lesson = tiny.lesson(tiny.FACTS[:2], "ada")
    recipe = replace(recipe_for(Settings(), base.hidden_size), epochs=3)
    first = train(base, lesson, recipe).vector
    for name in ("dora", "distilled"):
        train(base, lesson, recipe_of(base, name, epochs=1))
    random.seed(1)
    torch.manual_seed(1)
    assert torch.equal(first, train(base, lesson, recipe).vector)


# -- when it is enough -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recalled", "read", "enough"),
    [
        ([1.0, 0.8, 0.0], [0.9, 0.6, 0.0], True),  # known and read on the average, a pass ago
        ([0.85, 0.95, 0.0], [0.75, 0.75, 0.0], True),  # which is 1.7999999999999998 of 1.8
        ([0.0, 1.0, 1.0], [1.0, 1.0, 1.0], False),  # known, but only now
        ([1.0, 0.7, 1.0], [1.0, 1.0, 1.0], False),
        ([1.0, 1.0, 1.0], [0.9, 0.5, 1.0], False),
        ([1.0, 1.0], [1.0, 1.0], False),
        ([], [], False),
    ],
)
def test_it_is_enough_so_many_passes_after_everything_was_known(
    recalled: list[float], read: list[float], enough: bool, base: BaseModel
) -> None:
    recipe = replace(recipe_of(base, "ffn"), patience=2, further=1, recalled=0.9, read=0.75)
    trained = Trained(torch.zeros(1), epochs=len(recalled), recalled=recalled, read=read)
    assert _enough(trained, recipe) is enough


def test_the_rate_never_falls_below_its_tenth(base: BaseModel) -> None:
    """Passes are packed alike, not the same: there can be a few steps more than were counted."""
    recipe = recipe_of(base, "ffn")
    assert recipe.rate(100, 100) == recipe.rate(300, 100) == pytest.approx(0.1 * recipe.learning_rate)
    assert recipe.rate(50, 100) == pytest.approx(0.55 * recipe.learning_rate)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_a_gradient_that_is_no_number_costs_its_step_and_no_more(bad: float) -> None:
    vector, state = torch.zeros(4, requires_grad=True), {"first": torch.zeros(4), "second": torch.zeros(4)}
    vector.grad = torch.ones(4)
    adam_step(vector, state, 0, 1e-3)
    before = [one.detach().clone() for one in (vector, *state.values())]
    vector.grad = torch.tensor([bad, 1.0, 1.0, 1.0])
    adam_step(vector, state, 1, 1e-3)
    assert vector.grad is None
    assert all(torch.equal(one, other) for one, other in zip(before, (vector, *state.values()), strict=True))
    vector.grad = torch.ones(4)
    adam_step(vector, state, 2, 1e-3)
    assert bool((vector < before[0]).all())


def test_the_shared_as_do_not_depend_on_the_default_device(base: BaseModel) -> None:
    target = base.targets[0]
    wanted = frozen_a(target, 4, 3)
    with torch.device("meta"):
        assert torch.equal(frozen_a(target, 4, 3), wanted)
