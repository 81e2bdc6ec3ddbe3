"""The fact store: the one door to Chroma. What is written here is never lost to training.

Two collections: live and superseded facts with our own embeddings (cosine), and tombstones, which are keyed hashes
without text.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slowwave.adapters_store.layout import write_atomically
from slowwave.embedder import Embedder
from slowwave.errors import FactNotFound, InvalidInput
from slowwave.scrub import blank_unused, scrub_database
from slowwave.types import Fact, Scalar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FactStore", "fact_id"]

logger = logging.getLogger(__name__)

_RESERVED = "slowwave_"
"""Prefix of our own metadata keys inside Chroma, so that a user's keys never collide with them."""
_PAGE = 5000
"""The most rows in one call of Chroma, which refuses more than 5461."""


def fact_id(user_id: str, text: str) -> str:
    """The id of a text within a user: white space and Unicode form do not matter.

    >>> fact_id("ada", "I like  tea.") == fact_id("ada", "I like tea.") != fact_id("bob", "I like tea.")
    True
    """
    plain = " ".join(text.split())
    return hashlib.sha256(f"{user_id}\x00{plain}".encode()).hexdigest()[:24]


class FactStore:
    """Facts of every user of one memory folder, in an embedded Chroma."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        import chromadb
        from chromadb.config import Settings as ChromaSettings

        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._scrubbed: set[str] = set()
        self._embedder = embedder
        self._lock = threading.RLock()
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
        self._tombstones = self._open("tombstones", None)
        blank_unused(folder)
        self._key = _tombstone_key(folder / "tombstone.key")
        self.version = 0
        """Grows with every change in this process; caches are keyed by it."""

    def _open(self, name: str, metadata: dict[str, Any] | None) -> Any:
        return self._client.get_or_create_collection(
            name, metadata=metadata, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )

    # -- writing -------------------------------------------------------------------------------------------------

    def add(self, facts: Sequence[Fact]) -> list[Fact]:
        """Store facts; one that is there already stays as it is. Returns the stored facts in the order given.

        A text that was deleted is stored again only if it was said after the deletion: a replayed chat brings nothing back.
        """
        with self._lock:
            unique = {fact.id: fact for fact in facts}
            known = {fact.id: fact for fact in self._read(list(unique))}
            buried = self._buried_at(fact for fact in unique.values() if fact.id not in known)
            fresh = [
                fact
                for fact in unique.values()
                if fact.id not in known and (fact.id not in buried or fact.said_at > buried[fact.id])
            ]
            # Said again after it had been replaced: the old words are the truth once more.
            revived = [
                fact.model_copy(update={"superseded_by": None, "supersedes": None})
                for fact in unique.values()
                if fact.id in known and known[fact.id].superseded_by and fact.said_at > known[fact.id].said_at
            ]
            self._write([*fresh, *revived])
            if fresh:
                for page in _pages([self._grave(fact.id) for fact in fresh]):
                    self._tombstones.delete(ids=page)
            known |= {fact.id: fact for fact in (*fresh, *revived)}
            return [known[fact.id] for fact in facts if fact.id in known]

    def supersede(self, old: Fact, new: Fact) -> Fact:
        """Store a new version of a fact; the old one stays for `history` and is no longer found."""
        with self._lock:
            self._write([new, old.model_copy(update={"superseded_by": new.id})])
            self._tombstones.delete(ids=[self._grave(new.id)])
            return new

    def delete(self, facts: Sequence[Fact]) -> None:
        """Delete facts and leave tombstones: keyed hashes that keep them from being learned again.

        Deleting many is one call: the database is rewritten once for all of them.
        """
        if not facts:
            return
        now = datetime.now(UTC).timestamp()
        with self._lock:
            ids = list(dict.fromkeys(fact.id for fact in facts))
            # The tombstone first: after a crash between the two the fact is still there and can be deleted again.
            for page in _pages([self._grave(one) for one in ids]):
                self._tombstones.upsert(ids=page, embeddings=[[0.0]] * len(page), metadatas=[{"at": now}] * len(page))
            for page in _pages(ids):
                self._facts.delete(ids=page)
            self._scrub(ids)
            self.version += 1

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
        return self._select(_where(user_id, where))

    def with_older(self, user_id: str) -> list[Fact]:
        """Everything stored about a user, superseded versions too, oldest first."""
        return self._select({f"{_RESERVED}user_id": user_id})

    def _select(self, clause: dict[str, Any]) -> list[Fact]:
        facts: list[Fact] = []
        while True:
            page = self._facts.get(where=clause, include=["documents", "metadatas"], limit=_PAGE, offset=len(facts))
            facts += [_fact(*row) for row in zip(page["ids"], page["documents"], page["metadatas"], strict=True)]
            if len(page["ids"]) < _PAGE:
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
            where=_where(user_id, where),
            include=["documents", "metadatas", "distances"],
        )
        rows = zip(found["ids"][0], found["documents"][0], found["metadatas"][0], found["distances"][0], strict=True)
        return [(_fact(key, text, metadata), 1.0 - float(distance)) for key, text, metadata, distance in rows]

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Stored embeddings by fact id, each of shape (width,)."""
        import numpy as np

        vectors: dict[str, NDArray[np.float32]] = {}
        for page in _pages(ids):
            found = self._facts.get(ids=page, include=["embeddings"])
            rows = zip(found["ids"], found["embeddings"], strict=True)
            vectors |= {key: np.asarray(vector, dtype=np.float32) for key, vector in rows}
        return vectors

    def users(self) -> list[str]:
        """Every user who has a live fact."""
        return sorted({fact.user_id for fact in self.live()})

    def close(self) -> None:
        """Let go of the files."""
        if self._scrubbed:  # once more, for what was applied late
            self._scrub(sorted(self._scrubbed))
        blank_unused(self._folder)
        # Chroma counts the openers of a folder; its public client type does not show the method.
        close = getattr(self._client, "close", None)
        if callable(close):
            close()

    # -- inside --------------------------------------------------------------------------------------------------

    def _scrub(self, ids: Sequence[str]) -> None:
        """Overwrite what Chroma keeps of deleted facts."""
        for page in _pages(ids):  # Chroma applies its queue when it is read: only then are the rows really gone
            self._facts.get(ids=page)
        self._scrubbed.update(ids)
        scrub_database(self._folder, ids)
        blank_unused(self._folder)

    def _write(self, facts: Sequence[Fact]) -> None:
        if not facts:
            return
        vectors = self._embedder.encode([fact.text for fact in facts])
        for start in range(0, len(facts), _PAGE):
            part = facts[start : start + _PAGE]
            self._facts.upsert(
                ids=[fact.id for fact in part],
                documents=[fact.text for fact in part],
                embeddings=vectors[start : start + _PAGE].tolist(),
                metadatas=[_metadata(fact) for fact in part],
            )
        if self.version == 0:  # the first write may have made the index
            blank_unused(self._folder)
        self.version += 1

    def _read(self, ids: Sequence[str]) -> list[Fact]:
        facts: list[Fact] = []
        for page in _pages(ids):
            found = self._facts.get(ids=page, include=["documents", "metadatas"])
            rows = zip(found["ids"], found["documents"], found["metadatas"], strict=True)
            facts += [_fact(*row) for row in rows]
        return facts

    def _grave(self, fact_id: str) -> str:
        return hmac.new(self._key, fact_id.encode(), hashlib.sha256).hexdigest()

    def _buried_at(self, facts: Iterable[Fact]) -> dict[str, datetime]:
        graves = {self._grave(fact.id): fact.id for fact in facts}
        buried: dict[str, datetime] = {}
        for page in _pages(list(graves)):
            found = self._tombstones.get(ids=page, include=["metadatas"])
            rows = zip(found["ids"], found["metadatas"], strict=True)
            buried |= {graves[key]: datetime.fromtimestamp(float(metadata["at"]), UTC) for key, metadata in rows}
        return buried


def _pages(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _PAGE):
        yield list(ids[start : start + _PAGE])


def _metadata(fact: Fact) -> dict[str, Scalar]:
    ours: dict[str, Scalar] = {
        "user_id": fact.user_id,
        "said_at": fact.said_at.isoformat(),
        "source": fact.source,
        "live": fact.superseded_by is None,
        "supersedes": fact.supersedes or "",
        "superseded_by": fact.superseded_by or "",
    }
    return {f"{_RESERVED}{key}": value for key, value in ours.items()} | dict(fact.metadata)


def _fact(key: str, text: str, metadata: Mapping[str, Any]) -> Fact:
    ours = {name.removeprefix(_RESERVED): value for name, value in metadata.items() if name.startswith(_RESERVED)}
    return Fact(
        id=key,
        text=text,
        user_id=ours["user_id"],
        said_at=datetime.fromisoformat(ours["said_at"]),
        source=ours["source"],
        metadata={name: value for name, value in metadata.items() if not name.startswith(_RESERVED)},
        supersedes=ours["supersedes"] or None,
        superseded_by=ours["superseded_by"] or None,
    )


def _where(user_id: str | None, where: Mapping[str, Scalar] | None) -> dict[str, Any]:
    clauses: list[dict[str, Any]] = [{f"{_RESERVED}live": True}]
    if user_id is not None:
        clauses.append({f"{_RESERVED}user_id": user_id})
    # The source is the one field of ours that people filter by.
    clauses += [{f"{_RESERVED}source" if key == "source" else key: value} for key, value in (where or {}).items()]
    return clauses[0] if len(clauses) == 1 else {"$and": clauses}


def _tombstone_key(path: Path) -> bytes:
    """The secret that makes tombstones unguessable: without it nobody can test whether a text was ever deleted."""
    if not path.exists():
        write_atomically(path, secrets.token_bytes(32))
        path.chmod(0o600)
    return path.read_bytes()
