"""Compiling the pipeline with all that its pods can have: in this process, and as `textgate compile`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import Figure, at_most
from pipelines.compile import compile_pipeline
from tests.pipelines.golden_files import CONFIG, EVERYTHING, IMAGE, settings_with

TEXTGATE = (sys.executable, "-c", "from pipelines.cli import main; main()")
RUNS = 5
LIMIT_S = 3.0


def figures(data: Path | None) -> list[Figure]:
    """`data` is not used."""
    settings = settings_with(EVERYTHING)
    with tempfile.TemporaryDirectory(prefix="textgate-bench-") as folder:
        file = Path(folder, "pipeline.yaml")
        busy = time.process_time()
        here = _median(lambda: compile_pipeline(settings, file))
        busy = (time.process_time() - busy) / RUNS
        size = file.stat().st_size
        options = ["compile", "--config", str(CONFIG), "--set", f"cluster.image={IMAGE}", "-o", str(file)]
        command = _median(lambda: subprocess.run([*TEXTGATE, *options], check=True, stdout=subprocess.DEVNULL))
    return [
        at_most(f"compile and lint, every pod setting in use, median of {RUNS}", here, "s", LIMIT_S),
        Figure("of that, time of the processor, mean", busy, "s"),
        at_most(f"textgate compile, the default config, a new process, median of {RUNS}", command, "s", LIMIT_S),
        Figure("compiled file, every pod setting in use", size / 1024, "KiB"),
    ]


def _median(function: Callable[[], object]) -> float:
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
