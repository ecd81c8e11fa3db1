"""`textgate promote`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, load_for, set_option


@click.command()
@click.argument("model")
@click.argument("version")
@click.option("--reason", default="promoted by hand", show_default=True, help="Kept in the promotion log.")
@config_option
@set_option
def command(model: str, version: str, reason: str, config: Path, overrides: tuple[str, ...]) -> None:
    """Question VERSION of MODEL as its server would be questioned, then make it champion and deploy it."""
    from pipelines.promote import promote_version

    promote_version(load_for(model, config, overrides), version, reason)
