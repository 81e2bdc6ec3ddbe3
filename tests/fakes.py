"""Stand-ins that behave: small, deterministic, and strict where the real thing is."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple, Self

from slowwave.checking import check_question
from slowwave.errors import FactNotFound, InvalidInput, MemoryClosed, MemoryLocked
from slowwave.intake import Content, to_facts
from slowwave.settings import Settings
from slowwave.types import Answer, Fact, Message, Scalar, ScoredFact

__all__ = ["Asked", "ChatModel", "CompletionModel", "FakeMemory", "FakeStream"]

_generating: ContextVar[object] = ContextVar("fake_generating", default=None)


class Asked(NamedTuple):
    """One question as it reached the memory."""

    question: str
    user_id: str
    history: tuple[Message, ...]
    use_facts: bool
    use_modules: bool
    max_tokens: int | None
    temperature: float
    stop: tuple[str, ...]


class FakeStream:
    """Pieces of an answer, then the answer. Like the model, it sets a context variable for each piece, not between two."""

    def __init__(self, answer: Answer, spoken: list[str]) -> None:
        self._final, self._spoken = answer, spoken
        self.finished = False
        self._pieces = self._speak()

    def _speak(self) -> Iterator[str]:
        for piece in re.findall(r"\s*\S+", self._final.text):
            token = _generating.set(self)
            self._spoken.append(piece)
            _generating.reset(token)
            yield piece
        self.finished = True

    def __iter__(self) -> Iterator[str]:
        return self._pieces

    @property
    def answer(self) -> Answer:
        assert self.finished, "the answer is asked for before the stream is exhausted"
        return self._final


class FakeMemory:
    """A memory in a dict: it finds facts by shared words and answers with the best one."""

    _open: ClassVar[dict[Path, FakeMemory]] = {}

    def __init__(
        self, folder: str | Path = "slowwave-memory", *, settings: Settings | None = None, **overrides: Any
    ) -> None:
        self.folder = Path(folder).expanduser().resolve()
        if self.folder in self._open:
            raise MemoryLocked(str(self.folder), "this process")
        self._open[self.folder] = self
        self.settings = settings or Settings.checked(**overrides)
        self.asked: list[Asked] = []
        """Every question that reached the memory."""
        self.searched: list[tuple[str, str, int]] = []
        """Every search: query, user, k."""
        self.threads: list[int] = []
        """The thread of every call."""
        self.spoken: list[str] = []
        """Every piece that a stream has made so far."""
        self._facts: dict[str, Fact] = {}
        self._closed = False

    @classmethod
    def shared(cls, folder: str | Path = "slowwave-memory", **same: Any) -> FakeMemory:
        return cls._open.get(Path(folder).expanduser().resolve()) or cls(folder, **same)

    def add(
        self,
        content: Content,
        *,
        user_id: str = "default",
        said_at: datetime | None = None,
        source: str | None = None,
        metadata: Mapping[str, Scalar] | None = None,
    ) -> list[Fact]:
        self._enter(user_id)
        facts = to_facts(
            content,
            user_id=user_id,
            said_at=said_at,
            source=source,
            metadata=metadata,
            limit=self.settings.max_fact_chars,
        )
        return [self._facts.setdefault(fact.id, fact) for fact in facts]

    def add_many(self, texts: Sequence[str], **same: Any) -> list[Fact]:
        return [fact for text in texts for fact in self.add(text, **same)]

    def search(
        self, query: str, *, user_id: str = "default", k: int = 5, where: Mapping[str, Scalar] | None = None
    ) -> list[ScoredFact]:
        self._enter(user_id)
        query = check_question(query)
        if k < 1:
            raise InvalidInput("Bad k", k, "Ask for at least one fact.")
        self.searched.append((query, user_id, k))
        wanted = self._words(query)
        scored = [
            ScoredFact(fact=fact, score=len(wanted & self._words(fact.text)) / max(1, len(wanted)))
            for fact in self.get_all(user_id=user_id, where=where)
        ]
        return sorted(scored, key=lambda found: (-found.score, found.id))[:k]

    def get(self, fact_id: str) -> Fact:
        self._enter()
        if fact_id not in self._facts:
            raise FactNotFound(fact_id)
        return self._facts[fact_id]

    def get_all(
        self,
        *,
        user_id: str | None = None,
        where: Mapping[str, Scalar] | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Fact]:
        self._enter()
        wanted = (where or {}).items()
        facts = [f for f in self._facts.values() if user_id in (None, f.user_id) and wanted <= dict(f.metadata).items()]
        return facts[offset:][:limit]

    def delete(self, fact_id: str) -> None:
        del self._facts[self.get(fact_id).id]

    def delete_all(self, *, user_id: str) -> int:
        gone = self.get_all(user_id=user_id)
        for fact in gone:
            del self._facts[fact.id]
        return len(gone)

    def ask(
        self,
        question: str,
        *,
        user_id: str = "default",
        history: Sequence[Message] = (),
        use_facts: bool = True,
        use_modules: bool = True,
        max_tokens: int | None = None,
        temperature: float = 0.0,
        stop: str | Sequence[str] = (),
    ) -> Answer:
        self._enter(user_id)
        stop = (stop,) if isinstance(stop, str) else tuple(stop)
        self.asked.append(
            Asked(question, user_id, tuple(history), use_facts, use_modules, max_tokens, temperature, stop)
        )
        found = [fact for fact in self.search(question, user_id=user_id) if fact.score > 0] if use_facts else []
        words = re.findall(r"\s*\S+", found[0].text if found else "I don't know.")
        text = "".join(words[: max_tokens or self.settings.max_new_tokens])
        for end in stop:
            text = text.split(end)[0]
        return Answer(
            text=text,
            facts=tuple(found),
            confidence=found[0].score if found else 0.0,
            source="facts" if found else "unknown",
            prompt_tokens=len(question.split()) + sum(len(turn.content.split()) for turn in history),
            completion_tokens=len(text.split()),
        )

    def stream(self, question: str, **same: Any) -> FakeStream:
        return FakeStream(self.ask(question, **same), self.spoken)

    @property
    def context_window(self) -> int:
        return 8192

    def version(self, user_id: str | None = None) -> str:
        ids = ",".join(sorted(fact.id for fact in self.get_all(user_id=user_id)))
        return hashlib.sha256(ids.encode()).hexdigest()[:16]

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self._open.pop(self.folder, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.folder, self.settings)

    def _enter(self, user_id: str = "default") -> None:
        if self._closed:
            raise MemoryClosed(str(self.folder))
        if not user_id:
            raise InvalidInput("The user id is empty", user_id, "Name a user.")
        self.threads.append(threading.get_ident())

    @staticmethod
    def _words(text: str) -> set[str]:
        return set(re.findall(r"\w+", text.lower()))


def _revive(kind: type[FakeMemory], folder: Path, settings: Settings) -> FakeMemory:
    return kind.shared(folder, settings=settings)


class ChatModel:
    """Quacks like a LangChain chat model: a queue of replies (as JSON if they are no text) and a history of prompts."""

    def __init__(self, *replies: Any) -> None:
        self.replies, self.prompts = list(replies), list[str]()

    def with_structured_output(self, schema: object) -> object:
        """There only to be seen."""
        raise NotImplementedError

    def invoke(self, prompt: str) -> object:
        """The next reply; one that is an exception is raised."""
        self.prompts.append(prompt)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        blocks = isinstance(reply, list) and any(isinstance(one, dict) and "type" in one for one in reply)
        return SimpleNamespace(content=reply if isinstance(reply, str) or blocks else json.dumps(reply))


class CompletionModel:
    """Quacks like a LlamaIndex LLM that always replies the same."""

    metadata = SimpleNamespace(model_name="pico")

    def __init__(self, reply: object) -> None:
        self.reply = reply if isinstance(reply, str) else json.dumps(reply)

    def complete(self, prompt: str) -> object:
        """The reply."""
        return SimpleNamespace(text=self.reply)
