"""`textgate rollback`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, load_for, set_option, why_option


@click.command()
@click.argument("model")
@click.argument("version", required=False, default="")
@why_option("rolled back by hand")
@config_option
@set_option
def command(model: str, version: str, reason: str, config: Path, overrides: tuple[str, ...]) -> None:
    """Make the champion before the present one, or an earlier champion VERSION, the champion of MODEL again.

    Before anything moves, its bundle must load and its server answer as it should; then it is deployed.
    """
    from pipelines.promotion.promoting import roll_back_to

    roll_back_to(load_for(model, config, overrides), version, reason)
