"""One door for the weights of the base model and of the embedder.

A name is, in this order: one of the two default short names, a local folder, a hub name. The short names always mean
the same bytes, taken out of a wheel and checked by hash, so that results agree between machines with and without a
hub (`slowwave.wheels`).
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slowwave import wheels
from slowwave.checkpoints import Kind, Weights, folder_remedy, missing, name_remedy, opened, quiet, reason_of
from slowwave.errors import WeightsError
from slowwave.types import Progress, no_progress

__all__ = ["Kind", "Weights", "base_model", "context_window", "embedder", "found", "quiet"]

logger = logging.getLogger(__name__)

_KINDS: Mapping[Kind, str] = {"base": "a base model", "embedder": "an embedder"}
_HUB_TIMEOUT = 5.0  # seconds; one attempt, because a machine without network must find out quickly
_HUB_NAME = re.compile(r"^\w[\w.-]*/\w[\w.-]*$", re.ASCII)
_WANTED = ["*.safetensors", "*.json", "*.txt", "*.jinja", "*.model", "tokenizer*"]
_TEMPLATES = ("tokenizer_config.json", "chat_template.jinja", "chat_template.json")
_MODULES = "modules.json"  # how an embedder makes one vector of many; plain models have none
_WINDOWS = ("max_position_embeddings", "n_positions")
_UNWANTED = ["onnx/*", "openvino/*", "original/*", "consolidated*.safetensors"]


def base_model(name: str, progress: Progress = no_progress) -> Weights:
    """Find the base model, fetching it if needed.

    Args:
        name: the default's short name, a local folder, or a hub name.
        progress: told about downloads (bytes) and the conversion (tensors).

    Raises:
        WeightsError: unknown, unreachable, incomplete or corrupt; nothing half-written stays behind.
    """
    return _resolve(name, "base", progress)


def embedder(name: str, progress: Progress = no_progress) -> Weights:
    """Find the embedder, fetching it if needed; like `base_model`.

    Raises:
        WeightsError: unknown, unreachable, incomplete or corrupt.
    """
    return _resolve(name, "embedder", progress)


def found(name: str, kind: Kind) -> Weights | None:
    """What is already on this machine under a name, complete and verified; None if it would have to be fetched.

    Raises:
        WeightsError: the name can mean nothing, or is a local folder that lacks something.
    """
    short = name.casefold()
    if short in wheels.PACKAGED:
        if wheels.PACKAGED[short].kind != kind:
            raise WeightsError(name, f"it is not {_KINDS[kind]}", name_remedy(kind))
        return wheels.ready(short)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return opened(name, kind, folder, "folder")
    if folder.exists():
        raise WeightsError(name, "it is a file, not a folder with config.json and *.safetensors", name_remedy(kind))
    if "/" not in name:
        raise WeightsError(
            name, "there is no such folder, and it is neither a hub name nor a default", name_remedy(kind)
        )
    if not _HUB_NAME.match(name):
        raise WeightsError(name, "there is no such folder", name_remedy(kind))
    cached = _hub_cached(name)
    if cached is None or missing(cached, kind) or _is_part(name, kind, cached):
        return None
    return opened(name, kind, cached, "hub")


def context_window(name: str) -> int | None:
    """How many tokens a base model reads, by its configuration alone; None if it is not on this machine or does not say."""
    weights = None
    with contextlib.suppress(WeightsError):  # whoever loads it will hear of it
        weights = found(name, "base")
    if weights is None:
        return None
    try:
        config = json.loads((weights.folder / "config.json").read_text(encoding="utf-8"))
        return next((int(config[key]) for key in _WINDOWS if config.get(key)), None)
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _resolve(name: str, kind: Kind, progress: Progress) -> Weights:
    local = found(name, kind)
    if local is not None:
        return local
    if name.casefold() in wheels.PACKAGED:
        return wheels.prepare(name.casefold(), progress)
    try:
        fetched = _from_hub(name, kind, progress)
    except _UnreachableError as reason:
        cached = _hub_cached(name)
        if cached is not None and not missing(cached, kind):
            logger.warning("%s: %s; taking the copy that is here, of which something may be missing", name, reason)
            return opened(name, kind, cached, "hub")
        for short, row in wheels.PACKAGED.items():
            if row.kind == kind and row.hub.casefold() == name.casefold():
                logger.warning("%s: %s; taking the weights of %s instead", name, reason, row.requirement)
                return wheels.ready(short) or wheels.prepare(short, progress)
        raise WeightsError(name, str(reason), folder_remedy(kind)) from None
    for short, row in wheels.PACKAGED.items():
        if row.kind == kind and row.hub.casefold() == name.casefold() and wheels.ready(short) is not None:
            warning = "%s: now from the hub; what was learned while no hub answered, with model or embedder %s, needs that name"
            logger.warning(warning, name, short)
    return fetched


class _UnreachableError(Exception):
    """No hub answers; worded as the reason of a WeightsError."""


def _hub_cached(name: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True, allow_patterns=_WANTED, ignore_patterns=_UNWANTED))
    except LocalEntryNotFoundError:
        return None
    except HFValidationError:
        raise WeightsError(name, "it is neither a folder nor a possible hub name", "Check the spelling.") from None


def _is_part(name: str, kind: Kind, folder: Path) -> bool:
    """Whether a copy in the hub's cache may lack what a model works without, but otherwise: programs fetch single files."""
    from huggingface_hub import _CACHED_NO_EXIST, try_to_load_from_cache

    if kind == "base":  # without a chat template it is of no use, so such a model is never asked for twice
        return not any((folder / one).is_file() for one in _TEMPLATES)
    return not (folder / _MODULES).exists() and try_to_load_from_cache(name, _MODULES) is not _CACHED_NO_EXIST


def _from_hub(name: str, kind: Kind, progress: Progress) -> Weights:
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download
    from huggingface_hub.errors import OfflineModeIsEnabled, RepositoryNotFoundError

    try:
        HfApi().repo_info(name, timeout=_HUB_TIMEOUT)
    except OfflineModeIsEnabled:
        raise _UnreachableError(
            "it is not in the local hub cache, and the hub is switched off (HF_HUB_OFFLINE)"
        ) from None
    except RepositoryNotFoundError:
        remedy = f"Check the spelling, or log in if it is private or gated. {name_remedy(kind)}"
        raise WeightsError(name, "the hub has no such model, or does not show it to you", remedy) from None
    except Exception as error:  # what a failed request raises differs between the hub client's versions
        raise _UnreachableError(f"no hub can be reached ({type(error).__name__})") from error
    try:
        folder = Path(
            snapshot_download(
                name,
                allow_patterns=_WANTED,
                ignore_patterns=_UNWANTED,
                etag_timeout=_HUB_TIMEOUT,
                tqdm_class=_hub_bar(name, progress),
            )
        )
    except Exception as error:  # the same, and everything a disk can refuse
        remedy = "Run it again: what has arrived is kept."
        raise WeightsError(name, f"the download broke off ({reason_of(error)})", remedy) from error
    if kind == "embedder" and not (folder / _MODULES).exists():
        with contextlib.suppress(Exception):  # the client notes that there is none, so that it is not asked for again
            hf_hub_download(name, _MODULES, etag_timeout=_HUB_TIMEOUT)
    return opened(name, kind, folder, "hub")


def _hub_bar(name: str, progress: Progress) -> Any:
    """A tqdm that draws nothing and tells the callback instead."""
    tqdm: Any = importlib.import_module("tqdm.auto").tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)  # the hub's own bars have one, tqdm's have not
            super().__init__(*args, **{**kwargs, "file": io.StringIO(), "disable": False})

        def display(self, *args: Any, **kwargs: Any) -> None:
            if not str(self.desc).startswith("Downloading"):  # counted twice: as sent, and as written to disk
                what = "bytes" if self.unit == "B" else "files"
                progress(f"download {name} ({what})", int(self.n), int(self.total or 0))

    return Bar
