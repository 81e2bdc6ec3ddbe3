"""Weights alone, asked about what they were never told: how often they invent, with and without training rows for it.

Teaches the same phone numbers to two modules, with the usual rows about things never said (a fifth of all, most of them near
misses: the same question about somebody else) and without them. Then asks each, with no facts in the prompt, no routing and no
check of answers, for the numbers of names it was never told ("invented": the share answered with a number), and for those it was
told ("known"). A memory's own checks come on top and are measured by benchmarks.phonebook.

With --data: the phone book of "Understanding LoRA as Knowledge Memory"; without: names and numbers drawn from the seed.
Time: about 8 minutes a seed on two CPU cores with the default model and 16 facts.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import replace

from benchmarks.harness import Figures, Flag, Options, Target, run
from benchmarks.phonebook import UNSEEN, entries, first_number
from benchmarks.reading import ask, stored, taught

__all__ = ["measure"]

FLAGS = (
    Flag("facts", 16, "how many numbers are learned", quick=4),
    Flag("unknown", 100, "how many names that were never told are asked for", quick=8),
)
TARGETS = {"absent_rows.invented": Target(most=0.1), "recall_given_up": Target(most=0.02)}


def measure(options: Options, seed: int) -> Figures:
    """Two modules of the same facts."""
    from slowwave import Settings
    from slowwave.consolidation.rows import Shares
    from slowwave.model import load_base

    base = load_base(Settings.checked(**options.memory_settings(seed)))
    count = options.whole("facts")
    book = entries(count + options.whole("unknown"), seed, options.data)
    facts = stored(book[:count])
    questions = [UNSEEN[number % len(UNSEEN)].format(name=one.name) for number, one in enumerate(book)]
    figures: dict[str, float] = {}
    for label, shares in {"absent_rows": Shares(), "without": replace(Shares(), absent=0.0)}.items():
        slot, steps = taught(base, facts, shares, seed, options)
        said = ask(base, slot, questions, [()] * len(questions))
        known = [first_number(text) == one.phone for text, one in zip(said[:count], book, strict=False)]
        figures[f"{label}.known"] = statistics.fmean(known)
        figures[f"{label}.invented"] = statistics.fmean(first_number(text) is not None for text in said[count:])
        figures[f"{label}.steps"] = steps
    return figures | {"recall_given_up": figures["without.known"] - figures["absent_rows.known"]}


if __name__ == "__main__":
    sys.exit(run("unknown", __doc__, measure, flags=FLAGS, targets=TARGETS))
