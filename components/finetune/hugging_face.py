"""Writes the classifier back as a Hugging Face checkpoint that transformers reads."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras_hub.src.utils.transformers import convert_bert
from safetensors import safe_open
from safetensors.numpy import save_file

from components.base.files import read_json, write_json

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def _open(path: Path) -> Any:
    return safe_open(path, framework="np")


class _Recorder:
    """Stands in for KerasHub's loader: notes which tensor went where, and inverts how it was rearranged.

    The importer only transposes and reshapes, so running its hook over element numbers shows where each one went.
    """

    def __init__(self, source: Path) -> None:
        self.file = _open(source)
        self.keys: set[str] = set(self.file.keys())
        self.tensors: dict[str, np.ndarray] = {}

    def get_tensor(self, key: str) -> np.ndarray:
        return np.asarray(self.file.get_tensor(self._full(key)))

    def _full(self, key: str) -> str:
        if key in self.keys:
            return key
        return next(full for full in sorted(self.keys) if full.endswith(f".{key}"))

    def port_weight(self, keras_variable: Any, hf_weight_key: str, hook_fn: Callable[..., Any] | None = None) -> None:
        shape = self.file.get_slice(self._full(hf_weight_key)).get_shape()
        numbers = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
        moved = hook_fn(numbers, list(keras_variable.shape)) if hook_fn else numbers
        tensor = np.empty(numbers.size, dtype=np.float32)
        tensor[np.asarray(moved).reshape(-1)] = keras_variable.numpy().reshape(-1)
        self.tensors[hf_weight_key] = tensor.reshape(shape)


def standard_tensors(model: keras.Model, base_model: Path) -> dict[str, np.ndarray]:
    """The classifier's weights, float32, under the names and in the shapes of `BertForSequenceClassification`."""
    recorder = _Recorder(base_model / "model.safetensors")
    convert_bert.convert_weights(model.backbone, recorder, read_json(base_model / "config.json"))
    tensors = {f"bert.{key}": tensor for key, tensor in recorder.tensors.items()}
    kernel, bias = model.get_layer("logits").get_weights()
    tensors["classifier.weight"], tensors["classifier.bias"] = np.ascontiguousarray(kernel.T), bias
    return tensors


def write_checkpoint(tensors: dict[str, np.ndarray], base_model: Path, labels: list[str], folder: Path) -> None:
    """`config.json` with id2label, `model.safetensors` under the standard names, and the tokenizer's files."""
    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    config = read_json(base_model / "config.json")
    config.update(
        architectures=["BertForSequenceClassification"],
        id2label={str(number): label for number, label in enumerate(labels)},
        label2id={label: number for number, label in enumerate(labels)},
        problem_type="single_label_classification",
    )
    write_json(folder / "config.json", config)
    for name in TOKENIZER_FILES:
        if (base_model / name).exists():
            shutil.copyfile(base_model / name, folder / name)
