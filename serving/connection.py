"""One connection, as uvicorn reads it, with bounds on what may come before a request's body."""

from __future__ import annotations

from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 << 10
HEAD_S = 10.0
LINGER_S = 2.0


class Connection(HttpToolsProtocol):
    """Where a request's line and headers, which are kept until they are whole, do not come in one piece, they are
    refused beyond about MAX_HEAD_BYTES, and the connection is closed where they are not whole after HEAD_S. Closed upon
    a caller who still sends, it would lose the refusal on its way: for LINGER_S what comes yet is dropped."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head, self._size = False, 0
        self._late: TimerHandle | None = None
        self._refused = False

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if not self._in_head or self._refused or self.transport.is_closing():
            return
        self._size += len(data)
        if self._size > MAX_HEAD_BYTES:
            self.send_400_response(f"The request's line and headers are longer than {MAX_HEAD_BYTES} bytes.")
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_S, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        self._in_time()
        self._refused = True
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        head = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
        self.transport.write(f"{head}content-length: {len(msg)}\r\n\r\n{msg}".encode("ascii"))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._late = self.loop.call_later(LINGER_S, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._in_head, self._size = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._in_time()
        super().on_headers_complete()

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
