"""The tiny checkpoints in references/, made by make_references.py, and what transformers computes from them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from components.base.files import read_json, write_json

FOLDER = Path(__file__).parent / "references"
FAMILIES = ("bert", "roberta", "xlm-roberta", "distilbert", "albert")
POOLED = ("bert", "albert")
HEADS: dict[str, dict[str, Any]] = {
    "first": {},
    "mean": {"pooling": "mean"},
    "tags": {"tags": True},
    "pairs": {"pairs": True},
}
Tensors = dict[str, np.ndarray]


def variants_of(family: str) -> dict[str, dict[str, Any]]:
    """What each variant of a family changes in config.json."""
    with safe_open(FOLDER / family / "reference.safetensors", framework="np") as file:
        return json.loads(file.metadata()["variants"])


ALL = [(family, variant) for family in FAMILIES for variant in variants_of(family)]


def copy_model(family: str, folder: Path, **changes: Any) -> Path:
    """A copy of the checkpoint, with changes to its config; None takes a key away."""
    shutil.copytree(FOLDER / family, folder)
    config = {**read_json(folder / "config.json"), **changes}
    write_json(folder / "config.json", {key: value for key, value in config.items() if value is not None})
    return folder


def change_tensors(folder: Path, change: Callable[[Tensors], Tensors]) -> Path:
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors")
    return folder


def read_reference(family: str, variant: str) -> Tensors:
    """`ids`, `mask` and `types`, int32 [rows, length], `hidden` [rows, length, n], and `pooled` [rows, n] or none."""
    tensors = load_file(FOLDER / family / "reference.safetensors")
    pad = variants_of(family)[variant].get("pad_token_id", 1)
    mask = tensors["attention_mask"].astype(np.int32)
    found = {
        "ids": np.where(mask == 1, tensors["input_ids"], pad).astype(np.int32),
        "mask": mask,
        "types": (tensors["token_type_ids"] * (variant == "pairs")).astype(np.int32),
        "hidden": tensors[f"{variant}.hidden"],
    }
    return found | ({"pooled": tensors[f"{variant}.pooled"]} if family in POOLED else {})


def build(base_model: Path, head: str, labels: int = 3) -> Any:
    """A classifier, every weight of its head drawn at random, wide enough to show."""
    from components.finetune.classifier import build_classifier

    model = build_classifier(base_model, labels, 0.0, **HEADS[head])
    rng = np.random.default_rng(5)
    for name in ("head_dense", "logits"):
        if name in [layer.name for layer in model.layers]:
            layer = model.get_layer(name)
            layer.set_weights([rng.normal(0, 0.3, weight.shape).astype(np.float32) for weight in layer.get_weights()])
    return model


def inputs_of(model: Any, family: str) -> list[np.ndarray]:
    """The inputs that `model` takes, of the reference rows; their second halves are of type 1 where it takes types."""
    reference = read_reference(family, "pairs" if len(model.inputs) == 3 else "gelu")
    return [reference[name] for name in ("ids", "mask", "types")][: len(model.inputs)]


def export(model: Any, base_model: Path, head: str, path: Path) -> Path:
    from components.finetune.hugging_face import standard_tensors
    from components.finetune.onnx_export import write_onnx

    write_onnx(standard_tensors(model, base_model), read_json(base_model / "config.json"), path, **HEADS[head])
    return path
