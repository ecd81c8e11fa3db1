"""10,000 paired resamples of macro F1 over 100,000 rows and 77 classes: seconds and memory, beside numpy alone."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.harness import Figure, at_most, peak_memory
from components.base.settings import EvaluationSettings
from components.base.targets.labels import LabelTargets
from components.evaluate.counted import compare

ROWS, CLASSES, SAMPLES, PLAIN_SAMPLES, RUNS = 100_000, 77, 10_000, 40, 3
OPTIONS = EvaluationSettings(bootstrap_samples=SAMPLES)
NAMES = ["macro_f1"]


def figures(data: Path | None) -> list[Figure]:
    truth, one, other = models()
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(RUNS):
        started = time.perf_counter()
        ours()
        seconds["ours"].append(time.perf_counter() - started)
        started = time.perf_counter()
        _plain(truth, one, other)
        seconds["plain"].append((time.perf_counter() - started) * SAMPLES / PLAIN_SAMPLES)
    memory = peak_memory(["-c", "from benchmarks.gate.speed import ours; ours()"]) / 2**30
    what = f"{SAMPLES:,} paired resamples over {ROWS:,} rows and {CLASSES} classes"
    return [
        at_most(what, statistics.median(seconds["ours"]), "s", 5),
        Figure("the same row by row in numpy, from a part of the samples", statistics.median(seconds["plain"]), "s"),
        at_most("peak memory of the process", memory, "GiB", 1),
    ]


def models() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth and two models' answers, [rows] each: the first right in 93 %, the other alike but on 6 %."""
    rng = np.random.default_rng(0)
    truth = rng.choice(CLASSES, ROWS, p=rng.dirichlet(np.full(CLASSES, 2.0)))
    one = np.where(rng.random(ROWS) < 0.93, truth, rng.integers(0, CLASSES, ROWS))
    return truth, one, np.where(rng.random(ROWS) < 0.94, one, rng.integers(0, CLASSES, ROWS))


def ours() -> None:
    truth, one, other = models()
    targets = LabelTargets([""] * ROWS, truth, [str(number) for number in range(CLASSES)])
    found = compare(targets, one, other, NAMES, OPTIONS)["macro_f1"]
    if not found["low"] < found["value"] < found["high"]:
        sys.exit(f"the difference {found['value']} is not within its interval")


def _plain(truth: np.ndarray, one: np.ndarray, other: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    for _ in range(PLAIN_SAMPLES):
        rows = rng.integers(0, ROWS, ROWS)
        for predicted in (one, other):
            cells = np.bincount(truth[rows] * CLASSES + predicted[rows], minlength=CLASSES**2)
            table = cells.reshape(CLASSES, CLASSES)
            (2 * np.diag(table) / (table.sum(axis=0) + table.sum(axis=1))).mean()
