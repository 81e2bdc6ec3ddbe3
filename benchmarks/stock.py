"""Ways to train that are timed against each other, and one of them: a stock PEFT model in transformers' own Trainer."""

from __future__ import annotations

import copy
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from slowwave.adapters_store.shape import SlotShape
    from slowwave.model import BaseModel, Encoded, Slot

__all__ = ["BATCH", "Contender", "Stock", "collate", "stock_vector", "train_stock", "waiting"]

BATCH = 8
"""Rows a step."""


@dataclass(frozen=True)
class Stock:
    """How a stock PEFT model is trained by transformers' Trainer."""

    shape: SlotShape
    rate: float
    scheduler: str
    warmup: int
    dropout: float
    steps: int
    """After which the learning rate is nothing."""
    last: int
    """The step after which it is stopped, whatever it knows."""
    longest: float = math.inf
    """Seconds of training after which it is stopped as soon as it was examined."""


@dataclass
class Contender:
    """One way to train under way: a clock that stands while it is examined."""

    passed: Callable[[], bool]
    every: int
    wait: Callable[[], object] = lambda: None
    """Called before the clock is read: work on a GPU goes on by itself."""
    seconds: float = 0.0
    """Of training so far."""
    steps: int = 0
    known: tuple[float, int] | None = None
    """Seconds and steps after which it knew enough."""
    _since: float = field(default=0.0, repr=False)

    def start(self) -> None:
        """Let the clock run."""
        self.wait()
        self._since = time.perf_counter()

    def step(self, *, last: bool = False) -> bool:
        """After every step; whether it is known to know enough."""
        self.steps += 1
        if self.known is None and (last or self.steps % self.every == 0):
            self.stop()
            self.examine()
            self.start()
        return self.known is not None

    def stop(self) -> None:
        """Let the clock stand."""
        self.wait()
        self.seconds += time.perf_counter() - self._since

    def examine(self) -> None:
        """While the clock stands: note whether it knows enough."""
        if self.known is None and self.passed():
            self.known = (self.seconds, self.steps)


def waiting(device: str) -> Callable[[], object]:
    """What waits until a device has done its work."""
    import torch

    return torch.cuda.synchronize if device.startswith("cuda") else lambda: None


def collate(rows: Sequence[Encoded], pad: int) -> dict[str, torch.Tensor]:
    """A batch padded to its longest row, shape (rows, width) each; what is not learned has the label -100."""
    import torch

    width = max(len(row.ids) for row in rows)
    gaps = [width - len(row.ids) for row in rows]
    labels = [[-100] * row.prompt + list(row.ids[row.prompt :]) for row in rows]
    return {
        "input_ids": torch.tensor([[*row.ids, *[pad] * gap] for row, gap in zip(rows, gaps, strict=True)]),
        "attention_mask": torch.tensor([[1] * (width - gap) + [0] * gap for gap in gaps]),
        "labels": torch.tensor([[*some, *[-100] * gap] for some, gap in zip(labels, gaps, strict=True)]),
    }


def stock_vector(model: Any, shape: SlotShape) -> torch.Tensor:
    """The weights of a PEFT model as the vector of a slot with As of its own, shape (shape.size,): so all are asked alike."""
    import torch

    layers = dict(model.named_modules())
    found = [layers[f"base_model.model.{target.name}"] for target in shape.targets]
    parts = [layer.lora_B["default"].weight for layer in found] + [layer.lora_A["default"].weight for layer in found]
    return torch.cat([part.detach().float().flatten() for part in parts])


def train_stock(
    base: BaseModel, how: Stock, rows: Sequence[Encoded], passed: Callable[[Slot], bool], every: int, seed: int
) -> tuple[Contender, Slot]:
    """A fresh PEFT model on a copy of the base model, trained until it knows enough or its steps are over.

    Args:
        rows: in the order in which they are learned; from the start again when they are over.
        passed: whether a module knows enough; asked after every so many steps and in the end.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    torch.manual_seed(seed)
    model: Any = copy.deepcopy(base.model)
    for module in model.modules():
        module._forward_hooks.clear()  # ours; a stock model has none
    names, shape = [target.name for target in how.shape.targets], how.shape
    model = get_peft_model(model, LoraConfig(r=shape.rank, lora_alpha=int(shape.alpha), lora_dropout=how.dropout,
                                             target_modules=names, task_type="CAUSAL_LM"))  # fmt: skip

    def now() -> Slot:
        return base.slot(shape, stock_vector(model, shape))

    one = Contender(lambda: passed(now()), every, waiting(base.device))

    class Watch(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            one.start()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            last = one.steps + 1 >= how.last
            over = one.step(last=last) or last or one.seconds > how.longest  # seconds are counted at each exam
            control.should_training_stop = over or control.should_training_stop

    pad = base.tokenizer.pad_token_id if base.tokenizer.pad_token_id is not None else base.tokenizer.eos_token_id
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=how.steps,
            per_device_train_batch_size=BATCH,
            learning_rate=how.rate,
            lr_scheduler_type=how.scheduler,
            warmup_steps=how.warmup,
            train_sampling_strategy="sequential",  # the rows lie in random order already, pass by pass
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=base.device == "cpu",
            dataloader_pin_memory=False,
            remove_unused_columns=False,
            seed=seed,
        )
        collator: Any = partial(collate, pad=pad)
        data: Any = list(rows)
        trainer = Trainer(model=model, args=arguments, data_collator=collator, train_dataset=data, callbacks=[Watch()])
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return one, now()
