"""The record of a run: what its JSON file holds, and its table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Spread, Target

__all__ = ["Result", "show"]


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
