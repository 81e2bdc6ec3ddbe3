"""What this machine is to a memory: Python, libraries, device, and room in RAM and on disk."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slowwave import weights
from slowwave.errors import WeightsError
from slowwave.settings import Settings, cache_folder

__all__ = [
    "Finding",
    "Status",
    "check_device",
    "check_disk",
    "check_libraries",
    "check_python",
    "check_ram",
    "existing",
]

Status = Literal["ok", "warn", "fail"]

_GIB = 1 << 30
_LITTLE_DISK, _NO_DISK = _GIB, 100 << 20  # bytes: enough for a few nights, and not even for one module
_WORK = _GIB  # bytes of RAM that a night takes beside the weights, on the default model


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    area: str
    status: Status
    message: str
    remedy: str = ""
    """What to do about it; empty when nothing has to be done."""


def check_python() -> Iterator[Finding]:
    """Whether this Python is new enough."""
    from packaging.specifiers import SpecifierSet

    version = platform.python_version()
    try:
        wanted = importlib.metadata.metadata("slowwave")["Requires-Python"] or ""
    except importlib.metadata.PackageNotFoundError:
        yield Finding("python", "warn", f"Python {version}; Slowwave is not installed here", "pip install slowwave")
        return
    if SpecifierSet(wanted).contains(version, prereleases=True):
        yield Finding("python", "ok", f"Python {version} on {platform.system()} {platform.machine()}")
    else:
        yield Finding("python", "fail", f"Python {version}, but {wanted} is needed", "Install a newer Python.")


def check_libraries() -> Iterator[Finding]:
    """Whether the libraries are in the declared ranges."""
    from packaging.requirements import Requirement

    try:
        lines = importlib.metadata.requires("slowwave") or []
    except importlib.metadata.PackageNotFoundError:
        return
    needed = [requirement for requirement in map(Requirement, lines) if _always(requirement.marker)]
    wrong = 0
    for requirement in needed:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            message = f"{requirement.name} is not installed"
        else:
            if requirement.specifier.contains(version, prereleases=True):
                continue
            message = f"{requirement.name} is {version}, but {requirement.specifier} is needed"
        wrong += 1
        yield Finding("libraries", "fail", message, f"pip install '{requirement.name}{requirement.specifier}'")
    if not wrong:
        shown = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "transformers", "peft"))
        yield Finding("libraries", "ok", f"{len(needed)} libraries in range ({shown})")


def _always(marker: Any) -> bool:
    """Whether a requirement holds without any extra."""
    return marker is None or bool(marker.evaluate({"extra": ""}))


def check_device(settings: Settings) -> Iterator[Finding]:
    """Whether the device is there and holds the numbers that are wanted of it.

    Raises:
        InvalidInput: there is no such device.
    """
    import torch

    from slowwave.loading import pick_device, pick_dtype

    device = pick_device(settings.device)
    dtype = pick_dtype(settings.dtype, device)
    try:
        torch.zeros(1, device=device, dtype=getattr(torch, dtype))
    except (RuntimeError, TypeError):  # which of them, differs between devices
        message = f"device {device!r} cannot hold {dtype} numbers here"
        yield Finding("device", "fail", message, 'Give another device, or "auto".')
        return
    if device.startswith("cuda"):
        free, total = torch.cuda.mem_get_info(device)
        name = torch.cuda.get_device_name(device)
        yield Finding("device", "ok", f"{name}, {dtype}, {_gib(free)} of {_gib(total)} free")
        return
    yield Finding("device", "ok", f"{device}, {dtype}")
    if device == "cpu":
        threads, cores = torch.get_num_threads(), _cores()
        if threads > cores:
            message = f"torch uses {threads} threads on {cores} cores: they wait for each other"
            yield Finding("cpu", "warn", message, f"Set OMP_NUM_THREADS={cores}.")
        else:
            yield Finding("cpu", "ok", f"{threads} threads on {cores} cores")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_ram(settings: Settings) -> Iterator[Finding]:
    """Whether the base model and a night fit into memory."""
    psutil: Any = importlib.import_module("psutil")
    free = min(int(psutil.virtual_memory().available), _container_limit())
    try:
        local = weights.found(settings.model, "base")
    except WeightsError:
        local = None
    files = sum(path.stat().st_size for path in local.folder.glob("*.safetensors")) if local else 0
    need = 2 * files + _WORK  # bfloat16 files become float32 on a CPU
    if free < need:
        message = f"{_gib(free)} of RAM free, about {_gib(need)} wanted"
        yield Finding("memory", "warn", message, "Close other programs, or take a smaller base model.")
    else:
        yield Finding("memory", "ok", f"{_gib(free)} of RAM free")


def _container_limit() -> int:
    """What a container's limit leaves, in bytes; a huge number where there is none."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        return 1 << 62 if limit == "max" else max(0, int(limit) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        return 1 << 62


def check_disk(folder: Path | None) -> Iterator[Finding]:
    """Whether there is room for the memory folder and the cache."""
    for what, path in (("memory folder", folder), ("cache folder", cache_folder())):
        if path is None:
            continue
        free = shutil.disk_usage(existing(path)).free
        if free >= _LITTLE_DISK:
            yield Finding("disk", "ok", f"{_gib(free)} free for the {what}")
        else:
            status: Status = "fail" if free < _NO_DISK else "warn"
            yield Finding("disk", status, f"only {_gib(free)} free for the {what}", "Free some space, or move it.")


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next((place for place in (path, *path.absolute().parents) if place.exists()), Path.cwd())


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f} GiB"
