"""A checkpoint as finetune writes it, from random weights and without TensorFlow."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from components.base.files import read_json
from components.finetune.onnx_export import write_onnx
from tests.tiny_project import LABELS, write_base_model


def write_checkpoint(folder: Path, seed: int = 0, labels: int = len(LABELS), **head: bool) -> Path:
    """`head` is what write_onnx takes: tags, pairs."""
    base = folder.with_name(folder.name + "-base")
    write_base_model(base)
    (folder / "hf").mkdir(parents=True)
    shutil.copyfile(base / "tokenizer.json", folder / "hf" / "tokenizer.json")
    tensors = {f"bert.{name}": tensor for name, tensor in load_file(base / "model.safetensors").items()}
    rng = np.random.default_rng(seed)
    hidden = tensors["bert.pooler.dense.bias"].shape[0]
    tensors["classifier.weight"] = rng.normal(0, 1, (labels, hidden)).astype(np.float32)
    tensors["classifier.bias"] = np.zeros(labels, dtype=np.float32)
    write_onnx(tensors, read_json(base / "config.json"), folder / "model.onnx", **head)
    return folder
