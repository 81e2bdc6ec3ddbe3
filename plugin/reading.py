"""What people give to the command line: texts, files, chats, dates and ``key=value`` pairs."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from slowwave.errors import InvalidInput, SlowwaveError
from slowwave.messages import text_of
from slowwave.types import Message, Scalar

__all__ = ["is_file_name", "parse_text", "read_chat", "read_date", "read_input", "read_pairs"]

_FILES = (".txt", ".md", ".json")
_BULLET = re.compile(r"^(?:[-*+]|\d+[.)])\s+")
_LOOSE_DATE = re.compile(r"^(\d{4})/(\d{1,2})/(\d{1,2})(?:\s*\([A-Za-z]+\))?(?:\s+(\d{1,2}):(\d{2}))?$")


def is_file_name(text: str) -> bool:
    """Whether a text is meant as a file: one word with an ending that we read, or a file that is there."""
    if not text.lower().endswith(_FILES):
        return False
    with contextlib.suppress(OSError, ValueError):  # a long text is no file name, and asking for it raises
        return Path(text).is_file() or not re.search(r"\s", text)
    return False


def read_input(text: str) -> tuple[Any, str | None]:
    """What one argument stands for: (texts or messages, the file's name)."""
    if text == "-":
        return parse_text(sys.stdin.read(), None), None
    if not is_file_name(text):
        return [text], None
    path = Path(text)
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        remedy = "Check the path; to remember these words themselves, write them as a sentence."
        raise InvalidInput("There is no such file", text, remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("The file cannot be read as UTF-8 text", text, f"{type(error).__name__}.") from error
    return parse_text(content, path), path.name


def parse_text(content: str, path: Path | None) -> list[str] | list[Message]:
    """Lines, or the messages of a chat."""
    ending = path.suffix.lower() if path else ""
    if ending == ".json" or (path is None and content.lstrip()[:1] in {"[", "{"}):
        try:
            return read_chat(json.loads(content))
        except ValueError as error:
            if ending == ".json" and not isinstance(error, SlowwaveError):
                raise InvalidInput("The file is not JSON", str(path), f"{error}.") from error
            if isinstance(error, SlowwaveError):
                raise
    lines = [line.strip() for line in content.splitlines()]
    if ending == ".md":
        lines = [_BULLET.sub("", line) for line in lines if not line.startswith(("#", "---", "```"))]
    return [line for line in lines if line]


def read_chat(value: Any) -> list[str] | list[Message]:
    """A chat in the usual shape: a list of {"role", "content"}, or {"messages": [...]}."""
    shape = 'A chat is a list of {"role": ..., "content": ...}, or {"messages": [...]}.'
    date = value.get("date") if isinstance(value, dict) else None
    turns = value.get("messages") if isinstance(value, dict) else value
    if not isinstance(turns, list):
        raise InvalidInput("This JSON is not a chat", value, shape)
    if turns and all(isinstance(turn, str) for turn in turns):
        return turns
    messages = []
    for turn in turns:
        content = text_of(turn["content"]) if isinstance(turn, dict) and "content" in turn else None
        if not isinstance(content, str) or not isinstance(turn.get("role"), str):
            raise InvalidInput("This JSON has a turn that is no message", turn, shape)
        when = turn.get("said_at") or turn.get("date") or date
        name = turn.get("name")
        messages.append(
            Message(
                role=turn["role"],
                content=content,
                said_at=read_date(when, "date") if when else None,
                name=name if isinstance(name, str) else None,
            )
        )
    return messages


def read_date(value: object, what: str) -> datetime:
    """ISO, or "2023/05/30 (Tue) 23:40"; without a time zone it is taken as UTC, so that the day stays the day."""
    text = str(value).strip()
    try:
        loose = _LOOSE_DATE.match(text)
        numbers = [int(number) for number in loose.groups() if number] if loose else []
        moment = datetime(*numbers) if loose else datetime.fromisoformat(text)  # type: ignore[arg-type]  # five at most
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"The {what} cannot be read", text, 'Write "2026-11-21" or "2026-11-21 23:40".') from None


def read_pairs(given: Sequence[str] | None) -> dict[str, Scalar]:
    """``key=value`` options; numbers and true/false are taken as such."""
    pairs: dict[str, Scalar] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{text!r} is not key=value")
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = value
        pairs[key] = parsed if isinstance(parsed, str | int | float | bool) else value
    return pairs
