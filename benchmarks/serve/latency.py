"""What HTTP costs: one text at a time from one client, beside the same call in process."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from benchmarks.harness import Figure, at_most
from benchmarks.public_data import Absent
from benchmarks.serve.prepared import prepare
from benchmarks.serve.rounds import ALONE, ROUNDS
from benchmarks.serve.servers import NAME, ours
from serving.client import Row
from serving.load.process import measure
from serving.options import Options
from serving.predictor import Predictor

ROWS = 300


def figures(data: Path | None) -> list[Figure]:
    try:
        prepared = prepare()
    except Absent as reason:
        return [Figure("latency over HTTP", f"skipped: {reason}", "")]
    rows, bodies = prepared.rows[:ROWS], prepared.bodies[:ROWS]
    served, whole = Predictor(prepared.bundle, Options().threads), Predictor(prepared.bundle)
    found = []
    with ours("--bundle", str(prepared.bundle), "--name", NAME) as server:
        for turn in range(ROUNDS):
            ways = [lambda: _p50_ms(served, rows), lambda: _p50_ms(whole, rows)]
            ways.append(lambda: float(measure(server.infer, bodies, ALONE)["p50_ms"]))
            order = range(len(ways)) if turn % 2 == 0 else reversed(range(len(ways)))
            seconds = {place: ways[place]() for place in order}
            found.append([seconds[place] for place in range(len(ways))])
    rounds = np.array(found)
    alone, cores, http = np.median(rounds, axis=0).tolist()
    over = np.median(rounds[:, 2] - rounds[:, 0]), np.median(rounds[:, 2] - rounds[:, 1])
    threads = f"{Options().threads} thread{'s' if Options().threads != 1 else ''}"
    return [
        at_most(f"HTTP over the call in process ({threads}, as served), p50", float(over[0]), "ms", 1.5),
        at_most("HTTP over the call in process (all cores), p50", float(over[1]), "ms", 1.5),
        Figure("HTTP at one client, p50", http, "ms"),
        Figure(f"in process, {threads}, p50", alone, "ms"),
        Figure("in process, all cores, p50", cores, "ms"),
    ]


def _p50_ms(predictor: Predictor, rows: list[Row]) -> float:
    """From texts to labels, one row at a time."""
    task, seconds = predictor.task, []
    for row in rows:
        started = time.perf_counter()
        columns = [[text] for text in row]
        task.answers(columns, predictor.probabilities(task.read(columns)), predictor.decider)
        seconds.append(time.perf_counter() - started)
    return 1000 * float(np.median(seconds))
