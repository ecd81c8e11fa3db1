"""How a new version answers: from what Prometheus has of its pods, or from requests of our own."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, Protocol

import httpx

from components.base.errors import TextgateError
from components.base.settings import TrafficSettings
from components.deploy.manifests import Release
from serving.bundle import load_manifest, read_canary
from serving.client import Description, http_client, infer_body, infer_path
from serving.tasks import TASKS

BEARER = "TEXTGATE_PROMETHEUS_TOKEN"
ANSWER_S = 10.0
# Prometheus needs a few scrapes to tell how much a count has grown.
LEAST_WINDOW_S = 60
PROBES = 10


@dataclass(frozen=True)
class Seen:
    """Answers of the new version; `p95_ms` is NaN where there were none."""

    requests: float
    errors: float
    p95_ms: float
    source: str

    def __str__(self) -> str:
        slow = "" if math.isnan(self.p95_ms) else f", 95 of 100 within {self.p95_ms:.0f} ms"
        return f"{self.requests:.0f} answers, {self.errors:.0f} of them errors{slow} ({self.source})"


def beyond(seen: Seen, limits: TrafficSettings) -> str:
    """The limit that is passed, with what was observed; empty where none is, or too little was seen to tell."""
    if seen.requests < max(limits.min_requests, 1):
        return ""
    rate = seen.errors / seen.requests
    if rate > limits.max_error_rate:
        return f"error rate {rate:.3g} above max_error_rate {limits.max_error_rate:g}, of {seen}"
    if seen.p95_ms > limits.max_p95_ms:
        return f"latency above max_p95_ms {limits.max_p95_ms:g}: {seen}"
    return ""


class Source(Protocol):
    def reach(self) -> None:
        """Raises TextgateError where nothing would be seen from here; asked before anything is changed."""

    def look(self) -> Seen:
        """Raises TextgateError where nothing can be said."""


class Prometheus:
    """The textgate_* figures of the servers whose textgate_model_info names this bundle. A bearer token comes from
    TEXTGATE_PROMETHEUS_TOKEN."""

    def __init__(self, url: str, release: Release, hold_s: float) -> None:
        self._url = url.rstrip("/")
        window = f"[{math.ceil(max(hold_s, LEAST_WINDOW_S))}s]"
        model = f'textgate_model_info{{model="{release.name}",digest="{release.digest}"}}'
        mine = f"* on (job, instance) group_left () {model}"
        self._requests = f"sum(increase(textgate_requests_total{window}) {mine})"
        self._errors = f'sum(increase(textgate_requests_total{{status=~"5.."}}{window}) {mine})'
        buckets = f"rate(textgate_request_seconds_bucket{window})"
        self._p95 = f"histogram_quantile(0.95, sum by (le) ({buckets} {mine}))"
        token = os.environ.get(BEARER)
        self._http = http_client(self._url, ANSWER_S)
        if token:
            self._http.headers["Authorization"] = f"Bearer {token}"

    def reach(self) -> None:
        self.look()

    def look(self) -> Seen:
        requests, errors = self._ask(self._requests, 0.0), self._ask(self._errors, 0.0)
        return Seen(requests, errors, 1000 * self._ask(self._p95, math.nan), "Prometheus")

    def _ask(self, query: str, nothing: float) -> float:
        try:
            response = self._http.get("/api/v1/query", params={"query": query})
            answer = response.json()
            if response.status_code != httpx.codes.OK or answer["status"] != "success":
                raise ValueError(f"HTTP {response.status_code}: {answer.get('error', 'no reason')}")
            found = answer["data"]["result"]
            value = float(found[0]["value"][1]) if found else nothing
        except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise TextgateError(
                f"Prometheus at {self._url} gives no figures ({error or type(error).__name__}); check"
                f" deploy.kserve.canary.prometheus, and {BEARER} where it asks for a token"
            ) from None
        return nothing if math.isnan(value) else value


@dataclass
class Probes:
    """Asks the service itself the bundle's stored examples. Answers of another version than the new one do not count;
    what fails without a version does."""

    url: str
    release: Release
    bundle: Path
    _times: list[float] = field(default_factory=list)
    _errors: int = 0

    def __post_init__(self) -> None:
        manifest = load_manifest(self.bundle)
        task = TASKS[manifest.task]
        outputs = [output.name for output in task.outputs]
        model = Description(self.release.name, list(task.inputs), outputs, manifest.labels)
        rows = [tuple(example[name] for name in task.inputs) for example in read_canary(self.bundle)]
        self._bodies = cycle([infer_body(model, [row]) for row in rows])
        self._http = http_client(self.url, ANSWER_S)

    def reach(self) -> None:
        try:
            status = self._http.get("/v2/health/live").status_code
        except httpx.HTTPError as error:
            raise self._unreachable(str(error) or type(error).__name__) from None
        if status != httpx.codes.OK:
            raise self._unreachable(f"HTTP {status}")

    def look(self) -> Seen:
        for _ in range(PROBES):
            self._ask()
        times = sorted(self._times)
        p95 = times[math.ceil(0.95 * len(times)) - 1] if times else math.nan
        return Seen(len(times), self._errors, p95, "own requests")

    def _ask(self) -> None:
        started = time.perf_counter()
        try:
            response: Any = self._http.post(infer_path(self.release.name), json=next(self._bodies))
            answered, wrong = response.headers.get("X-Model-Version", ""), response.status_code != httpx.codes.OK
            if not wrong:
                answered = answered or str(response.json().get("model_version", ""))
        except (httpx.HTTPError, ValueError, AttributeError):
            answered, wrong = "", True
        if answered not in ("", self.release.version):
            return
        self._times.append(1000 * (time.perf_counter() - started))
        self._errors += wrong

    def _unreachable(self, why: str) -> TextgateError:
        return TextgateError(
            f"{self.url} does not answer from here ({why}), so that nobody would see how the new version does; name a"
            " Prometheus server in deploy.kserve.canary.prometheus, or an address that can be reached in"
            " deploy.kserve.canary.url"
        )
