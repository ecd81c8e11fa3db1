"""`textgate lineage`"""

from __future__ import annotations

from pathlib import Path

import click

from components.base.errors import TextgateError


@click.command()
@click.argument("reference", metavar="RUN|MODEL", required=False, default="")
@click.argument("version", required=False, default="")
@click.option("--data", metavar="MD5|FILE", default="", help="What came of a data version: its md5, or its .dvc file.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Draw it as a page, too.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(reference: str, version: str, data: str, html: Path | None, as_json: bool) -> None:
    """Show what a run, or VERSION of MODEL, was made of, and what came of it.

    RUN is the name of a run's folder, or the id of an MLflow run or of the job that it is of.
    """
    from pipelines.lineage.lineage import lineage_of

    if bool(reference) == bool(data):
        raise TextgateError("textgate lineage takes a RUN, a MODEL and a VERSION, or --data with an md5 or a .dvc file")
    found = lineage_of(reference, version, data)
    if html:
        from pipelines.lineage.page import write_page

        write_page(html, found.facts, found.graph)
    if as_json:
        click.echo(found.as_json(), nl=False)
        return
    from pipelines.lineage.screen import show

    show(found.facts, found.graph)
    if html:
        click.echo(f"wrote {html}")
