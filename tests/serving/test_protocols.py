"""What goes over the wire beside the plain form of the protocol: raw tensors, the older protocol, ids, deadlines."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from components.base.settings import ServeSettings
from serving.bundle import MANIFEST
from serving.options import Options

INFER, PREDICT = "/v2/models/tiny/infer", "/v1/models/tiny:predict"


def seal_abstain(bundle: Path, below: float) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text())
    (bundle / MANIFEST).write_text(json.dumps(manifest | {"abstain_below": below}))


@pytest.fixture(scope="module")
def server(tiny: ModuleType, running: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("server")
    tiny.write_bundle(folder / "bundle", temperature=1.0)
    seal_abstain(folder / "bundle", 0.6)  # one good word alone: 0.65, none: a third
    options = json.dumps({"max_queue": 4, "max_characters": 100_000, "threads": 1})
    arguments = ("--bundle", str(folder / "bundle"), "--version", "7", "--options", options)
    with running.running(folder, *arguments) as server:
        yield server


def raw(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def binary(server: Any, tensors: bytes, size: int | None = None, header: str = "", **more: Any) -> Any:
    size = len(tensors) if size is None else size
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor], **more}).encode()
    headers = {"Inference-Header-Content-Length": header or str(len(head))}
    return server.http.post(INFER, content=head + tensors, headers=headers)


def test_raw_tensors_are_read(server: Any) -> None:
    assert server.http.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    answer = binary(server, raw("good ü".encode(), b"bad"), id="a")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found = {tensor["name"]: tensor["data"] for tensor in answer.json()["outputs"]}
    assert found["label"] == ["positive", "negative"]


def test_raw_tensors_are_written_where_they_are_asked_for(server: Any) -> None:
    outputs = [{"name": name, "parameters": {"binary_data": True}} for name in ("label", "probability", "abstain")]
    answer = binary(server, raw(b"good", b"x"), outputs=[*outputs, {"name": "probabilities"}])
    size = int(answer.headers["inference-header-content-length"])
    tensors = json.loads(answer.content[:size])["outputs"]
    sizes = [tensor["parameters"]["binary_data_size"] for tensor in tensors[:3]]
    assert [("data" in tensor) for tensor in tensors] == [False, False, False, True]
    behind = answer.content[size:]
    assert (sum(sizes), sizes[1:]) == (len(behind), [8, 2])
    assert behind.startswith(raw(b"positive"))
    likely, even = struct.unpack("<2f", behind[sizes[0] : sizes[0] + 8])
    assert (likely, even) == pytest.approx((0.654804, 1 / 3), abs=1e-5)
    assert behind[-2:] == b"\x00\x01"


def test_all_outputs_can_be_asked_for_raw_at_once(server: Any) -> None:
    answer = binary(server, raw(b"good", b"bad"), parameters={"binary_data_output": True})
    tensors = json.loads(answer.content[: int(answer.headers["inference-header-content-length"])])["outputs"]
    assert all("binary_data_size" in tensor["parameters"] for tensor in tensors)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"header": "x"}, "inference-header-content-length must be a number of bytes"),
        ({"header": "999999"}, "inference-header-content-length must be a number of bytes"),
        ({"size": 3}, "a raw tensor ends within a text"),
        ({"size": 8}, "bytes behind the JSON belong to no tensor"),
        ({"size": 10_000}, "binary_data_size must be a number of bytes"),
        ({"size": -1}, "binary_data_size must be a number of bytes"),
        ({"tensors": raw(b"good", b"\xff\xfe")}, "text 1 of a raw tensor is not UTF-8"),
        ({"tensors": raw(b"good")}, "the shape of text must be [1]"),
    ],
)
def test_broken_raw_tensors_are_refused(server: Any, change: dict[str, Any], reason: str) -> None:
    answer = binary(server, **{"tensors": raw(b"good", b"bad"), **change})
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_a_text_of_which_the_model_is_not_sure_is_marked(server: Any) -> None:
    answer = server.infer("good", "x")
    found = {tensor["name"]: tensor["data"] for tensor in answer.json()["outputs"]}
    assert found["abstain"] == [False, True]
    assert server.http.get("/v2/models/tiny").json()["parameters"]["abstain_below"] == 0.6


def test_where_no_probability_is_enough_all_are_marked(tiny: ModuleType, running: ModuleType, tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "bundle", temperature=0.02)
    seal_abstain(tmp_path / "bundle", 1.0)
    with running.running(tmp_path, "--bundle", str(tmp_path / "bundle")) as server:
        found = server.http.post(PREDICT, json={"instances": ["good " * 20]}).json()["predictions"]
    assert (found[0]["probability"], found[0]["abstain"]) == (1.0, True)


def test_the_older_protocol_is_answered(server: Any) -> None:
    assert server.http.get("/v1/models").json() == {"models": ["tiny"]}
    assert server.http.get("/v1/models/tiny").json() == {"name": "tiny", "ready": True}
    answer = server.http.post(PREDICT, json={"instances": ["good", {"text": "bad"}]})
    predictions = answer.json()["predictions"]
    assert [(one["label"], one["abstain"]) for one in predictions] == [("positive", False), ("negative", False)]
    assert predictions[0]["probability"] == pytest.approx(0.654804, abs=1e-5)
    ranked = server.http.post(PREDICT, json={"instances": ["good so"], "parameters": {"top_k": 2}}).json()
    assert ranked["predictions"][0]["label"] == ["neutral", "positive"]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ([], 400, 'must be a JSON object with "instances"'),
        ({}, 400, "instances must be a list"),
        ({"instances": []}, 400, "the data of text is empty"),
        ({"instances": [7]}, 400, 'instance 0 must be a text or an object with "text", got 7'),
        ({"instances": ["good", {"words": "x"}]}, 400, "instance 1 must be a text or an object"),
        ({"instances": [{"text": None}]}, 400, "text 0 must be a string, got null"),
        ({"instances": ["good"] * 257}, 413, "257 texts are too many"),
        ({"instances": ["good"], "parameters": {"top_k": 9}}, 400, "top_k must be a whole number from 1 to 3"),
        ({"instances": ["good"], "parameters": 3}, 400, "parameters must be an object"),
    ],
)
def test_the_older_protocol_refuses_what_it_cannot_answer(server: Any, body: Any, status: int, reason: str) -> None:
    answer = server.http.post(PREDICT, json=body)
    assert answer.status_code == status
    assert reason in answer.json()["error"]
    assert server.http.post("/v1/models/other:predict", json=body).status_code == 404


def test_an_id_and_the_version_come_back_in_headers(server: Any) -> None:
    body = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}]}
    named = server.http.post(INFER, json=body, headers={"X-Request-ID": "ask-7"})
    assert (named.json()["id"], named.headers["x-request-id"], named.headers["x-model-version"]) == (
        "ask-7",
        "ask-7",
        "7",
    )
    own = server.http.post(INFER, json=body | {"id": "own"}, headers={"X-Request-ID": "ask-7"})
    assert (own.json()["id"], own.headers["x-request-id"]) == ("own", "own")
    odd = server.http.post(INFER, json=body | {"id": "a\r\nb"})
    assert odd.json()["id"] == "a\r\nb"
    assert "\n" not in odd.headers["x-request-id"]
    refused = server.http.post(INFER, json={}, headers={"X-Request-ID": "ask-8"})
    assert (refused.status_code, refused.headers["x-request-id"]) == (400, "ask-8")


def test_a_request_can_name_its_own_deadline(server: Any) -> None:
    body = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good " * 10_000]}]}
    late = server.http.post(INFER, json=body | {"parameters": {"timeout": 1}})
    assert (late.status_code, late.json()["error"]) == (504, "not answered within 1e-06 s")
    assert server.http.post(INFER, json=body | {"parameters": {"timeout": 60_000_000}}).status_code == 200
    wrong = server.http.post(INFER, json=body | {"parameters": {"timeout": "1"}})
    assert (wrong.status_code, "microseconds" in wrong.json()["error"]) == (400, True)


def test_a_compressed_body_is_refused(server: Any) -> None:
    answer = server.http.post(INFER, content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
    assert (answer.status_code, "content-encoding" in answer.json()["error"]) == (415, True)


def sample(text: str, name: str) -> float:
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name)


def test_what_is_answered_is_counted(server: Any) -> None:
    before = server.http.get("/metrics").text
    server.infer("good", "x", "bad")
    server.http.post(INFER, json={})
    response = server.http.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    after = response.text

    def more(name: str) -> float:
        return sample(after, name) - sample(before, name)

    assert more("textgate_requests_total") == 2
    assert 'textgate_requests_total{status="400"}' in after
    assert (more("textgate_answers_total"), more("textgate_abstentions_total")) == (3, 1)
    assert (more("textgate_labels_total"), more("textgate_confidence_count")) == (3, 3)
    assert more("textgate_batch_texts_sum") == 3
    assert (more("textgate_request_seconds_count"), more("textgate_queue_seconds_count")) == (2, 1)
    assert 'textgate_model_info{digest="' in after
    assert 'version="7"' in after


def test_options_are_checked(running: ModuleType, server: Any, tmp_path: Path) -> None:
    for options, reason in (
        ("{", "not JSON"),
        ('{"max_bath": 3}', "have no 'max_bath'; known are"),
        ('{"max_batch": "3"}', "max_batch must be of the kind of 32, got '3'"),
        ('{"log": {"sampel": 1}}', "those of log have no 'sampel'"),
        ('{"max_batch": 0}', "max_batch must be at least 1, got 0"),
        ('{"log": {"rows": 0}}', "those of log: rows must be at least 1, got 0"),
        ('{"log": {"seconds": 0}}', "those of log: seconds must be at least 1, got 0"),
    ):
        with pytest.raises(AssertionError) as failed, running.running(tmp_path, "--bundle", "x", "--options", options):
            pass
        assert reason in str(failed.value)


def test_who_comes_when_too_many_wait_is_told_when_to_ask_again(server: Any) -> None:
    long = "good " * 19_000
    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(lambda _: server.infer(long), range(120)))
    by_status = {status: [one for one in answers if one.status_code == status] for status in (200, 429)}
    assert len(by_status[200]) + len(by_status[429]) == 120
    assert by_status[200]
    assert {int(one.headers["retry-after"]) >= 1 for one in by_status[429]} == {True}
    assert "texts are waiting already" in by_status[429][0].json()["error"]
    assert server.infer("good").status_code == 200
    assert sample(server.http.get("/metrics").text, "textgate_queue_refusals_total") == len(by_status[429])


def test_a_server_that_lingers_says_so_and_answers_until_it_ends(
    tiny: ModuleType, running: ModuleType, tmp_path: Path
) -> None:
    tiny.write_bundle(tmp_path / "bundle")
    with running.running(tmp_path, "--bundle", str(tmp_path / "bundle"), "--options", '{"linger_s": 1.5}') as server:
        assert server.http.get("/v2/health/ready").status_code == 200
        server.process.terminate()
        server.until(lambda: server.http.get("/v2/health/ready").status_code == 503)
        assert server.http.get("/v2/models/tiny/ready").json() == {"name": "tiny", "ready": False}
        assert server.http.get("/v2/health/live").status_code == 200
        assert server.infer("good").status_code == 200
        assert server.process.wait(20) == 0


def test_a_config_and_the_server_alone_have_the_same_defaults() -> None:
    assert ServeSettings().options == Options()
