"""`textgate compile`"""

from __future__ import annotations

import tempfile
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
@click.option("--manifests", is_flag=True, help="Write the Kubernetes objects Pipeline and PipelineVersion instead.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("pipeline.yaml"),
    show_default=True,
    help="- is stdout.",
)
def command(config: Path, overrides: tuple[str, ...], pipeline: str, manifests: bool, output: Path) -> None:
    """Write the compiled pipeline as one YAML, with the pods that section cluster of the config describes.

    The images are cluster.image and cluster.gpu_image, or else TEXTGATE_IMAGE, each by digest.
    """
    from pipelines.compile import compile_pipeline
    from pipelines.promotion.compiling import compile_promotion

    settings = load(config, list(overrides))
    compile_it = compile_promotion if pipeline == "promotion" else compile_pipeline
    if str(output) != "-":
        compile_it(settings, output, manifests=manifests)
        click.echo(f"wrote {output}")
        return
    with tempfile.TemporaryDirectory(prefix="textgate-") as folder:
        compile_it(settings, file := Path(folder) / "pipeline.yaml", manifests=manifests)
        click.echo(file.read_text(encoding="utf-8"), nl=False)
