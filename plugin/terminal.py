"""Where a command's words go: one JSON document for programs; tables, lines and progress bars for people."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pydantic import BaseModel

from slowwave.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from slowwave.adapters_store.skills import Skill, SkillName
    from slowwave.answering import AnswerStream
    from slowwave.types import Answer, ModuleReport, NightReport, Progress

__all__ = ["Call", "counted", "forgive", "grounds", "printable", "show_demo", "show_night", "show_skills", "tell_error"]


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

        class Screen(Console):
            def on_broken_pipe(self) -> None:
                raise BrokenPipeError  # Rich would end the process by itself, with a code of its own

        return Screen(stderr=True, highlight=False, markup=False)

    def document(self, value: object) -> None:
        """Print the one JSON document."""
        self.out.write(_as_json(value, self.out, indent=2))

    def say(self, text: str) -> None:
        """Print a line of the result; control characters of stored text must not reach the terminal."""
        self.out.write(printable(text) + "\n")

    def note(self, text: str) -> None:
        """Print a dim line beside the result."""
        if not self.json:
            self.out.flush()  # where both go to one file the result stands first
            self.screen.print(printable(text), style="dim")

    def fail(self, kind: str, message: str) -> None:
        """Say what went wrong: a document for programs, a line for people."""
        tell_error(self.out, kind, message, as_json=self.json)

    def stream(self, pieces: AnswerStream) -> Answer:
        """Print an answer piece by piece as it is generated; returns the whole."""
        shown = False
        with contextlib.ExitStack() as waiting:
            if self.screen.is_terminal:
                waiting.enter_context(self.screen.status("remembering ..."))
            for piece in pieces:
                waiting.close()
                self.out.write(printable(piece))
                self.out.flush()
                shown = shown or bool(piece)
        self.out.write("\n" if shown else f"{printable(pieces.answer.text)}\n")
        return pieces.answer

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, headed: bool = False) -> None:
        """Print rows: as a table on a terminal, else separated by tabs, so that other programs can cut them.

        Args:
            columns: their names; only a terminal sees them, unless `headed`.
            rows: one cell a column.
            headed: for tables that people read in a log, too.
        """
        lines = [[printable(" ".join(str(cell).split())) for cell in row] for row in rows]
        if not self.out.isatty():
            self.out.writelines("\t".join(line) + "\n" for line in ([[*columns], *lines] if headed else lines))
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


def tell_error(out: TextIO, kind: str, message: str, *, as_json: bool) -> None:
    """Write an error: its document to `out`, or its line to standard error."""
    if as_json:
        out.write(_as_json({"error": kind, "message": message}, out))
    else:
        sys.stderr.write(printable(message) + "\n")


def forgive(out: TextIO) -> None:
    """Let a stream write something in place of letters that it has not, instead of failing."""
    if isinstance(out, io.TextIOWrapper) and out.errors in {"strict", "surrogateescape"}:  # who chose another has it
        out.reconfigure(errors="replace")


def grounds(answer: Answer) -> str:
    """What an answer rests on, in a line."""
    modules = "".join(f" {use.id[:12]} ({use.weight:.2f})" for use in answer.modules)
    return (
        f"{counted(len(answer.facts), 'fact')} · {counted(len(answer.modules), 'module')}{modules} · "
        f"from {answer.source} · confidence {answer.confidence:.2f}"
    )


def show_night(call: Call, report: NightReport, texts: Mapping[str, str]) -> None:
    """Print what became of each module and fact of a night; `texts` are the facts' by id."""
    if not report.facts and not report.modules:
        call.say("Nothing to learn: every fact is settled or left to retrieval.")
        return
    modules = [
        (m.module_id[:12], m.user_id, m.facts, _outcome(m),
         f"{m.recall:.2f}", f"{m.base_recall:.2f}", m.steps, f"{m.train_seconds:.0f} s", f"{m.size_bytes / 1e6:.1f} MB")
        for m in report.modules
    ]  # fmt: skip
    call.table(("module", "user", "facts", "outcome", "recall", "without", "steps", "training", "size"), modules)
    facts = [(f.fact_id[:12], f.status, f"{f.recall:.2f}", texts.get(f.fact_id, ""), f.reason) for f in report.facts]
    call.table(("fact", "outcome", "recall", "text", "reason"), facts)
    seconds = sum(report.seconds.values())
    call.say(f"{report.settled} of {counted(len(report.facts), 'fact')} settled in {seconds:.0f} s.")
    if report.writing.calls:
        call.say(str(report.writing))


def _outcome(module: ModuleReport) -> str:
    if not module.published:
        return module.reason or "refused"
    return f"published for {len(module.replaces)} smaller ones" if module.replaces else "published"


def show_demo(call: Call, result: Mapping[str, Any]) -> None:
    """Print the demonstration: recall before and after the night, its time, the strange questions, the checks."""
    ways = tuple(result["after"])
    passed = result["after_gate_passed"] if result["settled"] else {}  # a share of nothing is no number
    stages = (
        ("before the night", result["before"]),
        ("after the night", result["after"]),
        ("after, facts that passed the gate", passed),
    )
    recall = [(when, *(f"{part[way]:.2f}" if way in part else "-" for way in ways)) for when, part in stages]
    call.table(("right answers", *ways), recall, headed=True)
    told, asked = counted(result["facts"], "fact"), counted(result["questions"], "question")
    call.say(f"{result['settled']} of {told} settled, {asked} asked.\n")
    seconds = [(phase, f"{spent:.1f}") for phase, spent in result["seconds"].items()]
    call.table(("phase", "seconds"), seconds, headed=True)
    call.say("")
    strange = [(one["user"], one["question"], one["answer"]) for one in result["strange"]]
    call.table(("user", "never told", "answer"), strange, headed=True)
    call.say("")
    checks = [(name, "yes" if good else "no") for name, good in result["checks"].items()]
    call.table(("check", "passed"), checks, headed=True)


def show_skills(call: Call, skills: Mapping[SkillName, Skill]) -> None:
    """Print the marks of each skill's exam, without and with it."""
    for name, skill in skills.items():
        before: Mapping[str, float] = skill.details.get("before", {})
        after: Mapping[str, float] = skill.details.get("after", {})
        rows = [
            (mark, *(f"{marks[mark]:.2f}" if mark in marks else "-" for marks in (before, after)))
            for mark in {**before, **after}
        ]
        call.table((name, "without", "with"), rows, headed=True)
        call.say(_became(name, skill))


def _became(name: SkillName, skill: Skill) -> str:
    """What became of a skill, where its marks do not say it."""
    if skill.refused:
        return f"The {name} was refused: {skill.refused}. Nights go on without it."
    if not skill.needed:
        return f"The base model needs no {name}."
    if "again" in skill.details:
        return f"The new {name} was refused: {skill.details['again']['refused']}. The one that was there stays."
    if "replaced" in skill.details and name == "reader":
        return "A new reader: modules trained on the old one stay silent until a night learns their facts again."
    return ""


def printable(text: str) -> str:
    """Text without control characters other than line breaks and tabs."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else " " for letter in text)


def counted(number: int, thing: str) -> str:
    """A number and what it counts: "1 fact", "2 facts"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _as_json(value: object, out: TextIO, indent: int | None = None) -> str:
    """A document of letters that the stream has: where it is not Unicode the others are escaped, and nothing is lost."""
    unicode = codecs.lookup(out.encoding or "utf-8").name.startswith("utf")
    return json.dumps(value, default=_plain_value, ensure_ascii=not unicode, indent=indent) + "\n"


def _plain_value(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)
