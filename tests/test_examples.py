"""The examples run as a newcomer runs them, on the tiny model; the README's code is run by test_readme."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "examples"
EXAMPLES = [FOLDER / "quickstart.py", FOLDER / "every_night.py"]  # the bridges test theirs themselves


@pytest.mark.slow  # four processes that import torch
@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_an_example_runs_and_is_short(path: Path, tiny_model: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 50
    env = os.environ | {"SLOWWAVE_MODEL": str(tiny_model), "SLOWWAVE_EMBEDDER": "hash:256", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, str(path)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr
