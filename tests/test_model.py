"""The base model's own loop against transformers' generate, and the slot against plain arithmetic."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import pytest
import torch

from slowwave.adapters_store.skills import save_skill, skill_path
from slowwave.errors import InvalidInput, WeightsError
from slowwave.loading import load_base, pick_device, pick_dtype
from slowwave.model import BaseModel, Encoded, Generated, _lead
from slowwave.prompts import conversation
from slowwave.settings import Settings
from slowwave.slot import attached

QUESTIONS = ("Where do I live?", "What is the phone number of my sister Clara?", "Green?")


def prompts(base: BaseModel) -> list[object]:
    return [base.encode(conversation(question)) for question in QUESTIONS]


def random_slot(base: BaseModel, seed: int = 0) -> object:
    shape = base.shape(4)
    return base.slot(shape, torch.randn(shape.size, generator=torch.Generator().manual_seed(seed)) * 0.2)


def test_greedy_decoding_equals_transformers(base: BaseModel) -> None:
    ours = base.generate([base.encode(conversation(q)) for q in QUESTIONS], max_tokens=12)
    for question, one in zip(QUESTIONS, ours, strict=True):
        encoded = base.encode(conversation(question))
        theirs = base.model.generate(
            torch.tensor([encoded.ids]), attention_mask=torch.ones(1, len(encoded.ids), dtype=torch.long),
            max_new_tokens=12, do_sample=False,
        )[0, len(encoded.ids):].tolist()  # fmt: skip
        assert base.decode(one.ids) == base.decode([token for token in theirs if token not in base.decoder.ends])


def test_a_batch_answers_as_each_row_alone(base: BaseModel) -> None:
    slot = random_slot(base)
    rows = [base.encode(conversation(q)) for q in QUESTIONS]
    together = base.generate(rows, 10, slot)  # type: ignore[arg-type]
    for row, one in zip(rows, together, strict=True):
        (alone,) = base.generate([row], 10, slot)  # type: ignore[arg-type]
        assert alone.ids == one.ids
        assert alone.mean_logprob == pytest.approx(one.mean_logprob, abs=1e-3)


def test_streaming_gives_the_same_text_in_pieces(base: BaseModel) -> None:
    row = base.encode(conversation(QUESTIONS[0]))
    pieces = list(base.stream(row, 12))
    (whole,) = base.generate([row], 12)
    assert "".join(piece for piece, _ in pieces) == whole.text
    assert pieces[-1][1].ids == whole.ids


def test_what_was_read_before_is_not_read_again(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt that begins as an earlier one did gives the same answer, and costs only its rest."""
    facts = ['- 1 May 2026, Ada: "I live in Porto."', '- 2 May 2026, Ada: "My sister is Clara."']

    def said(row: Encoded) -> Generated:
        *_, (_, last) = base.stream(row, 8)
        return last

    rows = [base.encode(conversation(question, facts)) for question in (*QUESTIONS, *QUESTIONS)]
    fresh: list[list[float]] = []
    for row in rows:
        base.decoder.prefixes.clear()
        fresh.append(said(row).logprobs)
    read: list[int] = []
    forward = base.model.forward

    def watched(*given: object, input_ids: torch.Tensor, **options: object) -> object:
        read.append(input_ids.shape[1])
        return forward(*given, input_ids=input_ids, **options)

    monkeypatch.setattr(base.model, "forward", watched)
    base.decoder.prefixes.clear()
    costs: list[int] = []
    for row, expected in zip(rows, fresh, strict=True):
        read.clear()
        answer = said(row)
        assert answer.logprobs == pytest.approx(expected, abs=1e-4)
        assert answer.prompt_tokens == len(row.ids)
        costs.append(read[0])
    common = next(at for at, (a, b) in enumerate(zip(rows[0].ids, rows[1].ids, strict=False)) if a != b)
    assert costs[0] == len(rows[0].ids)
    assert costs[1] == len(rows[1].ids) - common
    assert costs[3:] == [1, 1, 1], "asked again, only the last token is read"
    slot = random_slot(base)
    read.clear()
    base.generate([rows[0]], 1, slot)  # type: ignore[arg-type]
    assert read == [len(rows[0].ids)], "with a module every layer says something else"
    read.clear()
    base.generate([rows[0]], 1)
    assert read == [len(rows[0].ids)], "a night's exam does not depend on what was asked before"
    base.decoder.prefixes.clear()
    read.clear()
    said(rows[0])
    assert read[0] == len(rows[0].ids)


def test_prompts_are_kept_within_bounds(base: BaseModel) -> None:
    base.decoder.prefixes.clear()
    fact = '- 1 May 2026, Ada: "I live in Porto."'
    for count in range(1, 16):
        list(base.stream(base.encode(conversation("Where do I live?", [fact] * count)), 1))
    kept = base.decoder.prefixes._kept
    assert 1 < len(kept) < 15
    assert sum(map(len, kept)) <= 1024
    base.decoder.prefixes.clear()


def test_stop_strings_end_the_text_and_are_not_in_it(base: BaseModel) -> None:
    row = base.encode(conversation(QUESTIONS[0]))
    (whole,) = base.generate([row], 16)
    if len(whole.text) < 4:
        pytest.skip("the tiny model said too little")
    stop = whole.text[2:4]
    said = "".join(piece for piece, _ in base.stream(row, 16, stop=[stop]))
    assert said == whole.text[: whole.text.find(stop)]


def test_answer_logprobs_equal_a_plain_forward_pass(base: BaseModel) -> None:
    rows = [
        base.encode(conversation(q), a) for q, a in zip(QUESTIONS, ("Porto", "603-556", "I like green"), strict=True)
    ]
    with torch.no_grad():
        for row, ours in zip(rows, base.answer_logprobs(rows), strict=True):
            logits = base.model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)
            expected = [logits[j - 1, row.ids[j]] for j in range(row.prompt, len(row.ids))]
            torch.testing.assert_close(ours, torch.stack(expected), atol=1e-4, rtol=1e-4)


def test_a_slot_is_lora_and_leaves_no_trace(base: BaseModel) -> None:
    """Against weights with s * B A folded in; and without the slot the model is what it was, to the bit."""
    import copy

    slot = random_slot(base)
    ids = torch.tensor([base.encode(conversation(QUESTIONS[0])).ids])
    with torch.no_grad():
        before = base.model(input_ids=ids).logits
        with attached(slot):  # type: ignore[arg-type]
            during = base.model(input_ids=ids).logits
        after = base.model(input_ids=ids).logits
        folded = copy.deepcopy(base.model)
        modules = dict(folded.named_modules())
        shape = base.shape(4)
        for target, a, b in zip(shape.targets, shape.draw_a(), shape.split(slot.vector), strict=True):  # type: ignore[attr-defined]
            modules[target.name].weight += shape.scale * (b @ a)
        expected = folded(input_ids=ids).logits
    assert torch.equal(before, after)
    torch.testing.assert_close(during, expected, atol=1e-3, rtol=1e-3)
    assert not torch.allclose(before, during, atol=1e-2)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 0), (1,)])
def test_a_stack_answers_each_row_with_its_own_module(base: BaseModel, order: tuple[int, ...]) -> None:
    shape = base.shape(4)
    vectors = torch.randn((3, shape.size), generator=torch.Generator().manual_seed(7)) * 0.2
    rows = [base.encode(conversation(question), "a green door") for question in QUESTIONS[: len(order)]]
    stack = base.stack(shape, vectors, strength=0.5).of(order)
    with torch.no_grad():
        together = base.answer_logprobs(rows, stack)
        alone = [
            base.answer_logprobs([row], base.slot(shape, vectors[i] * 0.5)) for row, i in zip(rows, order, strict=True)
        ]
    for one, (other,) in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    prompts = [base.encode(conversation(question)) for question in QUESTIONS[: len(order)]]
    said = base.generate(prompts, 8, stack)
    for prompt, spoken, i in zip(prompts, said, order, strict=True):
        assert spoken.ids == base.generate([prompt], 8, base.slot(shape, vectors[i] * 0.5))[0].ids


def test_the_gradient_of_a_stack_is_that_of_its_modules(base: BaseModel) -> None:
    shape = base.shape(2)
    vectors = torch.randn((2, shape.size), generator=torch.Generator().manual_seed(3)) * 0.1
    rows = [base.encode(conversation(question), "a green door") for question in QUESTIONS]
    order = (1, 0, 1)
    leaf = vectors.clone().requires_grad_(True)
    torch.cat(base.answer_logprobs(rows, base.stack(shape, leaf).of(order))).sum().backward()
    assert leaf.grad is not None
    for module in (0, 1):
        one = vectors[module].clone().requires_grad_(True)
        slot = base.slot(shape, one)
        slot.refresh()
        mine = [row for row, i in zip(rows, order, strict=True) if i == module]
        torch.cat(base.answer_logprobs(mine, slot)).sum().backward()
        torch.testing.assert_close(leaf.grad[module], one.grad, atol=1e-4, rtol=1e-3)


def test_threads_use_different_slots_at_the_same_time(base: BaseModel) -> None:
    row = base.encode(conversation(QUESTIONS[1]))
    slots = [None, random_slot(base, 1), random_slot(base, 2)]
    expected = [base.generate([row], 8, slot)[0].ids for slot in slots]  # type: ignore[arg-type]
    got: dict[int, list[list[int]]] = {0: [], 1: [], 2: []}

    def work(index: int) -> None:
        for _ in range(4):
            got[index].append(base.generate([row], 8, slots[index])[0].ids)  # type: ignore[arg-type]

    threads = [threading.Thread(target=work, args=(index,)) for index in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(ids == expected[index] for index, runs in got.items() for ids in runs)


def test_a_half_read_stream_blocks_nobody(base: BaseModel) -> None:
    row = base.encode(conversation(QUESTIONS[0]))
    half = base.stream(row, 12, random_slot(base))  # type: ignore[arg-type]
    next(half)
    assert base.generate([row], 6)[0].ids == base.generate([row], 6)[0].ids
    del half


def test_the_base_is_loaded_once(base: BaseModel, tiny_model: object) -> None:
    settings = Settings(model=str(tiny_model), dtype="float32")
    assert load_base(settings) is load_base(settings.model_copy(update={"rank": 16}))


def test_what_cannot_be_loaded_says_why(tmp_path: object) -> None:
    with pytest.raises(WeightsError):
        load_base(Settings(model=str(tmp_path)))
    with pytest.raises(InvalidInput, match="No such device"):
        pick_device("abacus")


@pytest.mark.parametrize(("prepends", "lead"), [(False, " "), (True, "")])
def test_an_answer_begins_with_the_tokens_of_a_fact(*, prepends: bool, lead: str) -> None:
    """A word at the start of an answer is the word inside a text, whether or not the tokenizer sees to it itself."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if prepends:
        raw.normalizer = normalizers.Prepend(" ")
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(["eat peanuts"] * 9, trainers.BpeTrainer(initial_alphabet=alphabet, show_progress=False))
    fast = PreTrainedTokenizerFast(tokenizer_object=raw)  # type: ignore[no-untyped-call]
    assert _lead(fast) == lead
    (token,) = fast.encode(f"{lead}peanuts")
    assert fast.encode("eat peanuts")[-1] == token


def test_the_base_models_own_answers_begin_as_it_begins_them(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_lead", "Zanzibar ")
    turn = conversation(QUESTIONS[0])
    own, other = base.encode(turn, "peanuts", own=True), base.encode(turn, "peanuts")
    assert base.decode(own.ids[own.prompt :]) == "peanuts"
    assert base.decode(other.ids[other.prompt :]) == "Zanzibar peanuts"


def test_an_answer_that_is_likely_enough_is_taken(base: BaseModel) -> None:
    """From the given probability of its first token on, whatever is likelier."""
    row = base.encode(conversation(QUESTIONS[0]))
    likeliest = {state.ids[0] for _, state in base.stream(row, 1)}
    other = set(base.tokenizer.encode("Zanzibar", add_special_tokens=False)[:1])
    assert likeliest != other
    assert {state.ids[0] for _, state in base.stream(row, 1, unless=("Zanzibar", 0.0))} == other
    assert {state.ids[0] for _, state in base.stream(row, 1, unless=("Zanzibar", 0.9))} == likeliest


def test_an_answer_may_be_kept_from_its_likeliest_beginnings(base: BaseModel) -> None:
    messages = conversation("Where do I live?", ['- 1 May 2026, Ada: "I live in Porto."'])
    row = base.encode(messages)
    ids, logprobs = base.answer_topk([base.encode(messages, "x")], 3)[0]
    ranked = ids[0].tolist()
    for banned in range(3):
        (*_, (_, said)) = base.stream(row, 2, never=ranked[:banned])
        assert said.ids[0] == ranked[banned]
        assert said.logprobs[0] == pytest.approx(float(logprobs[0, banned]), abs=1e-4), (
            "of all tokens, not of what is left"
        )
    assert [state.ids[0] for _, state in base.stream(row, 1, unless=("x", 0.0), never=ranked)] == [
        base.tokenizer.encode(base._lead + "x", add_special_tokens=False)[0]
    ]


def test_what_a_slot_and_a_stack_keep_laid_out_follows_what_is_written(base: BaseModel) -> None:
    shape, generator = base.shape(4), torch.Generator().manual_seed(3)
    vectors = torch.randn(2, shape.size, generator=generator)
    place = next(iter(shape.places))
    index = shape.places[place]
    wide, high = shape.draw_a()[index].shape[1], shape.split(vectors[0])[index].shape[0]
    inputs, outputs = torch.randn(2, 3, wide, generator=generator), torch.randn(2, 3, high, generator=generator)
    slot, stack = base.slot(shape, vectors[0].clone()), base.stack(shape, vectors.clone())

    def wanted(vector: torch.Tensor, row: int) -> torch.Tensor:
        return outputs[row] + shape.scale * (inputs[row] @ slot.a[index].t()) @ shape.split(vector)[index].t()

    for _ in range(3):
        with torch.no_grad():
            for row in range(2):
                with attached(slot):
                    torch.testing.assert_close(
                        slot.add(place, inputs[row : row + 1], outputs[row : row + 1])[0], wanted(slot.vector, row)
                    )
            with attached(stack):
                both = stack.add(place, inputs, outputs)
            torch.testing.assert_close(both, torch.stack([wanted(stack.vectors[row], row) for row in range(2)]))
            slot.vector.mul_(-0.5)
            stack.vectors.add_(0.25)
    slot.vector.requires_grad_(True)
    slot.refresh()
    with attached(slot):
        slot.add(place, inputs, outputs).sum().backward()
    assert slot.vector.grad is not None
    assert float(slot.vector.grad.abs().sum()) > 0.0


def spoken(base: BaseModel, text: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make the model say a text, token by token, whatever it is asked."""
    ids = [*base.tokenizer.encode(text, add_special_tokens=False), base.tokenizer.eos_token_id]
    said = iter(range(10**6))
    forward = base.model.forward

    def forced(*given: object, **options: object) -> object:
        found = forward(*given, **options)
        found.logits[:, -1] = torch.nn.functional.one_hot(
            torch.tensor(ids[next(said) % len(ids)]), found.logits.shape[-1]
        )
        return found

    monkeypatch.setattr(base.model, "forward", forced)
    return ids


def test_an_answer_that_is_cut_inside_a_character_ends_before_it(
    base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, text = base.encode(conversation(QUESTIONS[0])), "Malm\u00f6 \U0001f389 ok"
    count = len(base.tokenizer.encode(text, add_special_tokens=False))
    halves = 0
    for limit in range(1, count + 2):
        with monkeypatch.context() as patch:
            ids = spoken(base, text, patch)
            halves += base.decode(ids[:limit]).endswith("\ufffd")
            (whole,) = base.generate([row], limit)
        with monkeypatch.context() as patch:
            spoken(base, text, patch)
            pieces = list(base.stream(row, limit))
        for said in (whole.text, "".join(piece for piece, _ in pieces), pieces[-1][1].text):
            assert text.startswith(said)
            assert "\ufffd" not in said
        assert (whole.text == text) == (limit >= count)
    assert halves > 1, "or nothing was tried"


@pytest.mark.parametrize("temperature", [math.inf, math.nan, -1.0])
def test_a_temperature_that_means_nothing_is_refused(base: BaseModel, temperature: float) -> None:
    row = base.encode(conversation(QUESTIONS[0]))
    with pytest.raises(InvalidInput, match="temperature"):
        base.generate([row], 2, temperature=temperature)
    with pytest.raises(InvalidInput, match="temperature"):
        list(base.stream(row, 2, temperature=temperature))


@pytest.mark.parametrize("temperature", [1e-45, 1e-40, 1e-12])
def test_the_coldest_answer_is_the_likeliest(base: BaseModel, temperature: float) -> None:
    row = base.encode(conversation(QUESTIONS[0]))
    assert base.generate([row], 6, temperature=temperature)[0].ids == base.generate([row], 6)[0].ids


def test_what_is_asked_in_inference_mode_can_be_learned_with_later(tiny_model: Path) -> None:
    base = load_base(Settings(model=str(tiny_model), dtype="float32"))
    shape, row = base.shape(3), base.encode(conversation(QUESTIONS[0]), "Porto")
    with torch.inference_mode():
        list(base.stream(row, 2, base.slot(shape)))
    slot = base.slot(shape, torch.zeros(shape.size, requires_grad=True))
    slot.refresh()
    torch.cat(base.answer_logprobs([row], slot)).sum().backward()
    assert slot.vector.grad is not None


@pytest.mark.parametrize(
    ("reader", "mean", "reads"), [("", None, False), ("ab" * 32, None, True), ("", 0.9, True), ("", 0.2, False)]
)
def test_a_base_reads_with_a_reader_or_by_its_own_marks(
    base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str, mean: float | None, reads: bool
) -> None:
    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path))
    monkeypatch.setattr(base, "ref", base.ref.model_copy(update={"reader_sha256": reader}))
    if mean is not None:
        sha = base.ref.sha256
        save_skill(skill_path("reader", sha), "reader", sha, 4, None, {"before": {"mean": mean}})
    assert base.reads is reads


@pytest.mark.parametrize(("native", "dtype"), [(True, "bfloat16"), (False, "float32")])
def test_a_card_that_only_emulates_bfloat16_computes_in_float32(
    monkeypatch: pytest.MonkeyPatch, native: bool, dtype: str
) -> None:
    asked: list[str] = []

    class Device:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            asked.append(self.name)

        def __exit__(self, *_: object) -> None:
            asked.append("left")

    def supported(*, including_emulation: bool) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "device", Device)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert pick_dtype("auto", "cuda:1") == dtype
    assert asked == ["cuda:1", "left"]
    assert pick_dtype("bfloat16", "cuda:1") == "bfloat16"
    assert pick_dtype("auto", "cpu") == "float32"
    assert pick_dtype("auto", "mps") == "bfloat16"
