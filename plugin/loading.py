"""Loading the base model: once per process, whoever asks, with the reader folded in where there is one."""

from __future__ import annotations

import logging
import threading
from typing import Any

from slowwave.adapters_store.manifest import BaseRef
from slowwave.adapters_store.skills import Skill, find_skill, identity, load_vector
from slowwave.checkpoints import unloadable
from slowwave.errors import InvalidInput, WeightsError
from slowwave.model import BaseModel
from slowwave.settings import Settings
from slowwave.types import Progress, no_progress
from slowwave.weights import Weights, base_model, quiet

__all__ = ["load_base", "pick_device", "pick_dtype", "put_away"]

logger = logging.getLogger(__name__)

_loaded: dict[tuple[str, str, str, str], BaseModel] = {}
_loading = threading.Lock()


def load_base(settings: Settings, progress: Progress = no_progress, *, plain: bool = False) -> BaseModel:
    """The base model of these settings, with the reader folded in if there is one; loaded once per process, whoever asks.

    Args:
        plain: without the reader, whatever the settings say.

    Raises:
        WeightsError: the weights are missing, unreachable or corrupt, or the model has no chat template.
    """
    device = pick_device(settings.device)
    dtype = pick_dtype(settings.dtype, device)
    with _loading:
        found = base_model(settings.model, progress)
        reader = None if plain or settings.skills == "off" else find_skill("reader", found.sha256)
        key = (settings.model, device, dtype, identity(found.sha256, reader))
        if key not in _loaded:
            _loaded[key] = _load(found, reader, device, dtype)
        return _loaded[key]


def put_away(base: BaseModel) -> None:
    """Keep a base model no longer for whoever asks next; who holds it goes on with it."""
    with _loading:
        for key in [key for key, one in _loaded.items() if one is base]:
            del _loaded[key]


def pick_device(wanted: str) -> str:
    """The device that "auto" means here: CUDA, then Apple's GPU, then the CPU."""
    import torch

    if wanted != "auto":
        try:
            torch.empty(0, device=wanted)
        except (RuntimeError, AssertionError) as error:  # torch names no common class for "no such device"
            reason = str(error).splitlines()[0]
            raise InvalidInput("No such device", wanted, f"{reason}. Take auto, cpu, cuda or mps.") from error
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def pick_dtype(wanted: str, device: str) -> str:
    """The number type that "auto" means on a device: bfloat16 on a GPU that computes in it."""
    import torch

    if wanted != "auto":
        return wanted
    if device.startswith("cuda"):
        with torch.cuda.device(device):
            return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "float32" if device == "cpu" else "bfloat16"


def _load(found: Weights, reader: Skill | None, device: str, dtype: str) -> BaseModel:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    name = found.name
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(found.folder)
            model: Any = AutoModelForCausalLM.from_pretrained(found.folder, dtype=getattr(torch, dtype))
    except MemoryError:
        raise
    except (
        Exception
    ) as error:  # transformers, tokenizers and safetensors raise errors of their own, some without a class
        raise unloadable(found, "base", error) from error
    if not tokenizer.chat_template:
        raise WeightsError(name, "its tokenizer has no chat template", "Take an instruction-tuned model.")
    model.train(False)
    model.requires_grad_(False)
    model.to(device)
    ref = BaseRef(
        name=name,
        sha256=identity(found.sha256, reader),
        weights_sha256=found.sha256,
        reader_sha256=reader.sha256 if reader is not None else "",
    )
    base = BaseModel(model, tokenizer, ref, device)
    if reader is not None and reader.needed:
        shape, vector = base.skill_shape(reader.rank, reader.layers), load_vector(reader)
        base.fold(shape, vector)
        base.without_reader = base.slot(shape, vector).at(-1.0)
    logger.info(
        "base model loaded: %s on %s in %s, %s reader", name, device, dtype, "with" if ref.reader_sha256 else "no"
    )
    return base
