"""`textgate config`"""

from __future__ import annotations

from pathlib import Path

import click

from components.base.settings import load


@click.group()
def command() -> None:
    """Check config files."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Refuse an unknown key, a wrong type or an impossible combination, naming key, value and what is allowed."""
    settings = load(file)
    click.echo(f"{file} is valid: {settings.name}, {len(settings.data.labels)} labels, {settings.base_model.reference}")
