"""What Chroma keeps of facts after they are deleted, overwritten: its queue, free pages, and unused index memory."""

from __future__ import annotations

import logging
import sqlite3
import struct
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["blank_unused", "blank_vectors", "scrub_database"]

logger = logging.getLogger(__name__)

_HEADER = struct.Struct("<i6Q")
"""How an hnswlib index's header begins: version, level offset, capacity, elements, bytes an element, offsets of label and
vector in an element."""
_LENGTH = 4
"""Bytes an element in length.bin: how much of link_lists.bin is its."""
_ROWS = 8192
"""Elements that are compared at once."""


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


def blank_vectors(folder: Path, vectors: NDArray[np.float32]) -> None:
    """Write zeros over deleted embeddings, shape (facts, width), in the vector index files in a folder.

    An index keeps the rows of what was deleted, and writes them to disk: texts can be guessed from embeddings.
    """
    import numpy as np

    wanted = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)  # (facts, width)
    for path in folder.glob("*/data_level0.bin"):
        try:
            header = _HEADER.unpack_from(path.with_name("header.bin").read_bytes())
            elements, size, start = header[3], header[4], header[6]
            end = start + 4 * wanted.shape[1]
            if header[0] != 1 or not elements or size < end or path.stat().st_size < elements * size:
                continue
            rows = np.memmap(path, dtype=np.uint8, mode="r+", shape=(elements, size))
            for first in range(0, elements, _ROWS):
                part = rows[first : first + _ROWS, start:end].copy().view(np.float32)  # (rows, width)
                lengths = np.maximum(np.linalg.norm(part, axis=1), 1e-9)
                # Chroma scales vectors once more, so that the last digits may differ.
                hit = np.flatnonzero((part @ wanted.T / lengths[:, None] > 1 - 1e-5).any(axis=1))  # (rows, facts)
                rows[first + hit, start:end] = 0
            rows.flush()
        except (OSError, ValueError, struct.error) as error:
            logger.warning("deleted embeddings may still stand in a vector index: %s", error)


def blank_unused(folder: Path) -> None:
    """Write zeros where the vector index files in a folder hold no vectors yet.

    A new index is written to disk as it was allocated: what had stood in that memory before, a fact's text for one,
    is then in the file. hnswlib clears an element when it first uses it, so nothing that is read later is lost.
    """
    for path in folder.glob("*/data_level0.bin"):
        try:
            version, _, capacity, elements, size, *_ = _HEADER.unpack_from(path.with_name("header.bin").read_bytes())
            if version != 1 or elements > capacity:
                continue
            for each, used in ((path, elements * size), (path.with_name("length.bin"), elements * _LENGTH)):
                unused = each.stat().st_size - used if each.exists() else 0
                if unused > 0:
                    with each.open("r+b") as file:
                        file.seek(used)
                        file.write(bytes(unused))
        except (OSError, struct.error) as error:
            logger.warning("unused memory in a vector index was not blanked: %s", error)
