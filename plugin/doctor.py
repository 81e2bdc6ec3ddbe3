"""What stands between this machine and a good night: versions, device, room, weights, and the memory folder."""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from slowwave import weights
from slowwave.adapters_store.layout import FORMAT, FolderLayout
from slowwave.errors import InvalidInput, SlowwaveError, WeightsError
from slowwave.settings import Settings, cache_folder
from slowwave.types import Progress, no_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from slowwave.adapters_store.manifest import ModuleInfo

__all__ = ["Finding", "Status", "diagnose"]

logger = logging.getLogger(__name__)

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


def diagnose(
    folder: Path | None, settings: Settings, *, deep: bool = False, progress: Progress = no_progress
) -> list[Finding]:
    """Look at everything once; reads only, fetches nothing, and never raises for what it finds.

    Args:
        folder: the memory folder; None looks at the machine alone.
        settings: which base model, embedder and device are meant.
        deep: also fetch and load both models, embed a sentence and generate a token.
        progress: told about fetching and loading when deep.
    """
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("python", _python),
        ("libraries", _libraries),
        ("device", lambda: _device(settings)),
        ("memory", lambda: _ram(settings)),
        ("disk", lambda: _disk(folder)),
        ("base model", lambda: _weights("base model", settings.model, "base")),
        ("embedder", lambda: _weights("embedder", settings.embedder, "embedder")),
        ("cache", _cache),
    ]
    if folder is not None:
        checks.append(("folder", lambda: _folder(folder, settings)))
    if deep:
        checks += [
            ("base model", lambda: _load_base(settings, progress)),
            ("embedder", lambda: _load_embedder(settings, progress)),
        ]
    findings: list[Finding] = []
    for area, check in checks:
        try:
            findings.extend(check())
        except SlowwaveError as error:
            findings.append(Finding(area, "fail", str(error), "Do what the message says."))
        except Exception as error:  # a broken installation raises anything, and the other checks are wanted then most
            logger.debug("a check failed", exc_info=True)
            message = f"could not be looked at ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
            findings.append(Finding(area, "fail", message, "Reinstall Slowwave, or report this message."))
    return findings


# -- the machine ------------------------------------------------------------------------------------------------------


def _python() -> Iterator[Finding]:
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


def _libraries() -> Iterator[Finding]:
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


def _device(settings: Settings) -> Iterator[Finding]:
    import torch

    from slowwave.model import pick_device, pick_dtype

    device = pick_device(settings.device)
    dtype = pick_dtype(settings.dtype, device)
    try:
        torch.zeros(1, device=device, dtype=getattr(torch, dtype))
    except (RuntimeError, AssertionError, NotImplementedError, TypeError):
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


def _ram(settings: Settings) -> Iterator[Finding]:
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


def _disk(folder: Path | None) -> Iterator[Finding]:
    for what, path in (("memory folder", folder), ("cache folder", cache_folder())):
        if path is None:
            continue
        free = shutil.disk_usage(_existing(path)).free
        if free >= _LITTLE_DISK:
            yield Finding("disk", "ok", f"{_gib(free)} free for the {what}")
        else:
            status: Status = "fail" if free < _NO_DISK else "warn"
            yield Finding("disk", status, f"only {_gib(free)} free for the {what}", "Free some space, or move it.")


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next((place for place in (path, *path.absolute().parents) if place.exists()), Path.cwd())


# -- weights ----------------------------------------------------------------------------------------------------------


def _weights(area: str, name: str, kind: weights.Kind) -> Iterator[Finding]:
    if kind == "embedder" and name.startswith("hash:"):
        yield Finding(area, "ok", f"{name}: hashed words, no weights needed")
        return
    local = weights.found(name, kind)
    if local is not None:
        yield Finding(area, "ok", f"{name}: present, verified ({local.origin}, {local.sha256[:12]})")
        return
    row = weights.PACKAGED.get(name.casefold())
    if row is None:
        remedy = f'Stay online for the first use, or give {area.split()[-1]}="/path/to/folder".'
        yield Finding(area, "warn", f"{name}: absent, will be downloaded from the hub on first use", remedy)
        return
    size = f"{row.wheel_bytes // 10**6} MB"
    after = " and converted, which takes about half a minute" if row.gguf else ""
    remedy = "Stay online for the first use; `slowwave doctor --deep` does it now."
    yield Finding(area, "warn", f"{name}: absent, will be downloaded ({size}){after} on first use", remedy)


def _cache() -> Iterator[Finding]:
    left = weights.leftovers()
    if left:
        message = f"{len(left)} half-made weights folder(s) from an interrupted run, never used"
        yield Finding("cache", "warn", message, "Nothing to do: the next preparation removes them.")


def _load_base(settings: Settings, progress: Progress) -> Iterator[Finding]:
    from slowwave.model import load_base
    from slowwave.prompts import conversation

    base = load_base(settings, progress)
    prompt = base.encode(conversation("What is the capital of France?"))
    (said,) = base.generate([prompt], max_tokens=1)
    if said.mean_logprob != said.mean_logprob:
        message = "it loads, but its numbers are broken (NaN)"
        yield Finding("base model", "fail", message, 'Try dtype="float32" or another device.')
    else:
        yield Finding("base model", "ok", f"loads and speaks on {base.device}")


def _load_embedder(settings: Settings, progress: Progress) -> Iterator[Finding]:
    from slowwave.embedder import load_embedder

    vectors = load_embedder(settings.embedder, progress=progress).encode(["A sentence."])
    yield Finding("embedder", "ok", f"loads and embeds, {vectors.shape[1]} numbers a text")


# -- the memory folder ------------------------------------------------------------------------------------------------


def _folder(folder: Path, settings: Settings) -> Iterator[Finding]:
    layout = FolderLayout(folder)
    if folder.exists() and not folder.is_dir():
        yield Finding("folder", "fail", "the memory folder is a file", "Give another folder.")
        return
    if not os.access(_existing(folder), os.W_OK):
        yield Finding("folder", "fail", "the memory folder cannot be written", "Change its rights, or give another.")
        return
    if not folder.exists() or not any(folder.iterdir()):
        yield Finding("folder", "ok", "no memory here yet; the first fact makes one")
        return
    from slowwave.lock import holder

    owner = holder(folder)
    if owner:
        message = f"in use by {owner}; its facts are not counted"
        yield Finding("lock", "warn", message, "Close that process if you want to open the memory here.")
    else:
        yield Finding("lock", "ok", "free")
    infos = list(_modules(layout))
    carried = sum(info.facts for info in infos)
    text = f"writable, format {FORMAT}, {len(infos)} module(s) carrying {carried} fact(s)"
    if not owner and layout.facts.is_dir():
        count, problem = _count_facts(layout, settings)
        if problem:
            yield Finding("facts", "warn", problem, "Open it with the embedder it was written with.")
        if count is not None:
            text += f", {count} live fact(s)"
    yield Finding("folder", "ok", text)
    others = sorted({info.base for info in infos} - {settings.model})
    if others:
        message = f"some modules were trained on {', '.join(others)}, not on {settings.model}: they stay silent"
        yield Finding("modules", "warn", message, "Give that model, or run a night to learn the facts again.")
    if not owner:
        yield from _leftovers(layout, {info.id for info in infos})


def _modules(layout: FolderLayout) -> Sequence[ModuleInfo]:
    from slowwave.adapters_store.store import AdapterStore

    return AdapterStore(layout).infos()


def _count_facts(layout: FolderLayout, settings: Settings) -> tuple[int | None, str]:
    """How many live facts there are, or why that cannot be said."""
    from slowwave.facts import FactStore
    from slowwave.lock import FolderLock

    name = settings.embedder
    if not name.startswith("hash:"):
        local = weights.found(name, "embedder")
        if local is None:
            return None, ""
        name = f"{local.name}:{local.sha256[:12]}"
    lock = FolderLock(layout.root)
    try:
        store = FactStore(layout.facts, _Nameplate(name))
        try:
            return len(store.live()), ""
        finally:
            store.close()
    except InvalidInput as error:
        return None, str(error)
    finally:
        lock.release()


class _Nameplate:
    """Stands where an embedder would, because counting needs its name and not its weights."""

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError("the doctor embeds nothing")


def _leftovers(layout: FolderLayout, live: set[str]) -> Iterator[Finding]:
    if layout.night.exists():
        message = "a night was interrupted; what it had finished is kept"
        yield Finding("night", "warn", message, "Run a night: it goes on where it stopped.")
    stray = [path for path in layout.modules.iterdir() if path.name not in live] if layout.modules.is_dir() else []
    if stray:
        message = f"{len(stray)} module folder(s) that nothing lists, left by a crash; they are never loaded"
        yield Finding("night", "warn", message, "Nothing to do: the next night removes them.")


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f} GiB"
