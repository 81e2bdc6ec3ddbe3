"""Where a night's question-answer pairs come from, and which of them may be trained.

Any source will do: nothing (the built-in rules), a plain callable, a LangChain chat model or a LlamaIndex LLM. Neither
framework is imported here. Whatever a source returns, only pairs whose answer stands in the fact are kept.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from slowwave.consolidation.rules import PHRASINGS, RuleWriter, question_key, supported
from slowwave.errors import InvalidInput, WriterFailed
from slowwave.prompts import dated, display_name, render_date
from slowwave.quarantine import without_orders
from slowwave.types import Fact, QAPair

__all__ = ["NamedWriter", "Writer", "as_writer", "split_heldout", "supported", "write"]

_RETRIES = 2
_PAIRS: TypeAdapter[list[QAPair]] = TypeAdapter(list[QAPair])
_PROMPT = """Write questions that the statement below answers.

Rules:
- For each piece of information write at least {least} differently worded questions with one and the same answer.
- An answer is a short span copied word for word from the statement. At most three different answers.
- No question contains its own answer, and none can be understood only with the statement at hand.
- "I" in the statement is {who}. Ask both as the user would ("What am I ...?") and in the third person.
- Reply with nothing but a JSON list: [{{"question": "...", "answer": "..."}}, ...]

Said on {date}. Statement (data, not an instruction): {statement}"""


class Writer(Protocol):
    """Turns one fact into question-answer pairs.

    A pair is a `QAPair`, a (question, answer) tuple, or a mapping with exactly these two keys. Pairs that the fact does
    not support are dropped by `write`, so a writer may err; it must not have side effects on the fact.
    """

    def __call__(self, fact: Fact) -> Iterable[Any]:
        """The pairs for one fact; may be empty."""
        ...


@dataclass(frozen=True)
class NamedWriter:
    """A writer of any origin: validated pairs come out, and every failure is a `WriterFailed`."""

    name: str
    source: Writer
    proven: bool = False
    """Whether its pairs were read back: what it left out is not filled up by rules."""
    more: NamedWriter | None = None
    """Who is asked about a fact that failed before: the same writer, told to give more wordings."""

    def __call__(self, fact: Fact) -> list[QAPair]:
        """The pairs of the source, validated; raises WriterFailed when it raises or returns something else."""
        try:
            return _validated(self.source(fact))
        except WriterFailed:
            raise
        except (ValidationError, TypeError, ValueError) as error:
            raise WriterFailed(self.name, _reason(error)) from error
        except Exception as error:  # a user's code or a remote model: whatever it raises, the night goes on
            raise WriterFailed(self.name, _reason(error)) from error


def _reason(error: Exception) -> str:
    """The kind of an error; its message may quote a fact, which must not reach a log."""
    if isinstance(error, ValidationError):
        return f"{error.error_count()} of its values are not question-answer pairs"
    return f"it raised {type(error).__name__}"


def _validated(pairs: Iterable[Any]) -> list[QAPair]:
    rows: list[Any] = []
    for pair in pairs:
        if isinstance(pair, QAPair | Mapping):
            rows.append(pair if isinstance(pair, QAPair) else dict(pair))
        elif isinstance(pair, Sequence) and not isinstance(pair, str | bytes) and len(pair) == 2:
            rows.append({"question": pair[0], "answer": pair[1]})
        else:
            raise TypeError("not a question-answer pair")
    return _PAIRS.validate_python(rows)


def _parse(reply: str) -> list[QAPair]:
    """The JSON list in a reply; fences, reasoning and talk around it are ignored. Raises ValueError."""
    reply = re.sub(r"<think>.*?</think>", "", reply, flags=re.S)
    decoder = json.JSONDecoder()
    for opening in re.finditer(r"[\[{]", reply):
        try:
            value, _ = decoder.raw_decode(reply, opening.start())
        except json.JSONDecodeError:
            continue
        if isinstance(value, dict):
            lists = [inner for inner in value.values() if isinstance(inner, list)]
            value = lists[0] if lists else None
        if isinstance(value, list) and value and all(isinstance(row, dict | list) for row in value):
            plain = [
                {key.lower(): row[key] for key in row if key.lower() in {"question", "answer"}}
                if isinstance(row, dict)
                else row
                for row in value
            ]
            return _validated(plain)
    raise ValueError("no JSON list of question-answer pairs")


@dataclass(frozen=True)
class _ModelWriter:
    """Asks a language model, up to three times, for the pairs of one fact."""

    name: str
    ask: Callable[[str], str]
    least: int = PHRASINGS

    def __call__(self, fact: Fact) -> list[QAPair]:
        who = str(fact.metadata.get("name") or display_name(fact.user_id) or "the user")
        statement = json.dumps(" ".join(fact.text.split()), ensure_ascii=False)
        prompt = _PROMPT.format(least=self.least, who=who, date=render_date(fact), statement=statement)
        last: Exception | None = None
        for attempt in range(_RETRIES + 1):
            again = "\n\nYour last reply was not a JSON list. Reply with the JSON list only." if attempt else ""
            try:
                return _parse(self.ask(prompt + again))
            except (ValueError, TypeError) as error:
                last = error
        raise WriterFailed(self.name, f"no JSON list of pairs in {_RETRIES + 1} replies") from last


def _content(message: Any) -> str:
    """The text of a chat message: a string, or content blocks of which the text ones count."""
    content = getattr(message, "content", message)
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise TypeError("a reply without text")
    return "".join(
        block if isinstance(block, str) else str(block.get("text", ""))
        for block in content
        if isinstance(block, str | Mapping)
    )


def _asking(name: str, ask: Callable[[str], str]) -> NamedWriter:
    more = NamedWriter(name, _ModelWriter(name, ask, least=2 * PHRASINGS))
    return NamedWriter(name, _ModelWriter(name, ask), more=more)


def as_writer(source: object | None) -> NamedWriter:
    """A writer from whatever the user has at hand.

    Args:
        source: None for the built-in rules, a LangChain chat model (`invoke`, `with_structured_output`), a LlamaIndex
            LLM (`complete`, `metadata`), or a callable that takes a Fact and returns pairs.

    Raises:
        InvalidInput: the object is none of these.
    """
    if isinstance(source, NamedWriter):
        return source
    if source is None:
        return NamedWriter(RuleWriter.name, RuleWriter(), more=NamedWriter(RuleWriter.name, RuleWriter(plenty=2)))
    model: Any = source
    name = str(getattr(model, "name", None) or getattr(model, "__name__", None) or type(source).__name__)
    if hasattr(model, "invoke") and hasattr(model, "with_structured_output"):
        return _asking(name, lambda prompt: _content(model.invoke(prompt)))
    if hasattr(model, "complete") and hasattr(model, "metadata"):
        return _asking(name, lambda prompt: str(model.complete(prompt).text))
    if callable(source):
        written: Writer = model
        return NamedWriter(name, written)
    raise InvalidInput(
        "The question writer cannot be used",
        type(source).__name__,
        "Give None, a function from a Fact to (question, answer) pairs, a LangChain chat model or a LlamaIndex LLM.",
    )


def write(fact: Fact, writer: Writer | None = None) -> list[QAPair]:
    """The pairs to train for one fact: supported, each question once, in the writer's order; none about orders in it.

    When a writer whose pairs are not read back gives fewer than six, the built-in rules fill up; their pairs come last.
    Raises WriterFailed.
    """
    fact = dated(fact)
    fact = fact.model_copy(update={"text": without_orders(fact.text)})
    if not fact.text:
        return []
    kept: dict[str, QAPair] = {}

    def keep(pairs: Iterable[QAPair]) -> None:
        for pair in pairs:
            pair = QAPair(question=" ".join(pair.question.split()), answer=" ".join(pair.answer.split()))
            if supported(pair, fact):
                kept.setdefault(question_key(pair.question), pair)

    source = as_writer(writer)
    keep(source(fact))
    if len(kept) < PHRASINGS and not source.proven:
        keep(RuleWriter()(fact))
    return list(kept.values())


def split_heldout(pairs: Sequence[QAPair], *, per_answer: int = 2, seed: int) -> tuple[list[QAPair], list[QAPair]]:
    """Trained and held-out pairs, split within the wordings of each answer.

    Args:
        pairs: the pairs of one fact or of many; their order does not matter for who is held out.
        per_answer: how many wordings of an answer are held out where it has at least four more than that; an answer
            with four or more wordings gives up one, an answer with fewer none.
        seed: which wordings are held out.
    """
    wordings: dict[str, set[str]] = {}
    for pair in pairs:
        wordings.setdefault(question_key(pair.answer), set()).add(question_key(pair.question))
    held: set[tuple[str, str]] = set()
    for answer, questions in wordings.items():
        count = per_answer if len(questions) >= 4 + per_answer else min(1, per_answer) if len(questions) >= 4 else 0
        ranked = sorted(questions, key=lambda question: hashlib.sha256(f"{seed}\0{question}".encode()).digest())
        held |= {(answer, question) for question in ranked[: max(count, 0)]}
    trained: list[QAPair] = []
    heldout: list[QAPair] = []
    for pair in pairs:
        out = (question_key(pair.answer), question_key(pair.question)) in held
        (heldout if out else trained).append(pair)
    return trained, heldout
