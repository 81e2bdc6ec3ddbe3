"""Tombstones: keyed hashes of deleted facts, without text, that keep them from being learned again."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slowwave.files import write_atomically

__all__ = ["PAGE", "Graves", "pages"]

PAGE = 5000
"""The most rows in one call of Chroma, which refuses more than 5461."""


def pages(ids: Sequence[str]) -> Iterator[list[str]]:
    """Ids in lists that Chroma takes in one call."""
    for start in range(0, len(ids), PAGE):
        yield list(ids[start : start + PAGE])


class Graves:
    """When facts were deleted, by a hash of their id that nobody can guess without this memory's key."""

    def __init__(self, collection: Any, key_file: Path) -> None:
        self._collection = collection
        if not key_file.exists():
            write_atomically(key_file, secrets.token_bytes(32))
            key_file.chmod(0o600)
        self.key = key_file.read_bytes()
        """This memory's own: whoever has not got it cannot guess what a hash is of."""

    def dig(self, ids: Sequence[str]) -> None:
        """Note that these facts are deleted now."""
        now = datetime.now(UTC).timestamp()
        for page in pages([self._hash(one) for one in ids]):
            self._collection.upsert(ids=page, embeddings=[[0.0]] * len(page), metadatas=[{"at": now}] * len(page))

    def clear(self, ids: Iterable[str]) -> None:
        """Forget that these facts were deleted: they were said again."""
        for page in pages([self._hash(one) for one in ids]):
            self._collection.delete(ids=page)

    def dug_at(self, ids: Iterable[str]) -> dict[str, datetime]:
        """When facts were deleted, by id; those that never were are left out."""
        hashes = {self._hash(one): one for one in ids}
        found: dict[str, datetime] = {}
        for page in pages(list(hashes)):
            rows = self._collection.get(ids=page, include=["metadatas"])
            pairs = zip(rows["ids"], rows["metadatas"], strict=True)
            found |= {hashes[key]: datetime.fromtimestamp(float(metadata["at"]), UTC) for key, metadata in pairs}
        return found

    def _hash(self, fact_id: str) -> str:
        return hmac.new(self.key, fact_id.encode(), hashlib.sha256).hexdigest()
