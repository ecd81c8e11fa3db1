"""What a network is built for."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from components.base.settings import ModelSettings, TrainingSettings
from components.finetune.rows import Rows


class Setup(NamedTuple):
    base_model: Path
    labels: list[str]
    train: Rows
    validation: Rows
    chosen: ModelSettings
    settings: TrainingSettings
