"""Which module is asked: the router on questions that none of its rows holds, against one embedding per document.

Modules are papers, slices of a phone book, chat sessions or slices of encyclopedia paragraphs; their rows are what they
would be trained on. Per set: whether the likeliest module knows (top1), whether one of the three likeliest does (top3),
the share of the knowing modules that are chosen at all (coverage; 0 where none is chosen) and how many are chosen
(mean_k), the same if three were always taken (coverage3), how often a question that the memory knows goes nowhere (none),
how far the probabilities are off (ece, over asked questions and everyday prompts, half each), and the share of everyday
prompts (everyday) and of questions that no module knows (strange) that are led to a module all the same.
The same of other routers, each a row of `ROUTERS`: the question index with its constants as they are, as it was before
(mean of cosine and words, one threshold), whole documents by embedding as in the paper, modules at random, and an oracle.

With --data: PaperQA (10 papers, the authors' training pairs and the introductions; their evaluation questions are asked),
PhoneBook (the paper's 64K slice, and all 5000 names that are there of its 128K slice; two trained wordings, asked in four
others, and by number; names that are in no row), LongMemEval (each question among 40 sessions) and multihop (HotpotQA and
MuSiQue paragraphs, sentences only). Slices, distractors and the sample of asked questions are drawn by the seed.
Without: a phone book and facts about a user, both drawn from the seed; the constants were fitted on such facts.
Nothing is tuned on what is asked: a memory is calibrated on its own rows and the package's everyday prompts, the
constants come from other sets (--fit 1 fits them again and prints them), and the everyday prompts here are others.
--scale 1 adds a million synthetic rows in 10,000 modules (topical, and mixed at random): time per question, memory, and
how often the fast search leads where the exact one does, there and on all sets in one memory.
Time: about ten minutes for one seed on one CPU core with the default embedder, most of it embedding, three for each
further seed; --scale 1 adds three minutes a seed; --fit 1 alone takes five.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import phonebook
from benchmarks.harness import Figures, Flag, Options, Target, run
from benchmarks.routing_fit import fit
from benchmarks.routing_scale import pooled, scale
from benchmarks.routing_sets import Asked, Memory, Vectors, book, invented, multihop, paperqa, sessions, vectors_of
from slowwave.adapters_store.calibration import Calibration
from slowwave.adapters_store.router import Router, RouterOptions, RouteRow
from slowwave.settings import DEFAULT_EMBEDDER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PROMPTS", "ROUTERS", "Variant", "evaluate", "expected_error", "measure"]

FLAGS = (
    Flag("embedder", DEFAULT_EMBEDDER, "embedding model, or hash:256 for none"),
    Flag("asked", 1000, "the most questions asked of a set", quick=40),
    Flag("scale", 0, "1: a million synthetic rows as well"),
    Flag("fit", 0, "1: fit the constants again, on other sets, and print them"),
)
TARGETS = {
    "paperqa_top1": Target(least=0.90),
    "phonebook64k_top1": Target(least=0.99),
    "phonebook_top1": Target(least=0.99),
    "everyday_worst": Target(most=0.05),
    "scale_p95_ms": Target(most=20.0),
}

PROMPTS: tuple[str, ...] = tuple(
    """
Hi, nice to meet you.
Okay, got it.
What is your favourite colour?
Tell me a riddle.
Can we talk about something else?
Please repeat that more slowly.
Sing me a song about the sea.
What is the capital of Canada?
Who composed the Four Seasons?
How fast does light travel?
Why do cats purr?
What makes a rainbow appear?
How do volcanoes erupt?
When was the printing press invented?
What is the largest desert in the world?
Which metal is liquid at room temperature?
Explain gravity to a five-year-old.
What is the difference between a virus and a bacterium?
Who discovered the structure of DNA?
How many strings does a violin have?
What does the word serendipity mean?
Define opportunity cost.
What are the health benefits of walking?
Write a JavaScript function that checks whether a number is prime.
How do I create a virtual environment in Python?
What is a hash table?
Why does my loop never end: while True: x = x + 1
Explain what an API is.
Write a query that joins two tables on their id.
How do I make text bold in HTML?
How do I list all running processes on Linux?
What is the square root of 144?
Differentiate x cubed plus two x.
Convert 30 degrees Celsius to Fahrenheit.
How many seconds are there in a day?
A shirt costs 40 euros and is reduced by a quarter. What does it cost now?
Translate "where is the station" into German.
How do you say goodbye in Italian?
Is this sentence correct: me and him went home?
Turn these notes into a paragraph.
Make this email sound friendlier.
Give me a synonym for happy.
Write a limerick about a frog.
Write a speech for a wedding.
Write an apology to a neighbour about the noise.
Invent a bedtime story with a rabbit.
Think of a name for a podcast about gardening.
Draft a reminder about an unpaid invoice.
Write a review of a hotel.
Write a dialogue between a teacher and a pupil.
What can I make with eggs, rice and spinach?
How do I clean a cast-iron pan?
How long does bread keep in the freezer?
Give me a plan for running five kilometres.
How can I concentrate better?
What do I need for a camping trip?
How do I sew on a button?
How should I prepare for an exam?
How do I make a household budget?
Recommend a classic novel.
Which board games are good for two players?
How often should I water a cactus?
What could I give my parents for their anniversary?
How do I ask for a raise?
What should I do when I have a cold?
How do I get rid of fruit flies?
What is there to see in Rome in two days?
Act as an interviewer and ask me a question.
List the advantages of public transport.
Compare tea and coffee.
Should I learn the piano or the guitar first?
How is tennis scored?
Describe a sunset in the desert.
Is this comment positive or negative: I would buy it again at once?
Which words in this sentence are verbs: the boy ran and fell?
Which number comes next: 1, 1, 2, 3, 5?
How many days has February in a leap year?
Let us play twenty questions.
Do animals have feelings?
What makes a good leader?
Explain machine learning to a manager.
Why did the Berlin Wall fall?
How does a microwave oven heat food?
Tell me a fun fact about penguins.
Who is the hero of the Odyssey?
What languages do you speak?
From now on, answer in bullet points.
What time is it in Tokyo when it is noon in London?
How do I write a for loop in Rust?
Suggest a healthy breakfast.
""".strip().splitlines()
)
"""Everyday prompts of the report; none of them is in the package."""


def _sets(options: Options, seed: int) -> dict[str, list[Memory]]:
    most = options.whole("asked")
    if options.data is None:
        return {
            "phonebook": book(phonebook.entries(300, seed, None), 256, seed, most),
            "invented": [invented(1000 + seed).checked()],
        }
    names = phonebook.public(
        options.data
    )  # the whole book, in the slices of the paper; the seed draws who is asked for
    return {
        "paperqa": paperqa(options.data, seed, most),
        "phonebook64k": book(names, 3101, seed, most),
        "phonebook": book(names, 5000, seed, most),
        "longmemeval": sessions(options.data, seed, most),
        "multihop": multihop(options.data, seed, most),
    }


# -- routers -----------------------------------------------------------------------------------------------------------


def _index(memory: Memory, seed: int) -> Sequence[RouteRow]:
    return memory.rows


def _documents(memory: Memory, seed: int) -> Sequence[RouteRow]:
    return [RouteRow(text, name, name) for name, text in memory.documents.items()]


def _random(memory: Memory, seed: int) -> Sequence[RouteRow]:
    names = sorted(memory.documents)
    dealt = [hashlib.sha256(f"{seed} {one.question}".encode()).digest()[:8] for one in memory.asked]
    places = [int.from_bytes(digest) % len(names) for digest in dealt]
    return [RouteRow(one.question, "", names[place]) for one, place in zip(memory.asked, places, strict=True)]


def _oracle(memory: Memory, seed: int) -> Sequence[RouteRow]:
    return [RouteRow(one.question, "", name) for one in memory.asked for name in sorted(one.gold)]


_CONSTANTS = RouterOptions()


@dataclass(frozen=True)
class Variant:
    """A router as data: which rows it searches, and with which constants."""

    rows: Callable[[Memory, int], Sequence[RouteRow]]
    options: RouterOptions = _CONSTANTS
    calibrated: bool = False


_COSINE = RouterOptions(calibration=Calibration(mix=(1.0, 0.0, 0.0)))
_BEFORE = RouterOptions(
    covered=2.0,
    calibration=Calibration(
        mix=(0.0, 1.0, 0.0),
        spreads=(0.05, 0.05, 0.05),
        pooled=1e9,
        sharpness=1.0,
        rivals=10_000,
        known=(0.0, 1e3, 0.0),
        per_row=0.0,
        bias=-300.0,
    ),
)
ROUTERS: Mapping[str, Variant] = {
    "": Variant(_index, calibrated=True),
    "constants": Variant(_index),
    "before": Variant(_index, _BEFORE),
    "document": Variant(_documents, _COSINE),
    "random": Variant(_random, _COSINE),
    "oracle": Variant(_oracle, _COSINE),
}
"""By name; the nameless one is what a memory uses. Of the last three only top1 and top3 are reported."""


def expected_error(beliefs: Sequence[tuple[float, bool, float]], bins: int = 10) -> float:
    """Expected calibration error (Naeini et al., 2015) of (probability, whether it came true, weight), in equal bins.

    >>> expected_error([(0.75, True, 1.0), (0.75, True, 1.0), (0.25, False, 2.0)])
    0.25
    """
    parts: dict[int, list[tuple[float, bool, float]]] = defaultdict(list)
    for belief in beliefs:
        parts[min(int(belief[0] * bins), bins - 1)].append(belief)
    total = sum(weight for _, _, weight in beliefs)
    return sum(abs(sum(w * (p - true) for p, true, w in part)) for part in parts.values()) / total


def evaluate(name: str, memories: Sequence[Memory], variant: Variant, vectors: Vectors, seed: int) -> dict[str, float]:
    """The figures of one router on one set."""
    sums: dict[str, list[float]] = defaultdict(list)
    beliefs: list[tuple[float, bool, float]] = []
    prompts = list(zip(PROMPTS, vectors(PROMPTS), strict=True))
    for memory in memories:
        rows = variant.rows(memory, seed)
        if not rows:
            continue
        router = Router(rows, vectors([row.text for row in rows]), variant.options)
        if variant.calibrated:
            router.calibrate(vectors)
            sums["shift"].append(router.calibration.shift)
        for one, vector in zip(memory.asked, vectors([one.question for one in memory.asked] or ["-"]), strict=False):
            right, belief = _ask(router, one, vector, sums)
            beliefs.append((belief, right, 1.0 / len(memory.asked)))
        for label, some in memory.special.items():
            for one, vector in zip(some, vectors([one.question for one in some]), strict=True):
                believed = router.posterior(one.question, vector)
                sums[f"{label}_top1"].append(float(believed is not None and believed.modules[0][0] in one.gold))
                sums[f"{label}_none"].append(float(not router.route(one.question, vector).modules))
        if variant.rows is not _index:
            continue
        for prompt, vector in prompts if memory.asked else ():
            believed = router.posterior(prompt, vector)
            if believed is not None:
                beliefs.append((believed.known * believed.modules[0][1], False, 1.0 / len(prompts)))
            sums["everyday"].append(float(bool(router.route(prompt, vector).modules)))
        for question, vector in zip(memory.strange, vectors(memory.strange or ["-"]), strict=False):
            sums["strange"].append(float(bool(router.route(question, vector).modules)))
    figures = {key: statistics.fmean(values) for key, values in sums.items()}
    if variant.rows is _index:
        figures["ece"] = expected_error(beliefs)
    else:
        figures = {key: figures[key] for key in ("top1", "top3")}
    return {f"{name}_{key}": value for key, value in figures.items()}


def _ask(router: Router, one: Asked, vector: NDArray[np.float32], sums: dict[str, list[float]]) -> tuple[bool, float]:
    """Whether the likeliest module knows, and the probability that was given to that."""
    believed = router.posterior(one.question, vector)
    assert believed is not None
    names = [name for name, _ in believed.modules]
    chosen = router.route(one.question, vector).modules
    sums["top1"].append(float(names[0] in one.gold))
    sums["top3"].append(float(bool(set(names[:3]) & one.gold)))
    sums["coverage"].append(len({name for name, _ in chosen} & one.gold) / len(one.gold))
    sums["coverage3"].append(len(set(names[:3]) & one.gold) / len(one.gold))
    sums["mean_k"].append(len(chosen))
    sums["none"].append(float(not chosen))
    return names[0] in one.gold, believed.known * believed.modules[0][1]


def measure(options: Options, seed: int) -> Figures:
    """Every router on every set; with the flags, the million rows and the fit too."""
    vectors = vectors_of(str(options.flags["embedder"]))
    if options.whole("fit") and options.data is not None:
        return fit(options.data, vectors, seed)
    figures: dict[str, float] = {}
    sets = _sets(options, seed)
    for name, memories in sets.items():
        for label, variant in ROUTERS.items():
            figures |= evaluate(f"{name}_{label}" if label else name, memories, variant, vectors, seed)
    everyday = [value for key, value in figures.items() if key.endswith("_everyday") and key.count("_") == 1]
    figures["everyday_worst"] = max(everyday)
    if options.whole("scale"):
        figures |= pooled(sets, vectors, options, seed) | scale(options, seed)
    return figures


if __name__ == "__main__":
    sys.exit(run("routing", __doc__, measure, flags=FLAGS, targets=TARGETS))
