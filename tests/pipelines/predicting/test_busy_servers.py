"""A server that is busy, for a while or for good, and one whose version changes: scripted, since a real one is neither
when it should be."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from components.base.errors import TextgateError
from pipelines.predicting.predicting import Question, predict_file
from serving.client import Client, Description


@pytest.fixture
def scripted() -> Iterator[Any]:
    """A server whose statuses and versions are those of a list, one for each request."""

    class Handler(BaseHTTPRequestHandler):
        script: ClassVar[list[tuple[int, str]]] = []
        asked = 0

        def do_POST(self) -> None:
            data = json.loads(self.rfile.read(int(self.headers["content-length"])))["inputs"][0]["data"]
            status, said = self.script[min(Handler.asked, len(self.script) - 1)]
            Handler.asked += 1
            tensors = {"label": ["a"] * len(data), "probability": [0.5] * len(data)}
            outputs = [{"name": name, "data": values} for name, values in tensors.items()]
            answer = {"model_version": said, "outputs": outputs} if status == 200 else {"error": said}
            self.send_response(status)
            if status == 429:
                self.send_header("retry-after", "1")
            body = json.dumps(answer).encode()
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server, Handler
        server.shutdown()


MODEL = Description("x", ["text"], ["label", "probability"], ["a"])


def ask_scripted(server: Any, tmp_path: Path, rows: int, patience_s: float) -> Counter[str]:
    source = tmp_path / "in.csv"
    source.write_text("text\n" + "good\n" * rows)
    with Client(f"http://127.0.0.1:{server.server_port}", patience_s=patience_s) as client:
        client.at_once = 1
        return predict_file(Question(source, tmp_path / "o.csv"), client, MODEL)


def test_a_busy_scripted_server_is_asked_again_when_it_says(scripted: Any, tmp_path: Path) -> None:
    server, handler = scripted
    handler.script = [(429, "busy"), (200, "1"), (200, "2")]
    started = time.monotonic()
    assert ask_scripted(server, tmp_path, 130, 30) == Counter({"1": 64, "2": 66})
    assert (handler.asked, time.monotonic() - started >= 1) == (4, True)


def test_a_scripted_server_that_stays_busy_is_given_up(scripted: Any, tmp_path: Path) -> None:
    server, handler = scripted
    handler.script = [(429, "busy")]
    with pytest.raises(TextgateError, match="refused: busy"):
        ask_scripted(server, tmp_path, 1, 1.5)
    assert handler.asked == 2
    assert not (tmp_path / "o.csv").exists()
