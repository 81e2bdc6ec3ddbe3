"""The fact store: the one door to Chroma. What is written here is never lost to training.

Two collections: live and superseded facts with our own embeddings (cosine), and tombstones, which are keyed hashes
without text.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from slowwave.collection import Calls, Collection
from slowwave.embedder import Embedder
from slowwave.errors import FactNotFound, InvalidInput
from slowwave.graves import PAGE, Graves, pages
from slowwave.records import (
    RESERVED,
    as_row,
    from_rows,
    hashes,
    older_ids,
    same_links,
    same_occasion,
    where_clause,
)
from slowwave.scrub import blank_unused, blank_vectors, scrub_database
from slowwave.types import Fact, Scalar
from slowwave.versions import Ledger

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Added", "FactStore", "Watcher"]

logger = logging.getLogger(__name__)

_AT_ONCE = 256
"""Deleted embeddings that an index is searched for at once."""


Watcher = Callable[[Sequence[Fact], Sequence[Fact]], None]
"""Is told of facts that were written, as they are now, and of facts that are gone."""


class Added(NamedTuple):
    """What came of facts that were handed in."""

    facts: list[Fact]
    """The facts as they are kept, in the order given."""
    replaced: list[Fact]
    """Live facts that a newer one took the place of."""


class FactStore:
    """Facts of every user of one memory folder, in an embedded Chroma."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        import chromadb
        from chromadb.config import Settings as ChromaSettings

        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._scrubbed: dict[str, NDArray[np.float32] | None] = {}
        self._embedder = embedder
        self._lock = threading.RLock()
        self._calls = Calls(str(folder.parent))
        self._client = chromadb.PersistentClient(
            path=str(folder), settings=ChromaSettings(anonymized_telemetry=False, allow_reset=False)
        )
        # The name of the embedder is the collection's: vectors of another model are never compared with these.
        self._facts = self._open("facts", {"embedder": embedder.name})
        stored = (self._facts.metadata or {}).get("embedder")
        if stored != embedder.name:
            raise InvalidInput(
                "This memory was written with another embedder",
                stored,
                f"Open it with that one, not {embedder.name!r}.",
            )
        self._graves = Graves(self._open("tombstones", None), folder / "tombstone.key")
        blank_unused(folder)
        self._watchers: list[Watcher] = []
        self.version = 0
        """Grows with every change in this process; caches are keyed by it."""

    def _open(self, name: str, metadata: dict[str, Any] | None) -> Collection:
        found = self._client.get_or_create_collection(
            name, metadata=metadata, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        return Collection(found, self._calls)

    # -- writing -------------------------------------------------------------------------------------------------

    def add(self, facts: Sequence[Fact], *, alike: bool = False) -> Added:
        """Store facts and link them with those that are there (see `versions`).

        A text that was deleted is stored again only if it was said after the deletion: a replayed chat brings nothing back.

        Args:
            alike: whether a fact that says the same in nearly the same words is the same fact.
        """
        with self._lock:
            facts = self._by_older_ids(facts)
            stored = {fact.id: fact for fact in self._read(list({fact.id: fact for fact in facts}))}
            fresh = [fact for fact in facts if fact.id not in stored]
            buried = self._graves.dug_at({key for fact in fresh for key in older_ids(fact)})
            old = {
                fact.id
                for fact in fresh
                if any(fact.said_at <= buried[key] for key in older_ids(fact) if key in buried)
            }
            told = [fact for fact in facts if fact.id not in old]
            stored |= {fact.id: fact for fact in self._related(told, alike=alike)}
            ledger = Ledger(stored.values(), lambda key: next(iter(self._read([key])), None))
            kept = [ledger.say(fact, alike=alike).id for fact in told]
            changed = ledger.changed
            dated = [fact for fact in changed.values() if same_links(fact, stored.get(fact.id))]
            self._write([fact for fact in changed.values() if not same_links(fact, stored.get(fact.id))])
            self._write_dates(dated)
            self._graves.clear(buried.keys() & changed.keys())
            return Added([(stored | changed)[key] for key in kept], list(ledger.replaced.values()))

    def supersede(self, old: Fact, new: Fact) -> tuple[Fact, list[Fact]]:
        """Store a new version of a fact; the old one stays for `history` and is no longer found.

        Where the text is there already as another fact, that one becomes the newest version of both. Returns the new version
        and the facts that no module may answer from any longer.
        """
        with self._lock:
            (new,) = self._by_older_ids([new])
            known = self._read([new.id])
            if known:
                ledger = Ledger([old, *known], lambda key: next(iter(self._read([key])), None))
                new, gone = ledger.join(old, known[0], new)
                changed = list(ledger.changed.values())
            else:
                gone = [old]
                new = new.model_copy(update={"supersedes": old.id})
                changed = [new, old.model_copy(update={"superseded_by": new.id})]
            self._write(changed)
            self._graves.clear([new.id])
            return new, gone

    def revise(self, old: Fact, new: Fact) -> None:
        """Write a stored fact's new date and metadata; its text and links stay."""
        with self._lock:
            # Chroma keeps a key that is left out; one that is None goes.
            gone: dict[str, Any] = dict.fromkeys(old.metadata.keys() - new.metadata.keys())
            self._facts.update(ids=[new.id], metadatas=[{**as_row(new), **gone}])
            self._tell([new])

    def delete(self, facts: Sequence[Fact]) -> None:
        """Delete facts and leave tombstones: keyed hashes that keep them from being learned again.

        Deleting many is one call: the database is rewritten once for all of them.
        """
        if not facts:
            return
        import numpy as np

        with self._lock:
            ids = list(dict.fromkeys(fact.id for fact in facts))
            vectors = self.vectors(ids)
            # The tombstone first: after a crash between the two the fact is still there and can be deleted again.
            self._graves.dig(ids)
            for page in pages([key for key in ids if key in vectors]):
                # An index keeps the rows of what is deleted: they are to hold nothing.
                blank = np.zeros((len(page), len(vectors[page[0]])), dtype=np.float32)
                blank[:, 0] = 1.0
                self._facts.update(ids=page, embeddings=blank.tolist())
                self._facts.get(ids=page)
            for page in pages(ids):
                self._facts.delete(ids=page)
            self._tell(gone=facts)
            self._scrub({key: vectors.get(key) for key in ids})

    # -- reading -------------------------------------------------------------------------------------------------

    def get(self, fact_id: str) -> Fact:
        """One fact, live or superseded.

        Raises:
            FactNotFound: there is none.
        """
        found = self._read([fact_id])
        if not found:
            raise FactNotFound(fact_id)
        return found[0]

    def live(self, user_id: str | None = None, where: Mapping[str, Scalar] | None = None) -> list[Fact]:
        """Live facts that match, oldest first."""
        return self._select(where_clause(user_id, where))

    def with_older(self, user_id: str) -> list[Fact]:
        """Everything stored about a user, superseded versions too, oldest first."""
        return self._select({f"{RESERVED}user_id": user_id})

    def _select(self, clause: dict[str, Any]) -> list[Fact]:
        facts: list[Fact] = []
        while True:
            page = self._facts.get(where=clause, include=["documents", "metadatas"], limit=PAGE, offset=len(facts))
            facts += from_rows(page["ids"], page["documents"], page["metadatas"])
            if len(page["ids"]) < PAGE:
                return sorted(facts, key=lambda fact: (fact.said_at, fact.id))

    def versions(self, fact_id: str) -> list[Fact]:
        """All versions of a fact, oldest first, whichever of them the id names."""
        fact = self.get(fact_id)
        older, newer = [], []
        seen = {fact.id}
        step: str | None = fact.supersedes
        newest = fact.id
        while step and step not in seen and (found := self._read([step])):
            if found[0].superseded_by != newest:
                break  # said again since: it is a live fact of its own, and must not go when this one is deleted
            newest = step
            seen.add(step)
            older.append(found[0])
            step = found[0].supersedes
        step = fact.superseded_by
        while step and step not in seen and (found := self._read([step])):
            seen.add(step)
            newer.append(found[0])
            step = found[0].superseded_by
        return [*reversed(older), fact, *newer]

    def nearest(
        self, vector: NDArray[np.float32], user_id: str, k: int, where: Mapping[str, Scalar] | None = None
    ) -> list[tuple[Fact, float]]:
        """The k live facts nearest to an embedding of shape (width,), with their cosine similarity."""
        if self._facts.count() == 0:
            return []
        found = self._facts.query(
            query_embeddings=[vector.tolist()],
            n_results=k,
            where=where_clause(user_id, where),
            include=["documents", "metadatas", "distances"],
        )
        far = dict(zip(found["ids"][0], found["distances"][0], strict=True))
        facts = from_rows(found["ids"][0], found["documents"][0], found["metadatas"][0])
        return [(fact, 1.0 - float(far[fact.id])) for fact in facts]

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Stored embeddings by fact id, each of shape (width,)."""
        import numpy as np

        vectors: dict[str, NDArray[np.float32]] = {}
        for page in pages(ids):
            found = self._facts.get(ids=page, include=["embeddings"])
            rows = zip(found["ids"], found["embeddings"], strict=True)
            vectors |= {key: np.asarray(vector, dtype=np.float32) for key, vector in rows if vector is not None}
        return vectors

    def users(self) -> list[str]:
        """Every user who has a live fact."""
        return sorted({fact.user_id for fact in self.live()})

    def close(self) -> None:
        """Let go of the files, once the calls of other threads are through; later ones raise MemoryClosed."""
        with self._lock:
            if self._scrubbed:  # once more, for what was applied late
                self._scrub(self._scrubbed)
        self._calls.end()
        blank_unused(self._folder)
        # Chroma counts the openers of a folder; its public client type does not show the method.
        close = getattr(self._client, "close", None)
        if callable(close):
            close()

    @property
    def key(self) -> bytes:
        """The key of this memory's hashes of texts."""
        return self._graves.key

    def watch(self, watcher: Watcher) -> None:
        """Tell this one of every change from now on, once it is written: facts as they are now, and facts that are gone."""
        self._watchers.append(watcher)

    # -- inside --------------------------------------------------------------------------------------------------

    def _tell(self, changed: Sequence[Fact] = (), gone: Sequence[Fact] = ()) -> None:
        self.version += bool(changed or gone)
        for watcher in self._watchers:
            watcher(changed, gone)

    def _scrub(self, gone: Mapping[str, NDArray[np.float32] | None]) -> None:
        """Overwrite what Chroma keeps of deleted facts, given with their embeddings."""
        import numpy as np

        for page in pages(list(gone)):  # Chroma applies its queue when it is read: only then are the rows really gone
            self._facts.get(ids=page)
        self._scrubbed |= gone
        with self._calls.alone():
            scrub_database(self._folder, gone)
        vectors = [vector for vector in gone.values() if vector is not None]
        for start in range(0, len(vectors), _AT_ONCE):
            if single := self._without_twins(vectors[start : start + _AT_ONCE]):
                with self._calls.alone():
                    blank_vectors(self._folder, np.stack(single))
        with self._calls.alone():
            blank_unused(self._folder)

    def _without_twins(self, vectors: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Embeddings that no fact has; one that a fact has says nothing about the deleted ones, and must stay."""
        found = self._facts.query(
            query_embeddings=[vector.tolist() for vector in vectors], n_results=1, include=["distances"]
        )
        return [
            vector
            for vector, distances in zip(vectors, found["distances"], strict=True)
            if not distances or float(distances[0]) > 1e-4
        ]

    def _by_older_ids(self, facts: Sequence[Fact]) -> list[Fact]:
        """The facts, by the ids under which they were stored before ids told days apart."""
        wanted = dict.fromkeys(key for fact in facts if len(ids := older_ids(fact)) > 1 for key in ids)
        if not wanted:  # nothing hangs on when it is said
            return list(facts)
        stored = {fact.id: fact for fact in self._read(list(wanted))}
        kept = []
        for fact in facts:
            older = stored.get(older_ids(fact)[-1])  # of other facts: nothing, or the fact itself
            if older is not None and fact.id not in stored and same_occasion(fact, older):
                fact = fact.model_copy(update={"id": older.id})
            kept.append(fact)
        return kept

    def _related(self, facts: Sequence[Fact], *, alike: bool) -> list[Fact]:
        """Live facts that may be about the same things as these, or say the same."""
        wanted: dict[str, set[str]] = {f"{RESERVED}same": set(), f"{RESERVED}about": set()}
        for fact in facts:
            for values, value, asked in zip(wanted.values(), hashes(fact), (alike, True), strict=True):
                if value and asked:
                    values.add(value)
        found: list[Fact] = []
        for name, values in wanted.items():
            for page in pages(sorted(values)):
                # The hash is looked up alone: that somebody's facts are live is true of too many to be of help.
                found += [fact for fact in self._select({name: {"$in": page}}) if fact.superseded_by is None]
        return found

    def _write_dates(self, facts: Sequence[Fact]) -> None:
        """Write what is new in facts whose text and links stay, without embedding them again."""
        for start in range(0, len(facts), PAGE):
            part = facts[start : start + PAGE]
            self._facts.update(ids=[fact.id for fact in part], metadatas=[as_row(fact) for fact in part])
            self._tell(part)

    def _write(self, facts: Sequence[Fact]) -> None:
        if not facts:
            return
        vectors = self._embedder.encode([fact.text for fact in facts])
        for start in range(0, len(facts), PAGE):
            part = facts[start : start + PAGE]
            self._facts.upsert(
                ids=[fact.id for fact in part],
                documents=[fact.text for fact in part],
                embeddings=vectors[start : start + PAGE].tolist(),
                metadatas=[as_row(fact) for fact in part],
            )
            if self.version == 0:  # the first write may have made the index
                with self._calls.alone():
                    blank_unused(self._folder)
            self._tell(part)

    def _read(self, ids: Sequence[str]) -> list[Fact]:
        facts: list[Fact] = []
        for page in pages(ids):
            found = self._facts.get(ids=page, include=["documents", "metadatas"])
            facts += from_rows(found["ids"], found["documents"], found["metadatas"])
        return facts
