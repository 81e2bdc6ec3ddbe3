"""From what a caller hands in to facts: everything is checked here, before anything is written."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from slowwave.distil import LEARNED, Distiller, Statement, as_distiller
from slowwave.errors import InvalidInput
from slowwave.facts import fact_id
from slowwave.messages import as_message
from slowwave.prompts import display_name
from slowwave.types import Fact, Message, Scalar

__all__ = ["Content", "check_moment", "check_question", "check_user", "to_facts"]

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
) -> list[Fact]:
    """The facts in a text (exactly one, as it is) or in chat messages (what a distiller makes of the user's turns).

    A fact that was said on several days of the conversation is dated by the last one; its metadata names the days before it
    as ``also_said``, ISO dates with commas.

    Args:
        distiller: None for the built-in rules.
        assistant: whether the assistant's turns are learned from as well, as somebody else's than the user's.

    Raises:
        InvalidInput: a text is empty or longer than `limit` characters, a message is malformed, or an id or metadata
            cannot be stored.
    """
    check_user(user_id)
    check_moment(said_at)
    extra = _check_metadata(metadata)
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
    dated = [turn.model_copy(update={"said_at": _moment(turn.said_at or said_at)}) for turn in turns]
    distil = distiller or as_distiller(None)
    speaker = display_name(user_id)
    found = [(one, _learned(one, dated, user_id, source or "user", extra)) for one in distil(dated, speaker)]
    if assistant:
        turned = [_turned(turn, speaker) for turn in dated]
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


def check_question(question: object) -> str:
    """A question that is a text with something in it.

    Raises:
        InvalidInput: it is not.
    """
    if not isinstance(question, str) or not question.strip():
        raise InvalidInput("Empty question", question, "Ask something.")
    return question.strip()


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
    if any(unicodedata.category(letter) == "Cs" or letter == "\x00" for letter in plain):
        raise InvalidInput("Text with characters that cannot be stored", plain, "Remove NUL and lone surrogates.")
    return plain


def _check_metadata(metadata: Mapping[str, Scalar] | None) -> dict[str, Scalar]:
    extra = dict(metadata or {})
    for key, value in extra.items():
        if not isinstance(key, str) or not key or key.startswith(("slowwave_", "chroma:")):
            raise InvalidInput("Bad metadata key", key, "Give a non-empty text that does not start with 'slowwave_'.")
        if not isinstance(value, (str, int, float, bool)):
            raise InvalidInput(f"Bad metadata value for {key!r}", value, "Give text, a number, or true/false.")
    return extra
