"""Chat templates that take less than the default model's, and prompts that stay what they are from day to day."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from transformers import AutoTokenizer

from slowwave.errors import WeightsError
from slowwave.model import BaseModel
from slowwave.prompts import chat, conversation
from slowwave.types import Message

LOOP = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}<answer>{% endif %}"
GEMMA = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% endfor %}"
) + LOOP
SILENT = "{% for m in messages if m['role'] != 'system' %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}<answer>"
MISTRAL = (
    "{% set rest = messages[1:] if messages[0]['role'] == 'system' else messages %}"
    "{% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}"
) + LOOP
LLAMA = (
    "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "Today Date: {{ date_string }}{{ strftime_now(' %Y-%m-%d') }}"
) + LOOP
QWEN = (
    LOOP + "{% if enable_thinking is defined and enable_thinking is false %}<think></think>{% else %}<think>{% endif %}"
)
HISTORY = [
    Message(role="assistant", content="Hello!"),
    Message(role="user", content="Hi."),
    Message(role="user", content="Are you there?"),
    Message(role="assistant", content="Yes."),
]


@pytest.fixture
def templated(base: BaseModel) -> Callable[[str], BaseModel]:
    """The tiny model with another chat template."""

    def make(template: str) -> BaseModel:
        other = copy.copy(base)
        other.tokenizer = AutoTokenizer.from_pretrained(base.tokenizer.name_or_path)
        other.tokenizer.chat_template = template
        return other

    return make


def shown(base: BaseModel, messages: list[dict[str, str]]) -> str:
    text = str(base.tokenizer.decode(base.encode(messages).ids))
    return text.replace("briefly. ", "briefly.")  # one token of the tiny model, which its tokenizer spaces


def test_a_template_without_a_system_role_gets_its_text_in_the_first_turn(
    templated: Callable[[str], BaseModel],
) -> None:
    for template in (GEMMA, SILENT):
        said = shown(templated(template), conversation("Who?"))
        assert said == "<user>Answer from memory, briefly.\n\nQuestion: Who?<answer>"


@pytest.mark.parametrize("template", [GEMMA, MISTRAL])
def test_a_template_of_turns_gets_turns(templated: Callable[[str], BaseModel], template: str) -> None:
    said = shown(templated(template), conversation("Who?", history=HISTORY))
    rest = "Hi.\n\nAre you there?<assistant>Yes.<user>Question: Who?<answer>"
    system = "Answer from memory, briefly."
    assert said == (f"<system>{system}<user>{rest}" if template == MISTRAL else f"<user>{system}\n\n{rest}")
    assert shown(templated(template), chat("Who?", HISTORY[:1])) == "<user>Who?<answer>"


def test_prompts_do_not_depend_on_the_day(templated: Callable[[str], BaseModel]) -> None:
    said = shown(templated(LLAMA), conversation("Who?"))
    assert said.startswith("Today Date: 26 Jul 2024 2024-07-26<system>")


def test_a_model_that_thinks_is_asked_not_to(templated: Callable[[str], BaseModel]) -> None:
    assert shown(templated(QWEN), conversation("Who?")).endswith("<answer><think></think>")


@pytest.mark.parametrize(
    "template", ["{{ raise_exception('never') }}", "{{ messages[9]['content'] + 1 }}", "{% nonsense"]
)
def test_a_template_that_takes_nothing_says_what_to_do(templated: Callable[[str], BaseModel], template: str) -> None:
    with pytest.raises(WeightsError, match=r"chat template.*Take another instruction-tuned model"):
        templated(template).encode(conversation("Who?"))


@pytest.mark.parametrize(
    "messages",
    [
        conversation("Where do I live?", ['- 1 May 2026, Ada: "I live in Porto."']),
        conversation("Where?", history=HISTORY[1:2] + HISTORY[3:]),
        conversation("Where?", history=HISTORY),
        chat("Hello"),
        chat("Hello", HISTORY),
    ],
)
def test_a_template_that_takes_everything_gets_it_as_it_is(base: BaseModel, messages: list[dict[str, str]]) -> None:
    """The tiny model's template is that of the default model."""
    plain = base.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
    assert base.encode(messages).ids == tuple(plain)


def test_a_template_that_is_exchanged_is_looked_at_again(templated: Callable[[str], BaseModel]) -> None:
    other = templated(LOOP)
    assert shown(other, conversation("Who?")).startswith("<system>")
    other.tokenizer.chat_template = GEMMA
    assert shown(other, conversation("Who?")).startswith("<user>Answer")
