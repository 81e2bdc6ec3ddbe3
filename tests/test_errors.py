from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slowwave import errors
from slowwave.errors import InvalidInput, SlowwaveError

KINDS: list[type[SlowwaveError]] = [getattr(errors, name) for name in errors.__all__]
WORDED = [kind for kind in KINDS if kind is not SlowwaveError]


def parameters(kind: type[SlowwaveError]) -> list[str]:
    return list(inspect.signature(kind).parameters)


def make(kind: type[SlowwaveError], word: str = "odd-value") -> SlowwaveError:
    build: Any = kind
    return build(*(f"{word}-{name}" for name in parameters(kind)))  # type: ignore[no-any-return]


def test_everything_public_is_in_the_list_and_in_the_drawn_tree() -> None:
    defined = {
        name for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, BaseException)
    }
    assert defined == set(errors.__all__)
    drawn = errors.__doc__ or ""
    for kind in WORDED:
        stdlib = next(base.__name__ for base in kind.__bases__ if base is not SlowwaveError)
        line = next((line for line in drawn.splitlines() if f"─ {kind.__name__} " in line), "")
        assert f"({stdlib})" in line, f"{kind.__name__} is not drawn as a {stdlib}: {line!r}"


@pytest.mark.parametrize("kind", WORDED)
def test_each_is_ours_and_also_a_stdlib_error(kind: type[SlowwaveError]) -> None:
    assert issubclass(kind, SlowwaveError)
    others = [base for base in kind.__mro__ if base.__module__ == "builtins"]
    assert set(others) - {Exception, BaseException, object}, f"{kind.__name__} has no stdlib base"
    assert (kind.__doc__ or "").strip().endswith(".")


@pytest.mark.parametrize("kind", WORDED)
def test_the_message_names_every_value_and_ends_with_a_remedy(kind: type[SlowwaveError]) -> None:
    error = make(kind)
    message = str(error)
    for name in parameters(kind):
        assert f"odd-value-{name}" in message, f"{kind.__name__} hides its {name}"
        assert getattr(error, name) == f"odd-value-{name}"
    # The remedy: either the caller of the error gives it, or a sentence follows the complaint.
    complaint, _, remedy = message.partition(". ")
    given_remedy = "remedy" in parameters(kind) or "pip install" in message
    assert given_remedy or len(remedy.split()) >= 4, f"{kind.__name__} complains ({complaint!r}) and helps nobody"


@pytest.mark.parametrize("kind", WORDED)
@given(words=st.lists(st.text(max_size=30), min_size=4, max_size=4))
@example(words=["", "", "", ""])
@example(words=["{brace}", "100 %", "naïve \u2028 line", "'quotes\""])
def test_pickling_and_copying_keep_the_words(kind: type[SlowwaveError], words: list[str]) -> None:
    build: Any = kind
    error: SlowwaveError = build(*words[: len(parameters(kind))])
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


def test_a_pickled_error_keeps_its_notes() -> None:
    error = make(errors.StoreDamaged)
    error.add_note("while opening")
    twin = pickle.loads(pickle.dumps(error))
    assert str(twin) == str(error)
    assert twin.__notes__ == ["while opening"]


@given(value=st.one_of(st.text(), st.binary(), st.integers(), st.lists(st.text())))
@example(value="x" * 100_000)
def test_a_long_value_is_shown_shortened(value: object) -> None:
    message = str(InvalidInput("Bad thing", value, "Use another."))
    assert message.startswith("Bad thing: ")
    assert message.endswith(". Use another.")
    assert len(message) <= len("Bad thing: ") + 80 + len(". Use another.")
    if len(repr(value)) <= 80:
        assert repr(value) in message
