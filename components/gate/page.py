"""The page that shows a verdict to people, verdict.html. What it says is in verdict.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.base.page import Page, Section, Table, write_html
from components.base.page.page import Cell
from components.gate.entries import shown_figure, state

HEADINGS = ["rule", "holds", "observed", "interval", "limit", "why"]
HOLDS = {"pass": Cell("yes"), "warn": Cell("", mark="warning"), "fail": Cell("", mark="no")}


def write_page(verdict: Mapping[str, Any], path: Path) -> None:
    """`verdict` as verdict.json holds it."""
    summary = [verdict["summary"]]
    if override := verdict.get("override"):
        summary.append(f"Overridden by {override['who']}: {override['reason']}")
    rules = Table("Each rule", HEADINGS, [_row(rule) for rule in verdict["rules"]], len(verdict["rules"]))
    following = [Section("What to do next", texts=verdict["next"])] if verdict["next"] else []
    page = Page(f"Verdict: {verdict['outcome']}", summary, [*following, Section("Rules", tables=[rules])])
    write_html(path, page)


def _row(rule: Mapping[str, Any]) -> list[Cell]:
    interval = "" if rule["low"] is None else f"{shown_figure(rule['low'])} to {shown_figure(rule['high'])}"
    figures = Cell(shown_figure(rule["observed"]), numeric=True), Cell(interval, numeric=True)
    return [Cell(rule["rule"]), HOLDS[state(rule)], *figures, Cell(rule["limit"]), Cell(rule["why"])]
