"""What a caller hands in is looked at before anything is done with it."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from datetime import datetime

from slowwave.errors import InvalidInput
from slowwave.types import Scalar

__all__ = [
    "check_count",
    "check_id",
    "check_metadata",
    "check_moment",
    "check_question",
    "check_source",
    "check_text",
    "check_user",
    "check_where",
]


def check_user(user_id: object) -> str:
    """A user id that can be stored: 1 to 128 printable characters.

    Raises:
        InvalidInput: it is not.
    """
    if not isinstance(user_id, str) or not user_id.strip() or len(user_id) > 128 or not user_id.isprintable():
        raise InvalidInput("Bad user id", user_id, "Give 1 to 128 printable characters.")
    return user_id


def check_id(fact_id: object) -> str:
    """The id of a fact.

    Raises:
        InvalidInput: it is no text.
    """
    if not isinstance(fact_id, str) or not _is_storable(fact_id):
        raise InvalidInput("Bad fact id", fact_id, "Give the `id` of a fact.")
    return fact_id


def check_question(question: object) -> str:
    """A question that is a text with something in it; half of a character, as of an emoji that was cut, becomes a "?".

    Raises:
        InvalidInput: it is not.
    """
    if not isinstance(question, str) or not question.strip():
        raise InvalidInput("Empty question", question, "Ask something.")
    return question.strip().encode("utf-8", "replace").decode()


def check_where(where: object) -> dict[str, Scalar] | None:
    """A filter by metadata: names, and the value that each must have.

    Raises:
        InvalidInput: it is not.
    """
    if where is None:
        return None
    if not isinstance(where, Mapping):
        raise InvalidInput("Bad where", where, 'Give names and values, for example {"topic": "food"}.')
    return check_metadata(where) or None


def check_moment(moment: object) -> None:
    """A date that was given must be one.

    Raises:
        InvalidInput: it is not a datetime.
    """
    if moment is not None and not isinstance(moment, datetime):
        raise InvalidInput("Bad said_at", moment, "Give a datetime, for example datetime.fromisoformat(...).")


def check_count(name: str, count: object, least: int = 0) -> int:
    """How many of something are wanted: a whole number, at least `least`.

    Raises:
        InvalidInput: it is not.
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < least:
        raise InvalidInput(f"Bad {name}", count, f"Give a whole number, {least} or more.")
    return count


def check_text(text: object, limit: int) -> str:
    """A text without white space around it, that is not empty, not longer than `limit` characters, and can be stored.

    Raises:
        InvalidInput: it is not.
    """
    if not isinstance(text, str):
        raise InvalidInput("A fact must be text", text, "Give a string.")
    plain = text.strip()
    if not plain:
        raise InvalidInput("Empty text", text, "A fact needs at least one word.")
    if len(plain) > limit:
        remedy = f"It has {len(plain)} characters, the limit is {limit}. Split it, or raise max_fact_chars."
        raise InvalidInput("Text too long", plain, remedy)
    if not _is_storable(plain):
        raise InvalidInput("Text with characters that cannot be stored", plain, "Remove NUL and lone surrogates.")
    return plain


def check_source(source: object) -> str | None:
    """Where a fact comes from: a text, or None.

    Raises:
        InvalidInput: it is not.
    """
    if source is not None and (not isinstance(source, str) or not source.strip() or not _is_storable(source)):
        raise InvalidInput("Bad source", source, "Give a text, such as the name of a file.")
    return source


def check_metadata(metadata: Mapping[str, Scalar] | None) -> dict[str, Scalar]:
    """Metadata that can be stored: names with texts, numbers or truth values.

    Raises:
        InvalidInput: it is not.
    """
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InvalidInput("Bad metadata", metadata, 'Give names and values, for example {"topic": "food"}.')
    extra = dict(metadata or {})
    for key, value in extra.items():
        if not isinstance(key, str) or not key or key.startswith(("slowwave_", "chroma:")) or not _is_storable(key):
            raise InvalidInput("Bad metadata key", key, "Give a non-empty text that does not start with 'slowwave_'.")
        if isinstance(value, str) and not _is_storable(value):
            raise InvalidInput(f"Bad metadata value for {key!r}", value, "Remove NUL and lone surrogates.")
        if not isinstance(value, (str, int, float, bool)):
            raise InvalidInput(f"Bad metadata value for {key!r}", value, "Give text, a number, or true/false.")
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidInput(f"Bad metadata value for {key!r}", value, "Give a finite number.")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise InvalidInput(f"Bad metadata value for {key!r}", value, "It has more than 64 bits: give it as text.")
    return extra


def _is_storable(text: str) -> bool:
    return not any(unicodedata.category(letter) == "Cs" or letter == "\x00" for letter in text)
