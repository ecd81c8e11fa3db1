"""A bench as text: one line for each model, and what is to be known of the machine and the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEADINGS = ("model", "MB", "p50 ms", "p95 ms", "texts/s", "load s", "agreement", "")


def shown(report: Mapping[str, Any]) -> str:
    """`report` as bench.json holds it."""
    bundle, canary, repeats = report["bundle"], report["canary"], report["repeats"]
    threads = report["threads"] or "all cores"
    texts = "1 text" if report["texts"] == 1 else f"{report['texts']} texts"
    times = f", {repeats} times each" if repeats > 1 else ""
    return "\n".join(
        [
            f"{bundle['name']}, {bundle['precision']}, digest {bundle['digest'][:12]}",
            described(report["processor"]),
            f"{texts}{times}, one by one (p50, p95) and in batches of 32 (texts/s); threads: {threads}",
            "",
            *_aligned([HEADINGS, *(_row(name, report) for name in _names(report))]),
            "",
            f"the bundle answers {canary['right']} of its {canary['asked']} canary examples as when it was made",
        ]
    )


def described(processor: Mapping[str, Any]) -> str:
    """With what it lacks, since an int8 model gains little on a processor without it."""
    known = [
        f"{verb} {', '.join(names)}"
        for verb, names in (("has", processor["has"]), ("lacks", processor["lacks"]))
        if names
    ]
    return "; ".join([f"{processor['name']} ({processor['machine']}, {processor['cores']} cores)", *known])


def _names(report: Mapping[str, Any]) -> list[str]:
    """The bundle's own model under its name among the candidates, where it is one of them."""
    return [name for name in report["models"] if name != "bundle" or report["served"] == "bundle"]


def _row(name: str, report: Mapping[str, Any]) -> tuple[str, ...]:
    model = report["models"][name]
    marks = [mark for mark in ("served", "fastest") if report[mark] == name and len(_names(report)) > 1]
    return (
        name,
        f"{model['bytes'] / 1e6:.1f}",
        f"{model['p50_ms']:.2f}",
        f"{model['p95_ms']:.2f}",
        f"{model['texts_per_second']:.0f}",
        f"{model['load_s']:.2f}",
        f"{model['agreement']:.4f}" if "agreement" in model else "",
        ", ".join(marks),
    )


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Columns of figures to the right, the first and the last to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    cells = [
        [cell.ljust(width) if place in (0, last) else cell.rjust(width) for place, (cell, width) in enumerate(pairs)]
        for pairs in (zip(row, widths, strict=True) for row in rows)
    ]
    return ["  ".join(line).rstrip() for line in cells]
