"""What every benchmark shares: options, data, seeds, figures with their spread, and the record of a run.

A benchmark is a module with a ``measure(options, seed)`` that returns figures, and three lines at its end::

    if __name__ == "__main__":
        sys.exit(run("name", __doc__, measure, flags=FLAGS, targets=TARGETS))

Its docstring, which is its ``--help``, says what it measures, against what, and how long that takes.
A figure that a seed cannot tell (a mean over nothing) is left out of that seed's figures, never made up.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from rich import progress as bars
from rich.console import Console
from rich.table import Table

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
    "parse",
    "ratio",
    "remembered",
    "run",
    "run_seeds",
    "show",
    "summarise",
    "watch",
]

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("slowwave", "torch", "transformers", "peft", "sentence-transformers", "chromadb", "numpy")

Figures = Mapping[str, float]


class DataMissing(Exception):
    """A data file is absent or unreadable; says where its public source is."""


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


@dataclass(frozen=True)
class Dataset:
    """A gzip JSON-lines file below ``--data``, and where the public gets it."""

    file: str
    source: str
    fields: tuple[str, ...] = ()
    """What every record must have."""


def load(folder: Path, dataset: Dataset) -> list[dict[str, Any]]:
    """All records of a data file, in file order.

    Raises:
        DataMissing: the file is absent, not gzip JSON lines, empty, or a record lacks a field.
    """
    path = folder / dataset.file
    hint = f"Its public source: {dataset.source}. Without --data the benchmark generates its own data."
    if not path.is_file():
        raise DataMissing(f"There is no {dataset.file!r} in {str(folder)!r}. {hint}")
    records: list[dict[str, Any]] = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                record = json.loads(line)
                lacks = [name for name in dataset.fields if not isinstance(record, dict) or name not in record]
                if lacks:
                    raise DataMissing(f"Record {number} of {str(path)!r} lacks {', '.join(lacks)}. {hint}")
                records.append(record)
    except (OSError, EOFError, ValueError) as error:
        where = f"after {len(records)} records"
        raise DataMissing(f"{str(path)!r} is not gzip JSON lines: {error}, {where}. {hint}") from None
    if not records:
        raise DataMissing(f"{str(path)!r} holds no records. {hint}")
    return records


@dataclass(frozen=True)
class Spread:
    """One figure over the seeds that could tell it."""

    mean: float
    min: float
    max: float
    std: float
    """Sample standard deviation; 0 for a single run."""
    runs: int


def summarise(runs: Sequence[Figures]) -> dict[str, Spread]:
    """Every figure's spread over the runs, in the order in which figures first appear.

    Raises:
        ValueError: a figure is not a finite number.
    """
    values: dict[str, list[float]] = {}
    for figures in runs:
        for name, value in figures.items():
            if not math.isfinite(value):
                raise ValueError(f"The figure {name!r} is {value}: leave out what a run cannot tell.")
            values.setdefault(name, []).append(float(value))
    return {
        name: Spread(statistics.fmean(v), min(v), max(v), statistics.stdev(v) if len(v) > 1 else 0.0, len(v))
        for name, v in values.items()
    }


@dataclass(frozen=True)
class Ratio:
    """Two callables timed against each other in one run, in seconds."""

    a: float
    """Median of the first."""
    b: float
    """Median of the second."""
    ratio: float
    """Median of a/b over neighbouring rounds: above 1, the first is the slower one."""
    low: float
    high: float
    """The smallest and largest a/b of any round."""
    rounds: int


def ratio(a: Callable[[], object], b: Callable[[], object], *, rounds: int = 15, warmup: int = 1) -> Ratio:
    """How many times as long `a` takes as `b`, measured in turns so that a busy machine slows both.

    The order within a round alternates. Work on a GPU must be waited for inside the callables.
    """
    for _ in range(warmup):
        a()
        b()
    times: list[tuple[float, float]] = []
    for number in range(rounds):
        first, second = (a, b) if number % 2 == 0 else (b, a)
        start = time.perf_counter()
        first()
        middle = time.perf_counter()
        second()
        end = time.perf_counter()
        pair = (middle - start, end - middle)
        times.append(pair if number % 2 == 0 else (pair[1], pair[0]))
    quotients = [one / max(other, 1e-9) for one, other in times]
    medians = (statistics.median(t[0] for t in times), statistics.median(t[1] for t in times))
    return Ratio(*medians, statistics.median(quotients), min(quotients), max(quotients), rounds)


@dataclass(frozen=True)
class Target:
    """What a figure is hoped to reach."""

    least: float | None = None
    most: float | None = None

    def met(self, value: float) -> bool:
        """Whether the value lies within."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        bounds = [f">= {self.least:g}"] if self.least is not None else []
        return " and ".join(bounds + ([f"<= {self.most:g}"] if self.most is not None else []))


@dataclass(frozen=True)
class Result:
    """The record of one benchmark run; what the JSON file holds."""

    benchmark: str
    figures: Mapping[str, float]
    """Means over the seeds."""
    seeds: Sequence[int]
    spread: Mapping[str, Spread]
    targets: Mapping[str, str]
    versions: Mapping[str, str]
    commit: str
    """What was measured; "A..B" where the checkout was another one at the end."""
    data: Mapping[str, str]
    """The data files below --data and the hashes of their bytes; nothing for generated data."""
    readers: Sequence[str]
    """Hashes of the reader skills that lie under the base models that were loaded."""
    machine: Mapping[str, str | int | float | None]
    settings: Mapping[str, Any]
    started_at: str
    seconds: float
    """Of all parts, those measured by earlier runs that were stopped among them."""

    def save(self, path: Path) -> None:
        """Write the record as JSON; a half-written file is never left under the name."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        partial.write_text(json.dumps(asdict(self), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        partial.replace(path)


def versions() -> dict[str, str]:
    """The versions that figures depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def commit() -> str:
    """The commit that was measured, "+dirty" where the tree had changes, "unknown" outside a git checkout."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def data_files(folder: Path | None) -> dict[str, str]:
    """The hash of every data file in a folder, by its path there: another folder's figures are not this one's."""
    if folder is None:
        return {}
    return {path.relative_to(folder).as_posix(): _file_hash(path) for path in sorted(folder.rglob("*.gz"))}


def reader_files() -> dict[str, str]:
    """The hash of every reader skill that a base model may get here: trained ones from the cache, and shipped ones."""
    from slowwave.adapters_store import skills

    cached = skills.skill_path("reader", "").parent
    some = [
        *cached.glob("*.reader.safetensors"),
        *Path(skills.__file__).with_name("shipped").glob("*.reader.safetensors"),
    ]
    return {path.name: _file_hash(path) for path in sorted(some)}


def _file_hash(path: Path) -> str:
    about = path.stat()
    return _hash_of(path, about.st_size, about.st_mtime_ns)


@cache
def _hash_of(path: Path, size: int, changed: int) -> str:
    """Read once for each state of the file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def loaded_readers() -> list[str]:
    """The readers of the base models that this process loaded."""
    loading = sys.modules.get("slowwave.loading")
    if loading is None:  # nothing was loaded, and asking must not cost the import
        return []
    return sorted({base.ref.reader_sha256 for base in loading._loaded.values() if base.ref.reader_sha256})


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


def machine(device: str | None) -> dict[str, str | int | float | None]:
    """What it ran on: processor, cores of this process, memory in GiB, and the device's name."""
    try:
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    except OSError:
        models = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    has_pages = hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names
    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if has_pages else None
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.processor() or platform.machine(),
        "cores": cores,
        "ram_gib": None if ram is None else round(ram, 1),
        "device": _device_name(device),
        "system": platform.system(),
    }


def _device_name(device: str | None) -> str:
    if "torch" not in sys.modules:  # nothing ran on a device, and asking must not cost the import
        return device or "cpu"
    import torch

    wanted = device or "auto"
    if wanted.startswith(("auto", "cuda")) and torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    return "mps" if wanted in {"auto", "mps"} and torch.backends.mps.is_available() else "cpu"


def settings_of(options: Options) -> dict[str, Any]:
    """What a record says that it was run with."""
    return {
        "data": "generated" if options.data is None else "public",
        "quick": options.quick,
        "model": options.model or "default",
        "device": options.device or "auto",
        **options.flags,
    }


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


def show(result: Result, console: Console, *, targets: Mapping[str, Target] | None = None) -> None:
    """Print a result as a table: mean, spread and, beside it, the target."""
    wanted = targets or {}
    table = Table(title=f"{result.benchmark}, {len(result.seeds)} seed(s), {result.seconds:.0f} s")
    for heading in ("figure", "mean", "min", "max", "std", *(["target", "met"] if wanted else [])):
        table.add_column(heading, justify="left" if heading == "figure" else "right", no_wrap=True)
    for name, figure in result.spread.items():
        row = [name, *(f"{value:.4g}" for value in (figure.mean, figure.min, figure.max, figure.std))]
        if wanted:
            target = wanted.get(name)
            row += [str(target), "yes" if target.met(figure.mean) else "no"] if target else ["", ""]
        table.add_row(*row)
    for name in wanted.keys() - result.spread.keys():
        table.add_row(name, "-", "-", "-", "-", str(wanted[name]), "no figure")
    console.print(table)


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
