"""The server as a process: `python -m serving.server --bundle DIR` or `--pin FILE`; SIGTERM lets requests finish."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from components.base.errors import TextgateError
from components.base.files import write_text
from serving.app import create_app
from serving.follower import Follower
from serving.models import Slot, load_folder, load_pinned
from serving.pins import read_pin
from serving.protocol import Limits

DRAIN_S = 20

log = logging.getLogger("textgate.serving")


def serve_bundle(
    folder: Path,
    *,
    name: str = "",
    version: str = "",
    host: str = "127.0.0.1",
    port: int = 8080,
    port_file: Path | None = None,
    threads: int = 0,
) -> None:
    """Serves one bundle folder until SIGTERM or SIGINT; port 0 takes a free one. `port_file` gets the port.

    Raises TextgateError when the bundle is not whole or the port cannot be had.
    """
    _serve(Slot(load_folder(folder, name, version, threads)), None, host, port, port_file)


def serve_pinned(
    pin_file: Path, *, host: str = "127.0.0.1", port: int = 8080, port_file: Path | None = None, threads: int = 0
) -> None:
    """Serves what the pin names, and each version it names later, until SIGTERM or SIGINT. See serve_bundle."""
    pin = read_pin(pin_file)
    slot = Slot(load_pinned(pin, threads))
    _serve(slot, Follower(slot, pin_file, pin, threads), host, port, port_file)


def _serve(slot: Slot, follower: Follower | None, host: str, port: int, port_file: Path | None) -> None:
    app = create_app(slot, Limits(), follower.run if follower else None)
    config = uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, timeout_graceful_shutdown=DRAIN_S
    )
    server = uvicorn.Server(config)
    with _listen(host, port) as listener:
        # uvicorn raises the signal that stopped it once more; with its own handler left in place that ends in status 0.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.handle_exit)
        chosen = listener.getsockname()[1]
        log.info("serving %s version %s on http://%s:%d", slot.current.name, slot.current.version, host, chosen)
        if port_file is not None:
            write_text(port_file, f"{chosen}\n")
        server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise TextgateError(
            f"cannot listen on {host} port {port}: {error.strerror or error};"
            " stop what listens there, or choose another with --port"
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m serving.server", description="Serves one bundle over HTTP.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--bundle", type=Path, help="the bundle folder to serve")
    source.add_argument("--pin", type=Path, help="the pinned.json to follow")
    parser.add_argument("--name", default="", help="with --bundle: the model's name, instead of the bundle's own")
    parser.add_argument("--version", default="", help="with --bundle: the version to answer with")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="where to write the port")
    parser.add_argument("--threads", type=int, default=0, help="of one inference; 0 takes all cores")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    place = {"host": options.host, "port": options.port, "port_file": options.port_file, "threads": options.threads}
    try:
        if options.pin:
            serve_pinned(options.pin, **place)
        else:
            serve_bundle(options.bundle, name=options.name, version=options.version, **place)
    except TextgateError as error:
        print(f"textgate: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
