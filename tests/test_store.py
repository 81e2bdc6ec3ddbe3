"""The module store: what is published is whole, what is retired is gone, what is damaged is left out."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch

from slowwave.adapters_store.layout import FolderLayout
from slowwave.adapters_store.manifest import BaseRef, KnownFact, KnownQuestion, Manifest, text_sha256
from slowwave.adapters_store.shape import SlotShape, Target, frozen_a
from slowwave.adapters_store.store import AdapterStore
from slowwave.errors import BaseMismatch, InvalidInput, OwnerMismatch, StoreDamaged
from slowwave.files import write_atomically

SHAPE = SlotShape((Target("model.layers.0.mlp.up_proj", 6, 4), Target("model.layers.0.mlp.down_proj", 4, 6)), 2, 4.0)


def manifest(name: str = "m-1", user: str = "ada") -> Manifest:
    return Manifest(
        id=name,
        user_id=user,
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        base=BaseRef(name="tiny", sha256="b" * 64),
        rank=2,
        alpha=4.0,
        seed=0,
        recipe={},
        facts=(KnownFact(id="f1", sha256=text_sha256("one")), KnownFact(id="f2", sha256="x", settled=False)),
        questions=(KnownQuestion(fact_id="f1", question="What?", answer="one"),),
        gate={"recall": 1.0},
    )


def vector() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(SHAPE.size).to(torch.bfloat16).float()


def test_two_threads_write_one_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=60)
    sync = os.fsync

    def together(handle: int) -> None:
        sync(handle)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            both.wait()  # both drafts are written, and neither is in its place

    monkeypatch.setattr(os, "fsync", together)
    contents = [b"one", b"another"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda content: write_atomically(tmp_path / "file", content), contents))
    assert (tmp_path / "file").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_draft_that_cannot_be_finished_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError("No space left on device")

    write_atomically(tmp_path / "file", b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.fixture
def store(tmp_path: Path) -> AdapterStore:
    return AdapterStore(FolderLayout(tmp_path))


def put(store: AdapterStore, name: str = "m-1", user: str = "ada") -> None:
    store.stage(manifest(name, user), vector(), SHAPE, np.ones((1, 3), dtype=np.float32), "hash:3")
    store.publish([name])


@pytest.mark.parametrize("shape", [replace(SHAPE, own_a=True), replace(SHAPE, dora=True)])
def test_what_does_not_fit_a_slot_is_refused_before_anything_is_written(
    store: AdapterStore, tmp_path: Path, shape: SlotShape
) -> None:
    with pytest.raises(InvalidInput, match="As or magnitudes"):
        store.stage(manifest(), torch.zeros(shape.size), shape)
    assert list(tmp_path.rglob("*.safetensors")) == []


def test_what_is_published_is_loaded_bit_for_bit(store: AdapterStore, tmp_path: Path) -> None:
    put(store)
    again = AdapterStore(FolderLayout(tmp_path))
    assert [one.id for one in again.live("ada")] == ["m-1"]
    assert again.version == store.version == 1
    assert torch.equal(again.vector("m-1", user_id="ada", base_sha256="b" * 64, shape=SHAPE), vector())
    assert again.live()[0].settled_ids == {"f1"}
    vectors = again.question_vectors("m-1", "hash:3")
    assert vectors is not None
    assert vectors.tolist() == [[1.0, 1.0, 1.0]]
    assert again.question_vectors("m-1", "other") is None
    (tmp_path / "modules" / "m-1" / "questions.safetensors").write_bytes(b"garbage")
    assert again.question_vectors("m-1", "hash:3") is None, "a damaged cache is no cache"


def test_staged_is_not_live(store: AdapterStore) -> None:
    store.stage(manifest(), vector(), SHAPE)
    assert store.live() == []
    assert store.sweep() == ["m-1"]


def test_modules_never_answer_for_others(store: AdapterStore) -> None:
    put(store)
    assert store.live("ben") == []
    with pytest.raises(OwnerMismatch):
        store.vector("m-1", user_id="ben", base_sha256="b" * 64, shape=SHAPE)
    with pytest.raises(BaseMismatch):
        store.vector("m-1", user_id="ada", base_sha256="c" * 64, shape=SHAPE)


def test_a_slot_too_small_for_a_module_is_told_so(store: AdapterStore) -> None:
    put(store)
    with pytest.raises(InvalidInput, match=f"'m-1' has rank {SHAPE.rank}: give a slot of that rank"):
        store.vector("m-1", user_id="ada", base_sha256="b" * 64, shape=replace(SHAPE, rank=SHAPE.rank - 1))


def test_retired_leaves_no_file(store: AdapterStore, tmp_path: Path) -> None:
    put(store, "m-1")
    put(store, "m-2")
    store.retire(["m-1"])
    assert [one.id for one in store.live()] == ["m-2"]
    assert [folder.name for folder in (tmp_path / "modules").iterdir()] == ["m-2"]
    catalog = json.loads((tmp_path / "catalog.json").read_text(encoding="utf-8"))
    assert [entry["id"] for entry in catalog["modules"]] == ["m-2"], "the catalog lets go first"


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "manifest.json"])
def test_a_damaged_module_is_left_out_and_swept(store: AdapterStore, tmp_path: Path, file: str) -> None:
    put(store)
    path = tmp_path / "modules" / "m-1" / file
    path.write_bytes(b"garbage" + path.read_bytes()[7:])
    fresh = AdapterStore(FolderLayout(tmp_path))
    if file == "manifest.json":
        assert fresh.live() == []
        assert fresh.damaged() == ["m-1"]
        assert fresh.sweep() == ["m-1"] or not (tmp_path / "modules" / "m-1").exists()
    else:
        with pytest.raises(StoreDamaged, match="checksum"):
            fresh.vector("m-1", user_id="ada", base_sha256="b" * 64, shape=SHAPE)
        assert fresh.damaged() == ["m-1"]
        fresh.sweep()
        assert fresh.live() == [], "its facts would be settled for ever"
        assert list((tmp_path / "modules").iterdir()) == []


def test_a_file_that_a_desktop_left_is_no_module(store: AdapterStore, tmp_path: Path) -> None:
    put(store)
    (tmp_path / "modules" / ".DS_Store").write_bytes(b"Bud1")
    (tmp_path / "modules" / "m-9").mkdir()
    assert store.sweep() == ["m-9"]
    assert store.damaged() == []
    assert sorted(path.name for path in (tmp_path / "modules").iterdir()) == [".DS_Store", "m-1"]


def test_what_is_no_module_of_ours_stays(store: AdapterStore, tmp_path: Path) -> None:
    """A memory may be opened in the folder of a project that has modules of its own."""
    put(store)
    theirs = tmp_path / "modules" / "billing"
    theirs.mkdir()
    (theirs / "main.tf").write_text("# a year of work", encoding="utf-8")
    (tmp_path / "modules" / ".m-2.4711.tmp").mkdir()
    assert store.sweep() == [".m-2.4711.tmp"]
    assert (theirs / "main.tf").is_file()


def test_a_catalog_of_the_future_is_refused(store: AdapterStore, tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text('{"format": 99, "version": 1, "modules": []}')
    with pytest.raises(StoreDamaged, match="newer Slowwave"):
        AdapterStore(FolderLayout(tmp_path))


def test_staging_a_live_module_again_changes_nothing(store: AdapterStore, tmp_path: Path) -> None:
    put(store)
    before = (tmp_path / "modules" / "m-1" / "manifest.json").stat().st_mtime_ns
    put(store)
    assert (tmp_path / "modules" / "m-1" / "manifest.json").stat().st_mtime_ns == before
    assert len(store.live()) == 1


@pytest.mark.parametrize("point", ["write_atomically", "rename", "_swap"])
def test_killed_while_publishing_leaves_old_or_new(tmp_path: Path, point: str) -> None:
    """The process dies just before a step; what is on disk opens, and publishing again works."""
    script = f"""
        import os
        from pathlib import Path
        import test_store
        from slowwave.adapters_store import store as module
        die = lambda *a, **k: os._exit(9)
        opened = test_store.AdapterStore(test_store.FolderLayout(Path({str(tmp_path)!r})))
        test_store.put(opened, "m-old")
        if {point!r} == "rename":
            Path.rename = die
        elif {point!r} == "_swap":
            module.AdapterStore._swap = die
        else:
            module.write_atomically = die
        test_store.put(opened, "m-new")
    """
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=env, check=False)
    assert done.returncode == 9
    store = AdapterStore(FolderLayout(tmp_path))
    assert [one.id for one in store.live()] == ["m-old"]
    put(store, "m-new")
    store.sweep()
    assert {folder.name for folder in (tmp_path / "modules").iterdir()} == {"m-old", "m-new"}


def test_the_shared_a_is_the_same_everywhere() -> None:
    a = frozen_a(Target("x", 576, 8), 8, seed=3)
    torch.testing.assert_close((a @ a.T).diagonal(), torch.ones(8), atol=1e-2, rtol=0)
    assert (a @ a.T - torch.eye(8)).abs().max() < 0.25
    # Fixed for ever: modules on people's disks were trained with it.
    assert a[0, :12].sign().int().tolist() == [-1, -1, 1, 1, -1, -1, -1, 1, 1, 1, -1, 1]
    assert float(a.abs()[0, 0]) == 0.041748046875
