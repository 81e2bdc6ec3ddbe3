"""What is left of a module when others speak with it: every merge method by weight, by number, and where routes are unsure.

Modules of phone numbers, each of other people, are taught with a night's recipe (no gate, no second try) and asked in
wordings that no writer makes, closed book and straight from the model. Half of the people share their first name with
somebody in another module. An answer counts if the first thing in it that is shaped like a phone number is the number.
- "w0.80.ties.shipped": three modules merged, .80 on the one that is asked, the rest split evenly; "w0.33" is even.
- "k3.ties.shipped": 1, 2, ... modules with equal weights, each asked its own questions (every module is in as many groups).
- ".matched": the same merge scaled so that the Frobenius norm of its weight changes B A, over all layers together, is the
  weighted mean of that of its modules; methods then differ in direction alone. "k3.ties.norm" is its norm before that, as a
  share. One A is shared, so `cat` and `linear` are one thing, bit for bit: both are reported, and generated once.
- "panel": the modules answer side by side in one batch, and of those that claim to know, the one with the greatest mean
  log-probability wins.
- "routes": one router over all modules, calibrated as a memory's. Questions that want one of two people they name
  ("named"), the numbers of two ("two"; half marks for one), or somebody by a first name that several have ("first"; any of
  them counts). Only those that the router leads to several modules are kept, with the weights it gives; answers are
  checked against what the modules are known to answer, as a memory does. "auto" takes TIES where one module leads, and
  else a panel. The method it is compared with is the best one on these very questions, which favours that method.

With --data: the phone book of "Understanding LoRA as Knowledge Memory", people drawn by the seed from those after
its first hundred; without: names and numbers drawn from the seed. What is taught lies beside the record until a seed is whole,
so a run that was stopped goes on.
Time: 17 minutes a seed on two busy CPU cores with 3 modules of 8 facts and --deltas 0; with the defaults an hour.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.harness import Figures, Flag, Options, Target, remembered, run
from benchmarks.merging_routes import AT_MOST, doubtful, people, routed
from benchmarks.phonebook import UNSEEN, Entry, entries, first_number
from benchmarks.reading import base_of, stored
from benchmarks.routing_sets import plain
from benchmarks.taught import Modules, answers, discard, kept, panel, recipe_of, teach
from slowwave.settings import DEFAULT_EMBEDDER

if TYPE_CHECKING:
    import torch

    from slowwave.adapters_store.shape import SlotShape

__all__ = ["blend", "deal", "grid", "groups", "measure", "split"]

FLAGS = (
    Flag("modules", 5, "how many modules are taught, and the most that are merged", quick=2),
    Flag("facts", 16, "how many numbers a module is taught", quick=2),
    Flag("questions", 24, "the most questions of a figure", quick=4),
    Flag("deltas", 1, "0 leaves out TIES on the dense weight changes, which takes seconds a merge"),
    Flag("embedder", DEFAULT_EMBEDDER, "embedding model of the router, or hash:256 for none", quick="hash:256"),
)
TARGETS = {"auto_over_best_single_method": Target(least=0.0)}

BLENDS = ("linear", "cat", "ties", "ties_delta", "ties_peft", "dare_linear", "dare_ties")
_WEIGHTS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_GENERATED = 340
"""The most names that there are without data."""

Asked = Sequence[tuple[int, Entry, str]]
"""(place of what answers, who is asked for, question)."""


def grid(count: int) -> tuple[float, ...]:
    """Weights of the right module among so many: even, then sharper."""
    return tuple(sorted({1 / count, *(weight for weight in _WEIGHTS if weight > 1 / count)}))


def split(weight: float, count: int, right: int) -> tuple[float, ...]:
    """Weights of `count` modules that sum to 1: this on the right one, the rest split evenly.

    >>> split(0.5, 3, 1)
    (0.25, 0.5, 0.25)
    """
    rest = (1 - weight) / (count - 1) if count > 1 else 0.0
    return tuple(weight if number == right else rest for number in range(count))


def groups(size: int, count: int) -> list[tuple[int, ...]]:
    """Groups of `size` neighbours of `count` modules in a ring, so that each is in as many; one group if it is all of them.

    >>> groups(2, 3), groups(3, 3)
    ([(0, 1), (1, 2), (2, 0)], [(0, 1, 2)])
    """
    starts = range(count if size < count else 1)
    return [tuple((start + step) % count for step in range(size)) for start in starts]


def deal(pairs: Sequence[tuple[int, int]], books: Sequence[Sequence[Entry]], most: int) -> list[tuple[int, Entry, str]]:
    """So many questions, dealt in turns to (place of what answers, module whose people are asked for).

    No one is asked for in the same wording twice before everybody was in all of them.
    """
    turns: Counter[int] = Counter()
    found = []
    for number in range(most):
        place, module = pairs[number % len(pairs)]
        turn, book = turns[module], books[module]
        turns[module] += 1
        entry, wording = book[turn % len(book)], UNSEEN[(turn % len(book) + turn // len(book)) % len(UNSEEN)]
        found.append((place, entry, wording.format(name=entry.name)))
    return found


def blend(
    vectors: Sequence[torch.Tensor], weights: Sequence[float], method: str, shape: SlotShape, seed: int
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Modules of shape (n,) merged, the same at matched norm, and the norm of the former as a share of the latter's."""
    import torch

    from slowwave.adapters_store.merge import METHODS, match_norm, merge

    shares = torch.tensor(weights)  # (k,)
    shipped = merge(vectors, shares, replace(METHODS[method], seed=seed), shape=shape)
    matched = match_norm(shipped, vectors, shares, shape)
    norm = float(matched.norm())
    return shipped, matched, float(shipped.norm()) / norm if norm else 0.0


@dataclass(frozen=True)
class Bench:
    """The modules of one seed, and what is asked of merges of them."""

    modules: Modules
    books: Sequence[Sequence[Entry]]
    methods: Sequence[str]
    questions: int
    seed: int
    known: dict[str, float] = field(default_factory=dict)
    """Recalls by a hash of blends and questions: methods that come to the same are asked once."""

    def blends(
        self, some: Sequence[Sequence[int]], weights: Sequence[Sequence[float]], method: str
    ) -> tuple[list[torch.Tensor], list[torch.Tensor], float]:
        """Groups of modules, each by its weights: merged, at matched norm, and the mean norm of the former."""
        vectors = self.modules.vectors
        made = [
            blend([vectors[m] for m in group], shares, method, self.modules.shape, self.seed)
            for group, shares in zip(some, weights, strict=True)
        ]
        return [one[0] for one in made], [one[1] for one in made], statistics.fmean(one[2] for one in made)

    def recall(self, blends: Sequence[torch.Tensor], asked: Asked) -> float:
        """The share of the questions that the blends answer right."""
        import torch

        stacked = torch.stack(list(blends))  # (blends, n)
        told = hashlib.sha256(stacked.numpy().tobytes())
        told.update(repr([(place, question) for place, _, question in asked]).encode())
        key = told.hexdigest()
        if key not in self.known:
            said = answers(self.modules, stacked, [(place, question) for place, _, question in asked])
            self.known[key] = _share([one.text for one in said], asked)
        return self.known[key]

    def panel(self, some: Sequence[Sequence[int]], asked: Asked) -> float:
        """The same of groups of modules, side by side."""
        return _share(panel(self.modules, [(some[place], question) for place, _, question in asked]), asked)

    def by_weight(self) -> Figures:
        """Recall by the weight of the module that is asked."""
        count = min(AT_MOST, len(self.books))
        asked = deal([(right, right) for right in range(count)], self.books, self.questions)
        some = [range(count)] * count
        figures = {"panel": self.panel(some, asked)}
        for weight in grid(count):
            for method in self.methods:
                weights = [split(weight, count, right) for right in range(count)]
                shipped, matched, _ = self.blends(some, weights, method)
                figures[f"w{weight:.2f}.{method}.matched"] = self.recall(matched, asked)
                figures[f"w{weight:.2f}.{method}.shipped"] = self.recall(shipped, asked)
        return figures

    def by_number(self) -> Figures:
        """Recall of all that is merged, with equal weights."""
        figures: dict[str, float] = {}
        for size in range(1, len(self.books) + 1):
            some = groups(size, len(self.books))
            pairs = [(place, module) for place, group in enumerate(some) for module in group]
            asked = deal(pairs, self.books, self.questions)
            figures[f"k{size}.panel"] = self.panel(some, asked)
            for method in self.methods:
                shipped, matched, norm = self.blends(some, [[1 / size] * size] * len(some), method)
                figures[f"k{size}.{method}.matched"] = self.recall(matched, asked)
                figures[f"k{size}.{method}.shipped"] = self.recall(shipped, asked)
                figures[f"k{size}.{method}.norm"] = norm
        return figures


def _share(texts: Sequence[str], asked: Asked) -> float:
    return statistics.fmean(first_number(text) == one.phone for text, (_, one, _) in zip(texts, asked, strict=True))


def measure(options: Options, seed: int) -> Figures:
    """Modules, their merges by weight and by number, and unsure routes."""
    count, each, questions = (options.whole(name) for name in ("modules", "facts", "questions"))
    # Four times as many as are needed: half of them shall have namesakes.
    book = entries(min(4 * count * each, max(count * each, _GENERATED)), seed, options.data)
    books = people(book, count, each, seed)
    base = base_of(options, seed)
    facts = [stored(some) for some in books]
    taught = [
        kept(options, f"seed{seed}-module{number}", partial(teach, base, some, seed, options))
        for number, some in enumerate(facts)
    ]
    unsure = doubtful(books, seed, 2 * questions)
    asked = [form.format(name=entry.name) for some in books for entry in some for form in UNSEEN]
    trained = {plain(question) for one in taught for _, question, _ in one.questions}
    if leaked := [one for one in (*asked, *(one.question for one in unsure)) if plain(one) in trained]:
        raise AssertionError(f"wordings of the exam were trained: {leaked}")
    shape = recipe_of(base, seed, options).shape(base)
    modules = Modules(base, shape, tuple(taught), tuple(tuple(some) for some in facts))
    methods = [method for method in BLENDS if method != "ties_delta" or options.whole("deltas")]
    bench = Bench(modules, books, methods, questions, seed)
    parts: dict[str, Callable[[], Figures]] = {
        "weight": bench.by_weight,
        "number": bench.by_number,
        "routes": partial(routed, modules, unsure, options, seed),
    }
    figures: dict[str, float] = {"steps": statistics.fmean(one.steps for one in taught)}
    for name, part in parts.items():
        figures |= remembered(options, f"seed{seed}-{name}", part)
    discard(options, f"seed{seed}-module")
    return figures


if __name__ == "__main__":
    sys.exit(run("merging", __doc__, measure, flags=FLAGS, targets=TARGETS))
