"""`textgate pipelines upload`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.kubeflow import kubeflow_options


@click.command()
@kubeflow_options
def command(config: Path, overrides: tuple[str, ...], host: str, namespace: str) -> None:
    """Compile the pipeline and upload it; a version that is there already is not uploaded again."""
    import tempfile

    from components.base.settings import load
    from pipelines.cluster import Cluster
    from pipelines.cluster.uploading import upload
    from pipelines.compile import compile_pipeline
    from pipelines.finetune import NAME

    settings = load(config, list(overrides))
    cluster = Cluster.of(settings, host, namespace)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        compile_pipeline(settings, file)
        version, uploaded = upload(cluster, file, NAME)
    click.echo(f"{NAME} {version.display_name} {'uploaded' if uploaded else 'was there already'}")
