"""Which files a memory folder and a module folder have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["FORMAT", "FolderLayout", "ModuleLayout"]

FORMAT = 1
"""Version of everything written by this package."""


@dataclass(frozen=True)
class FolderLayout:
    """The files of one memory folder."""

    root: Path

    @property
    def facts(self) -> Path:
        """Chroma's folder: the truth about facts."""
        return self.root / "facts"

    @property
    def told(self) -> Path:
        """When messages were first told, by hash."""
        return self.root / "told.sqlite3"

    @property
    def modules(self) -> Path:
        """One folder a module: the truth about modules."""
        return self.root / "modules"

    @property
    def catalog(self) -> Path:
        """The list of live modules."""
        return self.root / "catalog.json"

    @property
    def origin(self) -> Path:
        """Which base model and embedder the folder was written with."""
        return self.root / "origin.json"

    @property
    def night(self) -> Path:
        """The journal of the night under way; gone when the night is done."""
        return self.root / "night"

    @property
    def reports(self) -> Path:
        """One JSON report a night."""
        return self.root / "reports"

    @property
    def attempts(self) -> Path:
        """In which nights a fact failed."""
        return self.root / "attempts.json"

    @property
    def lock(self) -> Path:
        """The file whose lock says that a process owns the folder."""
        return self.root / "lock"

    @property
    def holder(self) -> Path:
        """Who holds the lock, for people to read."""
        return self.root / "lock.json"


@dataclass(frozen=True)
class ModuleLayout:
    """The files of one module folder: a plain PEFT adapter, and what it knows beside it."""

    folder: Path

    @property
    def config(self) -> Path:
        """PEFT's configuration."""
        return self.folder / "adapter_config.json"

    @property
    def weights(self) -> Path:
        """PEFT's weights: A and B of every target layer."""
        return self.folder / "adapter_model.safetensors"

    @property
    def index(self) -> Path:
        """Embeddings of the module's questions, a cache for the router."""
        return self.folder / "questions.safetensors"

    @property
    def manifest(self) -> Path:
        """What the module knows. Written last: its existence means that the module is complete."""
        return self.folder / "manifest.json"

    def is_complete(self) -> bool:
        """Whether every file is there."""
        return self.manifest.is_file() and self.weights.is_file() and self.config.is_file()
