"""The constants of `slowwave.adapters_store.calibration.Calibration`, fitted on sets of which nothing is reported."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Dataset, load
from benchmarks.routing_sets import Asked, Memory, Vectors, drawn, facts_of, invented, plain, sentences
from slowwave.adapters_store.calibration import EVERYDAY, Calibration
from slowwave.adapters_store.router import Router, RouteRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["fit"]


def _grouped(texts: Mapping[str, str], asked: Iterable[tuple[str, str]], seed: int) -> Memory:
    """A module per text, with half of the questions about it as rows; the other half is asked."""
    draw = random.Random(seed)
    questions: dict[str, list[str]] = defaultdict(list)
    for name, question in asked:
        questions[name].append(question.strip())
    rows: list[RouteRow] = []
    kept: list[Asked] = []
    for name, text in texts.items():
        own = sorted(set(questions[name]))
        draw.shuffle(own)
        half = len(own) // 2
        rows += [RouteRow(question, f"{name}/q{i}", name) for i, question in enumerate(own[:half])]
        rows += facts_of(name, sentences(text)[:120])
        kept += [Asked(question, frozenset({name})) for question in own[half:]]
    return _unseen(rows, kept)


def _paired(pairs: Iterable[tuple[str, str]], seed: int) -> Memory:
    """(row, asked) pairs in modules of 24."""
    shuffled = sorted(set(pairs))
    random.Random(seed).shuffle(shuffled)
    rows = [RouteRow(text, f"fact{i}", f"slice{i // 24:03}") for i, (text, _) in enumerate(shuffled)]
    asked = [Asked(question, frozenset({row.module_id})) for row, (_, question) in zip(rows, shuffled, strict=True)]
    return _unseen(rows, asked)


def _unseen(rows: Sequence[RouteRow], asked: Sequence[Asked]) -> Memory:
    held = {plain(row.text) for row in rows}
    return Memory(tuple(rows), tuple(one for one in asked if plain(one.question) not in held), {})


def _others(data: Path, seed: int) -> dict[str, list[Memory]]:
    """Memories from sets of which nothing is reported."""

    def records(file: str) -> list[dict[str, Any]]:
        return load(data, Dataset(f"{file}.jsonl.gz", "see the README of the folder it is in"))

    stories = {
        one["story"]: " ".join(part["text"] for part in one["sections"]) for one in records("fairytaleqa/stories")
    }
    articles = {one["article_id"]: one["text"] for one in records("quality/articles")}
    quizzes = records("quality/questions_2way") + records("quality/questions_4way")
    passages: dict[str, str] = defaultdict(str)
    for one in records("squad_dev/squad_dev_384"):
        passages[one["title"]] += one["context"] + " "
    people = []
    for one in records("memorybank/memorybank_en"):
        days = {f"day{i}": [turn["query"] for turn in day["turns"]] for i, day in enumerate(one["history"])}
        said = [row for name, turns in days.items() for row in facts_of(name, turns)]
        people.append(Memory(tuple(said), (), {}))
    summaries = {one["doc_id"]: one["summary"] for one in records("narrativeqa/summaries_valid")}
    return {
        "narrativeqa": [
            _grouped(summaries, ((q["doc_id"], q["question"]) for q in records("narrativeqa/qa_valid_all")), seed)
        ],
        "fairytaleqa": [_grouped(stories, ((q["story"], q["question"]) for q in records("fairytaleqa/qa")), seed)],
        "quality": [_grouped(articles, ((q["article_id"], q["question"]) for q in quizzes), seed)],
        "squad": [
            _grouped(
                passages,
                ((p["title"], q["question"]) for p in records("squad_dev/squad_dev_384") for q in p["qa"]),
                seed,
            )
        ],
        "zsre": [_paired(((one["question"], one["paraphrase"]) for one in records("zsre/zsre_mend_train_1k")), seed)],
        "wikidyk": [_paired(((one["fact"], one["question"]) for one in records("wikidyk/wikidyk_1765")), seed)],
        "counterfact": [
            _paired(
                ((one["prompt"], one["paraphrase_prompt"]) for one in records("counterfact/counterfact_edit_2000")),
                seed,
            )
        ],
        "memorybank": people[:3],
        "invented": [invented(3 * seed + i) for i in range(3)],
    }


_IN_FIT = {"invented": 3.0}
"""What a set counts for, others 1: facts about a user are what a memory is for."""


def fit(data: Path, vectors: Vectors, seed: int) -> dict[str, float]:
    """The constants of `Calibration`, fitted on memories of 1 to all modules of other sets, each memory with one weight."""
    import numpy as np

    others = _others(data, seed)
    prompts = vectors(EVERYDAY)
    leads: list[tuple[NDArray[np.float64], int, float]] = []
    spreads: list[NDArray[np.float64]] = []
    examples: list[tuple[list[float], float, float]] = []
    constants = Calibration()
    for name, memories in others.items():
        foreign = [one.question for other, some in others.items() if other != name for one in some[0].asked[:12]]
        for size, turn in ((size, turn) for size in (1, 2, 3, 8, 16, 10**6) for turn in range(3)):
            memory, draw = memories[turn % len(memories)], random.Random(f"{seed} {name} {size} {turn}")
            names = sorted({row.module_id for row in memory.rows})
            if (size >= len(names) and size < 10**6) or (size == 10**6 and turn >= len(memories)):
                continue
            part = set(draw.sample(names, min(size, len(names))))
            rows = [row for row in memory.rows if row.module_id in part]
            router = Router(rows, vectors([row.text for row in rows]))
            asked = drawn([one for one in memory.asked if one.gold <= part], 200, draw)
            weight, length = _IN_FIT.get(name, 1.0), float(np.log(len(router)))
            sides = [([one.question for one in asked], 1.0, 1.0), (list(EVERYDAY), 0.0, 1.0), (foreign, 0.0, 0.3)]
            for texts, label, share in sides if asked else sides[1:2]:
                encoded = prompts if texts == list(EVERYDAY) else vectors(texts)
                for place, (text, vector) in enumerate(zip(texts, encoded, strict=True)):
                    evidence = router.evidence(text, vector)
                    order, shares = constants.shares(evidence.scores)
                    examples.append(
                        ([*map(float, evidence.scores[order[0]]), length, 1.0], label, weight * share / len(texts))
                    )
                    found = [evidence.modules[int(module)] for module in order]
                    if label and len(part) > 1 and (gold := min(asked[place].gold)) in found:
                        leads.append((np.log(shares) / constants.sharpness, found.index(gold), weight / len(asked)))
                        spreads.append(evidence.scores[order].astype(np.float64).std(axis=0))
    sharpness = constants.sharpness
    for _ in range(30):  # Newton's method, one number
        slope = curve = 0.0
        for logits, right, weight in leads:
            shares = np.exp(sharpness * (logits - logits[0]))
            shares /= shares.sum()
            mean = float(shares @ logits)
            slope -= weight * (float(logits[right]) - mean)
            curve += weight * (float(shares @ logits**2) - mean**2)
        sharpness -= float(np.clip(slope / curve, -0.5, 0.5))
    known = _logistic(
        np.array([values for values, _, _ in examples]),
        np.array([label for _, label, _ in examples]),
        np.array([weight for _, _, weight in examples]),
    )
    labels = ("known_cosine", "known_nearness", "known_words", "per_row", "bias")
    found_spreads = np.mean(spreads, axis=0)
    figures = {f"spread_{i}": float(value) for i, value in enumerate(found_spreads)} | {"sharpness": sharpness}
    return {f"fit_{key}": value for key, value in (figures | dict(zip(labels, map(float, known), strict=True))).items()}


def _logistic(
    values: NDArray[np.float64], labels: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted logistic regression by Newton's method with halved steps; shape (examples, k) to (k,)."""
    import numpy as np

    found = np.zeros(values.shape[1])

    def loss(at: NDArray[np.float64]) -> float:
        logits = values @ at
        return float(weights @ (np.logaddexp(0.0, logits) - labels * logits) + 5e-4 * at[:-1] @ at[:-1])

    for _ in range(60):
        chance = 1 / (1 + np.exp(-(values @ found)))
        slope = values.T @ (weights * (chance - labels)) + 1e-3 * np.append(found[:-1], 0.0)
        curve = (values * (weights * chance * (1 - chance))[:, None]).T @ values + 1e-3 * np.eye(len(found))
        step, size = np.linalg.solve(curve, slope), 1.0
        while loss(found - size * step) > loss(found) and size > 1e-4:
            size /= 2
        found = found - size * step
    return found
