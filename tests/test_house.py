"""The layout guard: what is installed is what is in the folders, light to import, and nothing names the machine."""

from __future__ import annotations

import doctest
import importlib
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import slowwave
from slowwave.errors import MissingExtra

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "plugin": "slowwave",
    "adapters_store": "slowwave.adapters_store",
    "consolidation": "slowwave.consolidation",
    "integrations": "slowwave.integrations",
}
HEAVY = {"torch", "chromadb", "transformers", "apscheduler", "peft", "sentence_transformers"}


def module_name(path: Path) -> str:
    package = FOLDERS[path.parent.name]
    return package if path.stem == "__init__" else f"{package}.{path.stem}"


SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.py"))
MODULES = [module_name(path) for path in SOURCES]


def imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except MissingExtra as missing:
        pytest.skip(str(missing))


def test_the_folders_are_the_ones_that_are_packaged_and_they_are_flat() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert tools["package-dir"] == {package: folder for folder, package in FOLDERS.items()}
    assert set(tools["packages"]) == set(FOLDERS.values())
    below = [str(p.relative_to(ROOT)) for folder in FOLDERS for p in (ROOT / folder).glob("*/**/*.py")]
    assert not below, f"keep the folders flat, a sub-folder is left out of the wheel without a word: {below}"
    clash = {path.stem for path in (ROOT / "plugin").glob("*.py")} & FOLDERS.keys()
    assert not clash, f"a module in plugin/ has the name of a folder: {clash}"


@pytest.mark.parametrize("path", SOURCES, ids=MODULES)
def test_every_source_file_is_installed(path: Path) -> None:
    name = module_name(path)
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        spec = None
    assert spec is not None, f"{name} is not installed, though {path.name} exists: run make again"
    assert spec.origin is not None
    installed = Path(spec.origin)
    assert installed.read_bytes() == path.read_bytes(), f"{name} is installed from another copy: run make again"


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports_has_words_and_lists_what_it_has(name: str) -> None:
    module = imported(name)
    assert (module.__doc__ or "").strip(), f"{name} says nothing about itself"
    for public in getattr(module, "__all__", ()):
        assert hasattr(module, public), f"{name}.__all__ lists {public!r}, which does not exist"


def test_no_leftover_is_installed() -> None:
    installed = importlib.util.find_spec("slowwave")
    assert installed is not None
    below = [Path(place) for place in installed.submodule_search_locations or ()]
    found = {
        ".".join(("slowwave", *path.relative_to(place).with_suffix("").parts)).removesuffix(".__init__")
        for place in below
        for path in place.glob("**/*.py")
        if path.exists()
    }
    assert found <= set(MODULES), f"installed, but gone from the folders: {found - set(MODULES)}: run make again"


def test_the_front_door_is_what_is_public() -> None:
    def is_public(name: str) -> bool:
        return not name.startswith("_") and not isinstance(getattr(slowwave, name), ModuleType)

    listed = set(slowwave.__all__)
    assert len(listed) == len(slowwave.__all__)
    assert {name for name in dir(slowwave) if is_public(name)} == {name for name in listed if not name.startswith("_")}
    assert all(hasattr(slowwave, name) for name in listed)
    promised = {"Answer", "Fact", "Memory", "Message", "NightReport", "ScoredFact", "Settings", "SlowwaveError"}
    assert promised <= listed
    absent = "no_such_name"
    with pytest.raises(AttributeError, match=absent):
        getattr(slowwave, absent)


@pytest.mark.parametrize("statement", ["import slowwave", "from slowwave import *", "import slowwave.cli"])
def test_importing_loads_nothing_heavy(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not HEAVY & set(done.stdout.split())
    assert "slowwave" in done.stdout.split()


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_are_true(name: str) -> None:
    found = doctest.testmod(imported(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0, f"{found.failed} of {found.attempted} examples of {name} are wrong: see the output above"


def test_doctest_finds_the_examples_that_there_are() -> None:
    assert any(found.examples for found in doctest.DocTestFinder().find(imported("slowwave.prompts")))


def test_versions_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d[^\]]*)\] - \d{4}-\d{2}-\d{2}$", changes, flags=re.MULTILINE)
    assert released, "CHANGELOG.md has no '## [X.Y.Z] - YYYY-MM-DD'"
    assert released[0] == version
    assert importlib.metadata.version("slowwave") == version, "another version is installed: run make again"
    assert slowwave.__version__ == version


def repository_files() -> Iterator[Path]:
    """Everything that is, or is about to be, committed; all but build outputs where git cannot tell."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        kept = [*FOLDERS, "tests", "examples", "benchmarks", ".ci"]
        listed = [str(p.relative_to(ROOT)) for p in [*ROOT.glob("*"), *(q for k in kept for q in (ROOT / k).glob("*"))]]
    return (path for name in listed if name and (path := ROOT / name).is_file())


# Spelled in pieces, so that this file does not find itself.
HOSTS = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("debian", "org"),
    ("crates", "io"),
)
PLACES = "work", "tmp", "home", "root", "Users", "opt"
FORBIDDEN = re.compile(
    "|".join([*(rf"\b{name}\.{end}\b" for name, end in HOSTS), rf"(?<![\w.~$}})])/(?:{'|'.join(PLACES)})/\w"])
)


def test_nothing_names_a_registry_host_or_a_place_on_a_machine() -> None:
    files = list(repository_files())
    assert ROOT / "pyproject.toml" in files
    found = []
    for path in files:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture or an archive
        found += [
            f"{path.relative_to(ROOT)}:{n}: {hit[0]}" for n, t in enumerate(lines, 1) if (hit := FORBIDDEN.search(t))
        ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("--index-url https://" + "py" + "pi.org/simple", True),
        ("cd /" + "home/ada/slowwave", True),
        ('open("/' + 'tmp/x")', True),
        ("see https://example.org/home/page", False),
        ("tests/work/data and ./tmp/x", False),
        ("$HOME/work/x", False),
    ],
)
def test_the_pattern_tells_bad_lines_from_good_ones(line: str, bad: bool) -> None:
    assert bool(FORBIDDEN.search(line)) is bad


def test_the_map_of_the_house_names_every_file_once() -> None:
    layout = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Layout")[2].partition("\n## ")[0]
    named: dict[str, list[str]] = {}
    folder = ""
    for line in layout.splitlines():
        if not line.startswith("| ") or line.startswith("| |"):
            continue
        _, about, listed, _ = line.split("|")
        if found := re.search(r"\*\*(\w+):\*\*", about):
            folder = found[1]
        named.setdefault(folder, []).extend(re.findall(r"`(\w+)`", listed))
    for folder, files in named.items():
        there = {path.stem for path in (ROOT / folder).glob("*.py") if not path.stem.startswith("__")}
        assert sorted(files) == sorted(there), folder
    assert set(named) == FOLDERS.keys() - {"integrations"}
