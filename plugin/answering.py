"""From a question to an answer: recall facts, route to modules, let them speak, and check what is said.

A small model invents fluently, so nothing it says is taken on trust: an answer must be made of words that stand in the
facts it was shown or in the facts of the modules it came from, and those facts must be near the question. Otherwise the
answer is "I don't know".
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slowwave.adapters_store.lexical import tokens
from slowwave.adapters_store.manifest import KnownQuestion
from slowwave.adapters_store.router import Route
from slowwave.adapters_store.store import AdapterStore
from slowwave.embedder import Embedder
from slowwave.facts import FactStore
from slowwave.grounding import Evidence, Grounding
from slowwave.model import BaseModel, Encoded, Generated, Slot
from slowwave.naming import about, full_names
from slowwave.prompts import UNKNOWN, chat, conversation, is_unknown, render_fact, render_facts, speaker
from slowwave.recall import Recall
from slowwave.serving import Serving, combination
from slowwave.settings import Settings
from slowwave.superseding import asks_before
from slowwave.types import Answer, Message, ModuleUse, Rule, ScoredFact, Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AnswerStream", "Answerer", "Request"]

_NEAR = 0.25
"""A fact that scores less than this is kept from a model that cannot tell that it has nothing to do with the question."""
_NEAR_FOR_READER = 0.05
"""The same for a model that can: half of the right facts score less than 0.25 where the question uses other words."""
_BESIDE = 0.35
"""A fact that scores less than this share of the best one only distracts a small reader (benchmarks/LOG.md)."""
_DOUBT = 0.2
"""A reader that gives "I don't know" this probability is taken at its word: its best guess is then often a near miss. Where
answering and admitting, on invented facts of the exam's relations, are best together (benchmarks/LOG.md)."""
_SECOND_THOUGHTS = 3
"""How often a reader whose answer does not pass may begin another one."""
_LIKELY = 0.05
"""The least probability of how that begins."""


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
class _Said:
    """A generation that was let through, and what it rests on."""

    text: str
    """Empty if nothing of it stands in the evidence."""
    last: Generated
    evidence: Evidence
    rule: Rule


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
        self._recall = recall
        self._facts = facts
        self._embedder = embedder
        self._settings = settings
        self._serving = Serving(base, store, facts, embedder, settings)

    def forget(self, user_ids: Sequence[str]) -> None:
        """Drop what is kept of these users, and of every prompt: called when a fact of theirs goes."""
        self._serving.forget(user_ids)
        self.base.prefixes.clear()

    def stream(self, request: Request) -> Iterator[str | Answer]:
        """Yield the pieces of the answer's text, and last the answer itself."""
        evidence = self._gather(request)
        memory_used = request.use_facts or request.use_modules
        strict = memory_used and self._settings.strict
        if strict and not evidence.known:
            yield UNKNOWN
            yield Answer(text=UNKNOWN, source="unknown", rule="stranger" if evidence.stranger else "nothing near")
            return
        if not evidence.facts and not evidence.route.modules:
            # Nothing to read: the base model answers as it would without a memory. A reader knows nothing that it is not shown.
            prompt = self.base.encode(chat(request.question, request.history))
            said = yield from self._speak(request, prompt, self.base.without_reader, evidence, strict=False)
            yield self._answer(said, memory_used)
            return
        facts = evidence.facts
        shown = render_facts(hit.fact for hit in facts)
        prompt = self.base.encode(conversation(request.question, shown, request.history))
        if strict and evidence.route.modules and evidence.facts and self.base.ref.reader_sha256:
            # The reader goes first: a module beside facts spoils what it can read by itself (measured on real chats), and
            # is asked only where it says that it does not know. Then without the facts: beside them a module that knows
            # somebody's number gives it for an address.
            said = yield from self._speak(request, prompt, None, evidence.through(), strict=True)
            if said.text:
                yield self._answer(said, memory_used)
                return
            evidence = replace(evidence, facts=())
            prompt = self.base.encode(conversation(request.question, [], request.history))
        said = yield from self._with_modules(request, prompt, evidence, strict=strict)
        if not said.text:
            yield UNKNOWN
            said = replace(said, evidence=replace(said.evidence, facts=facts))  # they were read, and nothing was found
        yield self._answer(said, memory_used)

    # -- speaking --------------------------------------------------------------------------------------------------

    def _with_modules(
        self, request: Request, prompt: Encoded, evidence: Evidence, *, strict: bool
    ) -> Generator[str, None, _Said]:
        """Yield the pieces of what the route's modules say together, or the base model if there are none."""
        route, strength = evidence.route, self._settings.adapter_scale if evidence.facts else 1.0
        method = combination(route, self._settings.combine)
        if method == "panel":
            said = self._panel(request, prompt, evidence, strength, strict=strict)
            if said is not None:
                if said.text:
                    yield said.text
                return said
            method = "ties"
        slot = self._serving.slot(request.user_id, route, method, strength) if route.modules else None
        if method == "single" and slot is not None:
            evidence = evidence.through(route.modules[0][0])
        return (yield from self._speak(request, prompt, slot, evidence, strict=strict))

    def _speak(
        self, request: Request, prompt: Encoded, slot: Slot | None, evidence: Evidence, *, strict: bool
    ) -> Generator[str, None, _Said]:
        """Yield the pieces of one generation, as far as the evidence carries them."""
        reads = strict and slot is None and bool(self.base.ref.reader_sha256)
        limit = request.max_tokens or self._settings.max_new_tokens
        text, last, never = "", Generated(prompt_tokens=len(prompt.ids)), list[int]()
        while not text:
            words = Grounding(evidence.sources, request.question) if strict else None
            stream = self.base.stream(
                prompt,
                limit,
                slot,
                temperature=request.temperature,
                stop=request.stop,
                unless=(UNKNOWN, _DOUBT) if reads else None,
                never=never,
            )
            for piece, last in stream:
                if never and last.logprobs[0] < math.log(_LIKELY):
                    last = replace(last, text="")  # it has nothing else to say
                    break
                ready = piece if words is None else words.release(last.text)
                if ready:
                    text += ready
                    yield ready
            if words is not None:
                rest = words.finish(last.text, nothing_said=not text)
                if not is_unknown(rest) or text:
                    text += rest
                    yield rest
            ended = not last.text or is_unknown(last.text)
            if not reads or not evidence.facts or ended or len(never) == _SECOND_THOUGHTS:
                break
            never.append(last.ids[0])
        many = len(evidence.route.modules) if slot is not None else 0
        alone: Rule = "read" if evidence.facts else "base"
        rule: Rule = "merged" if many > 1 else "module" if many else alone
        return _Said(text.strip(), last, evidence, rule)

    def _panel(
        self, request: Request, prompt: Encoded, evidence: Evidence, strength: float, *, strict: bool
    ) -> _Said | None:
        """Let the modules answer side by side, in one batch, and take the surest answer; the heavier module's if two are.

        None if a module cannot be loaded, or tokens are to be drawn: a panel compares likeliest answers.
        """
        stack = self._serving.stack(request.user_id, evidence.route, strength)
        if stack is None or request.temperature > 0:
            return None
        names = [name for name, _ in evidence.route.modules]
        limit = request.max_tokens or self._settings.max_new_tokens
        candidates: list[_Said] = []
        for name, said in zip(names, self.base.generate([prompt] * len(names), limit, stack), strict=True):
            mine = evidence.through(name)
            text = _cut(said.text, request.stop)
            if strict:
                text = Grounding(mine.sources, request.question).finish(text, nothing_said=True)
                text = "" if is_unknown(text) else text
            candidates.append(_Said(text.strip(), said, mine, "panel"))
        # Sorting is stable, and the route has the heaviest module first.
        return max(candidates, key=lambda said: (bool(said.text), round(said.last.mean_logprob, 6)))

    # -- evidence --------------------------------------------------------------------------------------------------

    def _gather(self, request: Request) -> Evidence:
        hits: list[ScoredFact] = []
        vector: NDArray[np.float32] | None = None
        with_modules = request.use_modules
        whole = self._recall.count(request.user_id) <= self._settings.full_context
        if request.use_facts:
            count = self._settings.full_context if whole else self._settings.recall_facts
            hits, vector = self._recall.search(request.question, request.user_id, count)
            near = 0.0 if whole else _NEAR_FOR_READER if self.base.ref.reader_sha256 else _NEAR
            hits = [hit for hit in hits if hit.score >= near]
            if asks_before(request.question) and (earlier := self._before(hits)) != hits:
                # A module learned the newest version only: what it says here would be the very value that is not asked for.
                hits, with_modules = earlier, False
        route, known = self._route(request.question, request.user_id, vector) if with_modules else (Route(), [])
        learned = [f"{asked.question} {asked.answer}" for _, asked in known]
        may = about(request.question, [*(hit.text for hit in hits), *learned], [speaker(hit.fact) for hit in hits])
        told = [set(tokens(text)) for text in (*(render_fact(hit.fact) for hit in hits), *learned)]
        # Together: what is known of Charles Gray and Ada Grant says nothing about Charles Grant.
        stranger = not all(any(set(tokens(name)) <= words for words in told) for name in full_names(request.question))
        answers: dict[str, tuple[str, ...]] = {}
        for (name, asked), may_answer in zip(known, may[len(hits) :], strict=True):
            if may_answer:
                answers[name] = (*answers.get(name, ()), asked.answer)
        hits = [hit for hit, may_answer in zip(hits, may, strict=False) if may_answer]
        if self.base.ref.reader_sha256 and not whole:
            best = max((hit.score for hit in hits), default=0.0)
            hits = [hit for hit in hits if hit.score >= _BESIDE * best]
        route = route.among(tuple(answers))
        nearness = max([route.score, *(hit.score for hit in hits)])
        return Evidence(tuple(hits), route, answers, nearness, stranger)

    def _route(
        self, question: str, user_id: str, vector: NDArray[np.float32] | None
    ) -> tuple[Route, list[tuple[str, KnownQuestion]]]:
        """The modules for a question, and what each of them was taught."""
        router, manifests = self._serving.router(user_id)
        if not len(router):
            return Route(), []
        vector = self._embedder.encode([question])[0] if vector is None else vector  # (width,)
        route = router.route(question, vector, self._settings.max_modules)
        route = route.among([name for name, _ in route.modules if self._serving.loads(user_id, name)])
        return route, [(name, asked) for name, _ in route.modules for asked in manifests[name].questions]

    def _before(self, hits: Sequence[ScoredFact]) -> list[ScoredFact]:
        """The same, with what a fact superseded in its place: a small reader shown both takes the valid one."""
        found: dict[str, ScoredFact] = {}
        for hit in hits:
            versions = self._facts.versions(hit.fact.id) if hit.fact.supersedes else [hit.fact]
            for fact in versions[:-1] or versions:
                found.setdefault(fact.id, hit.model_copy(update={"fact": fact}))
        return list(found.values())

    # -- the verdict -----------------------------------------------------------------------------------------------

    def _answer(self, said: _Said, memory_used: bool) -> Answer:
        evidence, last = said.evidence, said.last
        modules = tuple(ModuleUse(id=name, weight=weight) for name, weight in evidence.route.modules)
        unknown = memory_used and (is_unknown(said.text) or not said.text)
        belief = min(1.0, evidence.nearness / 0.6) if memory_used else 1.0
        return Answer(
            text=said.text or UNKNOWN,
            facts=evidence.facts,
            modules=modules,
            confidence=0.0 if unknown else round(belief * math.exp(min(0.0, last.mean_logprob)), 4),
            source=_source(unknown, bool(evidence.facts), bool(modules)),
            rule="base" if not memory_used else "not supported" if unknown else said.rule,
            prompt_tokens=last.prompt_tokens,
            completion_tokens=len(last.ids),
        )


def _source(unknown: bool, facts: bool, modules: bool) -> Source:
    if unknown:
        return "unknown"
    if facts and modules:
        return "both"
    return "facts" if facts else "modules" if modules else "base"


def _cut(text: str, stop: Sequence[str]) -> str:
    """The text up to the first stop string."""
    return text[: min((at for word in stop if word and (at := text.find(word)) >= 0), default=len(text))]
