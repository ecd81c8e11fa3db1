"""`textgate image`"""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.images.building import TARGETS
from pipelines.images.engine import ENGINES

engine_option = click.option(
    "--engine", type=click.Choice(ENGINES), default=None, help="Which one; else the first that answers."
)


@click.group()
def command() -> None:
    """Build the images of the cluster with Docker or Podman, push them, and tell their digests."""


@command.command()
@click.argument("target", type=click.Choice(TARGETS))
@click.option("--tag", default="", help="Its name; else textgate/TARGET:python3.12.")
@click.option("--base", default="", help="What it is built on; else what infra/image/base.txt names.")
@click.option(
    "--sbom", type=click.Path(path_type=Path), default=None, help="Its bill of materials; else TARGET.cdx.json here."
)
@engine_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def build(target: str, tag: str, base: str, sbom: Path | None, engine: str | None, arguments: tuple[str, ...]) -> None:
    """Build TARGET from this checkout, report its size and write its bill of materials (CycloneDX).

    ARGUMENTS after -- go to the engine, as in: textgate image build serving -- --platform linux/arm64
    """
    from components.base.files import check_writable, write_json
    from pipelines.images.building import UNKNOWN, build
    from pipelines.images.engine import find_engine
    from pipelines.images.materials import bill

    path = sbom or Path(f"{target}.cdx.json")
    check_writable(path)
    found = find_engine(engine or "")
    built = build(
        target, found, tag=tag, base=base, arguments=arguments, each=lambda line: click.echo(f"  {line}", err=True)
    )
    over = "" if built.over_base is None else f", {_megabytes(built.over_base)} over its base"
    click.echo(f"built {built.tag} in {built.seconds:.0f} s: {_megabytes(built.size)}{over}, by {found.name}")
    click.echo(f"commit {built.commit}")
    if built.commit.endswith("-dirty"):
        click.echo("  what it was built from was changed since that commit: build what a cluster runs from a clean one")
    elif built.commit == UNKNOWN:
        click.echo("  this is no git checkout, so that lineage cannot tell what code the image has")
    document = bill(found, target, built.tag)
    write_json(path, document)
    click.echo(f"wrote {path}: {len(document['components'])} components")


@command.command()
@click.argument("image")
@click.argument("reference", metavar="REGISTRY/NAME:TAG")
@engine_option
def push(image: str, reference: str, engine: str | None) -> None:
    """Push IMAGE of this machine to a registry, and print it by digest, as cluster.image wants it."""
    from pipelines.images.engine import find_engine
    from pipelines.images.pushing import push

    click.echo(push(find_engine(engine or ""), image, reference))


@command.command()
@click.argument("reference", metavar="REGISTRY/NAME:TAG")
def digest(reference: str) -> None:
    """Print what a registry has under a tag by digest, as cluster.image and infra/image/base.txt want it."""
    from pipelines.images.registry import pinned

    click.echo(pinned(reference))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
