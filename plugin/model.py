"""The base model: one per process, shared by every memory, with places where slots attach (`slowwave.slot`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slowwave.adapters_store.manifest import BaseRef
from slowwave.adapters_store.shape import SlotShape, Target, place
from slowwave.adapters_store.skills import find_skill
from slowwave.decoding import Decoder, Generated
from slowwave.errors import InvalidInput, WeightsError
from slowwave.likelihoods import Likelihoods
from slowwave.packing import Encoded
from slowwave.slot import Slot, Stack, hook
from slowwave.turns import chat_ids
from slowwave.weights import quiet

if TYPE_CHECKING:
    import torch

__all__ = ["BaseModel", "Encoded", "Generated", "Slot", "Stack"]

_FFN = ("gate_proj", "up_proj", "down_proj")
"""Feed-forward projections of Llama-like models: the placement that learned fastest per second."""
_OTHER_FFN = ("fc1", "fc2", "c_fc", "c_proj", "dense_h_to_4h", "dense_4h_to_h", "w1", "w2", "w3")
_READS = 0.5
"""The mark in the reader's exam from which on a base model without a reader is trusted to read."""


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
        self._lead = _lead(tokenizer)
        self.without_reader: Slot | None = None
        """Takes the folded reader off again, for what is asked of the base model and not of the memory; None if none is on."""
        found = {tokenizer.eos_token_id, *_as_list(model.generation_config.eos_token_id)}
        ends = frozenset(int(token) for token in found if token is not None)
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else next(iter(ends))
        self.decoder = Decoder(model, tokenizer, device, pad=pad, ends=ends, lead=self._lead)
        self._likelihoods = Likelihoods(model, tokenizer, ref.name, device, pad)

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

        self.decoder.prefixes.clear()
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
        return self.decoder.decode(ids)

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
        return self.decoder.generate(prompts, max_tokens, slot, batch, temperature=temperature, seed=seed)

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
        return self.decoder.stream(
            prompt, max_tokens, slot, temperature=temperature, stop=stop, unless=unless, never=never
        )


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


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
