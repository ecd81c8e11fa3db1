"""The least that a request over a connection that is kept takes, so that who measures a server does not slow it."""

from __future__ import annotations

import asyncio
import re
import time
from typing import NamedTuple, cast

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSING = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


class Answer(NamedTuple):
    """`when` by time.monotonic(); the head has no blank line at its end."""

    when: float
    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head[9:12])


class Connection(asyncio.Protocol):
    """One request at a time; an answer ends where its Content-Length says. `used` is when the last one came."""

    def __init__(self) -> None:
        self.open = False
        self.used = time.monotonic()
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Answer] | None = None
        self._received = bytearray()
        self._head, self._size = b"", 0

    async def ask(self, request: bytes) -> Answer:
        """Raises OSError where none comes."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def give_up(self, error: OSError) -> None:
        """Closes; who waits gets the error."""
        self.open = False
        self._transport.close()
        if self._answer and not self._answer.done():
            self._answer.set_exception(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.open = cast(asyncio.Transport, transport), True

    def connection_lost(self, exc: Exception | None) -> None:
        self.give_up(exc if isinstance(exc, OSError) else ConnectionResetError("closed before it answered"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._size:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = bytes(self._received[:end])
            length = LENGTH.search(self._head)
            if length is None:
                self.give_up(OSError("the answer has no Content-Length"))
                return
            self._size = end + 4 + int(length[1])
        if len(self._received) >= self._size:
            self._answered()

    def _answered(self) -> None:
        self.used = time.monotonic()
        answer = Answer(self.used, self._head, bytes(self._received[len(self._head) + 4 : self._size]))
        self._received.clear()
        self._size = 0
        if self._answer and not self._answer.done():
            self._answer.set_result(answer)
        if CLOSING.search(answer.head):
            self.give_up(ConnectionResetError("closed by the server"))
