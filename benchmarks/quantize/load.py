"""Seconds until a bundle can answer, its files being in memory already."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.harness import Figure, at_most
from benchmarks.public_data import Absent
from benchmarks.quantize.prepared import prepare

PROCESSES, LOADS = 5, 5
# Verifies each file's sha256, opens model and tokenizer, and answers once.
LOADING = """
import json, sys, time
from pathlib import Path
from serving.predictor import Predictor
seconds = []
for _ in range(int(sys.argv[2])):
    started = time.perf_counter()
    Predictor(Path(sys.argv[1]))
    seconds.append(time.perf_counter() - started)
print(json.dumps(seconds))
"""


def figures(data: Path | None) -> list[Figure]:
    try:
        bundle = prepare().folder / "bundle"
    except Absent as reason:
        return [Figure("bundle load", f"skipped: {reason}", "")]
    first, later = [], []
    for _ in range(PROCESSES):
        command = [sys.executable, "-c", LOADING, str(bundle), str(1 + LOADS)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        one, *others = json.loads(done.stdout)
        first.append(one)
        later += others
    return [
        at_most("bundle load, warm disk", statistics.median(later), "s", 0.3),
        Figure("bundle load, the first of a process", statistics.median(first), "s"),
    ]
