"""A verdict on the screen: as a table of figures, or with every why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.gate.entries import shown_figure, state

COLOURS = {"pass": "green", "warn": "yellow", "fail": "red"}
MARKS = {"pass": "✓", "warn": "!", "fail": "✗"}


def rules_table(verdict: Mapping[str, Any]) -> Table:
    """A line for each rule, and the summary below."""
    table = Table(title="gate", title_justify="left", box=None, pad_edge=False)
    for heading in ("", "rule", "observed", "interval", "limit"):
        table.add_column(heading)
    for rule in verdict["rules"]:
        mark = f"[{COLOURS[state(rule)]}]{MARKS[state(rule)]}[/]"
        observed = escape(shown_figure(rule["observed"]))
        table.add_row(mark, escape(rule["rule"]), observed, _interval(rule), escape(rule["limit"]))
    table.caption, table.caption_justify = escape(verdict["summary"]), "left"
    return table


def show_verdict(verdict: Mapping[str, Any]) -> None:
    """Each rule with its figures and its why, then the outcome and what to do next."""
    console = Console(highlight=False, soft_wrap=True)
    for rule in verdict["rules"]:
        interval = f", interval {_interval(rule)}" if _interval(rule) else ""
        figures = f"observed {shown_figure(rule['observed'])}{interval}, limit {rule['limit']}"
        mark = f"[{COLOURS[state(rule)]}]{state(rule)}[/]"
        console.print(f"{mark} [bold]{escape(rule['rule'])}[/] {escape(figures)}")
        console.print(f"     {escape(rule['why'])}")
    colour = COLOURS["pass" if verdict["passed"] else "fail"]
    console.print(f"[{colour}]{escape(verdict['outcome'])}[/]: {_count(verdict)}")
    if override := verdict.get("override"):
        console.print(escape(f"overridden by {override['who']}: {override['reason']}"))
    if verdict["next"]:
        console.print("[bold]next[/]")
    for step in verdict["next"]:
        console.print(f"  {escape(step)}")


def _interval(rule: Mapping[str, Any]) -> str:
    return "" if rule["low"] is None else f"{shown_figure(rule['low'])} to {shown_figure(rule['high'])}"


def _count(verdict: Mapping[str, Any]) -> str:
    states = [state(rule) for rule in verdict["rules"]]
    words = {"pass": "hold", "warn": "warn", "fail": "refuse"}
    return ", ".join(f"{states.count(name)} {word}" for name, word in words.items() if states.count(name))
