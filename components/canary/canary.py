"""Questions the very server, on the very bundle, that is about to be promoted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from components.base.errors import TextgateError
from components.base.files import write_json
from components.base.settings import CanarySettings
from components.canary.process import RunningServer, ServerFailedError, server
from serving.bundle import RIGHT, load_manifest, read_canary
from serving.client import Description, Row, infer_body, infer_path, predictions
from serving.tasks import TASKS
from serving.tasks.task import answer_parts

REPORT = "canary.json"
LATENCY_REQUESTS = 20
LONG_TEXT = "a long text " * 834  # 10,008 characters


@dataclass(frozen=True)
class Check:
    check: str
    observed: str
    expected: str
    passed: bool


def canary(bundle: Path, settings: CanarySettings, report: Path) -> bool:
    """True when every check passed; `report`/canary.json holds them all.

    A server that does not start, or dies on the way, is a failed check and not an exception.
    """
    checks: list[Check] = []
    try:
        with server(bundle, settings.start_timeout_s) as running:
            checks.append(_started(settings, f"ready in {running.start_s:.1f} s", True))
            for check in _questions(bundle, settings, running):
                checks.append(check)
                running.check()
    except ServerFailedError as error:
        expected = "answers until it is stopped"
        checks.append(Check("server", str(error), expected, False) if checks else _started(settings, str(error), False))
    passed = all(check.passed for check in checks)
    write_json(report / REPORT, {"passed": passed, "checks": [asdict(check) for check in checks]})
    return passed


def _started(settings: CanarySettings, observed: str, passed: bool) -> Check:
    return Check("start", observed, f"ready within {settings.start_timeout_s:g} s", passed)


def _questions(bundle: Path, settings: CanarySettings, running: RunningServer) -> Iterator[Check]:
    manifest, client = load_manifest(bundle), running.client
    task = TASKS[manifest.task]
    outputs = [output.name for output in task.outputs]
    model = Description(manifest.name, list(task.inputs), outputs, manifest.labels)
    try:
        examples = read_canary(bundle)
    except TextgateError as error:
        yield Check("examples", str(error), "stored examples with their answers", False)
        return
    rows = [tuple(example[name] for name in task.inputs) for example in examples]
    for number, (row, example) in enumerate(zip(rows, examples, strict=True), 1):
        known = answer_parts(example[outputs[0]])
        expected = ", ".join(known) or "nothing"
        if not example.get(RIGHT, True):
            expected += " (what the model answered when it was made; not known to be right)"
        yield _asked(f"example {number}", expected, partial(_example, client, model, row, known))
    refusal = "refused with a status from 400 to 499 and an error; still ready"
    yield _asked("malformed request", refusal, partial(_malformed, client, model))
    yield _asked("long text", "answered, or refused with a status from 400 to 499", partial(_long, client, model))
    limit = f"at most {settings.max_latency_ms:g} ms"
    yield _asked("latency", limit, partial(_latency, client, model, rows, settings.max_latency_ms))


def _asked(check: str, expected: str, question: Callable[[], tuple[str, bool]]) -> Check:
    try:
        observed, passed = question()
    except (httpx.HTTPError, ValueError, KeyError, TypeError, IndexError) as error:
        observed, passed = f"no usable answer: {type(error).__name__}: {error}", False
    return Check(check, observed, expected, passed)


def _example(client: httpx.Client, model: Description, row: Row, known: list[str]) -> tuple[str, bool]:
    response = client.post(infer_path(model.name), json=infer_body(model, [row]))
    if response.status_code != httpx.codes.OK:
        return f"status {response.status_code}: {response.text[:200]}", False
    (answer,) = predictions(model, [row], response.json())
    ranking = [f"{label} ({probability:.3f})" for label, probability in answer.ranking]
    labels: list[Any] = [label for label, _ in answer.ranking]
    found = answer_parts(answer.entities or labels)
    return ", ".join(ranking or found) or "nothing", found == known


def _malformed(client: httpx.Client, model: Description) -> tuple[str, bool]:
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [7]}
    response = client.post(infer_path(model.name), json={"inputs": [tensor]})
    ready = client.get("/v2/health/ready").status_code
    said = response.json().get("error")
    passed = 400 <= response.status_code < 500 and bool(said) and ready == httpx.codes.OK
    return f"status {response.status_code}: {said}; then readiness {ready}", passed


def _long(client: httpx.Client, model: Description) -> tuple[str, bool]:
    row = (LONG_TEXT,) * len(model.inputs)
    status = client.post(infer_path(model.name), json=infer_body(model, [row])).status_code
    return f"status {status}", status == httpx.codes.OK or 400 <= status < 500


def _latency(client: httpx.Client, model: Description, rows: list[Row], limit_ms: float) -> tuple[str, bool]:
    """The 95th percentile (nearest rank) of requests of one row each, one after the other."""
    times = []
    for number in range(LATENCY_REQUESTS):
        started = time.perf_counter()
        response = client.post(infer_path(model.name), json=infer_body(model, [rows[number % len(rows)]]))
        times.append(1000 * (time.perf_counter() - started))
        if response.status_code != httpx.codes.OK:
            return f"status {response.status_code}: {response.text[:200]}", False
    p95 = sorted(times)[math.ceil(0.95 * len(times)) - 1]
    return f"95 of 100 within {p95:.1f} ms, over {len(times)} requests", p95 <= limit_ms
