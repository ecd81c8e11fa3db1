"""`textgate bundle verify`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.bundle import bundle_argument


@click.command("verify")
@bundle_argument
def command(bundle: Path) -> None:
    """Hash every file of the bundle at PATH and print its digest.

    A changed byte, a file that is missing or not listed, or a newer format is named, and exits with 1.
    """
    from serving.bundle import digest, verify

    manifest = verify(bundle)
    click.echo(f"{digest(bundle)}  {manifest.name}, {len(manifest.files)} files as its bundle.json lists them")
