"""`textgate status`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, load_for, print_lines, set_option


@click.command()
@click.argument("model")
@config_option
@set_option
def command(model: str, config: Path, overrides: tuple[str, ...]) -> None:
    """Show the champion of MODEL, whether MLflow says so, too, whether a version waits, and what is deployed."""
    from components.base.settings import deploy_step, run_step
    from pipelines.promotion.status import status

    settings = load_for(model, config, overrides)
    print_lines(status(run_step(settings), deploy_step(settings)))
