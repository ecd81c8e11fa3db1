"""One connection, as uvicorn reads it, with bounds on what may come before a request's body."""

from __future__ import annotations

from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 << 10
HEAD_S = 10.0


class Connection(HttpToolsProtocol):
    """Where a request's line and headers, which are kept until they are whole, do not come in one piece, they are
    refused beyond about MAX_HEAD_BYTES, and the connection is closed where they are not whole after HEAD_S."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head, self._size = False, 0
        self._late: TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._size += len(data)
        if self._size > MAX_HEAD_BYTES:
            self.send_400_response(f"The request's line and headers are longer than {MAX_HEAD_BYTES} bytes.")
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_S, self.transport.close)

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
