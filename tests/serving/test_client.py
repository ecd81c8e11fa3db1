"""The client beside a server that takes up another version between what it says of itself and what it answers."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from serving.client import Client
from tests.loopback import listening


def metadata(version: str, labels: list[str]) -> dict[str, Any]:
    outputs = [{"name": name} for name in ("labels", "probabilities")]
    return {
        "name": "m",
        "versions": [version],
        "inputs": [{"name": "text"}],
        "outputs": outputs,
        "parameters": {"labels": labels},
    }


def answer(version: str, given: list[str], probabilities: list[float]) -> dict[str, Any]:
    outputs = [{"name": "labels", "data": [json.dumps(given)]}, {"name": "probabilities", "data": probabilities}]
    return {"model_version": version, "outputs": outputs}


def saying(*answers: dict[str, Any]) -> type[BaseHTTPRequestHandler]:
    """One answer after the other, whatever is asked."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            content = json.dumps(left.pop(0)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def test_several_labels_are_read_in_the_order_of_the_version_that_answers() -> None:
    """Version 2 has them in another order; a third one has others."""
    server = saying(
        metadata("1", ["a", "b"]),
        answer("2", ["b"], [0.9, 0.1]),
        metadata("2", ["b", "a"]),
        answer("3", ["c"], [0.8, 0.2, 0.1]),
        metadata("3", ["c", "b", "a"]),
        answer("3", ["c"], [0.8, 0.2, 0.1]),
    )
    with listening(server) as url, Client(url) as client:
        (found,) = client.infer(client.describe("m"), [("x",)])
    assert (found.ranking, found.version) == ([("c", 0.8)], "3")
