"""HTTP around the answers, with the faults that the state asks for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import listening
from tests.pipelines.loopback_kfp.kubeflow import Kubeflow
from tests.pipelines.loopback_kfp.models import to_json
from tests.pipelines.loopback_kfp.state import Fault, Refused, State

API = "/apis/v2beta1"


@contextmanager
def loopback(state: State, certificate: tuple[Path, Path] | None = None) -> Iterator[str]:
    """Yields the host to submit to; it speaks TLS with a certificate and its key."""

    class Handler(_Handler):
        kubeflow = Kubeflow(state)

    with listening(Handler, certificate) as host:
        yield host


class _Handler(BaseHTTPRequestHandler):
    kubeflow: Kubeflow
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, method: str) -> None:
        state, url = self.kubeflow.state, urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = f"{method} {self._path(url.path)}"
        state.requests.append(request)
        state.headers.append(dict(self.headers))
        fault = next((one for one in state.faults if one.befalls(request)), None)
        if fault and self._suffer(fault):
            return
        status, content, kind = self._found(request, query, body)
        if fault and fault.what == "lost":
            self.close_connection = True
            return
        if fault and fault.what == "drip":
            self._drip(content, kind)
            return
        self._send(status, content, kind, cut=bool(fault and fault.what == "cut"))

    def _path(self, path: str) -> str:
        """As in the API; logs stand beside it."""
        logs = f"/apis/{self.kubeflow.state.log_version}/runs/"
        if path.startswith(logs) and path.endswith("/log"):
            return f"/log/{path.removeprefix(logs).removesuffix('/log')}"
        return path.removeprefix(API) if path.startswith(API) else f"/elsewhere{path}"

    def _found(self, request: str, query: dict[str, str], body: bytes) -> tuple[int, bytes, str]:
        state, kind = self.kubeflow.state, self.headers.get("Content-Type", "")
        try:
            if state.needs and self.headers.get(state.needs[0]) != state.needs[1]:
                raise Refused(401, "Request header error: there is no user identity header")
            found = self.kubeflow.answer(request, query, _upload(body, kind) if "multipart" in kind else body)
            if isinstance(found, bytes):
                return 200, found, "application/octet-stream"
            return 200, to_json(found), "application/json"
        except Refused as refused:
            return refused.status, json.dumps({"code": 3, "message": str(refused)}).encode(), "application/json"

    def _suffer(self, fault: Fault) -> bool:
        """Whether that was the answer."""
        match fault.what:
            case "drop":
                self.close_connection = True
                return True
            case "page":
                self._send(200, b"<html>Log in</html>", "text/html")
                return True
            case "html":
                self._send(502, b"<html>\xff\xfe</html>", "text/html")
                return True
            case str(text) if text.startswith(("{", "[", '"')):
                self._send(200, text.encode(), "application/json")
                return True
            case int(status):
                content = json.dumps({"code": 14, "message": "upstream is busy"}).encode()
                self._send(status, content, "application/json", headers=fault.headers)
                return True
            case float(seconds):
                time.sleep(seconds)
        return False

    def _drip(self, content: bytes, kind: str) -> None:
        self.close_connection = True
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content) + 40}\r\n\r\n".encode()
        with suppress(ConnectionError):
            for byte in head + b" " * 40 + content:
                self.wfile.write(bytes([byte]))
                time.sleep(0.1)

    def _send(
        self, status: int, content: bytes, kind: str, cut: bool = False, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        # Who asked may have given up.
        with suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut


def _upload(body: bytes, kind: str) -> bytes:
    message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    (part,) = message.get_payload()
    assert part.get_param("name", header="content-disposition") == "uploadfile"
    return part.get_payload(decode=True)
