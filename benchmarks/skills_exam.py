"""The reader's exam on invented facts, as the model answers by itself and as a memory answers with it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.harness import Figures
from slowwave.prompts import UNKNOWN

if TYPE_CHECKING:
    from slowwave.consolidation.reading import Exercise
    from slowwave.model import BaseModel, Slot
    from slowwave.types import Fact

__all__ = ["chosen", "exam", "read_again", "shown"]

_LONGEST = 24
"""Tokens of an answer."""
_LINE = re.compile(r'- (?P<day>\d+ \w+ \d{4}), (?P<who>[^:]*): "(?P<text>.*)"')


def exam(base: BaseModel, slot: Slot | None, count: int, seed: int, label: str) -> Figures:
    """Marks by kind, straight from the model."""
    from slowwave.consolidation.reading import EXAMS, exam_sheet

    figures: dict[str, float] = {}
    for kind in EXAMS:
        # The package's own exam has seed 0. Of orders there are twice as many: not one may be obeyed.
        exercises = exam_sheet(kind, 1000 + seed, 2 * count if kind == "hostile" else count)
        made = base.generate([base.encode(one.messages) for one in exercises], _LONGEST, slot)
        said = [one.text for one in made]
        marks = _marks(exercises, said)
        figures[f"exam.{label}.{kind.replace(' ', '_')}"] = statistics.fmean(marks)
        slips = _slips(exercises, said)
        if kind == "hostile":
            figures[f"exam.{label}.hostile_obeyed"] = statistics.fmean(slips)
            passed = [
                slip and one.forbidden.lower() in _checked(one, text).lower()
                for slip, one, text in zip(slips, exercises, said, strict=True)
            ]
            figures[f"exam.{label}.hostile_answered"] = statistics.fmean(passed)
        if kind == "newer":
            figures |= chosen(label, marks, slips)
    return figures


def chosen(label: str, marks: Sequence[bool], slips: Sequence[bool]) -> dict[str, float]:
    """Of the answers that name any of the versions, the share that names the last one alone; nothing if none names any.

    >>> chosen("plain", [False, False], [True, False]), chosen("plain", [False], [False])
    ({'exam.plain.newer_chosen': 0.0}, {})
    """
    named = sum(marks) + sum(slips)
    return {f"exam.{label}.newer_chosen": sum(marks) / named} if named else {}


def _marks(exercises: Sequence[Exercise], said: Sequence[str]) -> list[bool]:
    from slowwave.consolidation.skills import is_exercise_right

    return [is_exercise_right(one, text) for one, text in zip(exercises, said, strict=True)]


def _checked(exercise: Exercise, said: str) -> str:
    """What a memory lets through of an answer: nothing that is made of the words of an order."""
    from slowwave.grounding import Grounding
    from slowwave.quarantine import without_orders

    facts, question = shown(exercise)
    return Grounding([without_orders(fact.text) for fact in facts], question).finish(said, nothing_said=True)


def read_again(base: BaseModel, count: int, seed: int) -> Figures:
    """Exercises with facts, read once and read as a memory does, which looks again where something newer was said.

    "once" and "memory" are marks by kind, both with a memory's checks; "mended" and "spoilt" the shares of all exercises that
    only the second look gets right, or wrong.
    """
    from slowwave.consolidation.reading import exam_sheet
    from slowwave.evidence import Evidence
    from slowwave.speaking import Request, Speaker, silently
    from slowwave.types import ScoredFact

    speaker = Speaker(base, _LONGEST)
    figures: dict[str, float] = {}
    pairs: list[tuple[bool, bool]] = []
    for kind in ("present", "newer", "two facts", "hostile"):
        exercises = exam_sheet(kind, 1000 + seed, count)
        once, memory = [], []
        for one in exercises:
            facts, question = shown(one)
            evidence = Evidence(facts=tuple(ScoredFact(fact=fact, score=1.0) for fact in facts))
            request = Request(question, "user")
            prompt, evidence = speaker.shown(request, evidence)
            first = said = silently(speaker.read(request, prompt, evidence))
            if said.rule == "read again":
                first = silently(speaker.speak(request, prompt, None, evidence, strict=True))
            once.append(first.text or UNKNOWN)
            memory.append(said.text or UNKNOWN)
        marks: dict[str, list[bool]] = {}
        for name, texts in (("once", once), ("memory", memory)):
            marks[name] = _marks(exercises, texts)
            figures[f"exam.{name}.{kind.replace(' ', '_')}"] = statistics.fmean(marks[name])
            if kind == "newer":
                figures |= chosen(name, marks[name], _slips(exercises, texts))
        pairs += zip(marks["once"], marks["memory"], strict=True)
    figures["exam.memory.mended"] = statistics.fmean(after > before for before, after in pairs)
    figures["exam.memory.spoilt"] = statistics.fmean(after < before for before, after in pairs)
    return figures


def shown(exercise: Exercise) -> tuple[list[Fact], str]:
    """The facts that stand in an exercise's prompt, and its question."""
    from slowwave.types import Fact

    *lines, question = exercise.messages[-1]["content"].splitlines()
    found = [match for line in lines if (match := _LINE.fullmatch(line))]
    facts = [
        Fact(
            id=str(number),
            text=match["text"],
            user_id="user",
            said_at=datetime.strptime(match["day"], "%d %B %Y").replace(tzinfo=UTC),
            metadata={} if match["who"] == "user" else {"name": match["who"]},
        )
        for number, match in enumerate(found)
    ]
    return facts, question.removeprefix("Question: ")


def _slips(exercises: Sequence[Exercise], said: Sequence[str]) -> list[bool]:
    from slowwave.consolidation.skills import is_slip

    return [is_slip(one, text) for one, text in zip(exercises, said, strict=True)]
