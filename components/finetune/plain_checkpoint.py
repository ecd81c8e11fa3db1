"""The checkpoint of a model that transformers has no class for: config.json, safetensors, the tokenizer's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from components.base.files import read_json, write_json
from components.finetune.encoders.checkpoint import FILE
from components.finetune.hugging_face import copy_tokenizer


def write(
    folder: Path, config: dict[str, Any], tensors: dict[str, np.ndarray], labels: list[str], base_model: Path
) -> None:
    """`config` is to hold `model_type` and what else the reader needs; the labels are added to it."""
    folder.mkdir(parents=True)
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    save_file(contiguous, folder / FILE, metadata={"format": "pt"})
    (folder / FILE).chmod(0o644)
    named = {
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "label2id": {label: number for number, label in enumerate(labels)},
    }
    write_json(folder / "config.json", config | named)
    copy_tokenizer(base_model, folder)


def read(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    return read_json(folder / "config.json"), load_file(folder / FILE)
