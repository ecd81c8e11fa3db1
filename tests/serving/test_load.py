"""What the load generator counts, on the real server and on one that misbehaves as it is told."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from components.base.errors import TextgateError
from serving.load.caller import Caller, Load
from serving.load.process import LoadProcess, measure

BODY = json.dumps({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}]})


class Misbehaving(ThreadingHTTPServer):
    """Each request is answered by `answer`, which gets the handler."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.asked, self.at_once, self.most_at_once = 0, 0, 0
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    outer.asked += 1
                    outer.at_once += 1
                    outer.most_at_once = max(outer.most_at_once, outer.at_once)
                try:
                    answer(self)
                finally:
                    with lock:
                        outer.at_once -= 1

            def log_message(self, *_: Any) -> None:
                pass

        outer = self
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/ask"
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def misbehaving() -> Iterator[Callable[..., Misbehaving]]:
    servers = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> Misbehaving:
        servers.append(Misbehaving(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def write(handler: BaseHTTPRequestHandler, *pieces: bytes) -> None:
    for piece in pieces:
        handler.wfile.write(piece)
        handler.wfile.flush()
        time.sleep(0.002)


def answered(status: bytes = b"200 OK", head: bytes = b"") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n" + head + b"\r\n{}"


def call(url: str, load: Load) -> dict[str, Any]:
    caller = Caller(url, [BODY], load)
    asyncio.run(caller.run())
    return caller.report()


@pytest.fixture(scope="module")
def server(tiny: ModuleType, running: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("server")
    tiny.write_bundle(folder / "bundle")
    with running.running(folder, "--bundle", str(folder / "bundle"), "--version", "7") as server:
        yield server


def test_all_that_is_asked_is_answered_and_recorded(server: Any, tmp_path: Path) -> None:
    bodies = [BODY, BODY.replace("good", "bad"), BODY.replace('["good"]', "7")]
    url, records = f"{server.http.base_url}/v2/models/tiny/infer", tmp_path / "records.jsonl"
    with LoadProcess(url, bodies, Load(3, seconds=0.5, warm_up=0.0), records) as process:
        report = process.report()
    exchanges = [json.loads(line) for line in records.read_text().splitlines()]
    assert len(exchanges) == report["requests"] > 10
    for one in exchanges:
        assert one["status"] == (200, 200, 400)[one["place"]] and one["sent"] < one["answered"]
        found = json.loads(one["body"])
        if one["status"] == 200:
            assert found["outputs"][0]["data"] == [("positive", "negative")[one["place"]]] and one["version"] == "7"
    assert set(report["statuses"]) == {"200", "400"} and report["errors"] == {}
    assert report["versions"] == {"7": report["statuses"]["200"]}
    assert 0 < report["p50_ms"] <= report["p95_ms"] <= report["p99_ms"] <= report["max_ms"]
    asked = 'textgate_requests_total{status="200"} '
    metrics = server.http.get("/metrics").text
    assert float(metrics.split(asked)[1].split()[0]) == report["statuses"]["200"]


def test_callers_at_a_rate_do_not_wait_for_each_other(misbehaving: Callable[..., Misbehaving]) -> None:
    def slowly(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.3)
        write(handler, answered())

    server = misbehaving(slowly)
    report = call(server.url, Load(rate=50, seconds=1.0, warm_up=0.0))
    assert 30 < report["requests"] < 80 and report["statuses"] == {"200": report["requests"]}
    assert server.asked == report["requests"] and server.most_at_once > 5
    assert report["p50_ms"] >= 300 and report["late_ms"] >= 0
    assert call(server.url, Load(2, seconds=0.5, warm_up=0.0))["requests"] == 4


def test_what_is_asked_while_warming_up_does_not_count(misbehaving: Callable[..., Misbehaving]) -> None:
    server = misbehaving(lambda handler: write(handler, answered()))
    report = call(server.url, Load(1, seconds=0.3, warm_up=0.6))
    assert 0 < report["requests"] < server.asked / 2
    assert report["per_second"] == pytest.approx(report["requests"] / 0.3, abs=2 / 0.3)


def test_an_answer_may_come_in_pieces_and_the_connection_may_close(misbehaving: Callable[..., Misbehaving]) -> None:
    pieces = [b"HTTP/1.1 200 OK\r\nX-Model-", b"Version: 3\r\ncontent-length:2\r\n\r", b"\n{", b"}"]
    server = misbehaving(lambda handler: write(handler, *pieces))
    report = call(server.url, Load(2, seconds=0.2, warm_up=0.0))
    assert report["versions"] == {"3": server.asked} and report["errors"] == {}

    def closing(handler: BaseHTTPRequestHandler) -> None:
        write(handler, answered(head=b"Connection: close\r\n"))
        handler.close_connection = True

    server = misbehaving(closing)
    report = call(server.url, Load(2, seconds=0.2, warm_up=0.0))
    assert report["statuses"] == {"200": server.asked} and report["errors"] == {}


def test_the_version_is_read_from_the_body_where_no_header_names_it(misbehaving: Callable[..., Misbehaving]) -> None:
    body = b'{"model_version": "v 2"}'
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    server = misbehaving(lambda handler: write(handler, head + body))
    assert set(call(server.url, Load(1, seconds=0.1, warm_up=0.0))["versions"]) == {"v 2"}


def test_refusals_have_latencies_of_their_own(misbehaving: Callable[..., Misbehaving]) -> None:
    server = misbehaving(lambda handler: write(handler, answered(b"429 Too Many Requests")))
    report = call(server.url, Load(1, seconds=0.2, warm_up=0.0))
    assert report["statuses"] == {"429": server.asked} and report["per_second"] == 0
    assert report["refused"]["p50_ms"] > 0 and "p50_ms" not in report


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "closed before it answered"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "closed before it answered"),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", "the answer has no Content-Length"),
    ],
)
def test_an_answer_that_does_not_come_is_an_error(
    misbehaving: Callable[..., Misbehaving], answer: bytes, error: str
) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        write(handler, answer)
        handler.close_connection = True

    server = misbehaving(cut)
    report = call(server.url, Load(1, seconds=0.2, warm_up=0.0))
    assert report["errors"] == {error: server.asked} and report["statuses"] == report["versions"] == {}


def test_who_never_answers_is_not_waited_for(
    misbehaving: Callable[..., Misbehaving], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.load.caller.PATIENCE_S", 0.2)
    ended = threading.Event()
    server = misbehaving(lambda handler: ended.wait(30) and None)
    assert call(server.url, Load(3, seconds=0.1, warm_up=0.0))["errors"] == {"no answer in time": 3}
    ended.set()


def test_a_load_that_is_stopped_reports_what_it_did(server: Any) -> None:
    url = f"{server.http.base_url}/v2/models/tiny/infer"
    with LoadProcess(url, [BODY], Load(2, seconds=300, warm_up=0.0)) as process:
        deadline = time.monotonic() + 60
        before = server.http.get("/metrics").text
        while server.http.get("/metrics").text.count("queue") == 0 or server.http.get("/metrics").text == before:
            assert time.monotonic() < deadline
        process.stop()
        report = process.report()
    assert report["statuses"] == {"200": report["requests"]} and report["requests"] > 0
    assert report["seconds"] < 100


@pytest.mark.parametrize(
    ("url", "bodies", "reason"),
    [
        ("http://127.0.0.1:1/x", [BODY], "no answer from http://127.0.0.1:1/x"),
        ("https://127.0.0.1/x", [BODY], "is not the URL of an HTTP server"),
        ("http://127.0.0.1:99999/x", [BODY], "is not a URL"),
        ("http://127.0.0.1:1/x", [], "nothing to ask"),
    ],
)
def test_what_cannot_be_measured_is_said(url: str, bodies: list[str], reason: str) -> None:
    with pytest.raises(TextgateError, match=reason):
        measure(url, bodies, Load(seconds=0.1, warm_up=0.0))
