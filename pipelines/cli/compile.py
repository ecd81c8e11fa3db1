"""`textgate compile`"""

from __future__ import annotations

from pathlib import Path

import click

from components.base.settings import load
from pipelines.cli.options import config_option, set_option


@click.command()
@config_option
@set_option
@click.option(
    "--pipeline",
    type=click.Choice(["finetune", "promotion"]),
    default="finetune",
    show_default=True,
    help="promotion: the small one that makes a registered version the champion.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("pipeline.yaml"), show_default=True)
def command(config: Path, overrides: tuple[str, ...], pipeline: str, output: Path) -> None:
    """Write the compiled pipeline as one YAML."""
    from pipelines.compile import compile_pipeline
    from pipelines.promotion.compiling import compile_promotion

    settings = load(config, list(overrides))
    if pipeline == "promotion":
        compile_promotion(settings, output)
    else:
        compile_pipeline(settings, output)
    click.echo(f"wrote {output}")
