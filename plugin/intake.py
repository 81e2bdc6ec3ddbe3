"""From what a caller hands in to facts: everything is checked here, before anything is written."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from slowwave.distil import LEARNED, Distiller, Statement, as_distiller
from slowwave.errors import InvalidInput
from slowwave.messages import as_message
from slowwave.prompts import display_name
from slowwave.records import fact_id
from slowwave.types import Fact, Message, Scalar

__all__ = ["Content", "check_id", "check_moment", "check_question", "check_user", "check_where", "to_facts"]

Content = str | Message | Mapping[str, Any] | Sequence[Any]
"""What `add` takes: a text, a chat message, or a list of chat messages (see `messages.as_message`)."""

ASSISTANT = "assistant"
"""The role whose turns are learned from only where that is asked for."""


def to_facts(
    content: Content,
    *,
    user_id: str,
    said_at: datetime | None,
    source: str | None,
    metadata: Mapping[str, Scalar] | None,
    limit: int,
    distiller: Distiller | None = None,
    assistant: bool = False,
    dated: Callable[[Sequence[Message]], Sequence[Message]] | None = None,
) -> list[Fact]:
    """The facts in a text (exactly one, as it is) or in chat messages (what a distiller makes of the user's turns).

    A fact that was said on several days of the conversation is dated by the last one; its metadata names the days before it
    as ``also_said``, ISO dates with commas.

    Args:
        distiller: None for the built-in rules.
        assistant: whether the assistant's turns are learned from as well, as somebody else's than the user's.
        dated: gives messages that have no date one; now if None.

    Raises:
        InvalidInput: a text is empty or longer than `limit` characters, a message is malformed, or an id or metadata
            cannot be stored.
    """
    check_user(user_id)
    check_moment(said_at)
    extra = _check_metadata(metadata)
    source = _check_source(extra.pop("source", None) if source is None else source)
    if isinstance(content, str):
        text = _check_text(content, limit)
        return [_fact(text, user_id, said_at, source or "user", extra)]
    messages = [content] if isinstance(content, (Message, Mapping)) or hasattr(content, "content") else content
    if not isinstance(messages, Sequence) or isinstance(messages, (bytes, bytearray)):
        raise InvalidInput("Cannot learn from this", content, "Give a text or a list of role/content messages.")
    if any(isinstance(one, str) for one in messages):
        raise InvalidInput("Texts where messages were expected", content, "Use `add_many` for several texts.")
    turns = [as_message(message, index) for index, message in enumerate(messages)]
    told = [turn.content for turn in turns if turn.role in LEARNED or (assistant and turn.role == ASSISTANT)]
    for text in [text for text in told if text.strip()] or told[
        :1
    ]:  # a blank turn, such as a picture, is no harm among others
        _check_text(text, limit=max(limit, 20_000))
    speaker = display_name(user_id)
    turns = [_at(_own(turn, user_id, speaker), said_at) for turn in turns]
    turns = [_at(turn, datetime.now(UTC)) for turn in (turns if dated is None else dated(turns))]
    distil = distiller or as_distiller(None)
    found = [(one, _learned(one, turns, user_id, source or "user", extra)) for one in distil(turns, speaker)]
    if assistant:
        turned = [_turned(turn, speaker) for turn in turns]
        found += [
            (one, _learned(one, turned, user_id, source or "assistant", extra)) for one in distil(turned, speaker)
        ]
    return [fact for _, fact in sorted(found, key=lambda pair: pair[0].message)]


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
    return _check_metadata(where) or None


def check_moment(moment: object) -> None:
    """A date that was given must be one.

    Raises:
        InvalidInput: it is not a datetime.
    """
    if moment is not None and not isinstance(moment, datetime):
        raise InvalidInput("Bad said_at", moment, "Give a datetime, for example datetime.fromisoformat(...).")


def with_zone(moment: datetime) -> datetime:
    """A moment with its time zone, which is the local one if it has none: "tomorrow" hangs on the speaker's day."""
    return moment if moment.tzinfo is not None else moment.astimezone()


def _moment(said_at: datetime | None) -> datetime:
    return with_zone(said_at) if said_at is not None else datetime.now(UTC).astimezone()


def _at(turn: Message, said_at: datetime | None) -> Message:
    """The turn with its own date or else this one; with its time zone."""
    moment = turn.said_at or said_at
    return turn if moment is None else turn.model_copy(update={"said_at": with_zone(moment)})


def _own(turn: Message, user_id: str, speaker: str | None) -> Message:
    """The turn without the name of its speaker where that is the user."""
    if turn.role in LEARNED and turn.name and turn.name.casefold() in {user_id.casefold(), (speaker or "").casefold()}:
        return turn.model_copy(update={"name": None})
    return turn


def _fact(text: str, user_id: str, said_at: datetime | None, source: str, metadata: Mapping[str, Scalar]) -> Fact:
    # Who says it belongs to the id, however the text came: by message, by hand or as a new version.
    moment = _moment(said_at)
    key = fact_id(user_id, text, str(metadata.get("name", "")), moment)
    return Fact(id=key, text=text, user_id=user_id, said_at=moment, source=source, metadata=metadata)


def _learned(
    one: Statement, turns: Sequence[Message], user_id: str, source: str, metadata: Mapping[str, Scalar]
) -> Fact:
    turn = turns[one.message]
    extra = {**metadata, "name": turn.name} if turn.name else dict(metadata)
    days = {_day(turns[place]) for place in one.repeats} - {_day(turn)}
    if days:
        extra["also_said"] = ",".join(sorted(days))
    return _fact(one.text, user_id, turn.said_at, source, extra)


def _turned(turn: Message, speaker: str | None) -> Message:
    """A turn of a conversation seen from its other side: what the assistant said is what is learned from."""
    if turn.role == ASSISTANT:
        return turn.model_copy(update={"role": "user", "name": turn.name or "assistant"})
    if turn.role in LEARNED:
        return turn.model_copy(update={"role": "assistant", "name": turn.name or speaker})
    return turn


def _day(turn: Message) -> str:
    return turn.said_at.date().isoformat() if turn.said_at is not None else ""


def _check_text(text: object, limit: int) -> str:
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


def _check_source(source: object) -> str | None:
    if source is not None and (not isinstance(source, str) or not source.strip() or not _is_storable(source)):
        raise InvalidInput("Bad source", source, "Give a text, such as the name of a file.")
    return source


def _check_metadata(metadata: Mapping[str, Scalar] | None) -> dict[str, Scalar]:
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
