"""`textgate cache`: each subcommand in a module of its own, imported only when it is called."""

from __future__ import annotations

import click

from pipelines.cli import LazyGroup

COMMANDS = {"explain": "for each step of a run, which inputs made it run again"}


@click.group("cache", cls=LazyGroup, lazy=COMMANDS, package=__name__)
def command() -> None:
    """Tell why a step of a run was taken from a cache, or ran."""
