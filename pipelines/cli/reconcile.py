"""`textgate reconcile`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, load_for, set_option


@click.command()
@click.argument("model")
@click.option("--restore", is_flag=True, help="Give the alias back to the champion by the log, wherever it was moved.")
@config_option
@set_option
def command(model: str, restore: bool, config: Path, overrides: tuple[str, ...]) -> None:
    """Finish a promotion of MODEL that was cut off after its entry in the log: alias and tags follow.

    An alias that somebody moved by hand is left as it is: what differs is told, with what each choice does, and the
    command exits with 1.
    """
    from components.base import champion
    from components.base.promotion_log import open_log
    from components.base.settings import run_step

    run = run_step(load_for(model, config, overrides))
    log = open_log(run)
    if restore:
        champion.restore(run, log)
    elif champion.reconcile(run, log):
        click.echo("done; `textgate deploy` makes sure that it is deployed, too")
        return
    head = log.head()
    click.echo(
        f"the promotion log and MLflow agree: {champion.named(head.version if head else '')} is champion of {model}"
    )
