"""Requests that schemathesis makes of the server's own OpenAPI document: as it says, and against it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import hypothesis
import schemathesis
from schemathesis.core.failures import FailureGroup

from benchmarks.serve.wire import TRACES, Found

JSON = "application/json"
REFUSED = ["400", "404", "405", "413", "415"]
ANSWERED = ["200"]
CONFIG = {
    "checks": {
        "negative_data_rejection": {"expected-statuses": REFUSED},
        "positive_data_acceptance": {"expected-statuses": ANSWERED},
    }
}
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


def ask_by_schema(url: str, count: int, seed: int = 0) -> Found:
    """About `count` requests, over all operations, and most to those that take a body. Each reply must be as the
    document says: status, headers, content."""
    config = schemathesis.Config.from_dict(CONFIG)
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
    operations = [result.ok() for result in schema.get_all_operations()]
    weights = [12 if operation.body else 1 for operation in operations]
    sent, faults = 0, Counter[str]()
    for operation, weight in zip(operations, weights, strict=True):
        for mode in MODES if operation.body else MODES[:1]:
            each = max(1, count * weight // sum(weights) // (2 if operation.body else 1))
            sent += _ask(operation, mode, each, seed, url, faults)
    return Found(sent, faults, 0)


def _ask(operation: Any, mode: Any, count: int, seed: int, url: str, faults: Counter[str]) -> int:
    sent = 0

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        nonlocal sent
        if case.media_type not in (JSON, None):
            return
        if mode is schemathesis.GenerationMode.POSITIVE:
            _mend(case.body)
        response = case.call(base_url=url)
        sent += 1
        if any(trace in response.content for trace in TRACES):
            faults[f"{operation.label}: a stack trace in the body"] += 1
        try:
            case.validate_response(response)
        except FailureGroup as group:
            faults.update({f"{operation.label}: {failure.title}" for failure in group.exceptions})

    ask()
    return sent


def _mend(body: Any) -> None:
    """What a schema cannot say: shapes are as long as their data, tensors equally long; and a short timeout passes."""
    if not isinstance(body, dict) or "inputs" not in body:
        return
    rows = min(len(tensor["data"]) for tensor in body["inputs"])
    for tensor in body["inputs"]:
        tensor["data"] = tensor["data"][:rows]
        tensor["shape"] = [rows]
    if isinstance(body.get("parameters"), dict):
        body["parameters"].pop("timeout", None)
