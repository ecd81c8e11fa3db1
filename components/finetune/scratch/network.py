"""TextCNN and BiLSTM as Networks: see components/finetune/networks.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from components.base.encoding import Encoder
from components.base.truncation import Truncation
from components.finetune import plain_checkpoint
from components.finetune.scratch.models import build_bilstm, build_text_cnn
from components.finetune.scratch.onnx_export import write_bilstm, write_text_cnn
from components.finetune.setup import Setup

BUILDERS = {"text-cnn": build_text_cnn, "bilstm": build_bilstm}
WRITERS = {"text-cnn": write_text_cnn, "bilstm": write_bilstm}


class ScratchNetwork:
    """Takes of the base model its tokenizer alone."""

    def __init__(self, setup: Setup) -> None:
        self.base_model, self.labels, self.train, self.validation, self.chosen, settings = setup
        encoder = Encoder(self.base_model / "tokenizer.json", Truncation())
        self.pad, self.vocabulary = encoder.pad, encoder.largest_id + 1
        self.tags = self.train.kind == "tags"
        self.model = self.trained = self._build(settings.dropout)
        self.notes: dict[str, Any] = {}

    def _build(self, dropout: float) -> keras.Model:
        sizes = {"embedding": self.chosen.embedding, "units": self.chosen.units}
        build = BUILDERS[self.chosen.architecture]
        return build(self.vocabulary, len(self.labels), dropout, tags=self.tags, **sizes)

    def write(self, folder: Path) -> None:
        tensors = tensors_of(self.model)
        config = {
            "model_type": f"textgate-{self.chosen.architecture}",
            "vocab_size": self.vocabulary,
            "embedding_size": self.chosen.embedding,
            "units": self.chosen.units,
            "tags": self.tags,
            "pad_token_id": self.pad,
        }
        plain_checkpoint.write(folder / "hf", config, tensors, self.labels, self.base_model)
        WRITERS[self.chosen.architecture](tensors, folder / "model.onnx", tags=self.tags)

    def reread(self, folder: Path) -> keras.Model:
        return load(folder / "hf")


def load(folder: Path) -> keras.Model:
    """The model of a checkpoint that `write` wrote, with the very weights."""
    config, tensors = plain_checkpoint.read(folder)
    build = BUILDERS[config["model_type"].removeprefix("textgate-")]
    sizes = {"embedding": config["embedding_size"], "units": config["units"]}
    model = build(config["vocab_size"], len(config["id2label"]), 0.0, tags=config["tags"], **sizes)
    for name, variable in _named(model).items():
        variable.assign(tensors[name])
    return model


def tensors_of(model: keras.Model) -> dict[str, np.ndarray]:
    """float32, by layer and variable: `logits.kernel`, `lstm.forward.bias`."""
    return {name: np.asarray(variable.numpy(), np.float32) for name, variable in _named(model).items()}


def _named(model: keras.Model) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for layer in model.layers:
        ways = {"": layer}
        if isinstance(layer, keras.layers.Bidirectional):
            ways = {"forward.": layer.forward_layer, "backward.": layer.backward_layer}
        for way, part in ways.items():
            named |= {f"{layer.name}.{way}{variable.name}": variable for variable in part.trainable_variables}
    return named
