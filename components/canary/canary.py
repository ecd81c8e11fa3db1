"""Questions the very server, on the very bundle, that is about to be promoted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import httpx

from components.base.errors import TextgateError
from components.base.files import write_json
from components.base.settings import CanarySettings
from components.canary.process import RunningServer, ServerFailedError, server
from serving.bundle import load_manifest, read_canary
from serving.client import infer_body, infer_path, predictions

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
    path, client = infer_path(load_manifest(bundle).name), running.client
    try:
        examples = read_canary(bundle)
    except TextgateError as error:
        yield Check("examples", str(error), "stored examples with their labels", False)
        return
    for number, (text, label) in enumerate(examples, 1):
        yield _asked(f"example {number}", label, partial(_example, client, path, text, label))
    refusal = "refused with a status from 400 to 499 and an error; still ready"
    yield _asked("malformed request", refusal, partial(_malformed, client, path))
    yield _asked("long text", "answered, or refused with a status from 400 to 499", partial(_long, client, path))
    limit = f"at most {settings.max_latency_ms:g} ms"
    texts = [text for text, _ in examples]
    yield _asked("latency", limit, partial(_latency, client, path, texts, settings.max_latency_ms))


def _asked(check: str, expected: str, question: Callable[[], tuple[str, bool]]) -> Check:
    try:
        observed, passed = question()
    except (httpx.HTTPError, ValueError, KeyError, TypeError, IndexError) as error:
        observed, passed = f"no usable answer: {type(error).__name__}: {error}", False
    return Check(check, observed, expected, passed)


def _example(client: httpx.Client, path: str, text: str, label: str) -> tuple[str, bool]:
    response = client.post(path, json=infer_body([text]))
    if response.status_code != httpx.codes.OK:
        return f"status {response.status_code}: {response.text[:200]}", False
    (answer,) = predictions([text], response.json())
    best, probability = answer.ranking[0]
    return f"{best} ({probability:.3f})", best == label


def _malformed(client: httpx.Client, path: str) -> tuple[str, bool]:
    response = client.post(path, json={"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [7]}]})
    ready = client.get("/v2/health/ready").status_code
    said = response.json().get("error")
    passed = 400 <= response.status_code < 500 and bool(said) and ready == httpx.codes.OK
    return f"status {response.status_code}: {said}; then readiness {ready}", passed


def _long(client: httpx.Client, path: str) -> tuple[str, bool]:
    status = client.post(path, json=infer_body([LONG_TEXT])).status_code
    return f"status {status}", status == httpx.codes.OK or 400 <= status < 500


def _latency(client: httpx.Client, path: str, texts: list[str], limit_ms: float) -> tuple[str, bool]:
    """The 95th percentile (nearest rank) of requests of one text each, one after the other."""
    times = []
    for number in range(LATENCY_REQUESTS):
        started = time.perf_counter()
        response = client.post(path, json=infer_body([texts[number % len(texts)]]))
        times.append(1000 * (time.perf_counter() - started))
        if response.status_code != httpx.codes.OK:
            return f"status {response.status_code}: {response.text[:200]}", False
    p95 = sorted(times)[math.ceil(0.95 * len(times)) - 1]
    return f"95 of 100 within {p95:.1f} ms, over {len(times)} requests", p95 <= limit_ms
