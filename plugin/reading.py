"""What people give to the command line: texts, files, chats, dates and ``key=value`` pairs."""

from __future__ import annotations

import codecs
import contextlib
import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from slowwave.errors import InvalidInput
from slowwave.intake import with_zone
from slowwave.messages import as_message
from slowwave.types import Message, Scalar

__all__ = ["Content", "is_file_name", "parse_text", "read_chat", "read_date", "read_inputs", "read_pairs"]

_FILES = (".txt", ".md", ".json", ".jsonl")
_BULLET = re.compile(r"^(?:[-*+]|\d+[.)])\s+")
_LOOSE_DATE = re.compile(r"^(\d{4})/(\d{1,2})/(\d{1,2})(?:\s*\([A-Za-z]+\))?(?:\s+(\d{1,2}):(\d{2}))?$")
_LIKE_JSON = re.compile(r'\s*(?:\[\s*[{"]|\{\s*")')
"""How JSON that holds a chat or texts begins, and a sentence never does."""
_SHAPE = 'A chat is a list of {"role": ..., "content": ...}, or {"messages": [...]}.'

Content = list[str] | list[Message]
"""What is given to `add` at once: texts, or one conversation."""


def is_file_name(text: str) -> bool:
    """Whether a text is meant as a file: one word with an ending that we read, or a file that is there."""
    if not text.lower().endswith(_FILES):
        return False
    with contextlib.suppress(OSError, ValueError):  # a long text is no file name, and asking for it raises
        return Path(text).is_file() or not re.search(r"\s", text)
    return False


def read_inputs(words: Sequence[str]) -> list[tuple[Content, str | None]]:
    """What the arguments of `add` stand for: (texts or one conversation, the file's name) each.

    Words without quotes are one text. Everything is read before anything is returned.

    Raises:
        InvalidInput: a file cannot be used, or is of a kind that is not read.
    """
    plain = all(word != "-" and not re.search(r"\s", word) and not is_file_name(word) for word in words)
    if plain and not all(map(_exists, words)):  # a sentence may speak of a folder, but does not consist of paths
        words = [" ".join(words)]
    return [(content, name) for word in words for content, name in _read_input(word) if content]


def _read_input(text: str) -> list[tuple[Content, str | None]]:
    if text == "-":
        return [(content, None) for content in parse_text(_read_stdin(), None)]
    if not is_file_name(text):
        if _exists(text):
            kinds = ", ".join(_FILES)
            remedy = (
                f"Files are read that end in {kinds}; give the text of others on standard input: slowwave add - < FILE"
            )
            raise InvalidInput("This is a file or a folder, not a text", text, remedy)
        return [([text], None)]
    path = Path(text)
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        remedy = "Check the path; to remember these words themselves, write them as a sentence."
        raise InvalidInput("There is no such file", text, remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("The file cannot be read as UTF-8 text", text, f"{type(error).__name__}.") from error
    name = path.name.encode(errors="replace").decode()  # a name that is not UTF-8 cannot be stored
    return [(part, name) for part in parse_text(content, path)]


def _exists(text: str) -> bool:
    with contextlib.suppress(OSError, ValueError):  # a long text is no path, and asking for it raises
        return bool(text) and Path(text).exists()
    return False


def _read_stdin() -> str:
    """Standard input as text; a byte order mark says that it is UTF-8, whatever the terminal speaks."""
    content = sys.stdin.buffer.read()
    encoding = "utf-8-sig" if content.startswith(codecs.BOM_UTF8) else sys.stdin.encoding
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        remedy = "Give UTF-8 text, for example: iconv -t UTF-8 FILE | slowwave add -"
        raise InvalidInput(f"Standard input is not {encoding} text", error.object[error.start :][:20], remedy) from None


def parse_text(content: str, path: Path | None) -> list[Content]:
    """Lines, or the messages of chats: one list for each conversation.

    Args:
        path: where the text comes from; None for standard input, which is JSON if it begins so.

    Raises:
        InvalidInput: what should be JSON is not, or is no chat.
    """
    ending = path.suffix.lower() if path else ""
    if ending == ".jsonl":
        return _json_lines(content, str(path))
    if ending == ".json":
        return [read_chat(_parsed(content, "The file is not JSON", str(path)))]
    if path is None and content.lstrip()[:1] in {"[", "{"}:
        if _is_json(content):
            return [read_chat(json.loads(content))]
        if _LIKE_JSON.match(content):  # one message a line, or cut off: it must not become facts as it stands
            if _is_json(content.lstrip().partition("\n")[0]):
                return _json_lines(content, "standard input")
            _parsed(content, "Standard input begins like JSON and is not", content)
    lines = [line.strip() for line in content.splitlines()]
    if ending == ".md":
        lines = [_BULLET.sub("", line) for line in lines if not line.startswith(("#", "---", "```"))]
    return [[line for line in lines if line]]


def _json_lines(content: str, source: str) -> list[Content]:
    """The conversations of JSON lines: those with messages of their own, and one of the lines that are messages or texts."""
    single: list[Any] = []
    whole: list[Content] = []
    for number, line in enumerate(content.split("\n"), start=1):  # a line of JSON may have other line breaks inside
        if not line.strip():
            continue
        value = _parsed(line, f"Line {number} of {source} is not JSON", line.strip())
        if isinstance(value, list) or (isinstance(value, dict) and "messages" in value):
            whole.append(read_chat(value))
        else:
            single.append(value)
    return [*([read_chat(single)] if single else []), *whole]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _parsed(text: str, what: str, shown: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput(what, shown, f"{error}. {_SHAPE}") from error


def read_chat(value: Any) -> Content:
    """A chat in the usual shape: a list of {"role", "content"}, {"messages": [...]}, or a single message.

    Raises:
        InvalidInput: it has another shape.
    """
    date = value.get("date") if isinstance(value, dict) else None
    alone = isinstance(value, dict) and "role" in value and "messages" not in value
    turns = [value] if alone else value.get("messages") if isinstance(value, dict) else value
    if not isinstance(turns, list):
        raise InvalidInput("This JSON is not a chat", value, _SHAPE)
    texts = [turn for turn in turns if isinstance(turn, str)]
    if texts and len(texts) == len(turns):
        return texts
    messages: list[Message] = []
    for index, turn in enumerate(turns):
        if not isinstance(turn, dict) or not isinstance(turn.get("role"), str) or "content" not in turn:
            raise InvalidInput("This JSON has a turn that is no message", turn, _SHAPE)
        when = turn.get("said_at") or turn.get("date") or date
        name = turn.get("name")
        told = {"role": turn["role"], "content": turn["content"], "name": name if isinstance(name, str) else None}
        told["id"] = turn.get("id")
        messages.append(as_message({**told, "said_at": read_date(when, "date") if when else None}, index))
    return messages


def read_date(value: object, what: str) -> datetime:
    """ISO, or "2023/05/30 (Tue) 23:40"; in the zone that it names, else the local one: "tomorrow" hangs on the speaker's day."""
    text = str(value).strip()
    try:
        loose = _LOOSE_DATE.match(text)
        numbers = [int(number) for number in loose.groups() if number] if loose else []
        moment = datetime(*numbers) if loose else datetime.fromisoformat(text)  # type: ignore[arg-type]  # five at most
        return with_zone(moment)
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
