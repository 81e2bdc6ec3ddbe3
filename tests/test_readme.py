"""The README is executed: each Python block in turn, in one folder, on the real default models."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", README, re.DOTALL)


def test_the_first_block_is_short() -> None:
    code = BLOCKS[0][0].strip().splitlines()
    assert len([line for line in code if line.strip()]) <= 15


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README)) <= targets


def test_every_setting_is_in_the_table() -> None:
    from slowwave import Settings

    table = README.split("## Options")[1].split("## ")[0]
    assert all(f"`{name}`" in table for name in Settings.model_fields)


@pytest.mark.slow
def test_the_blocks_print_what_the_readme_says(tmp_path: Path) -> None:
    assert len(BLOCKS) >= 3
    for number, (code, expected) in enumerate(BLOCKS):
        script = tmp_path / f"block{number}.py"
        script.write_text(code, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(script)],
            cwd=tmp_path,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == expected.strip(), f"block {number}"
