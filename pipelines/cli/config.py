"""`textgate config`"""

from __future__ import annotations

from pathlib import Path

import click

from components.base.settings import load, read_behaviour, read_bench, read_suite


@click.group()
def command() -> None:
    """Check config files."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Refuse an unknown key, a wrong type or an impossible combination, naming key, value and what is allowed; also in
    the files of expectations, of behaviour tests and of a bench that it names."""
    settings = load(file)
    read_suite(settings)
    read_behaviour(settings)
    read_bench(settings.gate)
    click.echo(f"{file} is valid: {settings.name}, {len(settings.data.labels)} labels, {settings.base_model.reference}")
