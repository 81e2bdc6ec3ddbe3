"""Skills on disk: generic adapters that lie under every module and hold nothing about anybody.

A skill is one safetensors file: one flat bfloat16 vector (the Bs, and behind them the skill's own As unless it shares the
modules' A), and beside it, as metadata, which base model it fits, how it was trained and what it scored. Those of the
default base model ship with the package; others are trained once per base model and kept in the user's cache.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from slowwave.errors import WeightsError
from slowwave.files import write_atomically
from slowwave.settings import cache_folder

if TYPE_CHECKING:
    import torch

__all__ = ["Skill", "SkillName", "find_skill", "identity", "load_vector", "save_skill", "skill_path"]

logger = logging.getLogger(__name__)

SkillName = Literal["reader", "writer"]


@dataclass(frozen=True)
class Skill:
    """What is known of a skill without reading its weights."""

    name: SkillName
    base_sha256: str
    """Identity of the model it lies on: the bare weights for the reader, weights and reader for the writer."""
    rank: int
    sha256: str
    """Hash of the vector's bytes; empty if the base model passed the exam without this skill, or the skill was refused."""
    path: Path
    layers: str = "linear"
    """Which layers it acts on: "linear" or "ffn"."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Recipe, seed, the marks of the exam before and after, and why it was refused if it was."""

    @property
    def needed(self) -> bool:
        """Whether there is anything to put on: a base model that passes the exam by itself gets no skill."""
        return bool(self.sha256)

    @property
    def refused(self) -> str:
        """Why the skill was trained and not kept; empty if it was kept, or the base model needed none."""
        if self.needed or "after" not in self.details:
            return ""
        return str(self.details.get("refused", "it did not pass its exam"))  # older files do not say why


def identity(weights_sha256: str, reader: Skill | None) -> str:
    """Who a base model with a reader folded in is: what was trained on one does not fit the other."""
    if reader is None or not reader.needed:
        return weights_sha256
    return hashlib.sha256(f"{weights_sha256}+{reader.sha256}".encode()).hexdigest()


def find_skill(name: SkillName, base_sha256: str) -> Skill | None:
    """The skill for a base model: from the user's cache, else as shipped; None if it was never prepared."""
    candidates = [skill_path(name, base_sha256), *_shipped(name)]
    for path in candidates:
        skill = _read(path, name)
        if skill is not None and skill.base_sha256 == base_sha256:
            return skill
    return None


def skill_path(name: SkillName, base_sha256: str) -> Path:
    """Where a skill that is trained here is kept."""
    return cache_folder() / "skills" / f"{base_sha256[:16]}.{name}.safetensors"


def save_skill(
    path: Path,
    name: SkillName,
    base_sha256: str,
    rank: int,
    vector: torch.Tensor | None,
    details: Mapping[str, Any],
    layers: str = "linear",
) -> Skill:
    """Write a skill atomically; without a vector it only says that the base model needs none, or why it was refused."""
    import torch
    from safetensors.torch import save

    stored = torch.zeros(0) if vector is None else vector.detach().cpu()
    stored = stored.to(torch.bfloat16).contiguous()  # (shape.size,)
    digest = "" if vector is None else _digest(stored)
    about = {
        "name": name,
        "base_sha256": base_sha256,
        "rank": rank,
        "layers": layers,
        "sha256": digest,
        "details": dict(details),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, save({"b": stored}, metadata={"skill": json.dumps(about, sort_keys=True)}))
    return Skill(name, base_sha256, rank, digest, path, layers, details)


def load_vector(skill: Skill) -> torch.Tensor:
    """The flat vector of a skill, shape (shape.size,), float32.

    Raises:
        WeightsError: the file is damaged.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    remedy = "Run `slowwave prepare --again`, or reinstall Slowwave if it was shipped."
    try:
        with safe_open(skill.path, framework="pt") as stream:
            stored = torch.as_tensor(stream.get_tensor("b"))
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{skill.name} skill", f"its file cannot be read ({type(error).__name__})", remedy
        ) from error
    if _digest(stored) != skill.sha256:
        raise WeightsError(f"{skill.name} skill", "its file does not have its checksum", remedy)
    return stored.to(torch.float32)


def _digest(stored: torch.Tensor) -> str:
    import torch

    return hashlib.sha256(stored.view(torch.uint8).numpy().tobytes()).hexdigest()


def _shipped(name: SkillName) -> Iterator[Path]:
    folder = resources.files("slowwave.adapters_store").joinpath("shipped")
    if folder.is_dir():
        for entry in sorted(folder.iterdir(), key=lambda one: one.name):
            if entry.name.endswith(f".{name}.safetensors"):
                yield Path(str(entry))


def _read(path: Path, name: SkillName) -> Skill | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as stream:
            about = json.loads((stream.metadata() or {})["skill"])
        rank, layers = int(about["rank"]), str(about["layers"])
        return Skill(name, about["base_sha256"], rank, about["sha256"], path, layers, about["details"])
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        logger.warning("a skill cannot be read and is left out: %s", type(error).__name__)
        return None
