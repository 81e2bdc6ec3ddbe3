"""From a question to an answer: recall facts, route to modules, let them speak, and check what is said.

A small model invents fluently, so nothing it says is taken on trust: an answer must be made of words that stand in the
facts it was shown or in the facts of the modules it came from, and those facts must be near the question. Otherwise the
answer is "I don't know".
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from slowwave.adapters_store.store import AdapterStore
from slowwave.awaited import off_the_loop
from slowwave.embedder import Embedder
from slowwave.evidence import Evidence, Gatherer
from slowwave.facts import FactStore
from slowwave.grounding import Grounding
from slowwave.model import BaseModel, Encoded, Generated, Slot
from slowwave.prompts import UNKNOWN, is_unknown
from slowwave.quoting import asks_yes_or_no, quotation, to_quote
from slowwave.recall import Recall
from slowwave.serving import Serving, combination
from slowwave.settings import Settings
from slowwave.speaking import Request, Said, Speaker, silently
from slowwave.types import Answer, ModuleUse, Rule, Source
from slowwave.wording import holds

__all__ = ["AnswerStream", "Answerer", "Request"]

_SURE = 0.9
"""From which probability of its first token on a reader's "I don't know" says that the facts before it do not tell."""
_IN_VAIN: Mapping[Rule, Rule] = {"quoted": "nothing near"}
"""What decided that there is no answer, where it is not that none stood in the facts."""
_ADMISSION = 8
"""Tokens that are enough to see whether a reader says that it does not know."""


class AnswerStream:
    """The pieces of an answer as they are generated, by `for` or `async for`; `answer` is there when they are used up."""

    def __init__(self, pieces: Iterator[str | Answer]) -> None:
        self._pieces = pieces
        self._answer: Answer | None = None

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            if isinstance(piece, Answer):
                self._answer = piece
            elif piece:
                yield piece

    def __aiter__(self) -> AsyncGenerator[str, None]:
        return off_the_loop(iter(self))

    @property
    def answer(self) -> Answer:
        """The whole answer; what is left of the stream is read first."""
        for _ in self:
            pass
        if self._answer is None:
            raise RuntimeError(
                "The stream was closed before its end: there is no whole answer. Read it all, or use `ask`."
            )
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
        self._settings = settings
        self._serving = Serving(base, store, facts, embedder, settings)
        self._gatherer = Gatherer(base, facts, recall, embedder, self._serving, settings)
        self._speaker = Speaker(base, settings.max_new_tokens)

    def forget(self, user_ids: Sequence[str]) -> None:
        """Drop what is kept of these users, and of every prompt: called when a fact of theirs goes."""
        self._serving.forget(user_ids)
        self.base.decoder.prefixes.clear()

    def stream(self, request: Request) -> Iterator[str | Answer]:
        """Yield the pieces of the answer's text, and last the answer itself."""
        evidence = self.evidence(request)
        memory_used = request.use_facts or request.use_modules
        strict = memory_used and self._settings.strict
        if strict and not evidence.known:
            yield UNKNOWN
            yield Answer(text=UNKNOWN, source="unknown", rule="stranger" if evidence.stranger else "nothing near")
            return
        if not evidence.facts and not evidence.route.modules:
            # Nothing to read: the base model answers as it would without a memory. A reader knows nothing that it is not shown.
            prompt = self._speaker.chat(request)
            said = yield from self._speaker.speak(request, prompt, self.base.without_reader, evidence, strict=False)
            yield self._answer(said, memory_used)
            return
        if strict and evidence.facts and asks_yes_or_no(request.question):
            said = self._quoted(request, evidence)
            yield said.text or UNKNOWN
            yield self._answer(said, memory_used)
            return
        prompt, evidence = self._speaker.shown(request, evidence)
        if strict and evidence.facts and self.base.reads:
            said = yield from self._read_first(request, prompt, evidence)
        else:
            said = yield from self._with_modules(request, prompt, evidence, strict=strict)
        if not said.text:
            yield UNKNOWN
            said = replace(said, evidence=replace(said.evidence, facts=evidence.facts))  # they were read, in vain
        yield self._answer(said, memory_used)

    def evidence(self, request: Request) -> Evidence:
        """What the memory has to say about a question."""
        return self._gatherer.gather(
            request.question, request.user_id, with_facts=request.use_facts, with_modules=request.use_modules
        )

    # -- speaking --------------------------------------------------------------------------------------------------

    def _read_first(self, request: Request, prompt: Encoded, evidence: Evidence) -> Generator[str, None, Said]:
        """Yield what a reader finds in the facts or, where it does not know, what the modules do.

        A module beside facts spoils what the reader can do by itself (measured on real chats), and gives somebody's number for
        their address: so it is asked alone, for what the reader is not sure to have looked for in vain. And what it says is
        looked up in the facts it learned that from.
        """
        said = yield from self._speaker.read(request, prompt, evidence.through())
        rest = evidence.beyond(evidence.facts if _is_sure(said.last) else ())
        if said.text or not rest.route.modules:
            return said
        closed = self._speaker.prompt(request, ())
        said = silently(self._with_modules(request, closed, rest, strict=True))
        if said.text and self._is_refuted(request, evidence, said):
            return replace(said, text="")
        yield said.text
        return said

    def _is_refuted(self, request: Request, evidence: Evidence, said: Said) -> bool:
        """Whether a reader who is shown where the modules have their answer from is sure that it does not say."""
        shown = [hit.fact for hit in evidence.facts]
        learned = self._gatherer.behind(said.evidence, partial(holds, said.text))
        facts = {fact.id: fact for fact in (*learned, *shown)}
        prompt = self._speaker.prompt(request, facts.values())
        *_, (_, read) = self.base.stream(prompt, _ADMISSION, None)
        return _is_sure(read)

    def _with_modules(
        self, request: Request, prompt: Encoded, evidence: Evidence, *, strict: bool
    ) -> Generator[str, None, Said]:
        """Yield the pieces of what the route's modules say together, or the base model if there are none."""
        route, strength = evidence.route, self._settings.adapter_scale if evidence.facts else 1.0
        method = combination(route, self._settings.combine)
        if method == "panel":
            said = self._panel(request, prompt, evidence, strength, strict=strict)
            if said is not None:
                if said.text:
                    yield said.text
                return said
            method = "single"  # a merge of equals would erase them
        slot: Slot | None = None
        if method == "single":
            for name, _ in route.modules:  # the heaviest that can be loaded
                alone = evidence.through(name)
                slot = self._serving.slot(request.user_id, alone.route, method, strength)
                if slot is not None:
                    evidence = alone
                    break
        elif route.modules:
            slot = self._serving.slot(request.user_id, route, method, strength)
        if slot is None:
            evidence = evidence.through()  # what no module says is no evidence
        return (yield from self._speaker.speak(request, prompt, slot, evidence, strict=strict))

    def _panel(
        self, request: Request, prompt: Encoded, evidence: Evidence, strength: float, *, strict: bool
    ) -> Said | None:
        """Let the modules answer side by side, in one batch, and take the surest answer; the heavier module's if two are.

        None if a module cannot be loaded, or tokens are to be drawn: a panel compares likeliest answers.
        """
        stack = self._serving.stack(request.user_id, evidence.route, strength)
        if stack is None or request.temperature > 0:
            return None
        names = [name for name, _ in evidence.route.modules]
        limit = request.max_tokens or self._settings.max_new_tokens
        candidates: list[Said] = []
        for name, said in zip(names, self.base.generate([prompt] * len(names), limit, stack), strict=True):
            mine = evidence.through(name)
            text = _cut(said.text, request.stop)
            if strict:
                text = Grounding(mine.sources, request.question).finish(text, nothing_said=True)
                text = "" if is_unknown(text) else text
            candidates.append(Said(text.strip(), said, mine, "panel"))
        # Sorting is stable, and the route has the heaviest module first.
        return max(candidates, key=lambda said: (bool(said.text), round(said.last.mean_logprob, 6)))

    def _quoted(self, request: Request, evidence: Evidence) -> Said:
        """What was told about a matter, for who asks whether it is so: no model is asked, for it would name something near."""
        near = to_quote(evidence.facts)
        limit = request.max_tokens or self._settings.max_new_tokens
        for count in range(len(near), 0, -1):
            text = quotation(near[:count])
            if len(self.base.tokenizer.encode(text, add_special_tokens=False)) <= limit:
                read = replace(evidence.through(), facts=near[:count])
                return Said(_cut(text, request.stop).strip(), Generated(logprobs=[0.0]), read, "quoted")
        return Said("", Generated(logprobs=[0.0]), evidence.through(), "quoted")

    # -- the verdict -----------------------------------------------------------------------------------------------

    def _answer(self, said: Said, memory_used: bool) -> Answer:
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
            rule="base" if not memory_used else said.rule if not unknown else _IN_VAIN.get(said.rule, "not supported"),
            prompt_tokens=last.prompt_tokens,
            completion_tokens=len(last.ids),
        )


def _source(unknown: bool, facts: bool, modules: bool) -> Source:
    if unknown:
        return "unknown"
    if facts and modules:
        return "both"
    return "facts" if facts else "modules" if modules else "base"


def _is_sure(said: Generated) -> bool:
    """Whether a reader has no doubt that it does not know."""
    return is_unknown(said.text) and math.exp(said.logprobs[0]) >= _SURE


def _cut(text: str, stop: Sequence[str]) -> str:
    """The text up to the first stop string."""
    return text[: min((at for word in stop if word and (at := text.find(word)) >= 0), default=len(text))]
