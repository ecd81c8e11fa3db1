"""`textgate runs`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.kubeflow import COLOURS, kubeflow_options, lasting, print_table, reach

STATES = ("pending", "running", "succeeded", "failed", "canceling", "canceled", "skipped", "paused")


@click.command()
@click.option("-n", "most", type=click.IntRange(1, 1000), default=20, show_default=True, help="As many at most.")
@click.option("--state", type=click.Choice(STATES, case_sensitive=False), help="Only those.")
@click.option("--experiment", default="", help="Only those of this experiment.")
@click.option("--json", "as_json", is_flag=True, help="For programs; seconds are until the end, or until now.")
@kubeflow_options
def command(
    *,
    most: int,
    state: str | None,
    experiment: str,
    as_json: bool,
    config: Path,
    overrides: tuple[str, ...],
    host: str,
    namespace: str,
) -> None:
    """List the runs on Kubeflow, the newest first."""
    import json

    from rich.table import Table
    from rich.text import Text

    from pipelines.cluster.runs import list_runs

    listed = list_runs(reach(config, overrides, host, namespace), most, state or "", experiment)
    if as_json:
        click.echo(json.dumps([vars(run) for run in listed], indent=2))
        return
    table = Table("run", "name", "state", "started", "took", "experiment", box=None, pad_edge=False)
    for run in listed:
        shown = run.state.lower()
        cells = (run.started.replace("T", " ").removesuffix("+00:00"), lasting(run.seconds), run.experiment)
        state_cell = Text(shown, style=COLOURS.get(shown, ""))
        table.add_row(run.run_id[:8], Text(run.name), state_cell, *map(Text, cells))
    print_table(table)
