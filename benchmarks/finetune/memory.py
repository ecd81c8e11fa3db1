"""Peak memory of training a model of 6 layers, 384 wide, on batches of 32 rows of 128 tokens."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.finetune.prepared import base_model
from benchmarks.harness import Figure, at_most, peak_memory

ROWS, LENGTH, BATCHES = 32, 128, 4


def figures(data: Path | None) -> list[Figure]:
    """Needs no public data set."""
    rng = np.random.default_rng(0)
    arrays = {}
    for number in range(BATCHES):
        ids = rng.integers(1000, 20000, (ROWS, LENGTH)).astype(np.int32)
        arrays |= {f"{number}.ids": ids, f"{number}.mask": np.ones_like(ids)}
        arrays[f"{number}.labels"] = rng.integers(0, 77, ROWS).astype(np.int32)
    with tempfile.TemporaryDirectory() as work:
        np.savez(Path(work, "batches.npz"), **arrays)  # type: ignore[arg-type]
        command = ["-m", "benchmarks.finetune.our_loop", "step", str(base_model()), f"{work}/batches.npz", "77", "2"]
        peak = peak_memory(command)
    print(f"memory: {peak:,} bytes", file=sys.stderr)
    return [at_most(f"peak memory, {ROWS} × {LENGTH} tokens, 6 layers, 384 wide", peak / 2**30, "GiB", 3.2)]
