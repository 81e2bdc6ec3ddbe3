"""What is stored of a fact: its id, and the row of Chroma's that it becomes and comes back from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from slowwave.dates import occasion
from slowwave.types import Fact, Scalar
from slowwave.versions import marks

__all__ = [
    "RESERVED",
    "as_row",
    "fact_id",
    "from_rows",
    "hashes",
    "older_ids",
    "same_links",
    "same_occasion",
    "timeless_id",
    "where_clause",
]

RESERVED = "slowwave_"
"""Prefix of our own metadata keys inside Chroma, so that a user's keys never collide with them."""


def fact_id(user_id: str, text: str, speaker: str = "", said_at: datetime | None = None) -> str:
    """The id of a text within a user: white space does not matter, but who says it does, if it is somebody else.

    Where the text refers to the time when it is said ("today"), so does the day, week, month or year of that.

    >>> fact_id("ada", "I like  tea.") == fact_id("ada", "I like tea.") != fact_id("bob", "I like tea.")
    True
    """
    plain = " ".join(text.split())
    whole = f"{user_id}\x00{plain}\x00{speaker}" if speaker else f"{user_id}\x00{plain}"
    if said_at is not None and (start := occasion(plain, said_at)) is not None:
        whole += f"\x00{'' if speaker else chr(0)}{start.isoformat()}"
    return hashlib.sha256(whole.encode()).hexdigest()[:24]


def timeless_id(fact: Fact) -> str:
    """The id of a fact's words, whenever they are said; those of all facts were such before ids told days apart."""
    return fact_id(fact.user_id, fact.text, str(fact.metadata.get("name", "")))


def as_row(fact: Fact) -> dict[str, Scalar]:
    """The metadata of a fact's row, ours and the user's."""
    ours: dict[str, Scalar] = {
        "user_id": fact.user_id,
        "said_at": fact.said_at.isoformat(),
        "source": fact.source,
        "live": fact.superseded_by is None,
        "supersedes": fact.supersedes or "",
        "superseded_by": fact.superseded_by or "",
        **dict(zip(("same", "about"), hashes(fact), strict=True)),
    }
    return {f"{RESERVED}{key}": value for key, value in ours.items()} | dict(fact.metadata)


def from_rows(
    ids: Sequence[str], texts: Sequence[str | None], metadatas: Sequence[Mapping[str, Any] | None]
) -> list[Fact]:
    """The facts of an answer of Chroma's; one that is deleted while it is looked up has neither text nor metadata."""
    rows = zip(ids, texts, metadatas, strict=True)
    return [_fact(key, text, metadata) for key, text, metadata in rows if text is not None and metadata is not None]


def _fact(key: str, text: str, metadata: Mapping[str, Any]) -> Fact:
    ours = {name.removeprefix(RESERVED): value for name, value in metadata.items() if name.startswith(RESERVED)}
    return Fact(
        id=key,
        text=text,
        user_id=ours["user_id"],
        said_at=datetime.fromisoformat(ours["said_at"]),
        source=ours["source"],
        metadata={name: value for name, value in metadata.items() if not name.startswith(RESERVED)},
        supersedes=ours["supersedes"] or None,
        superseded_by=ours["superseded_by"] or None,
    )


def older_ids(fact: Fact) -> list[str]:
    """The id of a fact, and the one that it had before ids told days apart."""
    return [fact.id] if occasion(fact.text, fact.said_at) is None else [fact.id, timeless_id(fact)]


def same_occasion(fact: Fact, stored: Fact) -> bool:
    """Whether a fact refers to the time that the same words as stored refer to, or is one of them."""
    said = str(stored.metadata.get("also_said", "")).split(",")
    return fact.said_at.date().isoformat() in said or (
        occasion(fact.text, fact.said_at) == occasion(stored.text, stored.said_at)
    )


def hashes(fact: Fact) -> tuple[str, str]:
    """The marks of a user's fact as short texts that can be looked up; an empty one stays empty."""
    both = (f"{fact.user_id}\x00{mark}".encode() if mark else b"" for mark in marks(fact))
    same, about = (hashlib.blake2b(mark, digest_size=12).hexdigest() if mark else "" for mark in both)
    return same, about


def same_links(fact: Fact, stored: Fact | None) -> bool:
    """Whether a fact has its place among versions already."""
    return stored is not None and (fact.supersedes, fact.superseded_by) == (stored.supersedes, stored.superseded_by)


def where_clause(user_id: str | None, where: Mapping[str, Scalar] | None) -> dict[str, Any]:
    """What Chroma is asked for: live facts, of one user if given, whose metadata have these values."""
    clauses: list[dict[str, Any]] = [{f"{RESERVED}live": True}]
    if user_id is not None:
        clauses.append({f"{RESERVED}user_id": user_id})
    # The source is the one field of ours that people filter by.
    clauses += [{f"{RESERVED}source" if key == "source" else key: value} for key, value in (where or {}).items()]
    return clauses[0] if len(clauses) == 1 else {"$and": clauses}
