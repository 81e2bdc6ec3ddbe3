"""Marks of an answer, and the guard that no question of an exam was trained.

Containment and F1 are those of `benchmarks.conversations`; added are F1 of whole sentences and ROUGE-L.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.conversations import contains, f1, normalise
from slowwave.prompts import is_unknown

if TYPE_CHECKING:
    from slowwave import Memory
    from slowwave.consolidation.rows import Lesson
    from slowwave.consolidation.writers import NamedWriter
    from slowwave.types import Fact, QAPair

__all__ = [
    "assert_unseen",
    "assert_unseen_by",
    "contains",
    "f1",
    "keep",
    "key",
    "normalise",
    "questions_of",
    "right",
    "rouge_l",
    "token_f1",
    "without",
]


def right(said: str, gold: str) -> float:
    """1 if the gold answer stands in what was said, word for word, and what was said is no denial; else 0.

    >>> right("It is Porto.", "Porto"), right("I don't know. Porto?", "Porto")
    (1.0, 0.0)
    """
    return 0.0 if is_unknown(said) else contains(said, gold)


def token_f1(said: str, gold: str) -> float:
    """F1 of two bags of words (SQuAD, arXiv 1606.05250), for golds that are sentences: brackets hold no other answer.

    >>> token_f1("MCTS", "Monte Carlo tree search (MCTS)"), f1("MCTS", "Monte Carlo tree search (MCTS)")
    (0.3333333333333333, 1.0)
    """
    return f1(said, gold.replace("(", " ").replace(")", " "))


def rouge_l(said: str, gold: str) -> float:
    """ROUGE-L: twice the longest common subsequence of words over both lengths.

    From Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004), with precision and recall of equal weight, and
    the words of `normalise` (no articles, no stems).

    >>> rouge_l("the police killed the gunman", "the gunman killed the police"), rouge_l("", "")
    (0.3333333333333333, 0.0)
    """
    one, other = normalise(said), normalise(gold)
    if not one or not other:
        return 0.0
    return 2 * _common(one, other) / (len(one) + len(other))


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence, row by row of its table."""
    above = [0] * (len(other) + 1)
    for word in one:
        row = [0]
        for at, against in enumerate(other):
            row.append(above[at] + 1 if word == against else max(above[at + 1], row[-1]))
        above = row
    return above[-1]


def key(question: str) -> tuple[str, ...]:
    """The words of a question: two with the same words in the same order are one."""
    return tuple(normalise(question))


def assert_unseen(asked: Iterable[str], trained: Iterable[str]) -> None:
    """Make sure that no question of an exam is among the trained ones.

    Raises:
        AssertionError: one is.
    """
    seen = {key(question) for question in trained}
    leaked = [question for question in asked if key(question) in seen]
    if leaked:
        raise AssertionError(f"{len(leaked)} questions of the exam were trained, the first: {leaked[0]!r}")


def questions_of(lesson: Lesson) -> list[str]:
    """All questions that were written for a lesson, those that its gate asks among them."""
    return [pair.question for part in (lesson.trained, lesson.heldout) for some in part.values() for pair in some]


def assert_unseen_by(memory: Memory, asked: Iterable[str]) -> None:
    """Make sure that no question of an exam is among those that the memory's live modules were taught or examined with.

    Raises:
        AssertionError: one is.
    """
    rooms = getattr(memory, "_rooms", None)  # a test's stand-in has none
    live = rooms.store.live() if rooms is not None else ()
    assert_unseen(asked, (one.question for manifest in live for one in manifest.questions))


def without(writer: NamedWriter, asked: Collection[str]) -> tuple[NamedWriter, list[QAPair]]:
    """The writer with the exam's questions taken out of what it writes, and the pairs that were taken out so far.

    Whoever writes about a statement may hit on the very question of the exam; it is neither trained nor asked at the gate.
    """
    exam = {key(question) for question in asked}
    taken: list[QAPair] = []

    def write(fact: Fact) -> list[QAPair]:
        pairs = writer(fact)
        taken.extend(pair for pair in pairs if key(pair.question) in exam)
        return [pair for pair in pairs if key(pair.question) not in exam]

    # Proven: else rules would fill up with what was just taken out.
    return replace(writer, source=write, proven=True, more=None), taken


def keep(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows for a person to read, as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
