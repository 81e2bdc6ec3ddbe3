"""What the skills are taught on: invented facts whose answers are where the exercises say."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.phonebook import TRAINED, UNSEEN
from benchmarks.unknown import FRESH
from slowwave.consolidation.asking import writer_exam, writer_sheet
from slowwave.consolidation.gate import normalise
from slowwave.consolidation.orders import order
from slowwave.consolidation.reading import EXAMS, _list, _newer, exam_sheet, reader_sheet
from slowwave.consolidation.rules import supported
from slowwave.consolidation.sentences import invent, sentence_forms
from slowwave.consolidation.stories import Story, alike, fill, pick, relations, tell
from slowwave.consolidation.world import KINDS, SUBJECTS, draw
from slowwave.demo import PEOPLE, STRANGE
from slowwave.prompts import UNKNOWN, is_unknown, render_fact
from slowwave.types import QAPair

seeds = st.integers(min_value=0, max_value=10**9)


def test_the_table_is_wide_enough_and_well_formed() -> None:
    rows = relations()
    assert len(rows) >= 60
    assert len({row.name for row in rows}) == len(rows)
    assert 10 <= sum(row.exam for row in rows) <= len(rows) // 3
    for row in rows:
        assert row.about == "person" or row.about in SUBJECTS, row.name
        assert row.value in KINDS, row.name
        assert len(row.statements) >= 4, row.name
        assert len(row.wordings(exam=False)) >= 4, row.name
        for own in (True, False) if row.about == "person" else (False,):
            for form in row.statements:
                assert "VALUE" in fill(form, "NAME", "VALUE", own=own), (row.name, form)
                assert own or "NAME" in fill(form, "NAME", "VALUE", own=own), (row.name, form)
            for form in row.questions:
                asked = fill(form, "NAME", "VALUE", own=own)
                assert "VALUE" not in asked, (row.name, form)
                assert own or "NAME" in asked, (row.name, form)
                assert not set("[]|{}") & set(asked), (row.name, form)


def test_no_wording_is_both_trained_and_examined() -> None:
    trained = {form for row in relations() if not row.exam for form in row.wordings(exam=False)}
    examined = {form for row in relations() if row.exam for form in row.wordings(exam=True)}
    assert trained
    assert examined
    assert not trained & examined
    for row in relations():
        assert not set(row.wordings(exam=False)) & set(row.wordings(exam=True)), row.name
    for form in (*sentence_forms(True), *sentence_forms(False)):
        sentence = invent(random.Random(0), form.exam, form)
        for (_, learned), (_, held) in zip(sentence.pairs(False), sentence.pairs(True), strict=True):
            assert not set(learned) & set(held), form.name
    assert not {form.name for form in sentence_forms(True)} & {form.name for form in sentence_forms(False)}


def test_what_is_asked_elsewhere_as_unseen_is_not_taught_here() -> None:
    """The demo and the benchmarks ask in words that no skill may have been taught."""
    taught = {
        normalise(fill(form, subject, "", own=own))
        for row in relations()
        for form in row.questions
        for own in (True, False)
        for subject in ("Ada", "Ben", "NAME")
    }
    asked = [question for told in PEOPLE.values() for one in told for question in one.questions]
    asked += [question for _, question in STRANGE]
    asked += [form.format(name="NAME") for form in (*UNSEEN, TRAINED[1]) if form not in TRAINED]
    asked += [form.format(name="NAME") for form in (*FRESH.number, *FRESH.other_thing, *FRESH.elsewhere)]
    assert not [question for question in asked if normalise(question) in taught]


@given(seeds)
def test_an_invented_value_stands_in_its_statement(seed: int) -> None:
    rng = random.Random(seed)
    story = tell(rng, rng.choice(relations()), "Ada")
    assert story.value.casefold() in story.text.casefold()
    # A sentence begins with a capital, but a password or an address stays as it is.
    assert story.text[0] == story.text[0].upper() or story.text.startswith(story.value)
    assert story.own == (story.subject == "Ada")


@given(seeds)
def test_the_same_seed_invents_the_same(seed: int) -> None:
    once, again = (reader_sheet(random.Random(seed), 4) for _ in range(2))
    assert once == again
    assert [writer_sheet(random.Random(seed))] == [writer_sheet(random.Random(seed))]


@given(seeds)
def test_every_answer_of_the_reader_stands_in_its_prompt(seed: int) -> None:
    for exercise in reader_sheet(random.Random(seed), 4):
        prompt = exercise.messages[-1]["content"]
        facts, _, question = prompt.rpartition("Question: ")
        if exercise.answer == UNKNOWN:
            continue
        assert exercise.answer.casefold() in facts.casefold(), exercise
        assert f" {normalise(exercise.answer)} " not in f" {normalise(question)} ", "the question gives it away"


@pytest.mark.parametrize("kind", EXAMS)
def test_an_exam_is_what_it_says(kind: str) -> None:
    exercises = exam_sheet(kind, 0, 12)
    assert len(exercises) == 12
    assert exercises == exam_sheet(kind, 0, 12)
    assert exercises != exam_sheet(kind, 1, 12)
    for exercise in exercises:
        assert exercise.kind == kind
        if kind in {"absent", "nobody"}:
            assert is_unknown(exercise.answer)
        if kind == "nobody":
            assert "Known facts" not in exercise.messages[-1]["content"]
        if kind == "hostile":
            assert exercise.forbidden
            assert exercise.forbidden in exercise.messages[-1]["content"]
            assert exercise.forbidden not in exercise.answer


@given(seeds)
def test_the_newest_value_is_the_answer(seed: int) -> None:
    rng = random.Random(seed)
    sheet, exercises = _newer(rng, True, _list(rng, True, 3))
    told: dict[tuple[str, str], list[Story]] = {}
    for story in sheet.stories:
        told.setdefault((story.relation.name, story.subject), []).append(story)
    changed = [versions for versions in told.values() if len(versions) > 1]
    assert 1 <= len(changed) <= 3
    for versions in changed:
        assert all(one.said_at > other.said_at for one, other in itertools.pairwise(versions))
        assert len({story.value for story in versions}) == len(versions)
    assert {exercise.answer for exercise in exercises} == {versions[0].value for versions in changed}
    for exercise in exercises:
        lines = exercise.messages[-1]["content"].splitlines()
        (last,) = [versions for versions in changed if versions[0].value == exercise.answer][:1]
        shown = [lines.index(render_fact(story.fact())) for story in last]
        assert shown == sorted(shown, reverse=True), "the newest stands last"


@given(seeds)
def test_an_order_wants_a_word_said_that_is_not_trained_in_the_exam(seed: int) -> None:
    rng = random.Random(seed)
    for exam in (False, True):
        text, word = order(rng, exam)
        assert word in text
        assert text == text.strip()
    trained = {order(random.Random(f"{seed}:{n}"), False)[1] for n in range(30)}
    examined = {order(random.Random(f"{seed}:{n}"), True)[1] for n in range(30)}
    assert not trained & examined


def test_choosing_is_asked_for_after_finding() -> None:
    """The first exercises of the training are about finding a fact, the last ones about choosing between facts."""

    def share(kind: str, done: float) -> float:
        sheets = [reader_sheet(random.Random(f"{kind}:{number}"), 8, done) for number in range(60)]
        return sum(sheet[0].kind == kind for sheet in sheets) / len(sheets)

    assert share("newer", 1.0) > share("newer", 0.0) + 0.1
    assert share("present", 0.0) > share("present", 1.0) + 0.1


@given(seeds)
def test_a_sheet_asks_nothing_twice(seed: int) -> None:
    asked = [exercise.messages[-1]["content"] for exercise in reader_sheet(random.Random(seed), 8)]
    assert len(set(asked)) == len(asked)


@given(seeds)
def test_an_invented_sentence_says_what_it_is_asked_for(seed: int) -> None:
    rng = random.Random(seed)
    sentence = invent(rng, exam=bool(seed % 2))
    assert len(set(sentence.values.values())) == len(sentence.values)
    folded = sentence.text.casefold()
    for answer, wordings in (*sentence.pairs(True), *sentence.pairs(False)):
        assert answer.casefold() in folded
        assert wordings
        assert not any(set("{}") & set(wording) for wording in wordings)


def test_the_writers_own_examples_pass_its_checks() -> None:
    for fact, told in writer_exam(0, 30):
        pairs = [QAPair(question=question, answer=answer) for question, answer in told]
        assert pairs
        good = [pair for pair in pairs if supported(pair, fact)]
        assert len(good) >= 0.9 * len(pairs), (fact.text, pairs)


@pytest.mark.parametrize("kind", [*KINDS])
def test_values_vary(kind: str) -> None:
    rng = random.Random(1)
    drawn = {draw(rng, kind) for _ in range(200)}
    assert len(drawn) >= (7 if kind == "weekday" else 11)
    assert all(value and value == value.strip() and "{" not in value for value in drawn)


@pytest.mark.parametrize("about", ["person", "document", "event", "building", "recipe"])
def test_others_of_a_kind_are_often_mistaken_for_each_other(about: str) -> None:
    rng = random.Random(4)
    pairs = [(subject, alike(rng, about, subject)) for subject in (SUBJECTS[about](rng) for _ in range(200))]
    assert sum(subject != other for subject, other in pairs) > 150
    assert sum(one != other and bool(set(one.split()) & set(other.split()) - {"the"}) for one, other in pairs) > 60


def test_a_near_miss_often_has_the_right_kind_of_answer() -> None:
    rng = random.Random(5)
    plain, matched = (
        sum(pick(rng, False, about="person", value=value).value in {"person", "first"} for _ in range(1000))
        for value in (None, "first")
    )
    assert matched > plain + 200
