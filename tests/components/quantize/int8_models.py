"""Tiny models made ready for int8, on rows of random tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx

from components.base.encoding import Encoded
from components.quantize.activations import feeds, watch
from components.quantize.layers import find_layers
from components.quantize.scales import Scale, fit_scale


def encoded(seed: int, typed: bool) -> Encoded:
    """40 rows of 3 to 12 tokens."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 13, 40)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    ids = rng.integers(5, 100, offsets[-1]).astype(np.uint32)
    types = rng.integers(0, 2, offsets[-1]).astype(np.uint8) if typed else None
    return Encoded(ids, offsets, np.arange(40), sizes, [], types)


def prepare(path: Path) -> tuple[onnx.ModelProto, dict[str, Scale], list[dict[str, np.ndarray]]]:
    model = onnx.load(path)
    dense = find_layers(model).dense
    batches = feeds(model, encoded(0, len(model.graph.input) == 3), 1)
    activations = watch(model, {name: len(group[0].kernel) for name, group in dense.items()}, batches)
    scales = {name: fit_scale(activations[name], [layer.kernel for layer in group]) for name, group in dense.items()}
    return model, scales, batches


def ask(session: Any, batch: dict[str, np.ndarray], **more: np.ndarray) -> np.ndarray:
    return session.run(["logits"], {**batch, **more})[0]
