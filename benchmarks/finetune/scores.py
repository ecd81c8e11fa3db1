"""Test accuracy on public sets, trained on all their rows by the finetune step and scored by the ONNX it writes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.finetune.prepared import MAX_LENGTH, TRAINING, Rows, base_model, encode, read
from benchmarks.harness import Figure, at_least
from benchmarks.public_data import Absent
from components.base.files import read_json
from components.base.settings import TokenizationSettings, TrainingSettings
from components.base.truncation import Truncation
from serving.predictor import Scorer


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
        subprocess.run([sys.executable, "-c", TRAINING, *arguments], check=True)
        took, best = time.monotonic() - started, read_json(target / "training.json")["best_epoch"]
        found = _score(target / "model.onnx", splits["test"], read_json(encoded / "labels.json"))
    return [
        at_least(f"{name}: test accuracy of the float ONNX, best epoch on validation", found, "", limit),
        Figure(f"{name}: the epoch that was kept", best, f"of {settings.epochs}"),
        Figure(f"{name}: training", took / 60, "min"),
    ]


def _score(model: Path, rows: Rows, labels: list[str]) -> float:
    """The share of `rows` that get their label, as the server scores them."""
    truncation = Truncation.of(TokenizationSettings(max_length=MAX_LENGTH))
    found = Scorer(model, base_model() / "tokenizer.json", truncation).logits([text for text, _ in rows])
    return sum(labels[best] == label for best, (_, label) in zip(found.argmax(axis=1), rows, strict=True)) / len(rows)
