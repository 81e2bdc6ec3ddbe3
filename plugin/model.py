"""The base model: one per process, shared by every memory, with places where slots attach (`slowwave.slot`)."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slowwave.adapters_store.manifest import BaseRef
from slowwave.adapters_store.shape import SlotShape, Target, place
from slowwave.adapters_store.skills import Skill, find_skill, identity, load_vector
from slowwave.errors import InvalidInput, WeightsError
from slowwave.likelihoods import Likelihoods
from slowwave.packing import Encoded, padded
from slowwave.prefixes import Prefixes
from slowwave.settings import Settings
from slowwave.slot import Slot, Stack, attached, hook
from slowwave.turns import chat_ids
from slowwave.types import Progress, no_progress
from slowwave.weights import Weights, base_model, quiet

if TYPE_CHECKING:
    import torch

__all__ = ["BaseModel", "Encoded", "Generated", "Slot", "Stack", "load_base"]

logger = logging.getLogger(__name__)

_FFN = ("gate_proj", "up_proj", "down_proj")
"""Feed-forward projections of Llama-like models: the placement that learned fastest per second."""
_OTHER_FFN = ("fc1", "fc2", "c_fc", "c_proj", "dense_h_to_4h", "dense_4h_to_h", "w1", "w2", "w3")
_READS = 0.5
"""The mark in the reader's exam from which on a base model without a reader is trusted to read."""
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


class BaseModel:
    """A frozen causal language model with a chat template, and hooks where slots attach."""

    def __init__(self, model: Any, tokenizer: Any, ref: BaseRef, device: str) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.ref = ref
        self.device = device
        self.targets = _find_targets(model, ref.name)
        """Where modules of a memory act: the feed-forward layers."""
        self.linears = _linears(model)
        """Where skills act: attention as well, since finding a fact in the prompt is attention's work."""
        self._a: dict[SlotShape, list[torch.Tensor]] = {}
        modules = dict(model.named_modules())
        for target in self.linears:
            modules[target.name].register_forward_hook(hook(target.name))
        ends = {tokenizer.eos_token_id, *_as_list(model.generation_config.eos_token_id)}
        self._ends = frozenset(int(token) for token in ends if token is not None)
        self._lead = _lead(tokenizer)
        self.prefixes = Prefixes()
        self.without_reader: Slot | None = None
        """Takes the folded reader off again, for what is asked of the base model and not of the memory; None if none is on."""
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else next(iter(self._ends))
        self._likelihoods = Likelihoods(model, tokenizer, ref.name, device, self._pad)

    @property
    def reads(self) -> bool:
        """Whether the base model can be trusted to find an answer in a fact: with its reader, or by its own marks."""
        if self.ref.reader_sha256:
            return True
        exam = find_skill("reader", self.ref.sha256)  # looked up each time: its first night may have examined it since
        marks = exam.details.get("before", {}) if exam is not None and not exam.needed else {}
        return float(marks.get("mean", 0.0)) >= _READS

    # -- slots ---------------------------------------------------------------------------------------------------

    @property
    def context_window(self) -> int:
        """The longest sequence the model can read, in tokens."""
        return int(getattr(self.model.config, "max_position_embeddings", 2048))

    @property
    def hidden_size(self) -> int:
        """Width of the model."""
        return int(self.model.config.hidden_size)

    def shape(
        self,
        rank: int,
        layers: str = "ffn",
        *,
        alpha: float | None = None,
        own_a: bool = False,
        stabilised: bool = False,
        dora: bool = False,
    ) -> SlotShape:
        """The slot's shape at a rank; by default that of a memory's modules, with an alpha of twice the rank.

        Args:
            layers: on which layers it acts (`adapters_store.shape.place`).
            alpha: if it is not twice the rank.
            own_a: with As of its own.
            stabilised: with the scale of rsLoRA.
            dora: with magnitudes.

        Raises:
            InvalidInput: the model has no such layers.
        """
        targets = self.targets if layers == "ffn" else place(self.linears, self.targets, layers)
        return SlotShape(targets, rank, 2.0 * rank if alpha is None else alpha, 0, own_a, stabilised, dora)

    def skill_shape(self, rank: int, layers: str = "linear") -> SlotShape:
        """The shape of a skill at a rank: on all linear layers with its own As, or like a module's ("ffn")."""
        return self.shape(rank, layers, own_a=layers != "ffn")

    def slot(self, shape: SlotShape, vector: torch.Tensor | None = None) -> Slot:
        """An empty slot (it changes nothing), or one around a given vector of shape (shape.size,)."""
        import torch

        if vector is None:
            vector = shape.empty()
        modules = dict(self.model.named_modules()) if shape.dora else {}
        layers = [modules[target.name] for target in shape.targets] if shape.dora else []
        if shape.own_a:
            return Slot(shape, vector.to(self.device), (), layers)
        if shape not in self._a:
            with torch.inference_mode(
                False
            ):  # they outlive the caller's mode; what is made in it cannot be learned with
                self._a[shape] = [matrix.to(self.device, self.model.dtype) for matrix in shape.draw_a()]
        return Slot(shape, vector.to(self.device), self._a[shape], layers)

    def stack(self, shape: SlotShape, vectors: torch.Tensor, strength: float = 1.0) -> Stack:
        """Modules of shape (modules, shape.size) side by side, for as many prompts."""
        return Stack(shape, vectors.to(self.device), self.slot(shape).a, strength=strength)

    def fold(self, shape: SlotShape, vector: torch.Tensor) -> None:
        """Add a module to the model's own weights, for good: W + s B A, computed in float32; with DoRA its rows rescaled."""
        import torch

        self.prefixes.clear()
        modules = dict(self.model.named_modules())
        parts = zip(shape.targets, shape.split(vector), shape.split_a(vector) or shape.draw_a(), strict=True)
        longer = shape.split_m(vector)
        with torch.no_grad():
            for index, (target, b, a) in enumerate(parts):
                weight = modules[target.name].weight  # (out_features, in_features)
                change = (b @ a) * shape.scale
                changed = weight.float() + change.to(weight.device)
                if longer:
                    wanted = (1.0 + longer[index].to(weight.device)) * weight.float().norm(dim=1)  # (out_features,)
                    changed *= (wanted / changed.norm(dim=1))[:, None]
                weight.copy_(changed.to(weight.dtype))

    def save(self, folder: Path) -> None:
        """Write the model as it is, with the reader folded in, as a plain model folder: modules load on it in stock PEFT.

        Raises:
            InvalidInput: there is something at that place already.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InvalidInput("The folder is not empty", str(folder), "Give a new one.")
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)

    # -- text ----------------------------------------------------------------------------------------------------

    def encode(
        self,
        messages: Sequence[Mapping[str, str]],
        answer: str | None = None,
        *,
        ends: bool = True,
        own: bool = False,
    ) -> Encoded:
        """Render chat messages with the model's own template, followed by the answer and, if it ends, the end of turn.

        Args:
            own: the answer is the base model's own; the first word of any other gets the tokens that it has inside a fact,
                so that it can be copied.

        Raises:
            WeightsError: the template does not take the messages.
        """
        prompt = chat_ids(self.tokenizer, messages, self.ref.name)
        if answer is None:
            return Encoded(prompt, len(prompt))
        said = self.tokenizer.encode(answer if own else self._lead + answer, add_special_tokens=False)
        end = (self.tokenizer.eos_token_id,) if ends else ()
        return Encoded((*prompt, *said, *end), len(prompt))

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids of an answer as text, without special tokens and the space it may begin with."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text.removeprefix(" ")

    # -- numbers -------------------------------------------------------------------------------------------------

    def answer_logprobs(self, rows: Sequence[Encoded], slot: Slot | Stack | None = None) -> list[torch.Tensor]:
        """Log-probability of each answer token given what stands before it: one tensor of shape (answer,) per row.

        Differentiable with respect to the slot's vector.
        """
        return self._likelihoods.chosen(rows, slot)

    def answer_distributions(self, rows: Sequence[Encoded], slot: Slot | Stack | None = None) -> list[torch.Tensor]:
        """Log-probability of every token at each answer position: one tensor of shape (answer, vocabulary) per row."""
        return self._likelihoods.distributions(rows, slot)

    def answer_topk(
        self, rows: Sequence[Encoded], k: int, slot: Slot | Stack | None = None
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The k likeliest tokens at each answer position: (ids, log-probabilities) per row, shape (answer, k) each."""
        import torch

        with torch.no_grad():
            found = [row.topk(min(k, row.shape[-1]), dim=-1) for row in self.answer_distributions(rows, slot)]
        return [(one.indices, one.values) for one in found]

    def branch_logprobs(self, groups: Sequence[Sequence[Encoded]], slot: Slot | None = None) -> list[torch.Tensor]:
        """The same as `answer_logprobs` for rows in groups, reading what the rows of a group have in common once.

        Several questions about one list of facts cost little more than one, on models that can be read so.
        """
        return self._likelihoods.branched(groups, slot)

    # -- generation ----------------------------------------------------------------------------------------------

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
        """Answer several prompts, in batches of prompts of like length.

        Args:
            slot: one for all prompts, or a stack with a module for each.
            temperature: 0 takes the likeliest token; above, tokens are drawn, always the same ones for the same seed.
        """
        import torch

        _check_temperature(temperature)
        drawn = torch.Generator(self.device).manual_seed(seed) if temperature > 0 else None
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index].ids))
        results: dict[int, Generated] = {}
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            mine = None if slot is None else slot.of(chosen)
            *_, (_, finals) = self._steps([prompts[i] for i in chosen], max_tokens, mine, temperature, drawn)
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
        """Yield (new text, everything so far) token by token; text that may become a stop string is held back.

        Args:
            unless: an answer, and the probability of its first token from which on it is taken, likeliest or not.
            never: tokens with which the answer must not begin.
        """
        _check_temperature(temperature)
        sent = 0
        last: Generated | None = None
        steps = self._steps([prompt], max_tokens, slot, temperature, unless=unless, never=never, remember=slot is None)
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

    def _steps(
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

        ids, mask = padded([prompt.ids for prompt in prompts], self._pad, left=True)
        ids, mask = ids.to(self.device), mask.to(self.device)
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        states = [Generated(prompt_tokens=len(prompt.ids)) for prompt in prompts]
        cache = DynamicCache(config=self.model.config)
        if remember:
            with torch.inference_mode():
                known = self.prefixes.fill(cache, prompts[0].ids)
            ids, positions = ids[:, known:], positions[:, known:]
        for step in range(max_tokens):
            # Inside the loop: a generator would leak the mode and the slot to its caller between tokens.
            with torch.inference_mode(), attached(slot):
                logits = self.model(
                    input_ids=ids,
                    attention_mask=mask,
                    position_ids=positions,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                ).logits[:, -1]  # (prompts, vocabulary)
                if remember and step == 0:
                    self.prefixes.keep(cache, prompts[0].ids)
                logprobs = torch.log_softmax(logits.float(), dim=-1)
                allowed = logprobs
                if never and step == 0:
                    allowed = logprobs.index_fill(1, torch.tensor(never, device=self.device), -torch.inf)
                if temperature > _COLD:
                    token = torch.multinomial((allowed / temperature).softmax(dim=-1), 1, generator=drawn)
                else:
                    token = allowed.argmax(dim=-1, keepdim=True)  # (prompts, 1)
                if unless is not None and step == 0:
                    first = self.tokenizer.encode(self._lead + unless[0], add_special_tokens=False)[0]
                    token = token.masked_fill(logprobs[:, first, None].exp() >= unless[1], first)
                chosen = logprobs.gather(1, token)[:, 0].tolist()
            for state, value, logprob in zip(states, token[:, 0].tolist(), chosen, strict=True):
                if state.finished:
                    continue
                state.logprobs.append(logprob)
                if value in self._ends:
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


_loaded: dict[tuple[str, str, str, str], BaseModel] = {}
_loading = threading.Lock()


def load_base(settings: Settings, progress: Progress = no_progress, *, plain: bool = False) -> BaseModel:
    """The base model of these settings, with the reader folded in if there is one; loaded once per process, whoever asks.

    Args:
        plain: without the reader, whatever the settings say.

    Raises:
        WeightsError: the weights are missing, unreachable or corrupt, or the model has no chat template.
    """
    device = pick_device(settings.device)
    dtype = pick_dtype(settings.dtype, device)
    with _loading:
        found = base_model(settings.model, progress)
        reader = None if plain or settings.skills == "off" else find_skill("reader", found.sha256)
        key = (settings.model, device, dtype, identity(found.sha256, reader))
        if key not in _loaded:
            _loaded[key] = _load(found, reader, device, dtype)
        return _loaded[key]


def pick_device(wanted: str) -> str:
    """The device that "auto" means here: CUDA, then Apple's GPU, then the CPU."""
    import torch

    if wanted != "auto":
        try:
            torch.empty(0, device=wanted)
        except (RuntimeError, AssertionError) as error:  # torch names no common class for "no such device"
            reason = str(error).splitlines()[0]
            raise InvalidInput("No such device", wanted, f"{reason}. Take auto, cpu, cuda or mps.") from error
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(wanted: str, device: str) -> str:
    """The number type that "auto" means on a device: bfloat16 on a GPU that computes in it."""
    import torch

    if wanted != "auto":
        return wanted
    if device.startswith("cuda"):
        with torch.cuda.device(device):
            return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "float32" if device == "cpu" else "bfloat16"


def _load(found: Weights, reader: Skill | None, device: str, dtype: str) -> BaseModel:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    name = found.name
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(found.folder)
            model: Any = AutoModelForCausalLM.from_pretrained(found.folder, dtype=getattr(torch, dtype))
    except (OSError, ValueError, KeyError) as error:
        remedy = "Give the folder or hub name of a causal language model that transformers can load."
        raise WeightsError(name, str(error).splitlines()[0], remedy) from error
    if not tokenizer.chat_template:
        raise WeightsError(name, "its tokenizer has no chat template", "Take an instruction-tuned model.")
    model.train(False)
    model.requires_grad_(False)
    model.to(device)
    ref = BaseRef(
        name=name,
        sha256=identity(found.sha256, reader),
        weights_sha256=found.sha256,
        reader_sha256=reader.sha256 if reader is not None else "",
    )
    base = BaseModel(model, tokenizer, ref, device)
    if reader is not None and reader.needed:
        shape, vector = base.skill_shape(reader.rank, reader.layers), load_vector(reader)
        base.fold(shape, vector)
        base.without_reader = base.slot(shape, vector).at(-1.0)
    logger.info(
        "base model loaded: %s on %s in %s, %s reader", name, device, dtype, "with" if ref.reader_sha256 else "no"
    )
    return base


def _linears(model: Any) -> tuple[Target, ...]:
    """Every linear layer except the output embedding, which may be one with the input embedding."""
    import torch

    head = model.get_output_embeddings()
    found = [(p, m) for p, m in model.named_modules() if isinstance(m, torch.nn.Linear) and m is not head]
    return tuple(Target(path, module.in_features, module.out_features) for path, module in found)


def _find_targets(model: Any, name: str) -> tuple[Target, ...]:
    linears = _linears(model)
    for endings in (_FFN, _OTHER_FFN):
        found = [target for target in linears if target.name.rpartition(".")[2] in endings]
        if found:
            return tuple(found)
    raise WeightsError(name, "it has no feed-forward layers of a known name", "Take a Llama-like model.")


def _lead(tokenizer: Any) -> str:
    """What a text begins with so that its first word has the tokens of a word inside a text.

    For byte-level tokenizers a space: " peanuts" may be one token and "peanuts" three, which a small model has to spell
    instead of copying. Others put the space there by themselves.
    """
    alone, inside = (tokenizer.encode(text, add_special_tokens=False) for text in ("peanuts", "eat peanuts"))
    return "" if inside[-len(alone) :] == alone else " "


def _check_temperature(temperature: float) -> None:
    if not (math.isfinite(temperature) and temperature >= 0.0):
        raise InvalidInput("Bad temperature", temperature, "Give 0 or more, and a finite number.")


def _whole(text: str) -> str:
    """A text without the half of a character with which it may have been cut off."""
    return text.rstrip("\ufffd")


def _overlap(text: str, word: str) -> int:
    """Length of the longest end of `text` that begins `word`."""
    return next((size for size in range(min(len(word), len(text)), 0, -1) if text.endswith(word[:size])), 0)


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
