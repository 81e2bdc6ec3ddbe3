"""One process owns a memory folder: the lock, and who holds it."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from slowwave.adapters_store.layout import FolderLayout
from slowwave.errors import MemoryLocked
from slowwave.files import write_atomically

__all__ = ["FolderLock", "holder"]


class FolderLock:
    """Held from opening a memory to closing it; the system lets go of it when the process dies."""

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            MemoryLocked: somebody else has it.
        """
        self._layout = FolderLayout(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._layout.lock, thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise MemoryLocked(str(folder), _holder(self._layout) or "another process") from None
        who = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_atomically(self._layout.holder, json.dumps(who).encode())

    def release(self) -> None:
        """Let go."""
        self._layout.holder.unlink(missing_ok=True)
        self._lock.release()


def holder(folder: Path) -> str | None:
    """Who owns a memory folder now, in words, or None if nobody does."""
    layout = FolderLayout(folder)
    if not layout.lock.exists():
        return None
    probe = FileLock(layout.lock, thread_local=False)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return _holder(layout) or "another process"
    probe.release()
    return None


def _holder(layout: FolderLayout) -> str | None:
    try:
        who = json.loads(layout.holder.read_text())
        if (who["pid"], who["host"]) == (os.getpid(), socket.gethostname()):
            return "this process"
        return f"process {who['pid']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return None
