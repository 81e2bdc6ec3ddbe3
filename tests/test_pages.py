"""The page about a night: whole, self-contained, and safe with any text."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from slowwave.pages import night_page
from slowwave.types import FactReport, ModuleReport, NightReport

_VOID = {"meta", "polyline"}


class _Checked(HTMLParser):
    """Reads a page; every tag must be closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def night(reason: str = "") -> NightReport:
    module = ModuleReport(
        module_id="m-1", user_id="ada", facts=2, published=not reason, steps=30, train_seconds=4.0, final_loss=0.1,
        recall=0.9, reading={"true_fact": 0.8}, reason=reason, losses=(2.0, 1.0, 0.5), recalled_by_pass=(0.0, 0.5, 1.0),
        read_by_pass=(0.2, 0.6, 0.9), replaces=("m-2", "m-3"),
    )  # fmt: skip
    facts = (
        FactReport(fact_id="f1", user_id="ada", status="settled", recall=1.0, questions=6),
        FactReport(fact_id="f2", user_id="ada", status="failed", reason="too little recalled"),
    )
    day = datetime(2026, 11, 2, 3, tzinfo=UTC)
    return NightReport(night_id="n1", started_at=day, seconds={"training": 4.0}, modules=(module,), facts=facts)


def read(page: str) -> _Checked:
    checked = _Checked()
    checked.feed(page)
    checked.close()
    assert checked.open == []
    return checked


def test_a_page_says_what_a_night_did() -> None:
    page = read(night_page(night(), {"f1": "I like tea."}))
    assert page.seen.count("polyline") == 3
    for part in (
        "2 November 2026",
        "1 of 2 facts settled",
        "I like tea.",
        "f2",
        "too little recalled",
        "0.90",
        "2 smaller",
    ):
        assert part in page.text
    assert "not published: it forgot" in read(night_page(night("it forgot"), {})).text


@given(st.text(max_size=60))
def test_no_text_breaks_out_of_the_page(text: str) -> None:
    told = f"<script>alert(1)</script> & {text}"
    page = night_page(night(told), {"f1": told})
    assert "script" not in read(page).seen
    assert not {"link", "img", "iframe"} & set(read(page).seen), "nothing is fetched from anywhere"


def test_a_night_that_went_wrong_can_be_read_back() -> None:
    broken = night().modules[0].model_copy(update={"final_loss": float("nan")})
    report = night().model_copy(update={"modules": (broken,)})
    again = NightReport.model_validate_json(report.model_dump_json())
    assert again.modules[0].final_loss != again.modules[0].final_loss
    assert read(night_page(again, {})).seen
