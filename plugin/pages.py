"""The report of a night as one web page: figures, curves and a table of facts, with nothing to fetch from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from slowwave.types import FactReport, ModuleReport, NightReport

__all__ = ["night_page"]

_WIDTH, _HEIGHT, _MARGIN = 420, 130, 26
_COLOURS = {"loss": "#b5472f", "recalled": "#2f6db5", "read": "#3a8f5c"}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #dde3ea }
td.number { text-align: right; font-variant-numeric: tabular-nums }
.failed, .left { color: #b5472f } .unwritten { color: #8a6d1d }
svg { display: block; margin: .5rem 0 } svg text { font-size: 11px; fill: #5b6675 } .legend span { margin-right: 1rem }
@media (prefers-color-scheme: dark) { body { background: #14181e; color: #dbe2ea } td, th { border-color: #2c3440 } }
"""


def night_page(report: NightReport, texts: Mapping[str, str]) -> str:
    """A self-contained HTML document about one night.

    Args:
        texts: the facts' texts by id; a fact that was deleted since has none and is shown by its id.
    """
    seconds = sum(report.seconds.values())
    head = (
        f"<p>{report.settled} of {len(report.facts)} facts settled in {seconds:.0f} s"
        f"{', after an interruption' if report.resumed else ''}. "
        f"{', '.join(f'{escape(name)} {spent:.0f} s' for name, spent in report.seconds.items())}."
        f"{' ' + escape(str(report.writing)) if report.writing.calls else ''}</p>"
    )
    modules = "".join(_module(module) for module in report.modules)
    facts = _facts(report.facts, texts) if report.facts else "<p>Nothing new was learned.</p>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Night {escape(report.night_id)}</title>'
        f"<style>{_STYLE}</style></head><body>"
        f"<h1>Night of {report.started_at.day} {report.started_at:%B %Y, %H:%M} UTC</h1>{head}"
        f"{modules}<h2>Facts</h2>{facts}</body></html>\n"
    )


def _module(module: ModuleReport) -> str:
    outcome = "published" if module.published else f"not published: {escape(module.reason)}"
    if module.replaces:
        outcome += f"; made of {len(module.replaces)} smaller modules"
    rows = [
        ("recall of held-out phrasings, store off", module.recall, module.base_recall),
        ("recall of trained phrasings, store off", module.trained_recall, None),
        *(
            (f"with facts in the prompt: {name.replace('_', ' ')}", share, None)
            for name, share in module.reading.items()
        ),
        ("rise of the loss on ordinary prompts", module.canary, None),
        ("strength of the module", module.strength, None),
    ]
    cells = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">{value:.2f}</td>'
        f'<td class="number">{"" if base is None else f"{base:.2f} without"}</td></tr>'
        for name, value, base in rows
    )
    return (
        f"<h2>Module {escape(module.module_id)} of {escape(module.user_id)}</h2><p>{outcome}. {module.facts} facts, "
        f"{module.steps} steps in {module.train_seconds:.0f} s, {module.size_bytes / 1e6:.1f} MB.</p>"
        f"<table>{cells}</table>{_curves(module)}"
    )


def _curves(module: ModuleReport) -> str:
    """Loss, and what was recalled and read, pass by pass."""
    if len(module.losses) < 2:
        return ""
    top = max(module.losses) or 1.0
    lines = {
        "loss": [value / top for value in module.losses],
        "recalled": list(module.recalled_by_pass),
        "read": list(module.read_by_pass),
    }
    drawn = "".join(_line(values, _COLOURS[name]) for name, values in lines.items())
    last = len(module.losses)
    legend = "".join(f'<span style="color:{_COLOURS[name]}">{name}</span>' for name in lines)
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="loss, recall and reading by pass">'
        f'<text x="0" y="{_MARGIN}">1</text><text x="0" y="{_HEIGHT - _MARGIN}">0</text>'
        f'<text x="{_MARGIN}" y="{_HEIGHT - 6}">pass 1</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 6}" text-anchor="end">pass {last}</text>{drawn}</svg>'
        f'<p class="legend">{legend} (loss as a share of {top:.2f})</p>'
    )


def _line(values: Sequence[float], colour: str) -> str:
    wide, high = _WIDTH - _MARGIN - 4, _HEIGHT - 2 * _MARGIN
    step = wide / max(1, len(values) - 1)
    points = " ".join(
        f"{_MARGIN + number * step:.1f},{_MARGIN + (1 - min(1.0, max(0.0, value))) * high:.1f}"
        for number, value in enumerate(values)
    )
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{points}"/>'


def _facts(facts: Sequence[FactReport], texts: Mapping[str, str]) -> str:
    rows = "".join(
        f'<tr><td class="{one.status}">{one.status}</td><td class="number">{one.recall:.2f}</td>'
        f'<td class="number">{one.base_recall:.2f}</td><td class="number">{one.questions}</td>'
        f"<td>{escape(texts.get(one.fact_id, one.fact_id))}</td><td>{escape(one.reason)}</td></tr>"
        for one in facts
    )
    names = ("outcome", "recall", "without", "phrasings", "fact", "reason")
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in names)}</tr>{rows}</table>"
