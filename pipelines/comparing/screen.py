"""The comparison of two runs on the screen, part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.base.metric_names import words
from components.gate.entries import shown_figure
from pipelines.comparing.predictions import BECAME
from pipelines.data.diff import KINDS
from pipelines.data.diff_screen import row_line, show_difference

WIDTH = 200
FLIPS_SHOWN = 20
FILES_SHOWN = 30


def show_comparison(found: Mapping[str, Any], rows: bool = False) -> None:
    """`rows`: every row of the data that changed, and every prediction that flipped."""
    console = Console(highlight=False, soft_wrap=True, width=WIDTH)
    for side in ("old", "new"):
        run = found[side]
        version = f", version {run['version']}" if run["version"] else ""
        console.print(f"{side} [bold]{escape(run['run'])}[/] of {escape(run['name'])}: {run['outcome']}{version}")
    _values(console, "settings", found["settings"])
    _values(console, "inputs", found["inputs"])
    if _begun(console, "data", found["data"]):
        _data(console, found["data"], rows)
    if _begun(console, "code", found["code"]):
        _code(console, found["code"])
    _values(console, "environment", found["environment"])
    _stages(console, found["stages"])
    if _begun(console, "metrics", found["metrics"]):
        _metrics(console, found["metrics"])
    if _begun(console, "predictions", found["predictions"]):
        _predictions(console, found["predictions"], rows)


def _begun(console: Console, title: str, part: Any) -> bool:
    """Prints the part's heading; where it cannot be had, why, and gives False."""
    unavailable = isinstance(part, Mapping) and "unavailable" in part
    console.print(f"\n[bold]{title}[/]")
    if unavailable:
        console.print(f"not available: {escape(part['unavailable'])}")
    return not unavailable


def _values(console: Console, title: str, part: Any) -> None:
    if not _begun(console, title, part):
        return
    if not part:
        console.print("the same")
        return
    table = _new_table("", "old", "new")
    for entry in part:
        table.add_row(escape(entry["key"]), *(escape(str(entry.get(side, "—"))) for side in ("old", "new")))
    console.print(table)


def _data(console: Console, part: Mapping[str, Any], rows: bool) -> None:
    if part["same"]:
        console.print(f"the same ({part['md5']})")
        return
    show_difference(console, dict(part), part["labels"])
    for kind in KINDS if rows else ():
        for row in part["rows"][kind]:
            console.print(escape(row_line(kind, row["splits"], row["id"])))


def _code(console: Console, part: Mapping[str, Any]) -> None:
    for side in ("old", "new"):
        dirty = ", and changes that were not committed" if part[side]["dirty"] else ""
        console.print(f"{side} commit {part[side]['commit']}{dirty}")
    if not part["files"]:
        console.print("the same files")
    for file in part["files"][:FILES_SHOWN]:
        counts = "binary" if file["added"] is None else f"+{file['added']:,} -{file['removed']:,}"
        console.print(f"  {escape(file['path'])}  {counts}")
    if (more := len(part["files"]) - FILES_SHOWN) > 0:
        console.print(f"  and {more:,} other files; --json has all")
    _notes(console, part["notes"])


def _stages(console: Console, part: Mapping[str, str]) -> None:
    if part and _begun(console, "what the stages made", part):
        console.print(", ".join(f"{stage} {said}" for stage, said in part.items()))


def _metrics(console: Console, part: Mapping[str, Any]) -> None:
    table = _new_table("", "old", "new", f"new - old on {part['rows']:,} shared rows" if part["rows"] else "")
    for name, metric in part["metrics"].items():
        table.add_row(escape(words(name)), *(_estimate(metric[side]) for side in ("old", "new", "paired")))
    console.print(table)
    console.print(f"test rows: old {part['test_rows']['old']:,}, new {part['test_rows']['new']:,}")
    _notes(console, part["notes"])


def _predictions(console: Console, part: Mapping[str, Any], rows: bool) -> None:
    counts = ", ".join(f"{part['became'][name]:,} {name}" for name in BECAME.values() if name in part["became"])
    console.print(
        f"{len(part['flips']):,} of {part['rows']:,} shared rows flipped{f': {counts} now' if counts else ''}"
    )
    if (furthest := part["largest_probability_difference"]) is not None:
        console.print(f"largest difference of a probability: {furthest:.3g}")
    for side in ("old", "new"):
        if alone := part[f"only_{side}"]:
            console.print(f"{alone:,} rows are tested by the {side} run alone")
    if part["relabelled"]:
        console.print(f"{part['relabelled']:,} shared rows have another right answer now")
    shown = part["flips"] if rows else part["flips"][:FLIPS_SHOWN]
    if shown:
        table = _new_table("id", "right answer", "old", "new", "became")
        for flip in shown:
            answers = (escape(_answer(flip[name])) for name in ("label", "old", "new"))
            table.add_row(escape(flip["id"]), *answers, flip["became"])
        console.print(table)
    if (more := len(part["flips"]) - len(shown)) > 0:
        console.print(f"and {more:,} others; --rows lists all")


def _answer(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _estimate(found: Mapping[str, Any] | None) -> str:
    """The value with its interval; of one that is not there, or not defined, nothing."""
    if not found or found["value"] is None:
        return ""
    interval = "" if found["low"] is None else f" [{shown_figure(found['low'])}, {shown_figure(found['high'])}]"
    return f"{shown_figure(found['value'])}{escape(interval)}"


def _notes(console: Console, notes: Sequence[str]) -> None:
    for note in notes:
        console.print(f"note: {escape(note)}")


def _new_table(*headings: str) -> Table:
    return Table(*headings, box=None, pad_edge=False, header_style="bold")
