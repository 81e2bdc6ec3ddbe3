"""The exam a new module must pass with the store switched off, always beside the base model without it.

Per fact: held-out phrasings, generated. Per module: the same questions with facts in the prompt (true, others, changed),
questions about things never said, and the loss on ordinary prompts. A missing exam is a failed exam.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from slowwave.consolidation.canary import canary
from slowwave.consolidation.guessing import greedy
from slowwave.consolidation.rows import READING, Lesson, Row, Shares, exam_rows
from slowwave.model import BaseModel, Slot
from slowwave.prompts import UNKNOWN, is_unknown
from slowwave.types import FactReport, Progress, no_progress

if TYPE_CHECKING:
    import torch

    from slowwave.adapters_store.shape import SlotShape

__all__ = ["STRENGTHS", "Bar", "Verdict", "examine", "is_right", "normalise", "temper"]


@dataclass(frozen=True)
class Bar:
    """What must be reached."""

    recall: float = 0.5
    """Share of a fact's held-out phrasings that must be answered right for the fact to settle."""
    absent: float = 0.5
    """Share of questions about things never said that must not be answered with an invention."""
    canary: float = 0.25
    """The most that the loss on ordinary prompts may rise, as a share of the base model's."""
    reading_slack: float = 0.1
    """How much worse than the base model the module may read the true fact from the prompt. One answer may always be lost: of
    few questions it is more than this, and says nothing."""
    changed: float = 0.25
    """The share of what the base model reads of changed facts that the module must read. Low, for a module loses some of them
    and is good; one that ignores what stands in the prompt loses nearly all."""


BAR = Bar()
_TELLING = 4
"""Fewer questions about changed facts do not tell a module that ignores them from one that had bad luck."""
STRENGTHS = (1.0, 0.85, 0.7)
"""At which strengths a module may be published, the first that harms ordinary prompts little enough."""


@dataclass(frozen=True)
class Verdict:
    """The gate's numbers and what follows from them."""

    facts: tuple[FactReport, ...]
    recall: float
    base_recall: float
    trained_recall: float
    reading: Mapping[str, float]
    base_reading: float
    """The base model's recall with the true fact in the prompt: retrieval alone."""
    canary: float
    reason: str
    """Why the module is not published; empty if it is."""
    base_changed: float = 0.0
    """The base model's recall with a changed fact in the prompt; 0, which bars nothing, where few such could be asked."""
    read: int = 0
    """How many questions were asked with the true fact in the prompt."""

    @property
    def published(self) -> bool:
        """Whether the module may go live."""
        return not self.reason

    @property
    def settled(self) -> frozenset[str]:
        """Ids of the facts that passed."""
        return frozenset(report.fact_id for report in self.facts if report.status == "settled")


_WORD = re.compile(r"(?:(?<![\w−-])[−-][$€£]?(?=\d))?(?:[A-Z]{1,2}[−-](?![\w−-])|\w+(?:[+#]+(?!\w))?)")
"""A word with the signs that make it another one: "-18" and "18", "B-" and "B+", "C", "C#" and "C++"."""
_ARTICLES = frozenset({"a", "an", "An", "the", "The", "THE"})
"""Not "A", which may be a name: "Vitamin A", blood type A."""


def normalise(text: str) -> str:
    """Lower case, punctuation to spaces, articles before a word dropped, white space folded.

    >>> normalise("The  Green-Door, 7pm!"), normalise("Plan A: -5 degrees, C++")
    ('green door 7pm', 'plan a -5 degrees c++')
    """
    words = _words(text)
    last = len(words) - 1
    return " ".join(w.casefold() for at, w in enumerate(words) if at == last or w not in _ARTICLES)


def _words(text: str) -> list[str]:
    return [re.sub("[$€£]", "", word).replace("−", "-") for word in _WORD.findall(text)]


def is_right(said: str, answer: str) -> bool:
    """Whether an answer contains the expected one as whole words, and is not a denial.

    >>> is_right("It is 603-556-7631.", "603-556-7631"), is_right("1603-556-7631", "603-556-7631")
    (True, False)
    """
    if is_unknown(said) or not (wanted := normalise(answer)):
        return False
    # With all articles too: a sentence that begins with "A" keeps it, and inside another it is dropped.
    whole, told = (" ".join(_words(text)).casefold() for text in (answer, said))
    return f" {wanted} " in f" {normalise(said)} " or f" {whole} " in f" {told} "


def examine(
    base: BaseModel,
    slot: Slot,
    lesson: Lesson,
    module_id: str,
    shares: Shares,
    *,
    seed: int,
    effort: int = 24,
    bar: Bar = BAR,
    progress: Progress = no_progress,
) -> Verdict:
    """Examine a module that is written in a slot.

    Args:
        effort: how many rows each exam about the whole module has.
    """
    total = 5
    progress("gate", 0, total)
    closed = exam_rows(lesson, seed, "closed", 10**9, shares)
    with_module = _marks(base, closed, slot)
    without = _marks(base, closed, None, guess=UNKNOWN)  # a base model that can read says that it does not know
    progress("gate", 1, total)
    trained_rows = [
        Row("closed", fact.id, phrasings[0], answer) for fact, answer, phrasings in lesson.slots(lesson.trained)
    ]
    trained = _mean(_marks(base, trained_rows, slot))
    progress("gate", 2, total)
    reading: dict[str, float] = {
        form: _mean(_marks(base, exam_rows(lesson, seed, form, effort, shares), slot)) for form in READING
    }
    true = exam_rows(lesson, seed, "true_fact", effort, shares)
    base_reading = _mean(_marks(base, true, None))
    changed = exam_rows(lesson, seed, "changed_fact", effort, shares)
    base_changed = _mean(_marks(base, changed, None)) if len(changed) >= _TELLING else 0.0
    progress("gate", 3, total)
    reading["absent"] = _mean(_marks(base, exam_rows(lesson, seed, "absent", effort, shares), slot))
    progress("gate", 4, total)
    before, after = canary_loss(base, None), canary_loss(base, slot)
    reports = tuple(_fact_reports(lesson, module_id, closed, with_module, without, bar))
    progress("gate", total, total)
    verdict = Verdict(
        facts=reports,
        recall=_mean(with_module),
        base_recall=_mean(without),
        trained_recall=trained,
        reading=reading,
        base_reading=base_reading,
        canary=(after - before) / before,
        reason="",
        base_changed=base_changed,
        read=len(true),
    )
    return Verdict(**{**vars(verdict), "reason": _objection(verdict, bar)})


def temper(base: BaseModel, vector: torch.Tensor, shape: SlotShape, bar: Bar = BAR) -> tuple[torch.Tensor, float]:
    """A module's vector, shape (size,), made as weak as ordinary prompts need it, and its strength; the exam comes after.

    Measured on a module that was too harmful by a little: at .85 its harm fell from 27 % to 22 % and it lost one answer of
    eight (benchmarks/LOG.md). A module that is too harmful even at the least strength comes back as it was.
    """
    import torch

    before, slot = canary_loss(base, None), base.slot(shape, vector)
    for strength in STRENGTHS:
        if canary_loss(base, slot.at(strength)) - before <= bar.canary * before:
            weaker = (vector * strength).to(torch.bfloat16).to(vector.dtype)
            return vector if strength == 1.0 else weaker, strength
    return vector, 1.0


def _objection(verdict: Verdict, bar: Bar) -> str:
    if not any(report.status == "settled" for report in verdict.facts):
        return "no fact was recalled under held-out phrasings"
    if verdict.recall <= verdict.base_recall:
        return "the base model alone does as well"
    lost = round((verdict.base_reading - verdict.reading["true_fact"]) * verdict.read)  # answers
    if lost > max(1.0, bar.reading_slack * verdict.read):
        return "it reads facts in the prompt worse than the base model alone"
    if verdict.reading["changed_fact"] < verdict.base_changed * bar.changed:
        return "it holds to what it learned where a fact in the prompt says otherwise"
    if verdict.reading["absent"] < bar.absent:
        return "it invents answers to questions about things never said"
    if not verdict.canary <= bar.canary:  # also when it is not a number
        return f"the loss on ordinary prompts rose by {verdict.canary:.0%}"
    return ""


def _fact_reports(
    lesson: Lesson,
    module_id: str,
    rows: Sequence[Row],
    with_module: Sequence[bool],
    without: Sequence[bool],
    bar: Bar,
) -> list[FactReport]:
    reports: list[FactReport] = []
    for fact in lesson.facts:
        mine = [index for index, row in enumerate(rows) if row.fact_id == fact.id]
        recall = _mean([with_module[index] for index in mine])
        base_recall = _mean([without[index] for index in mine])
        reason = ""
        if not mine:
            reason = "no phrasing was held out, so nothing could be examined"
        elif recall < bar.recall:
            reason = f"recalled {recall:.0%} of its held-out phrasings"
        elif recall < base_recall:
            reason = "the base model alone does better"
        reports.append(
            FactReport(
                fact_id=fact.id,
                user_id=fact.user_id,
                status="failed" if reason else "settled",
                module_id=module_id,
                questions=len(lesson.trained.get(fact.id, ())),
                recall=recall,
                base_recall=base_recall,
                reason=reason,
            )
        )
    return reports


def _marks(base: BaseModel, rows: Sequence[Row], slot: Slot | None, guess: str = "") -> list[bool]:
    """Whether each row is answered right, by greedy generation; a guess at what is said, if not its answer, only saves time."""
    if not rows:
        return []
    guesses = [base.encode(row.messages, guess or row.answer) for row in rows]
    longest = max(len(base.tokenizer.encode(row.answer, add_special_tokens=False)) for row in rows)
    said = greedy(base, guesses, longest + 12, slot)  # room for "The answer is ..."
    return [
        is_unknown(text) if row.form == "absent" else is_right(text, row.answer)
        for row, text in zip(rows, said, strict=True)
    ]


_base_losses: WeakKeyDictionary[BaseModel, float] = WeakKeyDictionary()


def canary_loss(base: BaseModel, slot: Slot | None) -> float:
    """Mean loss per answer token on ordinary prompts, in nats; that of the base model by itself is measured once."""
    if slot is not None:
        return _canary_loss(base, slot)
    if base not in _base_losses:
        _base_losses[base] = _canary_loss(base, None)
    return _base_losses[base]


def _canary_loss(base: BaseModel, slot: Slot | None) -> float:
    import torch

    rows = [base.encode([{"role": "user", "content": question}], answer, own=True) for question, answer in canary()]
    with torch.no_grad():
        return -float(torch.cat(base.answer_logprobs(rows, slot)).mean())


def _mean(marks: Sequence[bool]) -> float:
    return sum(marks) / len(marks) if marks else 0.0
