"""`textgate data`"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from pipelines.data.default.importing import Imported


@click.group("data")
def command() -> None:
    """Build the data and its DVC version."""


@command.command("import")
@click.option("--project", type=click.Path(path_type=Path), help="The clone; found from the current folder upwards.")
@click.option("--force", is_flag=True, help="Replace a data/ that differs and is not in DVC's cache.")
@click.option("--pin", is_flag=True, help="Write the built version to data.dvc (for who changes the cleaning).")
def import_(project: Path | None, force: bool, pin: bool) -> None:
    """Build data/ from the corpus of an installed package, as data.dvc names it, and commit it to DVC's cache."""
    from rich.console import Console

    from pipelines.data.default.importing import import_data
    from pipelines.data.version import find_project

    root = project.resolve() if project else find_project(Path.cwd())
    imported = import_data(root, force, pin)
    console = Console(highlight=False)
    if imported.counts is None:
        console.print(f"{root / 'data'} is already version {imported.md5}")
        return
    console.print(_summary(imported))
    console.print(f"{root / 'data'} is version {imported.md5}")


def _summary(imported: Imported) -> Table:
    """What became of every row, and the rows of each split and label."""
    from rich.table import Table

    from components.base.settings import SPLITS
    from pipelines.data.default.splits import split_of

    labels = sorted({row.label for row in imported.rows})
    kept = Counter((split_of(row.digest), row.label) for row in imported.rows)
    table = Table("", *labels, "rows", box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    assert imported.counts is not None
    for name, rows in imported.counts.lines():
        table.add_row(name, *[""] * len(labels), str(rows))
    table.add_section()
    for split in SPLITS:
        rows_of = [kept[split, label] for label in labels]
        table.add_row(split, *map(str, rows_of), str(sum(rows_of)))
    return table
