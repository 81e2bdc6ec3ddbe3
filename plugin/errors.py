"""Everything Slowwave can complain about.

SlowwaveError
├── InvalidInput        (ValueError)       a text, user id, message, schedule or setting that cannot be used
├── FactNotFound        (LookupError)      no live fact has this id
├── MemoryLocked        (BlockingIOError)  another process, or this one, has the memory folder open
├── MemoryClosed        (RuntimeError)     the memory was closed
├── NightRunning        (RuntimeError)     a night is already under way in this process
├── WeightsError        (OSError)          base model or embedder missing, unreachable or corrupt
├── StoreDamaged        (OSError)          a module, manifest or catalog cannot be read
├── BaseMismatch        (ValueError)       a module was trained on another base model
├── OwnerMismatch       (PermissionError)  a module belongs to another user
├── WriterFailed        (RuntimeError)     the question writer raised or answered nonsense
└── MissingExtra        (ImportError)      an optional dependency is not installed

Rules for a new one: subclass SlowwaveError and the nearest stdlib error, take the offending values as positional
arguments, keep them as attributes (so that it pickles), word itself in ``__str__``, and end with what to do about it.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = [
    "BaseMismatch",
    "FactNotFound",
    "InvalidInput",
    "MemoryClosed",
    "MemoryLocked",
    "MissingExtra",
    "NightRunning",
    "OwnerMismatch",
    "SlowwaveError",
    "StoreDamaged",
    "WeightsError",
    "WriterFailed",
]


class SlowwaveError(Exception):
    """The base of every error that Slowwave raises on purpose."""

    def __reduce__(self) -> tuple[Callable[..., SlowwaveError], tuple[type[SlowwaveError], dict[str, object]]]:
        # The stdlib's way calls the class with `args`, which an OSError with its own __init__ leaves empty.
        return _revive, (type(self), self.__dict__)


def _revive(kind: type[SlowwaveError], values: dict[str, object]) -> SlowwaveError:
    error = kind.__new__(kind)
    error.__dict__.update(values)
    return error


class InvalidInput(SlowwaveError, ValueError):
    """A value given by the caller cannot be used; nothing was written."""

    def __init__(self, what: str, value: object, remedy: str) -> None:
        self.what, self.value, self.remedy = what, value, remedy

    def __str__(self) -> str:
        shown = repr(self.value)
        if len(shown) > 80:
            shown = f"{shown[:77]}..."
        return f"{self.what}: {shown}. {self.remedy}"


class FactNotFound(SlowwaveError, LookupError):
    """No live fact has the id that was asked for."""

    def __init__(self, fact_id: str) -> None:
        self.fact_id = fact_id

    def __str__(self) -> str:
        return (
            f"No fact has the id {self.fact_id!r}. It may have been deleted; `get_all`, on the command line `slowwave facts`, "
            "lists the ids that exist."
        )


class MemoryLocked(SlowwaveError, BlockingIOError):
    """Another process, or this one, has the memory folder open."""

    def __init__(self, folder: str, holder: str) -> None:
        self.folder, self.holder = folder, holder

    def __str__(self) -> str:
        return (
            f"The memory folder {self.folder!r} is in use by {self.holder}. One process owns a folder at a time: close it "
            "there, or open another folder. Inside one process, Memory.shared(folder) gives what is open."
        )


class MemoryClosed(SlowwaveError, RuntimeError):
    """The memory was closed and can no longer be used."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return f"The memory on {self.folder!r} was closed. Open it again with Memory({self.folder!r})."


class NightRunning(SlowwaveError, RuntimeError):
    """A night is already under way on this memory."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return f"A night is already under way on {self.folder!r}. Wait for it to end; facts added meanwhile are kept."


class WeightsError(SlowwaveError, OSError):
    """The base model or the embedder is missing, unreachable or corrupt."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        self.name, self.reason, self.remedy = name, reason, remedy

    def __str__(self) -> str:
        return f"The weights of {self.name!r} cannot be used: {self.reason}. {self.remedy}"


class StoreDamaged(SlowwaveError, OSError):
    """A file of the module store cannot be read or fails its checksum."""

    def __init__(
        self,
        path: str,
        reason: str,
        remedy: str = "Remove the damaged file and run a night; what it held is learned again.",
    ) -> None:
        self.path, self.reason, self.remedy = path, reason, remedy

    def __str__(self) -> str:
        return (
            f"{self.path!r} cannot be used: {self.reason}. No fact is lost: facts live in the fact store. {self.remedy}"
        )


class BaseMismatch(SlowwaveError, ValueError):
    """A module was trained on another base model than the one that is loaded."""

    def __init__(self, module_id: str, trained_on: str, loaded: str) -> None:
        self.module_id, self.trained_on, self.loaded = module_id, trained_on, loaded

    def __str__(self) -> str:
        return (
            f"Module {self.module_id!r} was trained on base {self.trained_on!r}, but {self.loaded!r} is loaded. "
            "Open the memory with the base model it was trained on, or run a night to learn its facts again."
        )


class OwnerMismatch(SlowwaveError, PermissionError):
    """A module of one user was asked for on behalf of another."""

    def __init__(self, module_id: str, user_id: str) -> None:
        self.module_id, self.user_id = module_id, user_id

    def __str__(self) -> str:
        return f"Module {self.module_id!r} does not belong to user {self.user_id!r}. Modules never answer for others."


class WriterFailed(SlowwaveError, RuntimeError):
    """The question writer raised, or returned something that is not a list of question-answer pairs."""

    def __init__(self, writer: str, reason: str) -> None:
        self.writer, self.reason = writer, reason

    def __str__(self) -> str:
        return (
            f"The question writer {self.writer!r} failed: {self.reason}. A writer takes a Fact and returns "
            "(question, answer) pairs; no fact was lost, and the next night tries again."
        )


class MissingExtra(SlowwaveError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        self.feature, self.extra = feature, extra

    def __str__(self) -> str:
        return (
            f"{self.feature} needs an extra that is not installed: pip install 'slowwave[{self.extra}]', "
            f"or, in a clone, pip install '.[{self.extra}]'."
        )
