"""Chat messages as callers have them: our own, dictionaries as OpenAI's, and the objects of LangChain and LlamaIndex."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from slowwave.errors import InvalidInput
from slowwave.types import Message

__all__ = ["as_message", "as_messages", "text_of"]

_ROLES = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "developer",
    "tool": "tool",
    "function": "function",
}
"""What frameworks call the speakers, and what they are called here."""
_PIECE = "MessageChunk"
"""How LangChain's types of messages end that were streamed: "AIMessageChunk" for "ai"."""
_REMEDY = "A message needs a role and a content, both text; roles are user, assistant, system and tool."


def as_messages(given: Iterable[object], *, other: str | None = None) -> list[Message]:
    """The messages of a conversation, in order.

    Args:
        other: the role of speakers whose role is unknown; None refuses them.

    Raises:
        InvalidInput: one of them is no message.
    """
    if isinstance(given, (str, bytes, bytearray, Mapping, Message)):
        raise InvalidInput("Not a list of messages", given, _REMEDY)
    return [as_message(one, index, other=other) for index, one in enumerate(given)]


def as_message(given: object, index: int = 0, *, other: str | None = None) -> Message:
    """One message, from a `Message`, a dictionary, or an object with a content and a role (or LangChain's type).

    Of a dictionary "role", "content", "name", "id" and "said_at" (or "date"; ISO text will do) are read and the rest, such as
    tool calls, is left alone. Content may be a list of parts, of which the text counts, or None.

    Args:
        index: its place in the conversation, for errors.
        other: the role of a speaker whose role is unknown; None refuses the message.

    Raises:
        InvalidInput: it is no message.
    """
    if isinstance(given, Message):
        fields = dict(given)
    elif isinstance(given, Mapping):
        fields = {key: given[key] for key in ("role", "content", "name", "id") if key in given}
        fields["said_at"] = given.get("said_at") or given.get("date")
    else:
        one: Any = given  # whatever has a role, or a type, and a content
        role = getattr(given, "role", None) or getattr(given, "type", None)
        role = getattr(role, "value", role)
        if isinstance(role, str) and role.endswith(_PIECE):
            role = role.removesuffix(_PIECE).lower()
        extra = getattr(given, "additional_kwargs", None)  # where LlamaIndex has a name
        name = getattr(given, "name", None) or (extra.get("name") if isinstance(extra, Mapping) else None)
        fields = {"role": role, "name": name, "id": getattr(given, "id", None)}
        if hasattr(one, "content"):
            fields["content"] = one.content
    spoken = fields.get("role")
    role = _ROLES.get(spoken, other) if isinstance(spoken, str) else None
    if role is None or "content" not in fields:
        raise InvalidInput(f"Malformed message {index}", given, _REMEDY)
    fields |= {"role": role, "content": text_of(fields["content"])}
    fields["id"] = key if isinstance(key := fields.get("id"), str) else None
    if isinstance(when := fields.get("said_at"), str):
        fields["said_at"] = _date(when, index)
    try:
        return Message.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"Malformed message {index}, {where}", first.get("input"), _REMEDY) from None


def text_of(content: object) -> object:
    """The text in the content of a message: parts that are text, joined by newlines; nothing where there is nothing."""
    if content is None:
        return ""
    if not isinstance(content, list):
        return content
    texts = (part.get("text") if isinstance(part, Mapping) else getattr(part, "text", part) for part in content)
    return "\n".join(text for text in texts if isinstance(text, str))


def _date(text: str, index: int) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        remedy = 'Write "2026-11-21" or "2026-11-21T23:40+01:00", or give a datetime.'
        raise InvalidInput(f"The date of message {index} cannot be read", text, remedy) from None
