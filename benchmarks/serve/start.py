"""How soon the server answers, and the memory that it takes."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks.harness import Figure, at_most
from benchmarks.public_data import Absent
from benchmarks.serve.prepared import prepare
from benchmarks.serve.servers import NAME, ours
from serving.load.caller import Load
from serving.load.process import measure

STARTS, REQUESTS = 5, 1000


def figures(data: Path | None) -> list[Figure]:
    try:
        prepared = prepare()
    except Absent as reason:
        return [Figure("start of the server", f"skipped: {reason}", "")]
    seconds, fresh, used = [], [], []
    for _ in range(STARTS):
        with ours("--bundle", str(prepared.bundle), "--name", NAME) as server:
            seconds.append(server.ready_s)
            fresh.append(server.resident() / 1e6)
            asked = 0
            while asked < REQUESTS:
                asked += measure(server.infer, prepared.bodies, Load(16, seconds=1.0, warm_up=0.0))["requests"]
            used.append(server.resident() / 1e6)
    return [
        at_most("start to ready, warm disk", statistics.median(seconds), "s", 2.5),
        at_most(f"resident memory after {REQUESTS:,} requests", statistics.median(used), "MB", 200),
        Figure("resident memory when ready", statistics.median(fresh), "MB"),
    ]
