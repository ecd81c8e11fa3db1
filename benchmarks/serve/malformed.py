"""Requests that are not as they should be: schemathesis's on the server's own OpenAPI document, and our own."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs

from benchmarks.harness import Figure, at_most
from benchmarks.serve.broken_requests import INFER, cases
from benchmarks.serve.by_schema import ask_by_schema
from benchmarks.serve.wire import Case, Found, fault, send
from tests.serving import tiny
from tests.serving.running import Running, running

OWN, BY_SCHEMA = 4_300, 1_000
BLOCK, AT_ONCE = 100, 8


def figures(data: Path | None) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        tiny.write_bundle(Path(folder) / "bundle")
        with running(Path(folder), "--bundle", str(Path(folder) / "bundle"), "--version", "7") as server:
            own = ask_own(server, OWN, seed=0)
            by_schema = ask_by_schema(str(server.http.base_url).rstrip("/"), BY_SCHEMA)
            still = answers_rightly(server)
            trace = server.log.read_text().count("Traceback")
    faults = own.faults + by_schema.faults
    return [
        Figure("malformed requests", own.sent + by_schema.sent, ""),
        at_most(f"of these answered wrongly ({', '.join(faults) or 'none'})", faults.total(), "", 0),
        at_most("blocks of them after which the server did not answer", own.silent + (not still), "", 0),
        at_most("stack traces in the server's log", trace, "", 0),
    ]


def ask_own(server: Running, count: int, seed: int) -> Found:
    """`count` of broken_requests, in blocks of which several are sent at once."""
    faults: Counter[str] = Counter()
    silent = 0
    address = (str(server.http.base_url.host), int(server.http.base_url.port or 0))
    waiting = islice(cases(seed, allowed(server.http)), count)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        while block := list(islice(waiting, BLOCK)):
            faults.update(_faults(block, threads.map(lambda case: fault(case, send(address, case)), block)))
            silent += not answers_rightly(server)
    return Found(count, faults, silent)


def _faults(block: Iterable[Case], found: Iterable[str]) -> list[str]:
    return [f"{case.kind}: {what}" for case, what in zip(block, found, strict=True) if what]


def allowed(http: httpx.Client) -> Callable[[dict[str, Any]], bool]:
    """Whether the server's own document allows a body, of either protocol."""
    components = http.get("/openapi.json").json()["components"]
    infer, predict = (
        jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": components})
        for name in ("Infer", "Predict")
    )
    return lambda body: bool((predict if "instances" in body else infer).is_valid(body))


def answers_rightly(server: Running) -> bool:
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["good", "bad"]}
    answer = server.http.post(INFER, json={"inputs": [tensor]})
    return answer.status_code == 200 and answer.json()["outputs"][0]["data"] == ["positive", "negative"]
