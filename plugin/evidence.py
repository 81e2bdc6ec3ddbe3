"""What a memory has to say about a question, before any text is generated: facts that are near it, and modules that know it.

A small model answers from whatever it is shown, so what cannot answer is kept from it: facts far from the question or far
behind the best one, and texts about others than those whom the question names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from slowwave.adapters_store.lexical import tokens
from slowwave.adapters_store.manifest import KnownQuestion
from slowwave.adapters_store.router import Route
from slowwave.embedder import Embedder
from slowwave.errors import FactNotFound
from slowwave.facts import FactStore
from slowwave.model import BaseModel
from slowwave.naming import CALENDAR, about, full_names, stands
from slowwave.prompts import dated, render_fact, speaker
from slowwave.quarantine import without_orders
from slowwave.recall import Recall
from slowwave.serving import Serving
from slowwave.settings import Settings
from slowwave.superseding import asks_before
from slowwave.types import Fact, ScoredFact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Evidence", "Gatherer"]

_NEAR = 0.25
"""A fact that scores less than this is kept from a model that cannot tell that it has nothing to do with the question."""
_NEAR_FOR_READER = 0.05
"""The same for a model that can: half of the right facts score less than 0.25 where the question uses other words."""
_ASKS_PAST = re.compile(
    r"\b(?:when|(?:what|which) (?:day|date|week|month|year)|how long)\b.*\b(?:did|was|were|had|since|ago)\b",
    re.IGNORECASE,
)
"""What the day of telling may answer, of a fact that has no day of its own: "When did I start?", "I started."."""
_ASKS_TELLING = re.compile(r"\b(?:say|said|tell|told|mention\w*|talk\w*|wr[io]te|note[ds]?)\b", re.IGNORECASE)
"""What is about the telling itself."""
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_BESIDE = 0.35
"""A fact that scores less than this share of the best one only distracts a small reader (benchmarks/LOG.md)."""


@dataclass(frozen=True)
class Evidence:
    """What the memory has to say about a question, before any text is generated."""

    facts: tuple[ScoredFact, ...] = ()
    route: Route = field(default_factory=Route)
    learned: Mapping[str, tuple[KnownQuestion, ...]] = field(default_factory=dict)
    """The questions that each module was taught, as far as they have to do with whom this one names; by module id."""
    nearness: float = 0.0
    """Of the nearest fact or question, 0..1."""
    days: Literal["none", "dateless", "all"] = "none"
    """Of which facts the day of telling may answer the question."""
    stranger: bool = False
    """Whether the question names somebody by a full name that stands in no text of the evidence."""

    @property
    def known(self) -> bool:
        """Whether there is anything near the question."""
        return bool(self.facts or self.route.modules) and not self.stranger

    @property
    def sources(self) -> tuple[str, ...]:
        """Texts that an answer may be made of: the facts, and the answers of the route's modules."""
        known = (asked.answer for name, _ in self.route.modules for asked in self.learned.get(name, ()))
        return (*_fact_texts(self.facts, self.days), *known)

    def through(self, *module_ids: str) -> Evidence:
        """The same evidence with these modules alone, or with none."""
        return replace(self, route=self.route.among(module_ids) if module_ids else Route())

    def beyond(self, facts: Sequence[ScoredFact]) -> Evidence:
        """What the modules know of other facts than these, and nothing else."""
        read = {hit.fact.id for hit in facts}
        rest = {name: tuple(one for one in known if one.fact_id not in read) for name, known in self.learned.items()}
        rest = {name: known for name, known in rest.items() if known}
        return replace(self, facts=(), route=self.route.among(tuple(rest)), learned=rest)


class Gatherer:
    """Finds the evidence for the questions of every user of one memory."""

    def __init__(
        self,
        base: BaseModel,
        facts: FactStore,
        recall: Recall,
        embedder: Embedder,
        serving: Serving,
        settings: Settings,
    ) -> None:
        self._base = base
        self._facts = facts
        self._recall = recall
        self._embedder = embedder
        self._serving = serving
        self._settings = settings

    def gather(self, question: str, user_id: str, *, with_facts: bool = True, with_modules: bool = True) -> Evidence:
        """The facts to show and the modules to ask, of those that are wanted."""
        hits: list[ScoredFact] = []
        vector: NDArray[np.float32] | None = None
        reads = self._base.reads
        whole = self._recall.count(user_id) <= self._settings.full_context
        if with_facts:
            count = self._settings.full_context if whole else self._settings.recall_facts
            hits, vector = self._recall.search(question, user_id, count)
            near = 0.0 if whole else _NEAR_FOR_READER if reads else _NEAR
            hits = [hit for hit in hits if hit.score >= near]
            if asks_before(question) and (earlier := self._before(hits)) != hits:
                # A module learned the newest version only: what it says here would be the very value that is not asked for.
                hits, with_modules = earlier, False
        route, learned = self._route(question, user_id, vector) if with_modules else (Route(), [])
        texts = [f"{known.question} {known.answer}" for _, known in learned]
        stranger = _is_stranger(question, [*(render_fact(hit.fact) for hit in hits), *texts])
        may = about(question, [*(hit.text for hit in hits), *texts], [speaker(hit.fact) for hit in hits])
        taught: dict[str, list[KnownQuestion]] = {}
        for (name, known), may_answer in zip(learned, may[len(hits) :], strict=True):
            if may_answer:
                taught.setdefault(name, []).append(known)
        hits = [hit for hit, may_answer in zip(hits, may, strict=False) if may_answer]
        if reads and not whole:
            best = max((hit.score for hit in hits), default=0.0)
            hits = [hit for hit in hits if hit.score >= _BESIDE * best]
        route = route.among(tuple(taught))
        return Evidence(
            facts=tuple(hits),
            route=route,
            learned={name: tuple(known) for name, known in taught.items()},
            nearness=max([route.score, *(hit.score for hit in hits)]),
            days="all" if _ASKS_TELLING.search(question) else "dateless" if _ASKS_PAST.search(question) else "none",
            stranger=stranger,
        )

    def behind(self, evidence: Evidence, said: Callable[[str], bool]) -> list[Fact]:
        """The facts that modules of the evidence may have an answer from, by which of their own answers it holds."""
        known = (one for name, _ in evidence.route.modules for one in evidence.learned.get(name, ()))
        ids = dict.fromkeys(one.fact_id for one in known if said(one.answer))
        found: list[Fact] = []
        for fact_id in list(ids)[: self._settings.recall_facts]:
            with suppress(FactNotFound):
                found.append(self._facts.get(fact_id))
        return found

    def _route(
        self, question: str, user_id: str, vector: NDArray[np.float32] | None
    ) -> tuple[Route, list[tuple[str, KnownQuestion]]]:
        """The modules for a question, and what each of them was taught."""
        router, manifests = self._serving.router(user_id)
        if not len(router):
            return Route(), []
        asked: NDArray[np.float32] = self._embedder.encode([question])[0] if vector is None else vector  # (width,)
        route = router.route(question, asked, self._settings.max_modules)
        route = route.among([name for name, _ in route.modules if self._serving.loads(user_id, name)])
        return route, [(name, known) for name, _ in route.modules for known in manifests[name].questions]

    def _before(self, hits: Sequence[ScoredFact]) -> list[ScoredFact]:
        """The same, with what a fact superseded in its place: a small reader shown both takes the valid one."""
        found: dict[str, ScoredFact] = {}
        for hit in hits:
            versions = self._facts.versions(hit.fact.id) if hit.fact.supersedes else [hit.fact]
            for fact in versions[:-1] or versions:
                found.setdefault(fact.id, hit.model_copy(update={"fact": fact}))
        return list(found.values())


def _fact_texts(facts: Sequence[ScoredFact], days: str) -> tuple[str, ...]:
    """What an answer from these facts may be made of: their texts, without orders in them, and who said them.

    The day on which a fact was told is shown to the reader; what happened on that day is another matter.
    """
    told = (hit.fact.model_copy(update={"text": without_orders(hit.text)}) for hit in facts)
    return tuple(text for fact in told if fact.text for text in (fact.text, _shown(fact, days)))


def _shown(fact: Fact, days: str) -> str:
    """A fact as it is shown, with the day on which it was told where that may answer."""
    text = dated(fact).text
    dateless = CALENDAR.isdisjoint(tokens(text)) and not _YEAR.search(text)
    return render_fact(fact) if days == "all" or (days == "dateless" and dateless) else f"{speaker(fact)}: {text}"


def _is_stranger(question: str, texts: Sequence[str]) -> bool:
    """Whether a full name in the question stands in no text as a whole: Charles Gray and Ada Grant are no Charles Grant."""
    return not all(any(stands(name, text) for text in texts) for name in full_names(question))
