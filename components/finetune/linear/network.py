"""The linear model as the architecture of a run, and as the floor beside every other."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from components.base.encoding import Encoder
from components.base.truncation import Truncation
from components.finetune import plain_checkpoint
from components.finetune.linear.model import LinearModel, fit
from components.finetune.linear.onnx_export import write_onnx
from components.finetune.rows import Rows
from components.finetune.scores import validation_scores

FLOOR_ROWS = 20_000
TENSORS = ("weights", "bias", "grams", "idf")


def vocabulary(base_model: Path) -> int:
    """The number of token ids."""
    return Encoder(base_model / "tokenizer.json", Truncation()).largest_id + 1


def floor(
    base_model: Path, labels: list[str], train: Rows, validation: Rows, seed: int
) -> tuple[LinearModel, dict[str, float]]:
    """As `fitted`, of at most FLOOR_ROWS rows."""
    if len(train) > FLOOR_ROWS:
        train = train.take(np.sort(np.random.default_rng(seed).permutation(len(train))[:FLOOR_ROWS]))
    return fitted(base_model, labels, train, validation, seed)


def fitted(
    base_model: Path, labels: list[str], train: Rows, validation: Rows, seed: int
) -> tuple[LinearModel, dict[str, float]]:
    """The model, with its scores on validation, `rows` and `seconds` of its training."""
    started = time.monotonic()
    model = fit(train, len(labels), vocabulary(base_model), seed)
    found = validation_scores(model.logits(validation), validation, labels)
    return model, {"rows": len(train), **found, "seconds": time.monotonic() - started}


def write(model: LinearModel, labels: list[str], base_model: Path, folder: Path) -> None:
    """`hf/` and `model.onnx`."""
    config: dict[str, Any] = {"model_type": "textgate-linear", "kind": model.kind}
    tensors = {name: getattr(model, name) for name in TENSORS}
    plain_checkpoint.write(folder / "hf", config, tensors, labels, base_model)
    write_onnx(model, folder / "model.onnx")


def load(folder: Path) -> LinearModel:
    """The model of a checkpoint that `write` wrote."""
    config, tensors = plain_checkpoint.read(folder)
    return LinearModel(config["kind"], **tensors)
