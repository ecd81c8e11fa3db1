"""How much of what the model and the server can do, each by itself, is left when both share the cores.

A second of the engine answers `engine` texts in perfect batches, one of the server without a model `echo`; where they
take turns on the same cores and nothing is lost, 1 / (1 / engine + 1 / echo) are answered.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Figure, at_least
from benchmarks.public_data import Absent
from benchmarks.serve.prepared import Prepared, prepare
from benchmarks.serve.rounds import MANY, ROUNDS
from benchmarks.serve.servers import NAME, echo, ours
from serving.load.process import measure
from serving.predictor import Predictor
from serving.processor import count_cores

BATCH = 32


def figures(data: Path | None) -> list[Figure]:
    try:
        prepared = prepare()
    except Absent as reason:
        return [Figure("throughput at 16 clients", f"skipped: {reason}", "")]
    engine = _Engine(prepared)
    found = []
    with ours("--bundle", str(prepared.bundle), "--name", NAME) as server, echo(prepared.bundle) as hollow:
        for turn in range(ROUNDS):
            ways = [engine.per_second, engine.per_second_by_core]
            for url in (hollow.infer, server.infer):
                ways.append(lambda url=url: measure(url, prepared.bodies, MANY)["per_second"])  # type: ignore[misc]
            order = range(len(ways)) if turn % 2 == 0 else reversed(range(len(ways)))
            rates = {place: ways[place]() for place in order}
            found.append([rates[place] for place in range(len(ways))])
    rounds = np.array(found)
    possible, by_core_possible = (1 / (1 / rounds[:, engine] + 1 / rounds[:, 2]) for engine in (0, 1))
    together, by_core, without, whole = np.median(rounds, axis=0).tolist()
    return [
        at_least("answers at 16 clients over what is possible", _ratio(rounds[:, 3], possible), "times", 0.85),
        Figure(
            "the same with the engine that runs one batch on each core", _ratio(rounds[:, 3], by_core_possible), "times"
        ),
        Figure("answers at 16 clients", whole, "/s"),
        Figure("possible: 1 / (1 / engine + 1 / echo)", float(np.median(possible)), "/s"),
        Figure("echo: the server without a model", without, "/s"),
        Figure(f"engine in batches of {BATCH}, each on all cores", together, "/s"),
        Figure(f"engine in batches of {BATCH}, one on each core", by_core, "/s"),
    ]


def _ratio(over: Any, under: Any) -> float:
    return float(np.median(over / under))


class _Engine:
    """The bundle in process, fed all rows in batches of like length."""

    def __init__(self, prepared: Prepared) -> None:
        self._whole, self._single = Predictor(prepared.bundle), Predictor(prepared.bundle, 1)
        task = self._whole.task
        rows = task.read([list(column) for column in zip(*prepared.rows, strict=True)])
        self._rows = sorted(rows, key=task.length)

    def per_second(self) -> float:
        """Each batch by all cores."""
        started = time.perf_counter()
        self._whole.probabilities(self._rows, BATCH)
        return len(self._rows) / (time.perf_counter() - started)

    def per_second_by_core(self) -> float:
        """As many batches at once as there are cores."""
        cores = count_cores()
        shares: list[list[Any]] = [[] for _ in range(cores)]
        for number, start in enumerate(range(0, len(self._rows), BATCH)):
            shares[number % cores] += self._rows[start : start + BATCH]
        threads = [threading.Thread(target=self._single.probabilities, args=(share, BATCH)) for share in shares]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(self._rows) / (time.perf_counter() - started)
