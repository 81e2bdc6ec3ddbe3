"""The LLM of the LlamaIndex bridge; import it from `slowwave.integrations.llama_index`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.custom import CustomLLM
from pydantic import Field, SkipValidation, model_validator

from slowwave.awaited import in_a_thread, off_the_loop
from slowwave.integrations._answers import answer_details, answer_usage, spoken
from slowwave.integrations._options import check_call, check_options
from slowwave.integrations._templates import unwrapped
from slowwave.integrations._turns import stops, to_question
from slowwave.memory import Memory
from slowwave.types import Answer

__all__ = ["SlowwaveLLM"]


class SlowwaveLLM(CustomLLM):
    """Answers from a user's facts and modules, in place of any LLM.

    `chat` takes the last user message as the question and the rest as history; `complete` takes the prompt as the
    question. Of LlamaIndex's own templates, in which query engines hand in what they retrieved, only the question is asked: the
    memory recalls by itself; and a question that a chat engine wants in other words comes back as it is. What is not about the
    user is declined ("I don't know."), unless the memory is opened with `strict=False`; it calls no tools, so a
    `FunctionAgent` needs another LLM, with the memory's retriever as a tool. Nothing is learned. `user_id`, `temperature`,
    `max_tokens`, `stop`, `use_facts` and `use_modules` may also be given per call. Responses carry what the answer rests on in
    `raw`, and token counts in `additional_kwargs`.
    """

    memory: Annotated[Memory, SkipValidation] = Field(exclude=True, repr=False)
    user_id: str = "default"
    temperature: float = 0.0
    max_tokens: int | None = None
    """The longest answer, in tokens; None takes the memory's setting."""
    stop: str | list[str] = Field(default_factory=list)
    """The text, or the texts, that end an answer."""
    use_facts: bool = True
    use_modules: bool = True
    context_window: int | None = None
    """How much the base model reads, in tokens; None takes what the model says of itself."""

    @model_validator(mode="before")
    @classmethod
    def _check(cls, given: object) -> object:
        check_options(given, cls.model_fields, besides=("class_name",))
        return given

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serializes this class."""
        return "SlowwaveLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex must know about the model; loads nothing."""
        return LLMMetadata(
            context_window=self.context_window or self.memory.context_window,
            num_output=self.max_tokens or self.memory.settings.max_new_tokens,
            is_chat_model=True,
            model_name=self.memory.settings.model,
        )

    def __getstate__(self) -> dict[str, Any]:
        # LlamaIndex deletes what cannot be pickled from the object whose state it takes, so it is handed a copy. The memory
        # stays: an LLM without it would fail at its first question, and pickling fails where it happens.
        state: dict[str, Any] = super(SlowwaveLLM, self.model_copy()).__getstate__()
        state["__dict__"]["memory"] = self.memory
        return state

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Answer a question."""
        return _completion(self._ask(prompt, kwargs))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Answer a question off the event loop."""
        return _completion(await in_a_thread("answer", self._ask, prompt, kwargs))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """Answer a question piece by piece."""
        return (_completion(answer, delta) for delta, answer in self._pieces(prompt, kwargs))

    @llm_completion_callback()
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """Answer a question piece by piece, off the event loop."""
        pieces = off_the_loop(self._pieces(prompt, kwargs))
        return (_completion(answer, delta) async for delta, answer in pieces)

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer the last user message."""
        return _chat(self._ask(messages, kwargs))

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer the last user message off the event loop."""
        return _chat(await in_a_thread("answer", self._ask, messages, kwargs))

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Answer the last user message piece by piece."""
        return (_chat(answer, delta) for delta, answer in self._pieces(messages, kwargs))

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """Answer the last user message piece by piece, off the event loop."""
        pieces = off_the_loop(self._pieces(messages, kwargs))
        return (_chat(answer, delta) async for delta, answer in pieces)

    def _ask(self, asked: str | Sequence[ChatMessage], given: dict[str, Any]) -> Answer:
        request = self._request(asked, given)
        return request if isinstance(request, Answer) else self.memory.ask(**request)

    def _pieces(self, asked: str | Sequence[ChatMessage], given: dict[str, Any]) -> Iterator[tuple[str, Answer]]:
        """Each piece with the answer so far; at the end "" with the whole answer."""
        text, request = "", self._request(asked, given)
        if isinstance(request, Answer):
            yield request.text, request
            return
        for piece in spoken(self.memory, request):
            if isinstance(piece, Answer):
                yield "", piece
            else:
                text += piece
                yield piece, Answer(text=text)

    def _request(self, asked: str | Sequence[ChatMessage], given: dict[str, Any]) -> dict[str, Any] | Answer:
        """The arguments of `Memory.ask` and `Memory.stream`, or what is answered without a memory."""
        check_call(given)
        names = ("user_id", "temperature", "max_tokens", "stop", "use_facts", "use_modules")
        request = {name: getattr(self, name) if given.get(name) is None else given[name] for name in names}
        request["stop"] = stops(request["stop"])
        messages = [ChatMessage(content=asked)] if isinstance(asked, str) else asked
        question, history = to_question(messages, drop_recall=request["use_facts"])
        if (wrapped := unwrapped(question)) is not None:
            if wrapped.rewrite:
                return Answer(text=wrapped.question)
            # What else the template says is how to use what was retrieved.
            question, history = wrapped.question, [turn for turn in history if turn.role != "system"]
        return {"question": question, "history": history, **request}


def _completion(answer: Answer, delta: str | None = None) -> CompletionResponse:
    return CompletionResponse(
        text=answer.text, delta=delta, raw=answer_details(answer), additional_kwargs=answer_usage(answer)
    )


def _chat(answer: Answer, delta: str | None = None) -> ChatResponse:
    return ChatResponse(
        message=ChatMessage(role=MessageRole.ASSISTANT, content=answer.text),
        delta=delta,
        raw=answer_details(answer),
        additional_kwargs=answer_usage(answer),
    )
