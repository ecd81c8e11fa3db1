"""`textgate serve`: the deployed champion answers over HTTP."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.base.errors import TextgateError
from components.base.settings import load, run_step
from components.base.workspace import home
from pipelines.cli.options import DEFAULT_CONFIG, load_for
from serving.options import Options
from serving.pins import pin_path
from serving.server import serve_pinned

if TYPE_CHECKING:
    from pipelines.following import HeadFollower


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
@click.option(
    "--follow",
    type=click.Choice(["pin", "head"]),
    default="pin",
    show_default=True,
    help="What is deployed here (pin), or what the promotion log's head says, deployed here first (head).",
)
def command(
    *,
    config: Path | None,
    name: str | None,
    host: str | None,
    port: int | None,
    port_file: Path | None,
    threads: int | None,
    follow: str,
) -> None:
    """Serve the deployed champion over HTTP, and each version deployed after it, until Ctrl-C."""
    name, options = _options(config, name)
    pin = pin_path(home(), name)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    ahead = _head_follower(name, config or DEFAULT_CONFIG, pin) if follow == "head" else None
    if ahead and not pin.exists():
        ahead()
    if not pin.exists():
        raise TextgateError(
            f"no version of {name} is {'promoted' if ahead else f'deployed in {home()}'}; run `textgate run` with"
            f" promote.mode and deploy.mode auto, or `textgate promote {name} VERSION`"
        )
    serve_pinned(pin, options.but(host=host, port=port, threads=threads), port_file=port_file, ahead=ahead)


def _options(config: Path | None, name: str | None) -> tuple[str, Options]:
    """With --name alone, a config is not needed."""
    if config is None and name:
        return name, Options()
    settings = load(config or DEFAULT_CONFIG)
    return name or settings.name, settings.serve.options


def _head_follower(name: str, config: Path, pin: Path) -> HeadFollower:
    from components.base.promotion_log import open_log
    from pipelines.following import HeadFollower, deploy_here

    settings = load_for(name, config, [])
    here = ["--config", str(config), "--set", "deploy.target=local"]
    return HeadFollower(open_log(run_step(settings)), pin, deploy_here(name, here))
