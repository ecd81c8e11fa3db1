"""`textgate deploy status`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, load_for, print_lines, set_option


@click.command("status")
@click.argument("model")
@config_option
@set_option
def command(model: str, config: Path, overrides: tuple[str, ...]) -> None:
    """Show what is deployed of MODEL, how it is, and whether the promotion log says so, too."""
    from components.base.settings import deploy_step, run_step
    from components.deploy.status import status

    settings = load_for(model, config, overrides)
    print_lines(status(run_step(settings), deploy_step(settings)))
