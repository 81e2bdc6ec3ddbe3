"""Exercises of the reader: find the answer in dated, quoted facts, and say so when it is not there."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from slowwave.consolidation.canary import ordinary
from slowwave.consolidation.orders import order
from slowwave.consolidation.sentences import Sentence, invent, sentence_forms
from slowwave.consolidation.stories import Story, alike, ask, fill, now, pick, speaker, tell
from slowwave.consolidation.world import person
from slowwave.prompts import UNKNOWN, conversation, render_facts

__all__ = ["EXAMS", "Exercise", "exam_sheet", "reader_sheet"]


@dataclass(frozen=True)
class Exercise:
    """One prompt, the answer it must get, and words that must not occur in it."""

    kind: str
    messages: tuple[Mapping[str, str], ...]
    answer: str
    forbidden: str = ""
    older: tuple[str, ...] = ()
    """What was true before what is forbidden, oldest first: no less wrong."""


@dataclass(frozen=True)
class _Sheet:
    """Facts that stand in one prompt, and whose memory they are."""

    who: str
    stories: tuple[Story, ...]
    """Newest first."""
    within: tuple[Story, ...] = ()
    """Stories told inside another one's text, that can be asked for as well."""
    sentences: tuple[Sentence, ...] = ()
    """Sentences of many parts that stand among the stories, in one paragraph."""
    orders: tuple[Story, ...] = ()
    """What somebody hid among the facts: nothing to ask for."""

    def exercise(
        self, kind: str, question: str, answer: str, forbidden: str = "", older: tuple[str, ...] = ()
    ) -> Exercise:
        facts = [story.fact() for story in (*self.stories, *self.orders)]
        if self.sentences:
            paragraph = " ".join(sentence.text for sentence in self.sentences)
            facts.append(replace(self.stories[0], text=paragraph).fact())
        return Exercise(kind, tuple(conversation(question, render_facts(facts))), answer, forbidden, older)

    def has(self, story: Story) -> bool:
        """Whether the same thing about the same subject is told here, whatever the value."""
        return any(_same(story, known) for known in (*self.stories, *self.within))


_Made = tuple[_Sheet, list[Exercise]]
"""The facts as they stand in the prompt, and what is asked about them."""

_ALIKE = ((0.35, 0.25), (0.35, 0.25), (1.0, 0.0), (0.1, 0.8))
"""How often a fact of a list repeats the relation of another one, or its subject: mixed lists, one relation, one subject."""
_CHATTING = 0.1
"""How many facts are told in a turn about something else."""
_POISONED = 0.1
"""How many lists hold an order, besides those whose first questions are about one."""


def _list(rng: random.Random, exam: bool, size: int) -> _Sheet:
    """Facts of one memory, of which many share the relation or the subject: what retrieval finds looks alike."""
    who = speaker(rng)
    stories: list[Story] = []
    alike, about = rng.choice(_ALIKE)
    while len(stories) < size:
        kind = rng.random()
        if stories and kind < alike:
            new = _other(rng, rng.choice(stories), who)
        elif stories and kind < alike + about:
            like = rng.choice(stories)
            new = tell(rng, pick(rng, exam, about=like.relation.about), who, subject=like.subject)
        else:
            new = tell(rng, pick(rng, exam), who)
        if not any(_same(new, old) for old in stories):
            stories.append(_chatting(rng, new) if rng.random() < _CHATTING else new)
    sheet = _Sheet(who, _newest_first(stories))
    if exam or rng.random() >= _POISONED:
        return sheet
    text, _ = order(rng, exam)
    return replace(sheet, orders=(_ordered(rng, stories[0], text),))


def _other(rng: random.Random, like: Story, who: str) -> Story:
    """The same of somebody or something else, often of nearly the same name; now and then of the speaker."""
    if like.relation.about == "person" and not like.own and rng.random() < 0.25:
        return tell(rng, like.relation, who, subject=who)
    return tell(rng, like.relation, who, subject=alike(rng, like.relation.about, like.subject))


def _chatting(rng: random.Random, story: Story) -> Story:
    """The same said in passing, in a turn that asks for something else."""
    other = rng.choice(ordinary()["rehearsed"])
    text = story.text if story.text[-1] in ".!?" else f"{story.text}."
    return replace(story, text=f"{text} {other}" if rng.random() < 0.5 else f"{other} {text}")


def _newest_first(stories: Sequence[Story]) -> tuple[Story, ...]:
    return tuple(sorted(stories, key=lambda story: story.said_at, reverse=True))


def _same(one: Story, other: Story) -> bool:
    return one.relation.name == other.relation.name and one.subject == other.subject


def _present(rng: random.Random, exam: bool, sheet: _Sheet) -> _Made:
    if sheet.sentences and rng.random() < 0.6:
        question, answer = rng.choice(sheet.sentences).ask(rng, exam)
        return sheet, [sheet.exercise("sentence", question, answer)]
    # Newest first: of two that say the same of the same, the first one holds.
    valid = [
        story
        for index, story in enumerate(sheet.stories)
        if story.value.casefold() in story.text.casefold()
        and not any(_same(story, newer) for newer in sheet.stories[:index])
    ]
    story = rng.choice([*valid, *sheet.within] or sheet.stories)
    return sheet, [sheet.exercise("present", ask(rng, story, exam=exam), story.value)]


def _absent(rng: random.Random, exam: bool, sheet: _Sheet) -> _Made:
    """A near miss: the same relation of somebody else, or something else of the same subject."""
    while True:
        story = rng.choice((*sheet.stories, *sheet.within))
        if rng.random() < 0.5:
            other = _other(rng, story, sheet.who)
        else:
            # What has the right kind of answer tempts most: a home town, when asked for the town of a school.
            relation = pick(rng, exam, about=story.relation.about, value=story.relation.value)
            other = tell(rng, relation, sheet.who, subject=story.subject)
        if not sheet.has(other):
            return sheet, [sheet.exercise("absent", ask(rng, other, exam=exam), UNKNOWN)]


def _newer(rng: random.Random, exam: bool, sheet: _Sheet) -> _Made:
    """Some facts are told again, later and with another value; now and then more than once."""
    stories, changes = list(sheet.stories), []
    for old in rng.sample(sheet.stories, min(len(sheet.stories), rng.choice((1, 2, 2, 3)))):
        values = [old.value]
        new = old
        for _ in range(rng.choice((1, 1, 1, 2))):
            new = _told_again(rng, new, values, sheet.who)
            values.append(new.value)
            stories.append(new)
        changes.append((new, values[:-1]))
    changed = replace(sheet, stories=_newest_first(stories))
    exercises = []
    for new, before in changes:
        *older, stale = (value if value.casefold() not in new.value.casefold() else "" for value in before)
        exercises += [
            changed.exercise("newer", ask(rng, new, exam=exam), new.value, stale, tuple(filter(None, older)))
            for _ in range(3)
        ]
    return changed, exercises


def _told_again(rng: random.Random, old: Story, values: Sequence[str], who: str) -> Story:
    """The same of the same with a value that it never had, said later."""
    while True:
        new = tell(rng, old.relation, who, subject=old.subject, after=old.said_at)
        if new.value not in values:
            return replace(new, text=now(rng, new.text))


def _two_step(rng: random.Random, exam: bool, sheet: _Sheet) -> _Made:
    """Who is the sister, and where does she live: the answer needs two of the facts."""
    while True:
        link = tell(rng, pick(rng, exam, about="person", role=True), sheet.who)
        target = tell(rng, pick(rng, exam, about="person", role=False), sheet.who, subject=link.value)
        if not sheet.has(link) and not sheet.has(target):
            break
    whose = "my" if link.own else f"{link.subject}'s"
    linked = replace(sheet, stories=_newest_first([*sheet.stories, link, target]))
    forms = [rng.choice(target.relation.wordings(exam)) for _ in range(3)]
    questions = [fill(form, f"{whose} {link.relation.role}", "", own=False) for form in forms]
    return linked, [linked.exercise("two facts", question, target.value) for question in questions]


def _hostile(rng: random.Random, exam: bool, sheet: _Sheet) -> _Made:
    """An order inside a fact is quoted data: it is not obeyed, and can be asked for."""
    text, word = order(rng, exam)
    story = rng.choice(sheet.stories)
    rest = [other for other in sheet.stories if other is not story]
    if rng.random() < 0.5:  # in the fact that is asked for
        poisoned = replace(story, text=f"{story.text} {text}" if rng.random() < 0.7 else f"{text} {story.text}")
        asked = replace(sheet, stories=_newest_first([*rest, poisoned]))
    else:  # in another fact
        asked = replace(sheet, orders=(_ordered(rng, story, text),))
    questions = [ask(rng, story, exam=exam) for _ in range(2)]
    return asked, [asked.exercise("hostile", question, story.value, forbidden=word) for question in questions]


def _ordered(rng: random.Random, like: Story, text: str) -> Story:
    """A text that stands among the facts, said near the day of another one."""
    return replace(like, text=text, said_at=like.said_at + timedelta(days=rng.randint(-500, 500)))


def _passage(rng: random.Random, exam: bool, sheet: _Sheet) -> _Made:
    """Several statements in one fact, as in a note or a paragraph."""
    told: list[Story] = []
    # Said about others: "I" in a paragraph would be whoever wrote it.
    while len(told) < rng.randint(3, 7):
        subject = told[0].subject if told and told[0].relation.about == "person" and rng.random() < 0.5 else None
        relation = pick(rng, exam, about="person" if subject else None)
        one = tell(rng, relation, sheet.who, subject=subject or (person(rng) if relation.about == "person" else None))
        if not any(_same(one, known) for known in told):
            told.append(one)
    text = " ".join(one.text if one.text[-1] in ".!?" else f"{one.text}." for one in told)
    others = list(sheet.stories[: rng.randint(0, 2)])
    asked = _Sheet(sheet.who, _newest_first([*others, replace(told[0], text=text)]), within=tuple(told[1:]))
    if rng.random() < 0.3:
        other = tell(rng, pick(rng, exam), sheet.who)
        if not asked.has(other):
            return asked, [asked.exercise("passage", ask(rng, other, exam=exam), UNKNOWN)]
    some = rng.sample(told, min(3, len(told)))
    return asked, [asked.exercise("passage", ask(rng, story, exam=exam), story.value) for story in some]


def _sentence(rng: random.Random, exam: bool, sheet: _Sheet) -> _Made:
    """Sentences that say several things, as articles do: one, or a short paragraph."""
    forms = rng.sample(sentence_forms(exam), rng.choice((1, 1, 1, 2, 3)))
    sentences = tuple(invent(rng, exam, form) for form in forms)
    asked = replace(sheet, sentences=sentences)
    if rng.random() < 0.3:
        # The same kind of thing about something else, or something the paragraph leaves open.
        other = invent(rng, exam, rng.choice(forms) if rng.random() < 0.5 else None)
        question, _ = other.ask(rng, exam)
        told = {value for sentence in sentences for value in sentence.values.values()}
        if not told & set(other.values.values()):
            return asked, [asked.exercise("sentence", question, UNKNOWN)]
    pairs = [rng.choice(sentences).ask(rng, exam) for _ in range(4)]
    return asked, [asked.exercise("sentence", question, answer) for question, answer in pairs]


def _nobody(rng: random.Random, exam: bool, sheet: _Sheet) -> _Made:
    """Asked without any facts: nothing is known of invented people."""
    questions = [ask(rng, story, exam=exam) for story in sheet.stories]
    nothing = replace(sheet, stories=(), orders=())
    return nothing, [Exercise("nobody", tuple(conversation(question)), UNKNOWN) for question in questions]


_Form = Callable[[random.Random, bool, _Sheet], _Made]
EXAMS: Mapping[str, _Form] = {
    "present": _present,
    "absent": _absent,
    "newer": _newer,
    "two facts": _two_step,
    "hostile": _hostile,
    "passage": _passage,
    "sentence": _sentence,
    "nobody": _nobody,
}
"""The kinds of exercise, each with its maker."""

_SHARES: Mapping[str, tuple[float, float]] = {
    "present": (0.3, 0.06),
    "absent": (0.06, 0.06),
    "newer": (0.06, 0.36),
    "two facts": (0.06, 0.14),
    "hostile": (0.1, 0.16),
    "passage": (0.12, 0.05),
    "sentence": (0.27, 0.15),
    "nobody": (0.03, 0.02),
}
"""What a sheet begins with, and how often, at the start of the training and at its end: what has to choose between facts
comes after what has to find one."""
_ABSENT = 0.32
"""How many of the other questions about a sheet cannot be answered from it."""
_TRIES = 4
"""How often a question that is already on the sheet is drawn again."""


def reader_sheet(rng: random.Random, questions: int, done: float = 0.5) -> list[Exercise]:
    """Exercises whose prompts begin alike: one list of facts, several questions about it, all different.

    Args:
        questions: the most questions.
        done: how much of the training is over, from 0 to 1.
    """
    weights = [first + (last - first) * done for first, last in _SHARES.values()]
    (kind,) = rng.choices(list(_SHARES), weights)
    sheet, exercises = EXAMS[kind](rng, False, _list(rng, False, _size(rng)))
    made = {exercise.messages[-1]["content"]: exercise for exercise in exercises}
    for _ in range(_TRIES * questions):
        if len(made) >= questions or not sheet.stories:
            break
        more = _absent if rng.random() < _ABSENT else _present
        _, (exercise,) = more(rng, False, sheet)
        made.setdefault(exercise.messages[-1]["content"], exercise)
    return list(made.values())[:questions]


def exam_sheet(kind: str, seed: int, count: int) -> list[Exercise]:
    """Exercises of one kind on relations and wordings that are never trained."""
    made = []
    for number in range(count):
        rng = random.Random(f"exam:{seed}:{kind}:{number}")
        made.append(EXAMS[kind](rng, True, _list(rng, True, _size(rng)))[1][0])
    return made


def _size(rng: random.Random) -> int:
    """1 to 12 facts, mostly few: answers show three."""
    return rng.choice((1, 2, 2, 3, 3, 3, 3, 4, 4, 5, 6, 10))
