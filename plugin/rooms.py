"""The rooms of one memory folder: each opens with the first call that needs it and is wired to the others here."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slowwave.adapters_store.layout import FolderLayout
from slowwave.adapters_store.store import AdapterStore
from slowwave.errors import MemoryClosed
from slowwave.origin import remember
from slowwave.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slowwave.answering import Answerer
    from slowwave.embedder import Embedder
    from slowwave.facts import FactStore
    from slowwave.model import BaseModel
    from slowwave.recall import Recall
    from slowwave.retold import Retold

__all__ = ["Rooms"]


@dataclass(frozen=True)
class _Archive:
    """What opens with the first fact or search."""

    embedder: Embedder
    facts: FactStore
    recall: Recall
    retold: Retold


class Rooms:
    """Facts, recall, modules and answers of one folder.

    The store of modules is open from the start, the fact store and its embedder open with the first fact or search, the base
    model with the first question. Whoever changes facts or modules holds `guard`; the base model is loaded beside it, so that
    facts can be told meanwhile.
    """

    def __init__(self, layout: FolderLayout, settings: Settings) -> None:
        self.layout = layout
        self.settings = settings
        self.guard = threading.RLock()
        self.store = AdapterStore(layout)
        self.closed = False
        self._archive: _Archive | None = None
        self._answerer: Answerer | None = None
        self._loading = threading.Lock()
        """Taken before `guard`, never inside it."""

    @property
    def embedder(self) -> Embedder:
        """Turns texts into vectors."""
        return self._open().embedder

    @property
    def facts(self) -> FactStore:
        """The truth about facts."""
        return self._open().facts

    @property
    def recall(self) -> Recall:
        """Finds facts."""
        return self._open().recall

    @property
    def retold(self) -> Retold:
        """When messages were first told."""
        return self._open().retold

    @property
    def answerer(self) -> Answerer:
        """Answers; loads the base model."""
        archive = self._open()
        if (ready := self._answerer) is not None:
            return ready
        with self._loading:
            if (ready := self._answerer) is not None:
                return ready
            from slowwave.answering import Answerer
            from slowwave.loading import load_base

            base = load_base(self.settings)
            with self.guard:
                self.check_open()
                ready = Answerer(base, self.store, archive.facts, archive.recall, archive.embedder, self.settings)
                self._answerer = ready
            return ready

    @property
    def base(self) -> BaseModel | None:
        """The base model that answers, if it is loaded."""
        ready = self._answerer  # a night may put it away meanwhile
        return None if ready is None else ready.base

    def answer_with(self, base: BaseModel) -> None:
        """Drop the answerer if it stands on another base model, such as one that was loaded before there was a reader."""
        with self._loading, self.guard:
            if self._answerer is not None and self._answerer.base is not base:
                self._answerer = None

    def forget_answers(self, users: Iterable[str]) -> None:
        """Take what users said out of every cache of answers; the words of facts follow the store."""
        if (ready := self._answerer) is not None:
            ready.forget(sorted(set(users)))

    def check_open(self) -> None:
        """Raises MemoryClosed if the memory was closed."""
        if self.closed:
            raise MemoryClosed(str(self.layout.root))

    def close(self) -> None:
        """Let go of the files; whoever calls holds the guard."""
        self.closed = True
        archive, self._archive, self._answerer = self._archive, None, None
        if archive is not None:
            archive.retold.close()
            archive.facts.close()

    def _open(self) -> _Archive:
        self.check_open()
        with self.guard:
            if self._archive is None:
                self.check_open()
                from slowwave.embedder import load_embedder
                from slowwave.facts import FactStore
                from slowwave.recall import Recall
                from slowwave.retold import Retold

                embedder = load_embedder(self.settings.embedder)
                facts = FactStore(self.layout.facts, embedder)
                remember(self.layout, self.settings, anew=False)
                retold = Retold(self.layout.told, facts.key)
                self._archive = _Archive(embedder, facts, Recall(facts, embedder), retold)
            return self._archive
