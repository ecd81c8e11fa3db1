"""wnut17, all sentences, by the default base model, which is uncased."""

from __future__ import annotations

from pathlib import Path

from benchmarks.finetune.scores import entity_f1
from benchmarks.harness import Figure
from components.base.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=6, learning_rate=2e-4, keep_best="micro_f1")


def figures(data: Path | None) -> list[Figure]:
    return entity_f1("wnut17", SETTINGS, 0.35)
