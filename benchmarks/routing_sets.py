"""The memories that routing is measured on: modules with the rows they would be trained on, and what is asked of them."""

from __future__ import annotations

import functools
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import phonebook
from benchmarks.conversations import DATASET as CHATS
from benchmarks.harness import Dataset, load, watch
from slowwave.adapters_store.router import RouteRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Asked",
    "Memory",
    "Vectors",
    "book",
    "drawn",
    "facts_of",
    "invented",
    "multihop",
    "paperqa",
    "plain",
    "sentences",
    "sessions",
    "vectors_of",
]

PAPERQA = Dataset(
    "paperqa/papers.jsonl.gz",
    "GitHub repository ahn-ml/Understanding-LoRA-as-Knowledge-Memory (MIT), data/paper_dataset/paperQA.json",
    ("paper_id", "introduction"),
)
PAPERQA_ASKED = replace(PAPERQA, file="paperqa/qa.jsonl.gz", fields=("paper_id", "level", "question"))
PAPERQA_TRAINED = Dataset(
    "paperqa/training_qa_gpt41.jsonl.gz",
    "the anonymous repository of arXiv 2603.01097 (QA40, made with GPT-4.1)",
    ("paper_id", "question", "answer"),
)
HOTPOT = Dataset(
    "multihop/hotpotqa_100.jsonl.gz", "HotpotQA train (CC BY-SA 4.0), by OSU-NLP-Group/HippoRAG", ("paragraphs",)
)
MUSIQUE = Dataset(
    "multihop/musique_100.jsonl.gz", "MuSiQue train (CC BY 4.0), by OSU-NLP-Group/HippoRAG", ("paragraphs",)
)
_PER_MODULE = 64
"""Facts of a module of the phone book: what a night publishes at most."""
_PARAGRAPHS = 8
"""Paragraphs of a module of the multihop sets."""
_SESSIONS = 40
"""Sessions of a user of LongMemEval: those with the answer, and others'."""


@dataclass(frozen=True)
class Asked:
    """A question and the modules that know."""

    question: str
    gold: frozenset[str]


@dataclass(frozen=True)
class Memory:
    """One user's modules, and what is asked of them."""

    rows: tuple[RouteRow, ...]
    asked: tuple[Asked, ...]
    documents: Mapping[str, str]
    """The whole text of each module."""
    strange: tuple[str, ...] = ()
    """Questions of the same form that no module knows."""
    special: Mapping[str, tuple[Asked, ...]] = field(default_factory=dict)
    """Further questions, by what their top1 is called."""

    def checked(self) -> Memory:
        """Itself; raises ValueError where a question that is asked stands among the rows."""
        held = {plain(row.text) for row in self.rows}
        asked = [one.question for one in (*self.asked, *(one for some in self.special.values() for one in some))]
        if seen := [question for question in asked if plain(question) in held]:
            raise ValueError(f"{len(seen)} of {len(asked)} asked questions are rows, such as {seen[0]!r}")
        return self


def plain(text: str) -> str:
    """A text by its words alone, to tell whether two are the same question."""
    return " ".join(re.findall(r"\w+", text.lower()))


def sentences(text: str) -> list[str]:
    """The sentences of a text that are longer than an exclamation."""
    parts = re.split(r"(?<=[.!?])[\"”']?\s+", " ".join(text.split()))
    return [part for part in parts if len(part) > 15]


def facts_of(module: str, texts: Iterable[str]) -> list[RouteRow]:
    """One fact row of a module for each text."""
    return [RouteRow(text, f"{module}/{i}", module, "fact") for i, text in enumerate(texts)]


def drawn(asked: Sequence[Asked], most: int, draw: random.Random) -> tuple[Asked, ...]:
    """All that is asked, or a sample of the most that may be."""
    return tuple(asked if len(asked) <= most else draw.sample(list(asked), most))


def paperqa(data: Path, seed: int, most: int) -> list[Memory]:
    """Ten papers; the rows are the 40 training pairs of each and the sentences of its introduction."""
    papers = {f"paper{one['paper_id']}": str(one["introduction"]) for one in load(data, PAPERQA)}
    rows = [row for name, text in papers.items() for row in facts_of(name, sentences(text))]
    for i, one in enumerate(load(data, PAPERQA_TRAINED)):
        name = f"paper{one['paper_id']}"
        rows += [RouteRow(one["question"], f"qa{i}", name), RouteRow(one["answer"], f"qa{i}", name, "fact")]
    asked = [Asked(one["question"], frozenset({f"paper{one['paper_id']}"})) for one in load(data, PAPERQA_ASKED)]
    return [Memory(tuple(rows), drawn(asked, most, random.Random(seed)), papers).checked()]


def book(entries: Sequence[phonebook.Entry], known: int, seed: int, most: int) -> list[Memory]:
    """A phone book in modules of 64 names; who comes after the first `known` entries is a stranger."""
    draw = random.Random(seed)
    told = list(entries[:known])
    draw.shuffle(told)
    rows: list[RouteRow] = []
    documents: dict[str, str] = defaultdict(str)
    asked: list[Asked] = []
    numbers: list[Asked] = []
    for i, entry in enumerate(told):
        name, fact = f"slice{i // _PER_MODULE:03}", f"entry{i}"
        rows += [RouteRow(form.format(name=entry.name), fact, name) for form in phonebook.TRAINED]
        rows.append(RouteRow(entry.text, fact, name, "fact"))
        documents[name] += entry.text + " "
        asked.append(Asked(draw.choice(phonebook.UNSEEN).format(name=entry.name), frozenset({name})))
        numbers.append(Asked(f"Whose phone number is {entry.phone}?", frozenset({name})))
    strange = [draw.choice(phonebook.UNSEEN).format(name=entry.name) for entry in entries[known : known + most]]
    special = {"number": drawn(numbers, most, draw)}
    return [Memory(tuple(rows), drawn(asked, most, draw), documents, tuple(strange), special).checked()]


def sessions(data: Path, seed: int, most: int) -> list[Memory]:
    """LongMemEval: every question has its own user with 40 sessions; rows are the sentences that the user said."""
    records = [one for one in load(data, CHATS) if one["question_type"] != "single-session-assistant"]
    said = {
        one["question_id"]: [
            " ".join(t["content"] for t in s["turns"] if t["role"] == "user") for s in one["evidence_sessions"]
        ]
        for one in records
    }
    found = []
    for one in records[:most]:
        draw = random.Random(f"{seed} {one['question_id']}")
        own = [text for text in said[one["question_id"]] if text]
        others = sorted({text for texts in said.values() for text in texts if text} - set(own))
        texts = own + draw.sample(others, min(_SESSIONS - len(own), len(others)))
        documents = {f"session{i:02}": text for i, text in enumerate(texts)}
        rows = tuple(row for name, text in documents.items() for row in facts_of(name, sentences(text) or [text]))
        gold = frozenset(list(documents)[: len(own)])
        answerable = bool(gold) and not one["abstention"]
        asked = (Asked(one["question"], gold),) if answerable else ()
        found.append(Memory(rows, asked, documents, () if answerable else (one["question"],)).checked())
    return found


def multihop(data: Path, seed: int, most: int) -> list[Memory]:
    """HotpotQA and MuSiQue: all paragraphs of the sample, eight a module; two to four of them answer a question together."""
    found = []
    for dataset in (HOTPOT, MUSIQUE):
        records = load(data, dataset)
        paragraphs = sorted({(p["title"], p["text"]) for one in records for p in one["paragraphs"]})
        draw = random.Random(seed)
        draw.shuffle(paragraphs)
        place = {paragraph: f"slice{i // _PARAGRAPHS:03}" for i, paragraph in enumerate(paragraphs)}
        documents: dict[str, str] = defaultdict(str)
        rows: list[RouteRow] = []
        for (title, text), name in place.items():
            documents[name] += f"{title}. {text} "
            rows += [
                RouteRow(f"{title}: {sentence}", f"{name}/{title}/{i}", name, "fact")
                for i, sentence in enumerate(sentences(text) or [text])
            ]
        asked = []
        for one in records:
            titles = {fact[0] for fact in one.get("supporting_facts", ())}
            holds = [p for p in one["paragraphs"] if p.get("is_supporting", p["title"] in titles)]
            asked.append(Asked(one["question"], frozenset(place[p["title"], p["text"]] for p in holds)))
        found.append(Memory(tuple(rows), drawn(asked, most, draw), documents).checked())
    return found


def invented(seed: int, facts: int = 64) -> Memory:
    """Facts about a user and others from the package's table of relations, with the questions that its rules write.

    Asked in the table's own wordings; what is asked of relations that nobody told is strange.
    """
    from slowwave.consolidation.rules import RuleWriter
    from slowwave.consolidation.stories import fill, relations, tell

    draw, writer = random.Random(seed), RuleWriter()
    table = list(relations())
    draw.shuffle(table)
    rows: list[RouteRow] = []
    documents: dict[str, str] = defaultdict(str)
    asked: list[Asked] = []
    strange: list[str] = []
    for i, relation in enumerate(table):
        story = tell(draw, relation, "Ada", subject="Ada" if relation.about == "person" else None)
        wordings = [fill(form, story.subject, story.value, own=story.own) for form in relation.questions]
        if i >= facts:
            strange += wordings
            continue
        name, key = f"module{i // 8}", f"fact{i}"
        trained = [pair.question for pair in writer(story.fact())][:8]
        rows += [*(RouteRow(question, key, name) for question in trained), RouteRow(story.text, key, name, "fact")]
        documents[name] += story.text + " "
        asked += [Asked(wording, frozenset({name})) for wording in wordings]
    held = {plain(row.text) for row in rows}
    return Memory(
        tuple(rows), tuple(one for one in asked if plain(one.question) not in held), documents, tuple(strange)
    )


class Vectors:
    """Embeddings, each text embedded once."""

    def __init__(self, name: str) -> None:
        from slowwave.embedder import load_embedder

        self._embedder = load_embedder(name)
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (texts, width)."""
        import numpy as np

        missing = sorted({text for text in texts if text not in self._known}, key=len)
        with watch() as progress:
            for start in range(0, len(missing), 256):
                part = missing[start : start + 256]
                self._known.update(zip(part, self._embedder.encode(part), strict=True))
                progress("embedding", start + len(part), len(missing))
        return np.stack([self._known[text] for text in texts])


@functools.cache
def vectors_of(name: str) -> Vectors:
    """The embeddings of one model, kept for all seeds of a run."""
    return Vectors(name)
