"""One group of facts becomes one module: its questions are written, trained, examined, and what passes goes live."""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from slowwave.adapters_store.manifest import KnownFact, KnownQuestion, Manifest, text_sha256
from slowwave.adapters_store.store import AdapterStore
from slowwave.consolidation.gate import Verdict, examine, temper
from slowwave.consolidation.journal import Excuse, Journal, PlannedGroup, ResultRecord
from slowwave.consolidation.lessons import unwritten, write_lesson
from slowwave.consolidation.retries import TRIES
from slowwave.consolidation.rows import Lesson
from slowwave.consolidation.stopwatch import Stopwatch
from slowwave.consolidation.train import Recipe, Trained, scaled, train
from slowwave.consolidation.writers import NamedWriter
from slowwave.embedder import Embedder
from slowwave.errors import FactNotFound
from slowwave.facts import FactStore
from slowwave.model import BaseModel
from slowwave.prompts import dated
from slowwave.settings import Settings
from slowwave.types import Fact, FactReport, ModuleReport, Progress

__all__ = ["Learner", "unanswered", "unchanged"]

_EXAM = {"quick": 12, "normal": 24, "thorough": 48}
_CHANGED = "a fact was deleted or changed while it was trained"
_FEWER = "no question could be written about some facts of the modules it would replace"
_SILENT = "the question writer failed"


@dataclass(frozen=True)
class _Learned:
    """A module before it goes live, and what is known of it."""

    module_id: str
    lesson: Lesson
    recipe: Recipe
    trained: Trained
    strength: float
    verdict: Verdict


@dataclass(frozen=True)
class Learner:
    """Teaches groups of facts to modules of one memory."""

    facts: FactStore
    store: AdapterStore
    base: BaseModel
    embedder: Embedder
    settings: Settings
    writer: NamedWriter
    guard: threading.RLock
    """Held while a module is published, so that no fact is deleted or changed between the last look and the swap."""
    watch: Stopwatch

    def learn(self, part: PlannedGroup, journal: Journal, recipe: Recipe, progress: Progress) -> ResultRecord | None:
        """Teach one group; None if its facts changed since the plan.

        Raises:
            Dropped: a fact of the group was deleted meanwhile.
            WriterFailed: the question writer failed.
        """
        facts = unchanged(self.facts, part)
        if facts is None:
            return None
        harder = TRIES[min(part.failed, len(TRIES) - 1)]
        recipe = scaled(recipe, harder.rank, self.base.hidden_size)
        with self.watch.timed("questions"):
            lesson = journal.lesson(part.name, part.user_id, facts)
            if lesson is None:
                writer = self.writer.more if harder.more and self.writer.more is not None else self.writer
                lesson = write_lesson(part.user_id, facts, writer, recipe.seed, progress)
                journal.keep_lesson(part.name, lesson)
        without = unwritten(facts, lesson)
        left = tuple(fact for fact in facts if lesson.trained.get(fact.id))
        if not left or (part.replaces and len(left) < len(facts)):
            return _untrained(part, without, _FEWER)

        def watched(stage: str, done: int, total: int) -> None:
            journal.check(part.name)  # a fact that is deleted meanwhile is not learned to the end
            progress(stage, done, total)

        lesson = Lesson(lesson.user_id, left, lesson.trained, lesson.heldout)
        learned = self._trained(part, lesson, journal, recipe, watched)
        size, objection = 0, learned.verdict.reason
        with self.watch.timed("publish"):
            if part.replaces and not objection and (worse := _lost(part, learned.verdict)):
                objection = f"it knows {worse} facts less than the {len(part.replaces)} modules it would replace"
            if not objection:
                size = self._publish(learned, part)
                objection = "" if size else _CHANGED
        module = _module_report(part, learned, size, objection)
        excuse: Excuse | None = "changed" if objection == _CHANGED else None
        if part.replaces:  # its facts were settled before, and are so still, whatever came of this
            return ResultRecord(module=module, facts=(), excuse=excuse)
        reports = tuple(_refused(report, objection) if objection else report for report in learned.verdict.facts)
        return ResultRecord(module=module, facts=(*reports, *without), excuse=excuse)

    # -- its parts ---------------------------------------------------------------------------------------------------

    def _trained(
        self, part: PlannedGroup, lesson: Lesson, journal: Journal, recipe: Recipe, progress: Progress
    ) -> _Learned:
        """A module for a lesson, at the strength that harms nothing, with the gate's verdict."""
        module_id = self._module_id(lesson, recipe)
        with self.watch.timed("training"):
            trained = train(self.base, lesson, recipe, journal.checkpoint(part.name), progress)
        with self.watch.timed("gate"):
            shape = self.base.shape(recipe.rank)
            trained.vector, strength = temper(self.base, trained.vector, shape)
            slot = self.base.slot(shape, trained.vector)
            effort = _EXAM[self.settings.effort]
            verdict = examine(
                self.base, slot, lesson, module_id, recipe.shares, seed=recipe.seed, effort=effort, progress=progress
            )
        return _Learned(module_id, lesson, recipe, trained, strength, verdict)

    def _publish(self, learned: _Learned, part: PlannedGroup) -> int:
        """Write the module and make it live; returns its size in bytes, 0 if a fact changed meanwhile."""
        manifest = self._manifest(learned)
        vectors = self.embedder.encode([question.question for question in manifest.questions])
        shape = self.base.shape(learned.recipe.rank)
        self.store.stage(manifest, learned.trained.vector, shape, vectors, self.embedder.name)
        with self.guard:
            if not _as_taught(learned.lesson.facts, unchanged(self.facts, part)):
                self.store.sweep()  # the weights know a fact that must be forgotten
                return 0
            self.store.publish([manifest.id], retire=part.replaces)
            if part.replaces:
                self.store.sweep()
            # Inside the guard: a deletion may take the module away right after.
            return self.store.size_bytes(manifest.id)

    def _manifest(self, learned: _Learned) -> Manifest:
        lesson, recipe, verdict = learned.lesson, learned.recipe, learned.verdict
        settled = verdict.settled
        questions = [
            KnownQuestion(fact_id=fact.id, question=pair.question, answer=pair.answer, heldout=heldout)
            for fact in lesson.facts
            if fact.id in settled
            for pairs, heldout in ((lesson.trained, False), (lesson.heldout, True))
            for pair in pairs.get(fact.id, ())
        ]
        return Manifest(
            id=learned.module_id,
            user_id=lesson.user_id,
            created_at=datetime.now(UTC),
            base=self.base.ref,
            rank=recipe.rank,
            alpha=self.base.shape(recipe.rank).alpha,
            seed=recipe.seed,
            recipe=recipe.as_json(),
            facts=tuple(
                KnownFact(id=fact.id, sha256=text_sha256(fact.text), settled=fact.id in settled)
                for fact in lesson.facts
            ),
            questions=tuple(questions),
            gate={
                "recall": verdict.recall,
                "base_recall": verdict.base_recall,
                "trained_recall": verdict.trained_recall,
                "reading": dict(verdict.reading),
                "base_reading": verdict.base_reading,
                "base_changed": verdict.base_changed,
                "canary": verdict.canary,
                "strength": learned.strength,
            },
        )

    def _module_id(self, lesson: Lesson, recipe: Recipe) -> str:
        """A hash of everything that decides the module's bits."""
        content = {
            "user": lesson.user_id,
            "facts": [(fact.id, text_sha256(fact.text), fact.said_at.isoformat()) for fact in lesson.facts],
            "trained": {k: [(p.question, p.answer) for p in v] for k, v in lesson.trained.items()},
            "recipe": recipe.as_json(),
            "base": self.base.ref.sha256,
        }
        return "m-" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def unchanged(store: FactStore, part: PlannedGroup) -> list[Fact] | None:
    """A group's facts, or None if one was deleted or replaced since the plan was made."""
    facts: list[Fact] = []
    for known in part.facts:
        try:
            fact = store.get(known.id)
        except FactNotFound:
            return None
        if fact.superseded_by or not known.matches(fact):
            return None
        facts.append(fact)
    return facts


def unanswered(part: PlannedGroup) -> ResultRecord:
    """The result of a group whose question writer failed: that is no fault of its facts."""
    reports = [FactReport(fact_id=known.id, user_id=part.user_id, status="unwritten", reason=_SILENT)
               for known in part.facts]  # fmt: skip
    return _untrained(part, reports, _SILENT).model_copy(update={"excuse": "silent"})


def _untrained(part: PlannedGroup, reports: Sequence[FactReport], reason: str) -> ResultRecord:
    """The result of a group without questions; the facts of a compaction are settled still, whatever came of it."""
    empty = ModuleReport(
        module_id="", user_id=part.user_id, facts=0, published=False, steps=0, train_seconds=0.0, final_loss=0.0,
        replaces=part.replaces, reason=reason if part.replaces else "",
    )  # fmt: skip
    return ResultRecord(module=empty, facts=() if part.replaces else tuple(reports))


def _module_report(part: PlannedGroup, learned: _Learned, size: int, objection: str) -> ModuleReport:
    trained, verdict = learned.trained, learned.verdict
    losses = tuple(loss for loss in trained.losses if math.isfinite(loss))  # JSON has no word for the others
    return ModuleReport(
        module_id=learned.module_id,
        user_id=part.user_id,
        facts=len(learned.lesson.facts),
        published=not objection,
        steps=trained.steps,
        train_seconds=round(trained.seconds, 3),
        final_loss=losses[-1] if losses else 0.0,
        size_bytes=size,
        replaces=part.replaces,
        recall=verdict.recall,
        base_recall=verdict.base_recall,
        trained_recall=verdict.trained_recall,
        reading=verdict.reading,
        canary=verdict.canary,
        strength=learned.strength,
        reason=objection,
        losses=losses,
        recalled_by_pass=tuple(trained.recalled),
        read_by_pass=tuple(trained.read),
    )


def _as_taught(taught: Sequence[Fact], now: Sequence[Fact] | None) -> bool:
    """Whether facts still say what a module was taught, the days in them too."""
    stated = {fact.id: dated(fact).text for fact in now or ()}
    return all(stated.get(fact.id) == dated(fact).text for fact in taught)


def _lost(part: PlannedGroup, verdict: Verdict) -> int:
    """How many facts of a group did not settle."""
    return sum(known.id not in verdict.settled for known in part.facts)


def _refused(report: FactReport, reason: str) -> FactReport:
    """A fact of a module that is not published is not settled, whatever its own marks."""
    if report.status != "settled":
        return report
    return report.model_copy(update={"status": "failed", "reason": f"its module was not published: {reason}"})
