"""The server as a process: `python -m serving.server --bundle DIR` or `--pin FILE`; SIGTERM lets requests finish."""

from __future__ import annotations

import argparse
import gc
import logging
import math
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import uvicorn

from components.base.errors import TextgateError
from components.base.files import write_text
from serving.app import create_app
from serving.connection import Connection
from serving.follower import Follower
from serving.models import Slot, load_folder, load_pinned
from serving.options import Options
from serving.pins import read_pin

log = logging.getLogger("textgate.serving")


def serve_bundle(
    folder: Path, options: Options, *, name: str = "", version: str = "", port_file: Path | None = None
) -> None:
    """Serves one bundle folder until SIGTERM or SIGINT; port 0 takes a free one. `port_file` gets the port.

    Raises TextgateError when the bundle is not whole or the port cannot be had.
    """
    _serve(Slot(load_folder(folder, name, version, options.threads)), options, None, port_file)


def serve_pinned(
    pin_file: Path, options: Options, *, port_file: Path | None = None, ahead: Callable[[], None] | None = None
) -> None:
    """Serves what the pin names, and each version it names later, until SIGTERM or SIGINT. See serve_bundle, and
    Follower of `ahead`."""
    pin = read_pin(pin_file)
    slot = Slot(load_pinned(pin, options.threads))
    _serve(slot, options, Follower(slot, pin_file, pin, options.threads, ahead=ahead), port_file)


class _Server(uvicorn.Server):
    """Told to stop, it says that it is not ready, and goes on for `linger_s`, so that who sends requests here learns of
    it before the port is closed; told once more, it stops at once."""

    def __init__(self, config: uvicorn.Config, slot: Slot, linger_s: float) -> None:
        super().__init__(config)
        self._slot, self._linger_s = slot, linger_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._linger_s and not self._slot.stopping:
            threading.Timer(self._linger_s, super().handle_exit, (sig, frame)).start()
        else:
            super().handle_exit(sig, frame)
        self._slot.stopping = True


def _serve(slot: Slot, options: Options, follower: Follower | None, port_file: Path | None) -> None:
    app = create_app(slot, options, follower.run if follower else None)
    config = uvicorn.Config(
        app,
        http=Connection,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=math.ceil(options.drain_s),
    )
    server = _Server(config, slot, options.linger_s)
    with _listen(options.host, options.port) as listener:
        # uvicorn raises the signal that stopped it once more; with its own handler left in place that ends in status 0.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.handle_exit)
        chosen, model = listener.getsockname()[1], slot.current
        log.info("serving %s version %s on http://%s:%d", model.name, model.version, options.host, chosen)
        if port_file is not None:
            write_text(port_file, f"{chosen}\n")
        # What is loaded stays: looking through it for garbage again and again would only hold up requests.
        gc.collect()
        gc.freeze()
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
    parser.add_argument("--host", help="the address to listen on")
    parser.add_argument("--port", type=int, help="0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="where to write the port")
    parser.add_argument("--threads", type=int, help="of one inference; 0 takes all cores")
    parser.add_argument("--options", default="{}", help="everything that can be set, as JSON: a config's section serve")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        options = Options.from_json(given.options).but(host=given.host, port=given.port, threads=given.threads)
        if given.pin:
            serve_pinned(given.pin, options, port_file=given.port_file)
        else:
            serve_bundle(given.bundle, options, name=given.name, version=given.version, port_file=given.port_file)
    except TextgateError as error:
        print(f"textgate: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
