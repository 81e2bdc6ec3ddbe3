"""How far a night came: one small folder that a killed night leaves behind and the next one goes on from.

A night writes its plan first, then for each group its lesson, its training checkpoints, and its result. Every file is
replaced atomically, so what is there is whole. The folder is deleted when the night is done. A group with a fact that is
deleted meanwhile is dropped: its files go, and nothing about it is written again.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from slowwave.adapters_store.manifest import KnownFact, text_sha256
from slowwave.consolidation.rows import Lesson
from slowwave.files import remove_folder, write_atomically
from slowwave.types import Fact, FactReport, ModuleReport, NightReport, QAPair

__all__ = [
    "Dropped",
    "Excuse",
    "Journal",
    "LessonRecord",
    "NightPlan",
    "PlannedGroup",
    "ResultRecord",
    "night_reports",
    "planned",
]

logger = logging.getLogger(__name__)

RecordT = TypeVar("RecordT", bound=BaseModel)
Excuse = Literal["changed", "silent"]
"""A fact changed while it was trained, or the question writer failed."""
_NUMBERED = re.compile(r"group-(\d+)\.")
_writing = threading.Lock()
"""Held while a journal is written or dropped: a deletion comes from another thread than the night."""


class Dropped(Exception):
    """The group under way was dropped: a fact of it was deleted."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class PlannedGroup(_Record):
    """Facts that will share a module."""

    name: str
    user_id: str
    facts: tuple[KnownFact, ...]
    replaces: tuple[str, ...] = ()
    """Ids of the modules that the new one takes the place of."""
    failed: int = 0
    """How many nights failed to teach these facts before."""


class NightPlan(_Record):
    """What a night set out to do, and under which conditions its files are valid."""

    night_id: str
    started_at: datetime
    key: str
    """Base model, recipe, embedder and writer: a journal written under another key is started over."""
    groups: tuple[PlannedGroup, ...]


class LessonRecord(_Record):
    """The questions of a group."""

    trained: Mapping[str, tuple[QAPair, ...]]
    heldout: Mapping[str, tuple[QAPair, ...]]


class ResultRecord(_Record):
    """What became of a group."""

    module: ModuleReport
    facts: tuple[FactReport, ...]
    excuse: Excuse | None = None
    """Why what failed is not held against the facts."""


class Journal:
    """The files of the night under way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plan(self, key: str) -> NightPlan | None:
        """The plan of a night that was interrupted, if there is one and it was made under the same key."""
        plan = _load(self.folder / "plan.json", NightPlan)
        if plan is not None and plan.key != key:
            logger.info("an interrupted night was planned with other settings; it is started over")
            return None
        return plan

    def begin(self, plan: NightPlan) -> None:
        """Start a journal with a new plan; an older journal is dropped."""
        self.clear()
        self._write("plan.json", plan)

    def extend(self, plan: NightPlan) -> None:
        """Go on under a longer plan; what is done stays done."""
        self._write("plan.json", plan)

    def unused(self, plan: NightPlan) -> int:
        """A number that no group of the plan has, and none that left a file here: its files may still be there."""
        names = [*(f"{group.name}." for group in plan.groups), *(path.name for path in self.folder.glob("group-*"))]
        return 1 + max((int(found[1]) for name in names if (found := _NUMBERED.match(name))), default=-1)

    def lesson(self, group: str, user_id: str, facts: Iterable[Fact]) -> Lesson | None:
        """The questions already written for a group."""
        record = _load(self.folder / f"{group}.lesson.json", LessonRecord)
        if record is None:
            return None
        return Lesson(user_id, tuple(facts), dict(record.trained), dict(record.heldout))

    def keep_lesson(self, group: str, lesson: Lesson) -> None:
        """Remember a group's questions. Raises Dropped."""
        self._keep(group, "lesson", LessonRecord(trained=lesson.trained, heldout=lesson.heldout))

    def check(self, group: str) -> None:
        """Raises Dropped if the group was, since its questions were kept."""
        if not (self.folder / f"{group}.lesson.json").exists():
            raise Dropped

    def checkpoint(self, group: str) -> Path:
        """Where a group's training state is saved."""
        return self.folder / f"{group}.train.safetensors"

    def result(self, group: str) -> ResultRecord | None:
        """The result of a group that is done."""
        return _load(self.folder / f"{group}.result.json", ResultRecord)

    def keep_result(self, group: str, result: ResultRecord) -> None:
        """Remember that a group is done; its training state is no longer needed. Raises Dropped."""
        self._keep(group, "result", result)
        self.checkpoint(group).unlink(missing_ok=True)

    def drop(self, fact_ids: Iterable[str]) -> None:
        """Forget the groups that know any of these facts: their questions must not outlive them."""
        gone = set(fact_ids)
        with _writing:
            plan = _load(self.folder / "plan.json", NightPlan)
            if plan is None:
                return
            kept = tuple(group for group in plan.groups if not any(fact.id in gone for fact in group.facts))
            if len(kept) == len(plan.groups):
                return
            # The plan first: what is not in it is not written any more.
            _save(self.folder / "plan.json", plan.model_copy(update={"groups": kept}))
            for name in {group.name for group in plan.groups} - {group.name for group in kept}:
                self._discard(name)

    def discard(self, group: str) -> None:
        """Delete what a group that was dropped left behind while it was at work."""
        with _writing:
            self._discard(group)

    def clear(self) -> None:
        """Delete the journal."""
        with _writing:
            remove_folder(self.folder)

    def _discard(self, group: str) -> None:
        for path in self.folder.glob(f"{group}.*"):
            path.unlink(missing_ok=True)

    def _keep(self, group: str, kind: str, record: BaseModel) -> None:
        with _writing:
            plan = _load(self.folder / "plan.json", NightPlan)
            if plan is None or all(one.name != group for one in plan.groups):
                raise Dropped
            _save(self.folder / f"{group}.{kind}.json", record)

    def _write(self, name: str, record: BaseModel) -> None:
        with _writing:
            _save(self.folder / name, record)


def planned(name: str, facts: Iterable[Fact], replaces: Iterable[str] = (), number: int = 0) -> PlannedGroup:
    """A group of the plan; `number` nights failed to teach it before."""
    some = list(facts)
    known = tuple(KnownFact(id=fact.id, sha256=text_sha256(fact.text)) for fact in some)
    return PlannedGroup(name=name, user_id=some[0].user_id, facts=known, replaces=tuple(replaces), failed=number)


def night_reports(folder: Path) -> list[NightReport]:
    """The reports in a folder, the last night's first; one that cannot be read is left out."""
    found: list[NightReport] = []
    for path in sorted(folder.glob("*.json"), reverse=True):
        try:
            found.append(NightReport.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError) as error:
            logger.warning("the report of a night cannot be read: %s", type(error).__name__)
    return found


def _save(path: Path, record: BaseModel) -> None:
    write_atomically(path, record.model_dump_json(indent=2).encode())


def _load(path: Path, kind: type[RecordT]) -> RecordT | None:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        logger.warning("a file of an interrupted night cannot be read and is written again: %s", type(error).__name__)
        return None
