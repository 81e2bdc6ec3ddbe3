"""From what a caller hands in to facts: everything is checked here, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from slowwave.checking import check_metadata, check_moment, check_source, check_text, check_user
from slowwave.distil import LEARNED, Distiller, Statement, as_distiller
from slowwave.errors import InvalidInput
from slowwave.messages import as_message
from slowwave.prompts import display_name
from slowwave.records import fact_id
from slowwave.types import Fact, Message, Scalar

__all__ = ["Content", "check_content", "to_fact", "to_facts", "with_zone"]

Content = str | Message | Mapping[str, Any] | Sequence[Any]
"""What `add` takes: a text, a chat message, or a list of chat messages (see `messages.as_message`)."""

ASSISTANT = "assistant"
"""The role whose turns are learned from only where that is asked for."""


def to_fact(
    text: str,
    *,
    user_id: str,
    limit: int,
    said_at: datetime | None = None,
    source: str | None = None,
    metadata: Mapping[str, Scalar] | None = None,
) -> Fact:
    """A text as one fact, as it is.

    Raises:
        InvalidInput: it is empty or longer than `limit` characters, or what goes with it cannot be stored.
    """
    source, extra = _checked(user_id, said_at, source, metadata)
    return _fact(check_text(text, limit), user_id, said_at, source or "user", extra)


def check_content(
    content: Content,
    *,
    user_id: str,
    limit: int,
    said_at: datetime | None = None,
    source: str | None = None,
    metadata: Mapping[str, Scalar] | None = None,
    assistant: bool = False,
) -> None:
    """Whether `to_facts` will take this; nothing is learned from it.

    Raises:
        InvalidInput: it will not.
    """
    _checked(user_id, said_at, source, metadata)
    if isinstance(content, str):
        check_text(content, limit)
    else:
        _turns(content, limit, assistant)


def to_facts(
    content: Content,
    *,
    user_id: str,
    limit: int,
    said_at: datetime | None = None,
    source: str | None = None,
    metadata: Mapping[str, Scalar] | None = None,
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
    if isinstance(content, str):
        return [to_fact(content, user_id=user_id, limit=limit, said_at=said_at, source=source, metadata=metadata)]
    source, extra = _checked(user_id, said_at, source, metadata)
    speaker = display_name(user_id)
    turns = [_at(_own(turn, user_id, speaker), said_at) for turn in _turns(content, limit, assistant)]
    turns = [_at(turn, datetime.now(UTC)) for turn in (turns if dated is None else dated(turns))]
    distil = distiller or as_distiller(None)
    found = [(one, _learned(one, turns, user_id, source or "user", extra)) for one in distil(turns, speaker)]
    if assistant:
        turned = [_turned(turn, speaker) for turn in turns]
        found += [
            (one, _learned(one, turned, user_id, source or "assistant", extra)) for one in distil(turned, speaker)
        ]
    return [fact for _, fact in sorted(found, key=lambda pair: pair[0].message)]


def _checked(
    user_id: str, said_at: datetime | None, source: str | None, metadata: Mapping[str, Scalar] | None
) -> tuple[str | None, dict[str, Scalar]]:
    """The source, which may stand in the metadata, and the rest of the metadata."""
    check_user(user_id)
    check_moment(said_at)
    extra = check_metadata(metadata)
    named = extra.pop("source", None)
    return check_source(named if source is None else source), extra


def _turns(content: Content, limit: int, assistant: bool) -> list[Message]:
    """Messages of any kind as ours, whose texts can be stored where they are learned from."""
    messages = [content] if isinstance(content, (Message, Mapping)) or hasattr(content, "content") else content
    if not isinstance(messages, Sequence) or isinstance(messages, (bytes, bytearray)):
        raise InvalidInput("Cannot learn from this", content, "Give a text or a list of role/content messages.")
    if any(isinstance(one, str) for one in messages):
        raise InvalidInput("Texts where messages were expected", content, "Use `add_many` for several texts.")
    turns = [as_message(message, index) for index, message in enumerate(messages)]
    told = [turn.content for turn in turns if turn.role in LEARNED or (assistant and turn.role == ASSISTANT)]
    # A blank turn, such as a picture, is no harm among others.
    for text in [text for text in told if text.strip()] or told[:1]:
        check_text(text, limit=max(limit, 20_000))
    return turns


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
