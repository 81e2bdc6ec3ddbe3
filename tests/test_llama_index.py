"""The LlamaIndex bridge: engines and agents, contexts used again, what is learned and what is not, streams, async."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from fakes import FakeMemory
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata, MessageRole, TextBlock
from llama_index.core.chat_engine import (
    CondensePlusContextChatEngine,
    ContextChatEngine,
    SimpleChatEngine,
    condense_plus_context,
    condense_question,
)
from llama_index.core.llms import MockLLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.prompts.chat_prompts import CHAT_REFINE_PROMPT, CHAT_TEXT_QA_PROMPT, CHAT_TREE_SUMMARIZE_PROMPT
from llama_index.core.prompts.default_prompts import (
    DEFAULT_REFINE_PROMPT,
    DEFAULT_TEXT_QA_PROMPT,
    DEFAULT_TREE_SUMMARIZE_PROMPT,
)
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.schema import MetadataMode, TextNode
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context
from pydantic import Field

from slowwave.errors import InvalidInput, MissingExtra
from slowwave.integrations import _sessions, llama_index
from slowwave.integrations._templates import unwrapped
from slowwave.integrations._turns import count_tokens, recall_block
from slowwave.integrations.llama_index import SlowwaveLLM, SlowwaveMemory, SlowwaveRetriever
from slowwave.memory import Memory

# Workflows look at every attribute of an agent, and so touch pydantic's deprecated ones.
_DEPRECATED = [
    *(("The `{}` attribute is deprecated", "20", name) for name in ("__fields__", "__fields_set__")),
    *(("Accessing the '{}' attribute", "211", name) for name in ("model_computed_fields", "model_fields")),
]
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{text.format(name)}:pydantic.warnings.PydanticDeprecatedSince{since}")
    for text, since, name in _DEPRECATED
]

QUESTION = "Where do I live?"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMemory]:
    monkeypatch.setattr(llama_index, "Memory", FakeMemory)
    with FakeMemory(tmp_path / "memory") as memory:
        yield memory


@pytest.fixture(params=["fake", "real"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory]:
    """The memory of the cases that hold for any memory; cases that ask for `fake` as well run on the fake alone."""
    if request.param == "fake":
        yield cast(Memory, request.getfixturevalue("fake"))
    elif "fake" in request.fixturenames:
        pytest.skip("looks into the fake")
    else:
        with Memory(
            tmp_path / "memory", model=str(request.getfixturevalue("tiny_model")), embedder="hash:256"
        ) as memory:
            yield memory


@pytest.fixture
def chat(engine: Memory) -> SlowwaveMemory:
    return SlowwaveMemory.from_defaults(memory=engine, user_id="ana")


def user(text: str) -> ChatMessage:
    return ChatMessage(role="user", content=text)


def said(engine: Memory, user_id: str = "ana") -> list[str]:
    return [fact.text for fact in engine.get_all(user_id=user_id)]


def contents(messages: Sequence[ChatMessage]) -> list[str]:
    return [str(message.content) for message in messages]


def recalled(messages: Sequence[ChatMessage]) -> str:
    return "\n".join(str(m.content) for m in messages if m.role == "system" and "<memories>" in str(m.content))


class Scripted(FunctionCallingLLM):
    """An LLM that says what the script says and keeps what it was shown."""

    script: list[Any]
    shown: list[list[ChatMessage]] = Field(default_factory=list)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True, is_function_calling_model=True, context_window=4000)

    def _next(self, messages: Sequence[ChatMessage]) -> ChatResponse:
        self.shown.append(list(messages))
        line = self.script.pop(0)
        if isinstance(line, dict):
            message = ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": [line]})
        else:
            message = ChatMessage(role="assistant", content=line)
        return ChatResponse(message=message, delta=str(message.content))

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._next(messages)

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._next(messages)

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
        return iter([self._next(messages)])

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
        async def pieces() -> Any:
            yield self._next(messages)

        return pieces()

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise NotImplementedError

    stream_complete = acomplete = astream_complete = complete

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[Any],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        return {"messages": [*(chat_history or []), *([user_msg] if user_msg else [])]}

    def get_tool_calls_from_response(self, response: Any, *_: Any, **__: Any) -> list[ToolSelection]:
        calls = response.message.additional_kwargs.get("tool_calls", [])
        return [ToolSelection(tool_id="1", tool_name=call["name"], tool_kwargs=call["args"]) for call in calls]


def weather(town: str) -> str:
    """How warm it is."""
    return f"31 degrees in {town}, it said"


TOOL = FunctionTool.from_defaults(weather)


# -- the conversation ------------------------------------------------------------------------------------------------


def test_an_empty_memory_is_true_and_is_a_memory(chat: SlowwaveMemory) -> None:
    assert chat.get() == []
    assert bool(chat)
    assert not hasattr(chat, "__len__")
    assert "BaseMemory" in [c.__name__ for c in SlowwaveMemory.__mro__]


async def test_put_get_set_reset_and_their_async_twins_agree(chat: SlowwaveMemory) -> None:
    chat.put(user("one"))
    await chat.aput(ChatMessage(role="assistant", content="two"))
    chat.put_messages([user("three")])
    await chat.aput_messages([ChatMessage(role="assistant", content="four")])
    assert contents(chat.get_all()) == contents(await chat.aget_all()) == ["one", "two", "three", "four"]
    assert contents(chat.get(initial_token_count=3)) == contents(await chat.aget(initial_token_count=3))
    await chat.aset([user("five")])
    assert contents(chat.get_all()) == ["five"]
    await chat.areset()
    assert chat.get_all() == []


def test_history_given_at_the_start_is_kept_and_not_learned(engine: Memory) -> None:
    chat = SlowwaveMemory.from_defaults(chat_history=[user("I live in Porto.")], memory=engine)
    assert contents(chat.get_all()) == ["I live in Porto."]
    assert engine.get_all() == []


def test_unknown_options_are_refused(engine: Memory) -> None:
    with pytest.raises(ValueError, match="window"):
        SlowwaveMemory.from_defaults(memory=engine, window=3)


def test_sessions_and_users_are_apart_and_share_nothing_but_the_facts_of_the_user(engine: Memory) -> None:
    first = SlowwaveMemory.from_defaults(memory=engine, user_id="ana", session_id="1")
    second = SlowwaveMemory.from_defaults(memory=engine, user_id="ana", session_id="2")
    other = SlowwaveMemory.from_defaults(memory=engine, user_id="bob", session_id="1")
    first.put(user("I live in Porto."))
    assert second.get_all() == other.get_all() == []
    assert "Porto" in recalled(second.get(QUESTION))
    assert recalled(other.get(QUESTION)) == ""


def test_a_rebuilt_memory_goes_on_with_the_conversation(chat: SlowwaveMemory, engine: Memory) -> None:
    chat.put(user("I live in Porto."))
    rebuilt = [
        SlowwaveMemory.from_dict(json.loads(json.dumps(chat.to_dict()))),
        copy.deepcopy(chat),
        chat.model_copy(deep=True),
        pickle.loads(pickle.dumps(chat)),
    ]
    for again in rebuilt:
        assert contents(again.get_all()) == ["I live in Porto."]
        assert again.engine is engine


def test_a_pickled_memory_opens_nothing_before_it_is_needed(fake: FakeMemory, chat: SlowwaveMemory) -> None:
    pickled = pickle.dumps(chat)
    assert cast(object, chat.engine) is fake
    fake.close()
    again = pickle.loads(pickled)
    assert fake.folder not in FakeMemory._open, "it may be another process's by now"
    assert again.engine.folder == fake.folder
    again.engine.close()


def test_a_rebuilt_memory_opens_its_folder_as_it_was_opened(
    tmp_path: Path, fake: FakeMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama_index, "Memory", FakeMemory)
    with FakeMemory(tmp_path / "other", model="some-model", rank=4) as opened:
        kept = SlowwaveMemory.from_defaults(memory=cast(Memory, opened)).to_dict()
    again = SlowwaveMemory.from_dict(kept).engine
    assert (again.settings.model, again.settings.rank) == ("some-model", 4)
    again.close()


def test_a_folder_is_enough(tmp_path: Path, fake: FakeMemory) -> None:
    chat = SlowwaveMemory.from_defaults(path=tmp_path / "new")
    assert chat.engine.folder == tmp_path / "new"
    chat.engine.close()


# -- recall ----------------------------------------------------------------------------------------------------------


def test_recall_is_one_system_message_and_never_stored(chat: SlowwaveMemory, engine: Memory) -> None:
    engine.add_many(["I live in Porto.", "I live alone."], user_id="ana")
    chat.put(user(QUESTION))
    first, *rest = chat.get()
    assert first.role == MessageRole.SYSTEM
    assert "I live in Porto." in str(first.content)
    assert "I live alone." in str(first.content)
    assert contents(rest) == contents(chat.get_all()) == [QUESTION]


@pytest.mark.parametrize("ask_for", [None, "I live in Lima now. Where did I live?", "I live in Lima now."])
def test_the_current_turn_is_not_recalled(chat: SlowwaveMemory, engine: Memory, ask_for: str | None) -> None:
    engine.add("I lived in Porto as a child.", user_id="ana")  # nothing that the new turn supersedes
    chat.put(user("I live in Lima now. Where did I live?"))
    assert "Porto" in recalled(chat.get(ask_for))
    assert "Lima" not in recalled(chat.get(ask_for))
    chat.put_messages([ChatMessage(role="assistant", content="In Porto."), user(QUESTION)])
    assert "Lima" in recalled(chat.get())


def test_the_last_user_message_is_asked_for_when_no_input_is_given(fake: FakeMemory, chat: SlowwaveMemory) -> None:
    fake.add("I live in Porto.", user_id="ana")
    chat.put(user(QUESTION))
    chat.put(ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": []}))
    chat.put(ChatMessage(role="tool", content="31 degrees"))
    chat.get()
    assert fake.searched[-1][:2] == (QUESTION, "ana")


@pytest.mark.parametrize("k", [0, 1, 3])
def test_k_facts_are_recalled(engine: Memory, k: int) -> None:
    engine.add_many([f"I live in house {number}." for number in range(5)], user_id="ana")
    chat = SlowwaveMemory.from_defaults(memory=engine, user_id="ana", k=k)
    chat.put(user(QUESTION))
    assert recalled(chat.get()).count("\n- ") == k


def test_half_an_emoji_does_not_end_a_conversation(chat: SlowwaveMemory, engine: Memory) -> None:
    engine.add("I live in Porto.", user_id="ana")
    chat.put(user("I live in Porto \ud83d here"))
    chat.put_messages([ChatMessage(role="assistant", content="\udc00 Nice \ud83d\ude00."), user("I am \ud83d here")])
    got = chat.get()
    assert contents(got)[1:] == ["I live in Porto \ufffd here", "\ufffd Nice \U0001f600.", "I am \ufffd here"]
    assert [message.model_dump_json() for message in got]
    assert "I live in Porto." in recalled(chat.get("I live in Porto \ud83d"))
    assert "I am" not in recalled(chat.get("I am \ud83d here"))
    assert contents(chat.get("I am \ud83d here"))[1:] == contents(got)[1:]
    assert "I am \ufffd here" in said(engine)


def test_nothing_is_recalled_for_an_empty_question(chat: SlowwaveMemory, engine: Memory) -> None:
    engine.add("I live in Porto.", user_id="ana")
    chat.put(ChatMessage(role="user", blocks=[]))
    assert recalled(chat.get()) == recalled(chat.get("  ")) == ""


# -- learning --------------------------------------------------------------------------------------------------------


def test_only_users_are_learned_from(chat: SlowwaveMemory, engine: Memory) -> None:
    for role in MessageRole:
        chat.put(ChatMessage(role=role, content=f"This is the {role.value}."))
    assert said(engine) == ["This is the user."]


def test_recalled_facts_come_back_as_nothing(chat: SlowwaveMemory, engine: Memory) -> None:
    engine.add("I live in Porto.", user_id="ana")
    block = recalled(chat.get(QUESTION))
    before = said(engine)
    chat.put(ChatMessage(role="system", content=block))
    chat.put(user(block))
    chat.put_messages([user(f"{block}\nI have a cat."), ChatMessage(role="assistant", content=f"{block}\nHi.")])
    assert said(engine) == [*before, "I have a cat."]
    assert contents(chat.get_all()) == ["I have a cat.", "Hi."]
    chat.set([ChatMessage(role="system", content=block), user("Hello.")])
    assert contents(chat.get_all()) == ["Hello."]


def test_a_tag_that_a_user_types_is_a_word(chat: SlowwaveMemory, engine: Memory) -> None:
    text = "In XML I use the <memories> element."
    chat.put(user(text))
    assert said(engine) == contents(chat.get_all()) == [text]
    assert "the [memories] element" in recalled(chat.get("Which XML element do I use?"))


def test_traces_and_tool_results_in_the_users_name_are_not_learned(chat: SlowwaveMemory, engine: Memory) -> None:
    chat.put(user("Observation: 31 degrees"))
    chat.put(user("Result of executing the code given:\n\n3"))
    chat.put(user("Thought: I must look.\nAction: look"))
    assert said(engine) == []


def test_restoring_a_conversation_learns_only_the_turn_at_its_end(chat: SlowwaveMemory, engine: Memory) -> None:
    chat.set([user("I live in Porto."), ChatMessage(role="assistant", content="Nice."), user("I have a cat.")])
    assert said(engine) == ["I have a cat."]
    chat.set([user("I live in Porto."), ChatMessage(role="assistant", content="Nice.")])
    assert said(engine) == ["I have a cat."]


def test_saying_it_twice_is_saying_it_once(chat: SlowwaveMemory, engine: Memory) -> None:
    chat.put(user("I live in Porto."))
    chat.put(user("I live in Porto."))
    assert said(engine) == ["I live in Porto."]
    assert len(chat.get_all()) == 2


def test_a_pasted_page_is_a_message_and_no_fact(
    chat: SlowwaveMemory, engine: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    chat.put(user("secret " * 5000))
    assert said(engine) == []
    assert len(chat.get_all()) == 1
    assert "not learned" in caplog.text
    assert "secret" not in caplog.text


def test_capture_can_be_off(engine: Memory) -> None:
    chat = SlowwaveMemory.from_defaults(memory=engine, user_id="ana", capture=False)
    chat.put(user("I live in Porto."))
    assert said(engine) == []


def test_reset_keeps_what_was_learned(chat: SlowwaveMemory, engine: Memory) -> None:
    chat.put(user("I live in Porto."))
    chat.reset()
    assert chat.get_all() == []
    assert "Porto" in recalled(chat.get(QUESTION))


# -- length ----------------------------------------------------------------------------------------------------------

roles = st.sampled_from(["user", "assistant", "tool", "system"])
conversations = st.lists(st.builds(ChatMessage, role=roles, content=st.text(alphabet="ab ", max_size=30)), max_size=12)


@given(conversations, st.integers(0, 200))
def test_whole_turns_are_dropped_oldest_first(messages: list[ChatMessage], budget: int) -> None:
    kept = llama_index._newest_turns(messages, budget)
    turns = [m for m in messages if m.role != "system"]
    rest = [m for m in kept if m.role != "system"]
    assert [m for m in kept if m.role == "system"] == [m for m in messages if m.role == "system"]
    assert rest == turns[len(turns) - len(rest) :]
    if len(rest) < len(turns):
        assert rest == [] or rest[0].role == "user"
    newest = max((i for i, m in enumerate(turns) if m.role == "user"), default=0)
    assert len(rest) >= len(turns) - newest
    size = sum(count_tokens(str(m.content or "")) + 4 for m in kept)
    assert size <= budget or len(rest) == len(turns) - newest


def test_get_stays_within_its_limit(engine: Memory) -> None:
    engine.add("I live in Porto.", user_id="ana")
    chat = SlowwaveMemory.from_defaults(memory=engine, user_id="ana", token_limit=200, capture=False)
    for number in range(50):
        chat.put_messages([user(f"Where is number {number}?"), ChatMessage(role="assistant", content="Here.")])
    chat.put(user(QUESTION))
    got = chat.get()
    assert 3 < len(got) < 101
    assert sum(count_tokens(str(m.content)) + 4 for m in got) <= 200
    assert len(chat.get(initial_token_count=100)) < len(got)
    assert len(chat.get_all()) == 101


@pytest.mark.parametrize(("limit", "facts"), [(200, 0), (300, 1), (450, 1), (500, 2), (3000, 4)])
def test_facts_that_have_no_room_are_not_recalled(engine: Memory, limit: int, facts: int) -> None:
    # Of 600 characters each, which count 200 tokens and some for the day and the name.
    engine.add_many([f"{QUESTION} {number} " + "far away " * 65 for number in range(4)], user_id="ana")
    chat = SlowwaveMemory.from_defaults(memory=engine, user_id="ana", token_limit=limit, capture=False)
    system = ChatMessage(role="system", content="Be kind.")
    chat.set([system, user("Hello."), ChatMessage(role="assistant", content="Hi."), user(QUESTION)])
    got = chat.get()
    assert recalled(got).count("\n- ") == facts
    assert contents(got)[-1] == QUESTION
    assert system in got
    assert sum(count_tokens(str(m.content)) + 4 for m in got) <= limit
    best = engine.search(QUESTION, user_id="ana", k=1)[0]
    assert facts == 0 or " ".join(best.text.split()) in recalled(got)


# -- chat engines ----------------------------------------------------------------------------------------------------


def simple(chat: SlowwaveMemory, engine: Memory, llm: Any) -> Any:
    return SimpleChatEngine.from_defaults(memory=chat, llm=llm)


def context(chat: SlowwaveMemory, engine: Memory, llm: Any) -> Any:
    return ContextChatEngine.from_defaults(SlowwaveRetriever(engine, user_id="ana"), memory=chat, llm=llm)


def condense(chat: SlowwaveMemory, engine: Memory, llm: Any) -> Any:
    retriever = SlowwaveRetriever(engine, user_id="ana")
    return CondensePlusContextChatEngine.from_defaults(retriever, memory=chat, llm=llm, skip_condense=True)


@pytest.mark.parametrize("way", ["chat", "achat", "stream_chat", "astream_chat"])
@pytest.mark.parametrize("build", [simple, context, condense])
async def test_chat_engines_converse_learn_and_recall(
    chat: SlowwaveMemory, engine: Memory, build: Callable[..., Any], way: str
) -> None:
    talk = build(chat, engine, SlowwaveLLM(memory=engine, user_id="ana"))
    for line in ("I live in Porto.", QUESTION):
        if way == "chat":
            answer = str(talk.chat(line))
        elif way == "achat":
            answer = str(await talk.achat(line))
        elif way == "stream_chat":
            answer = "".join(talk.stream_chat(line).response_gen)  # its end waits for the thread that stores it
        else:
            streamed = await talk.astream_chat(line)
            answer = "".join([piece async for piece in streamed.async_response_gen()])
        assert answer
    assert [m.role.value for m in chat.get_all()] == ["user", "assistant", "user", "assistant"]
    assert contents(chat.get_all())[::2] == ["I live in Porto.", QUESTION]
    assert contents(talk.chat_history) == contents(chat.get_all())
    assert said(engine) == ["I live in Porto."]
    talk.reset()
    assert chat.get_all() == []


def test_the_llm_sees_recalled_facts(chat: SlowwaveMemory, engine: Memory) -> None:
    engine.add("I live in Porto.", user_id="ana")
    llm = Scripted(script=["In Porto."])
    assert str(simple(chat, engine, llm).chat(QUESTION)) == "In Porto."
    assert "Porto" in recalled(llm.shown[0])


def test_an_engine_builds_its_memory_from_the_class(
    fake: FakeMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    talk = SimpleChatEngine.from_defaults(memory_cls=SlowwaveMemory, llm=MockLLM())
    talk.chat("I live in Porto.")
    opened = cast(SlowwaveMemory, talk._memory)
    assert opened.engine.folder == tmp_path / "slowwave-memory"
    assert said(opened.engine, "default") == ["I live in Porto."]
    opened.engine.close()


def test_history_handed_to_chat_replaces_the_conversation(chat: SlowwaveMemory, engine: Memory) -> None:
    talk = simple(chat, engine, Scripted(script=["ok", "ok"]))
    talk.chat("I have a cat.")
    talk.chat("I have a dog.", chat_history=[user("Hi."), ChatMessage(role="assistant", content="Hello.")])
    assert contents(chat.get_all()) == ["Hi.", "Hello.", "I have a dog.", "ok"]
    assert said(engine) == ["I have a cat.", "I have a dog."]


# -- agents ----------------------------------------------------------------------------------------------------------

CALL = {"name": "weather", "args": {"town": "Porto"}}
REACT_CALL = 'Thought: I need a tool.\nAction: weather\nAction Input: {"town": "Porto"}'


async def test_a_function_agent_keeps_its_memory_when_the_context_is_used_again(
    chat: SlowwaveMemory, engine: Memory
) -> None:
    engine.add("I live in Porto.", user_id="ana")
    llm = Scripted(script=["ok", CALL, "It is warm.", "ok"])
    agent = FunctionAgent(llm=llm, tools=[TOOL], streaming=False)
    ctx = Context(agent)
    await agent.run("I have a cat.", ctx=ctx, memory=chat)
    await agent.run("Is it warm where I live?", ctx=ctx)
    restored = Context.from_dict(agent, json.loads(json.dumps(ctx.to_dict())))
    await agent.run("Thanks.", ctx=restored)
    spoken = [(m.role.value, m.content or "") for m in chat.get_all()]
    assert spoken == [
        ("user", "I have a cat."),
        ("assistant", "ok"),
        ("user", "Is it warm where I live?"),
        ("assistant", ""),
        ("tool", "31 degrees in Porto, it said"),
        ("assistant", "It is warm."),
        ("user", "Thanks."),
        ("assistant", "ok"),
    ]
    assert said(engine) == ["I live in Porto.", "I have a cat."]
    assert all("I live in Porto." in recalled(shown) for shown in llm.shown)
    assert ["I have a cat." in recalled(shown) for shown in llm.shown] == [False, True, True, True]
    assert contents(llm.shown[-1])[1:] == [text for _, text in spoken[:-1]]


@pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")
async def test_a_react_agent_teaches_neither_its_thoughts_nor_its_answers(chat: SlowwaveMemory, engine: Memory) -> None:
    llm = Scripted(script=[REACT_CALL, "Thought: I can answer.\nAnswer: 31 degrees.", "Thought: ok.\nAnswer: Hi."])
    agent = ReActAgent(llm=llm, tools=[TOOL], streaming=False)
    ctx = Context(agent)
    assert "31 degrees" in str(await agent.run("Is it warm in Porto?", ctx=ctx, memory=chat))
    await agent.run("I have a cat.", ctx=ctx)
    assert said(engine) == ["I have a cat."]
    assert contents(chat.get_all())[::2] == ["Is it warm in Porto?", "I have a cat."]
    assert len(chat.get_all()) == 4


async def test_a_workflow_that_sends_the_whole_history_learns_each_turn_once(
    chat: SlowwaveMemory, engine: Memory
) -> None:
    llm = Scripted(script=["ok", "ok", "ok"])
    flow = AgentWorkflow(agents=[FunctionAgent(name="a", description="a", llm=llm, tools=[TOOL], streaming=False)])
    await flow.run(user_msg="I have a cat.", memory=chat)
    await flow.run(user_msg="I have a dog.", chat_history=chat.get_all(), memory=chat)
    await flow.run(chat_history=[*chat.get_all(), user("I have a fish.")], memory=chat)
    assert said(engine) == ["I have a cat.", "I have a dog.", "I have a fish."]
    assert contents(chat.get_all())[::2] == said(engine)


async def test_a_forgotten_fact_is_not_learned_again_from_history(chat: SlowwaveMemory, engine: Memory) -> None:
    chat.put_messages([user("I live in Porto."), ChatMessage(role="assistant", content="Nice.")])
    engine.delete_all(user_id="ana")
    await chat.aset(chat.get_all())
    assert said(engine) == []


# -- the retriever ---------------------------------------------------------------------------------------------------


async def test_nodes_say_where_they_come_from(engine: Memory) -> None:
    (fact,) = engine.add("I live in Porto.", user_id="ana", source="diary", metadata={"page": 3})
    engine.add("I live in Lima.", user_id="bob")
    retriever = SlowwaveRetriever(engine, user_id="ana")
    for found in (retriever.retrieve(QUESTION), await retriever.aretrieve(QUESTION)):
        (scored,) = found
        node = scored.node
        assert isinstance(node, TextNode)
        assert (node.node_id, node.text) == (fact.id, "I live in Porto.")
        assert 0 <= scored.get_score() <= 1
        assert node.metadata == {
            "page": 3,
            "user_id": "ana",
            "source": "diary",
            "said_at": fact.said_at.isoformat(),
        }
        assert node.get_content(MetadataMode.LLM) == f"said_at: {fact.said_at.isoformat()}\n\nI live in Porto."
        assert node.get_content(MetadataMode.EMBED) == "I live in Porto."


def test_only_facts_that_match_are_nodes(engine: Memory) -> None:
    engine.add("I live in Porto.", user_id="ana", metadata={"kind": "home"})
    engine.add("I live near my office.", user_id="ana", metadata={"kind": "work"})
    found = SlowwaveRetriever(engine, user_id="ana", where={"kind": "work"}).retrieve("Where do I live?")
    assert [node.text for node in found] == ["I live near my office."]


async def test_nothing_is_found_for_nothing(engine: Memory) -> None:
    engine.add("I live in Porto.")
    for query in ("", " \n"):
        assert SlowwaveRetriever(engine).retrieve(query) == await SlowwaveRetriever(engine).aretrieve(query) == []
    assert SlowwaveRetriever(engine, similarity_top_k=0).retrieve(QUESTION) == []
    with pytest.raises(InvalidInput):
        SlowwaveRetriever(engine, similarity_top_k=-1).retrieve(QUESTION)


def test_facts_below_the_cutoff_are_no_nodes(engine: Memory) -> None:
    engine.add_many(["I live in Porto.", "I have a cat."])
    best, worse = (node.get_score() for node in SlowwaveRetriever(engine).retrieve("I live in Porto."))
    assert worse < best
    found = SlowwaveRetriever(engine, similarity_cutoff=best).retrieve("I live in Porto.")
    assert [node.text for node in found] == ["I live in Porto."]


def test_what_an_old_fact_calls_its_source_does_no_harm(fake: FakeMemory) -> None:
    (fact,) = fake.add("I live in Porto.", source="diary")
    mine = {"source": "mine", "user_id": "mine", "said_at": "mine", "page": 3}
    fake._facts[fact.id] = fact.model_copy(update={"metadata": mine})
    (found,) = SlowwaveRetriever(cast(Memory, fake)).retrieve(QUESTION)
    said_at = fact.said_at.isoformat()
    assert found.node.metadata == {"source": "diary", "user_id": "default", "said_at": said_at, "page": 3}
    assert found.node.get_content(MetadataMode.LLM) == f"said_at: {said_at}\n\nI live in Porto."


def test_messages_of_a_conversation_can_be_remembered(engine: Memory) -> None:
    talk = [user("I live in Porto."), ChatMessage(role="assistant", content="How nice!")]
    assert [fact.text for fact in engine.add(talk, user_id="ana")] == ["I live in Porto."]
    named = ChatMessage(role="user", content="My dog is called Nero.", additional_kwargs={"name": "Bob"})
    assert [fact.metadata for fact in engine.add([named], user_id="ana")] == [{"name": "Bob"}]


def test_a_memory_that_was_closed_and_opened_again_is_found(tmp_path: Path) -> None:
    with Memory(tmp_path / "memory", embedder="hash:64") as first:
        chat = SlowwaveMemory.from_defaults(memory=first, user_id="ana")
        chat.put(user("I live in Porto."))
    with Memory(tmp_path / "memory", embedder="hash:64") as again:
        assert chat.engine is again
        assert "Porto" in str(chat.get("Where do I live?")[0].content)


def test_the_retriever_finds_no_more_than_asked(engine: Memory) -> None:
    engine.add_many([f"I live in house {number}." for number in range(5)])
    assert len(SlowwaveRetriever(engine, similarity_top_k=2).retrieve(QUESTION)) == 2


# -- the LLM ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def llm(engine: Memory) -> SlowwaveLLM:
    engine.add("I live in the old town of Porto.", user_id="ana")
    return SlowwaveLLM(memory=engine, user_id="ana")


async def test_all_eight_ways_say_the_same(llm: SlowwaveLLM, engine: Memory) -> None:
    messages = [user("Hello."), ChatMessage(role="assistant", content="Hi."), user(QUESTION)]
    whole = llm.complete(QUESTION)
    assert whole.text
    assert (await llm.acomplete(QUESTION)).text == whole.text
    pieces = list(llm.stream_complete(QUESTION))
    apieces = [piece async for piece in await llm.astream_complete(QUESTION)]
    talk = llm.chat(messages)
    assert (await llm.achat(messages)).message == talk.message
    chunks = list(llm.stream_chat(messages))
    achunks = [chunk async for chunk in await llm.astream_chat(messages)]
    for got in (pieces, apieces):
        assert "".join(str(piece.delta) for piece in got) == got[-1].text == whole.text
    for spoken in (chunks, achunks):
        assert "".join(str(c.delta) for c in spoken) == spoken[-1].message.content == talk.message.content
    for last in (whole, pieces[-1], apieces[-1], talk, chunks[-1], achunks[-1]):
        assert last.raw is not None
        assert last.raw["facts"] == [fact.id for fact in engine.get_all(user_id="ana")]
        usage = last.additional_kwargs
        assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"] > 0
    assert talk.message.role == MessageRole.ASSISTANT


def test_chat_hands_over_history_and_settings(fake: FakeMemory, llm: SlowwaveLLM) -> None:
    system = ChatMessage(role="system", content=f"Be kind.\n{recall_block([])}")
    tool = ChatMessage(role="tool", content="31", additional_kwargs={"name": "weather"})
    messages = [
        system,
        user("Hello."),
        tool,
        ChatMessage(role="user", blocks=[TextBlock(text="a"), TextBlock(text="b")]),
    ]
    llm.chat(messages, max_tokens=3, stop=["x"], temperature=0.5, use_modules=False)
    llm.chat(messages, user_id="bob", use_facts=False)
    first, second = fake.asked
    assert first.question == "a\nb"
    assert [(turn.role, turn.content) for turn in first.history] == [
        ("system", "Be kind."),
        ("user", "Hello."),
        ("assistant", "Result of weather: 31"),
    ]
    assert first[3:] == (True, False, 3, 0.5, ("x",))
    assert (first.user_id, second.user_id) == ("ana", "bob")
    assert "<memories>" in second.history[0].content


def test_one_text_may_end_an_answer(fake: FakeMemory, llm: SlowwaveLLM) -> None:
    llm.complete(QUESTION, stop="xk")
    list(llm.stream_chat([user(QUESTION)], stop="xk"))
    SlowwaveLLM(memory=cast(Memory, fake), stop="xk").complete(QUESTION, stop=None, temperature=None)
    assert {(asked.stop, asked.temperature) for asked in fake.asked} == {(("xk",), 0.0)}


def test_another_name_for_an_option_is_refused_with_the_right_one(fake: FakeMemory, llm: SlowwaveLLM) -> None:
    with pytest.raises(ValueError, match="Did you mean user_id"):
        SlowwaveLLM(memory=cast(Memory, fake), user="ana")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="Did you mean temperature"):
        SlowwaveLLM(memory=cast(Memory, fake), temprature=1)  # type: ignore[call-arg]
    with pytest.raises(InvalidInput, match="user_id"):
        llm.complete(QUESTION, user="bob")
    with pytest.raises(ValueError, match=r"Memory\(folder\)"):
        SlowwaveLLM(memory="ana-memory")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=r"Memory\(folder\)"):
        SlowwaveRetriever("ana-memory")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="from_defaults"):
        SlowwaveMemory(memory=fake)  # type: ignore[call-arg]
    assert fake.asked == []


def test_a_node_says_which_day_tomorrow_was(engine: Memory) -> None:
    engine.add("My flight is tomorrow.", user_id="ana", said_at=datetime(2025, 3, 1, 12, tzinfo=UTC))
    (node,) = SlowwaveRetriever(engine, user_id="ana").retrieve("When is my flight?")
    assert node.text == "My flight is on 2 March 2025."


SAID = "said_at: 2026\n\nQuery: Who?\nAnswer: Nobody.\n---------------------\nI live in Rome."
ASKED = "Where do I live?\nAnd since when?"
TEMPLATES = {
    "qa": DEFAULT_TEXT_QA_PROMPT.format(context_str=SAID, query_str=ASKED),
    "tree": DEFAULT_TREE_SUMMARIZE_PROMPT.format(context_str=SAID, query_str=ASKED),
    "refine": DEFAULT_REFINE_PROMPT.format(context_msg=SAID, query_str=ASKED, existing_answer="Rome"),
    "chat qa": CHAT_TEXT_QA_PROMPT.format_messages(context_str=SAID, query_str=ASKED),
    "chat tree": CHAT_TREE_SUMMARIZE_PROMPT.format_messages(context_str=SAID, query_str=ASKED),
    "chat refine": CHAT_REFINE_PROMPT.format_messages(context_msg=SAID, query_str=ASKED, existing_answer="Rome"),
}
REWRITTEN = [
    condense_plus_context.DEFAULT_CONDENSE_PROMPT_TEMPLATE.format(chat_history="user: Hi.", question=ASKED),
    condense_question.DEFAULT_TEMPLATE.format(chat_history="Human: Hi.", question=ASKED),
]


@pytest.mark.parametrize("name", TEMPLATES)
def test_of_a_template_only_the_question_is_asked(fake: FakeMemory, llm: SlowwaveLLM, name: str) -> None:
    prompt = TEMPLATES[name]
    if isinstance(prompt, str):
        llm.complete(prompt)
    else:
        llm.chat(prompt)
    (asked,) = fake.asked
    assert (asked.question, list(asked.history)) == (ASKED, [])


@pytest.mark.parametrize("prompt", REWRITTEN)
async def test_a_question_that_is_to_be_put_in_other_words_comes_back_as_it_is(
    fake: FakeMemory, llm: SlowwaveLLM, prompt: str
) -> None:
    assert llm.complete(prompt).text == ASKED
    assert [piece.delta for piece in llm.stream_complete(prompt)] == [ASKED]
    assert (await llm.achat([user(prompt)])).message.content == ASKED
    assert fake.asked == []


@pytest.mark.parametrize(
    "text", ["Context information is below. What do I do?", "Query: Who am I?\nAnswer:", "Answer:", ""]
)
def test_what_only_looks_like_a_template_is_asked_as_it_is(text: str) -> None:
    assert unwrapped(text) is None


def test_a_query_engine_and_a_condensing_chat_engine_ask_what_the_user_asked(
    fake: FakeMemory, chat: SlowwaveMemory, llm: SlowwaveLLM
) -> None:
    retriever = SlowwaveRetriever(cast(Memory, fake), user_id="ana")
    RetrieverQueryEngine.from_args(retriever, llm=llm).query(ASKED)
    assert {asked.question for asked in fake.asked} == {ASKED}
    fake.asked.clear()
    engine = CondensePlusContextChatEngine.from_defaults(retriever, memory=chat, llm=llm)
    engine.chat("Hello.")
    engine.chat(QUESTION)
    assert [asked.question for asked in fake.asked] == ["Hello.", QUESTION]


class Unpicklable(FakeMemory):
    """A memory as any object with a lock in it."""

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle '_thread.RLock' object")


def test_pickling_leaves_the_llm_whole(tmp_path: Path) -> None:
    with Unpicklable(tmp_path / "memory") as memory:
        memory.add("I live in Porto.")
        llm = SlowwaveLLM(memory=cast(Memory, memory))
        with pytest.raises(TypeError, match="RLock"):  # and not at the first question of what comes out
            pickle.dumps(llm)
        assert llm.complete(QUESTION).text == "I live in Porto."
        llm.__getstate__()
        assert llm.memory is cast(Memory, memory)


def test_copies_ask_the_same_memory(fake: FakeMemory, llm: SlowwaveLLM) -> None:
    for again in (copy.copy(llm), copy.deepcopy(llm), llm.model_copy(deep=True), pickle.loads(pickle.dumps(llm))):
        assert again.memory is fake
        assert (again.user_id, again.complete(QUESTION)) == ("ana", llm.complete(QUESTION))
    retriever = SlowwaveRetriever(cast(Memory, fake), user_id="ana")
    for found in (copy.deepcopy(retriever), pickle.loads(pickle.dumps(retriever))):
        assert found.memory is fake
        assert found.retrieve(QUESTION) == retriever.retrieve(QUESTION) != []


def test_metadata_is_that_of_the_memory(llm: SlowwaveLLM, engine: Memory) -> None:
    assert llm.metadata.model_name == engine.settings.model
    assert llm.metadata.num_output == engine.settings.max_new_tokens
    assert (llm.metadata.context_window, llm.metadata.is_chat_model) == (engine.context_window, True)
    assert SlowwaveLLM(memory=engine, context_window=512).metadata.context_window == 512
    assert "memory" not in llm.to_dict()
    assert "memory=" not in repr(llm)


def test_asking_teaches_nothing(llm: SlowwaveLLM, engine: Memory) -> None:
    before = engine.get_all()
    llm.complete("I moved to Lima.")
    llm.chat([user("I moved to Rome.")])
    assert engine.get_all() == before


def test_nothing_to_answer_is_refused(llm: SlowwaveLLM) -> None:
    with pytest.raises(InvalidInput, match="nothing to answer"):
        llm.chat([ChatMessage(role="user", blocks=[])])
    with pytest.raises(InvalidInput, match="nothing to answer"):
        list(llm.stream_complete(" "))


async def test_a_query_engine_runs_on_retriever_and_llm(llm: SlowwaveLLM, engine: Memory) -> None:
    query_engine = RetrieverQueryEngine(
        SlowwaveRetriever(engine, user_id="ana"), response_synthesizer=get_response_synthesizer(llm=llm)
    )
    for response in (query_engine.query(QUESTION), await query_engine.aquery(QUESTION)):
        assert str(response)
        assert [node.text for node in response.source_nodes] == ["I live in the old town of Porto."]


# -- threads and imports ---------------------------------------------------------------------------------------------


async def test_async_calls_leave_the_event_loop_alone(
    fake: FakeMemory, chat: SlowwaveMemory, llm: SlowwaveLLM, engine: Memory
) -> None:
    fake.threads.clear()
    await chat.aput(user(QUESTION))
    await chat.aget()
    await chat.aset(chat.get_all())
    await llm.achat([user(QUESTION)])
    await llm.acomplete(QUESTION)
    assert [chunk async for chunk in await llm.astream_chat([user(QUESTION)])]
    assert [chunk async for chunk in await llm.astream_complete(QUESTION)]
    await SlowwaveRetriever(engine).aretrieve(QUESTION)
    assert fake.threads
    assert threading.get_ident() not in fake.threads


def test_a_process_does_not_keep_every_session_there_ever_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sessions, "_MOST", 2)
    monkeypatch.setattr(_sessions, "_sessions", OrderedDict())
    first, second = (_sessions.session("m", "ada", name) for name in "ab")
    assert _sessions.session("m", "ada", "a") is first
    _sessions.session("m", "ada", "c")
    assert _sessions.session("m", "ada", "a") is first
    assert _sessions.session("m", "ada", "b") is not second, "it was used longest ago"


def test_many_threads_may_talk_in_one_session(chat: SlowwaveMemory) -> None:
    batches = [[user(f"{number} {i}") for i in range(20)] for number in range(8)]
    threads = [threading.Thread(target=chat.put_messages, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(chat.get_all()) == 160


LIGHT = """
import sys
sys.path.insert(0, sys.argv[1])
from fakes import FakeMemory
from slowwave.integrations.llama_index import SlowwaveLLM, SlowwaveMemory, SlowwaveRetriever
memory = FakeMemory(sys.argv[2])
chat = SlowwaveMemory.from_defaults(memory=memory)
llm = SlowwaveLLM(memory=memory)
repr(chat), chat.to_dict(), repr(llm), llm.to_dict(), llm.metadata, SlowwaveRetriever(memory)
print([name for name in ("torch", "transformers", "chromadb", "apscheduler", "langchain_core") if name in sys.modules])
"""


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIGHT, str(Path(__file__).parent), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_without_llama_index_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llama_index.core.schema", None)
    monkeypatch.delitem(sys.modules, "slowwave.integrations.llama_index")
    with pytest.raises(MissingExtra, match=r"slowwave\[llama-index\]"):
        import slowwave.integrations.llama_index  # noqa: F401


# -- examples --------------------------------------------------------------------------------------------------------


@pytest.mark.slow  # processes that import torch
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("llama_index_chat.py", ": My sister's name is Clara."),
        ("llama_index_query.py", "My favourite colour is green."),
    ],
)
def test_examples_run(name: str, words: str, tiny_model: Path) -> None:
    script = Path(__file__).parent.parent / "examples" / name
    chosen = {"SLOWWAVE_MODEL": str(tiny_model), "SLOWWAVE_EMBEDDER": "hash:256"}
    done = subprocess.run([sys.executable, str(script)], env=os.environ | chosen, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
