"""The command line: every verb, every exit code, and nothing but the document on standard output."""

from __future__ import annotations

import inspect
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import typer
from fakes import FakeMemory
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

import slowwave.memory as real
from slowwave import __version__, cli, invocation, watch, weights
from slowwave.adapters_store.layout import FolderLayout
from slowwave.adapters_store.manifest import ModuleInfo
from slowwave.errors import FactNotFound, InvalidInput, MemoryClosed, MemoryLocked, WeightsError
from slowwave.reading import parse_text, read_chat, read_date, read_pairs
from slowwave.settings import Settings
from slowwave.terminal import Call, printable
from slowwave.types import Fact, FactReport, Message, ModuleReport, NightReport, Progress, no_progress

THEN = datetime(2026, 11, 21, 3, tzinfo=UTC)


class NightMemory(FakeMemory):
    """The fake, with nights, and with facts that outlive it as they do on disk."""

    kept: ClassVar[dict[Path, dict[str, Fact]]] = {}
    settled: ClassVar[set[str]] = set()
    past: ClassVar[dict[str, list[Fact]]] = {}
    slept: ClassVar[list[NightReport]] = []
    noise: ClassVar[str] = ""

    def __init__(self, folder: str | Path, *, settings: Settings) -> None:
        super().__init__(folder, settings=settings)
        FolderLayout(self.folder).facts.mkdir(parents=True, exist_ok=True)  # by which a memory is known
        self._facts = self.kept.setdefault(self.folder, {})

    def consolidate(self, *, user_id: str | None = None, progress: Progress = no_progress) -> NightReport:
        if self.noise:
            print(self.noise)  # noqa: T201 - a library that does not behave
        recent = [fact for fact in self.get_all(user_id=user_id) if fact.id not in self.settled]
        for done, fact in enumerate(recent, start=1):
            progress("train", done, len(recent))
            self.settled.add(fact.id)
        reports = [FactReport(fact_id=f.id, user_id=f.user_id, status="settled", recall=1.0) for f in recent]
        module = ModuleReport(
            module_id="m" * 24,
            user_id="ada",
            facts=len(recent),
            published=True,
            steps=10,
            train_seconds=2.0,
            final_loss=0.1,
        )
        report = NightReport(
            night_id=f"n{len(self.slept) + 1}",
            started_at=THEN,
            seconds={"train": 2.0},
            facts=tuple(reports),
            modules=(module,) if recent else (),
        )
        self.slept.append(report)
        return report

    def update(self, fact_id: str, text: str, *, said_at: datetime | None = None) -> Fact:
        old = self._facts.pop(fact_id)
        (new,) = self.add(text, user_id=old.user_id, said_at=said_at)
        self.past[new.id] = [*self.past.get(old.id, []), old]
        return new

    def history(self, fact_id: str) -> list[Fact]:
        return [*self.past.get(fact_id, []), self._facts[fact_id]]

    def nights(self) -> list[NightReport]:
        return self.slept[::-1]

    def settled_ids(self, *, user_id: str | None = None) -> frozenset[str]:
        return frozenset(fact.id for fact in self.get_all(user_id=user_id) if fact.id in self.settled)

    def modules(self, *, user_id: str | None = None) -> list[ModuleInfo]:
        known = self.settled_ids(user_id=user_id)
        info = ModuleInfo(
            id="m" * 24, user_id="ada", facts=len(known), questions=9, recall=0.9, created_at=THEN,
            size_bytes=1_500_000, base="tiny",
        )  # fmt: skip
        return [info] if known else []


def install(replace: Callable[[Any, str, Any], None], modules: Callable[[str, Any], None]) -> None:
    """Put the fake where the command line looks for the memory, and weights that are always there."""
    module = types.ModuleType("slowwave.memory")
    module.Memory = NightMemory  # type: ignore[attr-defined]
    modules("slowwave.memory", module)

    def there(name: str, progress: Progress = no_progress) -> weights.Weights:
        progress(f"download {name}", 1, 1)
        return weights.Weights(name, Path(), "", "folder")

    replace(weights, "base_model", there)
    replace(weights, "embedder", there)


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[NightMemory]:
    install(monkeypatch.setattr, lambda name, module: monkeypatch.setitem(sys.modules, name, module))
    monkeypatch.setattr(NightMemory, "kept", {})
    monkeypatch.setattr(NightMemory, "settled", set())
    monkeypatch.setattr(NightMemory, "slept", [])
    monkeypatch.setattr(NightMemory, "past", {})
    monkeypatch.setattr(NightMemory, "_open", {})
    monkeypatch.chdir(tmp_path)
    for name in ("SLOWWAVE_FOLDER", "SLOWWAVE_USER"):
        monkeypatch.delenv(name, raising=False)
    return NightMemory


def run(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli.app, list(words), input=stdin, catch_exceptions=False)


def document(*words: str, stdin: str | None = None, code: int = 0) -> Any:
    """The one JSON document that a command prints."""
    result = run(*words, "--json", stdin=stdin)
    assert result.exit_code == code, result.stdout + result.stderr
    return json.loads(result.stdout)


def texts(*words: str) -> list[str]:
    return [fact["text"] for fact in document("facts", *words)["facts"]]


# -- add --------------------------------------------------------------------------------------------------------------


def test_words_without_quotes_are_one_fact_and_quoted_ones_are_several() -> None:
    assert run("add", "I", "like", "tea").stdout == "Remembered 1 fact of default.\n"
    assert run("add", "I live in Lisbon.", "I work as a nurse.").stdout == "Remembered 2 facts of default.\n"
    assert texts() == ["I like tea", "I live in Lisbon.", "I work as a nurse."]


def test_lines_of_a_file_are_facts_with_the_file_as_source(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("\ufeffI like tea.\n\n  # I live in Lisbon.  \n", encoding="utf-8")
    (tmp_path / "about.md").write_text(
        "# Me\n\n- I have a cat.\n* I sing.\n2. I run.\n---\nI read.\n", encoding="utf-8"
    )
    facts = document("add", "notes.txt", "about.md", "--date", "2026-11-20", "--meta", "topic=me")["facts"]
    assert [fact["text"] for fact in facts] == [
        "I like tea.", "# I live in Lisbon.", "I have a cat.", "I sing.", "I run.", "I read."
    ]  # fmt: skip
    assert [fact["source"] for fact in facts] == ["notes.txt"] * 2 + ["about.md"] * 4
    assert {fact["said_at"] for fact in facts} == {"2026-11-20T00:00:00Z"}
    assert texts("--where", "topic=me") == [fact["text"] for fact in facts]


CHAT = [
    {"role": "user", "content": "I adopted a cat.", "date": "2023/05/30 (Tue) 23:40"},
    {"role": "assistant", "content": "Lovely!"},
    {
        "role": "user",
        "content": [{"type": "text", "text": "I moved to Lisbon."}],
        "said_at": "2024-01-02T03:04:05+01:00",
    },
]


@pytest.mark.parametrize("shape", [CHAT, {"messages": CHAT}])
def test_of_a_chat_only_the_user_is_learned(tmp_path: Path, shape: Any) -> None:
    (tmp_path / "chat.json").write_text(json.dumps(shape), encoding="utf-8")
    facts = document("add", "chat.json")["facts"]
    assert [(fact["text"], fact["said_at"]) for fact in facts] == [
        ("I adopted a cat.", "2023-05-30T23:40:00Z"),
        ("I moved to Lisbon.", "2024-01-02T03:04:05+01:00"),
    ]


@pytest.mark.parametrize(
    ("stdin", "expected"),
    [
        ("I like tea.\n\nI sing.\n", ["I like tea.", "I sing."]),
        (json.dumps(CHAT[:2]), ["I adopted a cat."]),
        (json.dumps(["I like tea.", "I sing."]), ["I like tea.", "I sing."]),
        ("[not json] I like tea.", ["[not json] I like tea."]),
        ("[1]\nI like tea.", ["[1]", "I like tea."]),
        ("\ufeffI like tea.", ["I like tea."]),
        ("\ufeff" + json.dumps(CHAT[:2]), ["I adopted a cat."]),
        ("\n".join(json.dumps(turn) for turn in CHAT), ["I adopted a cat.", "I moved to Lisbon."]),
        (json.dumps(CHAT[0]) + "\n", ["I adopted a cat."]),
        (
            json.dumps({"messages": CHAT[:1]}) + "\n\n" + json.dumps(CHAT[1:]),
            ["I adopted a cat.", "I moved to Lisbon."],
        ),
        ("", []),
    ],
)
def test_a_dash_reads_standard_input(stdin: str, expected: list[str]) -> None:
    assert [fact["text"] for fact in document("add", "-", stdin=stdin)["facts"]] == expected


@pytest.mark.parametrize(
    ("stdin", "reason"),
    [
        (json.dumps(CHAT)[:-20], "Standard input begins like JSON and is not"),
        (json.dumps(CHAT, indent=2)[:-20], "Standard input begins like JSON and is not"),
        ('["I like tea.", "I si', "Standard input begins like JSON and is not"),
        (json.dumps(CHAT[0]) + '\n{"role": "us', "Line 2 of standard input is not JSON"),
        (json.dumps(CHAT[0]) + '\n{"speaker": "me"}', "a turn that is no message"),
        ('{"role": "parrot", "content": "x y"}', "Malformed message 0"),
        (b"caf\xe9 is French for coffee.", "Standard input is not utf-8 text"),
    ],
)
def test_standard_input_that_is_cut_off_is_no_fact(stdin: str | bytes, reason: str) -> None:
    result = CliRunner().invoke(cli.app, ["add", "-"], input=stdin, catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (1, "")
    assert reason in result.stderr
    assert NightMemory.kept == {}


def test_lines_of_json_are_chats(tmp_path: Path) -> None:
    other = {"messages": [{"role": "human", "content": "I play\u2028the cello."}], "date": "2024-02-03"}
    lines = [*(json.dumps(turn) for turn in CHAT[:2]), "", json.dumps(other, ensure_ascii=False)]
    (tmp_path / "chats.JSONL").write_text("\r\n".join(lines), encoding="utf-8")
    facts = document("add", "chats.JSONL")["facts"]
    assert [(fact["text"], fact["said_at"][:10], fact["source"]) for fact in facts] == [
        ("I adopted a cat.", "2023-05-30", "chats.JSONL"),
        ("I play\u2028the cello.", "2024-02-03", "chats.JSONL"),
    ]
    (tmp_path / "texts.jsonl").write_text('"I sing."\n"I run."', encoding="utf-8")
    assert [fact["text"] for fact in document("add", "texts.jsonl")["facts"]] == ["I sing.", "I run."]
    (tmp_path / "both.jsonl").write_text('"I sing."\n{"role": "user", "content": "I run."}', encoding="utf-8")
    assert document("add", "both.jsonl", code=1)["error"] == "InvalidInput"


@pytest.mark.parametrize("words", [["data.csv"], ["notes"], ["."], ["data.csv", "notes"], ["I like tea.", "data.csv"]])
def test_a_name_of_something_that_is_not_read_is_no_fact(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1,2")
    (tmp_path / "notes").mkdir()
    answer = document("add", *words, code=1)
    assert answer["error"] == "InvalidInput"
    assert "end in .txt, .md, .json, .jsonl" in answer["message"]
    assert "slowwave add - < FILE" in answer["message"]
    assert NightMemory.kept == {}


def test_a_sentence_may_speak_of_a_folder_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    for words in (["I", "keep", "notes"], ["My notes are short."], ["tea"]):
        assert [fact["text"] for fact in document("add", *words)["facts"]] == [" ".join(words)]


@pytest.mark.parametrize(
    "words", [["I like tea.", "word " * 500], ["notes.txt", "I like tea. "], ["I like tea.", ""], ["chat.json", " "]]
)
def test_of_several_things_all_or_nothing_is_remembered(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("I sing.\n" + "word " * 500)
    (tmp_path / "chat.json").write_text(json.dumps(CHAT))
    assert document("add", *words, code=1)["error"] == "InvalidInput"
    assert NightMemory.kept == {}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_file_with_a_name_that_is_no_text_can_be_a_source(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    (tmp_path / name).write_text("I sing.")
    assert document("add", name)["facts"][0]["source"] == "caf?.txt"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gone.txt", None, "There is no such file"),
        ("bad.txt", b"\xff\xfe\x00", "cannot be read as UTF-8"),
        ("bad.json", b"{", "not JSON"),
        ("bad.json", b"3", "not a chat"),
        ("bad.json", b'[{"role": "user"}]', "no message"),
        ("bad.json", b'[{"role": "user", "content": "x", "date": "soon"}]', "date cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_changes_nothing(
    tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = run("add", "A good fact.", name)
    assert (result.exit_code, result.stdout) == (1, "")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
    assert NightMemory.kept == {}


def test_a_long_text_is_a_text_and_not_a_file_name() -> None:
    text = "word " * 200 + "notes.txt"
    assert document("add", text)["facts"][0]["text"] == text


@pytest.mark.parametrize("date", ["", "2026-13-01", "tomorrow", "2026/02/30", "999999999999"])
def test_a_date_that_is_none_is_refused(date: str) -> None:
    assert document("add", "x y", "--date", date, code=1)["error"] == "InvalidInput"


# -- ask, search ------------------------------------------------------------------------------------------------------


def test_an_answer_streams_to_standard_output_and_its_grounds_to_standard_error() -> None:
    run("add", "I am allergic to peanuts.", "--user", "ada")
    result = run("ask", "allergic", "to", "what?", "-u", "ada")
    assert (result.exit_code, result.stdout) == (0, "I am allergic to peanuts.\n")
    assert result.stderr == "1 fact · 0 modules · from facts · confidence 0.67\n"


def test_what_is_not_known_is_exit_code_3_in_both_forms() -> None:
    run("add", "I like tea.")
    result = run("ask", "shoe size?")
    assert (result.exit_code, result.stdout) == (3, "I don't know.\n")
    assert document("ask", "shoe size?", code=3)["source"] == "unknown"
    run("add", "I have a cat.", "-u", "bob")
    assert run("ask", "a cat?").exit_code == 3, "another user's fact was told"


@pytest.mark.parametrize("form", [["--json"], []])
def test_the_switches_reach_the_memory(form: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    original = NightMemory.ask

    def spy(self: NightMemory, question: str, **options: Any) -> Any:
        asked.append((question, options, self.settings.model, self.settings.device))
        return original(self, question, **options)

    monkeypatch.setattr(NightMemory, "ask", spy)
    run("add", "I like tea.")
    run(
        "--model",
        "own/model",
        "ask",
        "tea?",
        "--no-facts",
        "--no-modules",
        "--device",
        "cpu",
        "--max-tokens",
        "7",
        *form,
    )
    options = {"user_id": "default", "use_facts": False, "use_modules": False, "max_tokens": 7}
    assert asked == [("tea?", options, "own/model", "cpu")]


def test_any_setting_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Settings] = []
    original = NightMemory.__init__

    def spy(self: NightMemory, folder: str | Path, *, settings: Settings) -> None:
        opened.append(settings)
        original(self, folder, settings=settings)

    monkeypatch.setattr(NightMemory, "__init__", spy)
    run("--set", "rank=16", "facts")  # there is no folder yet: nothing is opened
    run("add", "I like tea.", "--set", "embedder=hash:64", "--set", "strict=false", "--model", "own/model")
    run("--set", "rank=16", "facts", "--set", "effort=quick")
    chosen = [(one.rank, one.embedder, one.strict, one.effort, one.model) for one in opened]
    usual = Settings()
    assert chosen == [
        (usual.rank, "hash:64", False, "normal", "own/model"),
        (16, usual.embedder, True, "quick", usual.model),
    ]
    assert document("facts", "--set", "rnak=16", code=1)["error"] == "InvalidInput"
    assert run("facts", "--set", "rank").exit_code == 2


def test_no_command_may_hide_a_shared_option() -> None:
    def command(call: Call, model: str = "") -> int:
        raise AssertionError

    with pytest.raises(TypeError, match="model"):
        invocation.commands_of(typer.Typer())(command)


def test_search_lists_scores_or_ends_with_3() -> None:
    run("add", "I like tea.", "I like coffee.", "--date", "2026-11-21")
    run("add", "I like maté.", "--meta", "level=3", "--meta", "hot=true")
    lines = run("search", "like", "tea", "-k", "2").stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["1.00", "0.50"]
    assert lines[0].split("\t")[2:] == ["2026-11-21", "I like tea."]
    hits = document("search", "like", "-w", "level=3", "-w", "hot=true")["results"]
    assert [hit["fact"]["text"] for hit in hits] == ["I like maté."]
    assert document("search", "like", "-w", "level=4", code=3) == {"results": []}


# -- sleep ------------------------------------------------------------------------------------------------------------


def test_a_night_settles_and_reports() -> None:
    run("add", "I like tea.", "I sing.", "-u", "ada")
    result = run("sleep")
    assert result.exit_code == 0
    assert "published" in result.stdout
    assert "I sing." in result.stdout
    assert result.stdout.endswith("2 of 2 facts settled in 2 s.\n")
    assert run("sleep").stdout == "Nothing to learn: every fact is settled or left to retrieval.\n"
    run("add", "I run.", "-u", "bob")
    assert document("sleep", "-u", "ada")["settled"] == 0
    report = document("sleep")
    assert (report["settled"], report["recent"], len(report["facts"])) == (1, 0, 1)


def test_a_bad_schedule_is_an_error() -> None:
    run("add", "I sing.")
    assert document("sleep", "--every", "soon", code=1)["error"] == "InvalidInput"


def test_facts_and_modules_are_listed_by_state_and_user() -> None:
    run("add", "I like tea.", "-u", "ada", "--date", "2026-11-20")
    assert run("modules").stdout == ""
    run("sleep")
    run("add", "I sing.", "-u", "bob", "--date", "2026-11-21")
    rows = [line.split("\t") for line in run("facts").stdout.splitlines()]
    assert [row[1:] for row in rows] == [
        ["ada", "2026-11-20", "settled", "I like tea."],
        ["bob", "2026-11-21", "recent", "I sing."],
    ]
    assert texts("--recent") == ["I sing."]
    assert texts("--settled") == ["I like tea."]
    assert texts("-u", "bob") == ["I sing."]
    assert texts("--limit", "1") == ["I like tea."]
    assert [module["facts"] for module in document("modules")["modules"]] == [1]
    assert "1.5 MB" in run("modules").stdout


# -- forget -----------------------------------------------------------------------------------------------------------


def test_facts_are_forgotten_by_the_beginning_of_their_id() -> None:
    first, second = (fact["id"] for fact in document("add", "I like tea.", "I sing.")["facts"])
    assert document("forget", first[:6], first) == {"forgotten": 1, "ids": [first]}
    assert texts() == ["I sing."]
    assert document("forget", second, "no-such-id", code=1)["error"] == "FactNotFound"
    assert texts() == ["I sing."], "one bad id must spare all"


def test_a_beginning_that_fits_several_is_refused() -> None:
    live = [Fact(id=id, text=id, user_id="ada", said_at=THEN) for id in ("abc1", "abc12", "abd")]
    assert cli._resolve(live, ["abd", "abc1", "abd"]) == ["abd", "abc1"]
    for beginning, error in (("ab", InvalidInput), ("abc", InvalidInput), ("x", FactNotFound), ("", FactNotFound)):
        with pytest.raises(error):
            cli._resolve(live, ["abd", beginning])


def test_forgetting_another_users_fact_by_id_is_refused() -> None:
    (fact,) = document("add", "I like tea.", "-u", "ada")["facts"]
    assert document("forget", fact["id"], "-u", "bob", code=1)["error"] == "FactNotFound"


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_forgetting_all_asks_first(answer: str, left: int) -> None:
    run("add", "I like tea.")
    run("add", "I sing.", "-u", "bob")
    result = run("forget", "--all", stdin=answer)
    assert "Forget 1 fact of default for good?" in result.stderr
    assert len(texts("-u", "default")) == left
    assert texts("-u", "bob") == ["I sing."]


def test_forgetting_all_without_asking() -> None:
    run("add", "I like tea.", "I sing.")
    assert document("forget", "--all", "--yes") == {"forgotten": 2, "user_id": "default"}


# -- doctor, demo -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("warn", 0), ("fail", 1)])
def test_the_doctor_ends_with_1_when_something_fails(status: Any, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from slowwave import doctor

    calls: list[tuple[Any, ...]] = []

    def diagnose(folder: Path, settings: Settings, *, deep: bool, progress: Progress) -> list[doctor.Finding]:
        calls.append((folder, settings.device, deep))
        return [doctor.Finding("python", status, "seen", "do this")]

    monkeypatch.setattr(doctor, "diagnose", diagnose)
    assert run("doctor").stdout == f"{status}\tpython\tseen\tdo this\n"
    report = document("doctor", "--deep", "-f", "m", "--device", "cpu", code=code)
    assert report["ok"] is (code == 0)
    assert report["findings"] == [{"area": "python", "status": status, "message": "seen", "remedy": "do this"}]
    assert calls == [(Path("slowwave-memory"), "auto", False), (Path("m"), "cpu", True)]


DEMO = {
    "checks": {"weights only: at least 0.7": True, "no inventions": False},
    "facts": 20,
    "settled": 14,
    "questions": 40,
    "before": {"base model": 0.05, "retrieval only": 0.4},
    "after": {"base model": 0.05, "retrieval only": 0.4, "weights only": 0.625, "both": 0.9},
    "after_gate_passed": {"base model": 0.0, "retrieval only": 0.5, "weights only": 1.0, "both": 1.0},
    "strange": [{"user": "ada", "question": "Who is my lawyer?", "answer": "I don't\x1b know.", "declined": True}],
    "seconds": {"tell": 0.25, "night: train": 61.04},
    "night": {},
    "answers": {"before": [], "after": []},
}
SHOWN = """the demo talks
right answers|base model|retrieval only|weights only|both
before the night|0.05|0.40|-|-
after the night|0.05|0.40|0.62|0.90
after, facts that passed the gate|0.00|0.50|1.00|1.00
14 of 20 facts settled, 40 questions asked.

phase|seconds
tell|0.2
night: train|61.0

user|never told|answer
ada|Who is my lawyer?|I don't  know.

check|passed
weights only: at least 0.7|yes
no inventions|no
""".replace("|", "\t")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], dict[str, Any]]:
    """A demonstration that takes no time: what it was given, and what it will return."""
    calls: list[Any] = []
    result: dict[str, Any] = {"ok": True, **DEMO}

    def play(*, quick: bool, out: Path | None, settings: Settings, progress: Progress) -> dict[str, Any]:
        calls.append((quick, out, settings.model))
        progress("train", 1, 2)
        print("the demo talks")  # noqa: T201
        return result

    module = types.ModuleType("slowwave.demo")
    module.run = play  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "slowwave.demo", module)
    return calls, result


@pytest.mark.parametrize("good", [True, False])
def test_the_demo_passes_on_what_it_was_given(good: bool, played: tuple[list[Any], dict[str, Any]]) -> None:
    calls, result = played
    result["ok"] = good
    code = 0 if good else 1
    assert document("demo", "--quick", "--out", "r.json", "--model", "m", code=code) == result
    assert calls == [(True, Path("r.json"), "m")]
    shown = run("demo")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (code, SHOWN, "")
    assert calls[1][:2] == (False, None)
    assert document("demo", "--out", ".", code=1)["error"] == "InvalidInput"
    assert len(calls) == 2, "what cannot be written is told before the day and the night"


def test_the_demo_says_where_its_result_is_and_gives_no_share_of_nothing(
    played: tuple[list[Any], dict[str, Any]],
) -> None:
    played[1]["settled"] = 0
    shown = run("demo", "--out", "r.json")
    assert shown.stderr == "Written to r.json.\n"
    assert "passed the gate\t-\t-\t-\t-\n" in shown.stdout


# -- shared options and errors ----------------------------------------------------------------------------------------


def test_shared_options_stand_before_or_after_the_command_and_the_nearer_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOWWAVE_USER", "eve")
    monkeypatch.setenv("SLOWWAVE_FOLDER", str(tmp_path / "from-env"))
    (fact,) = document("add", "One fact.")["facts"]
    assert (fact["user_id"], list(NightMemory.kept)) == ("eve", [tmp_path / "from-env"])
    (fact,) = document("-u", "ada", "-f", "first", "add", "One fact.")["facts"]
    assert (fact["user_id"], list(NightMemory.kept)[-1]) == ("ada", tmp_path / "first")
    (fact,) = document("-u", "ada", "-f", "first", "add", "One fact.", "-u", "bob", "-f", "second")["facts"]
    assert (fact["user_id"], list(NightMemory.kept)[-1]) == ("bob", tmp_path / "second")
    assert json.loads(run("--json", "facts", "-u", "eve").stdout)["facts"][0]["user_id"] == "eve"


@pytest.mark.parametrize("command", [["ask", "x"], ["search", "x"], ["facts"], ["modules"], ["sleep"], ["forget", "x"]])
def test_a_folder_that_is_not_there_is_not_made_by_reading(command: list[str], tmp_path: Path) -> None:
    answer = document(*command, "-f", "typo", code=1)
    assert answer["error"] == "InvalidInput"
    assert "There is no memory folder" in answer["message"]
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize(
    ("option", "what"),
    [
        (["--user", ""], "Bad user id"),
        (["--user", " "], "Bad user id"),
        (["--folder", ""], "Empty folder"),
        (["--model", ""], "Empty model"),
        (["--device", ""], "Empty device"),
        (["--set", "model="], "Empty model"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_an_option_of_a_variable_that_is_not_set_is_not_the_default(
    option: list[str], what: str, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOWWAVE_USER", "ada")
    run("add", "I like tea.")
    for command in (["forget", "--all", "--yes"], ["sleep"], ["add", "I sing."], ["facts"]):
        words = [*option, *command] if before else [*command, *option]
        answer = document(*words, code=1)
        assert answer["error"] == "InvalidInput"
        assert answer["message"].startswith(f"{what}: {option[1].removeprefix('model=')!r}.")
    assert [list(facts) for facts in NightMemory.kept.values()] == [[fact["id"] for fact in document("facts")["facts"]]]
    assert (texts(), NightMemory.slept) == (["I like tea."], [])


def test_a_variable_that_is_empty_is_not_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLOWWAVE_USER", "")
    monkeypatch.setenv("SLOWWAVE_FOLDER", "")
    assert document("add", "I sing.")["facts"][0]["user_id"] == "default"
    assert list(NightMemory.kept) == [tmp_path / "slowwave-memory"]
    run("add", "I run.", "-u", "ada")
    assert len(texts()) == 2


@pytest.mark.parametrize("command", [["ask", "x"], ["search", "x"], ["facts"], ["modules"], ["sleep"], ["forget", "x"]])
@pytest.mark.parametrize("content", [None, "photo.png", "modules/mine/main.py"])
def test_a_folder_of_other_things_is_left_alone_by_reading(
    command: list[str], content: str | None, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    if content:
        (home / content).parent.mkdir(parents=True, exist_ok=True)
        (home / content).touch()
    before = sorted(home.rglob("*"))
    assert "There is no memory folder" in document(*command, "-f", "home", code=1)["message"]
    assert sorted(home.rglob("*")) == before
    assert NightMemory.kept == {}


def test_a_memory_folder_that_is_none_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is a file" in document("add", "I sing.", "-f", "file", code=1)["message"]
    assert document("add", "I sing.", "-f", "~nobody-of-this-name/m", code=1)["error"] == "InvalidInput"


def test_errors_are_one_line_or_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "I sing.")

    def locked(*_: object, **__: object) -> None:
        raise MemoryLocked("m", "process 7\non host")

    monkeypatch.setattr(NightMemory, "__init__", locked)
    result = run("facts")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert document("facts", code=1) == {
        "error": "MemoryLocked",
        "message": " ".join(str(MemoryLocked("m", "process 7\non host")).replace("\\n", "\\n").split()),
    }


def test_an_error_of_nobody_is_a_document_too(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "I sing.")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(NightMemory, "get_all", broken)
    assert document("facts", code=1)["error"] == "ZeroDivisionError"
    assert "Traceback" in run("facts", "--verbose").stderr
    assert "Traceback" not in run("facts").stderr


def test_missing_weights_are_told_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "I sing.")

    def absent(name: str, progress: Progress) -> None:
        raise WeightsError(name, "no hub can be reached", "Give a folder.")

    monkeypatch.setattr(weights, "base_model", absent)
    answer = document("ask", "what?", code=1)
    assert answer["error"] == "WeightsError"
    assert run("search", "sing").exit_code == 0, "searching needs no base model"


def test_an_interrupt_is_one_line_and_130(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "I sing.")

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(NightMemory, "consolidate", stop)
    result = run("sleep")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (130, "", 1)
    assert document("sleep", code=130)["error"] == "Interrupted"
    assert NightMemory._open == {}, "the folder was not given back"


class Nights:
    """A clock that strikes when a test says so."""

    def __init__(self, schedule: str, job: Callable[[], None]) -> None:
        self.strike, self.next_run, self.stopped = job, THEN, False

    def stop(self) -> None:
        self.stopped = True


def every_night(monkeypatch: pytest.MonkeyPatch, *words: str, meanwhile: Sequence[Callable[[], object]]) -> Result:
    """`sleep --every`, with a night before each of these, and Ctrl-C behind the last."""
    monkeypatch.setattr(watch, "Clock", Nights)

    def wait(self: threading.Event, timeout: float | None = None) -> bool:
        for one in meanwhile:
            watching[0]._clock.strike()  # type: ignore[attr-defined]
            one()
        raise KeyboardInterrupt

    watching: list[watch.Watch] = []
    told = watch.Watch.tell_next

    def tell_next(self: watch.Watch) -> None:
        watching.append(self)
        told(self)

    monkeypatch.setattr(watch.Watch, "tell_next", tell_next)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", wait)
        return run("sleep", "--every", "0 3 * * *", *words)


def test_between_the_nights_of_a_schedule_the_folder_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "I sing.")
    result = every_night(monkeypatch, meanwhile=[lambda: run("add", "I run."), lambda: None, lambda: None])
    assert result.exit_code == 130
    assert result.stderr.count("The next night is at 2026-11-21 03:00; Ctrl-C stops.\n") == 4
    assert [line for line in result.stdout.splitlines() if "settled in" in line] == ["1 of 1 fact settled in 2 s."] * 2
    assert result.stdout.endswith("Nothing to learn: every fact is settled or left to retrieval.\n")
    assert NightMemory._open == {}


def test_the_nights_of_a_schedule_are_whose_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "I sing.", "-u", "ada")
    run("add", "I run.", "-u", "bob")
    every_night(monkeypatch, "-u", "bob", meanwhile=[lambda: None])
    assert [fact.user_id for fact in NightMemory.slept[0].facts] == ["bob"]


def test_a_night_of_a_schedule_that_fails_is_told_and_the_next_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "I sing.")
    errors = [WeightsError("m", "it is gone", "Fetch it."), ZeroDivisionError("oh\nno"), None]
    once = NightMemory.consolidate

    def consolidate(self: NightMemory, **given: Any) -> NightReport:
        if (error := errors.pop(0)) is not None:
            raise error
        return once(self, **given)

    monkeypatch.setattr(NightMemory, "consolidate", consolidate)
    result = every_night(monkeypatch, "--json", meanwhile=[lambda: None] * 3)
    documents, rest = [], result.stdout
    while rest.strip():
        one, end = json.JSONDecoder().raw_decode(rest)
        documents.append(one)
        rest = rest[end:].lstrip()
    upcoming = {"schedule": "0 3 * * *", "next_night": "2026-11-21T03:00:00+00:00"}
    assert documents[::2] == [upcoming] * 4
    assert [one["error"] for one in documents[1:5:2]] == ["WeightsError", "ZeroDivisionError"]
    assert documents[3]["message"].startswith("Unexpected ZeroDivisionError: oh no")
    assert documents[5]["settled"] == 1
    assert documents[-1]["error"] == "Interrupted"


def test_a_schedule_that_cannot_be_kept_is_told_before_anything_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "I sing.")

    class Never:
        def __init__(self, schedule: str, job: Callable[[], None]) -> None:
            raise InvalidInput("A schedule that never comes", schedule, "Give a day that there is.")

    monkeypatch.setattr(watch, "Clock", Never)
    monkeypatch.setattr(watch.Watch, "wait", lambda self: pytest.fail("it waits for ever"))
    answer = document("sleep", "--every", "0 3 31 2 *", code=1)
    assert (answer["error"], answer["message"][:27]) == ("InvalidInput", "A schedule that never comes")


def test_a_schedule_ends_when_nobody_reads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "I sing.")

    class Closed(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(watch, "Clock", Nights)
    watching = watch.Watch(Call(Path("slowwave-memory"), "ada", None, False, False, Settings(), Closed()), "0 3 * * *")
    watching._night()
    with pytest.raises(BrokenPipeError):
        watching.wait()
    assert watching._clock.stopped  # type: ignore[attr-defined]


def test_an_interrupt_of_the_schedule_waits_for_a_step_and_not_for_the_night(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "I sing.")
    begun, closed = threading.Event(), threading.Event()

    def consolidate(self: NightMemory, **_: Any) -> NightReport:
        begun.set()
        assert closed.wait(20)
        raise MemoryClosed("m")

    monkeypatch.setattr(NightMemory, "consolidate", consolidate)

    def close(self: NightMemory) -> None:
        closed.set()
        self._open.clear()

    monkeypatch.setattr(NightMemory, "close", close)
    monkeypatch.setattr(watch, "Clock", Nights)
    out = io.StringIO()
    watching = watch.Watch(Call(Path("slowwave-memory"), "ada", None, False, False, Settings(), out), "0 3 * * *")
    night = threading.Thread(target=watching._night)
    night.start()
    assert begun.wait(20)

    def interrupted(timeout: float) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(watching._ending, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        watching.wait()
    night.join(20)
    assert not night.is_alive()
    assert watching._clock.stopped  # type: ignore[attr-defined]
    assert out.getvalue() == "", "a night that is asked to stop has not failed"
    begun.clear()
    watching._night()
    assert not begun.is_set(), "and no other one begins"
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    "words",
    [
        ["add"],
        ["ask"],
        ["search"],
        ["forget"],
        ["forget", "x", "--all"],
        ["forget", "--all", "--json"],
        ["search", "x", "-k", "0"],
        ["search", "x", "-w", "nothing"],
        ["facts", "-w", "=x"],
        ["facts", "--limit", "many"],
        ["nothing"],
        ["--nothing"],
    ],
)
def test_wrong_usage_is_2(words: list[str]) -> None:
    NightMemory(Path("slowwave-memory"), settings=Settings()).close()
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    "command",
    [
        "add",
        "ask",
        "search",
        "sleep",
        "report",
        "nights",
        "facts",
        "history",
        "update",
        "modules",
        "forget",
        "doctor",
        "demo",
        "prepare",
        "export",
    ],
)
def test_every_command_helps_and_takes_the_shared_options(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    for option in ("--folder", "--user", "--json", "--model", "--device", "--set", "--verbose"):
        assert option in result.stdout


def test_a_report_of_the_last_night_or_another(tmp_path: Path) -> None:
    run("add", "I like tea.")
    assert (run("report").exit_code, run("report").stdout) == (3, "")
    assert document("report", code=3) == {"night_id": None, "facts": [], "modules": [], "settled": 0, "recent": 0}
    run("sleep")
    run("sleep")
    assert document("report")["night_id"] == "n1"  # the second night had nothing to learn
    assert document("report", "n2")["facts"] == []
    assert document("report", "n1")["settled"] == 1
    assert "I like tea." in run("report", "n1").stdout
    assert run("report", "n7").exit_code == 1
    page = tmp_path / "night.html"
    assert run("report", "n1", "--out", str(page)).exit_code == 0
    assert "I like tea." in page.read_text(encoding="utf-8")


def test_stored_text_cannot_steer_the_terminal() -> None:
    run("add", "red \x1b[31m and\x07 a bell")
    for result in (run("facts"), run("search", "red"), run("ask", "red?")):
        assert result.exit_code == 0
        assert "\x1b" not in result.stdout + result.stderr
        assert "\x07" not in result.stdout + result.stderr


def encoded(encoding: str, errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors)


@pytest.mark.parametrize(
    ("encoding", "errors", "shown"),
    [
        ("cp1252", "strict", "caf\xe9 ?"),
        ("ascii", "surrogateescape", "caf? ?"),
        ("ascii", "backslashreplace", "caf\\xe9 \\U0001f600"),
        ("utf-8", "strict", "caf\xe9 \U0001f600"),
        ("utf-16", "strict", "caf\xe9 \U0001f600"),
    ],
)
def test_letters_that_the_stream_has_not_are_replaced_and_escaped_in_documents(
    encoding: str, errors: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add", "caf\xe9 \U0001f600")
    for words in (["facts"], ["search", "caf\xe9"], ["ask", "caf\xe9"], ["facts", "--json"], ["add", "", "--json"]):
        out = encoded(encoding, errors)
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as ended:
            cli.app(words)
        printed = out.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
        if "--json" not in words:
            assert (ended.value.code, shown in printed) == (0, True)
            continue
        said = json.loads(printed)
        assert said.get("error", "InvalidInput") == "InvalidInput"
        if "facts" in words:
            assert said["facts"][0]["text"] == "caf\xe9 \U0001f600"
            assert ("\\u" in printed) == (encoding[:3] != "utf")


def test_a_terminal_gets_a_table() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    call = Call(Path("m"), "ada", None, False, False, Settings(), screen)
    call.table(("id", "fact"), [("1", "[bold]tea[/bold]"), ("2", "two\nlines")])
    plain = re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue())
    assert plain.split() == ["id", "fact", "1", "[bold]tea[/bold]", "2", "two", "lines"]


def test_the_verbs_on_a_real_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights are needed for these verbs, given the embedder that has none."""
    monkeypatch.setitem(sys.modules, "slowwave.memory", real)
    monkeypatch.setattr(
        invocation, "Settings", types.SimpleNamespace(checked=lambda **given: Settings(embedder="hash:64", **given))
    )
    added = document(
        "add", "I like tea.", "I live in Lisbon.", "-u", "ada", "--date", "2026-11-20", "--meta", "topic=me"
    )
    (first, second) = added["facts"]
    assert document("search", "tea", "-k", "1", "-u", "ada")["results"][0]["fact"] == first
    assert document("search", "tea", "-u", "bob", code=3) == {"results": []}
    listed = document("facts", "-w", "topic=me")["facts"]
    assert sorted(listed, key=lambda fact: fact["text"]) == [{**fact, "status": "recent"} for fact in (first, second)]
    assert document("modules") == {"modules": []}
    assert document("forget", first["id"][:8]) == {"forgotten": 1, "ids": [first["id"]]}
    assert texts() == ["I live in Lisbon."]
    assert document("add", "x" * 5000, code=1)["error"] == "InvalidInput"
    assert document("forget", "--all", "--yes", "-u", "ada")["forgotten"] == 1
    assert texts() == []


def test_the_fake_takes_what_the_memory_takes() -> None:
    names = [
        "add", "add_many", "ask", "stream", "search", "get_all", "delete", "delete_all", "consolidate", "modules",
        "settled_ids", "close",
    ]  # fmt: skip
    for name in names:
        wanted = inspect.signature(getattr(NightMemory, name)).parameters
        takes = inspect.signature(getattr(real.Memory, name)).parameters
        named = {key for key, parameter in wanted.items() if parameter.kind is not inspect.Parameter.VAR_KEYWORD}
        assert named <= set(takes), name


# -- properties -------------------------------------------------------------------------------------------------------


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2100, 1, 1), timezones=st.none()))
def test_both_forms_of_a_date_mean_the_same_minute(moment: datetime) -> None:
    minute = moment.replace(second=0, microsecond=0)
    loose = f"{minute.year:04}/{minute.month:02}/{minute.day:02} (Tue) {minute.hour:02}:{minute.minute:02}"
    assert read_date(loose, "date") == minute.astimezone()
    assert read_date(moment.isoformat(), "date") == moment.astimezone()
    assert read_date(loose.split(" ")[0], "date") == minute.replace(hour=0, minute=0).astimezone()


@given(st.integers(-12 * 60, 12 * 60), st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)))
def test_a_date_with_a_zone_keeps_its_moment(offset: int, moment: datetime) -> None:
    from datetime import timezone

    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    read = read_date(zoned.isoformat(), "date")
    assert (read, read.utcoffset()) == (zoned, zoned.utcoffset())


@given(st.dictionaries(st.text("abc_", min_size=1), st.integers() | st.booleans() | st.text("xyz =é", min_size=1)))
def test_metadata_keeps_its_types(pairs: dict[str, Any]) -> None:
    given_pairs = [f"{key}={json.dumps(value)}" for key, value in pairs.items()]
    read = read_pairs(given_pairs)
    assert read == pairs
    assert [type(value) for value in read.values()] == [type(value) for value in pairs.values()]


@given(st.lists(st.text()))
def test_every_line_that_says_something_is_kept_once(lines: list[str]) -> None:
    content = "\n".join(lines)
    assert parse_text(content, Path("x.txt")) == [[line.strip() for line in content.splitlines() if line.strip()]]


@given(st.text())
def test_printing_is_harmless_and_keeps_the_words(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert all(letter.isprintable() or letter in "\n\t" for letter in shown)
    assert printable(shown) == shown


@given(st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text()})))
def test_a_chat_keeps_every_turn(turns: Sequence[dict[str, str]]) -> None:
    expected = [Message(role=turn["role"], content=turn["content"]) for turn in turns]
    assert read_chat(list(turns)) == read_chat({"messages": list(turns)}) == expected


# -- processes --------------------------------------------------------------------------------------------------------


def process(*words: str, code: str | None = None) -> subprocess.Popen[str]:
    start = ["-c", code] if code else ["-m", "slowwave"]
    return subprocess.Popen(
        [sys.executable, "-W", "error", *start, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**{name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}, "COLUMNS": "100"},
    )


WITH_FAKE = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background inherits that it is ignored
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_cli
test_cli.install(setattr, sys.modules.__setitem__)
test_cli.NightMemory.noise = "a library prints"
from slowwave.cli import main
main()
"""


def test_help_is_light() -> None:
    code = (
        "import sys; sys.argv = ['slowwave', '--help']; from slowwave.cli import main\n"
        "try: main()\n"
        "finally: print({'torch', 'chromadb', 'transformers', 'apscheduler'} & set(sys.modules), file=sys.stderr)"
    )
    out, said = process(code=code).communicate(timeout=60)
    assert "Usage: slowwave" in out
    assert said.strip() == "set()"


@pytest.mark.parametrize(
    ("words", "code", "stdout"),
    [
        (["--help"], 0, "Usage: slowwave"),
        (["forget"], 2, ""),
        (["-f", "nowhere", "facts"], 1, ""),
        (["-f", "nowhere", "facts", "--json"], 1, '{"error": "InvalidInput"'),
    ],
)
def test_the_module_runs(words: list[str], code: int, stdout: str) -> None:
    child = process(*words)
    out, said = child.communicate(timeout=60)
    assert child.returncode == code, said
    assert out.startswith(stdout)
    assert bool(out) == bool(stdout)


def test_only_the_document_reaches_standard_output() -> None:
    Path("m/facts").mkdir(parents=True)
    child = process("-f", "m", "sleep", "--json", code=WITH_FAKE)
    out, said = child.communicate(timeout=60)
    assert child.returncode == 0, said
    assert json.loads(out)["night_id"] == "n1"
    assert said.strip() == "a library prints"


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send")
def test_ctrl_c_ends_the_schedule_cleanly() -> None:
    Path("m/facts").mkdir(parents=True)
    child = process("-f", "m", "sleep", "--every", "0 3 * * *", code=WITH_FAKE)
    assert child.stderr is not None
    assert re.fullmatch(r"The next night is at \d{4}-\d\d-\d\d 03:00; Ctrl-C stops\.\n", child.stderr.readline())
    child.send_signal(signal.SIGINT)
    out, said = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, "")
    assert said == "Interrupted; what was finished is kept.\n"


@pytest.mark.skipif(os.name == "nt", reason="pipes break in another way there")
@pytest.mark.parametrize(
    ("words", "stream"),
    [
        (["facts"], "stdout"),
        (["facts", "--json"], "stdout"),
        (["ask", "tea?"], "stdout"),
        (["facts", "-f", "nowhere", "--json"], "stdout"),
        (["facts"], "stderr"),
        (["facts", "-f", "nowhere"], "stderr"),
    ],
)
def test_a_reader_that_goes_ends_a_command_without_a_word(words: list[str], stream: str) -> None:
    code = WITH_FAKE.replace("main()", "test_cli.NightMemory('slowwave-memory', settings=None).add('tea ' * 400)\n"
                             "test_cli.NightMemory._open = {}; test_cli.NightMemory.noise = ''\nmain()")  # fmt: skip
    child = process(*words, code=code)
    pipes = {"stdout": child.stdout, "stderr": child.stderr}
    gone = pipes.pop(stream)
    assert gone is not None
    gone.close()  # before anything is written: the interpreter takes longer to start
    (kept,) = pipes.values()
    assert kept is not None
    with kept:
        said = kept.read()
    assert child.wait(60) == 141
    assert "BrokenPipe" not in said
    assert "error" not in said.lower()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_result_that_cannot_be_written_is_an_error() -> None:
    Path("slowwave-memory/facts").mkdir(parents=True)
    start = [sys.executable, "-W", "error", "-c", WITH_FAKE]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*start, "facts", "--json"], stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith("The result cannot be written")
    assert ended.stderr.count("\n") == 1


def test_a_note_stands_behind_the_result_that_it_is_about() -> None:
    Path("slowwave-memory/facts").mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    start = [sys.executable, "-W", "error", "-c", WITH_FAKE]
    ended = subprocess.run(
        [*start, "ask", "tea?"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        check=False,
    )
    assert ended.stdout.splitlines()[0] == "I don't know."
    assert ended.stdout.splitlines()[1].startswith("0 facts")


def test_without_a_standard_output_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "I sing.")
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as ended:
        cli.app(["facts"])
    assert ended.value.code == 0


# -- versions, nights, other users ------------------------------------------------------------------------------------


def test_the_version_is_told() -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"slowwave {__version__}\n")


def test_whoever_has_no_facts_is_told_who_has() -> None:
    run("add", "I like tea.", "I sing.", "-u", "ada")
    for words in (["ask", "What do I like?"], ["search", "tea"], ["facts", "-u", "default"]):
        assert "default has no facts here; ada has 2 facts (--user ada)." in run(*words).stderr
        assert "no facts here" not in run(*words, "-u", "ada").stderr


def test_nights_are_listed_and_found_by_the_beginning_of_their_id() -> None:
    run("add", "I like tea.")
    assert document("nights") == {"nights": []}
    run("sleep")
    run("sleep")
    assert [night["night_id"] for night in document("nights")["nights"]] == ["n2", "n1"]
    assert "n1" in run("nights").stdout
    assert document("report")["night_id"] == "n1", "the second had nothing to learn"
    assert run("report", "n").exit_code == 1
    assert "n2, n1" in run("report", "x").stderr


def test_a_fact_gets_a_new_version_by_the_beginning_of_its_id() -> None:
    (fact,) = document("add", "I live in Porto.")["facts"]
    new = document("update", fact["id"][:8], "I", "live", "in", "Faro.")["fact"]
    assert new["text"] == "I live in Faro."
    assert texts() == ["I live in Faro."]
    assert [one["text"] for one in document("history", new["id"][:8])["facts"]] == [
        "I live in Porto.",
        "I live in Faro.",
    ]
    assert document("update", "zzz", "I sing.", code=1)["error"] == "FactNotFound"


def test_a_chat_in_which_the_user_states_nothing_says_so(tmp_path: Path) -> None:
    chat = tmp_path / "chat.json"
    chat.write_text('[{"role": "user", "content": "What is the weather?"}]', encoding="utf-8")
    result = run("add", str(chat))
    assert "Remembered 0 facts" in result.stdout
    assert "stated nothing" in result.stderr
