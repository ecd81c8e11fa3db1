"""What frozen lower layers give, computed once instead of in every epoch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from components.base.progress import Progress
from components.base.settings import TrainingSettings
from components.finetune.batches import batches
from components.finetune.rows import Rows

MOST_BYTES = 2 << 30


def pays(model: keras.Model, settings: TrainingSettings, splits: tuple[Rows, ...]) -> bool:
    """Whether the lower part stands still, is asked more than once, and memory holds what it gives."""
    architecture = model.architecture
    tokens = sum(len(row) for rows in splits for row in rows.tokens)
    return (
        settings.embeddings == "frozen"
        and settings.frozen_layers > 0
        and settings.epochs > 1
        and architecture.groups == architecture.layers  # ALBERT's layers come again further up
        and tokens * architecture.hidden * np.dtype(np.float32).itemsize <= MOST_BYTES
    )


def upper_part(model: keras.Model, frozen_layers: int) -> keras.Model:
    """The classifier above its frozen layers, which shares its variables: inputs `hidden` and `attention_mask`."""
    hidden = keras.Input((None, model.architecture.hidden), name="hidden")
    mask = keras.Input((None,), dtype="int32", name="attention_mask")
    states = hidden
    for layer in model.backbone.transformer_layers[frozen_layers:]:
        states = layer(states, padding_mask=mask)
    pooler = getattr(model.backbone, "pooled_dense", None)
    upper = keras.Model(
        [hidden, mask], model.head(states, None if pooler is None else pooler(states[:, 0, :]), mask), name="upper"
    )
    upper.backbone = model.backbone
    return upper


def with_hidden(model: keras.Model, rows: Rows, settings: TrainingSettings, pad: int) -> Rows:
    """`rows` with what the frozen layers give of them."""
    backbone = model.backbone
    below = keras.Model(backbone.inputs, backbone.transformer_layers[settings.frozen_layers - 1].output)
    names = {"token_ids": "input_ids", "padding_mask": "attention_mask", "segment_ids": "token_type_ids"}
    found: list[np.ndarray] = [np.empty(0)] * len(rows)
    progress = Progress("computing the frozen layers", len(rows), "rows")
    for batch in batches(rows, settings.bucket_lengths, 64, pad):
        inputs = {tensor.name: _input(batch, names[tensor.name]) for tensor in backbone.inputs}
        states = np.asarray(below(inputs, training=False), np.float32)
        for line, index in enumerate(batch.index):
            found[index] = states[line, : len(rows.tokens[index])].copy()
        progress.advance(len(batch.index))
    return replace(rows, hidden=found)


def _input(batch: Any, name: str) -> np.ndarray:
    value = getattr(batch, name)
    return np.zeros_like(batch.input_ids) if value is None else value
