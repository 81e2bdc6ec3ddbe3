"""Which base model and embedder a memory folder was written with, so that it can be opened without naming them again."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from slowwave.adapters_store.layout import FORMAT, FolderLayout
from slowwave.files import write_atomically
from slowwave.settings import Settings
from slowwave.wheels import PACKAGED

__all__ = ["Origin", "remember", "with_origin"]

logger = logging.getLogger(__name__)


class Origin(BaseModel):
    """What a folder was written with; what a later version adds is ignored."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    model: str
    """The base model of the last night, or of the first fact before there was one."""
    embedder: str


def with_origin(folder: Path, settings: Settings) -> Settings:
    """Settings for a folder: the model and the embedder are the folder's where nobody named others."""
    known = _read(FolderLayout(folder))
    if known is None:
        return settings
    named = settings.model_fields_set
    found = {name: getattr(known, name) for name in ("model", "embedder") if name not in named}
    return settings.model_copy(update=found)


def remember(layout: FolderLayout, settings: Settings, *, anew: bool) -> None:
    """Write down what a folder is written with; unless `anew`, only where nothing is written down yet."""
    before = _read(layout)
    if before is not None and not anew:
        return
    now = Origin(model=_lasting(settings.model), embedder=_lasting(settings.embedder))
    if now != before:
        write_atomically(layout.origin, now.model_dump_json(indent=2).encode())


def _lasting(name: str) -> str:
    """The name of a model as any working directory understands it."""
    if name.casefold() in PACKAGED or name.startswith("hash:"):
        return name  # these mean the same everywhere, also beside a folder of that name
    folder = Path(name).expanduser()
    return str(folder.resolve()) if folder.is_dir() else name


def _read(layout: FolderLayout) -> Origin | None:
    try:
        return Origin.model_validate_json(layout.origin.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        logger.warning("what the memory was written with cannot be read: %s", type(error).__name__)
        return None
