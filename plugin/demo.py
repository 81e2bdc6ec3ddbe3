"""The main job on invented people: tell a fresh memory some facts, ask, sleep one night, ask again.

Every question is asked in four ways: the base model alone, with retrieved facts, with the night's weights, and with both.
No question is one that the night trained or examined with; that is checked in the run.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from slowwave.adapters_store.manifest import Manifest
from slowwave.memory import Memory
from slowwave.settings import Settings
from slowwave.types import NightReport, Progress, no_progress

__all__ = ["PEOPLE", "STRANGE", "WAYS", "Told", "run"]


@dataclass(frozen=True)
class Told:
    """A fact, its answer, and questions about it that no night writes."""

    text: str
    answer: str
    questions: tuple[str, str]


PEOPLE: Mapping[str, tuple[Told, ...]] = {
    "ada": (
        Told("I'm allergic to peanuts.", "peanuts", ("Which food makes me ill?", "What is Ada's food allergy?")),
        Told("My sister's name is Clara.", "Clara", ("How is my sister called?", "Who is the sister of Ada?")),
        Told("I live in Porto.", "Porto", ("In which town is my home?", "Where is Ada's flat?")),
        Told("I work as a nurse.", "nurse", ("What do I do for work every day?", "Which occupation does Ada have?")),
        Told("My dog is called Biscuit.", "Biscuit", ("How do I call my dog?", "Which dog name did Ada choose?")),
        Told("My favourite colour is green.", "green", ("In which colour would I paint my room?", "What colour suits Ada most?")),
        Told("The door code of the office is 4711.", "4711", ("Which code opens the office door?", "Office door code, please.")),
        Told("My dentist is Dr. Okafor.", "Okafor", ("Which dentist do I go to?", "Who looks after Ada's teeth?")),
        Told("I play the cello.", "cello", ("On which instrument do I make music?", "What is Ada's instrument?")),
        Told("Our team meeting is on Tuesdays at 10:30.", "Tuesdays at 10:30", ("At what time does our team meet?", "When does the team come together?")),
    ),
    "ben": (
        Told("I'm allergic to cats.", "cats", ("Which animals make me sneeze?", "What is Ben's allergy?")),
        Told("My wife's name is Ingrid.", "Ingrid", ("To whom am I married?", "Who is the wife of Ben?")),
        Told("I live in Bergen.", "Bergen", ("In which town is my home?", "Where is Ben's house?")),
        Told("I work as a carpenter.", "carpenter", ("What do I do for work every day?", "Which occupation does Ben have?")),
        Told("My boat is called Nordlys.", "Nordlys", ("How do I call my boat?", "Which boat name did Ben choose?")),
        Told("My favourite food is mushroom risotto.", "mushroom risotto", ("Which meal would I order any day?", "What dish makes Ben happy?")),
        Told("The locker code at the gym is 2604.", "2604", ("Which code opens my locker?", "Gym locker code, please.")),
        Told("My doctor is Dr. Lindqvist.", "Lindqvist", ("Which doctor do I go to?", "Who looks after Ben's health?")),
        Told("I play badminton.", "badminton", ("Which sport do I do?", "What is Ben's sport?")),
        Told("My flight to Lisbon is on 14 December.", "14 December", ("On which day do I fly to Lisbon?", "When does Ben fly to Lisbon?")),
    ),
}  # fmt: skip

STRANGE: tuple[tuple[str, str], ...] = (
    ("ada", "What is the name of my lawyer?"),
    ("ben", "Which school did I go to as a child?"),
)
"""Questions that nobody was ever told the answer of."""

WAYS: Mapping[str, tuple[bool, bool]] = {
    "base model": (False, False),
    "retrieval only": (True, False),
    "weights only": (False, True),
    "both": (True, True),
}
"""The four ways: (use_facts, use_modules)."""


def run(
    *,
    quick: bool = False,
    out: Path | None = None,
    settings: Settings | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Run the demonstration in a temporary folder, and write its result to `out` as JSON if given.

    The result's ``ok`` says whether weights alone answer at least 0.7 of the questions about facts that passed the gate,
    both halves together at least as much as the better one less 0.05, and nothing strange was answered with an invention.
    """
    chosen = settings or Settings()
    if quick:
        chosen = chosen.model_copy(update={"effort": "quick"})
    people = {user: told[: 5 if quick else None] for user, told in PEOPLE.items()}
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="slowwave-demo-") as folder, Memory(folder, settings=chosen) as memory:
        with _timed(seconds, "tell"):
            ids = _tell(memory, people)
        with _timed(seconds, "ask before the night"):
            before = _ask(memory, people, progress, "before the night")
        report = memory.consolidate(progress=progress)
        seconds |= {f"night: {name}": value for name, value in report.seconds.items()}
        manifests = memory._rooms.store.live()
        with _timed(seconds, "ask after the night"):
            after = _ask(memory, people, progress, "after the night")
            strange = [
                {"user": user, "question": question, "answer": answer.text, "declined": answer.source == "unknown"}
                for user, question in STRANGE
                for answer in [memory.ask(question, user_id=user)]
            ]
    seen = _trained_questions(manifests)
    result = _verdict(before, after, strange, report, ids, seen)
    result["seconds"] = {name: round(value, 1) for name, value in seconds.items()}
    result["settings"] = chosen.model_dump()
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=2, ensure_ascii=False), encoding="utf-8")
    return result


def _tell(memory: Memory, people: Mapping[str, tuple[Told, ...]]) -> dict[tuple[str, str], str]:
    """Add every fact on a day of its own; returns fact ids by (user, text)."""
    first_day = datetime(2026, 11, 1, 12, tzinfo=UTC)
    ids: dict[tuple[str, str], str] = {}
    for user, told in people.items():
        for day, one in enumerate(told):
            (fact,) = memory.add(one.text, user_id=user, said_at=first_day + timedelta(days=day))
            ids[user, one.text] = fact.id
    return ids


def _ask(
    memory: Memory, people: Mapping[str, tuple[Told, ...]], progress: Progress, stage: str
) -> list[dict[str, Any]]:
    """One record a question, with the answer and its mark for each way."""
    from slowwave.consolidation.gate import is_right

    asked = [(user, one, question) for user, told in people.items() for one in told for question in one.questions]
    records: list[dict[str, Any]] = []
    for number, (user, one, question) in enumerate(asked):
        progress(f"asking {stage}", number, len(asked))
        record: dict[str, Any] = {"user": user, "fact": one.text, "question": question, "expected": one.answer}
        for way in WAYS:
            facts, modules = WAYS[way]
            answer = memory.ask(question, user_id=user, use_facts=facts, use_modules=modules, max_tokens=16)
            record[way] = {"answer": answer.text, "right": is_right(answer.text, one.answer)}
        records.append(record)
    progress(f"asking {stage}", len(asked), len(asked))
    return records


def _trained_questions(manifests: list[Manifest]) -> set[tuple[str, str]]:
    from slowwave.consolidation.gate import normalise

    return {(one.user_id, normalise(known.question)) for one in manifests for known in one.questions}


def _verdict(
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    strange: list[dict[str, Any]],
    report: NightReport,
    ids: Mapping[tuple[str, str], str],
    seen: set[tuple[str, str]],
) -> dict[str, Any]:
    from slowwave.consolidation.gate import normalise

    settled = {fact.fact_id for fact in report.facts if fact.status == "settled"}
    # Asked in the words of the night is no test of knowledge: such a question does not count.
    fresh = [i for i, one in enumerate(after) if (one["user"], normalise(one["question"])) not in seen]
    passed = [i for i in fresh if ids[after[i]["user"], after[i]["fact"]] in settled]
    recall_before = {way: _share(before, fresh, way) for way in WAYS}
    recall_after = {way: _share(after, fresh, way) for way in WAYS}
    gated = {way: _share(after, passed, way) for way in WAYS}
    checks = {
        "weights only, facts that passed the gate: at least 0.7": gated["weights only"] >= 0.7,
        "both: at least the better half less 0.05": recall_after["both"]
        >= max(recall_after["retrieval only"], recall_after["weights only"]) - 0.05,
        "nothing strange answered with an invention": all(one["declined"] for one in strange),
        "no question was trained": len(fresh) == len(after),
    }
    return {
        "ok": all(checks.values()),
        "checks": checks,
        "facts": len(ids),
        "settled": len(settled),
        "questions": len(fresh),
        "before": recall_before,
        "after": recall_after,
        "after_gate_passed": gated,
        "strange": strange,
        "night": report.model_dump(mode="json"),
        "answers": {"before": before, "after": after},
    }


def _share(records: list[dict[str, Any]], chosen: list[int], way: str) -> float:
    return round(sum(records[i][way]["right"] for i in chosen) / len(chosen), 3) if chosen else 0.0


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
    finally:
        seconds[name] = time.perf_counter() - began
