"""banking77, all rows, by the default base model."""

from __future__ import annotations

from pathlib import Path

from benchmarks.finetune.scores import accuracy
from benchmarks.harness import Figure
from components.base.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=8, learning_rate=2e-4, label_smoothing=0.1)


def figures(data: Path | None) -> list[Figure]:
    return accuracy("banking77", SETTINGS, 0.925)
