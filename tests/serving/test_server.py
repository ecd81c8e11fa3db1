"""The protocol over real HTTP, with the server as a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from serving.bundle import digest

INFER = "/v2/models/tiny/infer"


@pytest.fixture(scope="module")
def bundle(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "bundle"
    tiny.write_bundle(folder, temperature=1.0)
    return folder


@pytest.fixture(scope="module")
def server(running: ModuleType, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running.running(tmp_path_factory.mktemp("server"), "--bundle", str(bundle), "--version", "7") as server:
        yield server


def body(*data: Any, **changes: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "text", "shape": [len(data)], "datatype": "BYTES", "data": list(data)} | changes]}


def tensors(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {output["name"]: output for output in answer["outputs"]}


def test_health_and_server_metadata(server: Any) -> None:
    assert server.http.get("/v2/health/live").json() == {"live": True}
    assert server.http.get("/v2/health/ready").json() == {"ready": True}
    assert server.http.get("/v2").json()["name"] == "textgate"
    assert sorted(server.http.get("/v2").json()) == ["extensions", "name", "version"]
    assert server.http.get("/v2/models").json() == {"models": ["tiny"]}


@pytest.mark.parametrize("path", ["/v2/models/tiny", "/v2/models/tiny/versions/7"])
def test_model_metadata(server: Any, bundle: Path, path: str) -> None:
    metadata = server.http.get(path).json()
    assert (metadata["name"], metadata["versions"]) == ("tiny", ["7"])
    assert metadata["platform"] == "onnxruntime_onnx"
    assert metadata["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert {output["name"]: (output["datatype"], output["shape"]) for output in metadata["outputs"]} == {
        "label": ("BYTES", [-1]),
        "probability": ("FP32", [-1]),
        "abstain": ("BOOL", [-1]),
        "probabilities": ("FP32", [-1, 3]),
    }
    assert metadata["parameters"]["labels"] == ["negative", "neutral", "positive"]
    assert metadata["parameters"]["bundle"] == digest(bundle)
    assert server.http.get(f"{path}/ready").json() == {"name": "tiny", "ready": True}


def test_texts_are_answered_with_labels_and_probabilities(server: Any) -> None:
    answer = server.http.post("/v2/models/tiny/versions/7/infer", json=body("good", "bad") | {"id": "ask-1"}).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("tiny", "7", "ask-1")
    found = tensors(answer)
    assert list(found) == ["label", "probability", "abstain", "probabilities"]
    assert (found["label"]["datatype"], found["label"]["shape"]) == ("BYTES", [2])
    assert found["label"]["data"] == ["positive", "negative"]
    assert (found["probability"]["datatype"], found["probability"]["shape"]) == ("FP32", [2])
    assert (found["probabilities"]["datatype"], found["probabilities"]["shape"]) == ("FP32", [2, 3])
    likeliest = 0.654804  # softmax of 0, 0, 4/3
    assert found["probability"]["data"] == pytest.approx([likeliest] * 2, abs=1e-5)
    rest = (1 - likeliest) / 2
    assert found["probabilities"]["data"] == pytest.approx([rest, rest, likeliest, likeliest, rest, rest], abs=1e-5)


def test_each_answer_has_an_id_of_its_own(server: Any) -> None:
    first, second = (server.http.post(INFER, json=body("good")).json()["id"] for _ in range(2))
    assert first != second


def test_top_k_ranks_labels(server: Any) -> None:
    found = tensors(server.http.post(INFER, json=body("good good so", "bad") | {"parameters": {"top_k": 2}}).json())
    assert (found["label"]["shape"], found["probability"]["shape"]) == ([2, 2], [2, 2])
    assert found["label"]["data"] == ["positive", "neutral", "negative", "neutral"]
    probabilities = found["probability"]["data"]
    assert probabilities[0] > probabilities[1]
    assert found["probabilities"]["shape"] == [2, 3]


def test_only_the_outputs_asked_for_are_sent(server: Any) -> None:
    asked = body("good") | {"outputs": [{"name": "probability", "parameters": {"binary_data": False}}]}
    assert list(tensors(server.http.post(INFER, json=asked).json())) == ["probability"]


REFUSED = {
    "no JSON": (b"{", 400, "not JSON"),
    "not UTF-8": (b'{"inputs": "\xff"}', 400, "not JSON"),
    "a lone surrogate": (json.dumps(body("\ud800")).encode(), 400, "not JSON"),
    "nested too deeply": (b"[" * 100_000, 400, "not JSON"),
    "nothing": (b"", 400, "not JSON"),
    "a list": ([], 400, "must be a JSON object"),
    "no inputs": ({}, 400, 'one tensor, named "text"'),
    "null inputs": ({"inputs": None}, 400, 'one tensor, named "text"'),
    "two inputs": ({"inputs": body("a")["inputs"] * 2}, 400, 'one tensor, named "text"'),
    "an input of text": ({"inputs": ["a"]}, 400, 'one tensor, named "text"'),
    "another name": (body("a", name="words"), 400, 'must be named "text", got "words"'),
    "another datatype": (body("a", datatype="FP32"), 400, 'must be "BYTES", got "FP32"'),
    "no data": (body("a", data=None), 400, "must be a list of strings"),
    "an empty batch": (body(), 400, "is empty"),
    "a number for a text": (body("a", 7), 400, "text 1 must be a string, got 7"),
    "null for a text": (body(None), 400, "text 0 must be a string, got null"),
    "nested data": (body(["a"]), 400, 'text 0 must be a string, got ["a"]'),
    "deeply nested data": (b'{"inputs":[{"name":' + b"[" * 400 + b"]" * 400 + b"}]}", 400, "nested too deeply"),
    "another shape": (body("a", shape=[2]), 400, "must be [1], as many as its data, got [2]"),
    "a shape of two axes": (body("a", shape=[1, 1]), 400, "must be [1]"),
    "a shape of true": (body("a", shape=[True]), 400, "must be [1]"),
    "no shape": (body("a", shape=None), 400, "must be [1]"),
    "too many texts": (body(*["a"] * 257), 413, "257 texts are too many for one request; send at most 256"),
    "too long a text": (body("a" * 20_001), 413, "text 0 has 20001 characters; send at most 20000"),
    "too large a body": (b" " * (4 * 1024 * 1024 + 1), 413, "longer than 4194304 bytes"),
    "an id that is a number": (body("a") | {"id": 7}, 400, "id must be a string"),
    "parameters that are a list": (body("a") | {"parameters": [1]}, 400, "parameters must be an object"),
    "top_k of 0": (body("a") | {"parameters": {"top_k": 0}}, 400, "from 1 to 3, got 0"),
    "top_k of 4": (body("a") | {"parameters": {"top_k": 4}}, 400, "from 1 to 3, got 4"),
    "top_k of true": (body("a") | {"parameters": {"top_k": True}}, 400, "from 1 to 3, got true"),
    "outputs that are text": (body("a") | {"outputs": "label"}, 400, "outputs must be a list"),
    "an unknown output": (body("a") | {"outputs": [{"name": "score"}]}, 400, 'no output "score"'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_request_is_refused_and_says_why(server: Any, case: str) -> None:
    sent, status, reason = REFUSED[case]
    content = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    response = server.http.post(INFER, content=content)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert reason in response.json()["error"]
    assert server.infer("good").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/v2/models/other", 404, "there is no model other; this server serves tiny"),
        ("GET", "/v2/models/other/ready", 404, "there is no model other"),
        ("POST", "/v2/models/other/infer", 404, "there is no model other"),
        ("GET", "/v2/models/tiny/versions/8", 404, "no version 8 of tiny; this server serves 7"),
        ("POST", "/v2/models/tiny/versions/8/infer", 404, "no version 8"),
        ("GET", INFER, 405, "Method Not Allowed"),
        ("POST", "/v2/health/live", 405, "Method Not Allowed"),
        ("GET", "/nowhere", 404, "Not Found"),
    ],
)
def test_a_wrong_path_or_method_is_refused(server: Any, method: str, path: str, status: int, reason: str) -> None:
    response = server.http.request(method, path)
    assert response.status_code == status
    assert reason in response.json()["error"]


def test_sigterm_lets_the_request_finish_and_ends_with_0(running: ModuleType, bundle: Path, tmp_path: Path) -> None:
    with running.running(tmp_path, "--bundle", str(bundle)) as server:
        version = server.http.get("/v2/models/tiny").json()["versions"]
        assert version == [digest(bundle)[:12]]
        sock = socket.create_connection((server.http.base_url.host, server.http.base_url.port))
        content = json.dumps(body("good")).encode()
        head = f"POST {INFER} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        sock.sendall(head + content[:10])
        server.http.get("/v2/health/live")
        server.process.send_signal(signal.SIGTERM)
        server.until(lambda: refuses_connections(server.http.base_url))
        sock.sendall(content[10:])
        assert sock.recv(1 << 16).startswith(b"HTTP/1.1 200")
        sock.close()
        assert server.process.wait(30) == 0


def refuses_connections(url: httpx.URL) -> bool:
    try:
        socket.create_connection((url.host, url.port)).close()
    except ConnectionRefusedError:
        return True
    return False


def start(running: ModuleType, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serving.server", *arguments]
    return subprocess.run(command, cwd=running.ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_taken_port_is_said(running: ModuleType, server: Any, bundle: Path) -> None:
    ended = start(running, "--bundle", str(bundle), "--port", str(server.http.base_url.port))
    assert ended.returncode == 1
    assert f"port {server.http.base_url.port}: Address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_damaged_bundle_does_not_start(running: ModuleType, tiny: ModuleType, tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "bundle")
    (tmp_path / "bundle" / "model.onnx").write_bytes(b"other")
    ended = start(running, "--bundle", str(tmp_path / "bundle"), "--port", "0")
    assert ended.returncode == 1
    assert ended.stderr.startswith("textgate: ")
    assert "model.onnx was changed" in ended.stderr
    assert "Traceback" not in ended.stderr
