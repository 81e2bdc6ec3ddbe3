"""What every test stands on: a real tiny model, a memory on it, and no way out of the process."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny
from hypothesis import settings
from pytest_socket import socket_allow_hosts

from slowwave import Memory, Settings
from slowwave.adapters_store.skills import find_skill, save_skill, skill_path
from slowwave.consolidation.rows import Lesson
from slowwave.loading import load_base
from slowwave.model import BaseModel
from slowwave.weights import base_model

_LOCAL = ["127.0.0.1", "::1"]
"""Event loops and embedded stores talk to their own process; nothing else may be reached."""
_CHATTY = ("asyncio", "chromadb", "filelock", "httpcore", "httpx", "sentence_transformers", "transformers", "urllib3")

_empty_cache = tempfile.TemporaryDirectory(prefix="slowwave-tests-", ignore_cleanup_errors=True)
_surroundings = pytest.MonkeyPatch()


def pytest_configure() -> None:
    # Time is never asserted: a busy machine is no failure. The same examples every time: a change fails for its own
    # sake. New examples are looked for with `make search`.
    settings.register_profile("slowwave", deadline=None, derandomize=True)
    settings.register_profile("search", deadline=None, max_examples=1500)
    settings.load_profile("slowwave")
    # The hub's client reads it once, when it is imported: too late for a fixture.
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)


def pytest_unconfigure() -> None:
    _surroundings.undo()
    _empty_cache.cleanup()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Put the surroundings right before any fixture of the test, of whatever scope.

    Nothing of the developer's environment reaches a test, and no other machine is reached. Slow tests run on the real
    default models: they use the user's cache and every core, and may fetch what is not there yet.
    """
    slow = item.get_closest_marker("slow") is not None
    _surroundings.undo()
    for name in [name for name in os.environ if name.startswith("SLOWWAVE_")]:
        if not (slow and name == "SLOWWAVE_CACHE"):
            _surroundings.delenv(name)
    # Two threads are slower than one on a model of this size.
    threads = _cores() if slow else 1
    _surroundings.setenv("OMP_NUM_THREADS", str(threads))
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)
    if not slow:
        _surroundings.setenv("SLOWWAVE_CACHE", _empty_cache.name)
        socket_allow_hosts(_LOCAL, allow_unix_socket=True)  # lifted by pytest-socket after each test
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("there is no CUDA device here")


def _cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.fixture(scope="session")
def tiny_model() -> Path:
    """The folder of a real, very small Llama that reads facts from its prompt and can be taught new ones in seconds.

    It counts as prepared: it was born with the skills it has.
    """
    prepared()
    return tiny.FOLDER


def prepared() -> None:
    """Note in the cache of the tests that the tiny model needs no skills."""
    sha = base_model(str(tiny.FOLDER)).sha256
    for name in ("reader", "writer"):
        if find_skill(name, sha) is None:
            save_skill(skill_path(name, sha), name, sha, 8, None, {"recipe": "none"})


@pytest.fixture(scope="session")
def base(tiny_model: Path) -> BaseModel:
    """The tiny model, loaded; shared by all tests, so leave its weights alone."""
    return load_base(Settings(model=str(tiny_model), dtype="float32"))


@pytest.fixture
def memory(tmp_path: Path, tiny_model: Path) -> Iterator[Memory]:
    """An empty memory on the tiny model, with an embedder that needs no weights."""
    with Memory(tmp_path / "memory", model=str(tiny_model), embedder="hash:256") as opened:
        yield opened


@pytest.fixture
def tiny_lesson() -> Lesson:
    """Five simple facts about Ada, with the questions that the built-in rules write."""
    return tiny.lesson(tiny.FACTS, "ada")
