"""`textgate data`: each subcommand in a module of its own, imported only when it is called."""

from __future__ import annotations

import click

from pipelines.cli import LazyGroup

COMMANDS = {
    "import": "build the data from files, or the default data, and its DVC version",
    "status": "what the data is against its DVC version, the cache and the remotes",
    "push": "put the data into a remote",
    "pull": "get the data that the DVC file names",
    "diff": "rows added, removed and relabelled since a revision",
    "validate": "check the data as the pipeline does",
}


@click.group("data", cls=LazyGroup, lazy=COMMANDS, package=__name__)
def command() -> None:
    """Import, version and check the data."""
