"""snips_joint, all rows, by the default base model."""

from __future__ import annotations

from pathlib import Path

from benchmarks.finetune.scores import accuracy
from benchmarks.harness import Figure
from components.base.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=3, learning_rate=2e-4)


def figures(data: Path | None) -> list[Figure]:
    return accuracy("snips_joint", SETTINGS, 0.980)
