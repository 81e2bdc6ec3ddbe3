"""Public data files, and where the public gets them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["DataMissing", "Dataset", "load"]


class DataMissing(Exception):
    """A data file is absent or unreadable; says where its public source is."""


@dataclass(frozen=True)
class Dataset:
    """A gzip JSON-lines file below ``--data``, and where the public gets it."""

    file: str
    source: str
    fields: tuple[str, ...] = ()
    """What every record must have."""


def load(folder: Path, dataset: Dataset) -> list[dict[str, Any]]:
    """All records of a data file, in file order.

    Raises:
        DataMissing: the file is absent, not gzip JSON lines, empty, or a record lacks a field.
    """
    path = folder / dataset.file
    hint = f"Its public source: {dataset.source}. Without --data the benchmark generates its own data."
    if not path.is_file():
        raise DataMissing(f"There is no {dataset.file!r} in {str(folder)!r}. {hint}")
    records: list[dict[str, Any]] = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                record = json.loads(line)
                lacks = [name for name in dataset.fields if not isinstance(record, dict) or name not in record]
                if lacks:
                    raise DataMissing(f"Record {number} of {str(path)!r} lacks {', '.join(lacks)}. {hint}")
                records.append(record)
    except (OSError, EOFError, ValueError) as error:
        where = f"after {len(records)} records"
        raise DataMissing(f"{str(path)!r} is not gzip JSON lines: {error}, {where}. {hint}") from None
    if not records:
        raise DataMissing(f"{str(path)!r} holds no records. {hint}")
    return records
