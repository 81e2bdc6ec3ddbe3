"""One generation, checked word by word; and a reader that looks again where a newer fact may say otherwise."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace

from slowwave.adapters_store.lexical import tokens
from slowwave.errors import InvalidInput
from slowwave.evidence import Evidence
from slowwave.grounding import Grounding
from slowwave.model import BaseModel, Encoded, Generated, Slot
from slowwave.naming import CALENDAR
from slowwave.prompts import UNKNOWN, chat, conversation, dated, is_unknown, render_facts
from slowwave.superseding import asks_before
from slowwave.types import Fact, Message, Rule, ScoredFact
from slowwave.wording import all_words, value_words

__all__ = ["Request", "Said", "Speaker", "silently"]

_DOUBT = 0.2
"""A reader that gives "I don't know" this probability is taken at its word: its best guess is then often a near miss. Where
answering and admitting, on invented facts of the exam's relations, are best together (benchmarks/LOG.md)."""
_SECOND_THOUGHTS = 3
"""How often a reader whose answer does not pass may begin another one."""
_LIKELY = 0.05
"""The least probability of how that begins."""
_CLEAR = 0.6
"""The least probability of each token of an answer from newer facts alone that takes the place of one from older facts."""
_RIVAL = 0.05
"""The least probability that each of its tokens must have with all facts in the prompt: another version is a close rival
there, and a near miss is not. Both were chosen on invented facts (benchmarks/LOG.md)."""
_THEN = re.compile(
    r"\b(?:(?:19|20)\d\d|first(?! names?\b)|initial(?:ly)?|ago|yesterday|at the time|as a child|when \w+ (?:was|were)"
    r"|last (?:week|month|year|spring|summer|autumn|winter))\b",
    re.IGNORECASE,
)
"""What asks for a time that has passed, whose answer nothing newer is."""


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
class Said:
    """A generation that was let through, and what it rests on."""

    text: str
    """Empty if nothing of it stands in the evidence."""
    last: Generated
    evidence: Evidence
    rule: Rule


class Speaker:
    """The base model, alone or with a slot, saying what its evidence carries."""

    def __init__(self, base: BaseModel, limit: int) -> None:
        self._base = base
        self._limit = limit
        """The most tokens of an answer, where a request does not say."""

    def prompt(self, request: Request, facts: Iterable[Fact]) -> Encoded:
        """A question with facts, the best first, above it; as much of the conversation and of them as the model can read.

        Raises:
            InvalidInput: not even the question fits.
        """
        return self._fitted(request, list(facts))[0]

    def shown(self, request: Request, evidence: Evidence) -> tuple[Encoded, Evidence]:
        """A question with the evidence's facts above it, and the evidence without those that there was no room for.

        Raises:
            InvalidInput: not even the question fits.
        """
        prompt, count = self._fitted(request, [hit.fact for hit in evidence.facts])
        return prompt, replace(evidence, facts=evidence.facts[:count])

    def chat(self, request: Request) -> Encoded:
        """A question that is not asked of the memory, in its conversation.

        Raises:
            InvalidInput: it does not fit into what the model can read.
        """
        return self._fitted(request, None)[0]

    def _fitted(self, request: Request, facts: Sequence[Fact] | None) -> tuple[Encoded, int]:
        """The prompt, with room for the answer, and how many of the facts stand in it: it is without the oldest turns if need
        be, and then without the last facts. With None for facts it is no question to the memory.
        """
        window = self._base.context_window
        room = window - min(request.max_tokens or self._limit, window // 2)
        turns: list[list[int]] = []  # places in the history; a turn is what a user says and what is answered
        for place, turn in enumerate(request.history):
            if turn.role == "user" or (turn.role == "assistant" and not turns):
                turns.append([place])
            elif turn.role == "assistant":
                turns[-1].append(place)

        def left(count: int) -> int:
            return len(facts or ()) - max(0, count - len(turns))

        def without(count: int) -> Encoded:
            gone = {place for places in turns[:count] for place in places}
            history = [turn for place, turn in enumerate(request.history) if place not in gone]
            if facts is None:
                return self._base.encode(chat(request.question, history))
            return self._base.encode(conversation(request.question, render_facts(facts[: left(count)]), history))

        most = len(turns) + len(facts or ())
        whole = without(0)
        if len(whole.ids) <= room:
            return whole, left(0)
        fewest = bisect_left(range(most + 1), True, key=lambda count: len(without(count).ids) <= room)
        if fewest > most:
            prompts = sum(len(turn.content) for turn in request.history if turn.role in {"system", "developer"})
            if prompts > len(request.question):
                remedy = f"The model reads {window} tokens, and they are never left out: shorten them."
                raise InvalidInput("The system messages are too long", f"{prompts} characters", remedy)
            remedy = f"The model reads {window} tokens, the answer's among them: ask in fewer words."
            raise InvalidInput("The question is too long", request.question, remedy)
        return without(fewest), left(fewest)

    def read(self, request: Request, prompt: Encoded, evidence: Evidence) -> Generator[str, None, Said]:
        """Yield what a reader finds in the facts; of two that answer the question, in the newer one.

        A small reader takes the older of two versions in one case of five (benchmarks/LOG.md). So it is shown what was said on
        a later day than its answer, alone, and if it finds a clear answer there that was a close rival among all facts, this
        one holds. What holds is not known at once: with facts of several days an answer comes in one piece.
        """
        speaking = self.speak(request, prompt, None, evidence, strict=True)
        one_day = len({hit.fact.said_at.date() for hit in evidence.facts}) == 1
        if one_day or request.temperature > 0 or _asks_of_then(request.question):
            return (yield from speaking)
        said, newer = silently(speaking), evidence.facts
        while said.text and (newer := _after(said.text, request.question, newer)):
            rest = replace(evidence, facts=newer)
            alone = self.prompt(request, (hit.fact for hit in newer))
            again = silently(self.speak(request, alone, None, rest, strict=True, second_thoughts=0))
            if not (again.text and self._holds(again.last, prompt) and _is_another(again.text, said.text)):
                break
            said = replace(again, evidence=evidence, rule="read again")
        yield said.text
        return said

    def _holds(self, again: Generated, prompt: Encoded) -> bool:
        """Whether an answer from newer facts is clear, and a close rival where all facts are in the prompt."""
        import torch

        if min(again.logprobs) < math.log(_CLEAR):
            return False
        with torch.inference_mode():
            (among_all,) = self._base.answer_logprobs([Encoded((*prompt.ids, *again.ids), prompt.prompt)])  # (answer,)
        return bool((among_all >= math.log(_RIVAL)).all())

    def speak(
        self,
        request: Request,
        prompt: Encoded,
        slot: Slot | None,
        evidence: Evidence,
        *,
        strict: bool,
        second_thoughts: int = _SECOND_THOUGHTS,
    ) -> Generator[str, None, Said]:
        """Yield the pieces of one generation, as far as the evidence carries them.

        Args:
            strict: whether nothing is said that does not stand in the evidence.
            second_thoughts: how often a reader whose answer does not pass may begin another one.
        """
        reads = strict and slot is None and self._base.reads
        limit = request.max_tokens or self._limit
        text, last, never = "", Generated(prompt_tokens=len(prompt.ids)), list[int]()
        while not text:
            words = Grounding(evidence.sources, request.question) if strict else None
            stream = self._base.stream(
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
            if not reads or not evidence.facts or ended or len(never) == second_thoughts:
                break
            never.append(last.ids[0])
        many = len(evidence.route.modules) if slot is not None else 0
        alone: Rule = "read" if evidence.facts else "base"
        rule: Rule = "merged" if many > 1 else "module" if many else alone
        return Said(text.strip(), last, evidence, rule)


def silently(speaking: Generator[str, None, Said]) -> Said:
    """What was said in the end."""
    while True:
        try:
            next(speaking)
        except StopIteration as end:
            said: Said = end.value
            return said


def _asks_of_then(question: str) -> bool:
    """Whether a question asks for what was so at some time, or names a day."""
    return asks_before(question) or bool(_THEN.search(question)) or not CALENDAR.isdisjoint(tokens(question))


def _after(text: str, question: str, facts: Sequence[ScoredFact]) -> tuple[ScoredFact, ...]:
    """The facts of a later day than any that holds an answer; none if no fact alone holds it."""
    said = value_words(text)
    words = said - all_words(question) or said
    held = [hit.fact.said_at for hit in facts if words and words <= all_words(dated(hit.fact).text)]
    return tuple(
        hit for hit in facts if held and hit.fact.said_at > max(held) and hit.fact.said_at.date() > max(held).date()
    )


def _is_another(text: str, other: str) -> bool:
    """Whether two answers say something else, rather than one of them more than the other."""
    words, others = value_words(text), value_words(other)
    return not (words <= others or others <= words)
