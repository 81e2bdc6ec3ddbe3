"""Statements with an exam of their own for `benchmarks.writing`: WikiDYK, zsRE, and invented ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import DataMissing, Dataset, load
from benchmarks.marks import key
from slowwave.types import Fact

if TYPE_CHECKING:
    from slowwave.consolidation.stories import Story

__all__ = ["DATASETS", "USER", "Item", "invented", "sets"]

DATASETS = {
    "wikidyk": Dataset(
        "wikidyk/wikidyk_1765.jsonl.gz",
        "WikiDYK, arXiv 2505.12306 (facts CC BY-SA 4.0), GitHub repository zhang-yu-wei/WikiDYK",
        ("fact", "question", "answer"),
    ),
    "zsre": Dataset(
        "zsre/zsre_mend_train_1k.jsonl.gz",
        "zsRE as split by MEND, GitHub repository Jometeorie/KnowledgeSpread, file data/zsre/zsre_mend_train-1k.json",
        ("question", "paraphrase", "answer_new"),
    ),
}
_FRESH = slice(100, -100)
"""Without the records that were in view when the reader (the first of a set) and the writer (some of the last) were made."""
_DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)
USER = "user"
"""Nobody is called by it."""


@dataclass(frozen=True)
class Item:
    """A statement, and the question of its set that is the exam."""

    fact: Fact
    question: str
    answer: str


def sets(data: Path | None, count: int, seed: int) -> dict[str, list[Item]]:
    """`count` statements of each set, drawn by the seed.

    Raises:
        DataMissing: a file is missing, or has too few records outside its first and last hundred.
    """
    if data is None:
        told = [(story.text, question, story.value) for story, question in invented(count, f"{seed}:writing")]
        return {"invented": _items("invented", told)}
    found: dict[str, list[Item]] = {}
    for name, read in _READERS.items():
        rows = {row[0]: row for record in load(data, DATASETS[name])[_FRESH] if (row := read(record)) is not None}
        if len(rows) < count:
            raise DataMissing(f"{DATASETS[name].file!r} has {len(rows)} fresh statements, not {count}: lower --facts.")
        found[name] = _items(name, random.Random(f"{seed}:{name}").sample(list(rows.values()), count))
    return found


_Row = tuple[str, str, str]
"""Statement, question, answer."""


def _wikidyk(record: Mapping[str, Any]) -> _Row | None:
    text = str(record["fact"])
    return text[:1].upper() + text[1:], str(record["question"]), str(record["answer"])


def _zsre(record: Mapping[str, Any]) -> _Row | None:
    """None where there is no edit, or where the paraphrase is the question that stands in the statement."""
    told, asked, answer = (str(record[name]) for name in ("question", "paraphrase", "answer_new"))
    return (f"{told} {answer}.", asked, answer) if answer and key(told) != key(asked) else None


_READERS: Mapping[str, Callable[[Mapping[str, Any]], _Row | None]] = {"wikidyk": _wikidyk, "zsre": _zsre}


def _items(name: str, rows: Sequence[_Row]) -> list[Item]:
    """One a day, so that "What did the user say on ...?" has one answer."""
    days = [_DAY + timedelta(days=number) for number in range(len(rows))]
    return [
        Item(Fact(id=f"{name}-{number}", text=text, user_id=USER, said_at=day), question, answer)
        for number, ((text, question, answer), day) in enumerate(zip(rows, days, strict=True))
    ]


def invented(count: int, seed: str) -> list[tuple[Story, str]]:
    """Stories of relations that are never trained, about others than the speaker, each with a held-out question."""
    from slowwave.consolidation.stories import ask, relations, tell
    from slowwave.consolidation.world import SUBJECTS

    rng = random.Random(seed)
    kinds = [relation for relation in relations() if relation.exam]
    found: dict[tuple[str, str], tuple[Story, str]] = {}
    while len(found) < count:
        relation = kinds[len(found) % len(kinds)]
        story = tell(rng, relation, "", subject=SUBJECTS[relation.about](rng))
        found.setdefault((relation.name, story.subject), (story, ask(rng, story, exam=True)))
    return list(found.values())
