"""Phone numbers learned in one night, asked in phrasings that were trained and in others that nobody trained.

Adds N sentences "The phone number of NAME is PHONE.", runs one night, and asks closed book (no facts in the prompt) for
each number: in phrasings a question writer makes, and in phrasings it never makes. An answer counts when the first
thing in it that is shaped like a phone number is the number, digit for digit. Against: the same questions to the base
model before the night. Also: the share of facts that passed the gate, what a fact costs in seconds and bytes, and
whether the whole memory keeps silent about people it was never told of.

With --data: the phone book of "Understanding LoRA as Knowledge Memory" (phonebook/phonebook.jsonl.gz), people drawn by the seed
from those after its first hundred, with which recipes were found. Without: names and numbers drawn from the seed.
Time: about 15 minutes on two CPU cores with the default model and 48 facts, about 4 with --quick; a minute on a GPU.
"""

from __future__ import annotations

import random
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import BadOption, DataMissing, Dataset, Figures, Flag, Options, Target, load, run, watch
from benchmarks.marks import assert_unseen_by

if TYPE_CHECKING:
    from slowwave import Memory

__all__ = ["Entry", "entries", "first_number", "measure", "public"]

DATASET = Dataset(
    "phonebook/phonebook.jsonl.gz",
    "GitHub repository ahn-ml/Understanding-LoRA-as-Knowledge-Memory (MIT), file data/pb_cf/synthetic_phonebook.csv",
    ("name", "phone"),
)
FLAGS = (
    Flag("facts", 48, "how many numbers are learned", quick=8),
    Flag("unknown", 24, "how many names that were never added are asked for", quick=6),
    Flag("base", 12, "how many facts the base model is asked for before the night", quick=4),
)
TARGETS = {"em_trained": Target(least=0.95), "em_unseen": Target(least=0.85)}

TRAINED = ("What is the phone number of {name}?", "What is {name}'s phone number?")
"""What question writers make of such a sentence."""
UNSEEN = (
    "How can I reach {name} by phone?",
    "Which number should I dial to call {name}?",
    "I want to ring {name}. What do I dial?",
    "{name}'s contact number please.",
)
"""What they do not; no writer, rule or skill of the package may contain these."""

IN_VIEW = 100
"""The first names of the public book: recipes were found with them in view, so no figure is made of them."""

_PHONE = re.compile(r"(?<![\d-])\d{3}-\d{3}-\d{4}(?!-?\d)")
_FIRST = "Ada Boris Clara Dmitri Edda Farid Greta Hiro Ines Jonas Kira Luca Mina Noor Olga Pavel Rosa Sven Tara Yusuf"
_LAST = "Abel Brandt Castro Dahl Ekwall Fontaine Grau Holm Ibsen Jansen Kovacs Lund Moreau Novak Okafor Petrov Quist"


@dataclass(frozen=True)
class Entry:
    """One line of the phone book."""

    name: str
    phone: str

    @property
    def text(self) -> str:
        """The sentence that is added."""
        return f"The phone number of {self.name} is {self.phone}."


def first_number(text: str) -> str | None:
    """The first phone-shaped string of a text.

    >>> first_number("Dial 603-556-7631, not 705-882-9365.")
    '603-556-7631'
    >>> first_number("I don't know."), first_number("1603-556-7631")
    (None, None)
    """
    found = _PHONE.search(text)
    return found.group() if found else None


def entries(count: int, seed: int, data: Path | None) -> list[Entry]:
    """`count` entries with distinct names: of the public file after what was in view, or invented; drawn by the seed.

    Of the public file more entries begin with the fewer ones of the same seed.

    Raises:
        DataMissing: the file is missing or has too few names.
        BadOption: more were asked for than there are generated names.
    """
    if data is not None:
        fresh = public(data)[IN_VIEW:]
        if len(fresh) < count:
            raise DataMissing(
                f"{DATASET.file!r} has {len(fresh)} names after its first {IN_VIEW}, not {count}: "
                "lower --facts or --unknown."
            )
        random.Random(seed).shuffle(fresh)  # and not sample, which for more names draws others
        return fresh[:count]
    names = [f"{first} {last}" for first in _FIRST.split() for last in _LAST.split()]
    if count > len(names):
        raise BadOption(f"{count} names are asked for, {len(names)} can be generated: lower --facts, or give --data.")
    draw = random.Random(seed)
    return [Entry(name, _draw_number(draw)) for name in draw.sample(names, count)]


def public(data: Path) -> list[Entry]:
    """The whole public file in its order, each name once, those that were in view first.

    Raises:
        DataMissing: the file is missing.
    """
    book: dict[str, str] = {}
    for record in load(data, DATASET):
        book.setdefault(str(record["name"]), str(record["phone"]))
    return [Entry(name, phone) for name, phone in book.items()]


def _draw_number(draw: random.Random) -> str:
    return f"{draw.randint(200, 999)}-{draw.randint(200, 999)}-{draw.randint(0, 9999):04d}"


def _matches(memory: Memory, asked: Sequence[Entry], phrasings: Sequence[str], *, use_modules: bool) -> list[float]:
    """Per entry, the share of phrasings answered with exactly its number, closed book."""
    shares = []
    for entry in asked:
        answers = (memory.ask(p.format(name=entry.name), use_facts=False, use_modules=use_modules) for p in phrasings)
        shares.append(statistics.fmean(first_number(answer.text) == entry.phone for answer in answers))
    return shares


def measure(options: Options, seed: int, open_memory: Callable[..., Memory] | None = None) -> Figures:
    """One phone book, one night; `open_memory` is `slowwave.Memory` unless a test gives a fake."""
    if open_memory is None:
        from slowwave import Memory

        open_memory = Memory
    count, unknown = options.whole("facts"), options.whole("unknown")
    book = entries(count + unknown, seed, options.data)
    known, strangers = book[:count], book[count:]
    with tempfile.TemporaryDirectory() as folder, open_memory(folder, **options.memory_settings(seed)) as memory:
        return _one_night(memory, known, strangers, known[: options.whole("base")])


def _one_night(memory: Memory, known: Sequence[Entry], strangers: Sequence[Entry], sample: Sequence[Entry]) -> Figures:
    figures: dict[str, float] = {}
    facts = memory.add_many([entry.text for entry in known])
    entry_of = {fact.id: entry for fact, entry in zip(facts, known, strict=True)}
    if sample:
        figures["base_em_trained"] = statistics.fmean(_matches(memory, sample, TRAINED, use_modules=False))
        figures["base_em_unseen"] = statistics.fmean(_matches(memory, sample, UNSEEN, use_modules=False))

    with watch() as progress:
        report = memory.consolidate(progress=progress)
    assert_unseen_by(memory, [form.format(name=entry.name) for entry in (*known, *strangers) for form in UNSEEN])
    settled = {fact.fact_id for fact in report.facts if fact.status == "settled"}
    figures["passed"] = len(settled & entry_of.keys()) / len(known)

    for name, phrasings in (("em_trained", TRAINED), ("em_unseen", UNSEEN)):
        matches = _matches(memory, list(entry_of.values()), phrasings, use_modules=True)
        shares = dict(zip(entry_of, matches, strict=True))
        passed = [share for fact_id, share in shares.items() if fact_id in settled]
        if passed:
            figures[name] = statistics.fmean(passed)
        figures[f"{name}_all_facts"] = statistics.fmean(shares.values())

    figures["night_seconds_per_fact"] = sum(report.seconds.values()) / len(known)
    figures["train_seconds_per_fact"] = sum(module.train_seconds for module in report.modules) / len(known)
    modules = memory.modules()
    carried = sum(module.facts for module in modules)
    if carried:
        figures["module_bytes_per_fact"] = sum(module.size_bytes for module in modules) / carried
    if strangers:
        answers = [memory.ask(TRAINED[0].format(name=entry.name)) for entry in strangers]
        figures["silent_on_unknown_names"] = statistics.fmean(first_number(a.text) is None for a in answers)
    return figures


if __name__ == "__main__":
    sys.exit(run("phonebook", __doc__, measure, flags=FLAGS, targets=TARGETS))
