"""A webhook on this machine that keeps what it is sent, and answers as it is told."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback import listening

SECRET = "T0451/B0451/the-secret-of-the-webhook"


@dataclass
class Hook:
    """`status` and `location` are what it answers with, after `wait_s`, a byte of the headers every `drip_s`."""

    status: int = 200
    location: str = ""
    wait_s: float = 0.0
    drip_s: float = 0.0
    url: str = ""
    got: list[Any] = field(default_factory=list)


@contextmanager
def webhook() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with suppress(OSError):  # who waited has gone
                self._answer()

        def _answer(self) -> None:
            hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            time.sleep(hook.wait_s)
            self.send_response(hook.status)
            if hook.location:
                self.send_header("Location", hook.location)
            self.flush_headers()
            while hook.drip_s:
                self.wfile.write(b"X-Drip: drop\r\n")
                time.sleep(hook.drip_s)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with listening(Handler) as address:
        hook.url = f"{address}/services/{SECRET}"
        yield hook
