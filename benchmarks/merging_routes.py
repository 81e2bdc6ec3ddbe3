"""Questions that several modules may be asked, and what becomes of them in every way to combine modules."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.conversations import bootstrap
from benchmarks.harness import Figures, Options
from benchmarks.phonebook import Entry, first_number
from benchmarks.routing_sets import vectors_of
from benchmarks.taught import BATCH, Modules, answers, claim, panel

if TYPE_CHECKING:
    from slowwave.adapters_store.router import Route

__all__ = ["Doubtful", "credit", "doubtful", "people", "routed"]

METHODS = ("single", "ties", "panel", "linear", "cat")
AT_MOST = 3
"""Modules in an answer."""
_TOKENS = 48
"""Of an answer that may have to tell two numbers."""
_TITLES = frozenset({"Mr", "Mrs", "Ms", "Miss", "Dr"})

_NAMED = (
    "{other} asked me for the phone number of {name}. What is it?",
    "I am meeting {other}, but first I have to ring {name}. What do I dial?",
    "Not {other}, I need {name}: which number should I call?",
)
_TWO = ("What are the phone numbers of {name} and {other}?", "I have to ring {name} and {other}. What do I dial?")
_FIRST = ("How can I reach {name} by phone?", "I want to call {name}. Which number is it?")


@dataclass(frozen=True)
class Doubtful:
    """A question that several modules may be asked, and the numbers that answer it."""

    kind: str
    question: str
    right: frozenset[str]
    wanted: int = 1
    """How many of them it takes."""


def credit(text: str, one: Doubtful) -> float:
    """The share of the wanted numbers among the first ones of an answer.

    >>> credit("555-123-4567 or 555-765-4321", Doubtful("two", "", frozenset({"555-765-4321", "555-000-0000"}), 2))
    0.5
    """
    said: list[str] = []
    while len(said) < one.wanted and (number := first_number(text)) is not None:
        said.append(number)
        text = text.partition(number)[2]
    return len(set(said) & one.right) / one.wanted


def first_name(name: str) -> str:
    """The first word that is no title.

    >>> first_name("Dr Denise Bell")
    'Denise'
    """
    return next((word for word in name.split() if word not in _TITLES), name)


def people(book: Sequence[Entry], modules: int, facts: int, seed: int) -> list[list[Entry]]:
    """So many entries for each module; half of them, as far as the book allows, have a namesake in the next module."""
    draw = random.Random(seed)
    by_first: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in draw.sample(list(book), len(book)):
        by_first[first_name(entry.name)].append(entry)
    dealt: list[list[Entry]] = [[] for _ in range(modules)]
    pairs = [some[:2] for some in by_first.values() if len(some) > 1] if modules > 1 else []
    for number, pair in enumerate(pairs[: modules * facts // 4]):
        for step, entry in enumerate(pair):
            dealt[(number + step) % modules].append(entry)
    taken = {entry.name for some in dealt for entry in some}
    rest = iter([entry for some in by_first.values() for entry in some if entry.name not in taken])
    return [[*some, *(next(rest) for _ in range(facts - len(some)))][:facts] for some in dealt]


def doubtful(books: Sequence[Sequence[Entry]], seed: int, most: int) -> list[Doubtful]:
    """Up to so many questions of each kind, drawn by the seed, about people of different modules."""
    draw = random.Random(f"{seed} doubtful")
    found: list[Doubtful] = []
    for number in range(most if len(books) > 1 else 0):
        here, there = draw.sample(range(len(books)), 2)
        one, other = draw.choice(books[here]), draw.choice(books[there])
        asked = _NAMED[number % len(_NAMED)].format(name=one.name, other=other.name)
        found.append(Doubtful("named", asked, frozenset({one.phone})))
        asked = _TWO[number % len(_TWO)].format(name=one.name, other=other.name)
        found.append(Doubtful("two", asked, frozenset({one.phone, other.phone}), 2))
    homes: defaultdict[str, set[int]] = defaultdict(set)
    numbers: defaultdict[str, set[str]] = defaultdict(set)
    for place, book in enumerate(books):
        for entry in book:
            homes[first_name(entry.name)].add(place)
            numbers[first_name(entry.name)].add(entry.phone)
    shared = [(form, name) for form in _FIRST for name in sorted(homes) if len(homes[name]) > 1]
    for form, name in draw.sample(shared, min(most, len(shared))):
        found.append(Doubtful("first", form.format(name=name), frozenset(numbers[name])))
    return list({one.question: one for one in found}.values())


def routed(modules: Modules, asked: Sequence[Doubtful], options: Options, seed: int) -> Figures:
    """Every way to combine, on those of the questions that the router leads to several modules."""
    most, embedder = options.whole("questions"), str(options.flags["embedder"])
    router, encode = modules.router(embedder), vectors_of(embedder)
    figures: dict[str, float] = {}
    chosen: list[tuple[Doubtful, Route]] = []
    for kind in dict.fromkeys(one.kind for one in asked):
        some = [one for one in asked if one.kind == kind]
        vectors = encode([one.question for one in some])
        routes = [router.route(one.question, vector, AT_MOST) for one, vector in zip(some, vectors, strict=True)]
        figures[f"routes.{kind}.several"] = statistics.fmean(route.kind == "some" for route in routes)
        figures[f"routes.{kind}.none"] = statistics.fmean(route.kind == "none" for route in routes)
        chosen += [(one, route) for one, route in zip(some, routes, strict=True) if route.kind == "some"][:most]
    return {**figures, **combined(modules, chosen, seed)} if chosen else figures


def combined(modules: Modules, chosen: Sequence[tuple[Doubtful, Route]], seed: int) -> Figures:
    """Marks of every way to combine, on questions with routes through several modules."""
    from slowwave.serving import combination

    said = _said(modules, chosen)
    ways = [combination(route, "auto") for _, route in chosen]
    said["auto"] = [said[way][place] for place, way in enumerate(ways)]
    marks = {
        method: [credit(text, one) for text, (one, _) in zip(texts, chosen, strict=True)]
        for method, texts in said.items()
    }
    figures = {"routes.kept": float(len(chosen)), "routes.auto_merges": statistics.fmean(way == "ties" for way in ways)}
    for method, values in marks.items():
        figures[f"routes.{method}"] = statistics.fmean(values)
        for kind in dict.fromkeys(one.kind for one, _ in chosen):
            of_kind = [value for value, (one, _) in zip(values, chosen, strict=True) if one.kind == kind]
            figures[f"routes.{kind}.{method}"] = statistics.fmean(of_kind)
    best = max(METHODS, key=lambda method: statistics.fmean(marks[method]))
    gaps = [ours - theirs for ours, theirs in zip(marks["auto"], marks[best], strict=True)]
    figures["auto"] = figures["routes.auto"]
    figures["auto_over_best_single_method"] = statistics.fmean(gaps)
    low, high = bootstrap(gaps, seed)
    return {**figures, "auto_over_best_single_method.low": low, "auto_over_best_single_method.high": high}


def _said(modules: Modules, chosen: Sequence[tuple[Doubtful, Route]]) -> dict[str, list[str]]:
    """What is answered by each method, empty where it does not stand in what the modules are known to answer."""
    from slowwave.grounding import Grounding

    def checked(question: str, some: Sequence[int], text: str) -> str:
        sources = [answer for module in some for _, _, answer in modules.taught[module].questions]
        return claim(Grounding(sources, question).finish(text, nothing_said=True))

    asked = [one.question for one, _ in chosen]
    routes = [([int(name[1:]) for name, _ in route.modules], [w for _, w in route.modules]) for _, route in chosen]
    checks = [[partial(checked, q, [m]) for m in some] for q, (some, _) in zip(asked, routes, strict=True)]
    told = [(some, q) for q, (some, _) in zip(asked, routes, strict=True)]
    said = {"panel": panel(modules, told, _TOKENS, checks)}
    for method in ("single", "ties", "linear"):
        texts: list[str] = []
        for start in range(0, len(chosen), BATCH):  # a blend for each question: not all of them at once
            texts += _blended(modules, routes[start : start + BATCH], asked[start : start + BATCH], method)
        heard = [some[:1] if method == "single" else some for some, _ in routes]
        said[method] = [checked(q, some, text) for q, some, text in zip(asked, heard, texts, strict=True)]
    said["cat"] = said["linear"]  # with one A for all they are the same, bit for bit
    return said


def _blended(
    modules: Modules, routes: Sequence[tuple[list[int], list[float]]], asked: Sequence[str], method: str
) -> list[str]:
    """What each question is answered by the blend of its route, as answers use it."""
    import torch

    from slowwave.adapters_store.merge import merge

    made = [merge([modules.vectors[m] for m in some], torch.tensor(weights), method) for some, weights in routes]
    said = answers(modules, torch.stack(made), list(enumerate(asked)), _TOKENS)
    return [one.text for one in said]
