"""From a question to an answer: recall facts, route to modules, merge them into the slot, generate, and check.

A small model invents fluently, so nothing it says is taken on trust: an answer must be made of words that stand in the
facts it was shown or in the facts of the modules it came from, and those facts must be near the question. Otherwise the
answer is "I don't know".
"""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slowwave.adapters_store.lexical import tokens
from slowwave.adapters_store.manifest import Manifest
from slowwave.adapters_store.merge import merge
from slowwave.adapters_store.router import Route, Router, RouteRow
from slowwave.adapters_store.store import AdapterStore
from slowwave.embedder import Embedder
from slowwave.errors import StoreDamaged
from slowwave.facts import FactStore
from slowwave.model import BaseModel, Encoded, Generated, Slot
from slowwave.prompts import UNKNOWN, conversation, full_names, is_unknown, render_fact, render_facts
from slowwave.quarantine import without_orders
from slowwave.recall import Recall
from slowwave.settings import Settings
from slowwave.types import Answer, Message, ModuleUse, ScoredFact, Source

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

__all__ = ["AnswerStream", "Answerer", "Request"]

logger = logging.getLogger(__name__)

_NEAR = 0.25
"""A fact that scores less than this is kept from a model that cannot tell that it has nothing to do with the question."""
_NEAR_FOR_READER = 0.05
"""The same for a model that can: half of the right facts score less than 0.25 where the question uses other words."""
_DOUBT = 0.2
"""A reader that gives "I don't know" this probability is taken at its word: its best guess is then often a near miss. Where
answering and admitting, on invented facts of the exam's relations, are best together (benchmarks/LOG.md)."""
_GROUNDED = 0.7
"""The share of an answer's words that must stand in facts or in the question."""
_CACHED = 8
"""Merged routes kept ready; each is as large as a module in memory."""


@dataclass(frozen=True)
class Request:
    """One question and how it wants to be answered."""

    question: str
    user_id: str
    history: tuple[Message, ...] = ()
    use_facts: bool = True
    use_modules: bool = True
    max_tokens: int | None = None
    temperature: float = 0.0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What the memory has to say about a question, before any text is generated."""

    facts: tuple[ScoredFact, ...]
    route: Route
    sources: tuple[str, ...]
    """Texts that an answer may be made of."""
    nearness: float
    stranger: bool = False
    """Whether the question names somebody by a full name that stands in no text of the evidence."""

    @property
    def known(self) -> bool:
        """Whether there is anything near the question."""
        return bool(self.facts or self.route.modules) and not self.stranger


class AnswerStream:
    """The pieces of an answer as they are generated; `answer` is there when they are used up."""

    def __init__(self, pieces: Iterator[str | Answer]) -> None:
        self._pieces = pieces
        self._answer: Answer | None = None

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            if isinstance(piece, Answer):
                self._answer = piece
            elif piece:
                yield piece

    @property
    def answer(self) -> Answer:
        """The whole answer; what is left of the stream is read first."""
        for _ in self:
            pass
        if self._answer is None:
            raise RuntimeError("the stream was closed before its end")
        return self._answer


class Answerer:
    """Answers for every user of one memory, on the shared base model."""

    def __init__(
        self,
        base: BaseModel,
        store: AdapterStore,
        facts: FactStore,
        recall: Recall,
        embedder: Embedder,
        settings: Settings,
    ) -> None:
        self.base = base
        self._store = store
        self._facts = facts
        self._recall = recall
        self._embedder = embedder
        self._settings = settings
        self._shape = base.shape(settings.rank)
        self._lock = threading.RLock()
        """Guards the caches; never held while text is generated."""
        self._vectors: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._merged: OrderedDict[tuple[object, ...], Slot] = OrderedDict()
        self._routers: dict[str, tuple[int, Router, dict[str, Manifest]]] = {}
        self._whole: dict[tuple[str, int], bool] = {}
        """Whether a module could be loaded, by its id and the catalog's number: its file is summed once, not per question."""

    def forget(self) -> None:
        """Drop every cache: called when a fact or a module goes."""
        with self._lock:
            self._vectors.clear()
            self._merged.clear()
            self._routers.clear()
            self._whole.clear()

    def stream(self, request: Request) -> Iterator[str | Answer]:
        """Yield the pieces of the answer's text, and last the answer itself."""
        evidence = self._gather(request)
        memory_used = request.use_facts or request.use_modules
        if memory_used and not evidence.known and self._settings.strict:
            yield UNKNOWN
            yield Answer(text=UNKNOWN, source="unknown")
            return
        shown = render_facts(hit.fact for hit in evidence.facts)
        prompt = self.base.encode(conversation(request.question, shown, request.history))
        strict = memory_used and self._settings.strict
        if strict and evidence.route.modules and evidence.facts and self.base.ref.reader_sha256:
            # The reader goes first: a module beside facts spoils what it can read by itself (measured on real chats), and
            # is asked only where it says that it does not know.
            alone = replace(evidence, route=Route(), sources=_texts(evidence.facts))
            text, last = yield from self._said(request, prompt, None, alone, strict=True)
            if text:
                yield self._answer(text.strip(), last, alone, memory_used)
                return
        slot = self._slot(request.user_id, evidence)
        text, last = yield from self._said(request, prompt, slot, evidence, strict=strict)
        if not text:
            text = UNKNOWN
            yield text
        yield self._answer(text.strip(), last, evidence, memory_used)

    def _said(
        self, request: Request, prompt: Encoded, slot: Slot | None, evidence: Evidence, *, strict: bool
    ) -> Generator[str, None, tuple[str, Generated]]:
        """Yield the pieces of one generation, as far as the evidence carries them; empty if it carries nothing."""
        words = _Grounding(evidence.sources, request.question) if strict else None
        text, last = "", Generated(prompt_tokens=len(prompt.ids))
        limit = request.max_tokens or self._settings.max_new_tokens
        doubt = (UNKNOWN, _DOUBT) if strict and slot is None and self.base.ref.reader_sha256 else None
        stream = self.base.stream(prompt, limit, slot, temperature=request.temperature, stop=request.stop, unless=doubt)
        for piece, last in stream:
            ready = piece if words is None else words.release(last.text)
            if ready:
                text += ready
                yield ready
        if words is not None:
            rest = words.finish(last.text, nothing_said=not text)
            if not is_unknown(rest) or text:
                text += rest
                yield rest
        return text, last

    # -- evidence --------------------------------------------------------------------------------------------------

    def _gather(self, request: Request) -> Evidence:
        hits: list[ScoredFact] = []
        vector = None
        if request.use_facts:
            hits, vector = self._recall.search(request.question, request.user_id, self._settings.recall_facts)
            near = _NEAR_FOR_READER if self.base.ref.reader_sha256 else _NEAR
            hits = [hit for hit in hits if hit.score >= near]
        route = Route()
        asked: list[str] = []
        sources = list(_texts(hits))
        if request.use_modules:
            router, manifests = self._router(request.user_id)
            if router.rows:
                vector = self._embedder.encode([request.question])[0] if vector is None else vector
                route = router.route(request.question, vector, self._settings.max_modules)
                route = route.among([name for name, _ in route.modules if self._loads(request.user_id, name)])
                for module_id, _ in route.modules:
                    sources += [known.answer for known in manifests[module_id].questions]
                    asked += [known.question for known in manifests[module_id].questions]
        best = max((hit.score for hit in hits), default=0.0)
        texts = [set(tokens(text)) for text in (*sources, *asked)]
        names = [set(tokens(name)) for name in full_names(request.question)]
        # Together: what is known of Charles Gray and Ada Grant says nothing about Charles Grant.
        stranger = not all(any(name <= words for words in texts) for name in names)
        return Evidence(tuple(hits), route, tuple(sources), max(best, route.score), stranger=stranger)

    def _router(self, user_id: str) -> tuple[Router, dict[str, Manifest]]:
        import numpy as np

        # New facts change no route: only what is published or retired does.
        key = self._store.version
        cached = self._routers.get(user_id)
        if cached is not None and cached[0] == key:
            return cached[1], cached[2]
        manifests = {
            one.id: one
            for one in self._store.live(user_id)
            if one.base.sha256 == self.base.ref.sha256 and one.rank == self._shape.rank
        }
        rows: list[RouteRow] = []
        vectors: list[NDArray[np.float32]] = []
        for manifest in manifests.values():
            known = self._store.question_vectors(manifest.id, self._embedder.name)
            if known is None or len(known) != len(manifest.questions):
                known = self._embedder.encode([question.question for question in manifest.questions])
            rows += [RouteRow(question.question, question.fact_id, manifest.id) for question in manifest.questions]
            vectors += list(known)
            stored = self._facts.vectors(sorted(manifest.settled_ids))
            texts = {fact.id: fact.text for fact in self._facts.live(user_id) if fact.id in stored}
            rows += [RouteRow(text, key_, manifest.id) for key_, text in texts.items()]
            vectors += [stored[key_] for key_ in texts]
        matrix = np.stack(vectors) if vectors else np.zeros((0, 1), dtype=np.float32)
        router = Router(rows, matrix)
        self._routers[user_id] = (key, router, manifests)
        return router, manifests

    # -- the slot --------------------------------------------------------------------------------------------------

    def _slot(self, user_id: str, evidence: Evidence) -> Slot | None:
        """A slot that holds the merged route; None if no module takes part.

        The merged vector is cached and never written again, so any number of answers can use it at the same time.
        """
        route = evidence.route.modules
        if not route:
            return None
        key = (user_id, tuple((name, round(weight, 2)) for name, weight in route), self._store.version)
        with self._lock:
            if key not in self._merged:
                vector = self._merge(user_id, route)
                if vector is None:
                    return None
                self._merged[key] = self.base.slot(self._shape, vector)
                while len(self._merged) > _CACHED:
                    self._merged.popitem(last=False)
            self._merged.move_to_end(key)
            return self._merged[key].at(self._settings.adapter_scale if evidence.facts else 1.0)

    def _merge(self, user_id: str, route: Sequence[tuple[str, float]]) -> torch.Tensor | None:
        import torch

        loaded = [(self._vector(user_id, name), weight) for name, weight in route]
        some = [(vector, weight) for vector, weight in loaded if vector is not None]
        if not some:
            return None
        vectors = torch.stack([vector for vector, _ in some])  # (k, n)
        weights = torch.tensor([weight for _, weight in some])
        return merge(vectors, weights / weights.sum(), "ties")

    def _loads(self, user_id: str, module_id: str) -> bool:
        """Whether a module can take part: what cannot be loaded must not count as evidence either."""
        key = (module_id, self._store.version)
        with self._lock:
            if key not in self._whole:
                self._whole[key] = self._vector(user_id, module_id) is not None
            return self._whole[key]

    def _vector(self, user_id: str, module_id: str) -> torch.Tensor | None:
        if module_id not in self._vectors:
            try:
                self._vectors[module_id] = self._store.vector(
                    module_id, user_id=user_id, base_sha256=self.base.ref.sha256, shape=self._shape
                )
            except StoreDamaged as error:
                logger.error("module %s takes no part: %s", module_id, error.reason)
                self._whole[module_id, self._store.version] = False
                return None
            while len(self._vectors) > _CACHED:
                self._vectors.popitem(last=False)
        self._vectors.move_to_end(module_id)
        return self._vectors[module_id]

    # -- the verdict -----------------------------------------------------------------------------------------------

    def _answer(self, text: str, said: Generated, evidence: Evidence, memory_used: bool) -> Answer:
        modules = tuple(ModuleUse(id=name, weight=weight) for name, weight in evidence.route.modules)
        unknown = memory_used and (is_unknown(text) or not text)
        belief = min(1.0, evidence.nearness / 0.6) if memory_used else 1.0
        return Answer(
            text=text or UNKNOWN,
            facts=evidence.facts,
            modules=modules,
            confidence=0.0 if unknown else round(belief * math.exp(min(0.0, said.mean_logprob)), 4),
            source=_source(unknown, bool(evidence.facts), bool(modules)),
            prompt_tokens=said.prompt_tokens,
            completion_tokens=len(said.ids),
        )


def _source(unknown: bool, facts: bool, modules: bool) -> Source:
    if unknown:
        return "unknown"
    if facts and modules:
        return "both"
    return "facts" if facts else "modules" if modules else "base"


def _texts(facts: Sequence[ScoredFact]) -> tuple[str, ...]:
    """What an answer from these facts may be made of: their texts and their lines in the prompt, without orders in them."""
    told = (hit.fact.model_copy(update={"text": without_orders(hit.text)}) for hit in facts)
    return tuple(text for fact in told for text in (fact.text, render_fact(fact)) if fact.text)


class _Grounding:
    """Lets an answer pass as far as its words stand in the facts.

    Nothing is released before the first word that is in a fact and not merely in the question; from the first word that
    is in neither, the rest waits for the verdict at the end.
    """

    def __init__(self, sources: Sequence[str], question: str) -> None:
        self._known = {word for text in sources for word in tokens(text)}
        self._asked = set(tokens(question))
        self._sent = 0

    def release(self, text: str) -> str:
        """More of the text so far that may be shown; the last word waits until it is complete."""
        cut = max((i for i, letter in enumerate(text) if letter.isspace()), default=0)
        words = tokens(text[:cut])
        novel = [word for word in words if word not in self._asked]
        if not any(word in self._known for word in novel) or any(word not in self._known for word in novel):
            return ""
        ready = text[self._sent : cut]
        self._sent = max(self._sent, cut)
        return ready

    def finish(self, text: str, nothing_said: bool) -> str:
        """What is left to show: the rest, nothing, or that the answer is not known."""
        words = tokens(text)
        grounded = [word for word in words if word in self._known or word in self._asked]
        novel = any(word in self._known and word not in self._asked for word in words)
        # "Porto" may answer "Porto or Lisbon?", but only if a fact says it too.
        chosen = not set(words) - self._asked and any(word in self._known for word in words)
        enough = len(grounded) >= _GROUNDED * len(words) and (novel or chosen)
        if enough and not is_unknown(text):
            return text[self._sent :]
        return UNKNOWN if nothing_said else ""
