"""The tiny model is what its config says, small, and as teachable as the tests that stand on it need it to be."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from pytest_socket import SocketConnectBlockedError
from safetensors import safe_open
from transformers import LlamaConfig, LlamaForCausalLM

from slowwave import Memory, Settings
from slowwave.consolidation.gate import Verdict, examine
from slowwave.consolidation.rows import Lesson, epoch_rows
from slowwave.consolidation.train import Recipe, Trained, recipe_for, train
from slowwave.loading import load_base
from slowwave.model import BaseModel

ASKED = {
    "What is my favourite colour?": "green",
    "What is my sister's name?": "Clara",
    "Where do I live?": "Porto",
    "What am I allergic to?": "peanuts",
    "What is my dog called?": "Biscuit",
}
OTHERS = (
    "The phone number of Ann Lee is 555-0199.",
    "I work as a nurse.",
    "I was born in 1987.",
    "My boss is Vera Lund.",
    "I play the violin.",
    "Bo Ek lives in Oslo.",
)


def taught(base: BaseModel, lesson: Lesson, seed: int = 0) -> tuple[Recipe, Trained, Verdict]:
    """With thrice the passes of a night: so small a model needs them to read beside what it learns."""
    usual = recipe_for(Settings(seed=seed), base.hidden_size)
    recipe = replace(usual, epochs=3 * usual.epochs)
    trained = train(base, lesson, recipe)
    slot = base.slot(base.shape(recipe.rank), trained.vector)
    return recipe, trained, examine(base, slot, lesson, "m-tiny", recipe.shares, seed=seed)


def test_the_committed_files_are_small_and_what_the_config_says(tiny_model: Path) -> None:
    written = json.loads((tiny_model / "config.json").read_text(encoding="utf-8"))
    assert {key: written.get(key) for key in tiny.CONFIG} == tiny.CONFIG
    with torch.device("meta"):
        meant = LlamaForCausalLM(LlamaConfig.from_pretrained(tiny_model))
    shapes = {name: list(parameter.shape) for name, parameter in meant.named_parameters()}
    with safe_open(tiny_model / "model.safetensors", framework="pt") as stored:
        slices = {name: stored.get_slice(name) for name in shapes}
        assert set(stored.keys()) == set(shapes)
        assert {name: one.get_shape() for name, one in slices.items()} == shapes
        assert {one.get_dtype() for one in slices.values()} == {"BF16"}
    assert (tiny_model / "model.safetensors").stat().st_size <= 2**20
    assert sum(file.stat().st_size for file in tiny_model.iterdir()) <= 1.25 * 2**20


def test_it_loads_with_a_tokenizer_that_fits(base: BaseModel) -> None:
    assert base.model.config.vocab_size == len(base.tokenizer)
    assert base.tokenizer.chat_template
    assert base.model.generation_config.eos_token_id == base.tokenizer.eos_token_id
    assert all(parameter.dtype == torch.float32 for parameter in base.model.parameters())
    for text in ("green", "555-0199", "I don't know.", "Müller, 7:45 \N{SLEEPING FACE}"):
        assert base.decode(base.tokenizer.encode(text, add_special_tokens=False)) == text


def test_rows_are_short(base: BaseModel, tiny_lesson: Lesson) -> None:
    rows = epoch_rows(tiny_lesson, 0, 0, recipe_for(Settings(), base.hidden_size).shares)
    lengths = sorted(len(base.encode(row.messages, row.answer).ids) for row in rows)
    assert lengths[len(lengths) // 2] <= 80


@pytest.mark.parametrize("texts", [tiny.FACTS, OTHERS], ids=["five", "six others"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_night_ends_by_recall_and_passes_the_gate(base: BaseModel, texts: tuple[str, ...], seed: int) -> None:
    lesson = tiny.lesson(texts, "ada")
    recipe, trained, verdict = taught(base, lesson, seed)
    assert trained.epochs < recipe.epochs, "it went on to the last pass: it did not know enough"
    enough = slice(-recipe.patience - recipe.further, -recipe.further)
    assert sum(trained.recalled[enough]) >= recipe.patience * recipe.recalled
    assert sum(trained.read[enough]) >= recipe.patience * recipe.read
    assert verdict.reading["true_fact"] >= 0.6
    assert verdict.published, verdict.reason
    assert verdict.base_recall == 0.0, "the model must not know what a test teaches it"
    assert sum(report.status == "settled" for report in verdict.facts) >= len(texts) - 1
    assert verdict.reading["absent"] >= 0.5


def test_without_a_module_it_says_that_it_does_not_know(memory: Memory) -> None:
    for question in ASKED:
        answer = memory.ask(question, use_facts=False)
        assert answer.source == "unknown"


def test_a_whole_night_on_it(memory: Memory) -> None:
    memory.add_many(tiny.FACTS, user_id="ada")
    report = memory.consolidate()
    assert report.settled >= 4
    said = {asked: memory.ask(asked, user_id="ada", use_facts=False).text for asked in ASKED}
    assert sum(ASKED[asked] in text for asked, text in said.items()) >= 4


def test_it_can_be_trained_anew(tmp_path: Path) -> None:
    for name in ("one", "two"):
        tiny.pretrain(tmp_path / name, steps=2, lessons=3)
    bits = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert bits[0] == bits[1]
    again = load_base(Settings(model=str(tmp_path / "one")))
    assert {name: list(p.shape) for name, p in again.model.named_parameters()}
    assert again.hidden_size == tiny.CONFIG["hidden_size"]


def test_tests_are_alone(tmp_path: Path) -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert torch.get_num_threads() == 1
    assert [name for name in os.environ if name.startswith("SLOWWAVE_")] == ["SLOWWAVE_CACHE"]
    assert not any(Path(os.environ["SLOWWAVE_CACHE"]).glob("models/*"))
    with (
        socket.socket() as line,
        pytest.warns(UserWarning, match="127.0.0.1"),
        pytest.raises(SocketConnectBlockedError),
    ):
        line.connect(("192.0.2.1", 80))  # an address reserved for documentation
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname(), timeout=5):
            pass
