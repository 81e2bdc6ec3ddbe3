"""What every test stands on: a real tiny model, a memory on it, and no way out of the process."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_socket import enable_socket, socket_allow_hosts

import tiny
from slowwave import Memory, Settings
from slowwave.consolidation.rows import Lesson
from slowwave.model import BaseModel, load_base

_LOCAL = ["127.0.0.1", "::1", "localhost"]
"""Event loops and embedded stores talk to their own process; nothing else may be reached."""
_CHATTY = ("asyncio", "chromadb", "filelock", "httpcore", "httpx", "sentence_transformers", "transformers", "urllib3")


def pytest_configure() -> None:
    # Read once, when the hub's client is imported: too late for a fixture.
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)


@pytest.fixture(scope="session")
def _empty_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _surroundings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _empty_cache: Path) -> None:
    """Nothing of the developer's environment reaches a test, except that slow ones use the weights of the user's cache."""
    slow = request.node.get_closest_marker("slow") is not None
    kept = {"SLOWWAVE_CACHE"} if slow else set[str]()
    for name in [name for name in os.environ if name.startswith("SLOWWAVE_") and name not in kept]:
        monkeypatch.delenv(name)
    if not slow:
        monkeypatch.setenv("SLOWWAVE_CACHE", str(_empty_cache))
    # Two threads are slower than one on a model of this size; the default model uses what there is.
    threads = (os.cpu_count() or 1) if slow else 1
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Refuse connections to other machines; slow tests may fetch the default models, where there is a network."""
    if request.node.get_closest_marker("slow") is not None:
        yield
        return
    socket_allow_hosts(_LOCAL, allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def _gpu(request: pytest.FixtureRequest) -> None:
    """Tests of the GPU are skipped, visibly, where there is none."""
    if request.node.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("there is no CUDA device here")


@pytest.fixture(scope="session")
def tiny_model() -> Path:
    """The folder of a real, very small Llama that can read facts from its prompt and be taught new ones in seconds."""
    return tiny.FOLDER


@pytest.fixture(scope="session")
def base(tiny_model: Path) -> BaseModel:
    """The tiny model, loaded; shared by all tests, so leave its weights alone."""
    import torch

    torch.set_num_threads(1)
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
