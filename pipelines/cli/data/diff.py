"""`textgate data diff`"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.options import config_option, set_option

if TYPE_CHECKING:
    from rich.table import Table

    from pipelines.data.diff import Comparison

LABELS_SHOWN = 20
CHANGES_SHOWN = 20
WIDTH = 200


@click.command("diff")
@click.argument("rev", default="HEAD")
@click.argument("rev2", required=False, default="")
@config_option
@set_option
@click.option("--rows", is_flag=True, help="List the ids of the rows.")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON; with --rows the ids too.")
def command(rev: str, rev2: str, config: Path, overrides: tuple[str, ...], rows: bool, as_json: bool) -> None:
    """Show which rows changed between the version of git revision REV and the folder, or the version of REV2.

    Rows are the same by their id. relabelled: other labels; edited: another text; moved: in another split; other:
    another value in a further column. Versions come from DVC's cache, or from the remotes into it.
    """
    from components.base.settings import load
    from pipelines.data import changes

    settings = load(config, list(overrides))
    with changes.changes(settings, rev, rev2) as (old, new, compared):
        found = changes.as_json(old, new, compared, settings.data, rows=rows and as_json)
        if as_json:
            click.echo(json.dumps(found, indent=2, ensure_ascii=False))
            return
        _show(found, settings.data.labels)
        if rows:
            _show_rows(compared)


def _show(found: dict[str, Any], labels: list[str]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True, width=WIDTH)
    for side in ("old", "new"):
        console.print(f"{side} {escape(found[side]['name'])} ({found[side]['md5']})")
    kinds = [kind for kind in _kinds() if any(kind in split for split in found["splits"].values())]
    if kinds:
        console.print(_table(found["splits"], kinds, labels))
    else:
        console.print("the rows are the same" if found["files"] else "nothing changed")
    for path, change in found["files"].items():
        if not kinds or path.removesuffix(".parquet") not in found["splits"]:
            console.print(f"{escape(path)} {change}")
    for change in found["relabelled"][:CHANGES_SHOWN]:
        before, after = ", ".join(change["before"]), ", ".join(change["after"])
        console.print(f"relabelled in {change['split']}: {escape(f'{before} → {after}')}  {change['rows']:,}")
    if (more := len(found["relabelled"]) - CHANGES_SHOWN) > 0:
        console.print(f"and {more} other pairs of labels; --json has all")
    for move in found["moved"]:
        console.print(f"moved: {move['before']} → {move['after']}  {move['rows']:,}")
    for note in found["notes"]:
        console.print(f"note: {escape(note)}")


def _kinds() -> dict[str, str]:
    from pipelines.data.status import KINDS

    return {**KINDS, "gained": "gained", "lost": "lost"}


def _table(splits: dict[str, Any], kinds: list[str], labels: list[str]) -> Table:
    """A line for each split, and below it for each label that changed, those with most changes where there are many."""
    from rich.markup import escape
    from rich.table import Table

    columns = ["before", "after", *kinds]
    if "relabelled" in kinds:
        columns += ["gained", "lost"]
    table = Table("", *(_kinds().get(name, name) for name in columns), box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    order = {label: number for number, label in enumerate(labels)}
    for split, counts in splits.items():
        table.add_row(f"[bold]{split}[/]", *(_number(counts, name) for name in columns))
        most = sorted(counts["labels"].items(), key=lambda item: -sum(item[1].get(kind, 0) for kind in _kinds()))
        for label, of in sorted(most[:LABELS_SHOWN], key=lambda item: (order.get(item[0], len(order)), item[0])):
            table.add_row(f"  {escape(label)}", *(_number(of, name) for name in columns))
        if len(most) > LABELS_SHOWN:
            table.add_row(f"  and {len(most) - LABELS_SHOWN} other labels; --json has all")
    return table


def _number(counts: dict[str, int], name: str) -> str:
    return f"{counts.get(name, 0):,}" if name in counts or name in ("before", "after") else ""


def _show_rows(compared: Comparison) -> None:
    """Kind, split and id, a tab between; for a moved row both splits."""
    from pipelines.data.diff import KINDS

    for kind in KINDS:
        for row in compared.changed(kind):
            splits = [split for split in dict.fromkeys(row.splits) if split]
            click.echo(f"{kind}\t{' → '.join(splits)}\t{row.id}")
