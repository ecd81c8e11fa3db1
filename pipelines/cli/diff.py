"""`textgate diff`"""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("old", metavar="RUN")
@click.argument("new", metavar="RUN")
@click.option("--rows", is_flag=True, help="List the ids of every row that changed and every prediction that flipped.")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON; the ids of the data's rows with --rows.")
def command(old: str, new: str, rows: bool, as_json: bool) -> None:
    """Show what the second RUN has otherwise than the first: settings, data, code, versions, metrics, predictions.

    RUN is a run's folder, its MLflow id or job, or MODEL:VERSION. Differences are new minus old. A part that cannot be
    had says why.
    """
    from pipelines.comparing.comparing import compare_runs, find_run
    from pipelines.comparing.screen import show_comparison

    found = compare_runs(find_run(old), find_run(new), rows)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        show_comparison(found, rows)
