"""The decoding loop: prompts in, tokens out, one after another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slowwave.errors import InvalidInput
from slowwave.packing import Encoded, padded
from slowwave.prefixes import Prefixes
from slowwave.slot import Slot, Stack, attached

if TYPE_CHECKING:
    import torch

__all__ = ["Decoder", "Generated"]

_COLD = 1e-6
"""Up to this temperature the likeliest token is taken: a smaller one makes numbers that are too large."""


@dataclass
class Generated:
    """What the model said."""

    text: str = ""
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    prompt_tokens: int = 0
    finished: bool = False
    """Whether it ended by itself, rather than at the token limit."""

    @property
    def mean_logprob(self) -> float:
        """Mean log-probability of the chosen tokens; minus infinity when there are none."""
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else float("-inf")


class Decoder:
    """Says what a model says, token by token, alone or with a slot."""

    def __init__(self, model: Any, tokenizer: Any, device: str, *, pad: int, ends: frozenset[int], lead: str) -> None:
        """Keep what it takes.

        Args:
            pad: the token that fills short rows.
            ends: the tokens that end an answer.
            lead: what an answer's text begins with (`slowwave.model`).
        """
        self.ends = ends
        self.prefixes = Prefixes()
        """What was read of earlier prompts."""
        self._model = model
        self._tokenizer = tokenizer
        self._device = device
        self._pad = pad
        self._lead = lead

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids of an answer as text, without special tokens and the space it may begin with."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text.removeprefix(" ")

    def generate(
        self,
        prompts: Sequence[Encoded],
        max_tokens: int,
        slot: Slot | Stack | None = None,
        batch: int = 16,
        *,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[Generated]:
        """Answer several prompts (`BaseModel.generate`)."""
        import torch

        _check_temperature(temperature)
        drawn = torch.Generator(self._device).manual_seed(seed) if temperature > 0 else None
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index].ids))
        results: dict[int, Generated] = {}
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            mine = None if slot is None else slot.of(chosen)
            *_, (_, finals) = self.steps([prompts[i] for i in chosen], max_tokens, mine, temperature, drawn)
            results.update(zip(chosen, finals, strict=True))
        return [results[index] for index in range(len(prompts))]

    def stream(
        self,
        prompt: Encoded,
        max_tokens: int,
        slot: Slot | None = None,
        *,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        unless: tuple[str, float] | None = None,
        never: Sequence[int] = (),
    ) -> Iterator[tuple[str, Generated]]:
        """Yield (new text, everything so far) token by token (`BaseModel.stream`)."""
        _check_temperature(temperature)
        sent = 0
        last: Generated | None = None
        steps = self.steps([prompt], max_tokens, slot, temperature, unless=unless, never=never, remember=slot is None)
        for _, (state,) in steps:
            last = state
            state.text = self.decode(state.ids)
            cut = min((at for word in stop if word and (at := state.text.find(word)) >= 0), default=-1)
            if cut >= 0:
                state.text, state.finished = state.text[:cut], True
                break
            if state.text.endswith("\ufffd"):  # half a character: its other bytes are in the next token
                continue
            safe = len(state.text) - max((_overlap(state.text, word) for word in stop), default=0)
            if safe > sent:
                yield state.text[sent:safe], state
                sent = safe
        if last is not None:
            last.text = _whole(last.text)
            yield last.text[sent:], last

    def steps(
        self,
        prompts: Sequence[Encoded],
        max_tokens: int,
        slot: Slot | Stack | None,
        temperature: float = 0.0,
        drawn: torch.Generator | None = None,
        unless: tuple[str, float] | None = None,
        never: Sequence[int] = (),
        *,
        remember: bool = False,
    ) -> Iterator[tuple[int, list[Generated]]]:
        """The decoding loop: after each token, yield (step, the state of every prompt).

        Args:
            remember: whether the one prompt, read without a slot, may begin where an earlier one did. Answers may; a night
                and its exams may not, because their bits must follow from what they are given alone.
        """
        import torch
        from transformers import DynamicCache

        ids, mask = padded([prompt.ids for prompt in prompts], self._pad, left=True)  # (prompts, tokens) both
        ids, mask = ids.to(self._device), mask.to(self._device)
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        states = [Generated(prompt_tokens=len(prompt.ids)) for prompt in prompts]
        cache = DynamicCache(config=self._model.config)
        if remember:
            with torch.inference_mode():
                known = self.prefixes.fill(cache, prompts[0].ids)
            ids, positions = ids[:, known:], positions[:, known:]
        for step in range(max_tokens):
            # Inside the loop: a generator would leak the mode and the slot to its caller between tokens.
            with torch.inference_mode(), attached(slot):
                logits = self._model(
                    input_ids=ids,
                    attention_mask=mask,
                    position_ids=positions,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                ).logits[:, -1]  # (prompts, vocabulary)
                if remember and step == 0:
                    self.prefixes.keep(cache, prompts[0].ids)
                logprobs = torch.log_softmax(logits.float(), dim=-1)  # (prompts, vocabulary)
                allowed = logprobs
                if never and step == 0:
                    allowed = logprobs.index_fill(1, torch.tensor(never, device=self._device), -torch.inf)
                if temperature > _COLD:
                    token = torch.multinomial((allowed / temperature).softmax(dim=-1), 1, generator=drawn)
                else:
                    token = allowed.argmax(dim=-1, keepdim=True)
                # token: (prompts, 1)
                if unless is not None and step == 0:
                    first = self._tokenizer.encode(self._lead + unless[0], add_special_tokens=False)[0]
                    token = token.masked_fill(logprobs[:, first, None].exp() >= unless[1], first)
                chosen = logprobs.gather(1, token)[:, 0].tolist()
            for state, value, logprob in zip(states, token[:, 0].tolist(), chosen, strict=True):
                if state.finished:
                    continue
                state.logprobs.append(logprob)
                if value in self.ends:
                    state.finished = True
                else:
                    state.ids.append(value)
            done = all(state.finished for state in states)
            if done or step + 1 == max_tokens:
                for state in states:
                    state.text = _whole(self.decode(state.ids))
            yield step, states
            if done:
                return
            ids, positions = token, positions[:, -1:] + 1
            mask = torch.cat([mask, mask.new_ones((len(states), 1))], dim=1)


def _check_temperature(temperature: float) -> None:
    if not (math.isfinite(temperature) and temperature >= 0.0):
        raise InvalidInput("Bad temperature", temperature, "Give 0 or more, and a finite number.")


def _whole(text: str) -> str:
    """A text without the half of a character with which it may have been cut off."""
    return text.rstrip("\ufffd")


def _overlap(text: str, word: str) -> int:
    """Length of the longest end of `text` that begins `word`."""
    return next((size for size in range(min(len(word), len(text)), 0, -1) if text.endswith(word[:size])), 0)
