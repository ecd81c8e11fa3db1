"""`textgate pipelines list`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.kubeflow import kubeflow_options, print_table, reach


@click.command()
@kubeflow_options
def command(config: Path, overrides: tuple[str, ...], host: str, namespace: str) -> None:
    """List the pipelines on Kubeflow with their versions, the newest first."""
    from rich.table import Table
    from rich.text import Text

    from pipelines.cluster.uploading import list_versions

    table = Table("pipeline", "version", "uploaded", box=None, pad_edge=False)
    for pipeline, version, uploaded in list_versions(reach(config, overrides, host, namespace)):
        table.add_row(Text(pipeline), Text(version), uploaded)
    print_table(table)
