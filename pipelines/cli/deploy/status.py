"""`textgate deploy status`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, load_for, set_option


@click.command("status")
@click.argument("model")
@config_option
@set_option
def command(model: str, config: Path, overrides: tuple[str, ...]) -> None:
    """Show what is deployed of MODEL, how it is, and whether the promotion log says so, too."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from components.base.settings import deploy_step, run_step
    from components.deploy.status import status

    settings = load_for(model, config, overrides)
    table = Table(box=None, show_header=False, pad_edge=False)
    for what, how in status(run_step(settings), deploy_step(settings)):
        table.add_row(Text(what, style="bold"), Text(how))
    Console().print(table)
