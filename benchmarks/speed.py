"""Seconds until a module knows its facts: the recipe of a night against the paper's and against stock PEFT and transformers.

Phone numbers, taught to one module in three ways, in one process with the same threads, one after another:
"ours": what a night does. "plain": the same rows, layers, rank and steps of warming up in transformers' Trainer on a stock PEFT
model: A and B trained, batches of 8 in random order, padded to the longest. "paper": the recipe of "Understanding LoRA as
Knowledge Memory" (arXiv 2603.01097): question and answer in one user turn, every token learned, all linear layers, alpha equal
to the rank, dropout 0.1, learning rate 5e-5 with a cosine over 1,500 steps, batches of 8.

Each is asked every few rows, by generation, for all numbers in a wording that it was trained in; the clock stands meanwhile.
Ours is asked as it would be published, as the running mean of its vector; the others as they are.
"seconds" is the training until 0.98 of them are right, "stopped" what ours takes until it stops by itself. One that ended before
has a lower bound in place of a ratio ("plain_at_least", "paper_at_least") and its recall tells how far it was. "unseen": recall
in wordings that nobody trained, in the end. Making questions is left out: ours and plain share them. What is timed is timed in
one process, so a seed that was stopped begins again; only the second half is kept apart.

Second half: facts that get one pass a second when several modules are taught in one forward pass, and one after another: 1, 8 and
64 of the base model and of a randomly initialised Llama of 1B on a CUDA device, else 1, 2 and 4 of the base model.

With --data: numbers of the paper's phone book, drawn by the seed after its first hundred; without: made up from the seed.
Time: --facts 16 takes half an hour a seed on two CPU cores with the default model; by estimate 48 take more than an hour, and
--paper-steps 1500 adds one.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.capacity import start, whole_numbers, wordings, written
from benchmarks.harness import Figures, Flag, Options, Target, ratio, remembered, run
from benchmarks.marks import assert_unseen, questions_of
from benchmarks.phonebook import TRAINED, UNSEEN, entries, first_number
from benchmarks.reading import stored
from benchmarks.stock import BATCH, Contender, Stock, train_stock, waiting

if TYPE_CHECKING:
    from slowwave.consolidation.recipes import Recipe
    from slowwave.consolidation.rows import Lesson
    from slowwave.model import BaseModel, Encoded, Slot

__all__ = ["Exam", "measure", "paper_rows", "passes", "random_base"]

FLAGS = (
    Flag("facts", 48, "how many numbers are learned", quick=4),
    Flag("check", 20, "after how many times 8 rows the numbers are asked, again and again", quick=6),
    Flag("paper-steps", 150, "after how many of its 1,500 steps the paper's recipe is stopped", quick=6),
    Flag("plain-rate", 2 / 3, "the plain loop's learning rate as a share of ours (trained As want less)"),
    Flag("plain-longest", 4.0, "how many times as long as ours the plain loop may take before it is stopped"),
    Flag("modules", "", "modules at once, as a list (nothing: 1,8,64 on CUDA, 1,2,4 elsewhere)", quick="1,2"),
    Flag("module-facts", 4, "facts of each of these modules", quick=2),
    Flag("rounds", 3, "how often these are timed", quick=1),
)
TARGETS = {"paper_over_ours": Target(least=10.0), "plain_over_ours": Target(least=2.0)}
TARGETS |= {name.replace("over_ours", "at_least"): target for name, target in TARGETS.items()}
_KNOWN = 0.98
_LONGEST = 24
"""Tokens of an answer."""
_PAPER_STEPS = 1500
ONE_BILLION = {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32}
"""The shape of a Llama of 1B; eight heads of keys and values."""


@dataclass(frozen=True)
class Exam:
    """The prompts that a contender is asked, and their numbers."""

    base: BaseModel
    prompts: Sequence[Encoded]
    numbers: Sequence[str]

    def recall(self, slot: Slot) -> float:
        """The share that is answered with exactly the number."""
        return statistics.fmean(self._marks(slot, 0, len(self.prompts)))

    def passed(self, slot: Slot, batch: int = 16) -> bool:
        """Whether `_KNOWN` of them are; given up as soon as too many are not."""
        missed = 0
        for first in range(0, len(self.prompts), batch):
            missed += self._marks(slot, first, first + batch).count(False)
            if missed > (1.0 - _KNOWN) * len(self.prompts):
                return False
        return True

    def _marks(self, slot: Slot, first: int, end: int) -> list[bool]:
        said = self.base.generate(self.prompts[first:end], _LONGEST, slot)
        return [first_number(one.text) == number for one, number in zip(said, self.numbers[first:end], strict=True)]


def measure(options: Options, seed: int) -> Figures:
    """The race, then the modules side by side."""
    # Figures that are compared are timed in one process: the race has no parts that are kept.
    figures = dict(_race(options, seed))
    return figures | remembered(options, f"seed{seed}.together", partial(_together, options, seed))


# -- the race ----------------------------------------------------------------------------------------------------------


def _race(options: Options, seed: int) -> Figures:
    from slowwave.consolidation.canary import NIGHTLY, rehearsal
    from slowwave.prompts import conversation

    base, recipe = start(options, seed)
    known = entries(options.whole("facts"), seed, options.data)
    lesson = written(base, stored(known), seed)
    assert_unseen((form.format(name=one.name) for one in known for form in UNSEEN), questions_of(lesson))
    numbers, every = [one.phone for one in known], options.whole("check")
    trained = Exam(base, [base.encode(conversation(wordings(lesson, one)[0])) for one in known], numbers)
    fresh = [UNSEEN[number % len(UNSEEN)].format(name=one.name) for number, one in enumerate(known)]
    unseen = Exam(base, [base.encode(conversation(question)) for question in fresh], numbers)
    rehearsal(base, count=NIGHTLY)  # made once per base model, whatever is learned

    figures: dict[str, float] = {"threads": float(_threads())}
    ours, slot = _ours(base, lesson, recipe, trained, max(1, every * BATCH // recipe.batch))
    figures |= _told("ours", ours, slot, trained, unseen) | {"ours.stopped": ours.seconds}

    rows = passes(base, lesson, recipe)
    steps = len(rows) // BATCH
    shape = replace(recipe.shape(base), own_a=True)
    rate = recipe.learning_rate * float(options.flags["plain-rate"])
    longest = float(options.flags["plain-longest"]) * (ours.known or (ours.seconds, 0))[0]
    plain = Stock(shape, rate, "linear", recipe.warmup, 0.0, steps, steps, longest)
    contender, slot = train_stock(base, plain, rows, trained.passed, every, seed)
    figures |= _told("plain", contender, slot, trained, unseen) | _against(ours, "plain", contender)

    asked = [f"Question: {TRAINED[0].format(name=one.name)} Answer:" for one in known]
    rows = paper_rows(base, asked, numbers, seed)
    paper = Stock(base.shape(recipe.rank, "linear", alpha=recipe.rank, own_a=True), 5e-5, "cosine", 0, 0.1,
                  _PAPER_STEPS, min(_PAPER_STEPS, options.whole("paper-steps")))  # fmt: skip
    trained = Exam(base, [_user_turn(base, text) for text in asked], numbers)
    unseen = Exam(base, [_user_turn(base, f"Question: {question} Answer:") for question in fresh], numbers)
    contender, slot = train_stock(base, paper, rows, trained.passed, every, seed)
    return figures | _told("paper", contender, slot, trained, unseen) | _against(ours, "paper", contender)


def _told(name: str, one: Contender, slot: Slot, trained: Exam, unseen: Exam) -> dict[str, float]:
    """What a contender's figures are; its seconds and steps are those of its whole training if it never knew enough."""
    seconds, steps = one.known or (one.seconds, one.steps)
    figures = {"seconds": seconds, "steps": float(steps), "pace": one.seconds / max(1, one.steps)}
    figures |= {"recall": trained.recall(slot), "unseen": unseen.recall(slot)}
    return {f"{name}.{key}": value for key, value in figures.items()}


def _against(ours: Contender, name: str, other: Contender) -> dict[str, float]:
    """How many times as long as ours another took, or that it took at least so long; nothing if ours did not get there."""
    if ours.known is None:
        return {}
    if other.known is None:
        return {f"{name}_at_least": other.seconds / ours.known[0]}
    return {f"{name}_over_ours": other.known[0] / ours.known[0]}


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _ours(base: BaseModel, lesson: Lesson, recipe: Recipe, exam: Exam, every: int) -> tuple[Contender, Slot]:
    """As `consolidation.train.train`, looked at on the way."""
    from slowwave.consolidation.train import Course

    course = Course(base, lesson, recipe)
    shape = course.slot.shape

    def now() -> Slot:
        return base.slot(shape, course.module())

    one = Contender(lambda: exam.passed(now()), every, waiting(base.device))
    one.start()
    for batch in course.batches():
        course.slot.refresh()
        loss = course.loss(batch, course.ask(course.asked(batch), course.slot))
        loss.backward()
        course.learn(loss)
        one.step()
    one.stop()
    one.examine()
    return one, now()


# -- what the others are taught ----------------------------------------------------------------------------------------


def passes(base: BaseModel, lesson: Lesson, recipe: Recipe) -> list[Encoded]:
    """The rows of all passes that ours may make, each pass in random order: our data, without the order of lengths."""
    from slowwave.consolidation.canary import NIGHTLY, rehearsal
    from slowwave.consolidation.rows import epoch_rows

    ordinary = rehearsal(base, count=NIGHTLY)
    return [
        base.encode(row.messages, row.answer, ends=row.ends, own=row.form == "ordinary")
        for epoch in range(recipe.epochs)
        for row in epoch_rows(lesson, recipe.seed, epoch, recipe.shares, ordinary)
    ]


def paper_rows(base: BaseModel, asked: Sequence[str], numbers: Sequence[str], seed: int) -> list[Encoded]:
    """Rows for all of the paper's steps: one user turn with the answer in it, of which every token is learned."""
    rows = [_user_turn(base, f"{text} {number}", learned=True) for text, number in zip(asked, numbers, strict=True)]
    draw, found = random.Random(seed), list[Any]()
    while len(found) < _PAPER_STEPS * BATCH:
        found += draw.sample(rows, len(rows))
    return found


def _user_turn(base: BaseModel, text: str, *, learned: bool = False) -> Encoded:
    encoded = base.encode([{"role": "user", "content": text}])
    return replace(encoded, prompt=0) if learned else encoded


# -- side by side ------------------------------------------------------------------------------------------------------


def random_base(base: BaseModel, sizes: Mapping[str, int]) -> BaseModel:
    """A randomly initialised Llama of a shape, with the tokenizer, the device and the number type of another model."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from slowwave.adapters_store.manifest import BaseRef
    from slowwave.model import BaseModel

    ids = {name: getattr(base.tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    wide: dict[str, Any] = {"max_position_embeddings": 2048, "num_key_value_heads": 8, **sizes, **ids}
    with torch.device(base.device):
        model: Any = LlamaForCausalLM(LlamaConfig(vocab_size=len(base.tokenizer), **wide))
    model.to(base.model.dtype).requires_grad_(False).train(False)
    return BaseModel(model, base.tokenizer, BaseRef(name="random", sha256=""), base.device)


def _together(options: Options, seed: int) -> Figures:
    import torch

    base, recipe = start(options, seed)
    gpu = base.device.startswith("cuda") and torch.cuda.is_available()
    sizes = whole_numbers(str(options.flags["modules"]) or ("1,8,64" if gpu else "1,2,4"), "modules")
    each, rounds = options.whole("module-facts"), options.whole("rounds")
    book = entries(each * sizes[-1], seed, options.data)
    lessons = [written(base, stored(book[at : at + each]), seed) for at in range(0, len(book), each)]
    # One pass and no more, whatever is recalled.
    once = replace(recipe, epochs=1, patience=2)
    figures = _side_by_side("base", base, lessons, once, sizes, rounds)
    if gpu:
        larger = random_base(base, ONE_BILLION)
        figures |= _side_by_side("random_1b", larger, lessons, once, sizes, rounds)
    return figures


def _side_by_side(
    label: str, base: BaseModel, lessons: Sequence[Lesson], once: Recipe, sizes: Sequence[int], rounds: int
) -> dict[str, float]:
    from slowwave.consolidation.together import train_many
    from slowwave.consolidation.train import train

    figures: dict[str, float] = {}
    for size in sizes:
        some = lessons[:size]
        facts = sum(len(one.facts) for one in some)

        def alone(some: Sequence[Lesson] = some) -> None:
            for one in some:
                train(base, one, once)

        def joint(some: Sequence[Lesson] = some) -> None:
            train_many(base, some, once, at_once=len(some))

        found = ratio(alone, joint, rounds=rounds)  # a module that is taught is on the CPU: the work was waited for
        name = f"together.{label}.{size}"
        figures |= {f"{name}.facts_per_second": facts / found.b, f"{name}.alone_facts_per_second": facts / found.a}
        figures[f"{name}.faster"] = found.ratio
    return figures


if __name__ == "__main__":
    sys.exit(run("speed", __doc__, measure, flags=FLAGS, targets=TARGETS))
