"""What a figure depends on besides its benchmark: commit, versions, data files, readers, and the machine."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

__all__ = ["ROOT", "commit", "data_files", "loaded_readers", "machine", "reader_files", "versions"]

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("slowwave", "torch", "transformers", "peft", "sentence-transformers", "chromadb", "numpy")


def versions() -> dict[str, str]:
    """The versions that figures depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def commit() -> str:
    """The commit that was measured, "+dirty" where the tree had changes, "unknown" outside a git checkout."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def data_files(folder: Path | None) -> dict[str, str]:
    """The hash of every data file in a folder, by its path there: another folder's figures are not this one's."""
    if folder is None:
        return {}
    return {path.relative_to(folder).as_posix(): _file_hash(path) for path in sorted(folder.rglob("*.gz"))}


def reader_files() -> dict[str, str]:
    """The hash of every reader skill that a base model may get here: trained ones from the cache, and shipped ones."""
    from slowwave.adapters_store import skills

    cached = skills.skill_path("reader", "").parent
    some = [
        *cached.glob("*.reader.safetensors"),
        *Path(skills.__file__).with_name("shipped").glob("*.reader.safetensors"),
    ]
    return {path.name: _file_hash(path) for path in sorted(some)}


def _file_hash(path: Path) -> str:
    about = path.stat()
    return _hash_of(path, about.st_size, about.st_mtime_ns)


@cache
def _hash_of(path: Path, size: int, changed: int) -> str:
    """Read once for each state of the file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def loaded_readers() -> list[str]:
    """The readers of the base models that this process loaded."""
    loading = sys.modules.get("slowwave.loading")
    if loading is None:  # nothing was loaded, and asking must not cost the import
        return []
    return sorted({base.ref.reader_sha256 for base in loading._loaded.values() if base.ref.reader_sha256})


def machine(device: str | None) -> dict[str, str | int | float | None]:
    """What it ran on: processor, cores of this process, memory in GiB, and the device's name."""
    try:
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    except OSError:
        models = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    has_pages = hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names
    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if has_pages else None
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.processor() or platform.machine(),
        "cores": cores,
        "ram_gib": None if ram is None else round(ram, 1),
        "device": _device_name(device),
        "system": platform.system(),
    }


def _device_name(device: str | None) -> str:
    if "torch" not in sys.modules:  # nothing ran on a device, and asking must not cost the import
        return device or "cpu"
    import torch

    wanted = device or "auto"
    if wanted.startswith(("auto", "cuda")) and torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    return "mps" if wanted in {"auto", "mps"} and torch.backends.mps.is_available() else "cpu"
