"""`textgate gate explain`"""

from __future__ import annotations

import click


@click.command("explain")
@click.argument("run")
def command(run: str) -> None:
    """Show what the gate said of RUN: each rule with what was observed, its interval, limit and why, and what to do.

    RUN is the id of a run on this machine, or of an MLflow run or the job that it is of.
    """
    from pipelines.verdict_screen import show_verdict
    from pipelines.verdicts import find_verdict

    show_verdict(find_verdict(run))
