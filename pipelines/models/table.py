"""Registered versions as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from components.base import registry
from components.base.champion import STATE
from components.base.versions import Version

# Tags, and how their columns are called.
SCORES = {
    "textgate.test.accuracy": "accuracy",
    "textgate.test.macro_f1": "macro F1",
    "textgate.test.micro_f1": "micro F1",
}


def make_table(versions: Sequence[Version], standing: Mapping[str, Sequence[str]]) -> Table:
    """A row for each version, and a column for each score that one of them has."""
    table = Table(box=None, pad_edge=False)
    scores = {tag: name for tag, name in SCORES.items() if any(version.tags.get(tag) for version in versions)}
    for column in ("version", "registered", "verdict", *scores.values(), "bundle", "is"):
        table.add_column(column, overflow="fold")
    for version in versions:
        cells = [version.number, f"{version.when:%Y-%m-%d %H:%M}", version.tags.get(registry.VERDICT, "none")]
        cells += [version.tags.get(tag, "") for tag in scores]
        cells += [version.tags.get(registry.BUNDLE_DIGEST, "")[:12], said(version, standing.get(version.number, ()))]
        table.add_row(*map(Text, cells))
    return table


def said(version: Version, standing: Sequence[str]) -> str:
    told = registry.rejection(version.tags)
    former = version.tags.get(STATE, "") if not standing else ""
    return "; ".join([*standing, *([former] if former else []), *([told] if told else [])])
