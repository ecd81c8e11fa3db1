"""Bytes to a server as they are, well-formed or not, and what it replies."""

from __future__ import annotations

import re
import socket
import time
from collections import Counter
from typing import Literal, NamedTuple

import orjson

LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
TRACES = (b"Traceback", b'File "', b".py")
PAUSE_S = 0.01


class Case(NamedTuple):
    """`pieces` are sent one after another; the connection ends with `replies` replies, or after `patience_s`.

    `expected`: each reply is a refusal (4xx), or an answer (200); either; or there may be none, as where a request is
    never whole.
    """

    kind: str
    pieces: tuple[bytes, ...]
    expected: Literal["refused", "answered", "either", "none or either"]
    replies: int = 1
    patience_s: float = 20.0


class Reply(NamedTuple):
    status: int
    head: bytes
    body: bytes


class Found(NamedTuple):
    """How many requests were sent, the faults of their replies, and how often the server answered wrongly after a block
    of them."""

    sent: int
    faults: Counter[str]
    silent: int


def send(address: tuple[str, int], case: Case) -> list[Reply]:
    received = b""
    with socket.create_connection(address, timeout=case.patience_s) as connection:
        try:
            for number, piece in enumerate(case.pieces):
                if number:
                    time.sleep(PAUSE_S)
                connection.sendall(piece)
            while len(_replies(received)) < case.replies and (more := connection.recv(1 << 16)):
                received += more
        except OSError:  # nothing comes any more, or the server has closed the connection while it was sent to
            pass
    return _replies(received)


def _replies(received: bytes) -> list[Reply]:
    """Those that are whole."""
    found = []
    while b"\r\n\r\n" in received:
        head, _, rest = received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        size = int(length[1]) if length else 0
        if len(rest) < size:
            break
        if not head.startswith(b"HTTP/1.1 100"):
            found.append(Reply(int(head.split(maxsplit=2)[1]), head, rest[:size]))
        received = rest[size:]
    return found


def fault(case: Case, replies: list[Reply]) -> str:
    """What is wrong with the replies, empty where nothing is."""
    if len(replies) < case.replies and case.expected != "none or either":
        return f"{len(replies)} replies for {case.replies}"
    for reply in replies:
        if reply.status >= 500:
            return f"status {reply.status}"
        if any(trace in reply.body for trace in TRACES):
            return "a stack trace in the body"
        if case.expected in ("refused", "answered") and (reply.status == 200) != (case.expected == "answered"):
            return f"status {reply.status} where it should be {case.expected}: {reply.body[:100]!r}"
        if reply.status >= 400 and b"application/json" in reply.head and not _is_error(reply.body):
            return f"an error that is none: {reply.body[:100]!r}"
    return ""


def _is_error(body: bytes) -> bool:
    value = orjson.loads(body)
    return isinstance(value, dict) and set(value) == {"error"} and isinstance(value["error"], str)
