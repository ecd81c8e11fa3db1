"""`textgate data push`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.options import config_option, set_option


@click.command("push")
@config_option
@set_option
def command(config: Path, overrides: tuple[str, ...]) -> None:
    """Put the version that the DVC file names into each remote of the config, and check that it is there.

    Credentials for S3 come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...).
    """
    from components.base.settings import load
    from pipelines.data.sync import push

    push(load(config, list(overrides)), click.echo)
