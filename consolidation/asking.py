"""Exercises of the writer: from a fact to questions with their answers, to other wordings, and to other statements.

Each task has its own short instruction; what comes back is plain lines, so that half an answer is still of use.
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
from slowwave.types import Fact, QAPair

__all__ = ["TASKS", "parse_lines", "parse_pairs", "wordings_prompt", "writer_exam", "writer_prompt", "writer_sheet"]

_ARROW = " -> "
TASKS: Mapping[str, str] = {
    "questions": "Write questions that the fact answers, each with its answer.",
    "wordings": "Ask the same in other words.",
    "statement": "Say the same in other words.",
}
"""The instruction of each task."""
_PAIRS = 6
"""How many pairs are written about one fact."""


def writer_prompt(task: str, content: str) -> tuple[Mapping[str, str], ...]:
    """The chat messages of a task: a rendered fact, or a question."""
    return ({"role": "system", "content": TASKS[task]}, {"role": "user", "content": content})


def wordings_prompt(fact: Fact, question: str) -> tuple[Mapping[str, str], ...]:
    """The chat messages that ask for other wordings of a question about a fact."""
    return writer_prompt("wordings", f"{render_fact(fact)}\n{question}")


def parse_pairs(text: str) -> list[QAPair]:
    r"""The pairs in a writer's reply; lines that are none are left out.

    >>> [(pair.question, pair.answer) for pair in parse_pairs("Who is Ada? -> a nurse\nWho is")]
    [('Who is Ada?', 'a nurse')]
    """
    found = []
    for line in parse_lines(text):
        question, arrow, answer = line.partition(_ARROW.strip())
        if arrow and question.strip() and answer.strip():
            found.append(QAPair(question=question.strip(), answer=answer.strip()))
    return found


def parse_lines(text: str) -> list[str]:
    """The lines of a reply, each once, in order."""
    return list(dict.fromkeys(" ".join(line.split()) for line in text.splitlines() if line.strip()))


def writer_sheet(rng: random.Random) -> list[Exercise]:
    """One exercise; it has a list of its own, like the sheets of the reader."""
    (kind,) = rng.choices(("story", "pair", "sentence", "wordings", "statement"), (0.3, 0.12, 0.3, 0.16, 0.12))
    return [_FORMS[kind](rng, False)]


def writer_exam(seed: int, count: int) -> list[tuple[Exercise, Fact]]:
    """Facts of relations and sentences that are never trained, with the exercise to write questions about them."""
    made = []
    for number in range(count):
        rng = random.Random(f"exam:{seed}:writer:{number}")
        form = ("story", "pair", "sentence")[number % 3]
        fact, pairs = _FACTS[form](rng, True)
        made.append((_exercise("questions", fact, _lines(pairs)), fact))
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
    return story.fact(), [(question, story.value) for question in _wordings(rng, story, exam)[:_PAIRS]]


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
    pairs = [
        (question, story.value) for story in (first, second) for question in _wordings(rng, story, exam)[: _PAIRS // 2]
    ]
    return replace(first, text=text).fact(), pairs


def _and(one: str, other: str) -> str:
    joined = other if re.match(r"(?:I\b|I'|[A-Z]\w+ [A-Z])", other) else other[:1].lower() + other[1:]
    return f"{one.rstrip('.!')}, and {joined}"


def _sentence(rng: random.Random, exam: bool) -> _Told:
    """A sentence of an article: one question for each thing it says, then second wordings."""
    sentence = invent(rng, exam)
    story = replace(tell(rng, pick(rng, exam), speaker(rng)), text=sentence.text)
    slots = sentence.pairs(exam)
    rng.shuffle(slots)
    rounds = [
        (wordings[(turn + rng.randrange(len(wordings))) % len(wordings)], answer)
        for turn in range(2)
        for answer, wordings in slots
    ]
    return story.fact(), list(dict.fromkeys(rounds))[:_PAIRS]


_FACTS = {"story": _one, "pair": _two, "sentence": _sentence}


# -- exercises -------------------------------------------------------------------------------------------------------


def _exercise(task: str, fact: Fact, answer: str) -> Exercise:
    return Exercise(task, writer_prompt(task, render_fact(fact)), answer)


def _lines(pairs: list[tuple[str, str]]) -> str:
    return "\n".join(f"{question}{_ARROW}{answer}" for question, answer in pairs)


_Maker = Callable[[random.Random, bool], Exercise]


def _questions(form: str) -> _Maker:
    def make(rng: random.Random, exam: bool) -> Exercise:
        fact, pairs = _FACTS[form](rng, exam)
        return _exercise("questions", fact, _lines(pairs))

    return make


def _rewording(rng: random.Random, exam: bool) -> Exercise:
    """The fact stands beside the question, as the others may name what it says."""
    story = tell(rng, pick(rng, exam), speaker(rng))
    if rng.random() < 0.5:
        own = story.own and rng.random() < 0.5
        wordings = [fill(form, story.subject or "the user", "", own=own) for form in story.relation.wordings(exam)]
    else:
        sentence = invent(rng, exam)
        story = replace(story, text=sentence.text)
        wordings = list(rng.choice(sentence.pairs(exam))[1])
    rng.shuffle(wordings)
    prompt = wordings_prompt(story.fact(), wordings[0])
    return Exercise("wordings", prompt, "\n".join(wordings[1:]))


def _statement(rng: random.Random, exam: bool) -> Exercise:
    story = tell(rng, pick(rng, exam), speaker(rng))
    forms = [
        text
        for form in story.relation.statements
        if (text := fill(form, story.subject, story.value, own=story.own)) != story.text
    ]
    return _exercise("statement", story.fact(), rng.choice(forms))


_FORMS: Mapping[str, _Maker] = {
    "story": _questions("story"),
    "pair": _questions("pair"),
    "sentence": _questions("sentence"),
    "wordings": _rewording,
    "statement": _statement,
}
