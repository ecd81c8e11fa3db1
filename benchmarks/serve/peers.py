"""The same bundle behind other servers: kserve's ModelServer and `mlflow models serve`."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.harness import Figure, at_least, at_most
from benchmarks.peer_environment import NoPeer
from benchmarks.public_data import Absent
from benchmarks.serve.prepared import Prepared, prepare
from benchmarks.serve.rounds import Found, Target, measure_all
from benchmarks.serve.servers import NAME, behind_kserve, behind_mlflow, ours
from serving.client import Row
from serving.tasks import TASKS

OURS, KSERVE, MLFLOW = "textgate", "kserve's ModelServer", "mlflow models serve"
# p50 at one client, ours over theirs, at most; answers a second at 16, at least.
LIMITS = {KSERVE: (0.65, 1.5), MLFLOW: (0.5, 3.0)}


def figures(data: Path | None) -> list[Figure]:
    try:
        prepared = prepare()
    except Absent as reason:
        return [Figure("beside other servers", f"skipped: {reason}", "")]
    skipped = []
    with ExitStack() as stack:
        server = stack.enter_context(ours("--bundle", str(prepared.bundle), "--name", NAME))
        targets = {OURS: Target(server.infer, prepared.bodies)}
        try:
            targets[KSERVE] = Target(stack.enter_context(behind_kserve(prepared.bundle)).infer, prepared.bodies)
        except NoPeer as reason:
            skipped.append(Figure(f"beside {KSERVE}", f"skipped: {reason}", ""))
        theirs = stack.enter_context(behind_mlflow(prepared.bundle))
        targets[MLFLOW] = Target(theirs.infer, [_mlflow_body(prepared, row) for row in prepared.rows])
        found = measure_all(targets)
    return [*(figure for name in targets if name != OURS for figure in _ratios(found, name)), *skipped, *_all(found)]


def _mlflow_body(prepared: Prepared, row: Row) -> str:
    names = TASKS[prepared.manifest.task].inputs
    if len(names) == 1:
        return json.dumps({"inputs": list(row)})
    return json.dumps({"dataframe_records": [dict(zip(names, row, strict=True))]})


def _ratios(found: dict[str, Found], peer: str) -> list[Figure]:
    ours, theirs, (slowest, least) = found[OURS], found[peer], LIMITS[peer]
    latency, rate = np.median(ours.p50_ms / theirs.p50_ms), np.median(ours.per_second / theirs.per_second)
    return [
        at_most(f"p50 at one client, over {peer}", float(latency), "times", slowest),
        at_least(f"answers at 16 clients, over {peer}", float(rate), "times", least),
    ]


def _all(found: dict[str, Found]) -> list[Figure]:
    return [
        figure
        for name, one in found.items()
        for figure in (
            Figure(f"{name}: p50 at one client", float(np.median(one.p50_ms)), "ms"),
            Figure(f"{name}: answers at 16 clients", float(np.median(one.per_second)), "/s"),
            at_most(f"{name}: requests without an answer", one.failed, "requests", 0),
        )
    ]
