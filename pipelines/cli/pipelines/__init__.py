"""`textgate pipelines`"""

from __future__ import annotations

import click

from pipelines.cli import LazyGroup

COMMANDS = {
    "list": "list the pipelines on Kubeflow and their versions",
    "upload": "upload the compiled pipeline of a config, once",
}


@click.group("pipelines", cls=LazyGroup, lazy=COMMANDS, package=__name__)
def command() -> None:
    """Compiled pipelines on Kubeflow; a version is named by the digest of its file."""
