"""Samples per second of the train step beside a plain PyTorch loop on the same batches, and of the loop around it."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.finetune.prepared import base_model, encode, read, write_batches
from benchmarks.harness import Figure, at_least
from benchmarks.peer_environment import TORCH, NoPeer
from benchmarks.public_data import Absent

FOLDER = Path(__file__).parent
BATCHES, PADDED_BATCHES, RUNS, THREADS, LOOP_ROWS = 60, 12, 3, 2, 1920
LABELS = 77
EPOCHS = 3


def figures(data: Path | None) -> list[Figure]:
    try:
        splits = read("banking77")
    except Absent as reason:
        return [Figure("training speed on banking77", f"skipped: {reason}", "")]
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        encoded = encode(splits, folder)
        write_batches(encoded, BATCHES, folder / "bucketed.npz")
        write_batches(encoded, PADDED_BATCHES, folder / "padded.npz", pad_to=128)
        return [*_beside_torch(folder, len(splits["train"])), *_loop(encoded)]


def _beside_torch(folder: Path, rows: int) -> list[Figure]:
    try:
        torch = [TORCH.python(), str(FOLDER / "torch_loop.py"), str(base_model())]
    except NoPeer as reason:
        return [Figure("train step beside a PyTorch loop", f"skipped: {reason}", "")]
    ours = [sys.executable, "-m", "benchmarks.finetune.our_loop", "step", str(base_model())]
    commands = {
        "ours": [*ours, str(folder / "bucketed.npz")],
        "torch": [*torch, str(folder / "bucketed.npz")],
        "padded": [*torch, str(folder / "padded.npz")],
    }
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for turn in range(RUNS):
        for name in list(commands) if turn % 2 == 0 else reversed(commands):
            runs[name].append(run([*commands[name], str(LABELS), str(THREADS)]))
    rate = {name: statistics.median(_rate(found) for found in of) for name, of in runs.items()}
    first = {name: statistics.median(found["first"] for found in of) for name, of in runs.items()}
    steady = {name: rows * EPOCHS / rate[name] for name in rate}
    return [
        Figure("train step on banking77's bucketed batches", rate["ours"], "samples/s"),
        Figure("PyTorch loop on the same batches", rate["torch"], "samples/s"),
        Figure("PyTorch loop, the same rows padded to 128", rate["padded"], "samples/s"),
        at_least("train step over PyTorch loop", rate["ours"] / rate["torch"], "times", 0.8),
        at_least("train step over PyTorch loop padded to 128", rate["ours"] / rate["padded"], "times", 3.0),
        Figure("train step, first call of each length (tracing)", first["ours"], "s"),
        Figure("PyTorch loop, first call of each length", first["torch"], "s"),
        Figure(
            f"{EPOCHS} epochs of {rows:,} rows, first calls included: PyTorch loop's time over ours (computed)",
            (steady["torch"] + first["torch"]) / (steady["ours"] + first["ours"]),
            "times",
        ),
    ]


def _loop(encoded: Path) -> list[Figure]:
    command = [sys.executable, "-m", "benchmarks.finetune.our_loop", "loop", str(base_model()), str(encoded)]
    found = [run([*command, str(LABELS), str(THREADS), str(LOOP_ROWS)]) for _ in range(RUNS)]
    shares = [one["bare"] / one["loop"] for one in found]
    return [at_least("whole loop over the bare step on batches in memory", statistics.median(shares), "times", 0.95)]


def _rate(found: dict[str, Any]) -> float:
    return float(found["rows"] / sum(found["seconds"]))


def run(command: list[str]) -> dict[str, Any]:
    """The JSON in the last line that the command prints. Raises CalledProcessError where it fails."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(THREADS)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
