"""The command line: the verbs of `Memory`, with progress bars for people and one JSON document for programs.

Exit codes: 0 done, 1 an error of ours, 2 wrong usage, 3 nothing found or not known, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, get_type_hints

import typer
from pydantic import BaseModel

from slowwave.errors import FactNotFound, InvalidInput, SlowwaveError
from slowwave.settings import Settings
from slowwave.types import Message, Progress, Scalar

if TYPE_CHECKING:
    from rich.console import Console

    from slowwave.memory import Memory
    from slowwave.types import Answer, Fact, NightReport

__all__ = ["app", "main"]

DONE, FAILED, UNKNOWN, INTERRUPTED = 0, 1, 3, 130

app = typer.Typer(
    name="slowwave",
    help="Agent memory that learns at night: add facts by day, sleep at night, ask at any time.",
    epilog='Example: slowwave add "I\'m allergic to peanuts." && slowwave sleep && slowwave ask "Can I eat satay?"',
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


# -- what all commands share ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """One run of a command: the shared options, and where its words go."""

    folder: Path
    user: str
    chosen_user: str | None
    """The user if one was named, else None, which means everybody where that makes sense."""
    json: bool
    verbose: bool
    settings: Settings
    out: TextIO

    @property
    def screen(self) -> Console:
        """Standard error: everything that is not the result."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, markup=False)

    def document(self, value: object) -> None:
        """Print the one JSON document."""
        self.out.write(json.dumps(value, default=_plain_value, ensure_ascii=False, indent=2) + "\n")

    def say(self, text: str) -> None:
        """Print a line of the result; control characters of stored text must not reach the terminal."""
        self.out.write(_printable(text) + "\n")

    def note(self, text: str) -> None:
        """Print a dim line beside the result."""
        if not self.json:
            self.screen.print(_printable(text), style="dim")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print rows: as a table on a terminal, else separated by tabs, so that other programs can cut them."""
        lines = [[_printable(" ".join(str(cell).split())) for cell in row] for row in rows]
        if not self.out.isatty():
            self.out.writelines("\t".join(line) + "\n" for line in lines)
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*columns, box=None, pad_edge=False)
        for line in lines:
            table.add_row(*(Text(cell) for cell in line))
        Console(file=self.out).print(table)

    @contextlib.contextmanager
    def progress(self) -> Iterator[Progress]:
        """Bars on standard error; without a terminal, and only if verbose, one line per stage."""
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        screen = self.screen
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
        )
        bars = Bars(*columns, console=screen, transient=True, redirect_stdout=False, disable=not screen.is_terminal)
        tasks: dict[str, Any] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=None, count="")
                if self.verbose and not screen.is_terminal:
                    screen.print(stage)
            count = f"{done}/{total}" if total < 100_000 else f"{done / 1e6:.0f}/{total / 1e6:.0f} MB"
            bars.update(tasks[stage], completed=done, total=total or None, count=count if total else "")

        with bars:
            yield show


_SHARED: Mapping[str, Any] = {
    "folder": Annotated[
        Path | None,
        typer.Option("--folder", "-f", help="Memory folder [$SLOWWAVE_FOLDER, else ./slowwave-memory]."),
    ],
    "user": Annotated[
        str | None, typer.Option("--user", "-u", help='Whose memory it is [$SLOWWAVE_USER, else "default"].')
    ],
    "json": Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")],
    "model": Annotated[str | None, typer.Option("--model", help="Base model: hub name, folder, or the default.")],
    "device": Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda, mps.")],
    "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens to standard error.")],
}


def _with_shared(function: Callable[..., None], own: Mapping[str, inspect.Parameter]) -> None:
    """Give a function the signature that Typer reads: the context, its own options, the shared ones."""
    kind = inspect.Parameter.KEYWORD_ONLY
    shared = {
        name: inspect.Parameter(name, kind, default=None if name not in {"json", "verbose"} else False, annotation=hint)
        for name, hint in _SHARED.items()
    }
    context = {"ctx": inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)}
    parameters = {**context, **own, **shared}
    function.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
    function.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]


def _command(function: Callable[..., int]) -> Callable[..., int]:
    """Register a command; the shared options may stand before or after its name, and errors become exit codes."""
    hints = get_type_hints(function, include_extras=True)
    own = {
        name: parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "call"
    }

    @functools.wraps(function)
    def run(ctx: typer.Context, **given: Any) -> None:
        before: Mapping[str, Any] = ctx.obj or {}
        shared = {name: given.pop(name) or before.get(name) for name in _SHARED}
        raise typer.Exit(_run(function, shared, given))

    _with_shared(run, own)
    app.command()(run)
    return function


def _root(ctx: typer.Context, **shared: Any) -> None:
    ctx.obj = shared


_with_shared(_root, {})
app.callback()(_root)


def _run(function: Callable[..., int], shared: Mapping[str, Any], own: Mapping[str, Any]) -> int:
    out, as_json = sys.stdout, bool(shared["json"])
    with contextlib.ExitStack() as stack:
        if as_json:  # whatever a library prints must not mix with the document
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        if shared["verbose"]:
            stack.enter_context(_logging())
        try:
            return function(_call(shared, out), **own)
        except SlowwaveError as error:
            kind, message, code = type(error).__name__, " ".join(str(error).split()), FAILED
        except KeyboardInterrupt:
            kind, message, code = "Interrupted", "Interrupted; what was finished is kept.", INTERRUPTED
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:  # a program that reads the document wants one for our own mistakes too
            logging.getLogger(__name__).debug("an unexpected error", exc_info=True)
            kind, code = type(error).__name__, FAILED
            message = f"Unexpected {kind}: {' '.join(str(error).split())} (run with --verbose for the whole story)"
        if as_json:
            out.write(json.dumps({"error": kind, "message": message}, ensure_ascii=False) + "\n")
        else:
            sys.stderr.write(_printable(message) + "\n")
        return code


def _call(shared: Mapping[str, Any], out: TextIO) -> Call:
    chosen = shared["user"] or os.environ.get("SLOWWAVE_USER") or None
    folder = shared["folder"] or os.environ.get("SLOWWAVE_FOLDER") or "slowwave-memory"
    settings = {name: shared[name] for name in ("model", "device") if shared[name]}
    return Call(
        folder=Path(folder).expanduser(),
        user=chosen or "default",
        chosen_user=chosen,
        json=bool(shared["json"]),
        verbose=bool(shared["verbose"]),
        settings=Settings.checked(**settings),
        out=out,
    )


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


@contextlib.contextmanager
def _open(call: Call, *, new: bool = False, base: bool = False, embedder: bool = True) -> Iterator[Memory]:
    """Open the memory, and fetch the weights that the command needs where their progress can be seen."""
    if not new and not call.folder.is_dir():
        remedy = 'Give --folder, or make one: slowwave add "I\'m allergic to peanuts."'
        raise InvalidInput("There is no memory folder", str(call.folder), remedy)
    from slowwave.memory import Memory

    with Memory(call.folder, settings=call.settings) as memory:
        _fetch(call, base=base, embedder=embedder)
        yield memory


def _fetch(call: Call, *, base: bool, embedder: bool) -> None:
    from slowwave import weights

    with call.progress() as progress:
        if embedder and not call.settings.embedder.startswith("hash:"):
            weights.embedder(call.settings.embedder, progress)
        if base:
            weights.base_model(call.settings.model, progress)


# -- commands ---------------------------------------------------------------------------------------------------------

_Pairs = Annotated[list[str] | None, typer.Option("--where", "-w", help="Only facts with this metadata: key=value.")]


@_command
def add(
    call: Call,
    what: Annotated[
        list[str],
        typer.Argument(metavar="TEXT", help="Texts, .txt, .md or .json files, or - for standard input."),
    ],
    date: Annotated[str | None, typer.Option(help="When it was said: 2026-11-21, or with a time.")] = None,
    source: Annotated[str | None, typer.Option(help="Where it comes from [the file's name, or user].")] = None,
    meta: Annotated[list[str] | None, typer.Option(help="Metadata: key=value; may be repeated.")] = None,
) -> int:
    """Remember facts; they can be found at once.

    A text is one fact; words without quotes are taken as one text. In .txt and .md files every line is a fact. A .json
    file is a chat: a list of {"role", "content"}, each with an optional "date"; only the user's turns are learned.

    Examples: slowwave add "I'm allergic to peanuts."   slowwave add notes.md   slowwave add chat.json --user ada
    """
    said_at, metadata = _date(date, "--date") if date else None, _pairs(meta)
    plain = all(word != "-" and not re.search(r"\s", word) and not _is_file_name(word) for word in what)
    batches = [_read_input(text) for text in ([" ".join(what)] if plain else what)]
    facts: list[Fact] = []
    with _open(call, new=True) as memory:
        for content, name in batches:
            keep: dict[str, Any] = {"user_id": call.user, "said_at": said_at, "source": source or name}
            many = bool(content) and isinstance(content[0], str)
            learn = memory.add_many if many else memory.add
            facts += learn(content, metadata=metadata or None, **keep) if content else []
    if call.json:
        call.document({"facts": facts})
    else:
        call.say(f"Remembered {_count(len(facts), 'fact')} of {call.user}.")
    return DONE


@_command
def ask(
    call: Call,
    question: Annotated[list[str], typer.Argument(metavar="QUESTION", help="The question; quotes are optional.")],
    no_facts: Annotated[bool, typer.Option("--no-facts", help="Answer from weights alone.")] = False,
    no_modules: Annotated[bool, typer.Option("--no-modules", help="Answer from retrieved facts alone.")] = False,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The longest answer, in tokens.")] = None,
) -> int:
    """Answer a question from facts and weights; exit code 3 if the memory does not know.

    Examples: slowwave ask "Can I eat satay?"   slowwave ask --json --user ada "Where do I live?"
    """
    options: dict[str, Any] = {
        "user_id": call.user, "use_facts": not no_facts, "use_modules": not no_modules, "max_tokens": max_tokens
    }  # fmt: skip
    with _open(call, base=True) as memory:
        if call.json:
            answer = memory.ask(" ".join(question), **options)
            call.document(answer)
        else:
            answer = _stream(call, memory, " ".join(question), options)
            call.note(_grounds(answer))
    if call.verbose:
        for fact in answer.facts:
            call.note(f"  {fact.score:.2f}  {fact.text}")
    return UNKNOWN if answer.source == "unknown" else DONE


def _stream(call: Call, memory: Memory, question: str, options: Mapping[str, Any]) -> Answer:
    stream = memory.stream(question, **options)
    shown = False
    with contextlib.ExitStack() as waiting:
        if call.screen.is_terminal:
            waiting.enter_context(call.screen.status("remembering ..."))
        for piece in stream:
            waiting.close()
            call.out.write(_printable(piece))
            call.out.flush()
            shown = shown or bool(piece)
    call.out.write("\n" if shown else f"{_printable(stream.answer.text)}\n")
    answer: Answer = stream.answer
    return answer


def _grounds(answer: Answer) -> str:
    modules = "".join(f" {use.id[:12]} ({use.weight:.2f})" for use in answer.modules)
    return (
        f"{_count(len(answer.facts), 'fact')} · {_count(len(answer.modules), 'module')}{modules} · "
        f"from {answer.source} · confidence {answer.confidence:.2f}"
    )


@_command
def search(
    call: Call,
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="What to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, help="The most facts to show.")] = 5,
    where: _Pairs = None,
) -> int:
    """Find facts by meaning and words; exit code 3 if there are none.

    Example: slowwave search "food" -k 3
    """
    with _open(call) as memory:
        hits = memory.search(" ".join(query), user_id=call.user, k=k, where=_pairs(where) or None)
    if call.json:
        call.document({"results": hits})
    else:
        rows = [(f"{hit.score:.2f}", hit.id[:12], f"{hit.fact.said_at:%Y-%m-%d}", hit.text) for hit in hits]
        call.table(("score", "id", "said", "fact"), rows)
        if not hits:
            call.note("Nothing found.")
    return DONE if hits else UNKNOWN


@_command
def sleep(
    call: Call,
    every: Annotated[str | None, typer.Option(help='Stay, and sleep on this cron schedule, like "0 3 * * *".')] = None,
) -> int:
    """Run one night now: what is recent is trained into modules, examined, and published.

    Everybody's facts are learned unless --user names one. With --every the command stays until Ctrl-C.

    Examples: slowwave sleep   slowwave sleep --every "0 3 * * *"
    """
    with _open(call, base=True) as memory:
        if every is not None:
            return _stay(call, memory, every)
        with call.progress() as progress:
            report = memory.consolidate(user_id=call.chosen_user, progress=progress)
        texts = {} if call.json else {fact.id: fact.text for fact in memory.get_all(user_id=call.chosen_user)}
    if call.json:
        call.document({**report.model_dump(mode="json"), "settled": report.settled, "recent": report.recent})
    else:
        _show_night(call, report, texts)
    return DONE


def _stay(call: Call, memory: Memory, schedule: str) -> int:
    memory.start(schedule)
    upcoming = memory.next_night
    if call.json:
        call.document({"schedule": schedule, "next_night": upcoming})
        call.out.flush()
    else:
        when = f"The next night is at {upcoming:%Y-%m-%d %H:%M}" if upcoming else f"Sleeping on schedule {schedule!r}"
        call.note(f"{when}; Ctrl-C stops.")
    tick = threading.Event()
    try:
        while memory.scheduled:
            tick.wait(0.5)  # a wait without end cannot be interrupted on Windows
    finally:
        memory.stop()
    return DONE


def _show_night(call: Call, report: NightReport, texts: Mapping[str, str]) -> None:
    if not report.facts:
        call.say("Nothing to learn: every fact is settled.")
        return
    modules = [
        (m.module_id[:12], m.user_id, m.facts, "published" if m.published else m.reason or "refused",
         f"{m.recall:.2f}", f"{m.base_recall:.2f}", m.steps, f"{m.train_seconds:.0f} s", f"{m.size_bytes / 1e6:.1f} MB")
        for m in report.modules
    ]  # fmt: skip
    call.table(("module", "user", "facts", "outcome", "recall", "without", "steps", "training", "size"), modules)
    facts = [(f.fact_id[:12], f.status, f"{f.recall:.2f}", texts.get(f.fact_id, ""), f.reason) for f in report.facts]
    call.table(("fact", "outcome", "recall", "text", "reason"), facts)
    seconds = sum(report.seconds.values())
    call.say(f"{report.settled} of {_count(len(report.facts), 'fact')} settled in {seconds:.0f} s.")


@_command
def facts(
    call: Call,
    limit: Annotated[int | None, typer.Option(min=1, help="The most facts to show.")] = None,
    where: _Pairs = None,
    settled: Annotated[bool | None, typer.Option("--settled/--recent", help="Only one or the other.")] = None,
) -> int:
    """List facts, oldest first; of everybody unless --user names one.

    Example: slowwave facts --recent --where topic=food
    """
    with _open(call) as memory:
        known = memory.settled_ids(user_id=call.chosen_user)
        found = memory.get_all(user_id=call.chosen_user, where=_pairs(where) or None)
    chosen = [fact for fact in found if settled is None or (fact.id in known) == settled][:limit]
    state = {fact.id: "settled" if fact.id in known else "recent" for fact in chosen}
    if call.json:
        call.document({"facts": [{**fact.model_dump(mode="json"), "status": state[fact.id]} for fact in chosen]})
    else:
        rows = [(f.id[:12], f.user_id, f"{f.said_at:%Y-%m-%d}", state[f.id], f.text) for f in chosen]
        call.table(("id", "user", "said", "state", "fact"), rows)
        call.note(f"{_count(len(chosen), 'fact')}, {sum(value == 'settled' for value in state.values())} settled.")
    return DONE


@_command
def modules(call: Call) -> int:
    """List the live modules; of everybody unless --user names one."""
    with _open(call, embedder=False) as memory:
        infos = memory.modules(user_id=call.chosen_user)
    if call.json:
        call.document({"modules": infos})
    else:
        rows = [
            (m.id, m.user_id, m.facts, m.questions, f"{m.recall:.2f}", f"{m.size_bytes / 1e6:.1f} MB",
             f"{m.created_at:%Y-%m-%d %H:%M}", m.base)
            for m in infos
        ]  # fmt: skip
        call.table(("id", "user", "facts", "questions", "recall", "size", "made", "base"), rows)
        call.note(f"{_count(len(infos), 'module')}.")
    return DONE


@_command
def forget(
    call: Call,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of facts, or their beginnings.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget all facts of the user.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before forgetting all.")] = False,
) -> int:
    """Forget facts: their text goes at once, and every module that carries them with it.

    Examples: slowwave forget 3f2a91   slowwave forget --all --user ada --yes
    """
    if bool(ids) == everything:
        raise typer.BadParameter("give ids, or --all")
    if everything and call.json and not yes:
        raise typer.BadParameter("--all with --json needs --yes, as there is nobody to ask")
    with _open(call) as memory:
        if everything:
            count = len(memory.get_all(user_id=call.user))
            if not yes and not typer.confirm(f"Forget {_count(count, 'fact')} of {call.user} for good?", err=True):
                call.note("Nothing was forgotten.")
                return DONE
            result: dict[str, Any] = {"forgotten": memory.delete_all(user_id=call.user), "user_id": call.user}
        else:
            gone = _resolve(memory.get_all(user_id=call.chosen_user), ids or [])
            for fact_id in gone:
                memory.delete(fact_id)
            result = {"forgotten": len(gone), "ids": gone}
    if call.json:
        call.document(result)
    else:
        call.say(f"Forgot {_count(result['forgotten'], 'fact')}.")
    return DONE


def _resolve(live: Sequence[Fact], beginnings: Sequence[str]) -> list[str]:
    """Whole ids from beginnings of ids; all of them before anything is forgotten."""
    ids: dict[str, None] = {}
    for beginning in beginnings:
        fitting = [fact.id for fact in live if fact.id.startswith(beginning)] if beginning else []
        if not fitting:
            raise FactNotFound(beginning)
        if len(fitting) > 1 and beginning not in fitting:
            raise InvalidInput(f"{len(fitting)} facts have an id that begins so", beginning, "Give more of the id.")
        ids[beginning if beginning in fitting else fitting[0]] = None
    return list(ids)


@_command
def doctor(
    call: Call,
    deep: Annotated[bool, typer.Option("--deep", help="Also fetch and load the models, and generate a token.")] = False,
) -> int:
    """Look for what could spoil a night: versions, device, room, weights, the memory folder.

    Example: slowwave doctor --deep
    """
    from slowwave.doctor import diagnose

    with call.progress() as progress:
        findings = diagnose(call.folder, call.settings, deep=deep, progress=progress)
    healthy = all(finding.status != "fail" for finding in findings)
    if call.json:
        call.document({"ok": healthy, "findings": findings})
    else:
        call.table(("", "area", "finding", "what to do"), [(f.status, f.area, f.message, f.remedy) for f in findings])
        call.note("Ready." if healthy else "Not ready: see the lines that say fail.")
    return DONE if healthy else FAILED


@_command
def demo(
    call: Call,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer facts, a shorter night.")] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the result to this JSON file.")] = None,
) -> int:
    """Tell a fresh memory some facts, let it sleep, and ask it: a whole day and night on this machine.

    Example: slowwave demo --quick
    """
    from slowwave.demo import run

    _fetch(call, base=True, embedder=True)
    with call.progress() as progress:
        result: dict[str, Any] = run(quick=quick, out=out, settings=call.settings, progress=progress)
    if call.json:
        call.document(result)
    else:
        call.table(("what", "result"), _flat(result))
    return DONE if result["ok"] else FAILED


def _flat(result: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """The plain values of a result, and of its parts; lists and settings are for programs."""
    for name, value in result.items():
        if isinstance(value, str | int | float):
            yield name, value
        elif isinstance(value, dict) and name not in {"settings", "night"}:
            yield from ((f"{name}: {part}", one) for part, one in value.items() if isinstance(one, str | int | float))


# -- reading what people give -----------------------------------------------------------------------------------------

_FILES = (".txt", ".md", ".json")
_BULLET = re.compile(r"^(?:[-*+]|\d+[.)])\s+")
_LOOSE_DATE = re.compile(r"^(\d{4})/(\d{1,2})/(\d{1,2})(?:\s*\([A-Za-z]+\))?(?:\s+(\d{1,2}):(\d{2}))?$")


def _is_file_name(text: str) -> bool:
    """Whether a text is meant as a file: one word with an ending that we read, or a file that is there."""
    if not text.lower().endswith(_FILES):
        return False
    with contextlib.suppress(OSError, ValueError):  # a long text is no file name, and asking for it raises
        return Path(text).is_file() or not re.search(r"\s", text)
    return False


def _read_input(text: str) -> tuple[Any, str | None]:
    """What one argument stands for: (texts or messages, the file's name)."""
    if text == "-":
        return _parse(sys.stdin.read(), None), None
    if not _is_file_name(text):
        return [text], None
    path = Path(text)
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        remedy = "Check the path; to remember these words themselves, write them as a sentence."
        raise InvalidInput("There is no such file", text, remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("The file cannot be read as UTF-8 text", text, f"{type(error).__name__}.") from error
    return _parse(content, path), path.name


def _parse(content: str, path: Path | None) -> list[str] | list[Message]:
    """Lines, or the messages of a chat."""
    ending = path.suffix.lower() if path else ""
    if ending == ".json" or (path is None and content.lstrip()[:1] in {"[", "{"}):
        try:
            return _messages(json.loads(content))
        except ValueError as error:
            if ending == ".json" and not isinstance(error, SlowwaveError):
                raise InvalidInput("The file is not JSON", str(path), f"{error}.") from error
            if isinstance(error, SlowwaveError):
                raise
    lines = [line.strip() for line in content.splitlines()]
    if ending == ".md":
        lines = [_BULLET.sub("", line) for line in lines if not line.startswith(("#", "---", "```"))]
    return [line for line in lines if line]


def _messages(value: Any) -> list[str] | list[Message]:
    """A chat in the usual shape: a list of {"role", "content"}, or {"messages": [...]}."""
    shape = 'A chat is a list of {"role": ..., "content": ...}, or {"messages": [...]}.'
    date = value.get("date") if isinstance(value, dict) else None
    turns = value.get("messages") if isinstance(value, dict) else value
    if not isinstance(turns, list):
        raise InvalidInput("This JSON is not a chat", value, shape)
    if turns and all(isinstance(turn, str) for turn in turns):
        return turns
    messages = []
    for turn in turns:
        content = turn.get("content") if isinstance(turn, dict) else None
        if isinstance(content, list):  # parts, as multimodal chats have them: only text can be remembered
            content = "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        if not isinstance(content, str) or not isinstance(turn.get("role"), str):
            raise InvalidInput("This JSON has a turn that is no message", turn, shape)
        when = turn.get("said_at") or turn.get("date") or date
        name = turn.get("name")
        messages.append(
            Message(
                role=turn["role"],
                content=content,
                said_at=_date(when, "date") if when else None,
                name=name if isinstance(name, str) else None,
            )
        )
    return messages


def _date(value: object, what: str) -> datetime:
    """ISO, or "2023/05/30 (Tue) 23:40"; without a time zone it is taken as UTC, so that the day stays the day."""
    text = str(value).strip()
    try:
        loose = _LOOSE_DATE.match(text)
        numbers = [int(number) for number in loose.groups() if number] if loose else []
        moment = datetime(*numbers) if loose else datetime.fromisoformat(text)  # type: ignore[arg-type]
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"The {what} cannot be read", text, 'Write "2026-11-21" or "2026-11-21 23:40".') from None


def _pairs(given: Sequence[str] | None) -> dict[str, Scalar]:
    """``key=value`` options; numbers and true/false are taken as such."""
    pairs: dict[str, Scalar] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{text!r} is not key=value")
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = value
        pairs[key] = parsed if isinstance(parsed, str | int | float | bool) else value
    return pairs


# -- printing ---------------------------------------------------------------------------------------------------------


def _plain_value(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _printable(text: str) -> str:
    """Text without control characters other than line breaks and tabs."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else " " for letter in text)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def main() -> None:
    """Run the command line; the libraries below must not draw or warn on the terminal."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    app(prog_name="slowwave")


if __name__ == "__main__":
    main()
