"""Slowwave for LangChain and LangGraph: a retriever and a chat model. Needs ``pip install 'slowwave[langchain]'``.

Whose memory is asked is decided per call: an explicit ``user_id=`` argument, else the `user_id` of the constructor,
else ``config["configurable"]["user_id"]``, else the `user_id` of the context that a LangGraph run was given, else
``config["metadata"]["user_id"]``, else "default".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from slowwave.errors import MissingExtra
from slowwave.prompts import dated
from slowwave.types import ScoredFact

try:
    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import RunnableConfig
    from langchain_core.runnables.config import ensure_config, run_in_executor

    from slowwave.integrations._langchain_chat import CallsNoTools, ChatSlowwave
    from slowwave.integrations._langchain_user import Engine, whose
    from slowwave.integrations._options import check_options
except ImportError as error:
    raise MissingExtra("slowwave.integrations.langchain", "langchain") from error

__all__ = ["CallsNoTools", "ChatSlowwave", "SlowwaveRetriever"]


class SlowwaveRetriever(BaseRetriever):
    """Finds what a user once said.

    A document's text is the fact's with its days as dates: "My flight is tomorrow" would mean another day to whoever reads it.
    Documents carry the fact's id and its metadata, and on top `user_id`, `score` (0 to 1), `source` and `said_at`
    (ISO 8601). Best first; none for an empty query. `k`, `user_id`, `where` and `score_threshold` may also be given per
    call, in place of the retriever's own.

    Whoever joins the bare texts cannot see which of two is newer: `format_document(document, prompt)` with the prompt
    `PromptTemplate.from_template("{said_at}: {page_content}")` shows it, as does a chain's `document_prompt`.
    """

    memory: Engine = Field(exclude=True, repr=False)
    k: int = 4
    """How many documents; 0 finds none."""
    user_id: str | None = None
    """Pin the retriever to one user; None leaves it to each call."""
    where: dict[str, Any] | None = None
    """Only facts whose metadata (or source) equal these values."""
    score_threshold: float | None = None
    """Only facts that score at least this much; None takes the best, however bad they are."""

    @model_validator(mode="before")
    @classmethod
    def _check(cls, given: object) -> object:
        check_options(given, cls.model_fields)
        return given

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """Find documents; takes `k`, `user_id`, `where` and `score_threshold`."""
        # LangChain hands the configuration to `_get_relevant_documents` only inside of a chain, so it is read here.
        kwargs["user_id"] = whose(kwargs.get("user_id"), self.user_id, ensure_config(config))
        return super().invoke(input, config, **kwargs)

    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """Find documents off the event loop; takes what `invoke` takes."""
        kwargs["user_id"] = whose(kwargs.get("user_id"), self.user_id, ensure_config(config))
        return await super().ainvoke(input, config, **kwargs)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        user_id: str | None = None,
        where: Mapping[str, Any] | None = None,
        score_threshold: float | None = None,
    ) -> list[Document]:
        k = self.k if k is None else k
        if k == 0 or not str(query).strip():  # what is no text is refused by the memory
            return []  # one empty question of a batch must not take the others with it
        user_id = whose(user_id, self.user_id, {"metadata": run_manager.metadata})
        found = self.memory.search(query, user_id=user_id, k=k, where=self.where if where is None else where)
        least = self.score_threshold if score_threshold is None else score_threshold
        return [_document(scored) for scored in found if least is None or scored.score >= least]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **given: Any
    ) -> list[Document]:
        return await run_in_executor(
            None, self._get_relevant_documents, query, run_manager=run_manager.get_sync(), **given
        )


def _document(scored: ScoredFact) -> Document:
    return Document(
        id=scored.id,
        page_content=dated(scored.fact).text,
        metadata={
            **scored.fact.metadata,
            "user_id": scored.fact.user_id,
            "score": scored.score,
            "source": scored.fact.source,
            "said_at": scored.fact.said_at.isoformat(),
        },
    )
