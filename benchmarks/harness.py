"""What every benchmark shares: options, seeds, parts that are kept, and the run itself.

A benchmark is a module with a ``measure(options, seed)`` that returns figures, and three lines at its end::

    if __name__ == "__main__":
        sys.exit(run("name", __doc__, measure, flags=FLAGS, targets=TARGETS))

Its docstring, which is its ``--help``, says what it measures, against what, and how long that takes.
A figure that a seed cannot tell (a mean over nothing) is left out of that seed's figures, never made up.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich import progress as bars
from rich.console import Console

from benchmarks.datasets import DataMissing, Dataset, load
from benchmarks.figures import Figures, Ratio, Spread, Target, ratio, summarise
from benchmarks.provenance import ROOT, commit, data_files, loaded_readers, machine, reader_files, versions
from benchmarks.record import Result, show
from slowwave.types import Progress

__all__ = [
    "BadOption",
    "DataMissing",
    "Dataset",
    "Figures",
    "Flag",
    "Options",
    "Ratio",
    "Result",
    "Spread",
    "Target",
    "kept_parts_hold",
    "key_of",
    "load",
    "loaded_readers",
    "machine",
    "parse",
    "ratio",
    "reader_files",
    "remembered",
    "run",
    "run_seeds",
    "show",
    "summarise",
    "watch",
]


class BadOption(ValueError):
    """An option asks for what cannot be; says which one, and what it may be."""


@dataclass(frozen=True)
class Flag:
    """One number or word that a benchmark adds to the common options; its type is that of its default."""

    name: str
    default: int | float | str
    help: str
    quick: int | float | str | None = None
    """The default under ``--quick``; the same if None."""


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    benchmark: str
    out: Path
    """Where the record goes; further files of a run lie beside it."""
    data: Path | None = None
    """The folder with the public data sets; generated data if None."""
    seeds: int = 1
    quick: bool = False
    first_seed: int = 0
    model: str | None = None
    device: str | None = None
    flags: Mapping[str, int | float | str] = field(default_factory=dict)

    def whole(self, name: str) -> int:
        """A flag that is a whole number."""
        return int(self.flags[name])

    def memory_settings(self, seed: int) -> dict[str, Any]:
        """What to open a `slowwave.Memory` with: the seed, and model and device where they were given."""
        given = {"model": self.model, "device": self.device}
        return {"seed": seed, **{name: value for name, value in given.items() if value is not None}}

    def beside(self, ending: str) -> Path:
        """A path beside the record: ``results/name.json`` and ".examples.jsonl" give results/name.examples.jsonl."""
        return self.out.with_name(self.out.name.removesuffix(".json") + ending)


def parse(benchmark: str, doc: str | None, argv: Sequence[str] | None = None, *, flags: Sequence[Flag] = ()) -> Options:
    """Read the command line of one benchmark; leaves the process with status 2 on a wrong option."""
    parser = argparse.ArgumentParser(
        f"python -m benchmarks.{benchmark}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the public data (default: generated)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="repeat with so many seeds (default: 1)")
    parser.add_argument("--first-seed", type=int, default=0, metavar="N", help="the first of these seeds (default: 0)")
    parser.add_argument("--quick", action="store_true", help="a small run that shows that it runs, not how well")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"the record (default: results/{benchmark}.json)")
    parser.add_argument("--model", metavar="NAME", help="base model: hub name or folder (default: the memory's own)")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, ... (default: auto)")
    for flag in flags:
        shown = f"{flag.help} (default: {flag.default}{'' if flag.quick is None else f', quick: {flag.quick}'})"
        parser.add_argument(f"--{flag.name}", type=type(flag.default), help=shown.replace("%", "%%"))
    given = parser.parse_args(argv)
    if given.seeds < 1:
        parser.error(f"--seeds is {given.seeds}: at least one run is needed")
    if given.first_seed < 0:
        parser.error(f"--first-seed is {given.first_seed}: seeds are counted from 0")
    values = {}
    for flag in flags:
        value = getattr(given, flag.name.replace("-", "_"))
        fallback = flag.quick if given.quick and flag.quick is not None else flag.default
        values[flag.name] = fallback if value is None else value
    out = given.out or ROOT / "results" / f"{benchmark}{'.quick' if given.quick else ''}.json"
    return Options(
        benchmark, out, given.data, given.seeds, given.quick, given.first_seed, given.model, given.device, values
    )


def settings_of(options: Options) -> dict[str, Any]:
    """What a record says that it was run with."""
    return {
        "data": "generated" if options.data is None else "public",
        "quick": options.quick,
        "model": options.model or "default",
        "device": options.device or "auto",
        **options.flags,
    }


def key_of(options: Options) -> dict[str, Any]:
    """What decides the figures of a part, besides its readers, which it may be the first to need and so to train."""
    return {
        "commit": commit(),
        "settings": settings_of(options),
        "versions": versions(),
        "data": data_files(options.data),
    }


def kept_parts_hold(key: Mapping[str, Any]) -> bool:
    """Whether what was kept under such a key may be taken for what would be computed now."""
    return not str(key["commit"]).endswith(("+dirty", "unknown"))


def remembered(options: Options, part: str, compute: Callable[[], Figures]) -> dict[str, float]:
    """Figures of a part of a run, kept beside the record until it is whole: a run that was stopped goes on from there.

    What was computed with another commit, other settings, other versions, other data files or other readers is computed anew,
    and so is everything outside a checkout or in one with changes that are not committed.
    """
    key = key_of(options)
    path = options.beside(f".{part}.part.json")
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    if kept.get("key") == key and kept.get("reader_files") == reader_files() and kept_parts_hold(key):
        _earlier.seconds += float(kept["seconds"])
        _earlier.readers |= set(kept["readers"])
        return {str(name): float(value) for name, value in kept["figures"].items()}
    clock, earlier = time.perf_counter(), _earlier.seconds
    figures = dict(compute())
    kept = {
        "key": key,
        "reader_files": reader_files(),
        "readers": sorted({*loaded_readers(), *_earlier.readers}),
        "seconds": time.perf_counter() - clock + _earlier.seconds - earlier,
        "figures": figures,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    return figures


@dataclass
class _Earlier:
    """What this process took over from runs that were stopped."""

    seconds: float = 0.0
    readers: set[str] = field(default_factory=set)


_earlier = _Earlier()


def forget(options: Options) -> None:
    """Delete the parts of a run whose record is whole."""
    for path in options.out.parent.glob(f"{options.beside('').name}.*.part.json"):
        path.unlink()


def run_seeds(
    options: Options, measure: Callable[[Options, int], Figures], *, targets: Mapping[str, Target] | None = None
) -> Result:
    """Measure once per seed and gather the record; seeds that an earlier run of the same finished are not measured again."""
    started, clock = datetime.now(UTC), time.perf_counter()
    # Read before anything is measured: who commits meanwhile has not measured what is committed.
    before = key_of(options)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    earlier = _earlier.seconds
    spread = summarise([remembered(options, f"seed{seed}", partial(measure, options, seed)) for seed in seeds])
    at_the_end = commit()
    return Result(
        benchmark=options.benchmark,
        figures={name: figure.mean for name, figure in spread.items()},
        seeds=list(seeds),
        spread=spread,
        targets={name: str(target) for name, target in (targets or {}).items()},
        versions=before["versions"],
        commit=before["commit"] if before["commit"] == at_the_end else f"{before['commit']}..{at_the_end}",
        data=before["data"],
        readers=sorted({*loaded_readers(), *_earlier.readers}),
        machine=machine(options.device),
        settings=settings_of(options),
        started_at=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - clock + _earlier.seconds - earlier, 3),
    )


@contextmanager
def watch(console: Console | None = None) -> Iterator[Progress]:
    """Progress bars for the length of the block, one per stage; on standard error, gone when done."""
    shown = console or Console(stderr=True)
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn())
    with bars.Progress(*columns, bars.TimeElapsedColumn(), console=shown, transient=True) as live:
        tasks: dict[str, bars.TaskID] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = live.add_task(stage, total=total)
            live.update(tasks[stage], completed=done, total=total)

        yield update


def run(
    benchmark: str,
    doc: str | None,
    measure: Callable[[Options, int], Figures],
    *,
    flags: Sequence[Flag] = (),
    targets: Mapping[str, Target] | None = None,
    argv: Sequence[str] | None = None,
) -> int:
    """Parse, measure, save and print; the exit status: 0, or 2 where data are missing or an option asks for what cannot be."""
    options = parse(benchmark, doc, argv, flags=flags)
    try:
        result = run_seeds(options, measure, targets=targets)
    except (DataMissing, BadOption) as problem:
        print(problem, file=sys.stderr)
        return 2
    result.save(options.out)
    forget(options)
    # Into a file a table is written whole; a terminal has the width it has.
    show(result, Console(width=None if sys.stdout.isatty() else 160), targets=targets)
    print(f"record: {options.out}")
    return 0
