"""Samples per second of the train step with what may be chosen for speed, beside the default, on the same batches."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.finetune.prepared import base_model, encode, read, write_batches
from benchmarks.finetune.speed import LABELS, THREADS, run
from benchmarks.harness import Figure
from benchmarks.public_data import Absent

BATCHES, RUNS = 30, 3
OPTIONS: dict[str, dict[str, Any]] = {
    "the default": {},
    "deterministic: false": {"deterministic": False},
    "xla: update": {"xla": "update"},
    "xla: step": {"xla": "step"},
    "precision: mixed_bfloat16": {"precision": "mixed_bfloat16"},
    "embeddings: all": {"embeddings": "all"},
    "model.lora_rank: 8": {"model": {"lora_rank": 8}},
    "embeddings: frozen, frozen_layers: 3 (computed each time)": {"embeddings": "frozen", "frozen_layers": 3},
}


def figures(data: Path | None) -> list[Figure]:
    try:
        splits = read("banking77")
    except Absent as reason:
        return [Figure("training speed by option", f"skipped: {reason}", "")]
    with tempfile.TemporaryDirectory() as work:
        write_batches(encode(splits, Path(work)), BATCHES, Path(work, "batches.npz"))
        step = [sys.executable, "-m", "benchmarks.finetune.our_loop", "step", str(base_model()), f"{work}/batches.npz"]
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in OPTIONS}
        for turn in range(RUNS):
            for name in list(OPTIONS) if turn % 2 == 0 else reversed(OPTIONS):
                runs[name].append(run([*step, str(LABELS), str(THREADS), json.dumps(OPTIONS[name])]))
    rate = {name: statistics.median(one["rows"] / sum(one["seconds"]) for one in of) for name, of in runs.items()}
    first = {name: statistics.median(one["first"] for one in of) for name, of in runs.items()}
    whole = rate["the default"]
    return [
        Figure(f"{name}: {rate[name]:.1f} samples/s, first calls {first[name]:.0f} s", rate[name] / whole, "times")
        for name in OPTIONS
    ]
