"""What Chroma keeps of facts after they are deleted, overwritten: its queue, free pages, and unused index memory."""

from __future__ import annotations

import logging
import sqlite3
import struct
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

__all__ = ["blank_unused", "scrub_database"]

logger = logging.getLogger(__name__)

_HEADER = struct.Struct("<i6Q")
"""How an hnswlib index's header begins: version, level offset, capacity, elements, bytes an element, two offsets."""


def scrub_database(folder: Path, ids: Iterable[str]) -> None:
    """Overwrite deleted facts in the write-ahead queue and the free pages of the Chroma database in a folder."""
    path = folder / "chroma.sqlite3"
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as database:
            # The queue is replayed into the vector index: the rows must stay, their content need not.
            database.executemany(
                "UPDATE embeddings_queue SET metadata = '{}', vector = zeroblob(length(vector)) "
                "WHERE id = ? AND vector IS NOT NULL",
                [(fact_id,) for fact_id in ids],
            )
            database.execute("VACUUM")
    except sqlite3.Error as error:
        logger.warning("deleted facts may still stand in free pages of the fact store: %s", error)


def blank_unused(folder: Path) -> None:
    """Write zeros where the vector index files in a folder hold no vectors yet.

    A new index is written to disk as it was allocated: what had stood in that memory before, a fact's text for one,
    is then in the file. hnswlib clears an element when it first uses it, so nothing that is read later is lost.
    """
    for path in folder.glob("*/data_level0.bin"):
        try:
            version, _, capacity, elements, size, *_ = _HEADER.unpack_from(path.with_name("header.bin").read_bytes())
            unused = path.stat().st_size - elements * size
            if version != 1 or elements > capacity or unused <= 0:
                continue
            with path.open("r+b") as file:
                file.seek(elements * size)
                file.write(bytes(unused))
        except (OSError, struct.error) as error:
            logger.warning("unused memory in a vector index was not blanked: %s", error)
