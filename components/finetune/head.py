"""Where the weights begin that turn an encoder's features into logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors import safe_open
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from components.base.encoding import UNTAGGED
from components.base.files import read_json
from components.base.progress import Progress
from components.finetune.batches import batches
from components.finetune.encoders.checkpoint import FILE
from components.finetune.rows import Rows

PROBE_ROWS = 10_000
PROBE_WORDS = 50_000


def keep_head(model: keras.Model, base_model: Path, labels: list[str]) -> list[str]:
    """Takes the base model's own scores of `labels`, and gives those that it has.

    Nothing is taken where it scores by another kind of head. Labels that it does not name begin anew.
    """
    known = read_json(base_model / "config.json").get("id2label") or {}
    places = {label: int(number) for number, label in known.items()}
    shared = [label for label in labels if label in places]
    family, logits = model.architecture.family, model.get_layer("logits")
    plain = model.tags or model.pooling == "mean"
    wanted = {"classifier" if plain else family.head.logits: logits}
    if not plain and family.pooler is None:
        wanted[family.head.dense] = model.get_layer("head_dense")
    tensors = _read(base_model, wanted)
    scored = next(iter(wanted))
    if not shared or not tensors or not _fits(tensors, wanted, scored, len(places)):
        return []
    for name, layer in wanted.items():
        kernel, bias = tensors[f"{name}.weight"].T, tensors[f"{name}.bias"]
        if name == scored:
            own_kernel, own_bias = (np.array(value) for value in layer.get_weights())
            to, taken = [labels.index(label) for label in shared], [places[label] for label in shared]
            own_kernel[:, to], own_bias[to] = kernel[:, taken], bias[taken]
            kernel, bias = own_kernel, own_bias
        layer.set_weights([kernel, bias])
    return shared


def _read(base_model: Path, wanted: dict[str, Any]) -> dict[str, np.ndarray]:
    names = [f"{name}.{part}" for name in wanted for part in ("weight", "bias")]
    with safe_open(base_model / FILE, framework="np") as file:
        if set(names) - set(file.keys()):
            return {}
        return {name: np.asarray(file.get_tensor(name), np.float32) for name in names}


def _fits(tensors: dict[str, np.ndarray], wanted: dict[str, Any], scored: str, count: int) -> bool:
    for name, layer in wanted.items():
        inputs, outputs = layer.kernel.shape
        if tensors[f"{name}.weight"].shape != (count if name == scored else outputs, inputs):
            return False
    return True


def probe_head(model: keras.Model, rows: Rows, bucket_lengths: list[int], pad: int, seed: int) -> None:
    """Logistic regression on the features that the untrained encoder gives of at most PROBE_ROWS rows."""
    if len(rows) > PROBE_ROWS:
        rows = rows.take(np.sort(np.random.default_rng(seed).permutation(len(rows))[:PROBE_ROWS]))
    features, targets = _features(model, rows, bucket_lengths, pad)
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    regression = LogisticRegression(max_iter=300, random_state=seed)
    fitted = (OneVsRestClassifier(regression) if rows.kind == "multi" else regression).fit(
        (features - mean) / spread, targets
    )
    layer = model.get_layer("logits")
    kernel, bias = (np.array(value) for value in layer.get_weights())
    if rows.kind == "multi":
        for label, one in enumerate(fitted.estimators_):
            if hasattr(one, "coef_"):  # a label that no row has, or every one, has nothing to learn
                kernel[:, label], bias[label] = one.coef_[0], one.intercept_[0]
    elif len(fitted.classes_) == 2:
        kernel[:, fitted.classes_] = np.stack([-fitted.coef_[0], fitted.coef_[0]], axis=1) / 2
        bias[fitted.classes_] = np.array([-1, 1]) * fitted.intercept_[0] / 2
    else:
        kernel[:, fitted.classes_], bias[fitted.classes_] = fitted.coef_.T, fitted.intercept_
    kernel /= spread[:, None]
    layer.set_weights([kernel, bias - mean @ kernel])


def _features(model: keras.Model, rows: Rows, bucket_lengths: list[int], pad: int) -> tuple[np.ndarray, np.ndarray]:
    """What reaches the logits, float32 [rows or words, features], and its targets."""
    below = keras.Model(model.inputs, model.get_layer("logits").input)
    names = [tensor.name for tensor in model.inputs]
    features, targets = [], []
    progress = Progress("probing", len(rows), "rows")
    for batch in batches(rows, bucket_lengths, 64, pad):
        found = np.asarray(below(batch.inputs(names), training=False), np.float32)
        if rows.kind == "tags":
            words = batch.targets != UNTAGGED
            features.append(found[words])
            targets.append(batch.targets[words])
        else:
            features.append(found)
            targets.append(batch.targets)
        progress.advance(len(batch.index))
    together, wanted = np.concatenate(features), np.concatenate(targets)
    if len(together) > PROBE_WORDS:
        chosen = np.random.default_rng(0).permutation(len(together))[:PROBE_WORDS]
        together, wanted = together[chosen], wanted[chosen]
    return together, wanted
