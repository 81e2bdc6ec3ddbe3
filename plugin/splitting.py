"""Where sentences end in what people write: abbreviations, initials, numbered items and broken lines end none."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["sentences"]

_LONG_LINE = 40
"""Characters from which on a line may have been broken where it was full."""
_BOUNDARY = re.compile(r"(?<=[.!?…])[\"'”’)*]*\s+|(?<=[。！？])|\s*\n\s*")
_NO_END = re.compile(
    r"(?:(?<![\w.])(?:Dr|Mr|Mrs|Ms|St|Prof|Sr|Jr|Mt|vs?|e\.g|i\.e|approx|Inc|Ltd|Co|Corp|(?:[A-Z]\.){0,3}[A-Z])"
    r"|^[ \t]*\d{1,3})\.\Z",
    re.MULTILINE,
)
"""An abbreviation, initials, the number of an item."""


def sentences(turn: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a turn start and end, closing quotes included; an abbreviation's dot ends none.

    >>> [turn[slice(*place)] for turn in ["Did Dr. Lopes call? Yes."] for place in sentences(turn)]
    ['Did Dr. Lopes call?', 'Yes.']
    """
    start = 0
    for found in _BOUNDARY.finditer(turn):
        end = found.end() - len(found[0].lstrip("\"'”’)*"))
        ends = not _NO_END.search(turn, max(start, end - 12), end) and not (
            turn[found.end() : found.end() + 1].islower() and turn[:end].endswith(("...", "…"))
        )
        if _wrapped(turn, found) if "\n" in found[0] else not ends:
            continue
        yield from _trimmed(turn, start, end)
        start = found.end()
    yield from _trimmed(turn, start, len(turn))


def _wrapped(turn: str, gap: re.Match[str]) -> bool:
    """Whether a line break stands within a sentence, as mail programs break long lines."""
    line = turn[turn.rfind("\n", 0, gap.start()) + 1 : gap.start()].strip()
    goes_on = gap[0].count("\n") == 1 and turn[gap.end() : gap.end() + 1].islower()
    return goes_on and len(line) > _LONG_LINE and line[-1] not in ".!?…:;"


def _trimmed(turn: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    said = turn[start:end]
    if said.strip():
        yield start + len(said) - len(said.lstrip()), end - len(said) + len(said.rstrip())
