"""What modules cost when they answer: merging, decoding with a slot, the parts of a question, and routing among a million rows.

Merge: three modules by TIES against PEFT's `add_weighted_adapter` on the same modules, in turns; what PEFT made is deleted
outside the clock. "merge.faster_than_peft" is of what a memory does when it never merged a route before ("cold": modules
in memory, a new slot comes out), "cached_" when it did, "kernel_" of the blending alone, into a vector that is there.
"same_options_" blends as PEFT does (its votes, its averaging), and "same_options_difference" is by how much the changes of the
weights differ then, relative to their size: the same work was timed. "trimmed_": both at density 0.5.

Decode: tokens a second with a slot on, against the same weights as transformers loads them, without hooks ("with_slot");
"hooks" is the model with hooks and nothing on, "panel_of_three" the steps of three answers side by side, a module each.
Prefill is not counted.

Prefix: prefill of a prompt whose facts were read before, for another question, against reading them anew.

Parts: milliseconds of a question, each part by itself: embed, recall, route, merge (until a slot is ready), prefill (with
the template) and decode of --answer tokens. Ways: "base" (nothing is shown), "context" (all facts in the prompt, read
anew), "retrieval" (three facts), and by weights alone: "disk" (one module, whose files are read; the system may have them in
its cache), "preloaded" (one module in memory), "merged" (three modules in memory, merged now), "cached" (three, merged
before), "both" (the same beside three facts). "share" is what route and merge are of the whole, "routed_right" how often the
first module of the route is the right one. Left out: checking the words of an answer.

Router: 10,000 modules of 100 synthetic rows each (see benchmarks.routing): "scale_p95_ms", and the memory that it takes,
"scale_gib"; "scale_mixed_..." the same where the facts of a module have nothing in common.

Modules are random: what they know changes no time. All ratios are of two things timed in turns in one run; milliseconds
are of this machine and say little elsewhere. Data is generated; --data is not used.
Time: 6 minutes on two idle CPU cores.
"""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Figures, Flag, Options, Target, remembered, run
from benchmarks.phonebook import UNSEEN
from benchmarks.routing_scale import scale
from benchmarks.serving_parts import parts
from benchmarks.serving_room import MOST, USER, WEIGHTS, Room, furnished, in_turns, seconds

if TYPE_CHECKING:
    import torch

    from slowwave import Memory
    from slowwave.adapters_store.shape import SlotShape
    from slowwave.model import BaseModel, Encoded, Slot, Stack

__all__ = ["Peft", "measure", "shared"]

FLAGS = (
    Flag("rounds", 11, "turns of each pair", quick=3),
    Flag("tokens", 24, "tokens decoded in a turn", quick=6),
    Flag("modules", 12, "modules of the memory whose questions are taken apart, 3 at least", quick=3),
    Flag("questions", 12, "questions taken apart", quick=3),
    Flag("answer", 12, "tokens of an answer, as many as a phone number has", quick=4),
    Flag("context", 64, "facts in the full context, as far as they fit the model's window", quick=12),
    Flag("peft", 1, "0 leaves PEFT out"),
    Flag("scale", 1, "0 leaves the million rows out"),
)
TARGETS = {
    "merge.faster_than_peft": Target(least=500.0),
    "merge.same_options_difference": Target(most=1e-4),
    "decode.with_slot": Target(least=0.95),
    "merged.share": Target(most=0.05),
    "cached.share": Target(most=0.05),
    "scale_p95_ms": Target(most=20.0),
}
_OFTEN = 5
"""How often what takes less than a few milliseconds is done in one turn."""


def measure(options: Options, seed: int, open_memory: Callable[..., Memory] | None = None) -> Figures:
    """Every part by itself, so that a stopped run goes on; `open_memory` is `slowwave.Memory` unless a test gives another."""
    if open_memory is None:
        from slowwave import Memory

        open_memory = Memory
    figures: dict[str, float] = {}
    for name, part in {"merge": _merging, "decode": _decoding, "prefix": _prefix, "parts": parts}.items():
        figures |= remembered(options, f"seed{seed}.{name}", partial(_in_a_room, part, options, seed, open_memory))
    if options.whole("scale"):
        figures |= remembered(options, f"seed{seed}.scale", partial(scale, options, seed))
    return figures


def _in_a_room(
    part: Callable[[Room], dict[str, float]], options: Options, seed: int, open_memory: Callable[..., Memory]
) -> dict[str, float]:
    with furnished(options, seed, open_memory) as room:
        return part(room)


# -- merging -----------------------------------------------------------------------------------------------------------


def _merging(room: Room) -> dict[str, float]:
    import torch

    from slowwave.adapters_store.merge import METHODS, merge

    base, serving, rounds = room.base, room.answerer._serving, room.options.whole("rounds")
    route, shape, weights = room.route(room.modules[0], MOST), room.shape, torch.tensor(WEIGHTS)
    loaded = [serving._vector(USER, name, shape) for name, _ in route.modules]
    vectors = torch.stack([vector for vector in loaded if vector is not None])  # (3, n)
    out = torch.empty(vectors.shape[1])

    def kernel(method: Any = "ties") -> Callable[[], float]:
        return lambda: seconds("cpu", lambda: merge(vectors, weights, method, shape=shape, out=out), _OFTEN)

    def slot() -> float:
        return seconds(base.device, lambda: serving.slot(USER, route, "ties", 1.0))

    def cold() -> float:
        serving._merged.clear()
        return slot()

    def cached() -> float:
        serving.slot(USER, route, "ties", 1.0)
        return slot()

    found, alone = in_turns(cold, cached, rounds), in_turns(kernel(), cached, rounds)
    figures = {"merge.cold_ms": found.a * 1e3, "merge.cached_ms": found.b * 1e3, "merge.kernel_ms": alone.a * 1e3}
    if not room.options.whole("peft"):
        return figures
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT asks transformers the old way, and says that density 1 drops nothing
        peft = Peft(base, shape, vectors)
        same = replace(METHODS["ties_peft"], density=1.0)
        pairs: Mapping[str, tuple[float, Callable[[], float]]] = {
            "": (1.0, cold),
            "cached_": (1.0, cached),
            "kernel_": (1.0, kernel()),
            "same_options_": (1.0, kernel(same)),
            "trimmed_": (0.5, kernel(replace(METHODS["ties"], density=0.5))),
        }
        for name, (density, ours) in pairs.items():
            found = in_turns(partial(peft.merge, density), ours, max(3, rounds // 2))
            figures[f"merge.{name}faster_than_peft"] = found.ratio
            if name in {"", "trimmed_"}:
                figures[f"merge.{name}peft_ms"] = found.a * 1e3
        figures["merge.same_options_difference"] = peft.difference(merge(vectors, weights, same, shape=shape))
    return figures


class Peft:
    """The same modules in a stock PEFT model on the same weights."""

    def __init__(self, base: BaseModel, shape: SlotShape, vectors: torch.Tensor) -> None:
        import torch
        from peft import LoraConfig, get_peft_model

        self._device, self._shape = base.device, shape
        endings = sorted({target.name.rpartition(".")[2] for target in shape.targets})
        config = LoraConfig(r=shape.rank, lora_alpha=int(shape.alpha), target_modules=endings)
        self._model: Any = get_peft_model(shared(base.model), config, adapter_name="0")
        self._names = [str(number) for number in range(len(vectors))]
        for name in self._names[1:]:
            self._model.add_adapter(name, config)
        wrapped: Any = self._model.base_model.model
        layers = dict(wrapped.named_modules())
        self._layers: list[Any] = [layers[target.name] for target in shape.targets]
        with torch.no_grad():
            for name, vector in zip(self._names, vectors, strict=True):
                for layer, a, b in zip(self._layers, shape.draw_a(), shape.split(vector), strict=True):
                    layer.lora_A[name].weight.copy_(a)
                    layer.lora_B[name].weight.copy_(b)

    def merge(self, density: float) -> float:
        """Seconds of one merge; what it made is taken away again outside the clock."""
        spent = seconds(self._device, partial(self._blend, density))
        self._model.delete_adapter("blend")
        return spent

    def difference(self, vector: torch.Tensor) -> float:
        """By how much PEFT's merge and a vector of Bs change the weights differently, relative to PEFT's change."""
        self._blend(1.0)
        apart = size = 0.0
        for layer, a, b in zip(self._layers, self._shape.draw_a(), self._shape.split(vector), strict=True):
            theirs = layer.get_delta_weight("blend").detach().float().cpu()
            apart += float((theirs - b @ a * self._shape.scale).square().sum())
            size += float(theirs.square().sum())
        self._model.delete_adapter("blend")
        return float((apart / size) ** 0.5)

    def _blend(self, density: float) -> None:
        self._model.add_weighted_adapter(self._names, list(WEIGHTS), "blend", combination_type="ties", density=density)


def shared(model: Any) -> Any:
    """The same model on the same tensors, as transformers loads it: without the hooks where slots attach."""
    tensors = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    twin = copy.deepcopy(model, tensors)
    for module in twin.modules():
        for key, hook in list(module._forward_hooks.items()):
            if getattr(hook, "__module__", "") == "slowwave.slot":
                del module._forward_hooks[key]
    return twin


# -- decoding ----------------------------------------------------------------------------------------------------------


def _decoding(room: Room) -> dict[str, float]:
    import torch

    base, rounds, count = room.endless, room.options.whole("rounds"), room.options.whole("tokens")
    shape = room.shape
    vectors = torch.randn((MOST, shape.size), generator=torch.Generator().manual_seed(room.seed)) * 0.01
    bare = copy.copy(base)
    bare.model = shared(base.model)
    prompt = room.prompt(UNSEEN[0].format(name=room.book[0].name), 12)

    def decode(model: BaseModel, on: Slot | Stack | None, prompts: int = 1) -> Callable[[], float]:
        def decoded() -> float:
            steps = model.decoder.steps([prompt] * prompts, count + 1, on)
            next(steps)  # the prompt is read, and the first token is there
            return seconds(base.device, lambda: sum(1 for _ in steps))

        return decoded

    stock = decode(bare, None)
    slot = in_turns(stock, decode(base, base.slot(shape, vectors[0])), rounds)
    return {
        "decode.bare_tokens_per_s": count / slot.a,
        "decode.slot_tokens_per_s": count / slot.b,
        "decode.with_slot": slot.ratio,
        "decode.hooks": in_turns(stock, decode(base, None), rounds).ratio,
        "decode.panel_of_three": in_turns(stock, decode(base, base.stack(shape, vectors), MOST), rounds).ratio,
    }


def _prefix(room: Room) -> dict[str, float]:
    """What it saves that a prompt begins with facts that were read before; the question behind them is another."""
    base = room.base
    first, second = (room.prompt(UNSEEN[0].format(name=one.name), 12) for one in room.book[:2])

    def read(prompt: Encoded) -> None:
        for _ in base.decoder.steps([prompt], 1, None, remember=True):
            pass

    def timed(*known: Encoded) -> float:
        base.decoder.prefixes.clear()
        for prompt in known:
            read(prompt)
        return seconds(base.device, lambda: read(second))

    found = in_turns(timed, partial(timed, first), room.options.whole("rounds"))
    base.decoder.prefixes.clear()
    return {"prefix.faster_than_anew": found.ratio, "prefix.anew_ms": found.a * 1e3}


if __name__ == "__main__":
    sys.exit(run("serving", __doc__, measure, flags=FLAGS, targets=TARGETS))
