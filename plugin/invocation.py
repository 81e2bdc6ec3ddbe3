"""One run of a command: the shared options in, an exit code out, and errors as one line or one document."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, get_type_hints

import typer

from slowwave.checking import check_user
from slowwave.errors import InvalidInput, SlowwaveError
from slowwave.origin import with_origin
from slowwave.reading import read_pairs
from slowwave.settings import Settings
from slowwave.terminal import Call, forgive, tell_error

if TYPE_CHECKING:
    from slowwave.memory import Memory

__all__ = ["DONE", "FAILED", "INTERRUPTED", "UNKNOWN", "UNREAD", "Command", "commands_of", "fetch", "opened", "worded"]

DONE, FAILED, UNKNOWN, INTERRUPTED = 0, 1, 3, 130
UNREAD = 141
"""Nobody reads what is printed any more: what a shell makes of a program that SIGPIPE ended, as 130 is SIGINT's."""

Command = Callable[..., int]
"""A function of a `Call` and of its own options that returns an exit code."""

_SHARED: Mapping[str, Any] = {
    "folder": Annotated[
        str | None,  # as it was given: an empty path would mean the working directory
        typer.Option(
            "--folder", "-f", metavar="PATH", help="Memory folder [$SLOWWAVE_FOLDER, else ./slowwave-memory]."
        ),
    ],
    "user": Annotated[
        str | None, typer.Option("--user", "-u", help='Whose memory it is [$SLOWWAVE_USER, else "default"].')
    ],
    "json": Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")],
    "model": Annotated[str | None, typer.Option("--model", help="Base model: hub name, folder, or the default.")],
    "device": Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda, mps.")],
    "set": Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Another setting, for example embedder=NAME; may be repeated."
        ),
    ],
    "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens to standard error.")],
}


def commands_of(app: typer.Typer) -> Callable[[Command], Command]:
    """Give an application the shared options; returns the decorator that registers its commands.

    The shared options may stand before or after the name of a command, and errors become exit codes.
    """

    def root(ctx: typer.Context, version: bool = False, **shared: Any) -> None:
        ctx.obj = shared

    def register(function: Command) -> Command:
        app.command()(_taking_options(function))
        return function

    asked = Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_tell_version)
    ]
    kind = inspect.Parameter.KEYWORD_ONLY
    _with_shared(root, {"version": inspect.Parameter("version", kind, default=False, annotation=asked)})
    app.callback()(root)
    return register


def _tell_version(wanted: bool) -> None:
    if wanted:
        from slowwave import __version__

        typer.echo(f"slowwave {__version__}")
        raise typer.Exit


@contextlib.contextmanager
def opened(call: Call, *, new: bool = False, base: bool = False, embedder: bool = True) -> Iterator[Memory]:
    """Open the memory, and fetch the weights that the command needs where their progress can be seen.

    Raises:
        InvalidInput: there is no memory folder, and none may be made, or it is a file.
    """
    from slowwave.doctor import is_memory

    if not new and not is_memory(call.folder):  # reading must not make a memory out of somebody's photographs
        remedy = 'Give --folder, or make one: slowwave add "I\'m allergic to peanuts."'
        raise InvalidInput("There is no memory folder", str(call.folder), remedy)
    if call.folder.exists() and not call.folder.is_dir():
        raise InvalidInput("The memory folder is a file", str(call.folder), "Give another folder.")
    from slowwave.memory import Memory

    with Memory(call.folder, settings=call.settings) as memory:
        fetch(call, base=base, embedder=embedder)
        yield memory


def fetch(call: Call, *, base: bool, embedder: bool, model: str | None = None) -> None:
    """Fetch the weights that are wanted, if they are not on this machine, and show how far it is.

    Args:
        model: the base model, if it is not that of the settings.

    Raises:
        WeightsError: unknown, unreachable, incomplete or corrupt.
    """
    from slowwave import weights

    with call.progress() as progress:
        if embedder and not call.settings.embedder.startswith("hash:"):
            weights.embedder(call.settings.embedder, progress)
        if base:
            weights.base_model(model or call.settings.model, progress)


def _taking_options(function: Command) -> Callable[..., None]:
    """What Typer calls in place of a command."""
    hints = get_type_hints(function, include_extras=True)
    own = {
        name: parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "call"
    }

    @functools.wraps(function)
    def run(ctx: typer.Context, **given: Any) -> None:
        before: Mapping[str, Any] = ctx.obj or {}
        near = {name: given.pop(name) for name in _SHARED if name != "set"}  # it wins, even if it is empty
        shared = {name: before.get(name) if value in (None, False) else value for name, value in near.items()}
        shared["set"] = [*(before.get("set") or ()), *(given.pop("set") or ())]
        raise typer.Exit(_run(function, shared, given))

    _with_shared(run, own)
    return run


def _with_shared(function: Callable[..., None], own: Mapping[str, inspect.Parameter]) -> None:
    """Give a function the signature that Typer reads: the context, its own options, the shared ones."""
    if both := own.keys() & _SHARED.keys():  # the shared one would take its place without a word
        raise TypeError(f"{function.__name__} has options of its own that are shared ones: {', '.join(sorted(both))}")
    kind = inspect.Parameter.KEYWORD_ONLY
    shared = {
        name: inspect.Parameter(name, kind, default=None if name not in {"json", "verbose"} else False, annotation=hint)
        for name, hint in _SHARED.items()
    }
    context = {"ctx": inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)}
    parameters = {**context, **own, **shared}
    function.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
    function.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]  # typeshed does not know it


def _run(function: Command, shared: Mapping[str, Any], own: Mapping[str, Any]) -> int:
    out = sys.stdout or io.StringIO()  # a service may have none
    forgive(out)
    try:
        code = _told(function, shared, own, out)
        out.flush()  # what cannot be written shall not wait for the end of the interpreter
        return code
    except OSError as error:  # of the writing: what a command raises has been told
        _abandon(out)
        _abandon(sys.stderr)
        if isinstance(error, BrokenPipeError):
            return UNREAD
        tell_error(out, type(error).__name__, f"The result cannot be written: {error}.", as_json=False)
        return FAILED


def _abandon(stream: TextIO) -> None:
    """Point a stream that cannot be written at nothing, or the interpreter complains when it ends."""
    try:
        stream.flush()
    except OSError:
        with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def _told(function: Command, shared: Mapping[str, Any], own: Mapping[str, Any], out: TextIO) -> int:
    """The exit code of a command; its errors are told."""
    as_json = bool(shared["json"])
    with contextlib.ExitStack() as stack:
        if as_json:  # whatever a library prints must not mix with the document
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        if shared["verbose"]:
            stack.enter_context(_logging())
        try:
            return function(_call(shared, out), **own)
        except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
            raise
        except (Exception, KeyboardInterrupt) as error:
            # A program that reads the document wants one for our own mistakes too.
            kind, message, code = worded(error)
            tell_error(out, kind, message, as_json=as_json)
            return code


def worded(error: BaseException) -> tuple[str, str, int]:
    """(kind, one line, exit code) of what went wrong."""
    kind, said = type(error).__name__, " ".join(str(error).split())
    if isinstance(error, SlowwaveError):
        return kind, said, FAILED
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted", "Interrupted; what was finished is kept.", INTERRUPTED
    logging.getLogger(__name__).debug("an unexpected error", exc_info=error)
    return kind, f"Unexpected {kind}: {said} (run with --verbose for the whole story)", FAILED


def _call(shared: Mapping[str, Any], out: TextIO) -> Call:
    chosen = _given(shared["user"], "SLOWWAVE_USER")
    if chosen is not None:
        check_user(chosen)
    place = _given(shared["folder"], "SLOWWAVE_FOLDER")
    named = {name: shared[name] for name in ("model", "device") if shared[name] is not None}
    settings = read_pairs(shared["set"]) | named
    for name, value in {"folder": place, **settings}.items():
        if value == "":  # of a variable that is not set: it would mean the default, or the working directory
            raise InvalidInput(f"Empty {name}", value, "Give a value, or leave the option out.")
    try:
        folder = Path(place or "slowwave-memory").expanduser()
    except RuntimeError:
        raise InvalidInput("There is no such home", place, "Give the whole path of the memory folder.") from None
    checked = Settings.checked(**settings)
    return Call(
        folder=folder,
        user=chosen or "default",
        chosen_user=chosen,
        json=bool(shared["json"]),
        verbose=bool(shared["verbose"]),
        settings=with_origin(folder, checked) if folder.is_dir() else checked,
        out=out,
    )


def _given(option: str | None, variable: str) -> str | None:
    """An option as it was given, even if it is empty; else the environment's variable, if there is something in it."""
    return option if option is not None else os.environ.get(variable) or None


@contextlib.contextmanager
def _logging() -> Iterator[None]:
    logger, handler = logging.getLogger("slowwave"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
