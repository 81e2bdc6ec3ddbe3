"""From what a caller hands in to facts: everything is checked here, before anything is written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from slowwave.errors import InvalidInput
from slowwave.facts import fact_id
from slowwave.types import Fact, Message, Scalar

__all__ = ["Content", "check_question", "check_user", "to_facts"]

Content = str | Message | Mapping[str, Any] | Sequence[Message | Mapping[str, Any]]
"""What `add` takes: a text, a chat message, or a list of chat messages."""

_ROLES = ("user", "human", "assistant", "ai", "system", "developer", "tool", "function")
_LEARNED = ("user", "human")
_LONG = 240
"""A chat turn of more characters than this is cut at sentence ends: a small model reads short facts better."""
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+|\n+")


def to_facts(
    content: Content,
    *,
    user_id: str,
    said_at: datetime | None,
    source: str | None,
    metadata: Mapping[str, Scalar] | None,
    limit: int,
) -> list[Fact]:
    """The facts in a text (exactly one) or in chat messages (of the user's turns only, without questions and greetings).

    Raises:
        InvalidInput: a text is empty or longer than `limit` characters, a message is malformed, or an id or metadata
            cannot be stored.
    """
    check_user(user_id)
    extra = _check_metadata(metadata)
    if isinstance(content, str):
        text = _check_text(content, limit)
        return [_fact(text, user_id, said_at, source or "user", extra)]
    messages = [content] if isinstance(content, (Message, Mapping)) else content
    if not isinstance(messages, Sequence) or isinstance(messages, (bytes, bytearray)):
        raise InvalidInput("Cannot learn from this", content, "Give a text or a list of role/content messages.")
    turns = [_check_message(message, index, limit) for index, message in enumerate(messages)]
    facts: list[Fact] = []
    for turn in turns:
        if turn.role in _LEARNED:
            named = {**extra, "name": turn.name} if turn.name else extra
            facts += [
                _fact(piece, user_id, turn.said_at or said_at, source or "user", named)
                for piece in _statements(turn.content)
            ]
    return facts


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


def with_zone(moment: datetime) -> datetime:
    """A moment with its time zone, which is the local one if it has none: "tomorrow" hangs on the speaker's day."""
    return moment if moment.tzinfo is not None else moment.astimezone()


def _fact(text: str, user_id: str, said_at: datetime | None, source: str, metadata: Mapping[str, Scalar]) -> Fact:
    moment = with_zone(said_at) if said_at is not None else datetime.now(UTC).astimezone()
    return Fact(id=fact_id(user_id, text), text=text, user_id=user_id, said_at=moment, source=source, metadata=metadata)


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


def _check_message(message: object, index: int, limit: int) -> Message:
    remedy = "A message needs a role and a content, both text; roles are user, assistant, system and tool."
    if isinstance(message, Mapping):
        try:
            message = Message.model_validate({k: v for k, v in message.items() if k in Message.model_fields})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidInput(f"Malformed message {index}, {where}", first.get("input"), remedy) from None
    if not isinstance(message, Message) or message.role not in _ROLES:
        raise InvalidInput(f"Malformed message {index}", message, remedy)
    if message.role in _LEARNED:
        _check_text(message.content, limit=max(limit, 20_000))
    return message


def _check_metadata(metadata: Mapping[str, Scalar] | None) -> dict[str, Scalar]:
    extra = dict(metadata or {})
    for key, value in extra.items():
        if not isinstance(key, str) or not key or key.startswith(("slowwave_", "chroma:")):
            raise InvalidInput("Bad metadata key", key, "Give a non-empty text that does not start with 'slowwave_'.")
        if not isinstance(value, (str, int, float, bool)):
            raise InvalidInput(f"Bad metadata value for {key!r}", value, "Give text, a number, or true/false.")
    return extra


def _statements(turn: str) -> list[str]:
    """The statements of a chat turn: questions and greetings dropped, the rest in pieces of at most 240 characters."""
    sentences = [part.strip() for part in _SENTENCE.split(turn) if part and part.strip()]
    kept = [one for one in sentences if not one.rstrip("\"'”’)").endswith("?") and len(one.split()) >= 3]
    pieces: list[str] = []
    for sentence in kept:
        if pieces and len(pieces[-1]) + len(sentence) < _LONG:
            pieces[-1] = f"{pieces[-1]} {sentence}"
        else:
            pieces.append(sentence)
    return pieces
