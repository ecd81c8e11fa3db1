"""`textgate serve`: the deployed champion answers over HTTP."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from components.base.errors import TextgateError
from components.base.settings import load
from components.base.workspace import home
from pipelines.cli.options import DEFAULT_CONFIG
from serving.options import Options
from serving.pins import pin_path
from serving.server import serve_pinned


@click.command("serve")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help=f"Names the model, and how it is served. Default: {DEFAULT_CONFIG}.",
)
@click.option("--name", help="The model, instead of the config's.")
@click.option("--host", help="The address to listen on, instead of the config's.")
@click.option("--port", type=click.IntRange(0, 65535), help="Instead of the config's; 0 takes a free one.")
@click.option("--port-file", type=click.Path(path_type=Path), help="Where to write the port that was taken.")
@click.option("--threads", type=click.IntRange(0), help="Of one inference, instead of the config's; 0 takes all cores.")
def command(
    *,
    config: Path | None,
    name: str | None,
    host: str | None,
    port: int | None,
    port_file: Path | None,
    threads: int | None,
) -> None:
    """Serve the deployed champion over HTTP, and each version deployed after it, until Ctrl-C."""
    name, options = _options(config, name)
    pin = pin_path(home(), name)
    if not pin.exists():
        raise TextgateError(
            f"no version of {name} is deployed in {home()}; run `textgate run` with promote.mode and deploy.mode auto,"
            f" or `textgate promote {name} VERSION`"
        )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    serve_pinned(pin, options.but(host=host, port=port, threads=threads), port_file=port_file)


def _options(config: Path | None, name: str | None) -> tuple[str, Options]:
    """With --name alone, a config is not needed."""
    if config is None and name:
        return name, Options()
    settings = load(config or DEFAULT_CONFIG)
    return name or settings.name, settings.serve.options
