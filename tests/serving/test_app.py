from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from serving import batching
from serving.app import create_app
from serving.models import ServedModel, Slot
from serving.options import Options
from serving.predictor import Predictor

BODY = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}]}


class HeldPredictor(Predictor):
    """The real one, which waits with its answer until it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reached, self.go = threading.Event(), threading.Event()
        self.let_go = False

    def probabilities(self, *texts: Any) -> Any:
        self.reached.set()
        self.let_go = self.go.wait(10)
        return super().probabilities(*texts)


def client(slot: Slot) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(slot, Options()), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://here")


async def ask_while_held(predictor: HeldPredictor, slot: Slot) -> httpx.Response:
    async with client(slot) as http:
        waiting = asyncio.create_task(http.post("/v2/models/tiny/infer", json=BODY))
        await asyncio.to_thread(predictor.reached.wait, 10)
        assert (await http.get("/v2/health/ready")).status_code == 200
        slot.current = ServedModel("tiny", "2", predictor)
        predictor.go.set()
        return await waiting


def test_health_is_answered_while_a_request_is_scored(tiny: ModuleType, tmp_path: Path) -> None:
    """And a version that comes meanwhile does not put its name to the answer."""
    tiny.write_bundle(tmp_path / "bundle")
    predictor = HeldPredictor(tmp_path / "bundle")
    answer = asyncio.run(ask_while_held(predictor, Slot(ServedModel("tiny", "1", predictor))))
    assert predictor.let_go
    assert (answer.status_code, answer.json()["model_version"]) == (200, "1")


class BrokenPredictor(Predictor):
    def probabilities(self, *_: Any) -> Any:
        raise RuntimeError("secret detail")


def test_a_fault_of_ours_is_an_error_without_a_trace(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.write_bundle(tmp_path / "bundle")
    slot = Slot(ServedModel("tiny", "1", BrokenPredictor(tmp_path / "bundle")))

    async def ask() -> httpx.Response:
        async with client(slot) as http:
            return await http.post("/v2/models/tiny/infer", json=BODY)

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()) == (500, {"error": "the server failed to answer; its log says why"})


class ThreadsPredictor(Predictor):
    """The real one, which keeps the threads that ran it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.threads: list[threading.Thread] = []

    def probabilities(self, *texts: Any) -> Any:
        self.threads.append(threading.current_thread())
        return super().probabilities(*texts)


@pytest.mark.parametrize(("ports", "inline"), [((1, 1, 1, 1), [False, True, True, True]), ((1, 2, 1, 2), [False] * 4)])
def test_one_who_is_alone_is_known_by_the_connection(
    tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ports: tuple[int, ...], inline: list[bool]
) -> None:
    monkeypatch.setattr(batching, "SHORT_S", 10.0)
    tiny.write_bundle(tmp_path / "bundle")
    predictor = ThreadsPredictor(tmp_path / "bundle")
    app = create_app(Slot(ServedModel("tiny", "1", predictor)), Options())

    async def ask() -> None:
        for port in ports:
            transport = httpx.ASGITransport(app, client=("127.0.0.1", port))
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
                assert (await http.post("/v2/models/tiny/infer", json=BODY)).status_code == 200

    asyncio.run(ask())
    assert [thread is threading.main_thread() for thread in predictor.threads] == inline
