"""Test accuracy on public sets, trained on all their rows by the finetune step and scored by the ONNX it writes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

from benchmarks.finetune.prepared import base_model, encode, read
from benchmarks.harness import Figure, at_least
from benchmarks.public_data import Absent
from components.base.files import read_json
from components.base.settings import TrainingSettings
from components.finetune.batches import batches, read_rows

SCRIPT = """
import sys
from pathlib import Path
from components.base.settings import TrainingSettings
from components.finetune.finetune import finetune
settings = TrainingSettings.model_validate_json(sys.argv[3])
finetune(Path(sys.argv[1]), Path(sys.argv[2]), settings, Path(sys.argv[4]))
"""


def accuracy(name: str, settings: TrainingSettings, limit: float) -> list[Figure]:
    """`name` is that of a public set. In a process of its own, whose progress is shown."""
    try:
        splits = read(name)
    except Absent as reason:
        return [Figure(f"{name}: test accuracy", f"skipped: {reason}", "")]
    with tempfile.TemporaryDirectory() as work:
        encoded, target = encode(splits, Path(work)), Path(work, "checkpoint")
        started = time.monotonic()
        arguments = [str(encoded), str(base_model()), settings.model_dump_json(), str(target)]
        subprocess.run([sys.executable, "-c", SCRIPT, *arguments], check=True)
        took, best = time.monotonic() - started, read_json(target / "training.json")["best_epoch"]
        found = _score(target / "model.onnx", encoded, settings)
    return [
        at_least(f"{name}: test accuracy of the float ONNX, best epoch on validation", found, "", limit),
        Figure(f"{name}: the epoch that was kept", best, f"of {settings.epochs}"),
        Figure(f"{name}: training", took / 60, "min"),
    ]


def _score(model: Path, encoded: Path, settings: TrainingSettings) -> float:
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    rows = read_rows(encoded / "test.arrow")
    right = 0
    for batch in batches(rows, settings.bucket_lengths, 64, 0):
        inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        (logits,) = session.run(None, {name: value.astype(np.int64) for name, value in inputs.items()})
        right += int((logits.argmax(axis=1) == batch.labels).sum())
    return right / len(rows)
