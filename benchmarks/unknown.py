"""Asked what was never said: how often a memory makes something up, before and after its nights, and how sure it is of it.

Tells a memory phone numbers, night after night, and asks it for numbers that it knows ("known": the share that is right) and, in
wordings that no writer makes, for what it was never told:

- near: the same question about somebody else of the same book, whose first and last name may be those of people it knows;
- strange_name: the same question about somebody of whose name it knows no word;
- other_thing: something else about somebody it knows;
- elsewhere: something about the user that has nothing to do with any of it.

Who is asked for and in which of the wordings, the seed draws. Half of the wordings of each kind ("in_view") were asked while the
checks of answers were made, half ("fresh") were not: each has its own figures, and those without either word are over both.
Every answer to those is wrong. "answered" is the share that is no admission, "confident" the share that is answered with a
confidence of --confident or more; "known.confident" is the share of known numbers that are right and that sure, for silence
alone would be no merit. Before the first night ("before"): the base model alone and retrieval. After the last one ("after"):
weights alone and the whole memory, with all its checks; both also for the numbers of --unknown other names of the book
("names.answered").

Then the same of weights without any check: the numbers are taught to two modules, with the usual rows about things never said
(a fifth of all; most of them near misses) and without, which are asked straight, with no facts in the prompt and no routing,
for their own numbers ("known") and for those of the same --unknown names ("invented": the share answered with a number).
"recall_given_up" is what the rows about things never said cost such a module, "weights_given_up" what they and the checks cost
a memory that answers from weights alone.

With --data: the phone book of "Understanding LoRA as Knowledge Memory", people drawn by the seed from those after its first
hundred, with which recipes were found; without: names and numbers drawn from the seed.
Time: 18 to 27 minutes a seed on two CPU cores with the default model and 16 facts.
"""

from __future__ import annotations

import random
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.conversations import COLUMNS
from benchmarks.harness import Figures, Flag, Options, Target, remembered, run, watch
from benchmarks.marks import assert_unseen_by
from benchmarks.phonebook import UNSEEN, Entry, entries, first_number
from benchmarks.reading import DAY, USER, ask, base_of, stored, taught
from slowwave.prompts import is_unknown

if TYPE_CHECKING:
    from slowwave import Memory
    from slowwave.consolidation.rows import Shares
    from slowwave.types import Answer

__all__ = ["FRESH", "IN_VIEW", "KINDS", "Wordings", "admits", "measure", "never_said"]

FLAGS = (
    Flag("facts", 16, "how many numbers are learned", quick=4),
    Flag("nights", 2, "in how many nights", quick=1),
    Flag("asked", 12, "questions of each kind that a memory is asked", quick=3),
    Flag("effort", "normal", "how much a night does: quick, normal or thorough"),
    Flag("confident", 0.5, "the confidence from which on an answer counts as a confident one"),
    Flag("unknown", 100, "names never told that a memory and its weights are asked for", quick=8),
)
KINDS = ("near", "strange_name", "other_thing", "elsewhere")
TARGETS = {
    **{f"after.both.{kind}.confident": Target(most=0.05) for kind in KINDS},
    "after.weights.names.answered": Target(most=0.1),
    "after.both.names.answered": Target(most=0.1),
    "after.both.known": Target(least=0.85),
    "absent_rows.known": Target(least=0.85),
    "absent_rows.invented": Target(most=0.1),
    "recall_given_up": Target(most=0.02),
    "weights_given_up": Target(most=0.02),
}
_LONGEST = 32
"""Tokens of an answer: the base model alone goes on and on."""
WAYS = {"before": ("base", "retrieval"), "after": ("weights", "both")}
"""Which of the ways to ask are asked when."""


@dataclass(frozen=True)
class Wordings:
    """What questions about things never said are made of."""

    number: tuple[str, ...]
    other_thing: tuple[str, ...]
    elsewhere: tuple[str, ...]
    first: tuple[str, ...]
    """First names that few people have."""
    last: tuple[str, ...]


IN_VIEW = Wordings(
    number=UNSEEN,
    other_thing=(
        "What is the email address of {name}?",
        "In which town does {name} live?",
        "How old is {name}?",
        "What does {name} do for a living?",
        "On which day is {name}'s birthday?",
        "Who is {name} married to?",
    ),
    elsewhere=(
        "What did I have for breakfast on my last holiday?",
        "Which hospital was my nephew born in?",
        "How tall is the fence behind my house?",
        "What was the first concert I went to?",
        "Who taught me how to swim?",
        "Which bus do I take to the office?",
        "What was my grade in chemistry?",
        "How many cousins do I have?",
        "What is written on my coffee mug?",
        "Which of my knees was operated on?",
        "What did my uncle leave me in his will?",
        "Where did I lose my umbrella?",
        "Which newspaper does my neighbour read?",
        "What is the title of my thesis?",
        "How much did my bicycle weigh?",
        "What is my grandfather's favourite opera?",
    ),
    first=tuple("Wilma Otto Zora Egon Brunhild Casimir Dagny Leopold Svetlana Thaddeus Winifred Ambrose".split()),
    last=tuple(
        "Quackenbush Zwart Oyelaran Hjelm Papadakis Wojcik Ferreira Tanizaki Bielski Auberon Vantongeren".split()
    ),
)
"""These were asked while the checks of answers were made."""
FRESH = Wordings(
    number=(
        "Do you happen to have a phone number for {name}?",
        "I'd like to give {name} a ring, what's the number?",
        "Could you look up {name}'s number for me?",
        "How do I get {name} on the phone?",
        "I have to text {name} later. Which number do I use?",
        "What was {name}'s number again?",
    ),
    other_thing=(
        "Where did {name} go to school?",
        "What's {name}'s favourite dish?",
        "How many children are there in the family of {name}?",
        "What car does {name} drive?",
        "Who does {name} work for?",
        "What does {name} play in the orchestra?",
        "Where was {name} born?",
        "What is the name of {name}'s dog?",
        "Is {name} allergic to anything?",
        "What did {name} study?",
    ),
    elsewhere=(
        "What colour did I paint the kitchen?",
        "When is my next appointment at the dentist?",
        "Who won our chess club's tournament last spring?",
        "By how much did my rent go up this year?",
        "What's the wifi password at my parents' place?",
        "Which shelf did I put the drill on?",
        "What was the name of my primary school teacher?",
        "How long did I stay in Iceland?",
        "Do I take sugar in my tea?",
        "Which platform does my train leave from on Mondays?",
        "What did we give my brother for his wedding?",
        "How many stamps are in my collection?",
        "What size are my hiking boots?",
        "Which plant on my balcony died?",
        "Who borrowed my ladder?",
        "What did the plumber say about the boiler?",
    ),
    first=tuple("Ottoline Ignatius Yevgenia Barnabas Eustace Ludmila Henrike Osmund Perpetua Tiberius".split()),
    last=tuple("Okonkwo Lindqvist Zabriskie Montefiore Achterberg Szymanski Thistlewood Hakobyan Oduya".split()),
)
"""These were not; no check, writer or row of the package was ever looked at with them."""
_REFUSAL = re.compile(
    r"\b(?:sorry|unknown|unable|no information|(?:do not|don['’]?t|did not|didn['’]?t) (?:know|have|mention|say)|"
    r"cannot|can['’]t|(?:not|never) (?:sure|known|mentioned|provided|given|specified|told|said|stated))\b",
    re.IGNORECASE,
)


def admits(text: str) -> bool:
    """Whether an answer says, in whatever words, that it is none; the base model has its own ways to.

    >>> admits("I'm sorry, but I don't have that."), admits("The number was not provided."), admits("It is 603-556-7631.")
    (True, True, False)
    """
    return not text.strip() or is_unknown(text) or (first_number(text) is None and bool(_REFUSAL.search(text)))


def measure(options: Options, seed: int, open_memory: Callable[..., Memory] | None = None) -> Figures:
    """A memory before and after its nights, then two modules; `open_memory` is `slowwave.Memory` unless a test gives another."""
    from slowwave import Settings
    from slowwave.consolidation.recipes import recipe_for

    if open_memory is None:
        from slowwave import Memory

        open_memory = Memory
    figures = remembered(options, f"seed{seed}.memory", partial(_memory, options, seed, open_memory))
    settings = Settings.checked(effort=options.flags["effort"])
    usual = recipe_for(settings, 1).shares
    for label, shares in {"absent_rows": usual, "without": replace(usual, absent=0.0, strangers=0.0)}.items():
        figures |= remembered(options, f"seed{seed}.{label}", partial(_weights, options, seed, label, shares))
    straight = figures["without.known"]
    return figures | {
        "recall_given_up": straight - figures["absent_rows.known"],
        "weights_given_up": straight - figures["after.weights.known"],
    }


# -- a memory ----------------------------------------------------------------------------------------------------------


def never_said(
    kind: str, known: Sequence[Entry], others: Sequence[Entry], seed: int, count: int
) -> tuple[list[str], list[str]]:
    """Questions of a kind whose answer nobody ever said, drawn by the seed: in wordings that were in view, and in fresh ones.

    Half of each, one more of the former where `count` is odd.

    Args:
        known: who is known.
        others: who is not, of the same book, drawn already.
    """
    words = {word for one in (*known, *others) for word in one.name.split()}
    fresh = count // 2
    found = []
    for label, wordings, names, most in (
        ("in view", IN_VIEW, others[fresh:], count - fresh),
        ("fresh", FRESH, others[:fresh], fresh),
    ):
        draw = random.Random(f"{seed}:{kind}:{label}")
        if kind == "elsewhere":
            questions = list(wordings.elsewhere)
        elif kind == "other_thing":
            questions = [form.format(name=one.name) for form in wordings.other_thing for one in known]
        else:
            people = [one.name for one in names[:most]]
            if kind == "strange_name":
                first, last = ([name for name in some if name not in words] for some in (wordings.first, wordings.last))
                people = draw.sample(
                    every := [f"{one} {other}" for one in first for other in last], min(most, len(every))
                )
            forms = draw.sample(wordings.number, len(wordings.number))
            questions = [forms[number % len(forms)].format(name=name) for number, name in enumerate(people)]
        found.append(draw.sample(questions, min(most, len(questions))))
    return found[0], found[1]


def _memory(options: Options, seed: int, open_memory: Callable[..., Memory]) -> dict[str, float]:
    count, each, strangers = options.whole("facts"), options.whole("asked"), options.whole("unknown")
    nights = min(options.whole("nights"), count)
    book = entries(count + max(each, strangers), seed, options.data)
    known, others = book[:count], book[count:]
    # Each night learns its own share of the facts, so that several modules stand to choice.
    shares = [known[number * count // nights : (number + 1) * count // nights] for number in range(nights)]
    strange = {kind: never_said(kind, shares[0], others, seed, each) for kind in KINDS}
    sure = float(options.flags["confident"])
    figures: dict[str, float] = {}
    settings = options.memory_settings(seed)
    if options.flags["effort"] != "normal":
        settings["effort"] = options.flags["effort"]
    with tempfile.TemporaryDirectory() as folder, open_memory(folder, **settings) as memory:
        for night, some in enumerate(shares):
            memory.add_many([one.text for one in some], user_id=USER, said_at=DAY + timedelta(days=night))
            if night == 0:
                for way in WAYS["before"]:
                    figures |= _asked(memory, f"before.{way}", COLUMNS[way], some, strange, sure)
            with watch() as progress:
                memory.consolidate(progress=progress)
            exam = [question for halves in strange.values() for half in halves for question in half]
            assert_unseen_by(memory, [*exam, *_unseen(known), *_unseen(others)])
        for way in WAYS["after"]:
            figures |= _asked(memory, f"after.{way}", COLUMNS[way], known, strange, sure)
            said = _answers(memory, COLUMNS[way], _unseen(others[:strangers]))
            figures[f"after.{way}.names.answered"] = statistics.fmean(not admits(answer.text) for answer in said)
        figures["settled"] = len(memory.settled_ids(user_id=USER)) / count
        figures["modules"] = float(len(memory.modules(user_id=USER)))
    return figures


def _asked(
    memory: Memory,
    label: str,
    way: Mapping[str, bool],
    known: Sequence[Entry],
    strange: Mapping[str, tuple[list[str], list[str]]],
    sure: float,
) -> dict[str, float]:
    told = _answers(memory, way, _unseen(known))
    right = [first_number(answer.text) == one.phone for answer, one in zip(told, known, strict=True)]
    figures = {
        f"{label}.known": statistics.fmean(right),
        f"{label}.known.confident": statistics.fmean(
            ok and answer.confidence >= sure for ok, answer in zip(right, told, strict=True)
        ),
    }
    for kind, halves in strange.items():
        said = [_answers(memory, way, questions) for questions in halves]
        for among, some in {"": [*said[0], *said[1]], ".in_view": said[0], ".fresh": said[1]}.items():
            if some:
                made_up = [answer for answer in some if not admits(answer.text)]
                figures[f"{label}.{kind}{among}.answered"] = len(made_up) / len(some)
                figures[f"{label}.{kind}{among}.confident"] = sum(one.confidence >= sure for one in made_up) / len(some)
    return figures


def _answers(memory: Memory, way: Mapping[str, bool], questions: Sequence[str]) -> list[Answer]:
    facts, modules = way.get("use_facts", True), way.get("use_modules", True)
    return [
        memory.ask(question, user_id=USER, max_tokens=_LONGEST, use_facts=facts, use_modules=modules)
        for question in questions
    ]


def _unseen(some: Sequence[Entry]) -> list[str]:
    """For somebody's number each, in wordings that no writer makes, taking turns."""
    return [UNSEEN[number % len(UNSEEN)].format(name=one.name) for number, one in enumerate(some)]


# -- weights without any check -----------------------------------------------------------------------------------------


def _weights(options: Options, seed: int, label: str, shares: Shares) -> dict[str, float]:
    base, count = base_of(options, seed), options.whole("facts")
    book = entries(count + options.whole("unknown"), seed, options.data)
    slot, steps = taught(base, stored(book[:count]), shares, seed, options, str(options.flags["effort"]))
    questions = _unseen(book)
    said = [first_number(text) for text in ask(base, slot, questions, [()] * len(questions))]
    return {
        f"{label}.known": statistics.fmean(
            number == one.phone for number, one in zip(said, book[:count], strict=False)
        ),
        f"{label}.invented": statistics.fmean(number is not None for number in said[count:]),
        f"{label}.steps": float(steps),
    }


if __name__ == "__main__":
    sys.exit(run("unknown", __doc__, measure, flags=FLAGS, targets=TARGETS))
