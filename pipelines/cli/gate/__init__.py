"""`textgate gate`: each subcommand in a module of its own, imported only when it is called."""

from __future__ import annotations

import click

from pipelines.cli import LazyGroup

COMMANDS = {
    "explain": "what the gate said of a run, rule by rule",
    "check": "run the rules alone on the files of an evaluation",
}


@click.group("gate", cls=LazyGroup, lazy=COMMANDS, package=__name__)
def command() -> None:
    """Explain a verdict, or run the rules alone."""
