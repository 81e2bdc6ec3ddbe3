"""What becomes of chat turns: how much of the evidence is kept as facts, and how much of what is kept is worth it.

Every user turn of LongMemEval's evidence is marked as holding what its question asks for. The turns of a session go
through the distiller, and against it: "all" keeps every turn whole, and "cut" (what the memory did before) cuts at
sentence ends and leaves out questions and sentences of one or two words. Per way:

answer_kept      where the gold answer stands in the user's words: share of questions where it stands in one kept fact
evidence_kept    share of turns whose evidence is kept: the sentence with most words of the question and answer (the last
                 of equals), all of those words in one kept fact
facts_per_turn, chars_kept   how much there is to store and learn
statements       share of kept facts that are no request, question or greeting, by a rule that shares no word list with
                 the distiller (it knows question marks, "can you", "looking for ... tips" and thanks, no more)

Fifty kept and fifty dropped sentences of each set, drawn by the seed, are written beside the record (.examples.jsonl) for
a person to judge: no rule can say what is worth keeping. The rules were made with the first --seen records in view, and
with three later ones that are left out by name.

With --data: LongMemEval's evidence, and MemoryBank, whose users also chat about nothing (facts_per_turn, chars_kept,
statements, and "silent": share of turns that nothing is kept of; four rules of small talk came of reading the users
measured here, so these figures are not held out). Without: a few invented chats.
Time: seconds; no model is needed.
"""

from __future__ import annotations

import json
import random
import re
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.conversations import DATASET, built_in, contains
from benchmarks.harness import Dataset, Figures, Flag, Options, Target, load, run
from slowwave.distil import as_distiller
from slowwave.types import Message

__all__ = ["Turn", "evidence", "invented", "is_statement", "measure", "sentences", "ways"]

MEMORYBANK = Dataset(
    "memorybank/memorybank_en.jsonl.gz",
    "GitHub repository zhongwanjun/MemoryBank-SiliconFriend (MIT)",
    ("user", "history"),
)
FLAGS = (
    Flag("seen", 200, "records of LongMemEval that the rules were made with; they are left out", quick=270),
    Flag("users", 7, "users of MemoryBank that the rules were made with; they are left out", quick=13),
    Flag("shown", 50, "kept and dropped sentences to write down", quick=10),
)
TARGETS = {
    "longmemeval.distiller.answer_kept": Target(least=0.95),
    "longmemeval.distiller.evidence_kept": Target(least=0.95),
    "longmemeval.distiller.statements": Target(least=0.95),
}

_ALSO_SEEN = frozenset({"28dc39ac", "e56a43b9", "d01c6aa8"})
"""Later records that rules came of, when the sentences dropped there were read."""
_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+|\n+")
_STOP = frozenset(
    """a an the i me my we our you your he she it its they them their this that these those what which who when where how
    why is are was were be been am do does did have has had will would can could should may might must and or but if of at
    by for with about to from in on as so not no any some did's many much long there than then also just up out""".split()
)
_ASKS = re.compile(
    r"\b(?:can|could|would) you\b|\b(?:wondering|recommend|suggest)\b|\blooking for .*\b(?:tips|advice|ideas|recommendations"
    r"|suggestions|help|information|inspiration)\b|\bdo you (?:have|know|think)\b",
    re.IGNORECASE,
)
_GREETS = re.compile(
    r"^\W*(?:hi|hello|hey|thanks?|thank you|great|okay|ok|sure|wow|goodbye|bye|you're welcome)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Turn:
    """One user turn, with what is kept of it."""

    text: str
    facts: tuple[str, ...]
    words: frozenset[str] = frozenset()
    """The words of the question and the gold answer that it is evidence for."""
    record: str = ""


def sentences(text: str) -> list[str]:
    """A text cut at sentence ends, by this benchmark's own rule."""
    return [part.strip() for part in _END.split(text) if part and part.strip()]


def words(text: str) -> frozenset[str]:
    """The words that matter, without their plural s.

    >>> sorted(words("How many bikes do I own?"))
    ['bike', 'own']
    """
    found = re.findall(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+", text.lower().replace("’", "'"))
    return frozenset(
        word.removesuffix("s") if len(word) > 3 else word for word in found if word not in _STOP and len(word) > 1
    )


def evidence(turn: Turn) -> frozenset[str]:
    """Of the sentence of a turn that shares most words with its question and answer, the last of equals: those words."""
    best: frozenset[str] = frozenset()
    for sentence in sentences(turn.text):
        shared = words(sentence) & turn.words
        best = shared if len(shared) >= len(best) else best
    return best


def is_statement(fact: str) -> bool:
    """Whether some sentence of a fact is no question, request or greeting, as far as a simple rule can tell.

    >>> is_statement("Thanks! I live in Porto."), is_statement("Can you recommend a café?"), is_statement("Thanks a lot!")
    (True, False, False)
    """
    return any(
        not one.endswith("?")
        and not _ASKS.search(one)
        and len(one.split()) >= 2
        and (not _GREETS.match(one) or len(one) > 60)
        for one in sentences(fact)
    )


def _all(turns: Sequence[Message]) -> list[list[str]]:
    return [[turn.content] if turn.role == "user" else [] for turn in turns]


def _cut(turns: Sequence[Message]) -> list[list[str]]:
    """Sentences without questions and very short ones, joined up to 240 characters."""
    kept: list[list[str]] = []
    for turn in turns:
        pieces: list[str] = []
        for sentence in sentences(turn.content) if turn.role == "user" else []:
            if sentence.rstrip("\"'”’)").endswith("?") or len(sentence.split()) < 3:
                continue
            if pieces and len(pieces[-1]) + len(sentence) < 240:
                pieces[-1] = f"{pieces[-1]} {sentence}"
            else:
                pieces.append(sentence)
        kept.append(pieces)
    return kept


def _distilled(turns: Sequence[Message]) -> list[list[str]]:
    kept: list[list[str]] = [[] for _ in turns]
    for one in as_distiller(None)(turns):
        for place in (one.message, *one.repeats):
            kept[place].append(one.text)
    return kept


def invented() -> list[dict[str, Any]]:
    """Chats in the fields of LongMemEval, with what the built-in conversations leave out: greetings, thanks and requests."""
    day = "2026/03/02 (Mon) 09:15"
    table = [
        ("What is the name of my dog?", "Biscuit", ["Hi! I was wondering if you could help me. My dog Biscuit steals socks.",
                                                    "Thanks, that's really helpful! I'll definitely try that."]),
        ("Where do I work?", "Halden Books", ["I'm looking for some tips on commuting. By the way, I work at Halden Books now.",
                                              "Sounds good. Can you suggest an app?"]),
        ("How old is my car?", "9 years", ["I have an old car. It is 9 years old. Do you think I should sell it?"]),
    ]  # fmt: skip
    return [
        {
            "question_id": f"talk{number}",
            "abstention": False,
            "question": question,
            "answer": gold,
            "evidence_sessions": [{"date": day, "turns": [{"role": "user", "content": text} for text in said]}],
        }
        for number, (question, gold, said) in enumerate(table)
    ]


Way = Callable[[Sequence[Message]], list[list[str]]]


def ways() -> Mapping[str, Way]:
    """From the turns of a session to the facts kept of each."""
    return {"all": _all, "cut": _cut, "distiller": _distilled}


def _longmemeval(records: Sequence[Mapping[str, Any]], way: Way) -> list[Turn]:
    found: list[Turn] = []
    for record in records:
        wanted = words(f"{record['question']} {record['answer']}") if not record["abstention"] else frozenset()
        for session in record["evidence_sessions"]:
            turns = [Message(role=turn["role"], content=turn["content"]) for turn in session["turns"]]
            found += [
                Turn(turn.content, tuple(facts), wanted, str(record["question_id"]))
                for turn, facts in zip(turns, way(turns), strict=True)
                if turn.role == "user"
            ]
    return found


def _memorybank(records: Sequence[Mapping[str, Any]], way: Way) -> list[Turn]:
    found: list[Turn] = []
    for record in records:
        for day in record["history"]:
            turns = [
                Message(role=role, content=turn[key])
                for turn in day["turns"]
                for role, key in (("user", "query"), ("assistant", "response"))
                if turn[key].strip()
            ]
            kept = zip(turns, way(turns), strict=True)
            found += [Turn(turn.content, tuple(facts)) for turn, facts in kept if turn.role == "user"]
    return found


def _figures(name: str, turns: Sequence[Turn]) -> dict[str, float]:
    facts = [fact for turn in turns for fact in turn.facts]
    return {
        f"{name}.facts_per_turn": len(facts) / len(turns),
        f"{name}.chars_kept": sum(map(len, facts)) / sum(len(turn.text) for turn in turns),
        f"{name}.statements": statistics.fmean(is_statement(fact) for fact in facts) if facts else 0.0,
        f"{name}.silent": statistics.fmean(not turn.facts for turn in turns),
    }


def _evidence(name: str, turns: Sequence[Turn], answers: Mapping[str, str]) -> dict[str, float]:
    kept = [float(any(wanted <= words(fact) for fact in turn.facts)) for turn in turns if (wanted := evidence(turn))]
    by_record: dict[str, list[Turn]] = {}
    for turn in turns:
        by_record.setdefault(turn.record, []).append(turn)
    said = {
        record: mine for record, mine in by_record.items() if any(contains(turn.text, answers[record]) for turn in mine)
    }
    answered = [
        float(any(contains(fact, answers[record]) for turn in mine for fact in turn.facts))
        for record, mine in said.items()
    ]
    return {
        **({f"{name}.evidence_kept": statistics.fmean(kept)} if kept else {}),
        **({f"{name}.answer_kept": statistics.fmean(answered)} if answered else {}),
    }


def measure(options: Options, seed: int) -> Figures:
    """All ways on the records that the rules were not made with; the seed draws the examples."""
    records = [*built_in(), *invented()]
    if options.data is not None:
        unseen = load(options.data, DATASET)[options.whole("seen") :]
        records = [record for record in unseen if record["question_id"] not in _ALSO_SEEN]
    answers = {str(record["question_id"]): str(record["answer"]) for record in records}
    figures: dict[str, float] = {}
    shown: dict[str, list[Turn]] = {}
    for name, way in ways().items():
        turns = _longmemeval(records, way)
        figures |= _figures(f"longmemeval.{name}", turns)
        figures |= _evidence(f"longmemeval.{name}", turns, answers)
        shown["longmemeval"] = turns
    if options.data is not None:
        users = load(options.data, MEMORYBANK)[options.whole("users") :]
        for name, way in ways().items():
            turns = _memorybank(users, way)
            figures |= _figures(f"memorybank.{name}", turns)
            shown["memorybank"] = turns
    rows = [row for name, turns in shown.items() for row in _examples(name, turns, options.whole("shown"), seed)]
    _write(options.beside(f".examples.seed{seed}.jsonl"), rows)
    return figures


def _examples(name: str, turns: Sequence[Turn], count: int, seed: int) -> list[dict[str, Any]]:
    """Kept facts and dropped sentences, each with the turn it comes from."""
    kept = [(fact, turn) for turn in turns for fact in turn.facts]
    dropped = [
        (sentence, turn)
        for turn in turns
        for sentence in sentences(turn.text)
        if not any(sentence in fact or fact in sentence for fact in turn.facts)
    ]
    draw = random.Random(seed)
    return [
        {"set": name, "what": what, "text": text, "turn": turn.text}
        for what, found in (("kept", kept), ("dropped", dropped))
        for text, turn in draw.sample(found, min(count, len(found)))
    ]


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run("distilling", __doc__, measure, flags=FLAGS, targets=TARGETS))
