"""`textgate bundle bench`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.bundle import bundle_argument

FILE = click.Path(path_type=Path)


@click.command("bench")
@bundle_argument
@click.option("--candidates", type=FILE, metavar="FOLDER", help="Of NAME.onnx, to be measured beside it.")
@click.option("--texts", type=FILE, metavar="FILE", help="One text a line.  [default: the bundle's canary examples]")
@click.option("--threads", type=click.IntRange(0), default=0, help="Of one inference.  [default: all cores]")
@click.option(
    "--output", type=FILE, metavar="FILE", help="Write the figures as JSON, which gate.bench of a config names."
)
def command(bundle: Path, candidates: Path | None, texts: Path | None, threads: int, output: Path | None) -> None:
    """Measure how fast the bundle at PATH answers on this machine, and models that could be served in its place.

    Where textgate is not installed, as in the image that serves: python -m serving.bench PATH, with the same options.
    """
    from serving.bench import run

    click.echo(run(bundle, candidates, texts, threads, output))
