"""Which ports are free."""

from __future__ import annotations

import socket
from collections.abc import Callable

from components.base.errors import TextgateError


def free_port() -> int:
    with socket.socket() as attempt:
        attempt.bind(("127.0.0.1", 0))
        return int(attempt.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def choose(name: str, asked: int, before: int, new: Callable[[], int] = free_port) -> int:
    """The port that was asked for (0: none), or that of the last time where it is free still, or a new one.

    Raises TextgateError where the one asked for is taken.
    """
    if asked and not is_free(asked):
        raise TextgateError(f"port {asked}, asked for {name}, is taken by another program; end that, or name another")
    if asked or (before and is_free(before)):
        return asked or before
    return new()
