"""How often a fact was taught in vain: after a few nights it is left to retrieval, for each try costs a training run."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slowwave.consolidation.retries import TRIES
from slowwave.files import write_atomically

__all__ = ["Attempts"]

logger = logging.getLogger(__name__)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)

    conditions: str
    """Base model, rank, effort and writer: what failed under others may succeed under these."""
    nights: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """The nights in which a fact failed, by the fact's id: named, so that a night that is resumed counts once."""


class Attempts:
    """The file that counts failed nights; whoever writes it holds the memory's guard."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def left(self, conditions: str) -> frozenset[str]:
        """Ids of the facts that are not tried any more under these conditions."""
        return frozenset(key for key, count in self.failed(conditions).items() if count >= len(TRIES))

    def failed(self, conditions: str) -> dict[str, int]:
        """How many nights failed so far under these conditions, by the fact's id."""
        return {key: len(nights) for key, nights in self._nights(conditions).items()}

    def keep(self, conditions: str, night: str, *, failed: Iterable[str], settled: Collection[str]) -> None:
        """Remember the outcome of a night."""
        before = self._nights(conditions)
        nights = {key: some for key, some in before.items() if key not in settled}
        for key in failed:
            nights[key] = tuple(dict.fromkeys((*nights.get(key, ()), night)))
        if nights != before:
            self._write(_Record(conditions=conditions, nights=nights))

    def drop(self, fact_ids: Collection[str]) -> None:
        """Forget these facts."""
        record = self._read()
        if record is not None and any(key in record.nights for key in fact_ids):
            nights = {key: some for key, some in record.nights.items() if key not in fact_ids}
            self._write(record.model_copy(update={"nights": nights}))

    def _nights(self, conditions: str) -> dict[str, tuple[str, ...]]:
        record = self._read()
        return dict(record.nights) if record is not None and record.conditions == conditions else {}

    def _read(self) -> _Record | None:
        try:
            return _Record.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            logger.warning("the count of failed nights cannot be read and starts anew: %s", type(error).__name__)
            return None

    def _write(self, record: _Record) -> None:
        write_atomically(self._path, record.model_dump_json(indent=2).encode())
