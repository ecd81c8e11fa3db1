"""Thousands of requests that are not as they should be; the very ones of `make bench NAME=serve ROW=malformed`."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import uvicorn

from benchmarks.serve.broken_requests import http
from benchmarks.serve.by_schema import ask_by_schema
from benchmarks.serve.malformed import allowed, answers_rightly, ask_own
from benchmarks.serve.wire import Case, Found, Reply, fault, send
from serving import connection
from serving.app import create_app
from serving.models import Slot, load_folder
from serving.options import Options
from tests.serving import tiny_tasks


@pytest.fixture(scope="module")
def server(tiny: ModuleType, running: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("server")
    tiny.write_bundle(folder / "bundle")
    with running.running(folder, "--bundle", str(folder / "bundle"), "--version", "7") as server:
        yield server


def address(server: Any) -> tuple[str, int]:
    return server.http.base_url.host, server.http.base_url.port


def ask_and_log(server: Any, count: int, seed: int) -> Found:
    found = ask_own(server, count, seed)
    assert "Traceback" not in server.log.read_text()
    return found


def test_no_request_makes_it_fail(server: Any) -> None:
    assert ask_and_log(server, 600, seed=1) == Found(600, Counter(), 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_thousands_of_requests_do_not_make_it_fail(server: Any, seed: int) -> None:
    assert ask_and_log(server, 5_000, seed) == Found(5_000, Counter(), 0)


def test_it_does_what_its_own_document_says(server: Any) -> None:
    found = ask_by_schema(str(server.http.base_url).rstrip("/"), 120)
    assert (found.faults, found.sent > 80) == (Counter(), True)
    assert answers_rightly(server)


@pytest.mark.slow
@pytest.mark.parametrize("task", tiny_tasks.LABELS)
def test_of_each_task_it_does_what_its_own_document_says(running: ModuleType, tmp_path: Path, task: str) -> None:
    tiny_tasks.write_bundle(tmp_path / "bundle", task)
    with running.running(tmp_path, "--bundle", str(tmp_path / "bundle"), "--version", "7") as server:
        found = ask_by_schema(str(server.http.base_url).rstrip("/"), 1_000)
        assert (found.faults, found.sent > 500) == (Counter(), True)
        assert "Traceback" not in server.log.read_text()


def reply(status: int, body: bytes = b"{}", kind: str = "application/json") -> Reply:
    return Reply(status, f"HTTP/1.1 {status} X\r\ncontent-type: {kind}".encode(), body)


@pytest.mark.parametrize(
    ("expected", "replies", "reason"),
    [
        ("answered", [reply(200)], ""),
        ("refused", [reply(404, b'{"error": "no"}')], ""),
        ("refused", [reply(400, b"Invalid", "text/plain")], ""),
        ("none or either", [], ""),
        ("either", [], "0 replies for 1"),
        ("none or either", [reply(500, b'{"error": "x"}')], "status 500"),
        ("refused", [reply(200)], "status 200 where it should be refused"),
        ("answered", [reply(400, b'{"error": "x"}')], "status 400 where it should be answered"),
        ("either", [reply(400, b'{"detail": "x"}')], "an error that is none"),
        ("either", [reply(400, b'{"error": "Traceback (most"}')], "a stack trace"),
    ],
)
def test_replies_are_judged(expected: Any, replies: list[Reply], reason: str) -> None:
    found = fault(Case("x", (b"",), expected), replies)
    assert found.startswith(reason) and bool(found) == bool(reason)


def test_replies_are_read_one_by_one(server: Any) -> None:
    sent = http() + http(b"{}") + http(b"", method="GET", path="/v2/health/live")
    found = send(address(server), Case("x", (sent[:50], sent[50:]), "either", 3))
    assert [one.status for one in found] == [200, 400, 200]
    assert json.loads(found[2].body) == {"live": True}


def test_the_document_says_which_bodies_are_allowed(server: Any) -> None:
    allows = allowed(server.http)
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}
    assert (allows({"inputs": [tensor]}), allows({"inputs": [tensor | {"datatype": 7}]})) == (True, False)
    assert (allows({"instances": ["good"]}), allows({"instances": [7]})) == (True, False)


@pytest.mark.parametrize("head", ["X-A: " + "a" * 3_000_000, "X-A: a\r\n" * 300_000])
def test_a_head_that_does_not_end_is_refused(server: Any, head: str) -> None:
    (found,) = send(address(server), Case("x", (http(headers=head)[:-50],), "refused"))
    assert (found.status, b"longer than 65536 bytes" in found.body) == (400, True)


@pytest.fixture
def hurried(tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A server in this process that waits a fifth of a second for anything."""
    monkeypatch.setattr(connection, "HEAD_S", 0.2)
    tiny.write_bundle(tmp_path / "bundle")
    app = create_app(Slot(load_folder(tmp_path / "bundle", "tiny", "7")), Options(timeout_ms=200))
    server = uvicorn.Server(uvicorn.Config(app, http=connection.Connection, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    thread.join()


def test_what_does_not_come_is_not_waited_for(hurried: tuple[str, int]) -> None:
    request = http()
    (late,) = send(hurried, Case("x", (request[:-10],), "refused"))
    assert (late.status, json.loads(late.body)) == (408, {"error": "the body did not come within 0.2 s"})
    with socket.create_connection(hurried, timeout=5) as unfinished:
        unfinished.sendall(request[:30])
        assert unfinished.recv(1) == b""
    slowly = [request[place : place + 10] for place in range(0, len(request), 10)]
    (answered,) = send(hurried, Case("x", tuple(slowly), "answered"))
    assert answered.status == 200
