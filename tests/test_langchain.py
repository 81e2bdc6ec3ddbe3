"""The LangChain bridge: LangChain's own suites, whose memory is asked, streams across threads, no feedback loop."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import Context
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fakes import FakeMemory
from hypothesis import example, given
from hypothesis import strategies as st
from langchain_core.caches import InMemoryCache
from langchain_core.documents import Document
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages import ChatMessage as RoleMessage
from langchain_core.prompts import PromptTemplate, format_document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import ConfigurableField, Runnable, RunnableConfig, RunnableLambda
from langchain_tests.integration_tests import ChatModelIntegrationTests, RetrieversIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from typing_extensions import TypedDict

from slowwave.awaited import off_the_loop
from slowwave.errors import InvalidInput, MissingExtra, SlowwaveError
from slowwave.integrations._answers import spoken
from slowwave.integrations._turns import recall_block, to_question, what_was_said, without_recall
from slowwave.integrations.langchain import CallsNoTools, ChatSlowwave, SlowwaveRetriever
from slowwave.memory import Memory
from slowwave.types import Answer, Message

USERS = ["ana", "bob", "cleo", "dan", "default"]
QUESTION = "Where do I live?"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeMemory]:
    with FakeMemory(tmp_path / "memory") as memory:
        yield memory


@pytest.fixture(params=["fake", "real"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory]:
    """The memory of the cases that hold for any memory."""
    if request.param == "fake":
        yield cast(Memory, request.getfixturevalue("fake"))
    else:
        with Memory(
            tmp_path / "memory", model=str(request.getfixturevalue("tiny_model")), embedder="hash:256"
        ) as memory:
            yield memory


def settle(memory: Memory) -> Memory:
    """Five users, each with one fact about where they live."""
    for user in USERS:
        memory.add(f"I live in the {user} quarter.", user_id=user)
    return memory


@pytest.fixture
def town(engine: Memory) -> Memory:
    return settle(engine)


# -- LangChain's own suites ------------------------------------------------------------------------------------------


class Suite:
    """Hands the fixture's memory to the properties that LangChain's suites read."""

    @pytest.fixture(autouse=True)
    def _open(self, engine: Memory) -> None:
        engine.add_many(["I live in Porto.", "I'm allergic to peanuts.", "My cat is called Tom.", "I work at night."])
        self.engine = engine


class Toolless(Suite):
    """`bind_tools` is overridden, only to say that there is none."""

    @property
    def has_tool_calling(self) -> bool:
        return False


class TestChatModelUnit(Toolless, ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatSlowwave

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"memory": self.engine}


class TestChatModelIntegration(Toolless, ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatSlowwave

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"memory": self.engine}

    @property
    def model_override_value(self) -> str:
        return "another-name"


class TestRetrieverIntegration(Suite, RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return SlowwaveRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"memory": self.engine}

    @property
    def retriever_query_example(self) -> str:
        return QUESTION


# -- whose memory ----------------------------------------------------------------------------------------------------


def graph(runnable: Runnable[str, Any], given: dict[str, Any]) -> Any:
    """A LangGraph graph of one node, which calls the runnable without handing it the configuration."""
    langgraph = pytest.importorskip("langgraph.graph")

    class State(TypedDict):
        question: str
        result: Any

    async def anode(state: State) -> dict[str, Any]:
        return {"result": await runnable.ainvoke(state["question"], **given)}

    def node(state: State) -> dict[str, Any]:
        return {"result": runnable.invoke(state["question"], **given)}

    builder = langgraph.StateGraph(State)
    builder.add_node("ask", RunnableLambda(node, afunc=anode))
    builder.add_edge(langgraph.START, "ask")
    return builder.compile()


async def call(way: str, runnable: Runnable[str, Any], config: RunnableConfig, given: dict[str, Any]) -> Any:
    """Call a runnable in one of the ways that people do."""
    bound = runnable.bind(**given)
    if way == "direct":
        return runnable.invoke(QUESTION, config, **given)
    if way == "direct async":
        return await runnable.ainvoke(QUESTION, config, **given)
    if way == "batch":
        return runnable.batch([QUESTION, QUESTION], config, **given)[1]
    if way == "batch async":
        return (await runnable.abatch([QUESTION, QUESTION], config, **given))[1]
    if way == "stream":
        return _sum(list(runnable.stream(QUESTION, config, **given)))
    if way == "stream async":
        return _sum([chunk async for chunk in runnable.astream(QUESTION, config, **given)])
    if way == "chain":
        return (RunnableLambda(str) | bound).invoke(QUESTION, config)
    if way == "chain async":
        return await (RunnableLambda(str) | bound).ainvoke(QUESTION, config)
    if way == "chain stream":
        return _sum(list((RunnableLambda(str) | bound | RunnableLambda(lambda x: x)).stream(QUESTION, config)))
    if way == "chain stream async":
        return _sum([chunk async for chunk in (RunnableLambda(str) | bound).astream(QUESTION, config)])
    if way == "with_config":
        return runnable.with_config(config).invoke(QUESTION, **given)
    if way == "node":
        return graph(runnable, given).invoke({"question": QUESTION}, config)["result"]
    if way == "node async":
        return (await graph(runnable, given).ainvoke({"question": QUESTION}, config))["result"]
    raise AssertionError(way)


def _sum(chunks: list[Any]) -> Any:
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    return total


WAYS = [
    *("direct", "direct async", "batch", "batch async", "stream", "stream async", "with_config"),
    *("chain", "chain async", "chain stream", "chain stream async", "node", "node async"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("given", USERS)
@pytest.mark.parametrize("kind", ["retriever", "chat"])
async def test_the_nearest_user_id_wins(fake: FakeMemory, way: str, given: str, kind: str) -> None:
    # ana is the argument, bob the constructor's, cleo and dan are in the configuration; each case drops the nearer.
    town = settle(cast(Memory, fake))
    left = USERS[USERS.index(given) :]
    pinned: dict[str, Any] = {"user_id": "bob"} if "bob" in left else {}
    config: RunnableConfig = {}
    if "cleo" in left:
        config["configurable"] = {"user_id": "cleo"}
    if "dan" in left:
        config["metadata"] = {"user_id": "dan"}
    explicit = {"user_id": "ana"} if "ana" in left else {}
    runnable: Any = (SlowwaveRetriever if kind == "retriever" else ChatSlowwave)(memory=town, **pinned)
    result = await call(way, runnable, config, explicit)
    ids = [d.id for d in result] if kind == "retriever" else result.response_metadata["slowwave"]["facts"]
    assert {town.get(fact_id).user_id for fact_id in ids} == {given}


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("version", ["v2", "v3"])
async def test_events_ask_the_right_user(fake: FakeMemory, version: Any) -> None:
    config: RunnableConfig = {"configurable": {"user_id": "ana"}}
    chat = ChatSlowwave(memory=cast(Memory, fake))
    events = chat.astream_events(QUESTION, config, version=version)
    if version == "v3":
        assert str((await (await events).output).text)
        assert str(chat.stream_events(QUESTION, config, version=version).output.text)
    else:
        assert [event async for event in events]
    assert {asked.user_id for asked in fake.asked} == {"ana"}


async def test_metadata_reaches_generate(fake: FakeMemory) -> None:
    chat = ChatSlowwave(memory=cast(Memory, fake))
    chat.generate([[HumanMessage(QUESTION)]], metadata={"user_id": "ana"})
    await chat.agenerate([[HumanMessage(QUESTION)]], metadata={"user_id": "ana"})
    assert [asked.user_id for asked in fake.asked] == ["ana", "ana"]


def test_a_user_id_may_be_a_number_and_an_empty_one_is_refused(town: Memory) -> None:
    retriever = SlowwaveRetriever(memory=town)
    town.add("I live in the seventh quarter.", user_id="7")
    assert [d.metadata["user_id"] for d in retriever.invoke(QUESTION, {"configurable": {"user_id": 7}})] == ["7"]
    with pytest.raises(InvalidInput):
        retriever.invoke(QUESTION, {"configurable": {"user_id": ""}})


def test_a_batch_of_many_users_never_mixes_them(town: Memory) -> None:
    users = USERS * 8
    configs: list[RunnableConfig] = [{"configurable": {"user_id": user}} for user in users]
    answers = ChatSlowwave(memory=town).batch([QUESTION] * len(users), configs)
    owners = [{town.get(f).user_id for f in a.response_metadata["slowwave"]["facts"]} for a in answers]
    assert owners == [{user} for user in users]


@pytest.mark.parametrize("way", ["dict", "object"])
async def test_the_context_of_a_langgraph_run_names_the_user(fake: FakeMemory, way: str) -> None:
    agents = pytest.importorskip("langchain.agents")
    town = settle(cast(Memory, fake))
    context = {"user_id": "ana"} if way == "dict" else SimpleNamespace(user_id="ana")
    agent = agents.create_agent(ChatSlowwave(memory=town), [])
    asked = {"messages": [("user", QUESTION)]}
    agent.invoke(asked, context=context)
    await agent.ainvoke(asked, context=context)
    assert list(agent.stream(asked, context=context, stream_mode="messages"))
    agent.invoke(asked, {"configurable": {"user_id": "bob"}}, context=context)
    agent.invoke(asked, {"metadata": {"user_id": "bob"}}, context=context)
    agent.invoke(asked)
    assert [one.user_id for one in fake.asked] == ["ana", "ana", "ana", "bob", "ana", "default"]


# -- the retriever ---------------------------------------------------------------------------------------------------


def test_documents_say_where_they_come_from(engine: Memory) -> None:
    (fact,) = engine.add("I live in Porto.", user_id="ana", source="diary", metadata={"page": 3, "score": "mine"})
    (document,) = SlowwaveRetriever(memory=engine, user_id="ana").invoke(QUESTION)
    assert isinstance(document, Document)
    assert (document.id, document.page_content) == (fact.id, "I live in Porto.")
    assert 0 <= document.metadata.pop("score") <= 1
    assert document.metadata == {
        "page": 3,
        "user_id": "ana",
        "source": "diary",
        "said_at": fact.said_at.isoformat(),
    }


def test_k_can_be_configured_without_losing_the_memory(town: Memory) -> None:
    town.add("I live alone.", user_id="ana")
    retriever = SlowwaveRetriever(memory=town, user_id="ana").configurable_fields(k=ConfigurableField(id="k"))
    assert [len(retriever.invoke(QUESTION, {"configurable": {"k": k}})) for k in (1, 2)] == [1, 2]


def test_only_facts_that_match_are_documents(engine: Memory) -> None:
    engine.add("I live in Porto.", user_id="ana", metadata={"kind": "home"})
    engine.add("I live near my office.", user_id="ana", metadata={"kind": "work"})
    found = SlowwaveRetriever(memory=engine, user_id="ana", where={"kind": "work"}).invoke(QUESTION)
    assert [document.page_content for document in found] == ["I live near my office."]


async def test_filter_and_threshold_may_be_given_per_call(engine: Memory) -> None:
    engine.add("I live in Porto.", user_id="ana", metadata={"kind": "home"})
    engine.add("I live near my office.", user_id="ana", metadata={"kind": "work"})
    retriever = SlowwaveRetriever(memory=engine, user_id="ana", where={"kind": "home"})
    work: dict[str, Any] = {"where": {"kind": "work"}}
    for found in (retriever.invoke(QUESTION, **work), await retriever.ainvoke(QUESTION, **work)):
        assert [document.page_content for document in found] == ["I live near my office."]
    assert [document.page_content for document in retriever.invoke(QUESTION)] == ["I live in Porto."]
    every = SlowwaveRetriever(memory=engine, user_id="ana")
    best, worse = (document.metadata["score"] for document in every.invoke("I live near my office."))
    strict = SlowwaveRetriever(memory=engine, user_id="ana", score_threshold=best)
    for found in (
        strict.invoke("I live near my office."),
        every.invoke("I live near my office.", score_threshold=best),
        await every.ainvoke("I live near my office.", score_threshold=best),
    ):
        assert [document.metadata["score"] for document in found] == [best] != [worse]
    assert len(strict.invoke("I live near my office.", score_threshold=0)) == 2


async def test_nothing_is_found_for_nothing(town: Memory) -> None:
    retriever = SlowwaveRetriever(memory=town, user_id="ana")
    assert [len(found) for found in retriever.batch([QUESTION, "", " \n"])] == [1, 0, 0]
    assert await retriever.ainvoke("") == retriever.invoke(QUESTION, k=0) == []
    assert SlowwaveRetriever(memory=town, user_id="ana", k=0).invoke(QUESTION) == []
    with pytest.raises(InvalidInput):
        retriever.invoke(QUESTION, k=-1)
    with pytest.raises(InvalidInput):
        retriever.invoke(cast(str, {"input": QUESTION}))


def test_what_an_old_fact_calls_its_source_does_no_harm(fake: FakeMemory) -> None:
    (fact,) = fake.add("I live in Porto.", source="diary")
    mine = {"source": "mine", "score": "mine", "user_id": "mine", "said_at": "mine", "page": 3}
    fake._facts[fact.id] = fact.model_copy(update={"metadata": mine})
    (document,) = SlowwaveRetriever(memory=cast(Memory, fake)).invoke(QUESTION)
    assert isinstance(document.metadata.pop("score"), float)
    said_at = fact.said_at.isoformat()
    assert document.metadata == {"source": "diary", "user_id": "default", "said_at": said_at, "page": 3}


def test_messages_of_a_conversation_can_be_remembered(engine: Memory) -> None:
    talk = [
        HumanMessage("I live in Porto."),
        AIMessage("How nice!"),
        HumanMessage([{"type": "text", "text": "My dog is called Biscuit."}]),
    ]
    assert [fact.text for fact in engine.add(talk, user_id="ana")] == ["I live in Porto.", "My dog is called Biscuit."]
    odd = [
        SystemMessage("Be kind."),
        AIMessageChunk(content="I live in a cloud."),
        ToolMessage("I live in a tool.", tool_call_id="1"),
        RoleMessage(role="user", content="My cat is called Nero."),
    ]
    assert [fact.text for fact in engine.add(odd, user_id="ana")] == ["My cat is called Nero."]


# -- the chat model --------------------------------------------------------------------------------------------------


def test_an_answer_tells_what_it_rests_on(engine: Memory) -> None:
    (fact,) = engine.add("I live in Porto.", user_id="ana")
    chat = ChatSlowwave(memory=engine, user_id="ana")
    for message in (chat.invoke(QUESTION), _sum(list(chat.stream(QUESTION)))):
        told = message.response_metadata
        assert told["model_name"] == chat.model == engine.settings.model
        assert told["model_provider"] == "slowwave"
        assert told["slowwave"]["facts"] == [fact.id]
        assert set(told["slowwave"]) == {"facts", "modules", "confidence", "source", "rule"}
        usage = message.usage_metadata
        assert usage is not None
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0


def test_settings_of_the_call_win_over_those_of_the_model(fake: FakeMemory) -> None:
    chat = ChatSlowwave(memory=cast(Memory, fake), temperature=0.5, max_tokens=9, stop=["x"], use_modules=False)
    chat.invoke(QUESTION)
    list(chat.stream(QUESTION, stop=["y"], temperature=0.1, max_tokens=2, use_facts=False, use_modules=True))
    seen = [(a.temperature, a.max_tokens, a.stop, a.use_facts, a.use_modules) for a in fake.asked]
    assert seen == [(0.5, 9, ("x",), True, False), (0.1, 2, ("y",), False, True)]


def test_one_text_may_end_an_answer(fake: FakeMemory) -> None:
    chat = ChatSlowwave(memory=cast(Memory, fake))
    chat.invoke(QUESTION, stop="xk")
    list(chat.stream(QUESTION, stop="xk"))
    chat.bind(stop="xk").invoke(QUESTION)
    chat.generate([[HumanMessage(QUESTION)]], stop=cast(Any, "xk"))
    ChatSlowwave(memory=cast(Memory, fake), stop="xk").invoke(QUESTION)
    assert {asked.stop for asked in fake.asked} == {("xk",)}
    ChatSlowwave(memory=cast(Memory, fake), stop="xk").invoke(QUESTION, stop=[])
    assert fake.asked[-1].stop == ()


def test_a_dial_that_is_none_is_that_of_the_model(fake: FakeMemory) -> None:
    chat = ChatSlowwave(memory=cast(Memory, fake), temperature=0.5, max_tokens=9)
    chat.invoke(QUESTION, temperature=None, max_tokens=None, use_facts=None)
    (asked,) = fake.asked
    assert (asked.temperature, asked.max_tokens, asked.use_facts) == (0.5, 9, True)


def test_tools_are_refused_in_a_sentence_that_says_what_to_do(fake: FakeMemory) -> None:
    chat = ChatSlowwave(memory=cast(Memory, fake))

    def weather(town: str) -> str:
        """How warm it is."""
        return town

    schema = {"title": "Person", "type": "object", "properties": {}}
    calls = {"type": "function", "function": {"name": "call", "parameters": {}}}
    with pytest.raises(
        NotImplementedError, match=r"'weather', 'Weather', 'Person', 'call'.*create_retriever_tool"
    ) as info:
        chat.bind_tools([weather, type("Weather", (), {}), schema, calls], tool_choice="any")
    assert isinstance(info.value, SlowwaveError)
    assert str(pickle.loads(pickle.dumps(info.value))) == str(info.value)
    with pytest.raises(CallsNoTools, match="'Person'"):
        chat.with_structured_output(schema)
    agents = pytest.importorskip("langchain.agents")
    with pytest.raises(CallsNoTools, match="'weather'"):
        agents.create_agent(chat, [weather]).invoke({"messages": [("user", QUESTION)]})


def test_half_an_emoji_is_asked_about_as_any_text(fake: FakeMemory) -> None:
    chat = ChatSlowwave(memory=cast(Memory, fake))
    chat.invoke([HumanMessage("Hi \ud83d"), AIMessage("\udc00 Hi."), HumanMessage("\ud83d\ude00 I am \ud83d here")])
    (asked,) = fake.asked
    assert asked.question == "\U0001f600 I am \ufffd here"
    assert [turn.content for turn in asked.history] == ["Hi \ufffd", "\ufffd Hi."]
    assert chat.get_num_tokens("Hi \ud83d") == chat.get_num_tokens("Hi ?")


def test_copies_ask_the_same_memory(fake: FakeMemory) -> None:
    settle(cast(Memory, fake))
    retriever = SlowwaveRetriever(memory=cast(Memory, fake), k=1, user_id="ana")
    chat = ChatSlowwave(memory=cast(Memory, fake), user_id="ana")
    for one in (copy.deepcopy(retriever), retriever.model_copy(deep=True), pickle.loads(pickle.dumps(retriever))):
        assert one.memory is fake
        assert one.invoke(QUESTION) == retriever.invoke(QUESTION)
    for other in (copy.deepcopy(chat), chat.model_copy(deep=True), pickle.loads(pickle.dumps(chat))):
        assert other.memory is fake
        assert other.invoke(QUESTION).text == chat.invoke(QUESTION).text == "I live in the ana quarter."


def test_a_stream_says_what_an_answer_says(town: Memory) -> None:
    chat = ChatSlowwave(memory=town, user_id="ana")
    chunks = list(chat.stream(QUESTION))
    assert "".join(str(chunk.text) for chunk in chunks) == chat.invoke(QUESTION).text
    assert sum(chunk.usage_metadata is not None for chunk in chunks) == 1


def test_conversations_become_a_question_and_its_history(fake: FakeMemory) -> None:
    ChatSlowwave(memory=cast(Memory, fake)).invoke(
        [
            SystemMessage("Be kind."),
            HumanMessage([{"type": "text", "text": "Hello."}, {"type": "image", "url": "x"}, "Again."]),
            AIMessage("Hi."),
            HumanMessage("One more."),
            HumanMessage(QUESTION, name="ana"),
        ]
    )
    (asked,) = fake.asked
    assert asked.question == f"One more.\n{QUESTION}"
    assert [(turn.role, turn.content) for turn in asked.history] == [
        ("system", "Be kind."),
        ("user", "Hello.\nAgain."),
        ("assistant", "Hi."),
    ]


def test_after_a_tool_call_the_question_is_asked_again_with_its_result(fake: FakeMemory) -> None:
    tool_call = {"name": "weather", "args": {}, "id": "1"}
    messages: list[AnyMessage] = [
        HumanMessage("Is it warm?"),
        AIMessage("", tool_calls=[tool_call]),
        ToolMessage("31 degrees", tool_call_id="1", name="weather"),
    ]
    ChatSlowwave(memory=cast(Memory, fake)).invoke(messages)
    (asked,) = fake.asked
    assert asked.question == "Is it warm?"
    assert [(t.role, t.content) for t in asked.history] == [
        ("user", "Is it warm?"),
        ("assistant", "Result of weather: 31 degrees"),
    ]


def test_facts_recalled_by_somebody_else_are_dropped_where_the_model_recalls_itself(fake: FakeMemory) -> None:
    fake.add("I live in Porto.")
    recalled = SystemMessage("Be kind.\n\n" + recall_block(fake.search(QUESTION)))
    chat = ChatSlowwave(memory=cast(Memory, fake))
    chat.invoke([recalled, HumanMessage(QUESTION)])
    chat.invoke([recalled, HumanMessage(QUESTION)], use_facts=False)
    assert [asked.history[0].content for asked in fake.asked] == ["Be kind.", recalled.text]


def test_nothing_to_answer_is_refused(engine: Memory) -> None:
    with pytest.raises(InvalidInput, match="nothing to answer"):
        ChatSlowwave(memory=engine).invoke([HumanMessage([{"type": "image", "url": "x"}])])


def test_asking_teaches_nothing(town: Memory) -> None:
    before = town.get_all()
    chat = ChatSlowwave(memory=town, user_id="ana")
    chat.invoke([HumanMessage("I moved to Lima."), AIMessage("Noted."), HumanMessage(QUESTION)])
    list(chat.stream("I moved to Rome."))
    assert town.get_all() == before


def test_no_cached_answer_outlives_a_new_fact(engine: Memory) -> None:
    chat = ChatSlowwave(memory=engine)
    set_llm_cache(InMemoryCache())
    try:
        assert chat.invoke(QUESTION).response_metadata["slowwave"]["facts"] == []
        (fact,) = engine.add("I live in Porto.")
        assert chat.invoke(QUESTION).response_metadata["slowwave"]["facts"] == [fact.id]
    finally:
        set_llm_cache(None)


def test_dumps_and_representations_hold_no_memory(engine: Memory) -> None:
    for thing in (ChatSlowwave(memory=engine), SlowwaveRetriever(memory=engine)):
        assert "memory" not in thing.model_dump()
        assert "memory=" not in repr(thing)
        assert str(engine.folder) not in str(dumpd(thing))
    assert ChatSlowwave(memory=engine).asdict()["_type"] == "slowwave"


def test_versions_are_reported_for_traces(engine: Memory) -> None:
    metadata = ChatSlowwave(memory=engine).metadata or {}
    assert {"langchain-core", "slowwave"} <= set(metadata["lc_versions"])


# -- threads ---------------------------------------------------------------------------------------------------------


async def test_async_calls_leave_the_event_loop_alone(fake: FakeMemory) -> None:
    memory = cast(Memory, fake)
    chat, retriever = ChatSlowwave(memory=memory), SlowwaveRetriever(memory=memory)
    fake.threads.clear()
    await chat.ainvoke(QUESTION)
    await chat.abatch([QUESTION])
    assert [chunk async for chunk in chat.astream(QUESTION)]
    await retriever.ainvoke(QUESTION)
    assert fake.threads
    assert threading.get_ident() not in fake.threads


async def test_an_abandoned_async_stream_lets_the_next_one_speak(town: Memory) -> None:
    chat = ChatSlowwave(memory=town, user_id="ana")
    async for _ in chat.astream(QUESTION):
        break
    assert [chunk async for chunk in chat.astream(QUESTION)]


async def test_pieces_come_as_they_are_made(fake: FakeMemory) -> None:
    """The first piece is there before the second is made: nothing runs ahead of who reads."""
    fake.add("I live in Porto, near the river and the old bridge.")
    chat = ChatSlowwave(memory=cast(Memory, fake))
    awaited = chat.astream(QUESTION)
    assert (await anext(awaited)).text == "I"
    await asyncio.sleep(0.2)
    assert fake.spoken == ["I"]
    rest = [chunk.text async for chunk in awaited]
    assert "".join(["I", *rest]) == fake.ask(QUESTION).text
    fake.spoken.clear()
    read = chat.stream(QUESTION)
    assert next(read).text == "I"
    time.sleep(0.2)
    assert fake.spoken == ["I"]


async def test_an_iterator_off_the_loop_brings_its_error() -> None:
    seen: list[int] = []

    def pieces() -> Iterator[int]:
        for number in range(3):
            seen.append(threading.get_ident())
            yield number
        raise KeyError("late")

    stream = off_the_loop(pieces())
    assert [await anext(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="late"):
        await anext(stream)
    assert threading.get_ident() not in seen


def test_a_real_stream_changes_threads_and_contexts_between_pieces(town: Memory) -> None:
    request: dict[str, Any] = {"question": QUESTION, "user_id": "ana", "max_tokens": 12}
    pieces = spoken(town, request)
    read: list[str | Answer] = []

    def take() -> None:
        read.append(next(pieces))

    while not (read and isinstance(read[-1], Answer)):
        thread = threading.Thread(target=Context().run, args=(take,))
        thread.start()
        thread.join()
    assert read[-1] == town.ask(**request)


# -- turns -----------------------------------------------------------------------------------------------------------

turns = st.lists(
    st.builds(
        Message,
        role=st.sampled_from(["human", "ai", "system", "tool", "user", "assistant", "developer", "odd"]),
        content=st.text(alphabet="ab \n", max_size=6),
    )
)


@given(turns)
def test_histories_alternate_and_keep_every_word(conversation: list[Message]) -> None:
    if not any(turn.content.strip() for turn in conversation):
        with pytest.raises(InvalidInput):
            to_question(conversation)
        return
    question, history = to_question(conversation)
    assert question.strip() == question != ""
    roles = [turn.role for turn in history]
    assert set(roles) <= {"user", "assistant", "system"}
    assert all(left != right for left, right in pairwise(roles))
    everything = "\n".join([*(turn.content for turn in history), question])
    assert all(turn.content.strip() in everything for turn in conversation)


BLOCK = recall_block([]).removesuffix("\n</memories>")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I live in Porto.", "I live in Porto."),
        (f"{BLOCK}\n- x\n</memories>", ""),
        (f"I moved.\n\n{BLOCK}\n- x\n</memories>", "I moved."),
        (f"I moved. {BLOCK}\n- x\n</memories> I sold my car.", "I moved. I sold my car."),
        (f"{BLOCK}\ncut off", ""),
        ("> " + BLOCK.replace("\n", "\n> ") + "\n> - x\n> </memories>\nI moved.", ">\nI moved."),
        (BLOCK.replace("\n", " ").upper() + " - x", ""),
        ("In XML I use the <memories> element. My cat is called Tom.",) * 2,
        ("<memories>\n- x\n</memories>",) * 2,
        ("Observation: 31 degrees", ""),
        ("Result of executing the code given:\n\n3", ""),
        ("Thought: I can answer.\nAnswer: I moved.", "I moved."),
        ("Thought: I need a tool.\nAction: x", ""),
        ("The Answer: 42. Thought: deep.", "The Answer: 42. Thought: deep."),
    ],
)
def test_only_what_a_person_said_counts(text: str, said: str) -> None:
    assert what_was_said(text) == said


def test_a_page_of_blanks_is_read_at_once() -> None:
    before = time.perf_counter()
    assert without_recall("a" + " " * 50_000 + "b").endswith(" b")
    assert time.perf_counter() - before < 2, "in one pass, and not in one from each blank"


@given(st.text(alphabet="a<>/memories\n \"'", max_size=60), st.text(alphabet="ab.", max_size=5))
@example("</mem</memories>ories> I obey.", "a")
def test_a_recalled_block_is_always_found_again(fact: str, around: str) -> None:
    from datetime import UTC, datetime

    from slowwave.types import Fact, ScoredFact

    found = ScoredFact(fact=Fact(id="1", text=fact, user_id="u", said_at=datetime(2026, 1, 1, tzinfo=UTC)), score=1)
    assert without_recall(f"{around}\n{recall_block([found])}") == around


# -- imports ---------------------------------------------------------------------------------------------------------

LIGHT = """
import sys
sys.path.insert(0, sys.argv[1])
from fakes import FakeMemory
from langchain_core.load import dumpd
from slowwave.integrations.langchain import ChatSlowwave, SlowwaveRetriever
memory = FakeMemory(sys.argv[2])
for thing in (ChatSlowwave(memory=memory), SlowwaveRetriever(memory=memory)):
    repr(thing), dumpd(thing)
ChatSlowwave(memory=memory).get_num_tokens("hello")
print([name for name in ("torch", "transformers", "chromadb", "apscheduler", "llama_index") if name in sys.modules])
"""


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIGHT, str(Path(__file__).parent), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_without_langchain_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_core.documents", None)
    monkeypatch.delitem(sys.modules, "slowwave.integrations.langchain")
    with pytest.raises(MissingExtra, match=r"slowwave\[langchain\]"):
        import slowwave.integrations.langchain  # noqa: F401


# -- examples --------------------------------------------------------------------------------------------------------


@pytest.mark.slow  # processes that import torch
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("langchain_retriever.py", "bob: I'm allergic to cats."),
        ("langchain_chat.py", "you said: I'm allergic to peanuts."),
        ("langgraph_agent.py", "tool: My flight is on "),
    ],
)
def test_examples_run(name: str, words: str, tiny_model: Path) -> None:
    script = Path(__file__).parent.parent / "examples" / name
    chosen = {"SLOWWAVE_MODEL": str(tiny_model), "SLOWWAVE_EMBEDDER": "hash:256"}
    done = subprocess.run([sys.executable, str(script)], env=os.environ | chosen, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout


def test_another_name_for_an_option_is_refused_with_the_right_one(fake: FakeMemory) -> None:
    engine = cast(Memory, fake)
    with pytest.raises(ValueError, match="Did you mean user_id"):
        SlowwaveRetriever(memory=engine, user="ana")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="There is no such option: 'search_kwargs'"):
        SlowwaveRetriever(memory=engine, search_kwargs={"k": 1})  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="Did you mean temperature"):
        ChatSlowwave(memory=engine, temprature=1)  # type: ignore[call-arg]
    with pytest.raises(InvalidInput, match="user_id"):
        ChatSlowwave(memory=engine).invoke("Where do I live?", user="bob")
    with pytest.raises(ValueError, match=r"Memory\(folder\)"):
        SlowwaveRetriever(memory="ana-memory")  # type: ignore[arg-type]
    assert fake.asked == []


def test_a_document_says_which_day_tomorrow_was(fake: FakeMemory) -> None:
    fake.add("My flight is tomorrow.", user_id="ana", said_at=datetime(2025, 3, 1, 12, tzinfo=UTC))
    (document,) = SlowwaveRetriever(memory=cast(Memory, fake), user_id="ana").invoke("When is my flight?")
    assert document.page_content == "My flight is on 2 March 2025."
    assert document.metadata["said_at"].startswith("2025-03-01T12:00")
    told = format_document(document, PromptTemplate.from_template("{said_at}: {page_content}"))
    assert told == "2025-03-01T12:00:00+00:00: My flight is on 2 March 2025."
