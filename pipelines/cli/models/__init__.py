"""`textgate models`"""

from __future__ import annotations

import click

from pipelines.cli import LazyGroup

COMMANDS = {
    "list": "show every registered version of a model, and which are in use",
    "prune": "delete old versions that nothing needs",
}


@click.group("models", cls=LazyGroup, lazy=COMMANDS, package=__name__)
def command() -> None:
    """Registered versions: which there are, and which may go."""
