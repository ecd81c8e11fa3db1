"""`textgate data diff`"""

from __future__ import annotations

import json
from pathlib import Path

import click

from pipelines.cli.options import config_option, set_option

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
    from rich.console import Console

    from components.base.settings import load
    from pipelines.data import changes
    from pipelines.data.diff import KINDS
    from pipelines.data.diff_screen import row_line, show_difference

    settings = load(config, list(overrides))
    with changes.changes(settings, rev, rev2) as (old, new, compared):
        found = changes.as_json(old, new, compared, settings.data, rows=rows and as_json)
        if as_json:
            click.echo(json.dumps(found, indent=2, ensure_ascii=False))
            return
        show_difference(Console(highlight=False, soft_wrap=True, width=WIDTH), found, settings.data.labels)
        for kind in KINDS if rows else ():
            for row in compared.changed(kind):
                click.echo(row_line(kind, row.splits, row.id))
