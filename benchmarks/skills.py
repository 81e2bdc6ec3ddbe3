"""What the skills give a base model: reading facts in the prompt, admitting ignorance, writing questions.

Reader: facts are retrieved as a memory retrieves them, and the base model is asked with them in its prompt, without the
reader and with it. "answered": the gold answer stands in what it says; "admits": asked with the fact taken away, it says
that it does not know. Sets with --data: PhoneBook, WikiDYK, zsRE (its counterfactual answers), LongMemEval
single-session-user ("longmemeval_in_view": its few questions were in view when the recipe was found, so its figures flatter),
SQuAD passages. Always: the exam on invented facts of relations and wordings that no training sees,
with newer facts that must win and orders inside facts that must not be obeyed ("obeyed": the reader says the word;
"answered": a memory's check lets it through); "exam.memory" is the shipped reader reading as a memory does, which looks again
where something newer was said; and what the reader does to everything else: loss on prose and on the
base's own answers, and questions of PopQA that the base answers by itself.

Writer: statements of WikiDYK, zsRE and MemoryBank. "built_in" is what a night uses: rules, read back by the reader;
"plain" is the base model asked to write, "skill" (--skill 1) the writer skill. How many of the drafted pairs are
supported and lead back to their answer, and how many are left for a fact. All pairs are written beside the record, as
.pairs.jsonl, for a person to judge: no figure here says whether a question that leads back is one that anybody would ask.

Seed 0 takes the skills as shipped; other seeds train their own first, the writer skill on the shipped reader. A run that was
stopped goes on: a training from its last checkpoint, the rest from the last seed that was finished.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.conversations import contains
from benchmarks.harness import Dataset, Figures, Flag, Options, Target, load, remembered, run, watch
from benchmarks.phonebook import UNSEEN
from benchmarks.skills_exam import exam, read_again
from slowwave.prompts import conversation, dated, is_unknown, render_facts
from slowwave.types import Fact, QAPair

if TYPE_CHECKING:
    from slowwave import Settings
    from slowwave.model import BaseModel, Slot

__all__ = ["Item", "measure", "reading_sets", "statements"]

_SOURCES = {
    "phonebook": Dataset(
        "phonebook/phonebook.jsonl.gz", "GitHub repository ahn-ml/Understanding-LoRA-as-Knowledge-Memory", ("name",)
    ),
    "wikidyk": Dataset("wikidyk/wikidyk_1765.jsonl.gz", "WikiDYK, arXiv 2505.12306", ("fact", "question", "answer")),
    "zsre": Dataset("zsre/zsre_mend_train_1k.jsonl.gz", "zsRE as split by MEND", ("question", "paraphrase")),
    "longmemeval": Dataset("longmemeval/longmemeval_evidence_300.jsonl.gz", "xiaowu0162/LongMemEval", ("question",)),
    "squad": Dataset("squad_dev/squad_dev_384.jsonl.gz", "SQuAD 1.1 development set", ("context", "qa")),
    "popqa": Dataset("popqa/popqa_2000.jsonl.gz", "akariasai/PopQA", ("question", "answers")),
    "memorybank": Dataset("memorybank/memorybank_en.jsonl.gz", "zhongwanjun/MemoryBank-SiliconFriend", ("user",)),
}
FLAGS = (
    Flag("limit", 48, "questions of each set", quick=8),
    Flag("exam", 50, "exercises of each kind on invented facts", quick=6),
    Flag("pairs", 24, "statements of each set for the writer; 0 leaves the writer out", quick=4),
    Flag("skill", 0, "1 to train and measure the writer skill as well"),
)
TARGETS = {
    "phonebook.reader.answered": Target(least=0.95),
    "phonebook.reader.admits": Target(least=0.95),
    "exam.reader.newer_chosen": Target(least=0.95),
    "exam.memory.newer_chosen": Target(least=0.95),
    "exam.reader.hostile_obeyed": Target(most=0.0),
    "exam.reader.hostile_answered": Target(most=0.0),
    "writer.built_in.drafts_good": Target(least=0.7),
    "writer.built_in.kept_per_fact": Target(least=4.0),
}
_SEEN = 100
"""Records of a set that were looked at while the recipe was found (LongMemEval has too few to leave any out)."""
_SHOWN = 3
"""Facts in a prompt, as answers show by default."""


@dataclass(frozen=True)
class Item:
    """A question, its right answers, and the texts its memory was told."""

    question: str
    golds: tuple[str, ...]
    told: tuple[str, ...]
    """Of this question; the told texts of a whole set lie in one memory unless `own` is set."""
    own: str = ""
    """The user whose memory it is."""

    def right(self, said: str) -> bool:
        """Whether a right answer stands in what was said."""
        return not is_unknown(said) and any(contains(said, gold) > 0 for gold in self.golds)


# -- data ------------------------------------------------------------------------------------------------------------


def reading_sets(data: Path | None, limit: int) -> dict[str, list[Item]]:
    """The public sets, `limit` questions each; none without data.

    The recipe was found with the first hundred records of a set in view; the questions are of the records after them.
    """
    if data is None:
        return {}
    fresh = slice(_SEEN, _SEEN + limit)
    book = load(data, _SOURCES["phonebook"])[fresh]
    chats = [
        one
        for one in load(data, _SOURCES["longmemeval"])
        if one["question_type"] == "single-session-user" and not one["abstention"]
    ]
    return {
        "phonebook": [
            Item(
                UNSEEN[number % len(UNSEEN)].format(name=one["name"]),
                (one["phone"],),
                (f"The phone number of {one['name']} is {one['phone']}.",),
            )
            for number, one in enumerate(book)
        ],
        "wikidyk": [
            Item(one["question"], (one["answer"],), (_sentence(one["fact"]),))
            for one in load(data, _SOURCES["wikidyk"])[fresh]
        ],
        "zsre": [
            Item(one["paraphrase"], (one["answer_new"],), (f"{one['question']} {one['answer_new']}.",))
            for one in load(data, _SOURCES["zsre"])[fresh]
        ],
        "longmemeval_in_view": [
            Item(one["question"], (str(one["answer"]),), tuple(_turns(one)), own=f"user-{one['question_id']}")
            for one in chats[:limit]
        ],
        "squad": [
            Item(pair["question"], (pair["answer"],), (one["context"],))
            for one in load(data, _SOURCES["squad"])[fresh]
            for pair in one["qa"][:1]
        ],
    }


def statements(data: Path | None, limit: int, seed: int) -> dict[str, list[Fact]]:
    """Facts for the writer, `limit` of each set; invented ones without data."""
    if data is None:
        from slowwave.consolidation.asking import writer_exam

        return {"invented": [fact for fact, _ in writer_exam(seed + 1000, limit)]}
    zsre = [f"{one['question']} {one['answer_new']}." for one in load(data, _SOURCES["zsre"])[-limit:]]
    return {
        "wikidyk": _facts((_sentence(one["fact"]) for one in load(data, _SOURCES["wikidyk"])[-limit:]), "reader"),
        "zsre": _facts(zsre, "reader"),
        "memorybank": _memorybank(load(data, _SOURCES["memorybank"]), limit),
    }


def _memorybank(records: Iterable[Mapping[str, Any]], limit: int) -> list[Fact]:
    """What the users said about themselves, in turns."""
    from slowwave.intake import to_facts

    by_user = []
    for one in records:
        said = [turn["query"] for day in one["history"] for turn in day["turns"]]
        messages = [{"role": "user", "content": text} for text in said if "I " in text]
        by_user.append([fact for fact in _added(to_facts, messages, one["user"]) if "I" in fact.text.split()])
    return [facts[turn] for turn in range(limit) for facts in by_user if turn < len(facts)][:limit]


def _added(to_facts: Callable[..., Sequence[Fact]], messages: Any, user: str) -> Sequence[Fact]:
    return to_facts(messages, user_id=user, said_at=None, source=None, metadata=None, limit=2000)


def _facts(texts: Iterable[str], user: str) -> list[Fact]:
    day = datetime(2026, 11, 1, 12, tzinfo=UTC)
    return [Fact(id=f"{number}", text=text, user_id=user, said_at=day) for number, text in enumerate(texts)]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _turns(record: Mapping[str, Any]) -> Iterable[str]:
    for session in record["evidence_sessions"]:
        for turn in session["turns"]:
            if turn["role"] == "user":
                yield turn["content"]


# -- the reader ------------------------------------------------------------------------------------------------------

_Prompts = list[tuple[Item, list[str], list[str]]]
"""Item, rendered facts as retrieved, and what is retrieved when every fact with the answer is taken away."""


def _retrieved(items: Sequence[Item], settings: Settings) -> _Prompts:
    from slowwave import Memory

    with tempfile.TemporaryDirectory() as folder, Memory(folder, settings=settings, max_fact_chars=8000) as memory:
        for item in items:
            if item.own:
                memory.add([{"role": "user", "content": text} for text in item.told], user_id=item.own)
            else:
                memory.add_many(item.told, user_id="reader")
        found: _Prompts = []
        for item in items:
            hits = [hit.fact for hit in memory.search(item.question, user_id=item.own or "reader", k=8)]
            rest = [fact for fact in hits if not any(contains(fact.text, gold) for gold in item.golds)]
            found.append((item, render_facts(hits[:_SHOWN]), render_facts(rest[:_SHOWN])))
    return found


def _read(base: BaseModel, slot: Slot | None, name: str, prompts: _Prompts, label: str, log: list[Any]) -> Figures:
    asked = [base.encode(conversation(item.question, facts)) for item, facts, _ in prompts]
    without = [base.encode(conversation(item.question, rest)) for item, _, rest in prompts]
    said = base.generate(asked, 32, slot)
    unsure = base.generate(without, 32, slot)
    right = [item.right(one.text) for (item, _, _), one in zip(prompts, said, strict=True)]
    admits = [is_unknown(one.text) for one in unsure]
    for (item, facts, _), one, other, good in zip(prompts, said, unsure, right, strict=True):
        log.append(
            {"set": name, "model": label, "question": item.question, "golds": item.golds, "facts": facts,
             "said": one.text, "right": good, "without": other.text}
        )  # fmt: skip
    return {f"{name}.{label}.answered": statistics.fmean(right), f"{name}.{label}.admits": statistics.fmean(admits)}


def _knowledge(base: BaseModel, slot: Slot | None, items: Sequence[Item], label: str) -> Figures:
    """Share of PopQA questions answered rightly in ordinary chat."""
    if not items:
        return {}
    said = base.generate([base.encode([{"role": "user", "content": item.question}]) for item in items], 32, slot)
    right = [item.right(one.text) for item, one in zip(items, said, strict=True)]
    return {f"popqa.{label}.answered": statistics.fmean(right)}


# -- the writer ------------------------------------------------------------------------------------------------------


class _Writer(Protocol):
    def draft(self, fact: Fact) -> list[QAPair]: ...
    def check(self, fact: Fact, pairs: Iterable[QAPair]) -> list[QAPair]: ...


def _write(writer: _Writer, sets: Mapping[str, list[Fact]], label: str, log: list[Any]) -> Figures:
    figures: dict[str, float] = {}
    good_drafts = drafts = 0
    all_kept: list[int] = []
    for name, facts in sets.items():
        good = written = 0
        kept = []
        for fact in map(dated, facts):
            draft = writer.draft(fact)
            final = writer.check(fact, draft)
            good, written = good + len(final), written + len(draft)
            kept.append(len(final))
            log.append(
                {"set": name, "model": label, "fact": fact.text, "draft": [(p.question, p.answer) for p in draft],
                 "kept": [(p.question, p.answer) for p in final]}
            )  # fmt: skip
        good_drafts, drafts = good_drafts + good, drafts + written
        all_kept += kept
        figures[f"writer.{label}.{name}.drafts_good"] = good / written if written else 0.0
        figures[f"writer.{label}.{name}.kept_per_fact"] = statistics.fmean(kept)
        figures[f"writer.{label}.{name}.facts_with_four"] = statistics.fmean(count >= 4 for count in kept)
    figures[f"writer.{label}.drafts_good"] = good_drafts / drafts if drafts else 0.0
    figures[f"writer.{label}.kept_per_fact"] = statistics.fmean(all_kept)
    return figures


# -- one run ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Setup:
    """What the figures of the plain base model depend on; they are measured once per process."""

    data: Path | None
    limit: int
    exam: int
    pairs: int
    skill: int
    settings: Settings
    answers: Path

    @classmethod
    def of(cls, options: Options) -> _Setup:
        from slowwave import Settings

        counts = {name: options.whole(name) for name in ("limit", "exam", "pairs", "skill")}
        settings = Settings(**options.memory_settings(0))
        return cls(data=options.data, settings=settings, answers=options.beside(".answers.plain.jsonl"), **counts)


def measure(options: Options, seed: int) -> Figures:
    """Both skills of one seed, and the plain base model."""
    from slowwave.adapters_store.skills import find_skill, load_vector
    from slowwave.consolidation.canary import harm
    from slowwave.consolidation.skilled import SkilledWriter
    from slowwave.consolidation.skills import SKILLS, teach
    from slowwave.loading import load_base

    setup = _Setup.of(options)
    settings = setup.settings
    # What lacks is told before anything is taught.
    reading_sets(setup.data, setup.limit)
    _popqa(setup)
    if setup.pairs:
        _statements(setup)
    plain = load_base(settings, plain=True)
    reading: list[Any] = []
    pairs: list[Any] = []
    figures = remembered(options, "plain", lambda: _plain_figures(setup))
    found = find_skill("reader", plain.ref.sha256) if seed == 0 else None
    with watch() as progress:
        if found is not None and found.needed:
            vector = load_vector(found)
        else:
            vector = teach(plain, SKILLS["reader"], seed, options.beside(f".reader{seed}.part"), progress)
        slot = plain.slot(plain.skill_shape(SKILLS["reader"].rank, SKILLS["reader"].layers), vector)
        for name, prompts in _prompts(setup).items():
            figures |= _read(plain, slot, name, prompts, "reader", reading)
        figures |= exam(plain, slot, setup.exam, seed, "reader")
        figures |= remembered(options, f"seed{seed}.memory", lambda: read_again(load_base(settings), setup.exam, seed))
        figures |= _knowledge(plain, slot, _popqa(setup), "reader")
        figures |= {f"harm.reader.{name}": loss for name, loss in harm(plain, slot).items()}
        figures |= remembered(options, "taken_off", lambda: _taken_off_figures(setup))
        if setup.pairs:
            figures |= remembered(options, "built_in", lambda: _built_in_figures(setup))
        if setup.pairs and setup.skill:
            base = load_base(settings)
            shipped = find_skill("writer", base.ref.sha256) if seed == 0 else None
            if shipped is not None and shipped.needed:
                written = load_vector(shipped)
            else:
                written = teach(base, SKILLS["writer"], seed, options.beside(f".writer{seed}.part"), progress)
            put_on = base.slot(base.skill_shape(SKILLS["writer"].rank, SKILLS["writer"].layers), written)
            figures |= _write(SkilledWriter(base, put_on), _statements(setup), "skill", pairs)
    _keep(options.beside(f".answers.seed{seed}.jsonl"), reading)
    if pairs:
        _keep(options.beside(f".pairs.seed{seed}.jsonl"), pairs)
    return figures


@cache
def _plain_figures(setup: _Setup) -> Figures:
    """Everything again for the base model without skills."""
    from slowwave.consolidation.canary import harm
    from slowwave.consolidation.skilled import SkilledWriter
    from slowwave.loading import load_base

    plain = load_base(setup.settings, plain=True)
    log: list[Any] = []
    figures: dict[str, float] = {}
    for name, prompts in _prompts(setup).items():
        figures |= _read(plain, None, name, prompts, "plain", log)
    figures |= exam(plain, None, setup.exam, 0, "plain")
    figures |= _knowledge(plain, None, _popqa(setup), "plain")
    figures |= {f"harm.plain.{name}": loss for name, loss in harm(plain, None).items()}
    if setup.pairs:
        figures |= _write(SkilledWriter(plain, None), _statements(setup), "plain", log)
    _keep(setup.answers, log)
    return figures


@cache
def _taken_off_figures(setup: _Setup) -> Figures:
    """What the base model with its reader says where the memory is not asked: the reader is taken off for that."""
    from slowwave.loading import load_base

    base = load_base(setup.settings)
    return _knowledge(base, base.without_reader, _popqa(setup), "taken_off")


@cache
def _built_in_figures(setup: _Setup) -> Figures:
    """What the writer of a night makes of the statements; without a seed, so measured once."""
    from slowwave.consolidation.skilled import CheckedWriter
    from slowwave.loading import load_base

    log: list[Any] = []
    figures = _write(CheckedWriter(load_base(setup.settings)), _statements(setup), "built_in", log)
    _keep(setup.answers.with_suffix(".pairs.jsonl"), log)
    return figures


@cache
def _prompts(setup: _Setup) -> dict[str, _Prompts]:
    return {name: _retrieved(items, setup.settings) for name, items in reading_sets(setup.data, setup.limit).items()}


@cache
def _statements(setup: _Setup) -> dict[str, list[Fact]]:
    return statements(setup.data, setup.pairs, 0)


@cache
def _popqa(setup: _Setup) -> list[Item]:
    """The most popular subjects of PopQA: what a small model may know."""
    if setup.data is None:
        return []
    records = sorted(load(setup.data, _SOURCES["popqa"]), key=lambda one: -one["s_pop"])
    return [Item(one["question"], tuple(one["answers"]), ()) for one in records[: 2 * setup.limit]]


def _keep(path: Path, rows: Sequence[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run("skills", __doc__, measure, flags=FLAGS, targets=TARGETS))
