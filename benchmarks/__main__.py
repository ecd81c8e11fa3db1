"""`make bench NAME=x`: runs benchmarks/x/, prints its figures and writes benchmarks/out/x.json.

Each part's figures are kept as soon as they are there: a run that was interrupted goes on where it was.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.harness import OUT, Figure, machine
from components.base.errors import TextgateError
from components.base.files import read_json, write_json

WIDTH = 160


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.ispkg)


def run(name: str, parts: list[str]) -> list[Figure]:
    """The figures of every part of the benchmark (or of those named), in order; data sets lie in the folder DATA.

    Exits where there is no such part.
    """
    known = importlib.import_module(f"benchmarks.{name}").PARTS
    if unknown := set(parts) - set(known):
        sys.exit(f"{name} has no part {min(unknown)}; ROW is one of: {', '.join(known)}")
    figures = []
    for part in known:
        if not parts or part in parts:
            figures += _part(name, part)
    return figures


def _part(name: str, part: str) -> list[Figure]:
    kept = OUT / name / f"{part}.json"
    if kept.exists():
        print(f"{name}: {part} is taken from the run that was interrupted ({kept})", file=sys.stderr, flush=True)
        return [Figure(**figure) for figure in read_json(kept)]
    data = Path(os.environ["DATA"]) if os.environ.get("DATA") else None
    started = time.monotonic()
    figures: list[Figure] = importlib.import_module(f"benchmarks.{name}.{part}").figures(data)
    print(f"{name}: {part} took {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_json(kept, [figure._asdict() for figure in figures])
    return figures


def show(figures: list[Figure]) -> None:
    table = Table("figure", "value", "unit", "must be", "holds", box=None, pad_edge=False, header_style="bold")
    for figure in figures:
        value = figure.value if isinstance(figure.value, str) else f"{figure.value:,.4g}"
        holds = {True: "yes", False: "NO", None: ""}[figure.holds]
        table.add_row(figure.what, value, figure.unit, figure.must, holds)
    Console(highlight=False, width=WIDTH).print(table)


def main() -> None:
    name, *parts = [argument for argument in sys.argv[1:] if not argument.startswith("--")] or [""]
    if name not in names():
        sys.exit(f"NAME is one of: {', '.join(names())}")
    try:
        figures = run(name, parts)
    except TextgateError as error:
        sys.exit(f"{name}: {error}")
    figures += [*machine(), Figure("taken", datetime.now(UTC).isoformat(timespec="seconds"), "")]
    show(figures)
    write_json(OUT / f"{name}.json", [figure._asdict() for figure in figures])
    shutil.rmtree(OUT / name, ignore_errors=True)
    if any(figure.holds is False for figure in figures):
        sys.exit(1)


if __name__ == "__main__":
    main()
