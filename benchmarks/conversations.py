"""Dated conversations, answered from the store, from the weights and from both.

Every question is its own user. The user's evidence sessions (and --distractors sessions of other questions) are
added as dated chat messages, all users into one memory; then one night. Each question is asked four ways: base model
alone, retrieval only, weights only, both; base and retrieval before the night, all four after it. A column is scored by
containment (the normalised gold answer stands in the normalised answer) and by token F1, per question type and overall,
with a bootstrap interval. Questions whose answer was never said ("abstention") are a type of their own, scored by
whether the answer admits it, and are not part of "overall".

With --data: the evidence turns of LongMemEval, types single-session-user and knowledge-update, first --limit questions.
Without: a small built-in set of dated chats. Every question with its answers, facts and scores is written beside the
record, as .examples.jsonl, so that a person can read why.
Time: with the default model on two CPU cores about two minutes a question, nearly all of it the night.
"""

from __future__ import annotations

import json
import random
import re
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Dataset, Figures, Flag, Options, load, run, watch
from slowwave.prompts import is_unknown
from slowwave.types import Answer, Message

if TYPE_CHECKING:
    from slowwave import Memory

__all__ = ["Case", "bootstrap", "built_in", "cases", "contains", "f1", "measure", "normalise"]

DATASET = Dataset(
    "longmemeval/longmemeval_evidence_300.jsonl.gz",
    "GitHub repository xiaowu0162/LongMemEval (MIT), the turns of longmemeval_oracle that are marked has_answer",
    ("question_id", "question_type", "abstention", "question", "question_date", "answer", "evidence_sessions"),
)
TYPES = frozenset({"single-session-user", "knowledge-update"})
FLAGS = (
    Flag("limit", 20, "how many questions", quick=4),
    Flag("distractors", 0, "how many sessions of other questions each user also had"),
)
COLUMNS: Mapping[str, Mapping[str, bool]] = {
    "base": {"use_facts": False, "use_modules": False},
    "retrieval": {"use_modules": False},
    "weights": {"use_facts": False},
    "both": {},
}

_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_DIGITS = {word: str(number) for number, word in enumerate(_NUMBERS.split())}


@dataclass(frozen=True)
class Session:
    """Turns of one conversation, all said at one time."""

    said_at: datetime
    turns: tuple[tuple[str, str], ...]
    """(role, content), in order."""

    def messages(self) -> list[Message]:
        """The turns as dated messages."""
        return [Message(role=role, content=content, said_at=self.said_at) for role, content in self.turns]


@dataclass(frozen=True)
class Case:
    """One question and the conversations its user had."""

    id: str
    type: str
    question: str
    gold: str
    abstention: bool
    evidence: tuple[Session, ...]
    distractors: tuple[Session, ...] = ()

    @property
    def user_id(self) -> str:
        """The user; not shaped like a name, so that nobody is called by it."""
        return f"user-{self.id}"


def normalise(text: str) -> list[str]:
    """The tokens that count: lower case, no articles or punctuation, small numbers as digits.

    >>> normalise("The three bikes!"), normalise("At 6:00 PM, 10%"), normalise("She's re-reading it")
    (['3', 'bikes'], ['at', '6:00', 'pm', '10'], ['shes', 'rereading', 'it'])
    """
    plain = re.sub(r"(?<=\w)['’\-](?=\w)", "", text.lower())
    tokens: list[str] = re.findall(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+", plain)
    return [_DIGITS.get(token, token) for token in tokens if token not in {"a", "an", "the"}]


def _alternatives(gold: str) -> list[list[str]]:
    """The gold answer with and without what stands in brackets; and that alone, if it is said to be another answer ("or Y")
    or is the first letters of what stands before it. Other brackets only explain.
    """
    forms = [gold, re.sub(r"\([^)]*\)", " ", gold)]
    for found in re.finditer(r"\(([^)]*)\)", gold):
        inside = found[1].strip()
        other = re.sub(r"^or\b\s*", "", inside, flags=re.IGNORECASE)
        if other != inside or (not gold[found.end() :].strip(" .") and _shortened(inside, gold[: found.start()])):
            forms.append(other)
    return [tokens for tokens in map(normalise, forms) if tokens]


def _shortened(short: str, words: str) -> bool:
    """Whether something is the first letters of words, or of the capitalised ones among them.

    >>> _shortened("UCLA", "University of California, Los Angeles"), _shortened("MoMA", "Museum of Modern Art")
    (True, True)
    """
    first = re.findall(r"\b[^\W\d_]", words)
    said = "".join(re.findall(r"[^\W\d_]", short))
    capitals = "".join(letter for letter in said if letter.isupper())
    return len(capitals) > 1 and (
        said.lower() == "".join(first).lower() or capitals == "".join(letter for letter in first if letter.isupper())
    )


def contains(answer: str, gold: str) -> float:
    """1 if the gold answer's tokens stand in the answer, next to each other and in order, else 0.

    >>> contains("You own 3 bikes.", "three"), contains("13 bikes", "three"), contains("at CA", "College of Arts (CA)")
    (1.0, 0.0, 1.0)
    """
    said = f" {' '.join(normalise(answer))} "
    return float(any(f" {' '.join(tokens)} " in said for tokens in _alternatives(gold)))


def f1(answer: str, gold: str) -> float:
    """Token F1, of the gold form that fits best.

    >>> f1("Paris", "Paris"), f1("in Paris", "Paris"), f1("", "Paris")
    (1.0, 0.6666666666666666, 0.0)
    """
    said = Counter(normalise(answer))
    best = 0.0
    for tokens in _alternatives(gold):
        common = sum((said & Counter(tokens)).values())
        best = max(best, 2 * common / (said.total() + len(tokens)))
    return best


def bootstrap(values: Sequence[float], seed: int, *, draws: int = 1000) -> tuple[float, float]:
    """The 95 % percentile interval of the mean, resampling the values with replacement."""
    draw = random.Random(seed)
    means = sorted(statistics.fmean(draw.choices(values, k=len(values))) for _ in range(draws))
    return means[int(0.025 * draws)], means[min(int(0.975 * draws), draws - 1)]


def _date(text: str) -> datetime:
    """'2023/05/20 (Sat) 15:51' in UTC."""
    return datetime.strptime(re.sub(r"\s*\(\w+\)\s*", " ", text), "%Y/%m/%d %H:%M").replace(tzinfo=UTC)


def _sessions(record: Mapping[str, Any]) -> tuple[Session, ...]:
    return tuple(
        Session(_date(session["date"]), tuple((turn["role"], turn["content"]) for turn in session["turns"]))
        for session in record["evidence_sessions"]
    )


def cases(limit: int, distractors: int, seed: int, data: Path | None) -> list[Case]:
    """The first `limit` questions of the wanted types, each with sessions of other questions drawn by the seed."""
    records = built_in() if data is None else load(data, DATASET)
    chosen = [record for record in records if record["question_type"] in TYPES][:limit]
    found = []
    for record in chosen:
        # Drawn per question, so that another limit leaves the earlier questions' distractors as they are.
        draw = random.Random(f"{seed} {record['question_id']}")
        others = [s for other in records if other is not record for s in _sessions(other)]
        found.append(
            Case(
                id=str(record["question_id"]),
                type=str(record["question_type"]),
                question=str(record["question"]),
                gold=str(record["answer"]),
                abstention=bool(record["abstention"]),
                evidence=_sessions(record),
                distractors=tuple(draw.sample(others, min(distractors, len(others)))),
            )
        )
    return found


def built_in() -> list[dict[str, Any]]:
    """Eight invented questions in the fields of the public file: plain, updated twice over, and never said."""
    early, late = "2026/03/02 (Mon) 09:15", "2026/09/14 (Mon) 18:40"
    table: Iterable[tuple[str, str, str, list[tuple[str, str]]]] = [
        ("single-session-user", "What is the name of my dog?", "Biscuit",
         [(early, "Any tips for training? My dog Biscuit keeps stealing socks.")]),
        ("knowledge-update", "Which city do I live in?", "Lisbon",
         [(early, "I live in Porto. Where can I swim here?"), (late, "I have moved: I live in Lisbon now.")]),
        ("single-session-user", "How many bikes do I own?", "three",
         [(early, "I own three bikes and need a rack for all of them.")]),
        ("single-session-user", "What is my sister's profession?", "You never said.", []),
        ("knowledge-update", "What time do I go to the gym?", "7:30",
         [(early, "I go to the gym at 6:00 every day."), (late, "I go to the gym at 7:30 now, earlier was too hard.")]),
        ("single-session-user", "What am I allergic to?", "peanuts",
         [(early, "I am allergic to peanuts. What can I order at a Thai restaurant?")]),
        ("knowledge-update", "Where do I work?", "Northwind Press",
         [(early, "I work at Halden Books."), (late, "Good news, I work at Northwind Press now.")]),
        ("single-session-user", "What language am I learning?", "Finnish",
         [(late, "I am learning Finnish. Do you know a good podcast?")]),
    ]  # fmt: skip
    return [
        {
            "question_id": f"chat{number}",
            "question_type": kind,
            "abstention": not said,
            "question": question,
            "question_date": "2026/11/21 (Sat) 12:00",
            "answer": gold,
            "evidence_sessions": [{"date": d, "turns": [{"role": "user", "content": text}]} for d, text in said],
        }
        for number, (kind, question, gold, said) in enumerate(table)
    ]


def _ask(memory: Memory, case: Case, column: str) -> dict[str, Any]:
    halves = COLUMNS[column]
    answer = memory.ask(
        case.question,
        user_id=case.user_id,
        use_facts=halves.get("use_facts", True),
        use_modules=halves.get("use_modules", True),
    )
    return {
        "answer": answer.text,
        "source": answer.source,
        "confidence": answer.confidence,
        "facts": [scored.text for scored in answer.facts],
        "modules": {module.id: module.weight for module in answer.modules},
        "scores": _scores(answer, case),
    }


def _scores(answer: Answer, case: Case) -> dict[str, float]:
    if case.abstention:
        return {"admits": float(answer.source == "unknown" or is_unknown(answer.text))}
    return {"contains": contains(answer.text, case.gold), "f1": f1(answer.text, case.gold)}


def measure(options: Options, seed: int, open_memory: Callable[..., Memory] | None = None) -> Figures:
    """All users, one night; `open_memory` is `slowwave.Memory` unless a test gives a fake."""
    if open_memory is None:
        from slowwave import Memory

        open_memory = Memory
    from benchmarks.marks import assert_unseen_by  # which takes its marks from here

    asked = cases(options.whole("limit"), options.whole("distractors"), seed, options.data)
    # The longest turn of the public data is 5,425 characters; cutting it could cut the evidence.
    settings = {**options.memory_settings(seed), "max_fact_chars": 8000}
    with tempfile.TemporaryDirectory() as folder, open_memory(folder, **settings) as memory:
        for case in asked:
            for session in sorted(case.evidence + case.distractors, key=lambda s: s.said_at):
                memory.add(session.messages(), user_id=case.user_id)
        before = {case.id: {name: _ask(memory, case, name) for name in ("base", "retrieval")} for case in asked}
        with watch() as progress:
            report = memory.consolidate(progress=progress)
        assert_unseen_by(memory, [case.question for case in asked])
        after = {case.id: {name: _ask(memory, case, name) for name in COLUMNS} for case in asked}
        settled = memory.settled_ids()
        total = len(memory.get_all())
    _write_examples(options.beside(f".examples.seed{seed}.jsonl"), asked, before, after)
    figures = {
        **_figures("before", asked, before, seed),
        **_figures("after", asked, after, seed),
        "night_seconds": sum(report.seconds.values()),
    }
    return {**figures, "settled_share": len(settled) / total} if total else figures


Answers = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Question id, column, what `_ask` found."""


def _figures(when: str, asked: Sequence[Case], answers: Answers, seed: int) -> dict[str, float]:
    """Means per column, per type and overall; an interval for the overall means."""
    groups = {kind: [c for c in asked if c.type == kind and not c.abstention] for kind in sorted(TYPES)}
    groups["overall"] = [case for case in asked if not case.abstention]
    figures: dict[str, float] = {}
    for group, members in groups.items():
        for column in COLUMNS if members else ():
            if column not in answers[members[0].id]:
                continue
            for score in ("contains", "f1"):
                values = [answers[case.id][column]["scores"][score] for case in members]
                name = f"{when}.{column}.{group}.{score}"
                figures[name] = statistics.fmean(values)
                if group == "overall":
                    figures[f"{name}.low"], figures[f"{name}.high"] = bootstrap(values, seed)
    never = [case for case in asked if case.abstention]
    for column in answers[never[0].id] if never else ():
        found = [answers[case.id][column]["scores"]["admits"] for case in never]
        figures[f"{when}.{column}.abstention.admits"] = statistics.fmean(found)
    return figures


def _write_examples(path: Path, asked: Sequence[Case], before: Answers, after: Answers) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for case in asked:
            example = {
                "id": case.id,
                "type": case.type,
                "question": case.question,
                "gold": case.gold,
                "abstention": case.abstention,
                "before": before[case.id],
                "after": after[case.id],
            }
            out.write(json.dumps(example, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(run("conversations", __doc__, measure, flags=FLAGS))
