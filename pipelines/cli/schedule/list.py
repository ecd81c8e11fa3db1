"""`textgate schedule list`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipelines.cli.kubeflow import kubeflow_options, print_table, reach


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@kubeflow_options
def command(as_json: bool, config: Path, overrides: tuple[str, ...], host: str, namespace: str) -> None:
    """List the schedules."""
    import json

    from rich.table import Table
    from rich.text import Text

    from pipelines.cluster.schedules import list_schedules

    rows = [_row(schedule) for schedule in list_schedules(reach(config, overrides, host, namespace))]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("name", "cron", "state", "created", "id", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(row[key]) for key in ("name", "cron", "state", "created", "id")))
    print_table(table)


def _row(schedule: Any) -> dict[str, str]:
    trigger = schedule.trigger
    every = trigger.periodic_schedule if trigger else None
    cron = trigger.cron_schedule.cron if trigger and trigger.cron_schedule else ""
    return {
        "id": schedule.recurring_run_id,
        "name": schedule.display_name or "",
        "cron": cron or (f"every {every.interval_second} s" if every else ""),
        "state": (schedule.status or "").lower(),
        "created": schedule.created_at.isoformat(timespec="seconds") if schedule.created_at else "",
    }
