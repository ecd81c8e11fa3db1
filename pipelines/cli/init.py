"""`textgate init`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from components.base.settings import Task

if TYPE_CHECKING:
    from pipelines.data.init.suggest import Suggestion


@click.command("init")
@click.option(
    "--from",
    "paths",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    metavar="PATH",
    help="A file, or a folder of files: CSV, TSV, JSON Lines, Parquet, CoNLL. Several may follow one another.",
)
@click.argument("more", type=click.Path(path_type=Path), nargs=-1, metavar="[PATH]...")
@click.option("--name", default="", help="The model's name; by default made from the files'.")
@click.option("--output", type=click.Path(path_type=Path), help="The config file; by default configs/NAME.yaml.")
@click.option("--force", is_flag=True, help="Replace a config that exists.")
@click.option("--task", type=click.Choice(get_args(Task)), help="What the rows are for.")
@click.option("--text", default="", metavar="COLUMN", help="The column of the text.")
@click.option("--text-pair", default="", metavar="COLUMN", help="That of the second text of a pair.")
@click.option("--label", default="", metavar="COLUMN", help="That of the label.")
@click.option("--id", "identity", default="", metavar="COLUMN", help="That of the rows' ids.")
@click.option("--encoding", default="", help="Of files that are not in UTF-8, as cp1252.")
@click.option("--delimiter", default="", help="What parts columns, as ';'.")
def command(
    paths: tuple[Path, ...],
    more: tuple[Path, ...],
    name: str,
    output: Path | None,
    force: bool,
    task: Task | None,
    text: str,
    text_pair: str,
    label: str,
    identity: str,
    encoding: str,
    delimiter: str,
) -> None:
    """Write a config for the labelled texts in files, to be read and changed: columns, task, labels, lengths, limits.

    What is not named is found out from the files, and said.
    """
    from components.base.files import write_text
    from pipelines.data.init.suggest import Decided, suggest
    from pipelines.data.init.target import choose_target
    from pipelines.data.stages import Stages

    chosen = {"text": text, "text_pair": text_pair, "label": label, "id": identity}
    decided = Decided(task, {role: column for role, column in chosen.items() if column}, encoding, delimiter)
    sources = [*paths, *more]
    target = choose_target(sources, name, output, force)
    with Stages() as stages:
        suggestion = suggest(sources, target, decided, stages)
    write_text(target.config, suggestion.text)
    _show(suggestion, target.config)


def _show(suggestion: Suggestion, config: Path) -> None:
    for line in suggestion.says:
        click.echo(line)
    if suggestion.notes:
        click.echo("\nto look at:")
        for note in suggestion.notes:
            click.echo(f"- {note}")
    click.echo(f"\n{config} is written; read it, then:")
    for line in suggestion.commands:
        click.echo(f"    {line}")
