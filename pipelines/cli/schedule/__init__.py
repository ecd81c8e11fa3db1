"""`textgate schedule`"""

from __future__ import annotations

import click

from pipelines.cli import LazyGroup

COMMANDS = {
    "create": "run the pipeline at the times of a cron expression",
    "delete": "delete a schedule; its runs stay",
    "list": "list the schedules",
    "pause": "start no more runs of a schedule, for now",
    "resume": "start runs of a paused schedule again",
}


@click.group("schedule", cls=LazyGroup, lazy=COMMANDS, package=__name__)
def command() -> None:
    """Recurring runs on Kubeflow: one at a time, and missed times are left out."""
