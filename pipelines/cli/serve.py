"""`textgate serve`: the deployed champion answers over HTTP."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from components.base.errors import TextgateError
from components.base.settings import ServeSettings, load
from components.base.workspace import home
from pipelines.cli.options import DEFAULT_CONFIG
from serving.pins import pin_path
from serving.server import serve_pinned


@click.command("serve")
@click.option(
    "--config", type=click.Path(path_type=Path), help=f"Names model, host and port. Default: {DEFAULT_CONFIG}."
)
@click.option("--name", help="The model, instead of the config's.")
@click.option("--host", help="The address to listen on, instead of the config's.")
@click.option("--port", type=click.IntRange(0, 65535), help="Instead of the config's; 0 takes a free one.")
@click.option("--port-file", type=click.Path(path_type=Path), help="Where to write the port that was taken.")
@click.option("--threads", type=click.IntRange(0), default=0, help="Of one inference; 0 takes all cores.")
def command(
    *, config: Path | None, name: str | None, host: str | None, port: int | None, port_file: Path | None, threads: int
) -> None:
    """Serve the deployed champion over HTTP, and each version deployed after it, until Ctrl-C."""
    name, place = _place(config, name)
    pin = pin_path(home(), name)
    if not pin.exists():
        raise TextgateError(
            f"no version of {name} is deployed in {home()}; run `textgate run` with promote.mode and deploy.mode auto,"
            f" or `textgate promote {name} VERSION`"
        )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    serve_pinned(
        pin,
        host=place.host if host is None else host,
        port=place.port if port is None else port,
        port_file=port_file,
        threads=threads,
    )


def _place(config: Path | None, name: str | None) -> tuple[str, ServeSettings]:
    """With --name alone, a config is not needed."""
    if config is None and name:
        return name, ServeSettings()
    settings = load(config or DEFAULT_CONFIG)
    return name or settings.name, settings.serve
