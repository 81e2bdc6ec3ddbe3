"""What stands between this machine and a good night: versions, device, room, weights, and the memory folder."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slowwave import machine, weights, wheels
from slowwave.adapters_store.layout import FORMAT, FolderLayout
from slowwave.adapters_store.skills import find_skill, identity
from slowwave.errors import InvalidInput, SlowwaveError, WeightsError
from slowwave.machine import Finding, Status
from slowwave.settings import Settings, cache_folder
from slowwave.types import Progress, no_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from slowwave.adapters_store.manifest import Manifest

__all__ = ["Finding", "Status", "diagnose", "is_memory"]

logger = logging.getLogger(__name__)


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
        ("python", machine.check_python),
        ("libraries", machine.check_libraries),
        ("device", lambda: machine.check_device(settings)),
        ("memory", lambda: machine.check_ram(settings)),
        ("disk", lambda: machine.check_disk(folder)),
        ("base model", lambda: _weights("base model", settings.model, "base")),
        ("embedder", lambda: _weights("embedder", settings.embedder, "embedder")),
        ("skills", lambda: _skills(settings)),
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


# -- weights ----------------------------------------------------------------------------------------------------------


def _weights(area: str, name: str, kind: weights.Kind) -> Iterator[Finding]:
    if kind == "embedder" and name.startswith("hash:"):
        yield Finding(area, "ok", f"{name}: hashed words, no weights needed")
        return
    local = weights.found(name, kind)
    if local is not None:
        yield Finding(area, "ok", f"{name}: present, verified ({local.origin}, {local.sha256[:12]})")
        return
    row = wheels.PACKAGED.get(name.casefold())
    if row is None:
        remedy = f'Stay online for the first use, or give {area.split()[-1]}="/path/to/folder".'
        yield Finding(area, "warn", f"{name}: absent, will be downloaded from the hub on first use", remedy)
        return
    size = f"{row.wheel_bytes // 10**6} MB"
    after = " and converted, which takes about half a minute" if row.gguf else ""
    remedy = "Stay online for the first use; `slowwave doctor --deep` does it now."
    yield Finding(area, "warn", f"{name}: absent, will be downloaded ({size}){after} on first use", remedy)


def _skills(settings: Settings) -> Iterator[Finding]:
    local = weights.found(settings.model, "base")
    if settings.skills == "off" or local is None:
        return  # of weights that are not here nothing can be said
    reader = find_skill("reader", local.sha256)
    writer = find_skill("writer", identity(local.sha256, reader))
    for name, skill in (("reader", reader), ("writer", writer)):
        if skill is None:
            otherwise = "The first night trains it" if name == "reader" else "Without it the rules write alone"
            remedy = f"{otherwise}; `slowwave prepare` makes it now."
            yield Finding("skills", "ok" if name == "writer" else "warn", f"{name}: not prepared", remedy)
        elif skill.refused:
            remedy = "Another base model may learn it, or `slowwave prepare --again --seed 1`."
            yield Finding("skills", "warn", f"{name}: refused, {skill.refused}", remedy)
        else:
            state = f"ready ({skill.sha256[:12]})" if skill.needed else "not needed by this base model"
            yield Finding("skills", "ok", f"{name}: {state}")


def _cache() -> Iterator[Finding]:
    place = machine.existing(cache_folder())
    if not place.is_dir() or not os.access(place, os.W_OK):
        message = "the cache folder cannot be written: no weights and no skills can be kept there"
        yield Finding("cache", "warn", message, "Change its rights, or set SLOWWAVE_CACHE to another folder.")
    left = wheels.leftovers()
    if left:
        message = f"{len(left)} half-made weights folder(s) from an interrupted run, never used"
        yield Finding("cache", "warn", message, "Nothing to do: the next preparation removes them.")


def _load_base(settings: Settings, progress: Progress) -> Iterator[Finding]:
    from slowwave.loading import load_base
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


def is_memory(folder: Path) -> bool:
    """Whether a folder is a memory's: it has facts, says what they were written with, or lists modules."""
    layout = FolderLayout(folder)
    return layout.facts.is_dir() or layout.origin.is_file() or layout.catalog.is_file()


def _folder(folder: Path, settings: Settings) -> Iterator[Finding]:
    layout = FolderLayout(folder)
    if folder.exists() and not folder.is_dir():
        yield Finding("folder", "fail", "the memory folder is a file", "Give another folder.")
        return
    if not os.access(machine.existing(folder), os.W_OK):
        yield Finding("folder", "fail", "the memory folder cannot be written", "Change its rights, or give another.")
        return
    if not is_memory(folder):
        yield Finding("folder", "ok", "no memory here yet; the first fact makes one")
        return
    from slowwave.adapters_store.store import AdapterStore
    from slowwave.lock import holder

    owner = holder(folder)
    if owner:
        message = f"in use by {owner}; its facts are not counted"
        yield Finding("lock", "warn", message, "Close that process if you want to open the memory here.")
    else:
        yield Finding("lock", "ok", "free")
    live = AdapterStore(layout).live()
    carried = sum(len(manifest.settled_ids) for manifest in live)
    text = f"writable, format {FORMAT}, {len(live)} module(s) carrying {carried} fact(s)"
    if not owner and layout.facts.is_dir():
        count, problem = _count_facts(layout, settings)
        if problem:
            yield Finding("facts", "warn", problem, "Open it with the embedder it was written with.")
        if count is not None:
            text += f", {count} live fact(s)"
    yield Finding("folder", "ok", text)
    yield from _silent(live, settings)
    if not owner:
        yield from _leftovers(layout, {manifest.id for manifest in live})


def _silent(live: Sequence[Manifest], settings: Settings) -> Iterator[Finding]:
    """Modules that do not answer, because the base model is not the one they were trained on: its bytes are what counts."""
    local = None
    with contextlib.suppress(WeightsError):  # told where the base model is looked at
        local = weights.found(settings.model, "base")
    if local is None:  # then the name is all there is to go by
        others = {one.base.name for one in live} - {settings.model}
    else:
        reader = None if settings.skills == "off" else find_skill("reader", local.sha256)
        meant = identity(local.sha256, reader)
        others = {one.base.name for one in live if one.base.sha256 != meant}
    if others:
        named = ", ".join(sorted(others))
        message = f"some modules were trained on {named}, not on {settings.model}: they stay silent"
        if others == {settings.model}:
            message = f"some modules were trained on other weights or another reader of {named}: they stay silent"
        yield Finding("modules", "warn", message, "Give that model, or run a night to learn the facts again.")


def _count_facts(layout: FolderLayout, settings: Settings) -> tuple[int | None, str]:
    """How many live facts there are, or why that cannot be said."""
    from slowwave.facts import FactStore
    from slowwave.lock import FolderLock

    name = settings.embedder
    if not name.startswith("hash:"):
        local = weights.found(name, "embedder")
        if local is None:
            return None, ""
        name = f"st:{local.sha256[:12]}"
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
