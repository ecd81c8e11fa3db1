"""The networks that training knows, each with the way its weights are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import keras

from components.base.errors import TextgateError
from components.base.files import read_json
from components.base.settings import TrainingSettings
from components.finetune import frozen
from components.finetune.classifier import build_classifier
from components.finetune.encoders.architecture import padding_id, usable_places
from components.finetune.head import keep_head, probe_head
from components.finetune.hugging_face import standard_tensors, write_checkpoint
from components.finetune.onnx_export import write_onnx
from components.finetune.rows import Rows
from components.finetune.scratch.network import ScratchNetwork
from components.finetune.setup import Setup
from components.finetune.trained_parts import choose_trained


class Network(Protocol):
    """`model` is the whole, `trained` the part of it that training runs, with `train` and `validation` as its input.
    `pad` is the padding token's id, `notes` what the report is to say of how it began."""

    model: keras.Model
    trained: keras.Model
    train: Rows
    validation: Rows
    pad: int
    notes: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Writes `hf/` and `model.onnx`, float32."""

    def reread(self, folder: Path) -> keras.Model:
        """The model again, float32, from the `hf/` that was written."""


def build_network(setup: Setup) -> Network:
    """Raises TextgateError as the network does."""
    return EncoderNetwork(setup) if setup.chosen.architecture == "encoder" else ScratchNetwork(setup)


class EncoderNetwork:
    """A Network of a pretrained encoder. Raises TextgateError for a base model that cannot be read, or texts longer
    than it takes."""

    def __init__(self, setup: Setup) -> None:
        self.base_model, self.labels, self.train, self.validation, self.chosen, settings = setup
        self.config = read_json(self.base_model / "config.json")
        self.pad = padding_id(self.config)
        self.kind, self.pairs = self.train.kind, self.train.types is not None
        splits = self.train, self.validation
        _check_lengths(splits, settings, usable_places(self.config))
        self.model = self.trained = self._build(self.base_model, settings.dropout)
        self.notes: dict[str, Any] = {"new_weights": list(self.model.fresh)}
        self._begin_head(settings)
        choose_trained(self.model, self.chosen, settings)
        if not self.chosen.lora_rank and frozen.pays(self.model, settings, splits):
            self.trained = frozen.upper_part(self.model, settings.frozen_layers)
            self.train, self.validation = (frozen.with_hidden(self.model, rows, settings, self.pad) for rows in splits)

    def _build(self, folder: Path, dropout: float) -> keras.Model:
        tags, pairs = self.kind == "tags", self.pairs
        return build_classifier(folder, len(self.labels), dropout, pooling=self.chosen.pooling, tags=tags, pairs=pairs)

    def _begin_head(self, settings: TrainingSettings) -> None:
        if self.chosen.head == "probe":
            probe_head(self.model, self.train, settings.bucket_lengths, self.pad, settings.seed)
        elif self.chosen.head == "auto":
            self.notes["kept_labels"] = keep_head(self.model, self.base_model, self.labels)

    def write(self, folder: Path) -> None:
        tensors = standard_tensors(self.model, self.base_model)
        pooling = self.chosen.pooling
        write_checkpoint(tensors, self.base_model, self.labels, folder / "hf", pooling=pooling, kind=self.kind)
        tags = self.kind == "tags"
        write_onnx(tensors, self.config, folder / "model.onnx", pooling=pooling, tags=tags, pairs=self.pairs)

    def reread(self, folder: Path) -> keras.Model:
        model = self._build(folder / "hf", 0.0)
        keep_head(model, folder / "hf", self.labels)
        return model


def _check_lengths(splits: tuple[Rows, ...], settings: TrainingSettings, places: int) -> None:
    longest = max(len(tokens) for rows in splits for tokens in rows.tokens)
    if settings.bucket_for(longest) > places:
        raise TextgateError(
            f"texts of up to {longest} tokens need more positions than the base model's {places};"
            " lower tokenization.max_length, or give training.bucket_lengths one that fits"
        )
