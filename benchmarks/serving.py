"""What modules cost when they answer: merging, decoding with a slot, and the parts of a question in milliseconds.

Merge: three modules by TIES into one vector, against PEFT's `add_weighted_adapter` on the same modules, in turns.
Decode: tokens with a slot on, and with a stack of three, against the same model with nothing on and against the model as
transformers loads it. Parts: embed, recall, route, merge, prefill and decode of questions to a memory with some modules,
each timed by itself; "share" is what routing and merging are of all of it, cold and when the merged route is cached.
Prefix: prefill of a prompt whose facts were read before, against reading them anew.

Modules are random: what they know changes no time. All ratios are of two things timed in turns in one run; milliseconds are
of this machine and say little elsewhere. Data is generated; --data is not used.
Time: about three minutes on two CPU cores.
"""

from __future__ import annotations

import copy
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Figures, Flag, Options, Target, ratio, run
from benchmarks.phonebook import entries

if TYPE_CHECKING:
    import torch

    from slowwave import Memory
    from slowwave.model import BaseModel, Encoded, Slot, Stack

__all__ = ["measure"]

FLAGS = (
    Flag("rounds", 11, "turns of each pair", quick=3),
    Flag("tokens", 24, "tokens decoded in a turn", quick=6),
    Flag("modules", 12, "modules of the memory whose questions are taken apart", quick=3),
    Flag("questions", 24, "questions taken apart", quick=4),
    Flag("peft", 1, "0 leaves PEFT out"),
)
TARGETS = {
    "merge.faster_than_peft": Target(least=500.0),
    "decode.with_slot": Target(least=0.95),
    "parts.share_cached": Target(most=0.05),
}
_K = 3
"""Modules in a merge or a panel: as many as an answer asks at most."""
_OFTEN = 5


def measure(options: Options, seed: int) -> Figures:
    """All ratios on one base model."""
    from slowwave import Settings
    from slowwave.model import load_base

    base = load_base(Settings.checked(**options.memory_settings(seed)))
    figures: dict[str, float] = {}
    figures |= _merging(base, options, seed)
    figures |= _decoding(base, options, seed)
    figures |= _parts(options, seed)
    return figures


def _vectors(base: BaseModel, seed: int) -> torch.Tensor:
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.randn((_K, base.shape(8).size), generator=generator) * 0.01


def _merging(base: BaseModel, options: Options, seed: int) -> dict[str, float]:
    import torch

    from slowwave.adapters_store.merge import merge

    vectors, weights = _vectors(base, seed), torch.tensor([0.7, 0.2, 0.1])
    out = torch.empty(vectors.shape[1])

    def ours() -> None:
        merge(vectors, weights, "ties", out=out)

    def fresh() -> None:
        merge(vectors, weights, "ties")

    rounds = options.whole("rounds")
    stacked = ratio(_often(fresh), _often(ours), rounds=rounds)
    figures = {"merge.ms": stacked.b * 1000 / _OFTEN, "merge.into_a_slot": stacked.ratio}
    if options.whole("peft"):
        theirs = _peft(base, vectors, weights)
        found = ratio(theirs, ours, rounds=max(3, rounds // 2))
        figures |= {"merge.peft_ms": found.a * 1000, "merge.faster_than_peft": found.ratio}
    return figures


def _often(work: Callable[[], None]) -> Callable[[], None]:
    """The same several times over: once is too short to be timed."""

    def repeated() -> None:
        for _ in range(_OFTEN):
            work()

    return repeated


def _peft(base: BaseModel, vectors: torch.Tensor, weights: torch.Tensor) -> Callable[[], None]:
    """PEFT's TIES on the same modules."""
    import torch
    from peft import LoraConfig, get_peft_model

    shape = base.shape(8)
    endings = sorted({target.name.rpartition(".")[2] for target in shape.targets})
    config = LoraConfig(r=shape.rank, lora_alpha=int(shape.alpha), target_modules=endings)
    model: Any = get_peft_model(copy.deepcopy(base.model), config, adapter_name="m0")
    for number in range(1, len(vectors)):
        model.add_adapter(f"m{number}", config)
    layers = dict(model.base_model.model.named_modules())
    with torch.no_grad():
        for number, vector in enumerate(vectors):
            for target, a, b in zip(shape.targets, shape.draw_a(), shape.split(vector), strict=True):
                layers[target.name].lora_A[f"m{number}"].weight.copy_(a)
                layers[target.name].lora_B[f"m{number}"].weight.copy_(b)
    names = [f"m{number}" for number in range(len(vectors))]

    def merged() -> None:
        model.add_weighted_adapter(names, weights.tolist(), "blend", combination_type="ties", density=1.0)
        model.delete_adapter("blend")

    return merged


def _decoding(base: BaseModel, options: Options, seed: int) -> dict[str, float]:
    import torch

    from slowwave.prompts import conversation

    count, rounds = options.whole("tokens"), options.whole("rounds")
    shape, vectors = base.shape(8), _vectors(base, seed)
    slot, stack = base.slot(shape, vectors[0]), base.stack(shape, vectors)
    facts = [f'- 2 January 2025, Ada: "{entry.text}"' for entry in entries(12, seed, None)]
    prompt = base.encode(conversation("What is the phone number of Ada Abel?", facts))
    bare = copy.copy(base)
    bare.model = copy.deepcopy(base.model)
    for module in bare.model.modules():
        module._forward_hooks.clear()

    def decode(model: BaseModel, on: Slot | Stack | None, prompts: int = 1) -> Callable[[], None]:
        return lambda: _decode(model, [prompt] * prompts, count, on)

    plain = decode(base, None)
    found = {
        "decode.with_slot": ratio(plain, decode(base, slot), rounds=rounds).ratio,
        "decode.of_transformers": ratio(decode(bare, None), plain, rounds=rounds).ratio,
        "decode.panel_of_three": ratio(plain, decode(base, stack, _K), rounds=rounds).ratio,
    }

    def anew() -> None:
        base.prefixes.clear()
        again()

    def again() -> None:
        for _ in base.stream(prompt, 1):
            pass

    with torch.inference_mode():
        found["prefix.faster_than_anew"] = ratio(anew, again, rounds=rounds).ratio
    return found


def _decode(base: BaseModel, prompts: list[Encoded], count: int, slot: Slot | Stack | None) -> None:
    """Decode exactly this many tokens, whatever the model says."""
    for step, states in base._steps(prompts, count, slot):
        for state in states:
            state.finished = False
        if step + 1 == count:
            break


def _parts(options: Options, seed: int) -> dict[str, float]:
    from slowwave import Memory

    with tempfile.TemporaryDirectory() as folder, Memory(folder, **options.memory_settings(seed)) as memory:
        return _taken_apart(memory, options, seed)


def _taken_apart(memory: Memory, options: Options, seed: int) -> dict[str, float]:
    from slowwave.prompts import conversation, render_facts

    modules, asked = options.whole("modules"), options.whole("questions")
    book = entries(8 * modules, seed, None)
    for number in range(modules):
        _publish(
            memory, f"m-{number:03d}", [(one.name, one.phone, one.text) for one in book[8 * number : 8 * number + 8]]
        )
    answerer = memory._answering()
    base, serving = answerer.base, answerer._serving
    spent: dict[str, list[float]] = {}

    def timed(part: str, work: Callable[..., Any], *given: Any) -> Any:
        began = time.perf_counter()
        found = work(*given)
        spent.setdefault(part, []).append((time.perf_counter() - began) * 1000)
        return found

    memory.ask("What is the phone number of nobody?", user_id="ada", max_tokens=2)  # everything is loaded
    router, _ = serving.router("ada")
    for number, one in enumerate(random.Random(seed).choices(book, k=asked)):
        question = f"What is {one.name}'s phone number?"
        vector = timed("embed", answerer._embedder.encode, [question])[0]
        began = time.perf_counter()
        hits, _ = answerer._recall.search(question, "ada", 3)
        spent.setdefault("recall", []).append((time.perf_counter() - began) * 1000 - spent["embed"][-1])
        route = timed("route", router.route, question, vector, 3)
        # A merge of two modules whatever the route is: a sure one needs no merge at all.
        names = [name for name, _ in route.modules][:1] or ["m-000"]
        other = f"m-{(int(names[0][2:]) + 1 + number) % modules:03d}"
        pair = type(route)(((names[0], 0.8), (other if other != names[0] else "m-000", 0.2)))
        serving._merged.clear()
        slot = timed("merge", serving.slot, "ada", pair, "ties", 1.0)
        timed("cached", serving.slot, "ada", pair, "ties", 1.0)
        shown = render_facts(hit.fact for hit in hits)
        prompt = base.encode(conversation(question, shown))
        timed("prefill", _decode, base, [prompt], 1, slot)
        timed("answer", _decode, base, [prompt], 12, slot)
    figures = {f"parts.{name}_ms": statistics.median(values) for name, values in spent.items()}
    figures["parts.decode_ms"] = figures["parts.answer_ms"] - figures["parts.prefill_ms"]
    whole = figures["parts.embed_ms"] + figures["parts.recall_ms"] + figures["parts.answer_ms"]
    cold = figures["parts.route_ms"] + figures["parts.merge_ms"]
    warm = figures["parts.route_ms"] + figures["parts.cached_ms"]
    return figures | {"parts.share_cold": cold / (whole + cold), "parts.share_cached": warm / (whole + warm)}


def _publish(memory: Memory, name: str, known: list[tuple[str, str, str]]) -> None:
    """A module of random weights that says it knows these (name, number, sentence)."""
    import torch

    from slowwave.adapters_store.manifest import KnownFact, KnownQuestion, Manifest, text_sha256
    from slowwave.model import load_base

    base = load_base(memory.settings)
    facts = memory.add_many([text for _, _, text in known], user_id="ada")
    shape = base.shape(8)
    manifest = Manifest(
        id=name,
        user_id="ada",
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        base=base.ref,
        rank=8,
        alpha=shape.alpha,
        seed=0,
        recipe={},
        facts=tuple(KnownFact(id=fact.id, sha256=text_sha256(fact.text)) for fact in facts),
        questions=tuple(
            KnownQuestion(fact_id=fact.id, question=f"What is the phone number of {who}?", answer=number)
            for fact, (who, number, _) in zip(facts, known, strict=True)
        ),
        gate={},
    )
    vector = torch.randn(shape.size, generator=torch.Generator().manual_seed(int(name[2:]))) * 0.01
    memory._store.stage(manifest, vector, shape)
    memory._store.publish([name])


if __name__ == "__main__":
    sys.exit(run("serving", __doc__, measure, flags=FLAGS, targets=TARGETS))
