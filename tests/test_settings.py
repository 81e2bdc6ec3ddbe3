from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from slowwave.errors import InvalidInput
from slowwave.settings import Settings, cache_folder

BAD = [
    ("rank", 0),
    ("rank", 257),
    ("rank", "many"),
    ("facts_per_module", 0),
    ("recall_facts", 65),
    ("max_modules", 4),
    ("max_modules", 0),
    ("max_fact_chars", 15),
    ("max_new_tokens", 0),
    ("adapter_scale", 0.0),
    ("adapter_scale", 4.1),
    ("adapter_scale", float("nan")),
    ("dtype", "int8"),
    ("effort", "heroic"),
    ("device", None),
    ("model", ""),
    ("embedder", ""),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_refused_in_our_words(name: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        Settings.checked(**{name: value})
    message = str(caught.value)
    assert repr(name) in message
    assert repr(value) in message
    assert "Known settings: " in message


def test_an_unknown_name_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(InvalidInput) as caught:
        Settings.checked(rnak=8)
    assert "'rnak'" in str(caught.value)
    for name in Settings.model_fields:
        assert name in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_every_setting_has_a_default_and_words_about_itself() -> None:
    source = Path(__file__).parent.parent.joinpath("plugin", "settings.py").read_text(encoding="utf-8").splitlines()
    Settings()
    for name in Settings.model_fields:
        at = next(number for number, line in enumerate(source) if line.startswith(f"    {name}: "))
        assert source[at + 1].lstrip().startswith('"""'), f"nothing is said about {name}"


def test_settings_are_frozen_values() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.rank = 4
    assert settings == Settings()
    assert hash(settings) == hash(Settings())
    assert settings != Settings(rank=4)


dials: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "rank": st.integers(1, 256),
        "facts_per_module": st.integers(1, 1024),
        "recall_facts": st.integers(1, 64),
        "max_modules": st.integers(1, 3),
        "adapter_scale": st.floats(0.01, 4.0),
        "seed": st.integers(),
        "effort": st.sampled_from(["quick", "normal", "thorough"]),
        "model": st.text(min_size=1),
    },
)


@given(values=dials)
def test_good_values_are_kept_and_survive_json(values: dict[str, Any]) -> None:
    settings = Settings.checked(**values)
    assert {name: getattr(settings, name) for name in values} == values
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_the_cache_folder_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path / "weights"))
    assert cache_folder() == tmp_path / "weights"
    monkeypatch.setenv("SLOWWAVE_CACHE", "~/weights")
    assert cache_folder() == Path.home() / "weights"


@pytest.mark.parametrize("value", [None, ""])
def test_without_an_override_it_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv("SLOWWAVE_CACHE", raising=False)
    else:
        monkeypatch.setenv("SLOWWAVE_CACHE", value)
    assert cache_folder() == Path(platformdirs.user_cache_dir("slowwave", appauthor=False))
    assert cache_folder().is_absolute()
