"""`textgate bundle`: each subcommand in a module of its own, imported only when it is called."""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli import LazyGroup

COMMANDS = {
    "inspect": "what a bundle is, and what is in it",
    "verify": "check every byte of a bundle",
    "bench": "how fast a bundle answers on this machine",
}
bundle_argument = click.argument("bundle", metavar="PATH", type=click.Path(path_type=Path))


@click.group("bundle", cls=LazyGroup, lazy=COMMANDS, package=__name__)
def command() -> None:
    """Show, verify or time a bundle: the folder that is evaluated, registered and served."""
