"""One night: what was recent in the evening is, as far as it passes the gate, settled in the morning.

Everything a night does can be killed at any point. Facts stay in the fact store throughout, a module becomes live by one
swap of the catalog after it is complete, and the journal lets the next run go on where this one stopped.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from slowwave.adapters_store.layout import FolderLayout, write_atomically
from slowwave.adapters_store.manifest import KnownFact, KnownQuestion, Manifest, text_sha256
from slowwave.adapters_store.store import AdapterStore
from slowwave.consolidation.attempts import Attempts
from slowwave.consolidation.capacity import limits
from slowwave.consolidation.gate import Verdict, examine, temper
from slowwave.consolidation.journal import Dropped, Journal, NightPlan, PlannedGroup, ResultRecord
from slowwave.consolidation.lessons import unwritten, write_lesson
from slowwave.consolidation.plan import Planner, compaction_key
from slowwave.consolidation.retries import TRIES
from slowwave.consolidation.rows import Lesson
from slowwave.consolidation.train import Recipe, Trained, recipe_for, scaled, train
from slowwave.consolidation.writers import NamedWriter
from slowwave.embedder import Embedder
from slowwave.errors import FactNotFound, WriterFailed
from slowwave.facts import FactStore
from slowwave.model import BaseModel
from slowwave.prompts import dated
from slowwave.settings import Settings
from slowwave.types import Fact, FactReport, ModuleReport, NightReport, Progress, WriterCost, labelled, no_progress

__all__ = ["Night"]

logger = logging.getLogger(__name__)

_EXAM = {"quick": 12, "normal": 24, "thorough": 48}
_CHANGED = "a fact was deleted or changed while it was trained"
_FEWER = "no question could be written about some facts of the modules it would replace"
_SILENT = "the question writer failed"
_NO_FAULT = (_CHANGED, _SILENT)
"""Reasons that do not count as a failure of the fact."""
_IN_VAIN = ("failed", "unwritten")
"""What became of a fact that a night could not teach; after three such nights it is left to retrieval."""


@dataclass
class Night:
    """The night shift of one memory folder."""

    layout: FolderLayout
    facts: FactStore
    store: AdapterStore
    base: BaseModel
    embedder: Embedder
    settings: Settings
    writer: NamedWriter
    guard: threading.RLock
    """Held while a module is published, so that no fact is deleted or changed between the last look and the swap."""
    _seconds: dict[str, float] = field(default_factory=dict)
    _silent: WriterFailed | None = None
    """Why no questions came for some group of facts."""

    def run(self, user_id: str | None = None, progress: Progress = no_progress) -> NightReport:
        """Consolidate the recent facts of one user, or of all.

        A night that was killed is finished first; facts that came after its plan are learned behind it. A fact that failed
        in three nights is left to retrieval, until the base model, the rank, the effort or the writer is another.

        Raises:
            WriterFailed: the question writer failed for every fact, and the night did nothing.
        """
        recipe = recipe_for(self.settings, self.base.hidden_size)
        before = self.writer.spent
        journal = Journal(self.layout.night)
        key = self._key(recipe, user_id)
        plan = journal.plan(key)
        resumed = plan is not None
        with self._timed("plan"):
            self.store.sweep()
            self._retire_stale()
            if plan is None:
                plan = self._plan(key, user_id)
                journal.begin(plan)
        results: dict[str, ResultRecord] = {}
        self._work(plan, journal, recipe, progress, results)
        if resumed and (longer := self._extended(plan, journal, user_id, results)) is not None:
            # One journal, one night: killed from here on, the next run finds both plans in it and the results so far.
            plan = longer
            journal.extend(plan)
            self._work(plan, journal, recipe, progress, results)
        if self._silent is not None and all(_is_silent(result) for result in results.values()):
            journal.clear()
            raise self._silent
        modules = tuple(one.module for one in results.values() if one.module.steps or one.module.replaces)
        facts = self._counted(plan, [fact for result in results.values() for fact in result.facts], modules)
        report = NightReport(
            night_id=plan.night_id,
            started_at=plan.started_at,
            resumed=resumed,
            seconds={name: round(value, 3) for name, value in self._seconds.items()},
            writing=_cost(before, self.writer.spent),
            modules=modules,
            facts=facts,
        )
        write_atomically(self.layout.reports / f"{plan.night_id}.json", report.model_dump_json(indent=2).encode())
        journal.clear()
        logger.info("night %s: %d facts settled, %d stay recent", plan.night_id, report.settled, report.recent)
        return report

    # -- the parts of a night --------------------------------------------------------------------------------------

    def _work(
        self,
        plan: NightPlan,
        journal: Journal,
        recipe: Recipe,
        progress: Progress,
        results: dict[str, ResultRecord],
    ) -> None:
        """Learn the plan's groups that have no result yet; one whose facts changed gets none."""
        for number, part in enumerate(plan.groups):
            if part.name in results:
                continue
            result = journal.result(part.name)
            if result is None:
                label = f"module {number + 1} of {len(plan.groups)}"
                try:
                    result = self._learn(part, journal, recipe, labelled(progress, label))
                    if result is not None and not _is_silent(result):
                        journal.keep_result(part.name, result)
                except Dropped:
                    logger.info("%s is not learned: a fact of it was deleted or changed", label)
                    journal.discard(part.name)
                    continue
            if result is not None:
                results[part.name] = result

    def _extended(
        self, plan: NightPlan, journal: Journal, user_id: str | None, results: Mapping[str, ResultRecord]
    ) -> NightPlan | None:
        """A finished plan with the recent facts that it did not try behind it; None if there are none."""
        with self._timed("plan"):
            tried = frozenset(report.fact_id for result in results.values() for report in result.facts)
            groups = self._planner().groups(user_id, tried, journal.unused(plan))
        if not groups:
            return None
        # What names a fact that was deleted meanwhile is not written again.
        kept = (part for part in plan.groups if part.name in results and self._unchanged(part) is not None)
        return plan.model_copy(update={"groups": (*kept, *groups)})

    def _retire_stale(self) -> None:
        """Take away modules that know a fact that is gone or replaced: a crash may have come before that was done."""
        with self.guard:
            live = {fact.id for fact in self.facts.live()}
            stale = [one.id for one in self.store.live() if any(known.id not in live for known in one.facts)]
            if stale:
                logger.warning("%d modules knew facts that are gone or replaced, and are taken away", len(stale))
                self.store.retire(stale)

    def _plan(self, key: str, user_id: str | None) -> NightPlan:
        planner = self._planner()
        groups = planner.groups(user_id)
        groups += planner.compactions(user_id, len(groups))
        started = datetime.now(UTC)
        return NightPlan(night_id=f"{started:%Y%m%dT%H%M%S}", started_at=started, key=key, groups=tuple(groups))

    def _planner(self) -> Planner:
        failed = Attempts(self.layout.attempts).failed(self._conditions())
        held = limits(self.settings, self.base)
        return Planner(self.facts, self.store, self.base.ref.sha256, held[1], failed, held)

    def _learn(self, part: PlannedGroup, journal: Journal, recipe: Recipe, progress: Progress) -> ResultRecord | None:
        """Questions, training, gate and publication of one group; None if its facts changed since the plan."""
        facts = self._unchanged(part)
        if facts is None:
            return None
        harder = TRIES[min(part.failed, len(TRIES) - 1)]
        recipe = scaled(recipe, harder.rank, self.base.hidden_size)
        writer = self.writer.more if harder.more and self.writer.more is not None else self.writer
        with self._timed("questions"):
            lesson = journal.lesson(part.name, part.user_id, facts)
            if lesson is None:
                try:
                    lesson = write_lesson(part.user_id, facts, writer, recipe.seed, progress)
                except WriterFailed as error:
                    logger.error("%d facts stay recent: %s", len(facts), error)
                    self._silent = error
                    silence = [FactReport(fact_id=fact.id, user_id=fact.user_id, status="unwritten", reason=_SILENT)
                               for fact in facts]  # fmt: skip
                    return _untrained(part, silence, _SILENT)
                journal.keep_lesson(part.name, lesson)
        without = unwritten(facts, lesson)
        left = tuple(fact for fact in facts if lesson.trained.get(fact.id))
        if not left or (part.replaces and len(left) < len(facts)):
            return _untrained(part, without, _FEWER)

        def watched(stage: str, done: int, total: int) -> None:
            journal.check(part.name)  # a fact that is deleted meanwhile is not learned to the end
            progress(stage, done, total)

        lesson = Lesson(lesson.user_id, left, lesson.trained, lesson.heldout)
        module_id = self._module_id(lesson, recipe)
        with self._timed("training"):
            trained = train(self.base, lesson, recipe, journal.checkpoint(part.name), watched)
        with self._timed("gate"):
            shape = self.base.shape(recipe.rank)
            trained.vector, strength = temper(self.base, trained.vector, shape)
            slot = self.base.slot(shape, trained.vector)
            effort = _EXAM[self.settings.effort]
            verdict = examine(
                self.base, slot, lesson, module_id, recipe.shares, seed=recipe.seed, effort=effort, progress=watched
            )
        with self._timed("publish"):
            size, objection = 0, verdict.reason
            if part.replaces and not objection and (worse := _lost(part, verdict)):
                objection = f"it knows {worse} facts less than the {len(part.replaces)} modules it would replace"
            if not objection:
                size = self._publish(
                    self._manifest(module_id, lesson, recipe, verdict, strength), lesson, recipe, trained, part
                )
                objection = "" if size else _CHANGED
        module = ModuleReport(
            module_id=module_id,
            user_id=part.user_id,
            facts=len(left),
            published=not objection,
            steps=trained.steps,
            train_seconds=round(trained.seconds, 3),
            final_loss=next(filter(math.isfinite, reversed(trained.losses)), 0.0),
            size_bytes=size,
            replaces=part.replaces,
            recall=verdict.recall,
            base_recall=verdict.base_recall,
            trained_recall=verdict.trained_recall,
            reading=verdict.reading,
            canary=verdict.canary,
            strength=strength,
            reason=objection,
            losses=tuple(loss for loss in trained.losses if math.isfinite(loss)),
            recalled_by_pass=tuple(trained.recalled),
            read_by_pass=tuple(trained.read),
        )
        if part.replaces:  # its facts were settled before, and are so still, whatever came of this
            return ResultRecord(module=module, facts=())
        reports = tuple(_refused(report, objection) if objection else report for report in verdict.facts)
        return ResultRecord(module=module, facts=(*reports, *without))

    def _counted(
        self, plan: NightPlan, reports: Sequence[FactReport], modules: Sequence[ModuleReport]
    ) -> tuple[FactReport, ...]:
        """The reports, after failures were counted; those of facts that failed once too often say so."""
        attempts, conditions = Attempts(self.layout.attempts), self._conditions()
        tried = [one for one in reports if one.status in _IN_VAIN]
        failed = [one.fact_id for one in tried if not one.reason.endswith(_NO_FAULT)]
        settled = {one.fact_id for one in reports if one.status == "settled"}
        refused = [
            compaction_key(one.replaces)
            for one in modules
            if one.replaces and not one.published and not one.reason.endswith(_NO_FAULT)
        ]
        with self.guard:  # what is deleted meanwhile must not come back into the file
            there = [fact_id for fact_id in failed if self._exists(fact_id)] + refused
            attempts.keep(conditions, plan.started_at.isoformat(), failed=there, settled=settled)
        left = attempts.left(conditions)
        if count := sum(one.fact_id in left for one in tried):
            logger.info("%d facts failed too often and are left to retrieval", count)
        return tuple(
            one.model_copy(update={"status": "left"}) if one.status in _IN_VAIN and one.fact_id in left else one
            for one in reports
        )

    def _publish(self, manifest: Manifest, lesson: Lesson, recipe: Recipe, trained: Trained, part: PlannedGroup) -> int:
        """Write the module and make it live; returns its size in bytes, 0 if a fact changed meanwhile."""
        vectors = self.embedder.encode([question.question for question in manifest.questions])
        shape = self.base.shape(recipe.rank)
        self.store.stage(manifest, trained.vector, shape, vectors, self.embedder.name)
        with self.guard:
            if not _as_taught(lesson.facts, self._unchanged(part)):
                self.store.sweep()  # the weights know a fact that must be forgotten
                return 0
            self.store.publish([manifest.id], retire=part.replaces)
            if part.replaces:
                self.store.sweep()
            # Inside the guard: a deletion may take the module away right after.
            return self.store.size_bytes(manifest.id)

    # -- small things ----------------------------------------------------------------------------------------------

    def _conditions(self) -> str:
        return f"{self.base.ref.sha256} r{self.settings.rank} {self.settings.effort} {self.writer.name}"

    def _exists(self, fact_id: str) -> bool:
        try:
            self.facts.get(fact_id)
        except FactNotFound:
            return False
        return True

    def _unchanged(self, part: PlannedGroup) -> list[Fact] | None:
        """The group's facts, or None if one was deleted or replaced since the plan was made."""
        facts: list[Fact] = []
        for known in part.facts:
            try:
                fact = self.facts.get(known.id)
            except FactNotFound:
                return None
            if fact.superseded_by or not known.matches(fact):
                return None
            facts.append(fact)
        return facts

    def _manifest(self, module_id: str, lesson: Lesson, recipe: Recipe, verdict: Verdict, strength: float) -> Manifest:
        settled = {report.fact_id for report in verdict.facts if report.status == "settled"}
        questions = [
            KnownQuestion(fact_id=fact.id, question=pair.question, answer=pair.answer, heldout=heldout)
            for fact in lesson.facts
            if fact.id in settled
            for pairs, heldout in ((lesson.trained, False), (lesson.heldout, True))
            for pair in pairs.get(fact.id, ())
        ]
        return Manifest(
            id=module_id,
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
                "strength": strength,
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

    def _key(self, recipe: Recipe, user_id: str | None) -> str:
        parts = (self.base.ref.sha256, recipe.as_json(), self.embedder.name, self.writer.name, user_id)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[phase] = self._seconds.get(phase, 0.0) + time.perf_counter() - began


def _cost(before: WriterCost, after: WriterCost) -> WriterCost:
    """What a writer was asked between two counts."""
    return WriterCost(
        writer=after.writer,
        calls=after.calls - before.calls,
        prompt_tokens=after.prompt_tokens - before.prompt_tokens,
        reply_tokens=after.reply_tokens - before.reply_tokens,
    )


def _untrained(part: PlannedGroup, reports: Sequence[FactReport], reason: str) -> ResultRecord:
    """The result of a group without questions; the facts of a compaction are settled still, whatever came of it."""
    empty = ModuleReport(
        module_id="", user_id=part.user_id, facts=0, published=False, steps=0, train_seconds=0.0, final_loss=0.0,
        replaces=part.replaces, reason=reason if part.replaces else "",
    )  # fmt: skip
    return ResultRecord(module=empty, facts=() if part.replaces else tuple(reports))


def _is_silent(result: ResultRecord) -> bool:
    """Whether a group has no questions because the writer failed."""
    return result.module.reason == _SILENT or any(fact.reason == _SILENT for fact in result.facts)


def _as_taught(taught: Sequence[Fact], now: Sequence[Fact] | None) -> bool:
    """Whether facts still say what a module was taught, the days in them too."""
    stated = {fact.id: dated(fact).text for fact in now or ()}
    return all(stated.get(fact.id) == dated(fact).text for fact in taught)


def _lost(part: PlannedGroup, verdict: Verdict) -> int:
    """How many facts of a group did not settle."""
    settled = {report.fact_id for report in verdict.facts if report.status == "settled"}
    return sum(known.id not in settled for known in part.facts)


def _refused(report: FactReport, reason: str) -> FactReport:
    """A fact of a module that is not published is not settled, whatever its own marks."""
    if report.status != "settled":
        return report
    return report.model_copy(update={"status": "failed", "reason": f"its module was not published: {reason}"})
