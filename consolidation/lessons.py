"""What a module is taught about its facts: questions from a writer, some of them held out for the gate."""

from __future__ import annotations

from collections.abc import Sequence

from slowwave.consolidation.gate import normalise
from slowwave.consolidation.joined import joined
from slowwave.consolidation.rows import Lesson
from slowwave.consolidation.writers import NamedWriter, split_heldout, write_all
from slowwave.quarantine import without_orders
from slowwave.superseding import subject
from slowwave.types import Fact, FactReport, Progress, QAPair, no_progress

__all__ = ["unwritten", "write_lesson"]

_HELD_OUT = 2
"""Phrasings of an answer that the gate asks and training never sees."""
_AT_ONCE = 8
"""Facts that a writer is asked about at once."""


def write_lesson(
    user_id: str, facts: Sequence[Fact], writer: NamedWriter, seed: int, progress: Progress = no_progress
) -> Lesson:
    """Write questions about facts, keep the supported ones, and hold some phrasings out.

    A module cannot answer one question in two ways. Where two facts do, the newer one keeps the question if they are versions
    of one thing ("I live in Porto", "I live in Lisbon"), and neither if both are true ("I'm allergic to nuts", "... latex"):
    half an answer would be a wrong one.
    """
    asked: dict[str, dict[str, tuple[Fact, str]]] = {}
    written: dict[str, list[QAPair]] = {}
    for start in range(0, len(facts), _AT_ONCE):
        progress("questions", start, len(facts))
        some = facts[start : start + _AT_ONCE]
        for fact, pairs in zip(some, write_all(some, writer), strict=True):
            written[fact.id] = pairs
            for pair in pairs:
                asked.setdefault(normalise(pair.question), {})[fact.id] = fact, normalise(pair.answer)
    owner = {question: _owner(list(some.values())) for question, some in asked.items()}
    progress("questions", len(facts), len(facts))
    trained: dict[str, tuple[QAPair, ...]] = {}
    heldout: dict[str, tuple[QAPair, ...]] = {}
    for fact in facts:
        mine = [pair for pair in written[fact.id] if owner[normalise(pair.question)] == fact.id]
        learn, hold = split_heldout(mine, per_answer=_HELD_OUT, seed=seed)
        if hold:  # without a held-out phrasing nothing could be examined, and what is not examined is not learned
            trained[fact.id], heldout[fact.id] = tuple(learn), tuple(hold)
    # Beside the wordings that are examined: a fact is not refused because it is not found by way of another.
    for fact_id, pairs in joined([fact for fact in facts if fact.id in trained], trained).items():
        free = [pair for pair in pairs if normalise(pair.question) not in owner]
        trained[fact_id] += tuple(free)
    return Lesson(user_id, tuple(facts), trained, heldout)


def _owner(facts: Sequence[tuple[Fact, str]]) -> str:
    """The id of the fact among those that answer a question, given with their answers, that keeps it; empty if none does."""
    newest, said = max(facts, key=lambda one: (one[0].said_at, one[0].id))
    about, words = subject(newest.text), set(said.split())
    for fact, answer in facts:
        alike = words <= set(answer.split()) or words >= set(answer.split())  # the same, or more of it
        versions = about is not None and (other := subject(fact.text)) is not None and other.key == about.key
        if not alike and not versions:
            return ""
    return newest.id


def unwritten(facts: Sequence[Fact], lesson: Lesson) -> tuple[FactReport, ...]:
    """Reports of the facts that a lesson has no questions about, each with its reason."""
    few = "too few supported questions could be written that no other fact answers otherwise"
    order = "it tells the assistant how to answer; such text is quoted, never learned"
    return tuple(
        FactReport(
            fact_id=fact.id,
            user_id=fact.user_id,
            status="unwritten",
            reason=few if without_orders(fact.text) else order,
        )
        for fact in facts
        if not lesson.trained.get(fact.id)
    )
