"""Forgetting that is not wanted, night after night, and forgetting that is: what a deletion leaves.

Nights: each night a memory is told some new phone numbers and consolidates. After every night it is asked closed book, in
wordings that no writer makes, for the numbers of every night so far: "after_N.of_M" is the share of night M's numbers known
after night N, "age_K" the mean over those learned K nights before. "lost" is how much of the first night's recall is gone
after the last, "worst" the largest loss of any night. Small modules are compacted on the way, so this also shows whether
compaction keeps what it compacts.

Deletion: a memory learns numbers in one night, some of the facts are deleted, and it sleeps again. Counted right after the
deletion ("..._left") and, so that a zero means something, before it ("..._before"): files of the memory's folder in which a
deleted name or number stands (text; "text_left_closed" when the memory is closed, in the end), rows that a question can be
led to (routes), and modules, live or on disk, that were trained on such a fact (modules). "answered" is the share that is
answered after it, with facts or closed book, that day or after the next night. "from_weights" is the share that the modules
of the next night say when they are asked straight, with no routing and no check; "nats" the loss on the deleted numbers a
token: before, after, of modules that were never told them ("_never": they know what a number looks like, and no more), and
of the base model alone. "kept": what is left is known still.
"identical": a second memory is told the same facts except those, with the same seed; the share of the first one's modules
whose file of weights equals, byte for byte, that of the second one's module of the same facts. "comparable" is the share
that has such a counterpart: where a fact failed at the gate in the first night, the next one groups otherwise.

With --data: the phone book of "Understanding LoRA as Knowledge Memory", people drawn by the seed from those after its first
hundred, with which recipes were found; without: names and numbers drawn from the seed.
Time: 11 minutes a seed on two CPU cores with the default model, 3 nights of 4 numbers, and 2 of 8 deleted.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import BadOption, Figures, Flag, Options, Target, remembered, run, watch
from benchmarks.marks import assert_unseen_by
from benchmarks.phonebook import TRAINED, UNSEEN, Entry, entries, first_number
from benchmarks.reading import DAY, USER

if TYPE_CHECKING:
    from slowwave import Memory
    from slowwave.types import Fact

__all__ = ["by_age", "compared", "measure"]

FLAGS = (
    Flag("nights", 6, "how many nights", quick=2),
    Flag("facts", 4, "numbers a night", quick=2),
    Flag("told", 8, "numbers of the memory that is to forget", quick=3),
    Flag("deleted", 2, "how many of them are deleted", quick=1),
)
TARGETS = {
    "lost": Target(most=0.0),
    "worst": Target(most=0.0),
    "known_at_the_end": Target(least=0.85),  # what was never known cannot be lost
    "deleted.known_before": Target(least=0.5),
    **{
        f"deleted.{name}": Target(most=0.0)
        for name in ("text_left", "text_left_closed", "routes_left", "modules_left", "answered", "from_weights")
    },
    "deleted.identical": Target(least=1.0),
}
_WORDINGS = 2
"""In how many of the unseen wordings each number is asked for."""
_LONGEST = 40


def measure(options: Options, seed: int, open_memory: Callable[..., Memory] | None = None) -> Figures:
    """Recall night by night, then a deletion; `open_memory` is `slowwave.Memory` unless a test gives another."""
    if open_memory is None:
        from slowwave import Memory

        open_memory = Memory
    figures = remembered(options, f"seed{seed}.nights", partial(_nights, options, seed, open_memory))
    return figures | remembered(options, f"seed{seed}.deletion", partial(_deletion, options, seed, open_memory))


# -- night after night -------------------------------------------------------------------------------------------------


def _nights(options: Options, seed: int, open_memory: Callable[..., Memory]) -> dict[str, float]:
    nights, size = options.whole("nights"), options.whole("facts")
    book = entries(nights * size, seed, options.data)
    topics = [book[size * number : size * (number + 1)] for number in range(nights)]
    recall: dict[tuple[int, int], float] = {}
    with tempfile.TemporaryDirectory() as folder, open_memory(folder, **options.memory_settings(seed)) as memory:
        for night, topic in enumerate(topics, 1):
            _tell(memory, topic, night)
            _sleep(memory)
            assert_unseen_by(memory, [form.format(name=one.name) for one in book for form in UNSEEN])
            for number, known in enumerate(topics[:night], 1):
                recall[night, number] = _recall(memory, known)
        figures = by_age(recall)
        figures["modules"] = float(len(memory.modules(user_id=USER)))
        figures["settled"] = len(memory.settled_ids(user_id=USER)) / len(book)
    return figures


def by_age(recall: Mapping[tuple[int, int], float]) -> dict[str, float]:
    """What follows from recall by (night after which it was asked, night in which it was learned), both from 1.

    >>> by_age({(1, 1): 1.0, (2, 1): 0.5, (2, 2): 1.0})["lost"]
    0.5
    """
    last = max(after for after, _ in recall)
    figures = {f"after_{after}.of_{learned}": share for (after, learned), share in recall.items()}
    for age in range(last):
        shares = [share for (after, learned), share in recall.items() if after - learned == age]
        figures[f"age_{age}"] = statistics.fmean(shares)
    losses = [recall[night, night] - recall[last, night] for night in range(1, last + 1)]
    at_the_end = statistics.fmean(recall[last, night] for night in range(1, last + 1))
    return figures | {"lost": losses[0], "worst": max(losses), "known_at_the_end": at_the_end}


def _tell(memory: Memory, book: Sequence[Entry], night: int) -> list[Fact]:
    return memory.add_many([one.text for one in book], user_id=USER, said_at=DAY + timedelta(days=night))


def _sleep(memory: Memory) -> None:
    with watch() as progress:
        memory.consolidate(progress=progress)


def _recall(memory: Memory, asked: Sequence[Entry]) -> float:
    """The share of questions answered with the right number, closed book."""
    return statistics.fmean(
        first_number(memory.ask(question, user_id=USER, use_facts=False).text) == one.phone
        for number, one in enumerate(asked)
        for question in _unseen(one, number)
    )


def _unseen(one: Entry, number: int) -> list[str]:
    return [UNSEEN[(number + wording) % len(UNSEEN)].format(name=one.name) for wording in range(_WORDINGS)]


# -- a deletion --------------------------------------------------------------------------------------------------------


def _deletion(options: Options, seed: int, open_memory: Callable[..., Memory]) -> dict[str, float]:
    told, gone = options.whole("told"), options.whole("deleted")
    if not 0 < gone < told:
        raise BadOption(f"{gone} of {told} facts are to be deleted: at least one must go and one must stay.")
    book = entries(told, seed, options.data)
    victims, rest = book[:gone], book[gone:]
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        with open_memory(folder, **options.memory_settings(seed)) as memory:
            ids = [fact.id for fact in _tell(memory, book, 0)[:gone]]
            _sleep(memory)
            assert_unseen_by(memory, [form.format(name=one.name) for one in book for form in UNSEEN])
            figures["known_before"], figures["kept_before"] = _recall(memory, victims), _recall(memory, rest)
            figures |= {f"{name}_before": value for name, value in _traces(memory, victims, ids).items()}
            if before := _weights(memory, victims):
                figures |= {"from_weights_before": before.said, "nats_before": before.nats, "nats_base": before.base}
            for name in ids:
                memory.delete(name)
            figures |= {f"{name}_left": value for name, value in _traces(memory, victims, ids).items()}
            answered = _answered(memory, victims)
            _sleep(memory)
            figures["answered"] = max(answered, _answered(memory, victims))
            figures["kept"] = _recall(memory, rest)
            if after := _weights(memory, victims):
                figures |= {"from_weights": after.said, "nats_after": after.nats}
            mine = _files(memory)
        figures["text_left_closed"] = float(_holding(Path(folder), victims))
    with tempfile.TemporaryDirectory() as folder, open_memory(folder, **options.memory_settings(seed)) as memory:
        _tell(memory, rest, 0)
        _sleep(memory)
        figures |= compared(mine, _files(memory))
        if never := _weights(memory, victims):
            figures["nats_never"] = never.nats
    return {f"deleted.{name}": value for name, value in figures.items()}


def compared(mine: Mapping[frozenset[str], bytes], others: Mapping[frozenset[str], bytes]) -> dict[str, float]:
    """How many modules have a counterpart of the same facts, and how many of those equal it, byte for byte."""
    both = mine.keys() & others.keys()
    figures = {"comparable": len(both) / len(mine) if mine else 0.0}
    if both:
        figures["identical"] = sum(mine[key] == others[key] for key in both) / len(both)
    return figures


def _traces(memory: Memory, victims: Sequence[Entry], ids: Collection[str]) -> dict[str, float]:
    """Where the facts are still to be found: files, rows of the router, modules."""
    router, _ = memory._rooms.answerer._serving.router(USER)
    rows = [row for row in router.rows if row.fact_id in ids or any(_names(row.text, one) for one in victims)]
    manifests = [path.read_text(encoding="utf-8") for path in (memory.folder / "modules").glob("*/manifest.json")]
    listed = [one.id for one in memory._rooms.store.live() if any(known.id in ids for known in one.facts)]
    on_disk = [text for text in manifests if any(name in text for name in ids)]
    return {
        "text": float(_holding(memory.folder, victims)),
        "routes": float(len(rows)),
        "modules": float(max(len(listed), len(on_disk))),
    }


def _names(text: str, one: Entry) -> bool:
    return one.name.lower() in text.lower() or one.phone in text


def _holding(folder: Path, victims: Sequence[Entry]) -> int:
    """Files below a folder in which a name or number of theirs stands."""
    words = [word.encode() for one in victims for word in (one.name, one.phone)]
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(any(word in content for word in words) for content in (path.read_bytes() for path in files))


def _answered(memory: Memory, victims: Sequence[Entry]) -> float:
    """The share of the facts whose number comes in answer to any wording, with facts or closed book."""
    return statistics.fmean(
        any(
            one.phone in memory.ask(wording.format(name=one.name), user_id=USER, use_facts=use_facts).text
            for wording in (*TRAINED, *UNSEEN)
            for use_facts in (True, False)
        )
        for one in victims
    )


@dataclass(frozen=True)
class _Known:
    """What weights know of some facts when they are asked straight."""

    said: float
    """The share of the facts whose number any module says in any wording."""
    nats: float
    """The loss on the numbers, of the module that knows them best."""
    base: float
    """The same of the base model alone."""


def _weights(memory: Memory, victims: Sequence[Entry]) -> _Known | None:
    """What the live modules know of the facts; None if there is no module."""
    import torch

    from slowwave.loading import load_base
    from slowwave.prompts import conversation

    base = load_base(memory.settings)
    slots = []
    for one in memory._rooms.store.live(USER):
        shape = base.shape(one.rank)
        slots.append(
            base.slot(shape, memory._rooms.store.vector(one.id, user_id=USER, base_sha256=base.ref.sha256, shape=shape))
        )
    if not slots:
        return None
    asked = [(conversation(form.format(name=one.name)), one.phone) for one in victims for form in (*TRAINED, *UNSEEN)]
    rows = [base.encode(messages, phone) for messages, phone in asked]
    said: set[str] = set()
    with torch.no_grad():
        nats = [-float(torch.cat(base.answer_logprobs(rows, slot)).mean()) for slot in (None, *slots)]
    for slot in slots:
        texts = base.generate([base.encode(messages) for messages, _ in asked], _LONGEST, slot)
        said |= {phone for (_, phone), one in zip(asked, texts, strict=True) if phone in one.text}
    return _Known(statistics.fmean(one.phone in said for one in victims), min(nats[1:]), nats[0])


def _files(memory: Memory) -> dict[frozenset[str], bytes]:
    """The weights files of the live modules, by the facts that they were trained on."""
    return {
        frozenset(known.id for known in one.facts): (
            memory.folder / "modules" / one.id / "adapter_model.safetensors"
        ).read_bytes()
        for one in memory._rooms.store.live(USER)
    }


if __name__ == "__main__":
    sys.exit(run("forgetting", __doc__, measure, flags=FLAGS, targets=TARGETS))
