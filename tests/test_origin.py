"""What a folder was written with: it is opened with that again, unless something else is named."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from slowwave import Memory, Settings, invocation
from slowwave.adapters_store.layout import FolderLayout
from slowwave.errors import InvalidInput
from slowwave.origin import remember, with_origin


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Memory(tmp_path / "m", model="some/model", embedder="hash:64") as memory:
        memory.add("I like tea.", user_id="ada")
    return tmp_path / "m"


def test_a_folder_is_opened_again_without_naming_its_models(folder: Path) -> None:
    with Memory(folder) as memory:
        assert (memory.settings.model, memory.settings.embedder) == ("some/model", "hash:64")
        assert [hit.text for hit in memory.search("tea", user_id="ada")] == ["I like tea."]
    with Memory(folder, settings=Settings(rank=4)) as memory:
        assert (memory.settings.embedder, memory.settings.rank) == ("hash:64", 4)


def test_what_is_named_counts_and_what_is_written_changes_with_a_night_only(folder: Path) -> None:
    with Memory(folder, model="other/model") as memory:
        assert memory.settings.model == "other/model"
        memory.add("I like figs.", user_id="ada")
    with Memory(folder, settings=Settings(model=Settings().model)) as memory:
        assert memory.settings.model == Settings().model, "the default, if it is named"
    assert with_origin(folder, Settings()).model == "some/model"
    remember(FolderLayout(folder), Settings(model="other/model", embedder="hash:64"), anew=True)
    assert with_origin(folder, Settings()).model == "other/model"
    with Memory(folder, embedder="hash:32") as memory, pytest.raises(InvalidInput, match="another embedder"):
        memory.get_all()
    assert with_origin(folder, Settings()).embedder == "hash:64"


def test_looking_into_an_empty_folder_writes_nothing_down(tmp_path: Path) -> None:
    Memory(tmp_path / "m", embedder="hash:64").close()
    assert not FolderLayout(tmp_path / "m").origin.exists()
    assert with_origin(tmp_path / "m", Settings()) == Settings()


def test_a_model_in_a_folder_is_found_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "llama").mkdir()
    monkeypatch.chdir(tmp_path)
    remember(FolderLayout(tmp_path / "m"), Settings(model="llama", embedder="hash:64"), anew=True)
    assert with_origin(tmp_path / "m", Settings()).model == str((tmp_path / "llama").resolve())


def test_a_short_name_is_remembered_as_it_is_beside_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (Settings().model, Settings().embedder, "hash:64"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    for embedder in (Settings().embedder, "hash:64"):
        remember(FolderLayout(tmp_path / "m"), Settings(model=Settings().model.upper(), embedder=embedder), anew=True)
        found = with_origin(tmp_path / "m", Settings())
        assert (found.model, found.embedder) == (Settings().model.upper(), embedder)


def test_a_damaged_note_is_no_note(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    FolderLayout(folder).origin.write_bytes(b"{")
    with caplog.at_level(logging.WARNING):
        assert with_origin(folder, Settings()) == Settings()
    assert "cannot be read" in caplog.text


def test_the_command_line_opens_a_folder_with_its_models(folder: Path) -> None:
    shared = {
        "folder": str(folder),
        "user": None,
        "set": (),
        "model": None,
        "device": None,
        "json": False,
        "verbose": False,
    }
    settings = invocation._call(shared, io.StringIO()).settings
    assert (settings.model, settings.embedder) == ("some/model", "hash:64")
    named = invocation._call({**shared, "model": "x", "set": ("embedder=hash:32",)}, io.StringIO()).settings
    assert (named.model, named.embedder) == ("x", "hash:32")
