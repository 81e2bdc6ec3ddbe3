"""Night after night: whether what an earlier night learned stays known.

Each night a memory is told some new phone numbers and consolidates. After every night it is asked closed book, in a wording that
no writer makes, for the numbers of every night so far: figure "after_N.of_M" is the share of night M's numbers known after night
N. "lost" is how much of the first night's recall is gone after the last; "worst" the largest loss of any night. Small modules are
compacted on the way, so this also shows whether compaction keeps what it compacts.

With --data: the phone book of "Understanding LoRA as Knowledge Memory"; without: names and numbers drawn from the seed.
Time: about 10 minutes on two CPU cores with the default model, 8 nights of 4 numbers.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from benchmarks.harness import Figures, Flag, Options, Target, run, watch
from benchmarks.phonebook import UNSEEN, Entry, entries, first_number

if TYPE_CHECKING:
    from slowwave import Memory

__all__ = ["measure"]

FLAGS = (
    Flag("nights", 8, "how many nights", quick=3),
    Flag("facts", 4, "numbers a night", quick=2),
)
TARGETS = {"lost": Target(most=0.0)}


def measure(options: Options, seed: int, open_memory: Callable[..., Memory] | None = None) -> Figures:
    """A matrix of recall, night by night; `open_memory` is `slowwave.Memory` unless a test gives a fake."""
    if open_memory is None:
        from slowwave import Memory

        open_memory = Memory
    nights, size = options.whole("nights"), options.whole("facts")
    book = entries(nights * size, seed, options.data)
    topics = [book[size * number : size * (number + 1)] for number in range(nights)]
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, open_memory(folder, **options.memory_settings(seed)) as memory:
        for night, topic in enumerate(topics, 1):
            memory.add_many([one.text for one in topic], user_id="ada")
            with watch() as progress:
                memory.consolidate(progress=progress)
            for number, known in enumerate(topics[:night], 1):
                figures[f"after_{night}.of_{number}"] = _recall(memory, known)
        figures["modules"] = len(memory.modules(user_id="ada"))
        figures["settled"] = len(memory.settled_ids(user_id="ada")) / len(book)
    losses = [figures[f"after_{n}.of_{n}"] - figures[f"after_{nights}.of_{n}"] for n in range(1, nights + 1)]
    last = statistics.fmean(figures[f"after_{nights}.of_{n}"] for n in range(1, nights + 1))
    return figures | {"lost": losses[0], "worst": max(losses), "known_at_the_end": last}


def _recall(memory: Memory, asked: Sequence[Entry]) -> float:
    questions = [UNSEEN[number % len(UNSEEN)].format(name=one.name) for number, one in enumerate(asked)]
    said = [memory.ask(question, user_id="ada", use_facts=False).text for question in questions]
    return statistics.fmean(first_number(text) == one.phone for text, one in zip(said, asked, strict=True))


if __name__ == "__main__":
    sys.exit(run("forgetting", __doc__, measure, flags=FLAGS, targets=TARGETS))
