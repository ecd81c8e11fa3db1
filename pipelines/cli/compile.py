"""`textgate compile`"""

from __future__ import annotations

from pathlib import Path

import click

from components.base.settings import load
from pipelines.cli.options import config_option, set_option


@click.command()
@config_option
@set_option
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("pipeline.yaml"), show_default=True)
def command(config: Path, overrides: tuple[str, ...], output: Path) -> None:
    """Write the compiled pipeline as one YAML."""
    from pipelines.compile import compile_pipeline

    compile_pipeline(load(config, list(overrides)), output)
    click.echo(f"wrote {output}")
