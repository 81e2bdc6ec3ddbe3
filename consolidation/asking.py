"""Exercises of the writer: from a fact to what it can be asked for, from there to questions, and to other statements.

A small model that is told the answer writes a question that fits far more often than one that must think of both. So it
first lists the answers, then writes questions for each, several by sampling. Each task has its own short instruction.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from slowwave.consolidation.reading import Exercise
from slowwave.consolidation.sentences import invent
from slowwave.consolidation.stories import Story, fill, pick, speaker, tell
from slowwave.prompts import render_fact
from slowwave.types import Fact

__all__ = ["TASKS", "parse_lines", "question_prompt", "writer_exam", "writer_prompt", "writer_sheet"]

TASKS: Mapping[str, str] = {
    "answers": "List what the fact could be asked for, word for word.",
    "question": "Write a question about the fact that has this answer.",
    "statement": "Say the same in other words.",
}
"""The instruction of each task."""
_QUESTIONS = 8
"""The most questions about one fact in one exercise."""


def writer_prompt(task: str, content: str) -> tuple[Mapping[str, str], ...]:
    """The chat messages of a task: a rendered fact, or a fact with an answer."""
    return ({"role": "system", "content": TASKS[task]}, {"role": "user", "content": content})


def question_prompt(fact: Fact, answer: str) -> tuple[Mapping[str, str], ...]:
    """The chat messages that ask for a question about a fact with a given answer."""
    return writer_prompt("question", f"{render_fact(fact)}\nAnswer: {answer}")


def parse_lines(text: str) -> list[str]:
    """The lines of a reply, each once, in order."""
    return list(dict.fromkeys(" ".join(line.split()) for line in text.splitlines() if line.strip()))


def writer_sheet(rng: random.Random) -> list[Exercise]:
    """Exercises about one fact whose prompts begin alike; all are of the same task."""
    (form,) = rng.choices(tuple(_FACTS), (0.45, 0.15, 0.4))
    (task,) = rng.choices(tuple(TASKS), (0.2, 0.68, 0.12))
    if task == "statement":
        return _statements(rng)
    fact, pairs = _FACTS[form](rng, False)
    if task == "answers":
        answers = dict.fromkeys(answer for _, answer in pairs)
        lines = sorted(answers, key=lambda answer: fact.text.casefold().find(answer.casefold()))
        return [Exercise(task, writer_prompt(task, render_fact(fact)), "\n".join(lines))]
    some = rng.sample(pairs, min(_QUESTIONS, len(pairs)))
    return [Exercise(task, question_prompt(fact, answer), question) for question, answer in some]


def writer_exam(seed: int, count: int) -> list[tuple[Fact, list[tuple[str, str]]]]:
    """Facts of relations and sentences that are never trained, with (question, answer) pairs a person might write."""
    made = []
    for number in range(count):
        rng = random.Random(f"exam:{seed}:writer:{number}")
        form = ("story", "pair", "sentence")[number % 3]
        made.append(_FACTS[form](rng, True))
    return made


# -- facts with their pairs ------------------------------------------------------------------------------------------

_Told = tuple[Fact, list[tuple[str, str]]]


def _wordings(rng: random.Random, story: Story, exam: bool) -> list[str]:
    """Every wording about a story, those about the speaker in both voices."""
    forms = list(story.relation.wordings(exam))
    rng.shuffle(forms)
    named = story.subject or "the user"
    if not story.own:
        return [fill(form, named, "", own=False) for form in forms]
    # In turns: a memory is asked "my" by its user and by name through an agent.
    return [fill(form, named, "", own=number % 2 == 0) for number, form in enumerate(forms)]


def _one(rng: random.Random, exam: bool) -> _Told:
    story = tell(rng, pick(rng, exam), speaker(rng))
    return story.fact(), [(question, story.value) for question in _wordings(rng, story, exam)]


def _two(rng: random.Random, exam: bool) -> _Told:
    """Two statements in one fact."""
    who = speaker(rng)
    first = tell(rng, pick(rng, exam), who)
    while True:
        about = first.relation.about
        subject = first.subject if rng.random() < 0.6 else None
        second = tell(rng, pick(rng, exam, about=about if subject else None), who, subject=subject)
        if second.relation.name != first.relation.name:
            break
    text = f"{first.text.rstrip('.')}. {second.text}" if rng.random() < 0.6 else _and(first.text, second.text)
    pairs = [(question, story.value) for story in (first, second) for question in _wordings(rng, story, exam)]
    return replace(first, text=text).fact(), pairs


def _and(one: str, other: str) -> str:
    joined = other if re.match(r"(?:I\b|I'|[A-Z]\w+ [A-Z])", other) else other[:1].lower() + other[1:]
    return f"{one.rstrip('.!')}, and {joined}"


def _sentence(rng: random.Random, exam: bool) -> _Told:
    """A sentence of an article: questions for each thing it says."""
    sentence = invent(rng, exam)
    story = replace(tell(rng, pick(rng, exam), speaker(rng)), text=sentence.text)
    return story.fact(), [(wording, answer) for answer, wordings in sentence.pairs(exam) for wording in wordings]


_FACTS: Mapping[str, Callable[[random.Random, bool], _Told]] = {"story": _one, "pair": _two, "sentence": _sentence}


def _statements(rng: random.Random) -> list[Exercise]:
    story = tell(rng, pick(rng, False), speaker(rng))
    forms = {fill(form, story.subject, story.value, own=story.own) for form in story.relation.statements}
    prompt = writer_prompt("statement", render_fact(story.fact()))
    return [Exercise("statement", prompt, form) for form in sorted(forms - {story.text})]
