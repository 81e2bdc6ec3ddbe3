"""What a module knows, and what the catalog lists: the JSON records of the module store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from slowwave.adapters_store.layout import FORMAT
from slowwave.types import Fact

__all__ = ["BaseRef", "Catalog", "CatalogEntry", "KnownFact", "KnownQuestion", "Manifest", "ModuleInfo", "text_sha256"]


def text_sha256(text: str) -> str:
    """The hash of a fact's text, by which a manifest knows the version that was trained."""
    return hashlib.sha256(text.encode()).hexdigest()


class Record(BaseModel):
    """A frozen JSON record; keys of a newer version are kept, not dropped."""

    model_config = ConfigDict(frozen=True, extra="allow")


class BaseRef(Record):
    """The base model a module was trained on."""

    name: str
    sha256: str
    """Its identity: the hash of its weights, or of weights and reader together."""
    weights_sha256: str = ""
    reader_sha256: str = ""
    """The skill that was folded into the weights; empty for none."""


class KnownFact(Record):
    """A fact that a module carries and recalled at the gate."""

    id: str
    sha256: str
    settled: bool = True
    """Whether it passed the gate in this module; a fact that did not stays recent."""

    def matches(self, fact: Fact) -> bool:
        """Whether this is still the text that was trained."""
        return self.id == fact.id and self.sha256 == text_sha256(fact.text)


class KnownQuestion(Record):
    """A phrasing that a module was trained on, or was examined with."""

    fact_id: str
    question: str
    answer: str
    heldout: bool = False


class Manifest(Record):
    """Everything about one module except its weights."""

    format: int = FORMAT
    id: str
    user_id: str
    created_at: datetime
    base: BaseRef
    rank: int
    alpha: float
    seed: int
    recipe: Mapping[str, Any]
    facts: tuple[KnownFact, ...]
    questions: tuple[KnownQuestion, ...]
    gate: Mapping[str, Any] = Field(default_factory=dict)
    files: Mapping[str, str] = Field(default_factory=dict)
    """SHA-256 of every other file of the folder, by name."""

    @property
    def settled_ids(self) -> frozenset[str]:
        """Ids of the facts that this module carries and recalled."""
        return frozenset(fact.id for fact in self.facts if fact.settled)


class CatalogEntry(Record):
    """One live module."""

    id: str
    user_id: str


class Catalog(Record):
    """The live modules of a memory; replaced as a whole, and numbered."""

    format: int = FORMAT
    version: int = 0
    modules: tuple[CatalogEntry, ...] = ()


class ModuleInfo(Record):
    """A live module, for people and programs that list them."""

    id: str
    user_id: str
    facts: int
    questions: int
    recall: float
    created_at: datetime
    size_bytes: int
    base: str
