"""`textgate models list`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, load_for, set_option


@click.command("list")
@click.argument("model")
@config_option
@set_option
def command(model: str, config: Path, overrides: tuple[str, ...]) -> None:
    """Show every registered version of MODEL, the newest first: its verdict, its scores, and where it is in use."""
    from rich.console import Console

    from components.base.settings import deploy_step, run_step
    from components.base.versions import all_versions
    from pipelines.models.keeping import standing
    from pipelines.models.table import make_table

    settings = load_for(model, config, overrides)
    if versions := all_versions(model):
        in_use = standing(run_step(settings), deploy_step(settings), versions)
        Console(highlight=False).print(make_table(versions, in_use))
    else:
        click.echo(f"MLflow has no version of {model}")
