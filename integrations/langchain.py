"""Slowwave for LangChain and LangGraph: a retriever and a chat model. Needs ``pip install 'slowwave[langchain]'``.

Whose memory is asked is decided per call: an explicit ``user_id=`` argument, else the `user_id` of the constructor,
else ``config["configurable"]["user_id"]``, else ``config["metadata"]["user_id"]``, else "default".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Self

from pydantic import Field, SkipValidation, model_validator

from slowwave.errors import MissingExtra
from slowwave.integrations._answers import answer_details, spoken
from slowwave.integrations._turns import count_tokens, to_question
from slowwave.memory import Memory
from slowwave.types import Answer

try:
    from langchain_core.caches import BaseCache
    from langchain_core.callbacks import (
        AsyncCallbackManagerForRetrieverRun,
        CallbackManagerForLLMRun,
        CallbackManagerForRetrieverRun,
    )
    from langchain_core.documents import Document
    from langchain_core.language_models import BaseChatModel, LanguageModelInput
    from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
    from langchain_core.messages.ai import UsageMetadata
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import RunnableConfig
    from langchain_core.runnables.config import ensure_config, run_in_executor
except ImportError as error:
    raise MissingExtra("slowwave.integrations.langchain", "langchain") from error

__all__ = ["ChatSlowwave", "SlowwaveRetriever"]

Engine = Annotated[Memory, SkipValidation]
"""A live memory in a field: not in dumps, yet carried over when LangChain rebuilds the object from its fields."""


@cache
def _version() -> str:
    try:
        return version("slowwave")
    except PackageNotFoundError:  # run from a source tree
        return "0"


def _scope(explicit: object, pinned: str | None, config: RunnableConfig) -> str:
    """Whose memory a call is about; the order is in the module's docstring."""
    places = (config.get("configurable") or {}, config.get("metadata") or {})
    for user_id in (explicit, pinned, *(place.get("user_id") for place in places)):
        if user_id is not None:
            return str(user_id)
    return "default"


class SlowwaveRetriever(BaseRetriever):
    """Finds what a user once said.

    Documents carry the fact's id and its metadata, and on top `user_id`, `score` (0 to 1), `source` and `said_at`
    (ISO 8601). Best first.
    """

    memory: Engine = Field(exclude=True, repr=False)
    k: int = 4
    """How many documents; `invoke` takes `k` too."""
    user_id: str | None = None
    """Pin the retriever to one user; None leaves it to each call."""
    where: dict[str, Any] | None = None
    """Only facts whose metadata (or source) equal these values."""

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """Find documents; takes `k` and `user_id`."""
        # LangChain hands the configuration to `_get_relevant_documents` only inside of a chain, so it is read here.
        kwargs["user_id"] = _scope(kwargs.get("user_id"), self.user_id, ensure_config(config))
        return super().invoke(input, config, **kwargs)

    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """Find documents off the event loop; takes `k` and `user_id`."""
        kwargs["user_id"] = _scope(kwargs.get("user_id"), self.user_id, ensure_config(config))
        return await super().ainvoke(input, config, **kwargs)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        user_id: str | None = None,
    ) -> list[Document]:
        user_id = _scope(user_id, self.user_id, {"metadata": run_manager.metadata})
        found = self.memory.search(query, user_id=user_id, k=self.k if k is None else k, where=self.where)
        return [
            Document(
                id=scored.id,
                page_content=scored.text,
                metadata={
                    **scored.fact.metadata,
                    "user_id": scored.fact.user_id,
                    "score": scored.score,
                    "source": scored.fact.source,
                    "said_at": scored.fact.said_at.isoformat(),
                },
            )
            for scored in found
        ]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        user_id: str | None = None,
    ) -> list[Document]:
        return await run_in_executor(
            None, self._get_relevant_documents, query, run_manager=run_manager.get_sync(), k=k, user_id=user_id
        )


class ChatSlowwave(BaseChatModel):
    """Answers from a user's facts and modules, in place of any chat model.

    Nothing is learned from the conversation: `memory.add` decides what is worth remembering. The last human message
    is the question, what stands before it the history. `temperature`, `max_tokens`, `stop`, `use_facts`, `use_modules`
    and `user_id` may also be given per call. Only text is read; other content blocks are skipped.

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
    stop: list[str] | None = None
    use_facts: bool = True
    use_modules: bool = True
    cache: BaseCache | bool | None = Field(default=False, exclude=True)
    """Off, also where a global cache is set: a cached answer would not know what was said since."""

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
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Answer the last human message."""
        return super().invoke(input, config, stop=stop, **self._scoped(config, kwargs))

    async def ainvoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Answer the last human message, off the event loop."""
        return await super().ainvoke(input, config, stop=stop, **self._scoped(config, kwargs))

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Answer the last human message piece by piece."""
        return super().stream(input, config, stop=stop, **self._scoped(config, kwargs))

    def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Answer the last human message piece by piece, off the event loop."""
        return super().astream(input, config, stop=stop, **self._scoped(config, kwargs))

    def stream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Answer as events; see LangChain."""
        return super().stream_events(input, config, **self._scoped(config, kwargs))

    def astream_events(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Answer as events, off the event loop; see LangChain."""
        return super().astream_events(input, config, **self._scoped(config, kwargs))

    def _scoped(self, config: RunnableConfig | None, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**kwargs, "user_id": _scope(kwargs.get("user_id"), self.user_id, ensure_config(config))}

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
        use_facts = given.get("use_facts", self.use_facts)
        question, history = to_question(messages, drop_recall=use_facts)
        return {
            "question": question,
            "history": history,
            "user_id": _scope(given.get("user_id"), self.user_id, config),
            "use_facts": use_facts,
            "use_modules": given.get("use_modules", self.use_modules),
            "max_tokens": given.get("max_tokens", self.max_tokens),
            "temperature": given.get("temperature", self.temperature),
            "stop": tuple(self.stop or () if stop is None else stop),
        }

    def _metadata(self, answer: Answer, given: dict[str, Any]) -> dict[str, Any]:
        return {
            "model_name": given.get("model", self.model),
            "model_provider": "slowwave",
            "slowwave": answer_details(answer),
        }


def _usage(answer: Answer) -> UsageMetadata:
    return UsageMetadata(
        input_tokens=answer.prompt_tokens,
        output_tokens=answer.completion_tokens,
        total_tokens=answer.prompt_tokens + answer.completion_tokens,
    )
