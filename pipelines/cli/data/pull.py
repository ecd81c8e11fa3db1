"""`textgate data pull`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, set_option


@click.command("pull")
@config_option
@set_option
@click.option("--force", is_flag=True, help="Replace a folder that holds what no version has.")
def command(config: Path, overrides: tuple[str, ...], force: bool) -> None:
    """Make the folder what the DVC file names: from the cache, or from the first remote that has each object."""
    from components.base.settings import load
    from pipelines.data.sync import pull

    settings = load(config, list(overrides))
    pulled = pull(settings, force)
    folder = Path(settings.data.version).with_suffix("")
    if pulled.objects:
        click.echo(f"fetched into DVC's cache: {pulled.objects} objects")
    click.echo(f"{folder} is {'now' if pulled.written else 'already'} version {pulled.md5}")
    if pulled.before:
        click.echo(f"it was version {pulled.before}, which DVC's cache keeps")
