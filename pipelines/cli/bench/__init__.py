"""`textgate bench`: each subcommand in a module of its own, imported only when it is called."""

from __future__ import annotations

import click

from pipelines.cli import LazyGroup

COMMANDS = {"serve": "latency and throughput of a server over HTTP"}


@click.group("bench", cls=LazyGroup, lazy=COMMANDS, package=__name__)
def command() -> None:
    """Measure how much a server bears. `textgate bundle bench` is about a bundle without one."""
