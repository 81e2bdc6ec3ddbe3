"""The chat model of the LangChain bridge; import it from `slowwave.integrations.langchain`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self

from langchain_core.caches import BaseCache
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config
from pydantic import Field, model_validator

from slowwave.awaited import in_a_thread
from slowwave.errors import SlowwaveError
from slowwave.integrations._answers import answer_details, spoken
from slowwave.integrations._langchain_user import Engine, whose
from slowwave.integrations._options import check_call, check_options
from slowwave.integrations._turns import count_tokens, stops, to_question
from slowwave.types import Answer

__all__ = ["CallsNoTools", "ChatSlowwave"]


class CallsNoTools(SlowwaveError, NotImplementedError):
    """Tools, or a structured output, were asked of a model that only answers."""

    def __init__(self, tools: list[str]) -> None:
        self.tools = tools

    def __str__(self) -> str:
        return (
            f"ChatSlowwave calls no tools and was given {', '.join(map(repr, self.tools)) or 'some'}: let another model call "
            "them, and give it the memory as one of them with "
            "create_retriever_tool(SlowwaveRetriever(memory=memory), name, description)."
        )


_COMMON = ("timeout", "max_retries", "api_key", "base_url", "streaming")
"""What LangChain hands to any chat model: `init_chat_model` and its like."""


@cache
def _version() -> str:
    try:
        return version("slowwave")
    except PackageNotFoundError:  # run from a source tree
        return "0"


class ChatSlowwave(BaseChatModel):
    """Answers from a user's facts and modules, in place of any chat model.

    What is not about the user is declined ("I don't know."), unless the memory is opened with `strict=False`; an agent that
    talks and calls tools takes another model, and the memory's retriever as a tool. Nothing is learned from the
    conversation: `memory.add` decides what is worth remembering. The last human message is the question, what stands before
    it the history. `temperature`, `max_tokens`, `stop`, `use_facts`, `use_modules` and `user_id` may also be given per call.
    Only text is read; other content blocks are skipped.

    Messages carry `usage_metadata` and in `response_metadata["slowwave"]` what the answer rests on: fact ids, modules
    with their weights, confidence, source.

    Raises:
        InvalidInput: when called without any text.
    """

    memory: Engine = Field(exclude=True, repr=False)
    model: str = ""
    """The name that responses report; the memory's base model answers, whatever the name."""
    user_id: str | None = None
    """Pin the model to one user; None leaves it to each call."""
    temperature: float = 0.0
    max_tokens: int | None = None
    """The longest answer, in tokens; None takes the memory's setting."""
    stop: str | list[str] | None = None
    """The text, or the texts, that end an answer."""
    use_facts: bool = True
    use_modules: bool = True
    cache: BaseCache | bool | None = Field(default=False, exclude=True)
    """Off, also where a global cache is set: a cached answer would not know what was said since."""

    @model_validator(mode="before")
    @classmethod
    def _check(cls, given: object) -> object:
        check_options(given, cls.model_fields, besides=_COMMON)
        return given

    @model_validator(mode="after")
    def _set_slowwave_version(self) -> Self:
        self.model = self.model or self.memory.settings.model
        self._add_version("slowwave", _version())
        return self

    @property
    def _llm_type(self) -> str:
        return "slowwave"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        names = ("model", "user_id", "temperature", "max_tokens", "stop", "use_facts", "use_modules")
        return {name: getattr(self, name) for name in names}

    def get_num_tokens(self, text: str) -> int:
        """Estimate the tokens of a text without loading a tokenizer."""
        return count_tokens(text)

    # -- the configuration reaches `_generate` and `_stream` only inside of a chain, so the user is read here --------

    def invoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: str | list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Answer the last human message."""
        return super().invoke(input, config, stop=_listed(stop), **self._scoped(config, kwargs))

    async def ainvoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: str | list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Answer the last human message, off the event loop."""
        return await super().ainvoke(input, config, stop=_listed(stop), **self._scoped(config, kwargs))

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: str | list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Answer the last human message piece by piece."""
        return super().stream(input, config, stop=_listed(stop), **self._scoped(config, kwargs))

    def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: str | list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Answer the last human message piece by piece, off the event loop."""
        return super().astream(input, config, stop=_listed(stop), **self._scoped(config, kwargs))

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """Refuse: the model answers and calls no tools. Structured output is asked for as a tool as well.

        Raises:
            CallsNoTools: always.
        """
        raise CallsNoTools([_tool_name(tool) for tool in tools])

    def stream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Answer as events; see LangChain."""
        return super().stream_events(input, config, **self._scoped(config, kwargs))

    def astream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Answer as events, off the event loop; see LangChain."""
        return super().astream_events(input, config, **self._scoped(config, kwargs))

    def _scoped(self, config: RunnableConfig | None, kwargs: dict[str, Any]) -> dict[str, Any]:
        check_call(kwargs)
        return {**kwargs, "user_id": whose(kwargs.get("user_id"), self.user_id, ensure_config(config))}

    # -- answering -----------------------------------------------------------------------------------------------

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        answer = self.memory.ask(**self._request(messages, stop, run_manager, kwargs))
        message = AIMessage(
            answer.text, usage_metadata=_usage(answer), response_metadata=self._metadata(answer, kwargs)
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        manager = run_manager.get_sync() if run_manager else None
        return await in_a_thread("answer", self._generate, messages, stop, manager, **kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for piece in spoken(self.memory, self._request(messages, stop, run_manager, kwargs)):
            if isinstance(piece, Answer):
                message = AIMessageChunk(
                    content="",
                    usage_metadata=_usage(piece),
                    response_metadata=self._metadata(piece, kwargs),
                    chunk_position="last",
                )
            else:
                message = AIMessageChunk(content=piece)
            chunk = ChatGenerationChunk(message=message)
            if run_manager and message.content:
                run_manager.on_llm_new_token(str(message.content), chunk=chunk)
            yield chunk

    def _request(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        run_manager: CallbackManagerForLLMRun | None,
        given: dict[str, Any],
    ) -> dict[str, Any]:
        """The arguments of `Memory.ask` and `Memory.stream`."""
        config = ensure_config({"metadata": run_manager.metadata} if run_manager else None)
        names = ("use_facts", "use_modules", "max_tokens", "temperature")
        dials = {name: getattr(self, name) if given.get(name) is None else given[name] for name in names}
        question, history = to_question(messages, drop_recall=dials["use_facts"])
        return {
            "question": question,
            "history": history,
            "user_id": whose(given.get("user_id"), self.user_id, config),
            "stop": stops(self.stop if stop is None else stop),
            **dials,
        }

    def _metadata(self, answer: Answer, given: dict[str, Any]) -> dict[str, Any]:
        return {
            "model_name": given.get("model", self.model),
            "model_provider": "slowwave",
            "slowwave": answer_details(answer),
        }


def _listed(stop: str | list[str] | None) -> list[str] | None:
    return None if stop is None else stops(stop)


def _tool_name(tool: Any) -> str:
    """What a tool is called: a tool, a class, a function, or a dictionary as OpenAI's."""
    if isinstance(tool, Mapping):
        tool = tool.get("function") or tool
        return str(tool.get("name") or tool.get("title") or tool.get("type"))
    return str(getattr(tool, "name", None) or getattr(tool, "__name__", tool))


def _usage(answer: Answer) -> UsageMetadata:
    return UsageMetadata(
        input_tokens=answer.prompt_tokens,
        output_tokens=answer.completion_tokens,
        total_tokens=answer.prompt_tokens + answer.completion_tokens,
    )
