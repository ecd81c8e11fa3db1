from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from components.base.errors import TextgateError
from serving.bundle import digest
from serving.follower import Follower
from serving.models import Slot, load_pinned
from serving.pins import Pin, pin_path, read_pin, write_pin


class Pinned:
    """A workspace with bundles of the model tiny; "good" is positive in version 1 and negative in version 2."""

    def __init__(self, tiny: ModuleType, home: Path) -> None:
        self.path = pin_path(home, "tiny")
        self.folder = self.path.parent
        tiny.write_bundle(self.folder / "1")
        tiny.write_bundle(self.folder / "2", reversed_votes=True)

    def pin(self, version: str, name: str = "tiny", **changes: str) -> Pin:
        folder = self.folder / version
        pin = Pin(**({"name": name, "version": version, "digest": digest(folder), "bundle": str(folder)} | changes))
        write_pin(self.path, pin)
        return pin


@pytest.fixture
def pinned(tiny: ModuleType, tmp_path: Path) -> Pinned:
    return Pinned(tiny, tmp_path)


@pytest.fixture
def slot(pinned: Pinned) -> Slot:
    return Slot(load_pinned(pinned.pin("1")))


@pytest.fixture
def follower(pinned: Pinned, slot: Slot) -> Follower:
    return Follower(slot, pinned.path, read_pin(pinned.path))


def likeliest(slot: Slot) -> str:
    predictor = slot.current.predictor
    return predictor.labels[int(predictor.probabilities(["good"]).argmax())]


def test_a_pin_is_read_back(pinned: Pinned) -> None:
    written = pinned.pin("2")
    assert read_pin(pinned.path) == written


@pytest.mark.parametrize(
    ("content", "reason"),
    [("{", "is not JSON"), ("[]", "must hold the keys"), ('{"name": "tiny"}', "must hold the keys")],
)
def test_a_malformed_pin_is_refused(pinned: Pinned, content: str, reason: str) -> None:
    pinned.path.write_text(content)
    with pytest.raises(TextgateError, match=reason):
        read_pin(pinned.path)


def test_a_pin_with_a_number_for_a_version_is_refused(pinned: Pinned) -> None:
    pinned.pin("1")
    pinned.path.write_text(pinned.path.read_text().replace('"version": "1"', '"version": 1'))
    with pytest.raises(TextgateError, match="version must be a text, got 1"):
        read_pin(pinned.path)


def test_the_new_version_takes_the_place_of_the_old(pinned: Pinned, slot: Slot, follower: Follower) -> None:
    follower.look()
    assert (slot.current.version, likeliest(slot)) == ("1", "positive")
    pinned.pin("2")
    follower.look()
    assert (slot.current.version, likeliest(slot), slot.refused) == ("2", "negative", None)


def test_the_same_pin_loads_nothing_anew(pinned: Pinned, slot: Slot, follower: Follower) -> None:
    before = slot.current
    pinned.pin("1")
    follower.look()
    assert slot.current is before


def test_a_damaged_bundle_leaves_the_old_one(pinned: Pinned, slot: Slot, follower: Follower) -> None:
    (pinned.folder / "2" / "model.onnx").write_bytes(b"other")
    pinned.pin("2")
    follower.look()
    assert (slot.current.version, likeliest(slot)) == ("1", "positive")
    assert slot.refused is not None
    assert (slot.refused.version, "model.onnx was changed" in slot.refused.error) == ("2", True)
    pinned.pin("1")
    follower.look()
    assert slot.refused is None


def test_a_pin_that_failed_is_tried_again_once_rewritten(pinned: Pinned, slot: Slot, follower: Follower) -> None:
    model = pinned.folder / "2" / "model.onnx"
    sound = model.read_bytes()
    model.write_bytes(b"other")
    pinned.pin("2")
    follower.look()
    model.write_bytes(sound)
    follower.look()
    assert slot.current.version == "1"
    pinned.pin("2")
    follower.look()
    assert (slot.current.version, slot.refused) == ("2", None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"digest": "0" * 64}, "has 000000000000"), ({"name": "other"}, "names the model other")],
)
def test_another_bundle_or_model_than_pinned_is_refused(
    pinned: Pinned, slot: Slot, follower: Follower, changes: dict[str, str], reason: str
) -> None:
    pinned.pin("2", **changes)
    follower.look()
    assert slot.current.version == "1"
    assert slot.refused is not None
    assert reason in slot.refused.error


def test_a_pin_that_vanishes_leaves_the_old_one(pinned: Pinned, slot: Slot, follower: Follower) -> None:
    follower.look()
    pinned.path.unlink()
    follower.look()
    assert slot.current.version == "1"
    assert slot.refused is not None
    assert "does not exist" in slot.refused.error


def ask_until(stop: threading.Event, url: httpx.URL, seen: list[tuple[int, str, str]]) -> None:
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        while not stop.is_set():
            response = http.post("/v2/models/tiny/infer", json={"inputs": [tensor]})
            answer = response.json()
            seen.append((response.status_code, answer["model_version"], answer["outputs"][0]["data"][0]))


def test_a_running_server_swaps_under_load_and_reports_what_fails(
    running: ModuleType, pinned: Pinned, tmp_path: Path
) -> None:
    pinned.pin("1")
    seen: list[tuple[int, str, str]] = []
    stop = threading.Event()

    def metadata() -> Any:
        return server.http.get("/v2/models/tiny").json()

    with running.running(tmp_path, "--pin", str(pinned.path)) as server:
        client = threading.Thread(target=ask_until, args=(stop, server.http.base_url, seen))
        client.start()
        try:
            server.until(lambda: len(seen) > 0)
            pinned.pin("2")
            server.until(lambda: metadata()["versions"] == ["2"])
            (pinned.folder / "1" / "model.onnx").write_bytes(b"other")
            pinned.pin("1")
            server.until(lambda: "refused" in metadata()["parameters"])
            asked = len(seen)
            server.until(lambda: len(seen) > asked)
        finally:
            stop.set()
            client.join()
        assert metadata()["versions"] == ["2"]
        assert metadata()["parameters"]["refused"]["version"] == "1"
        assert "model.onnx was changed" in metadata()["parameters"]["refused"]["error"]
        assert "still serving version 2" in server.log.read_text()
    assert {(status, version, label) for status, version, label in seen} == {
        (200, "1", "positive"),
        (200, "2", "negative"),
    }


def test_what_was_replaced_is_let_go(pinned: Pinned, slot: Slot, follower: Follower) -> None:
    old = weakref.ref(slot.current.predictor)
    pinned.pin("2")
    follower.look()
    assert slot.current.version == "2"
    gc.collect()
    assert old() is None


def test_what_goes_ahead_may_rewrite_the_pin_and_its_failure_is_reported(pinned: Pinned, slot: Slot) -> None:
    failures = iter([TextgateError("the log cannot be read")])

    def ahead() -> None:
        for failure in failures:
            raise failure
        pinned.pin("2")

    follower = Follower(slot, pinned.path, read_pin(pinned.path), ahead=ahead)
    follower.look()
    assert slot.refused is not None
    assert (slot.refused.error, slot.swaps) == ("the log cannot be read", {"taken": 0, "refused": 1})
    follower.look()
    assert (slot.current.version, slot.refused) == ("2", None)
