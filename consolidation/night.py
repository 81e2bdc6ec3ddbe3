"""One night: what was recent in the evening is, as far as it passes the gate, settled in the morning.

Everything a night does can be killed at any point. Facts stay in the fact store throughout, a module becomes live by one
swap of the catalog after it is complete, and the journal lets the next run go on where this one stopped.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from slowwave.adapters_store.layout import FolderLayout
from slowwave.adapters_store.store import AdapterStore
from slowwave.consolidation.attempts import Attempts
from slowwave.consolidation.capacity import limits
from slowwave.consolidation.journal import Dropped, Journal, NightPlan, ResultRecord
from slowwave.consolidation.learning import Learner, unanswered, unchanged
from slowwave.consolidation.plan import Planner, compaction_key
from slowwave.consolidation.stopwatch import Stopwatch
from slowwave.consolidation.train import Recipe, recipe_for
from slowwave.consolidation.writers import NamedWriter
from slowwave.embedder import Embedder
from slowwave.errors import FactNotFound, WriterFailed
from slowwave.facts import FactStore
from slowwave.files import write_atomically
from slowwave.model import BaseModel
from slowwave.settings import Settings
from slowwave.types import FactReport, NightReport, Progress, WriterCost, labelled, no_progress

__all__ = ["Night"]

logger = logging.getLogger(__name__)

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
    _watch: Stopwatch = field(default_factory=Stopwatch)
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
        with self._watch.timed("plan"):
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
        if self._silent is not None and all(result.excuse == "silent" for result in results.values()):
            journal.clear()
            raise self._silent
        modules = tuple(one.module for one in results.values() if one.module.steps or one.module.replaces)
        facts = self._counted(plan, results.values())
        report = NightReport(
            night_id=plan.night_id,
            started_at=plan.started_at,
            resumed=resumed,
            seconds=self._watch.seconds(),
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
        learner = Learner(
            self.facts, self.store, self.base, self.embedder, self.settings, self.writer, self.guard, self._watch
        )
        for number, part in enumerate(plan.groups):
            if part.name in results:
                continue
            result = journal.result(part.name)
            if result is None:
                label = f"module {number + 1} of {len(plan.groups)}"
                try:
                    result = learner.learn(part, journal, recipe, labelled(progress, label))
                    if result is not None:
                        journal.keep_result(part.name, result)
                except WriterFailed as error:  # not kept: a night that is resumed asks again
                    logger.error("%d facts stay recent: %s", len(part.facts), error)
                    self._silent = error
                    result = unanswered(part)
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
        with self._watch.timed("plan"):
            tried = frozenset(report.fact_id for result in results.values() for report in result.facts)
            groups = self._planner().groups(user_id, tried, journal.unused(plan))
        if not groups:
            return None
        # What names a fact that was deleted meanwhile is not written again.
        kept = (part for part in plan.groups if part.name in results and unchanged(self.facts, part) is not None)
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

    def _counted(self, plan: NightPlan, results: Collection[ResultRecord]) -> tuple[FactReport, ...]:
        """The reports on facts, after failures were counted; those of facts that failed once too often say so."""
        attempts, conditions = Attempts(self.layout.attempts), self._conditions()
        reports = [fact for result in results for fact in result.facts]
        to_blame = [result for result in results if result.excuse is None]
        failed = [one.fact_id for result in to_blame for one in result.facts if one.status in _IN_VAIN]
        refused = [
            compaction_key(result.module.replaces)
            for result in to_blame
            if result.module.replaces and not result.module.published
        ]
        settled = {one.fact_id for one in reports if one.status == "settled"}
        with self.guard:  # what is deleted meanwhile must not come back into the file
            there = [fact_id for fact_id in failed if self._exists(fact_id)] + refused
            attempts.keep(conditions, plan.started_at.isoformat(), failed=there, settled=settled)
        left = attempts.left(conditions) & {one.fact_id for one in reports if one.status in _IN_VAIN}
        if left:
            logger.info("%d facts failed too often and are left to retrieval", len(left))
        return tuple(one.model_copy(update={"status": "left"}) if one.fact_id in left else one for one in reports)

    # -- small things ----------------------------------------------------------------------------------------------

    def _conditions(self) -> str:
        return f"{self.base.ref.sha256} r{self.settings.rank} {self.settings.effort} {self.writer.name}"

    def _exists(self, fact_id: str) -> bool:
        try:
            self.facts.get(fact_id)
        except FactNotFound:
            return False
        return True

    def _key(self, recipe: Recipe, user_id: str | None) -> str:
        parts = (self.base.ref.sha256, recipe.as_json(), self.embedder.name, self.writer.name, user_id)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _cost(before: WriterCost, after: WriterCost) -> WriterCost:
    """What a writer was asked between two counts."""
    return WriterCost(
        writer=after.writer,
        calls=after.calls - before.calls,
        prompt_tokens=after.prompt_tokens - before.prompt_tokens,
        reply_tokens=after.reply_tokens - before.reply_tokens,
    )
