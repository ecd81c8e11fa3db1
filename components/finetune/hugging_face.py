"""Writes the classifier back as a Hugging Face checkpoint that transformers reads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors.numpy import save_file

from components.base.base_models import TOKENIZER_FILES
from components.base.files import read_json, write_json
from components.finetune.encoders.architecture import read_architecture
from components.finetune.encoders.backbone import encoder_tensors
from components.finetune.encoders.families import Family
from components.finetune.rows import Kind

POOLING_KEY = "textgate_pooling"
STALE = ("num_labels", "problem_type", POOLING_KEY)


def standard_tensors(model: keras.Model, base_model: Path) -> dict[str, np.ndarray]:
    """The classifier's weights, float32, under the names and in the shapes of transformers' class for it.

    That is `<Family>ForSequenceClassification`, or `ForTokenClassification` for tags. For the mean of the hidden states
    there is none: the encoder has the names of `<Family>Model`, beside `classifier.weight` and `classifier.bias`.
    """
    family, mean = model.architecture.family, model.pooling == "mean" and not model.tags
    prefix = "" if mean else family.prefix
    tensors = {
        prefix + name: tensor
        for name, tensor in encoder_tensors(model.backbone, model.architecture, base_model).items()
        if not (model.tags and _of_pooler(name, family)) and not (mean and name in model.fresh)
    }
    if mean or model.tags:
        return tensors | _dense_tensors(model.get_layer("logits"), "classifier")
    if family.pooler is None:
        tensors |= _dense_tensors(model.get_layer("head_dense"), family.head.dense)
    return tensors | _dense_tensors(model.get_layer("logits"), family.head.logits)


def _of_pooler(name: str, family: Family) -> bool:
    return family.pooler is not None and name.startswith(f"{family.pooler}.")


def _dense_tensors(layer: Any, name: str) -> dict[str, np.ndarray]:
    kernel, bias = (np.asarray(weight, dtype=np.float32) for weight in layer.get_weights())
    return {f"{name}.weight": np.ascontiguousarray(kernel.T), f"{name}.bias": bias}


def write_checkpoint(
    tensors: dict[str, np.ndarray],
    base_model: Path,
    labels: list[str],
    folder: Path,
    *,
    pooling: str = "first",
    kind: Kind = "single",
) -> None:
    """`config.json` with id2label, `model.safetensors` under the standard names, and the tokenizer's files.

    `tensors` are those of a classifier that was built for `kind` of targets, with the same `pooling`.
    """
    tags = kind == "tags"
    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    base = read_json(base_model / "config.json")
    config = {key: value for key, value in base.items() if key not in STALE}
    mean = pooling == "mean" and not tags
    task = "ForTokenClassification" if tags else "Model" if mean else "ForSequenceClassification"
    config.update(
        architectures=[read_architecture(base).family.classes + task],
        id2label={str(number): label for number, label in enumerate(labels)},
        label2id={label: number for number, label in enumerate(labels)},
    )
    if not tags:
        config["problem_type"] = f"{kind}_label_classification"
    if mean:
        config[POOLING_KEY] = "mean"
    config.update({key: "float32" for key in ("dtype", "torch_dtype") if key in config})
    write_json(folder / "config.json", config)
    copy_tokenizer(base_model, folder)


def copy_tokenizer(base_model: Path, folder: Path) -> None:
    for name in TOKENIZER_FILES:
        if (base_model / name).exists():
            shutil.copyfile(base_model / name, folder / name)
