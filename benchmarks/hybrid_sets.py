"""Documents small enough to be taught, and what is asked of them: QuALITY, NarrativeQA, LongMemEval, and invented people.

A document is cut to a number of facts. All that is compared, the whole text in the prompt too, sees this cut and no more.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from benchmarks import conversations
from benchmarks.conversations import contains
from benchmarks.harness import DataMissing, Dataset, load
from benchmarks.routing_sets import plain, sentences

if TYPE_CHECKING:
    from slowwave.types import Fact

__all__ = ["READERS", "Document", "Question", "evidence_first", "invented", "longmemeval", "narrativeqa", "quality"]

ARTICLES = Dataset(
    "quality/articles.jsonl.gz",
    "GitHub repositories nyu-mll/SQuALITY and nyu-mll/single_turn_debate (texts of QuALITY; Project Gutenberg)",
    ("article_id", "text"),
)
QUALITY = Dataset(
    "quality/questions_2way.jsonl.gz",
    "GitHub repository nyu-mll/single_turn_debate (CC BY 4.0): QuALITY questions with the right answer and one wrong one",
    ("article_id", "question", "options", "label", "evidence"),
)
SUMMARIES = Dataset(
    "narrativeqa/summaries_valid.jsonl.gz",
    "GitHub repository google-deepmind/narrativeqa (Apache-2.0; summaries CC BY-SA)",
    ("doc_id", "summary"),
)
NARRATIVE = Dataset("narrativeqa/qa_valid_all.jsonl.gz", SUMMARIES.source, ("doc_id", "question", "answers"))

T = TypeVar("T")
Scored = Literal["option", "f1", "contains"]
"""How an answer is marked: the likeliest option is the right one, token F1, or the gold answer stands in it."""

_USER = "user-0"
"""Not shaped like a name, so that nobody is called by it."""
_DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)
_SHORTEST = 6
"""Sentences of a summary that is worth asking about."""
_LONGEST = 600
"""Characters of a fact."""
_MATCHED = 60
"""Letters by which a piece of evidence is found in its text."""


@dataclass(frozen=True)
class Question:
    """One question about one document."""

    text: str
    gold: tuple[str, ...]
    """Answers that are right."""
    scored: Scored
    options: tuple[str, ...] = ()
    """What there is to choose from, the right one being the only gold answer."""


@dataclass(frozen=True)
class Document:
    """The facts of one document, in its order, and the questions about it."""

    facts: tuple[Fact, ...]
    questions: tuple[Question, ...]


def _facts(texts: Sequence[str], days: Sequence[datetime] = ()) -> tuple[Fact, ...]:
    """Texts as facts, one a minute where no days are given; none twice."""
    from slowwave.records import fact_id
    from slowwave.types import Fact

    said = days or [_DAY + timedelta(minutes=number) for number in range(len(texts))]
    made = [
        Fact(id=fact_id(_USER, text), text=text, user_id=_USER, said_at=when)
        for text, when in zip(texts, said, strict=True)
    ]
    return tuple({fact.id: fact for fact in made}.values())


def evidence_first(candidates: Sequence[Sequence[int]], size: int, most: int) -> list[int]:
    """Places of `most` of `size` texts, in order: what each question needs in turns, then the others from the beginning.

    >>> evidence_first([[7, 8, 9], [3]], 10, 4), evidence_first([[2]], 10, 3)
    ([3, 7, 8, 9], [0, 1, 2])
    """
    turns = [place for turn in zip_longest(*candidates) for place in turn if place is not None]
    return sorted(list(dict.fromkeys([*turns, *range(size)]))[:most])


def quality(data: Path, seed: int, documents: int, questions: int, facts: int) -> list[Document]:
    """QuALITY with two options; of each article the sentences that annotators gave as evidence for what is asked, and others.

    The likeliest option counts, by the mean log-probability of its tokens: options are whole sentences, which a small model
    never says word for word, and letters in front of them are noise at this size.
    """
    draw = random.Random(f"{seed} quality")
    texts = {str(one["article_id"]): str(one["text"]) for one in load(data, ARTICLES)}
    asked: defaultdict[str, list[Mapping[str, object]]] = defaultdict(list)
    for record in load(data, QUALITY):
        if record["evidence"] and record["article_id"] in texts:
            asked[str(record["article_id"])].append(record)
    found = []
    for name in _some(sorted(asked), documents, draw, QUALITY):
        chosen = draw.sample(asked[name], min(questions, len(asked[name])))
        told = [text[:_LONGEST] for text in sentences(texts[name])]
        words = [plain(text) for text in told]
        places = [_places(words, [str(one) for one in _listed(record["evidence"])]) for record in chosen]
        some = evidence_first(places, len(told), facts)
        found.append(Document(_facts([told[place] for place in some]), tuple(_choice(record) for record in chosen)))
    return found


def _choice(record: Mapping[str, object]) -> Question:
    options = tuple(str(one) for one in _listed(record["options"]))
    return Question(str(record["question"]), (options[int(str(record["label"]))],), "option", options)


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _places(words: Sequence[str], evidence: Sequence[str]) -> list[int]:
    """Where the sentences of the evidence stand, those of each piece one after another."""
    wanted = [plain(part)[:_MATCHED] for piece in evidence for part in sentences(piece) or [piece]]
    hits = [next((place for place, text in enumerate(words) if one and one in text), None) for one in wanted]
    return list(dict.fromkeys(place for place in hits if place is not None))


def narrativeqa(data: Path, seed: int, documents: int, questions: int, facts: int) -> list[Document]:
    """Summaries of NarrativeQA that are no longer than the facts of a document, and the questions that people asked of them.

    Where there are too few of them, the shortest of the others come in, cut.
    """
    draw = random.Random(f"{seed} narrativeqa")
    told = {str(one["doc_id"]): sentences(str(one["summary"])) for one in load(data, SUMMARIES)}
    asked: defaultdict[str, list[Question]] = defaultdict(list)
    for record in load(data, NARRATIVE):
        gold = tuple(str(one) for one in record["answers"])
        asked[str(record["doc_id"])].append(Question(str(record["question"]), gold, "f1"))
    fit = sorted((name for name in told if name in asked and len(told[name]) >= _SHORTEST), key=lambda n: len(told[n]))
    whole = sum(len(told[name]) <= facts for name in fit)
    found = []
    for name in _some(fit[: max(documents, whole)], documents, draw, NARRATIVE):
        chosen = draw.sample(asked[name], min(questions, len(asked[name])))
        found.append(Document(_facts([text[:_LONGEST] for text in told[name][:facts]]), tuple(chosen)))
    return found


def longmemeval(data: Path, seed: int, documents: int, questions: int, facts: int) -> list[Document]:
    """Questions about what a user said (or said anew later), in `documents` groups: the evidence turns, cut as a memory does.

    Of each turn the pieces that hold the answer come first.
    """
    from slowwave.cutting import cut

    draw = random.Random(f"{seed} longmemeval")
    cases = [case for case in conversations.cases(1_000_000, 0, seed, data) if not case.abstention]
    chosen = _some(cases, documents * questions, draw, conversations.DATASET)
    found = []
    for start in range(0, len(chosen), questions):
        texts: list[str] = []
        days: list[datetime] = []
        places: list[list[int]] = []
        some = chosen[start : start + questions]
        for case in some:
            first = len(texts)
            for session in case.evidence:
                said = [piece.text for role, text in session.turns if role == "user" for piece in cut(text)]
                texts += [" ".join(text.split())[:_LONGEST] for text in said]
                days += [session.said_at] * len(said)
            own = range(first, len(texts))
            places.append(sorted(own, key=lambda place: -contains(texts[place], case.gold)))
        kept = evidence_first(places, 0, facts)
        asked = tuple(Question(case.question, (case.gold,), "contains") for case in some)
        found.append(Document(_facts([texts[place] for place in kept], [days[place] for place in kept]), asked))
    return found


def invented(data: Path | None, seed: int, documents: int, questions: int, facts: int) -> list[Document]:
    """Invented people, one a document, from the package's table of relations; asked in wordings that no skill was trained on."""
    from slowwave.consolidation.stories import ask, relations, tell
    from slowwave.consolidation.world import person

    draw = random.Random(f"{seed} invented")
    names: list[str] = []
    while len(names) < documents:
        if (name := person(draw)) not in names:
            names.append(name)
    found = []
    for name in names:
        fit = [one for one in relations() if one.about == "person"]
        stories = [tell(draw, one, "", subject=name) for one in draw.sample(fit, min(facts, len(fit)))]
        asked = [
            Question(ask(draw, story, exam=True), (story.value,), "contains")
            for story in draw.sample(stories, min(questions, len(stories)))
        ]
        found.append(Document(_facts([story.text for story in stories]), tuple(asked)))
    return found


def _some(fit: Sequence[T], count: int, draw: random.Random, dataset: Dataset) -> list[T]:
    """So many of what fits, drawn; raises DataMissing if there are not as many."""
    if len(fit) < count:
        raise DataMissing(f"{dataset.file!r} has {len(fit)} that fit, not {count}: lower --documents or --questions.")
    return draw.sample(list(fit), count)


Reader = Callable[[Path, int, int, int, int], list[Document]]
READERS: Mapping[str, Reader] = {"quality": quality, "narrativeqa": narrativeqa, "longmemeval": longmemeval}
"""The public sets by name: data folder, seed, documents, questions and facts of each document."""
