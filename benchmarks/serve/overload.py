"""Twice the load that the server bears: what is accepted is answered in bounded time, the rest refused at once.

A text that is accepted has at most a full queue before it, and what runs; MINUTES shortens the minute.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.harness import Figure, at_most
from benchmarks.public_data import Absent
from benchmarks.serve.prepared import prepare
from benchmarks.serve.rounds import Target, capacity, failures
from benchmarks.serve.servers import NAME, ours
from benchmarks.serve.soak import minutes
from serving.load.caller import REFUSALS, Load
from serving.load.process import measure
from serving.options import Options
from serving.processor import count_cores

# More callers than the cores can serve at once, fewer than the queue holds: they find what the server bears.
CLIENTS, FEW, OVER, AFTER_S, FULL = 128, 16, 2.0, 5.0, 0.9


def figures(data: Path | None) -> list[Figure]:
    try:
        prepared = prepare()
    except Absent as reason:
        return [Figure("overload", f"skipped: {reason}", "")]
    options = Options()
    with ours("--bundle", str(prepared.bundle), "--name", NAME) as server:
        target = Target(server.infer, prepared.bodies)
        before, bears = capacity(target, FEW), capacity(target, CLIENTS)
        over = measure(*target, Load(rate=OVER * bears, seconds=min(60.0, 60 * minutes()), warm_up=2.0))
        after = _seconds_after(target)
        full = (before + capacity(target, FEW)) / 2
    refused = sum(over["statuses"].get(str(status), 0) for status in REFUSALS)
    longest = 1000 * (options.max_queue + count_cores() * options.max_batch) / over["per_second"]
    what = f"at {OVER:g} times {bears:.0f}/s"
    return [
        at_most(
            f"{what}: p99 of the accepted over a full queue's time ({longest:.0f} ms)",
            over["p99_ms"] / longest,
            "times",
            1.5,
        ),
        at_most(f"{what}: p99 of the refused", over["refused"].get("p99_ms", 0.0), "ms", 100),
        at_most(f"{what}: neither accepted nor refused", failures(over) - refused, "requests", 0),
        Figure(f"{what}: answers over what it bears", over["per_second"] / bears, "times"),
        at_most(
            f"after it: until a second has {FULL:g} of the answers of {FEW} clients at full speed",
            next((end for end, report in after if report["per_second"] >= FULL * full), float("inf")),
            "s",
            AFTER_S,
        ),
        at_most("requests that failed after it", sum(failures(report) for _, report in after), "requests", 0),
        Figure("full speed before the load and after it", full, "/s"),
        Figure(f"{what}: refused", refused / over["requests"], "share"),
        Figure("how far the load itself was late, p99", over["late_ms"], "ms"),
    ]


def _seconds_after(target: Target) -> list[tuple[float, dict[str, Any]]]:
    """Second by second, with the time at its end."""
    began, found = time.monotonic(), []
    while time.monotonic() - began < AFTER_S:
        report = measure(*target, Load(FEW, seconds=1.0, warm_up=0.0))
        found.append((time.monotonic() - began, report))
    return found
