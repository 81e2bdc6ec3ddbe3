"""Plans and rows: bounded groups of one topic, rows that follow from the seed, forms that say what they must."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowwave.adapters_store.store import AdapterStore
from slowwave.consolidation import plan
from slowwave.consolidation.capacity import facts_per_module, limits
from slowwave.consolidation.invention import change_value
from slowwave.consolidation.journal import PlannedGroup
from slowwave.consolidation.plan import Planner, group
from slowwave.consolidation.recipes import recipe_for
from slowwave.consolidation.retries import TRIES, Try
from slowwave.consolidation.rows import Form, Lesson, Shares, _absent_rows, _change, _lists, epoch_rows, exam_rows
from slowwave.facts import FactStore
from slowwave.model import BaseModel
from slowwave.prompts import UNKNOWN
from slowwave.settings import Settings
from slowwave.types import Fact, QAPair

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def fact(name: str, text: str = "", day: int = 0) -> Fact:
    return Fact(id=name, text=text or f"Fact {name}.", user_id="ada", said_at=DAY + timedelta(days=day))


def lesson() -> Lesson:
    facts = (
        fact("a", "I live in Porto.", 1),
        fact("b", "My locker code is 4711.", 2),
        fact("c", "I like oat milk.", 3),
    )
    answers = {"a": "Porto", "b": "4711", "c": "oat milk"}
    trained = {k: tuple(QAPair(question=f"{k} way {i}?", answer=v) for i in range(4)) for k, v in answers.items()}
    heldout = {k: tuple(QAPair(question=f"{k} held {i}?", answer=v) for i in range(2)) for k, v in answers.items()}
    return Lesson("ada", facts, trained, heldout)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 5))
def test_groups_are_a_bounded_partition(count: int, limit: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    facts = [fact(f"f{i:03d}", day=i) for i in range(count)]
    vectors = {one.id: rng.normal(size=8).astype(np.float32) for one in facts}
    groups = group(facts, vectors, limit)
    assert sorted(one.id for part in groups for one in part) == [one.id for one in facts]
    assert all(1 <= len(part) <= limit for part in groups)
    assert len(groups) == -(-count // limit)  # as few as the limit allows
    assert group(facts[::-1], vectors, limit) == groups


def test_groups_are_topical() -> None:
    centres = {"x": np.array([1, 0], dtype=np.float32), "y": np.array([-1, 0], dtype=np.float32)}
    rng = np.random.default_rng(0)
    facts = [fact(f"{'xy'[i % 2]}{i}") for i in range(20)]
    vectors = {one.id: centres[one.id[0]] + rng.normal(scale=0.1, size=2).astype(np.float32) for one in facts}
    assert all(len({one.id[0] for one in part}) == 1 for part in group(facts, vectors, 10))


def planner(count: int, limit: int, failed: Mapping[str, int], limits: Mapping[int, int]) -> Planner:
    """A planner of so many recent facts, f0 and so on, in a memory that has no modules."""
    some = [fact(f"f{i}", day=i) for i in range(count)]
    rng = np.random.default_rng(0)
    vectors = {one.id: rng.normal(size=4).astype(np.float32) for one in some}
    facts = SimpleNamespace(live=lambda user_id=None: some, vectors=lambda ids: {one: vectors[one] for one in ids})
    store = SimpleNamespace(live=lambda user_id=None: [])
    return Planner(cast(FactStore, facts), cast(AdapterStore, store), "", limit, failed, limits)


def sizes(planned: Sequence[PlannedGroup], failed: int) -> list[int]:
    return [len(one.facts) for one in planned if one.failed == failed]


def test_what_is_tried_at_another_rank_has_the_limit_of_that_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "TRIES", (Try(), Try(rank=2), Try(rank=4), Try(rank=2, alone=True)))
    failed = {f"f{i}": i // 8 for i in range(32)}
    groups = planner(32, 4, failed, {1: 4, 2: 8}).groups(None)
    assert [sizes(groups, number) for number in range(4)] == [[4, 4], [8], [4, 4], [1] * 8]
    assert [one.name for one in groups] == [f"group-{number:04d}" for number in range(13)]


@given(
    st.integers(0, 40), st.dictionaries(st.integers(0, 39), st.integers(0, 3)), st.integers(1, 12), st.integers(1, 12)
)
def test_no_group_is_larger_than_its_rank_allows(count: int, failed: dict[int, int], one: int, two: int) -> None:
    counts = {f"f{i}": number for i, number in failed.items()}
    groups = planner(count, one, counts, {1: one, 2: two}).groups(None)
    tried = [known.id for group in groups for known in group.facts]
    assert sorted(tried) == sorted(f"f{i}" for i in range(count) if counts.get(f"f{i}", 0) < len(TRIES))
    for planned in groups:
        how = TRIES[planned.failed]
        assert 1 <= len(planned.facts) <= (1 if how.alone else {1: one, 2: two}[how.rank])


def test_a_plan_with_what_modules_hold_has_smaller_groups_only_where_they_hold_less(base: BaseModel) -> None:
    """The tiny model at rank 1 has 1,440 numbers to train: 42 facts of 34 bits."""
    for settings, expected in ((Settings(), [60]), (Settings(rank=1), [30, 30]), (Settings(rank=2), [60])):
        found = limits(settings, base)
        assert found[1] == facts_per_module(settings, base.shape(settings.rank))
        assert sizes(planner(60, found[1], {}, found).groups(None), 0) == expected


def test_rows_follow_from_seed_and_epoch() -> None:
    assert epoch_rows(lesson(), 1, 2, Shares()) == epoch_rows(lesson(), 1, 2, Shares())
    assert epoch_rows(lesson(), 1, 2, Shares()) != epoch_rows(lesson(), 1, 3, Shares())
    assert epoch_rows(lesson(), 1, 2, Shares()) != epoch_rows(lesson(), 2, 2, Shares())


def test_every_trained_phrasing_takes_its_turn_and_no_held_out_one() -> None:
    asked = {row.question for epoch in range(4) for row in epoch_rows(lesson(), 0, epoch, Shares())}
    trained = {pair.question for pairs in lesson().trained.values() for pair in pairs}
    heldout = {pair.question for pairs in lesson().heldout.values() for pair in pairs}
    assert trained <= asked
    assert not asked & heldout


def test_forms_say_what_they_must() -> None:
    texts = {one.id: one.text for one in lesson().facts}
    seen = set()
    for epoch in range(12):
        for row in epoch_rows(lesson(), 0, epoch, Shares()):
            seen.add(row.form)
            shown = "\n".join(row.facts)
            answer = {"a": "Porto", "b": "4711", "c": "oat milk"}.get(row.fact_id, UNKNOWN)
            match row.form:
                case "closed":
                    assert not row.facts
                    assert row.answer == answer
                case "true_fact":
                    assert texts[row.fact_id] in shown
                    assert row.answer == answer
                case "distractors":
                    assert row.facts
                    assert texts[row.fact_id] not in shown
                    assert row.answer == answer
                case "changed_fact":
                    assert row.answer != answer
                    changed = [i for i, line in enumerate(row.facts) if row.answer in line]
                    assert changed
                    old = [i for i, line in enumerate(row.facts) if texts[row.fact_id] in line]
                    assert all(changed[-1] > i for i in old)  # the changed fact is newer, and stands below
                case "absent":
                    assert row.answer == UNKNOWN
    assert seen == {"closed", "true_fact", "distractors", "changed_fact", "absent"}


def test_another_thing_about_somebody_is_asked_beside_what_is_known_of_them() -> None:
    names = [f"Jo{letter} Buck" for letter in "abcdefgh"]
    facts = tuple(fact(name, f"{name} has number {day}.", day) for day, name in enumerate(names, 1))
    pairs = {
        name: (QAPair(question=f"What is {name}'s number?", answer=str(day)),) for day, name in enumerate(names, 1)
    }
    asked = exam_rows(Lesson("ada", facts, pairs, {}), 0, "absent", 400, Shares())
    known = [(row, name) for row in asked for name in names if name in row.question and row.facts]
    assert len(known) > 20
    assert all(any(name in line for line in row.facts) for row, name in known)


@pytest.mark.parametrize("asked", [1, 3])
def test_every_answer_is_asked_for_in_its_shares(asked: int) -> None:
    shares = Shares(closed=2, reading=3, asked=asked)
    for epoch in range(6):
        rows = [row for row in epoch_rows(lesson(), 0, epoch, shares) if row.form != "absent"]
        for name in "abc":
            mine = [row.form for row in rows if row.fact_id == name]
            assert (mine.count("closed"), len(mine)) == (2, 5)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=7), st.integers(2, 4), st.integers(0, 99))
def test_a_list_of_facts_is_asked_about_several_of_them(answers: list[int], asked: int, epoch: int) -> None:
    """Facts of one to three answers: every row beside facts is right, whatever else was changed in its list."""
    facts, pairs = list[Fact](), dict[str, tuple[QAPair, ...]]()
    for number, count in enumerate(answers):
        values = [f"{10 * number + one + 100}" for one in range(count)]
        facts.append(fact(f"f{number}", f"Box {number} holds {' and '.join(values)}.", number))
        pairs[f"f{number}"] = tuple(
            QAPair(question=f"Part {i} of box {number}?", answer=v) for i, v in enumerate(values)
        )
    whole = Lesson("ada", tuple(facts), pairs, {})
    shares = Shares(reading=2, asked=asked)
    lists = _lists(whole, whole.slots(pairs), random.Random(epoch), shares)
    assert sum(map(len, lists)) == 2 * sum(answers)
    assert max(map(len, lists)) == min(asked, len(answers))
    for rows in lists:
        assert len({row.fact_id for row in rows}) == len(rows)
        assert len({row.facts for row in rows}) == 1
        for row in rows:
            about = [line for line in row.facts if f"Box {row.fact_id[1:]} holds" in line]
            true = {pair.answer for pair in pairs[row.fact_id]}
            match row.form:
                case "distractors":
                    assert not about
                    assert row.answer in true
                case "true_fact":
                    assert row.answer in true
                    assert row.answer in about[-1]
                case _:
                    assert row.form == "changed_fact"
                    assert row.answer in about[-1]  # the newest stands last
    assert all(row.facts for rows in lists for row in rows) or len(answers) == 1


def test_things_never_said_are_asked_of_the_lists_that_there_are() -> None:
    lists = [("- Ada: I live in Porto.",), ("- Ada: Jo Buck has number 3.",)]
    facts = (fact("a", "I live in Porto."), fact("b", "Jo Buck has number 3."))
    pairs = {"a": (QAPair(question="Where do I live?", answer="Porto"),)}
    pairs["b"] = (QAPair(question="What is Jo Buck's number?", answer="3"),)
    beside = 0
    for seed in range(40):
        rows = _absent_rows(Lesson("ada", facts, pairs, {}), random.Random(seed), 4, 1, exam=False, lists=lists)
        assert [bool(row.facts) for row in rows] == [False, True, False, True]
        for row in rows:
            if row.facts and "Jo Buck" in row.question:
                beside += 1
                assert "Jo Buck" in row.facts[0]
        assert len({row.facts for row in rows if row.facts in lists}) == sum(row.facts in lists for row in rows)
    assert beside > 5


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_what_is_asked_of_somebody_is_asked_of_strangers_too(share: float) -> None:
    whose = {"a": "Ada Novak", "b": "Ben Okafor", "c": "my"}
    pairs = {
        k: tuple(QAPair(question=f"What is {who}'s code, way {i}?", answer="7") for i in range(4))
        for k, who in whose.items()
    }
    one = replace(lesson(), trained=pairs)
    plain, counts = Shares(absent=0.0), Counter[str]()
    for epoch in range(40):
        rows = epoch_rows(one, 0, epoch, replace(plain, strangers=share))
        assert rows == epoch_rows(one, 0, epoch, replace(plain, strangers=share))
        known = [row for row in rows if row.form != "absent"]
        assert sorted(map(repr, known)) == sorted(map(repr, epoch_rows(one, 0, epoch, plain)))
        for row in rows:
            if row.form == "absent":
                counts["strangers"] += 1
                assert (row.answer, row.facts) == (UNKNOWN, ())
                assert not any(name in row.question for name in whose.values())
                assert "'s code, way" in row.question
        counts["named"] += sum(row.form == "closed" and row.fact_id != "c" for row in rows)
    assert counts["strangers"] == pytest.approx(share * counts["named"], rel=0.25, abs=0)


def test_a_thorough_night_shows_strangers_and_trains_longer() -> None:
    quick, normal, thorough = (recipe_for(Settings(effort=effort), 576) for effort in ("quick", "normal", "thorough"))
    assert quick.shares.strangers == normal.shares.strangers == 0.0 < thorough.shares.strangers
    assert quick.further == normal.further < thorough.further
    assert quick.epochs < normal.epochs < thorough.epochs


def test_exams_use_held_out_phrasings_only() -> None:
    heldout = {pair.question for pairs in lesson().heldout.values() for pair in pairs}
    forms: tuple[Form, ...] = ("closed", "true_fact", "distractors", "changed_fact")
    for form in forms:
        rows = exam_rows(lesson(), 0, form, 100, Shares())
        assert {row.question for row in rows} == heldout


@given(
    st.sampled_from(["603-556-7631", "4711", "Porto", "oat milk", "Clara Schmidt", "10:30", "7"]), st.integers(0, 999)
)
def test_a_changed_value_is_another_of_the_same_kind(value: str, seed: int) -> None:
    changed = change_value(value, ["peanuts", "Ben"], random.Random(seed))
    assert changed != value
    if value[0].isdigit():
        assert [letter.isdigit() for letter in changed] == [letter.isdigit() for letter in value]
    else:
        assert changed[0].isupper() == value[0].isupper()


@pytest.mark.parametrize("first", ["Amara", "Jonas", "Zelda"])
def test_a_name_from_the_pool_itself_is_changed_too(first: str) -> None:
    for last in ("Castellanos", "Grimaldi", "Falconer"):
        for seed in range(40):
            assert change_value(f"{first} {last}", [], random.Random(seed)) != f"{first} {last}"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("value", ["CO₂", "m²", "45 m²", "①", "½", "9", "٣", "E=mc²"])
def test_what_only_looks_like_a_digit_is_changed_too(value: str) -> None:
    for seed in range(20):
        assert change_value(value, [], random.Random(seed)) != value


class _Stuck(random.Random):
    """Draws the same digit whatever is asked."""

    def randrange(self, *_: int, **__: int) -> int:  # type: ignore[override]
        return 4


@pytest.mark.timeout(20)
def test_digits_are_changed_even_if_the_same_ones_are_drawn_for_ever() -> None:
    assert change_value("444-4", [], _Stuck()) == "555-5"


@pytest.mark.parametrize(
    ("text", "answer", "parts"),
    [
        ("I stay in the Hauptstraße in Bonn.", "Bonn", ("I stay in the Hauptstraße in ", ".")),
        ("İnci lives in Bonn.", "bonn", ("İnci lives in ", ".")),
        (
            "The house was built in 1990 and I have 19 bikes.",
            "19",
            ("The house was built in 1990 and I have ", " bikes."),
        ),
        ("My cat is called Cat.", "Cat", ("My cat is called ", ".")),
        ("It costs 5.50 and I bought 5.", "5", ("It costs 5.50 and I bought ", ".")),
        ("I met Ann at Hannah's; my boss is Ann.", "Ann", None),
        ("I have 19 bikes and 19 cars.", "19", None),
        ("My annals are long.", "Anna", None),
        ("A cat saw my CAT.", "Cat", None),
    ],
)
def test_a_fact_is_changed_in_the_one_place_of_its_answer(
    text: str, answer: str, parts: tuple[str, str] | None
) -> None:
    one = fact("a", text)
    for seed in range(10):
        changed, new = _change(Lesson("ada", (one,), {}, {}), one, answer, random.Random(seed))
        assert (changed is None) == (parts is None)
        if changed is not None and parts is not None:
            assert changed.text == parts[0] + new + parts[1]
            assert new != answer


def test_a_failed_compaction_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def module(number: int) -> SimpleNamespace:
        return SimpleNamespace(
            id=f"m{number}", user_id="ada", base=SimpleNamespace(sha256=""), settled_ids=[f"f{number}"]
        )

    modules = [module(number) for number in range(2)]
    monkeypatch.setattr(plan, "crowded", lambda some, limit: [some])
    some = [fact(f"f{number}") for number in range(2)]
    facts = SimpleNamespace(live=lambda user_id=None: some)
    store = SimpleNamespace(live=lambda user_id=None: modules)

    def planned(failed: Mapping[str, int]) -> list[PlannedGroup]:
        return Planner(cast(FactStore, facts), cast(AdapterStore, store), "", 8, failed).compactions(None, 0)

    (first,) = planned({"f0": 2})
    assert first.replaces == ("m0", "m1")
    assert planned({plan.compaction_key(first.replaces): 1}) == []
