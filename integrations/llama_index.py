"""Slowwave for LlamaIndex: a chat memory, a retriever and an LLM. Needs ``pip install 'slowwave[llama-index]'``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast
from uuid import uuid4

from pydantic import ConfigDict, Field, PrivateAttr, field_validator, model_validator

from slowwave.errors import InvalidInput, MissingExtra
from slowwave.integrations._options import check_options
from slowwave.integrations._sessions import Session, session
from slowwave.integrations._turns import count_tokens, recall_block, sound, what_was_said, without_recall
from slowwave.memory import Memory
from slowwave.prompts import dated
from slowwave.types import Message, ScoredFact

try:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
    from llama_index.core.callbacks import CallbackManager
    from llama_index.core.llms.llm import LLM
    from llama_index.core.memory.types import BaseMemory
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    from slowwave.integrations._llama_llm import SlowwaveLLM
except ImportError as error:
    raise MissingExtra("slowwave.integrations.llama_index", "llama-index") from error

__all__ = ["SlowwaveLLM", "SlowwaveMemory", "SlowwaveRetriever"]

logger = logging.getLogger(__name__)


class SlowwaveMemory(BaseMemory):
    """A chat memory that learns what the user says and recalls it, for chat engines and agents.

    `get` returns the conversation, cut to `token_limit` at the start of a turn, and before it one system message with
    the facts that fit the newest user message, the best of them where not all have room. `put` adds to the conversation
    and learns from user messages; answers, tool results and recalled facts are never learned. `reset` ends the
    conversation and keeps what was learned.

    Every field is plain JSON, and conversations live as long as the process, so the memory goes on when a workflow's
    context is used again or restored. It has no length on purpose: frameworks take an empty one for a missing one.
    """

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    path: str
    """The memory folder."""
    user_id: str = "default"
    session_id: str = Field(default_factory=lambda: uuid4().hex)
    k: int = Field(default=4, ge=0)
    """How many facts `get` recalls; 0 recalls none."""
    token_limit: int = 3000
    """How long `get` may become, in estimated tokens. The newest turn is never cut; facts have what it leaves."""
    capture: bool = True
    """Whether user messages are learned."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """How to open the folder where it is not open yet: the settings that differ from the defaults."""

    _engine: Memory | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _check(cls, given: object) -> object:
        if isinstance(given, Mapping) and "memory" in given:
            remedy = "It is rebuilt from plain data: build it with SlowwaveMemory.from_defaults(memory=...)."
            raise InvalidInput("A SlowwaveMemory holds no memory object", "memory", remedy)
        return given

    @field_validator("path", mode="before")
    @classmethod
    def _resolve(cls, value: str | Path) -> str:
        return str(Path(value).expanduser().resolve())

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serializes this class."""
        return "SlowwaveMemory"

    @classmethod
    def from_defaults(
        cls,
        chat_history: list[ChatMessage] | None = None,
        llm: LLM | None = None,
        memory: Memory | None = None,
        user_id: str = "default",
        session_id: str | None = None,
        token_limit: int = 3000,
        **kwargs: Any,
    ) -> Self:
        """Build a chat memory.

        Args:
            chat_history: a conversation to go on with; it is not learned.
            llm: not needed; LlamaIndex passes it.
            memory: an open memory; without one, the folder `path` ("slowwave-memory") is opened, or shared if open.
            user_id: whose facts to learn and recall.
            session_id: the conversation to go on with; a new one if None.
            token_limit: how long `get` may become.
            kwargs: further fields.
        """
        if memory is not None:
            kwargs["path"] = memory.folder
            kwargs.setdefault("settings", memory.settings.model_dump(mode="json", exclude_defaults=True))
        kwargs.setdefault("path", "slowwave-memory")
        if session_id is not None:
            kwargs["session_id"] = session_id
        built = cls(user_id=user_id, token_limit=token_limit, **kwargs)
        built._engine = memory
        if chat_history:
            built._session.replace(_cleaned(chat_history))
        return built

    def __getstate__(self) -> dict[str, Any]:
        # Where it is unpickled the folder may be another process's; like after JSON, it is opened when it is needed.
        kept = self.model_copy()
        kept._engine = None
        return super(SlowwaveMemory, kept).__getstate__()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        # A copy looks at the same folder and conversation: there is nothing deep to copy, and locks cannot be.
        return self.model_copy()

    @property
    def engine(self) -> Memory:
        """The memory behind it: the one given while it is open, or the one this process has open on `path`, or a new one."""
        if self._engine is None or self._engine.closed:
            self._engine = Memory.shared(self.path, **self.settings)
        return self._engine

    @property
    def _session(self) -> Session[ChatMessage]:
        return cast("Session[ChatMessage]", session(self.path, self.user_id, self.session_id))

    def get(self, input: str | None = None, **kwargs: Any) -> list[ChatMessage]:
        """The recalled facts as one system message, if any, and the newest turns of the conversation.

        Args:
            input: what to recall facts for; the newest user message if None.
            kwargs: `initial_token_count`, tokens that are taken already.
        """
        messages, learned = self._session.snapshot()
        newest = next((m.content or "" for m in reversed(messages) if m.role == MessageRole.USER), "")
        query = newest if input is None else _clean(input)
        # The question itself was learned a moment ago; recalling it would only repeat it.
        facts = self._recall(query, without=learned if query == newest else frozenset())
        room = self.token_limit - int(kwargs.get("initial_token_count", 0))
        block = _block(facts, room - sum(map(_size, _newest_turns(messages, 0))))
        return block + _newest_turns(messages, room - sum(map(_size, block)))

    def get_all(self) -> list[ChatMessage]:
        """The whole conversation, without recalled facts."""
        return self._session.snapshot()[0]

    def put(self, message: ChatMessage) -> None:
        """Add a message to the conversation; learn from it if the user said it."""
        for kept in _cleaned([message]):
            self._session.append(kept, self._learn(kept))

    def set(self, messages: list[ChatMessage]) -> None:
        """Replace the conversation.

        Only a user message at its end is learned: it is the turn to be answered now. What lies before was learned
        when it was said, and may have been forgotten since.
        """
        kept = _cleaned(messages)
        learned = self._learn(kept[-1]) if kept else None
        self._session.replace(kept, learned or frozenset())

    def reset(self) -> None:
        """End the conversation; what was learned from it stays."""
        self._session.replace()

    def _learn(self, message: ChatMessage) -> frozenset[str] | None:
        """Ids of the facts that a user message became; None for messages of others."""
        if message.role != MessageRole.USER:
            return None
        said = what_was_said(message.content or "")
        if not said or not self.capture:
            return frozenset()
        try:
            facts = self.engine.add([Message(role="user", content=said)], user_id=self.user_id)
        except InvalidInput as error:
            # A pasted page is a fine chat message and no fact: the conversation must go on.
            logger.warning("a chat message was not learned: %s", error.what)
            return frozenset()
        return frozenset(fact.id for fact in facts)

    def _recall(self, query: str, without: frozenset[str]) -> list[ScoredFact]:
        query = query.strip()
        if not query or self.k == 0:
            return []
        found = self.engine.search(query, user_id=self.user_id, k=self.k + len(without) + 1)
        return [fact for fact in found if fact.id not in without and fact.text.strip() != query][: self.k]


def _cleaned(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The messages without recalled blocks and half characters, and without messages that were nothing but a block."""
    kept = []
    for message in messages:
        content = message.content or ""
        if _clean(content) == content:
            kept.append(message)
            continue
        blocks = [
            TextBlock(text=_clean(block.text)) if isinstance(block, TextBlock) else block for block in message.blocks
        ]
        blocks = [block for block in blocks if not isinstance(block, TextBlock) or block.text]
        if blocks:
            kept.append(message.model_copy(update={"blocks": blocks}))
    return kept


def _clean(text: str) -> str:
    return without_recall(sound(text))


def _block(facts: Sequence[ScoredFact], budget: int) -> list[ChatMessage]:
    """The system message with the facts, best first, that fit; none if none does."""
    for count in range(len(facts), 0, -1):
        message = ChatMessage(role=MessageRole.SYSTEM, content=recall_block(facts[:count]))
        if _size(message) <= budget:
            return [message]
    return []


def _size(message: ChatMessage) -> int:
    return count_tokens(message.content or "") + 4  # the role and its markers


def _newest_turns(messages: Sequence[ChatMessage], budget: int) -> list[ChatMessage]:
    """System messages, and the newest whole turns that fit beside them; the newest turn in any case.

    A turn is a user message and all that follows it, so a tool's result is never parted from its call.
    """
    budget -= sum(_size(message) for message in messages if message.role == MessageRole.SYSTEM)
    turn = [0] * len(messages)
    for i in range(1, len(messages)):
        turn[i] = turn[i - 1] + (messages[i].role == MessageRole.USER)
    kept: set[int] = set()
    for number in range(max(turn, default=-1), -1, -1):
        budget -= sum(_size(m) for m, t in zip(messages, turn, strict=True) if t == number and m.role != "system")
        if kept and budget < 0:
            break
        kept.add(number)
    return [m for m, t in zip(messages, turn, strict=True) if t in kept or m.role == MessageRole.SYSTEM]


class SlowwaveRetriever(BaseRetriever):
    """Finds what a user once said, best first.

    A node's text is the fact's with its days as dates, for "tomorrow" would mean another day. Nodes carry the fact's id and
    its metadata, and on top `user_id`, `source` and `said_at` (ISO 8601); an LLM is shown the text and `said_at`. There are
    none for an empty query.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        user_id: str = "default",
        similarity_top_k: int = 4,
        where: Mapping[str, Any] | None = None,
        similarity_cutoff: float | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        """Find facts of one user.

        Args:
            where: only those whose metadata (or source) equal these values.
            similarity_cutoff: only those that score at least this much (0 to 1).
        """
        check_options({"memory": memory}, ("memory",))
        super().__init__(callback_manager=callback_manager)
        self.memory = memory
        self.user_id = user_id
        self.similarity_top_k = similarity_top_k
        self.where = where
        self.similarity_cutoff = similarity_cutoff

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        query, k, least = query_bundle.query_str, self.similarity_top_k, self.similarity_cutoff
        if k == 0 or not str(query).strip():
            return []
        found = self.memory.search(query, user_id=self.user_id, k=k, where=self.where)
        return [_node(scored) for scored in found if least is None or scored.score >= least]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _node(scored: ScoredFact) -> NodeWithScore:
    fact = scored.fact
    metadata = {
        **fact.metadata,
        "user_id": fact.user_id,
        "source": fact.source,
        "said_at": fact.said_at.isoformat(),
    }
    node = TextNode(
        id_=fact.id,
        text=dated(fact).text,
        metadata=metadata,
        excluded_llm_metadata_keys=[key for key in metadata if key != "said_at"],
        excluded_embed_metadata_keys=list(metadata),
    )
    return NodeWithScore(node=node, score=scored.score)
