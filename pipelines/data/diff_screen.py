"""The difference of two data versions on the screen, as changes.as_json has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.data import status

KINDS = {**status.KINDS, "gained": "gained", "lost": "lost"}
LABELS_SHOWN = 20
CHANGES_SHOWN = 20


def show_difference(console: Console, found: dict[str, Any], labels: Sequence[str]) -> None:
    """Counts by split and label, these in the order of `labels`, and what else changed."""
    for side in ("old", "new"):
        console.print(f"{side} {escape(found[side]['name'])} ({found[side]['md5']})")
    kinds = [kind for kind in KINDS if any(kind in split for split in found["splits"].values())]
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


def row_line(kind: str, splits: Sequence[str | None], row: str) -> str:
    """Kind, split and id, a tab between; for a moved row both splits."""
    return f"{kind}\t{' → '.join(split for split in dict.fromkeys(splits) if split)}\t{row}"


def _table(splits: dict[str, Any], kinds: list[str], labels: Sequence[str]) -> Table:
    """A line for each split, and below it for each label that changed, those with most changes where there are many."""
    columns = ["before", "after", *kinds]
    if "relabelled" in kinds:
        columns += ["gained", "lost"]
    table = Table("", *(KINDS.get(name, name) for name in columns), box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    order = {label: number for number, label in enumerate(labels)}
    for split, counts in splits.items():
        table.add_row(f"[bold]{split}[/]", *(_number(counts, name) for name in columns))
        most = sorted(counts["labels"].items(), key=lambda item: -sum(item[1].get(kind, 0) for kind in KINDS))
        for label, of in sorted(most[:LABELS_SHOWN], key=lambda item: (order.get(item[0], len(order)), item[0])):
            table.add_row(f"  {escape(label)}", *(_number(of, name) for name in columns))
        if len(most) > LABELS_SHOWN:
            table.add_row(f"  and {len(most) - LABELS_SHOWN} other labels; --json has all")
    return table


def _number(counts: dict[str, int], name: str) -> str:
    return f"{counts.get(name, 0):,}" if name in counts or name in ("before", "after") else ""
