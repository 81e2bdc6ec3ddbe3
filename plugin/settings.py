"""The few dials of a memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slowwave.errors import InvalidInput

__all__ = ["DEFAULT_EMBEDDER", "DEFAULT_MODEL", "Combine", "Settings", "cache_folder"]

Combine = Literal["auto", "single", "ties", "panel", "linear", "cat", "dare_linear", "dare_ties"]
"""The ways in which several modules can answer one question."""
DEFAULT_MODEL = "smollm2-135m-instruct"
DEFAULT_EMBEDDER = "all-minilm-l6-v2"


def cache_folder() -> Path:
    """Where converted weights are kept: ``$SLOWWAVE_CACHE``, or the user's cache folder."""
    override = os.environ.get("SLOWWAVE_CACHE")
    return Path(override).expanduser() if override else Path(platformdirs.user_cache_dir("slowwave", appauthor=False))


class Settings(BaseModel):
    """How a memory behaves. Every field has a measured default; most users set `model` and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(default=DEFAULT_MODEL, min_length=1)
    """The base model: a hub name, a local folder, or the default's short name."""
    embedder: str = Field(default=DEFAULT_EMBEDDER, min_length=1)
    """The sentence-transformers model: a hub name, a local folder, or the default's short name."""
    device: str = "auto"
    """"auto" takes CUDA, then Apple's GPU, then the CPU."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """"auto" is bfloat16 on a GPU, float32 on a CPU (twice as fast there as bfloat16, measured)."""
    effort: Literal["quick", "normal", "thorough"] = "normal"
    """How much a night spends on a fact: phrasings, epochs and exam length follow from it."""
    skills: Literal["auto", "off"] = "auto"
    """"auto" folds a reader into the base model where there is one (and a night prepares it where there is none);
    "off" takes the base model as it is."""
    rank: int = Field(default=8, ge=1, le=256)
    """LoRA rank of the modules. Rank is rarely the limit; phrasings are."""
    facts_per_module: int = Field(default=64, ge=1, le=1024)
    """The most facts one module carries; a deletion retrains at most this many."""
    recall_facts: int = Field(default=3, ge=1, le=64)
    """How many facts stand in the prompt of an answer."""
    full_context: int = Field(default=0, ge=0, le=1024)
    """A memory of at most this many facts stands in the prompt as a whole, oldest first; 0 always takes the best few."""
    max_modules: int = Field(default=3, ge=1, le=3)
    """The most modules one answer may ask."""
    combine: Combine = "auto"
    """How several modules answer together. "auto" merges by TIES where one clearly leads and lets them answer side by side
    ("panel", the surest answer wins) where none does; a merge of equals destroys what it merges."""
    learn_assistant: bool = False
    """Whether what the assistant says in a chat is remembered too. Off, because a model that learns from itself drifts."""
    max_fact_chars: int = Field(default=2000, ge=16)
    """The longest text `add` accepts, in characters."""
    max_new_tokens: int = Field(default=64, ge=1)
    """The longest answer, in tokens."""
    adapter_scale: float = Field(default=1.0, gt=0.0, le=4.0)
    """Strength of the modules when facts stand beside them in the prompt."""
    strict: bool = True
    """Whether an answer that no fact supports becomes "I don't know". Switch off for free conversation."""
    seed: int = 0
    """Same seed, same facts, same device: the same module, bit for bit."""

    @classmethod
    def checked(cls, **values: Any) -> Self:
        """Build settings, wording a bad value as our own error.

        Raises:
            InvalidInput: a name is unknown or a value out of bounds.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or "settings"
            remedy = f"{first['msg']}. Known settings: {', '.join(cls.model_fields)}."
            raise InvalidInput(f"Bad setting {name!r}", first.get("input"), remedy) from None
