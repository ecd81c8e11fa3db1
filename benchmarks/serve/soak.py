"""Minutes at most of what the server bears: its memory stays, and nothing fails. MINUTES says how many (10)."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

from benchmarks.harness import Figure, at_most
from benchmarks.public_data import Absent
from benchmarks.serve.prepared import prepare
from benchmarks.serve.rounds import Target, capacity, failures
from benchmarks.serve.servers import NAME, ours
from serving.load.caller import Load
from serving.load.process import LoadProcess

CLIENTS, SHARE, SAMPLE_S = 16, 0.8, 0.5


def minutes() -> float:
    return float(os.environ.get("MINUTES") or 10)


def figures(data: Path | None) -> list[Figure]:
    try:
        prepared = prepare()
    except Absent as reason:
        return [Figure("soak", f"skipped: {reason}", "")]
    with ours("--bundle", str(prepared.bundle), "--name", NAME) as server:
        target = Target(server.infer, prepared.bodies)
        bears = capacity(target, CLIENTS)
        load = Load(rate=SHARE * bears, seconds=60 * minutes(), warm_up=0.0)
        held = []
        with LoadProcess(*target, load) as process:
            while process.running:
                held.append(server.resident())
                time.sleep(SAMPLE_S)
            report = process.report()
    tenth = max(1, len(held) // 10)
    second, last = statistics.median(held[tenth : 2 * tenth]), statistics.median(held[-tenth:])
    what = f"{minutes():g} minutes at {SHARE:.0%} of what 16 clients get"
    return [
        at_most(f"{what}: memory of the last tenth over the second", last / second, "times", 1.05),
        at_most(f"{what}: requests that failed, of {report['requests']:,}", failures(report), "requests", 0),
        Figure("load", load.rate, "/s"),
        Figure("memory at the end", last / 1e6, "MB"),
        Figure("p50", report["p50_ms"], "ms"),
        Figure("p99", report["p99_ms"], "ms"),
    ]
