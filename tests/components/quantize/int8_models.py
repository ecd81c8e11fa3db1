"""Tiny models made ready for int8, on rows of random tokens."""

from __future__ import annotations

from array import array
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
    ids = [array("I", rng.integers(5, 100, size).tolist()) for size in sizes]
    types = [array("B", rng.integers(0, 2, size).tolist()) for size in sizes] if typed else None
    return Encoded(ids, list(range(40)), [ids], 0, types)


def prepare(path: Path) -> tuple[onnx.ModelProto, dict[str, Scale], list[dict[str, np.ndarray]]]:
    model = onnx.load(path)
    dense = find_layers(model).dense
    batches = feeds(model, encoded(0, len(model.graph.input) == 3), 1)
    activations = watch(model, {name: len(group[0].kernel) for name, group in dense.items()}, batches)
    scales = {name: fit_scale(activations[name], [layer.kernel for layer in group]) for name, group in dense.items()}
    return model, scales, batches


def ask(session: Any, batch: dict[str, np.ndarray], **more: np.ndarray) -> np.ndarray:
    return session.run(["logits"], {**batch, **more})[0]
