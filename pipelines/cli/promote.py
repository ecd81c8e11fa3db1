"""`textgate promote`"""

from __future__ import annotations

from pathlib import Path

import click

from components.base.errors import TextgateError
from components.base.settings import load
from pipelines.cli.options import config_option, set_option


@click.command()
@click.argument("model")
@click.argument("version")
@click.option("--reason", default="promoted by hand", show_default=True, help="Kept in the promotion log.")
@config_option
@set_option
def command(model: str, version: str, reason: str, config: Path, overrides: tuple[str, ...]) -> None:
    """Question VERSION of MODEL as its server would be questioned, then make it champion and deploy it."""
    from pipelines.promote import promote_version

    settings = load(config, list(overrides))
    if settings.name != model:
        raise TextgateError(
            f"{config} is the config of {settings.name}, not of {model}; name the right one with --config"
        )
    promote_version(settings, version, reason)
