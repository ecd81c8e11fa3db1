from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx

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
