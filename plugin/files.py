"""Files that are whole at any time, whatever crashes, and what is in them."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from pathlib import Path

__all__ = ["file_sha256", "remove_folder", "sync", "write_atomically"]


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file so that a reader sees the old content or the new, never a part; it survives a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the process's number: threads share it, and so do containers around one cache.
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with draft.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # what could not be finished would lie there for good: no two drafts share a name
    sync(path.parent)


def sync(path: Path) -> None:
    """Bring a file, or the names inside a folder, to the disk; Windows cannot open folders, and there they are left."""
    folder = path.is_dir()
    if folder and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)  # Windows flushes only what is open for writing
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remove_folder(folder: Path) -> None:
    """Delete a folder and what is in it; nothing happens when it is not there."""
    if folder.exists():
        shutil.rmtree(folder)
