from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from slowwave import types
from slowwave.types import Answer, Fact, FactReport, Message, ModuleUse, NightReport, ScoredFact

WHEN = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
RECORDS = [thing for name in types.__all__ if isinstance(thing := getattr(types, name), type)]

times = st.datetimes(
    min_value=datetime(1970, 1, 2),
    max_value=datetime(2100, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))]),
)
scalars = st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
facts = st.builds(
    Fact,
    id=st.text(min_size=1),
    text=st.text(min_size=1),
    user_id=st.text(min_size=1),
    said_at=times,
    source=st.text(),
    metadata=st.dictionaries(st.text(), scalars, max_size=3),
    supersedes=st.none() | st.text(),
    superseded_by=st.none() | st.text(),
)
answers = st.builds(
    Answer,
    text=st.text(),
    facts=st.lists(st.builds(ScoredFact, fact=facts, score=st.floats(0, 1)), max_size=2).map(tuple),
    modules=st.lists(st.builds(ModuleUse, id=st.text(), weight=st.floats(0, 1)), max_size=2).map(tuple),
    confidence=st.floats(0, 1),
    source=st.sampled_from(["both", "facts", "modules", "base", "unknown"]),
)


def fact(**changes: Any) -> Fact:
    return Fact(**{"id": "f1", "text": "I'm allergic to peanuts.", "user_id": "ada", "said_at": WHEN, **changes})


def test_everything_listed_exists_and_every_record_is_frozen_and_strict() -> None:
    records = [kind for kind in RECORDS if issubclass(kind, BaseModel)]
    assert len(records) >= 9
    for kind in records:
        assert kind.model_config.get("frozen"), kind
        assert kind.model_config.get("extra") == "forbid", kind


@given(value=st.one_of(facts, answers))
def test_json_and_pickle_bring_the_same_value_back(value: Fact | Answer) -> None:
    assert type(value).model_validate_json(value.model_dump_json()) == value
    assert pickle.loads(pickle.dumps(value)) == value


@given(value=facts)
def test_json_keeps_the_kind_of_every_scalar(value: Fact) -> None:
    back = Fact.model_validate_json(value.model_dump_json())
    assert {key: type(v) for key, v in back.metadata.items()} == {key: type(v) for key, v in value.metadata.items()}
    assert back.said_at.utcoffset() is not None


def test_a_value_cannot_be_changed_and_takes_no_unknown_field() -> None:
    with pytest.raises(ValidationError):
        fact().text = "something else"
    with pytest.raises(ValidationError):
        fact(colour="red")
    with pytest.raises(ValidationError):
        Answer(text="yes", source="guess")  # type: ignore[arg-type]


def test_a_scored_fact_reads_like_its_fact() -> None:
    scored = ScoredFact(fact=fact(), score=0.5)
    assert (scored.id, scored.text) == ("f1", "I'm allergic to peanuts.")


def test_an_answer_prints_as_its_text() -> None:
    assert str(Answer(text="No, it has peanuts.")) == "No, it has peanuts."
    assert Answer(text="").source == "base"


def test_a_message_needs_a_role_and_content() -> None:
    assert Message(role="user", content="hi").said_at is None
    with pytest.raises(ValidationError):
        Message.model_validate({"role": "user"})


statuses = st.lists(st.sampled_from(["settled", "failed", "left", "unwritten"]), max_size=20)


@given(found=statuses)
def test_a_night_counts_what_settled_and_what_stays_recent(found: list[Any]) -> None:
    rows = tuple(FactReport(fact_id=str(i), user_id="ada", status=status) for i, status in enumerate(found))
    report = NightReport(night_id="n1", started_at=WHEN, facts=rows)
    assert report.settled == found.count("settled")
    assert report.settled + report.recent == len(found)
