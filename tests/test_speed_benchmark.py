"""The race between recipes: clocks, batches and weights of the others, and a quick run of it all."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import tiny
import torch

from benchmarks import harness, speed, stock
from benchmarks.stock import Contender, Stock
from slowwave import Settings
from slowwave.consolidation.recipes import recipe_for
from slowwave.consolidation.rows import Row
from slowwave.model import BaseModel, Encoded, Slot

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # PEFT asks the old way


class TestClock:
    def test_it_stands_while_the_contender_is_examined(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock, looks = 0.0, list[int]()

        def passed() -> bool:
            nonlocal clock
            clock += 100.0
            looks.append(one.steps)
            return one.steps >= 4

        monkeypatch.setattr(time, "perf_counter", lambda: clock)
        one = Contender(passed, every=2)
        one.start()
        for number in range(1, 8):
            clock += 1.0
            assert one.step() == (number >= 4)
        one.stop()
        one.examine()
        assert looks == [2, 4]
        assert one.known == (4.0, 4)
        assert (one.seconds, one.steps) == (7.0, 7)

    def test_it_looks_after_the_last_step_too(self) -> None:
        one = Contender(lambda: True, every=10)
        one.start()
        assert not one.step()
        assert one.step(last=True)
        assert one.known is not None
        assert one.known[1] == 2

    def test_ratios_are_bounds_where_the_other_did_not_get_there(self) -> None:
        ours = Contender(lambda: True, 1, seconds=9.0, known=(2.0, 5))
        slow = Contender(lambda: False, 1, seconds=10.0)
        there = Contender(lambda: True, 1, seconds=10.0, known=(8.0, 5))
        assert speed._against(ours, "plain", slow) == {"plain_at_least": 5.0}
        assert speed._against(ours, "plain", there) == {"plain_over_ours": 4.0}
        assert speed._against(slow, "plain", there) == {}


class TestExam:
    def test_it_gives_up_when_too_many_are_missed(self, base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []
        right = [True] * 50

        def marks(self: speed.Exam, slot: Slot, start: int, end: int) -> list[bool]:
            asked.append(start)
            return right[start:end]

        monkeypatch.setattr(speed.Exam, "_marks", marks)
        exam, slot = speed.Exam(base, [Encoded((1,), 1)] * 50, ["1"] * 50), base.slot(base.shape(1))
        right[40] = False
        assert exam.passed(slot)
        assert exam.recall(slot) == 0.98
        right[3] = False
        asked.clear()
        assert not exam.passed(slot)
        assert asked == [0, 16, 32]
        right[4] = False
        asked.clear()
        assert not exam.passed(slot)
        assert asked == [0]


class TestStock:
    def test_a_batch_is_padded_and_prompts_are_not_learned(self) -> None:
        batch = stock.collate([Encoded((5, 6, 7), 2), Encoded((8, 9), 0)], pad=3)
        assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 3]]
        assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
        assert batch["labels"].tolist() == [[-100, -100, 7], [8, 9, -100]]

    @pytest.mark.parametrize("layers", ["ffn", "linear"])
    def test_its_weights_are_asked_as_they_are(self, layers: str, base: BaseModel, tiny_model: Path) -> None:
        """PEFT's logits are those of the slot that its weights are copied into."""
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM

        from slowwave.slot import attached

        shape = base.shape(4, layers, own_a=True)
        names = [target.name for target in shape.targets]
        plain = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
        torch.manual_seed(0)
        config = LoraConfig(r=4, lora_alpha=8, target_modules=names, init_lora_weights=False, task_type="CAUSAL_LM")
        model = get_peft_model(plain, config).eval()
        ids = torch.tensor([[3, 14, 15, 92, 65]])
        with torch.no_grad():
            before = base.model(input_ids=ids).logits
            with attached(base.slot(shape, stock.stock_vector(model, shape))):
                ours = base.model(input_ids=ids).logits
            torch.testing.assert_close(ours, model(input_ids=ids).logits, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(ours, before, atol=1e-2)

    def test_it_learns_and_leaves_the_base_model_alone(self, base: BaseModel) -> None:
        weights = {name: value.clone() for name, value in base.model.state_dict().items()}
        row = base.encode([{"role": "user", "content": "Where is it?"}], "Porto")
        looked: list[float] = []

        def passed(slot: Slot) -> bool:
            with torch.no_grad():
                looked.append(float(base.answer_logprobs([row], slot)[0].mean()))
            return looked[-1] > -0.05

        shape = base.shape(8, own_a=True)
        how = Stock(shape, 5e-3, "linear", 2, 0.0, steps=200, last=200)
        one, slot = stock.train_stock(base, how, [row] * 80, passed, every=5, seed=0)
        assert one.known is not None
        assert one.steps == one.known[1] == 5 * len(looked) < 200
        assert looked[-1] > looked[0]
        assert passed(slot)
        now = base.model.state_dict()
        assert now.keys() == weights.keys()
        assert all(torch.equal(now[name], value) for name, value in weights.items())
        assert not any(value.requires_grad for value in base.model.parameters())

    def test_it_is_stopped_at_its_last_step_with_the_schedule_of_all(self, base: BaseModel) -> None:
        row = base.encode([{"role": "user", "content": "Where is it?"}], "Porto")
        how = Stock(base.shape(2, "linear", alpha=2, own_a=True), 1e-5, "cosine", 0, 0.1, steps=50, last=3)
        one, _ = stock.train_stock(base, how, [row] * 8, lambda slot: False, every=10, seed=0)
        assert (one.steps, one.known) == (3, None)
        assert one.seconds > 0

    def test_it_is_stopped_at_an_exam_when_it_takes_too_long(self, base: BaseModel) -> None:
        row = base.encode([{"role": "user", "content": "Where is it?"}], "Porto")
        how = Stock(base.shape(2, own_a=True), 1e-5, "linear", 0, 0.0, steps=50, last=50, longest=0.0)
        one, _ = stock.train_stock(base, how, [row] * 8, lambda slot: False, every=4, seed=0)
        assert (one.steps, one.known) == (4, None)


def test_the_plain_loop_has_our_rows(base: BaseModel) -> None:
    from slowwave.consolidation.train import Course

    lesson = tiny.lesson(tiny.FACTS[:2], "ada")
    recipe = recipe_for(Settings(effort="quick"), base.hidden_size)
    rows = speed.passes(base, lesson, recipe)
    course = Course(base, lesson, recipe)
    first: list[tuple[Row, Encoded]] = []
    for batch in course.batches():
        if course.trained.epochs:
            break
        first += batch
        course.losses.append(0.0)
    assert len(rows) == recipe.epochs * len(first)
    ours = sorted(encoded.ids for _, encoded in first)
    assert ours == sorted(one.ids for one in rows[: len(first)])
    assert [len(one.ids) for one in rows[: len(first)]] != sorted(len(one.ids) for one in rows[: len(first)])


def test_the_papers_rows_hold_question_and_answer_in_one_user_turn(base: BaseModel) -> None:
    asked, numbers = ["Question: Who? Answer:", "Question: What? Answer:"], ["603-556-7631", "705-882-9365"]
    rows = speed.paper_rows(base, asked, numbers, 0)
    assert len(rows) == 1500 * 8
    assert {one.prompt for one in rows} == {0}
    assert len({one.ids for one in rows}) == 2
    text = base.tokenizer.decode(list(rows[0].ids))
    assert text.index("user") < text.index("Answer: ") < text.index("assistant")
    assert rows == speed.paper_rows(base, asked, numbers, 0)


def test_a_random_model_has_the_shape_that_was_asked_for(base: BaseModel) -> None:
    sizes = {"hidden_size": 64, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 8}
    other = speed.random_base(base, sizes)
    assert (other.hidden_size, len(other.targets)) == (64, 6)
    assert other.generate([other.encode([{"role": "user", "content": "Hello"}])], 3)[0].logprobs
    assert speed.ONE_BILLION.keys() == sizes.keys()


def test_a_quick_run_has_every_contender(tmp_path: Path) -> None:
    out = tmp_path / "record.json"
    argv = ["--quick", "--model", str(tiny.FOLDER), "--out", str(out)]
    assert harness.run("speed", speed.__doc__, speed.measure, flags=speed.FLAGS, targets=speed.TARGETS, argv=argv) == 0
    figures = json.loads(out.read_text())["figures"]
    for name in ("ours", "plain", "paper"):
        assert figures[f"{name}.seconds"] > 0
        assert 0 <= figures[f"{name}.recall"] <= 1
    assert figures["paper.steps"] == 6
    assert figures["ours.stopped"] >= figures["ours.seconds"]
    if figures["ours.recall"] >= 0.98:
        for name in ("plain", "paper"):
            assert (f"{name}_at_least" in figures) != (f"{name}_over_ours" in figures)
    assert {f"together.base.{size}.faster" for size in (1, 2)} <= figures.keys()
