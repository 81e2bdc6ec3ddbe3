"""The exact words a base model is asked in: training, the gate and answering share them.

A module recalls what it was taught only in the frame it was taught in (a fact learned in another chat turn is not
recalled at all), so there is one frame and everybody imports it from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from slowwave.dates import resolve_dates
from slowwave.types import Fact, Message

__all__ = [
    "SYSTEM",
    "UNKNOWN",
    "chat",
    "conversation",
    "dated",
    "display_name",
    "is_unknown",
    "may_be_unknown",
    "render_date",
    "render_fact",
    "render_facts",
    "speaker",
]

SYSTEM = "Answer from memory, briefly."
"""Short on purpose: it is paid for in every training row."""

UNKNOWN = "I don't know."
"""What the memory says when it was never told."""

_NAME = re.compile(r"^[^\W\d_]+([ '\-][^\W\d_]+)*$")


def display_name(user_id: str) -> str | None:
    """The name to call a user by, or None when the id does not look like a name.

    >>> display_name("ada"), display_name("Mary Ann"), display_name("u-4711"), display_name("ada@example.org")
    ('Ada', 'Mary Ann', None, None)
    """
    if not _NAME.match(user_id) or user_id.lower() in {"default", "user", "me", "test", "admin", "anonymous", "guest"}:
        return None
    return user_id if any(letter.isupper() for letter in user_id) else user_id.title()


def dated(fact: Fact) -> Fact:
    """The fact with "tomorrow" and its like put as dates (`resolve_dates`): what is shown and what is learned of it."""
    return fact.model_copy(update={"text": resolve_dates(fact.text, fact.said_at)})


def speaker(fact: Fact) -> str:
    """The name of whoever said a fact; empty if it is not known."""
    return str(fact.metadata.get("name") or display_name(fact.user_id) or "")


def render_date(fact: Fact) -> str:
    """The day a fact was said, written out: "21 November 2026"."""
    return f"{fact.said_at.day} {fact.said_at:%B %Y}"


def render_fact(fact: Fact) -> str:
    """A fact as one dated line of quoted data: ``- 21 November 2026, Ada: "I'm allergic to peanuts."``.

    Days that hang on the day of speaking ("tomorrow") are put as dates.
    """
    text = " ".join(dated(fact).text.split()).replace('"', "'")
    return f'- {render_date(fact)}, {speaker(fact) or "user"}: "{text}"'


def render_facts(facts: Iterable[Fact]) -> list[str]:
    """The lines of several facts in the order in which a prompt shows them: as they were said, the newest last.

    A small model takes the last of two versions for the valid one sooner than the first (benchmarks/LOG.md).
    """
    return [render_fact(fact) for fact in sorted(facts, key=lambda fact: fact.said_at)]


def conversation(question: str, facts: Sequence[str] = (), history: Sequence[Message] = ()) -> list[dict[str, str]]:
    """Chat messages for one question.

    Args:
        question: what is asked now.
        facts: rendered facts (`render_facts`); they become quoted data above the question.
        history: earlier turns, oldest first; roles other than user and assistant are folded into the system line.
    """
    system = [SYSTEM, *(turn.content for turn in history if turn.role in {"system", "developer"})]
    messages = [{"role": "system", "content": "\n".join(system)}]
    messages += [{"role": t.role, "content": t.content} for t in history if t.role in {"user", "assistant"}]
    ask = "\n".join(["Known facts:", *facts, f"Question: {question}"]) if facts else f"Question: {question}"
    messages.append({"role": "user", "content": ask})
    return messages


def chat(question: str, history: Sequence[Message] = ()) -> list[dict[str, str]]:
    """Chat messages for what is not asked of the memory: the conversation as it is, without any frame."""
    system = "\n".join(turn.content for turn in history if turn.role in {"system", "developer"})
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": t.role, "content": t.content} for t in history if t.role in {"user", "assistant"}]
    return [*messages, {"role": "user", "content": question}]


_ADMISSIONS = ("i dont know", "i do not know")
_ADMISSION = "unknown"
"""An admission only if it is all that is said: there is an album "Unknown Pleasures"."""


def is_unknown(answer: str) -> bool:
    """Whether an answer says that it does not know.

    >>> is_unknown("I don't know that."), is_unknown("Unknown."), is_unknown("Unknown Pleasures")
    (True, True, False)
    """
    letters = _letters(answer).strip()
    return letters.startswith(_ADMISSIONS) or letters == _ADMISSION


def may_be_unknown(beginning: str) -> bool:
    """Whether an answer that begins like this may still say that it does not know.

    >>> may_be_unknown("I don't"), may_be_unknown("I don't eat"), may_be_unknown("64")
    (True, False, False)
    """
    letters = _letters(beginning).strip()
    return bool(letters) and any(one.startswith(letters) for one in (*_ADMISSIONS, _ADMISSION))


def _letters(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower())
