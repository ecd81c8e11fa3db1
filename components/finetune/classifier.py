"""The network: an encoder read from a Hugging Face checkpoint, and a head that scores texts or tags tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import keras
from keras import ops

from components.base.files import read_json
from components.finetune.encoders.architecture import Architecture, read_architecture
from components.finetune.encoders.backbone import build_backbone, encode, load_weights

Pooling = Literal["first", "mean"]


def build_classifier(
    base_model: Path,
    labels: int,
    dropout: float,
    *,
    pooling: Pooling = "first",
    tags: bool = False,
    pairs: bool = False,
) -> keras.Model:
    """Inputs `input_ids` and `attention_mask` (int32 [batch, length]), output logits (float32 [batch, labels]).

    `pooling` "first" scores the first token by the head that transformers gives the family, "mean" the mean of a text's
    last hidden states by a linear head. With `tags` every token is scored, by a linear head, and `pooling` means
    nothing: logits are [batch, length, labels]. With `pairs` there is a third input `token_type_ids`, like the others,
    where the family has it (see `takes_types`).

    The model has `backbone`, the encoder; `head`, what turns its output into logits; `architecture`, its sizes;
    `fresh`, the names of the encoder's tensors that the base model lacks (those of a pooler, or none); and `pooling`
    and `tags` as given. A pooler that does not reach the logits is not trainable.

    Raises TextgateError for an architecture or a config that cannot be read, and weights that do not fit it.
    """
    architecture = read_architecture(read_json(base_model / "config.json"))
    backbone = build_backbone(architecture, dropout)
    fresh = load_weights(backbone, architecture, base_model)
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if pairs and architecture.segments else [])]
    inputs = [keras.Input((None,), dtype="int32", name=name) for name in names]
    hidden, pooled = encode(backbone, *inputs)
    head = Head(architecture, labels, dropout, pooling, tags)
    model = keras.Model(inputs, head(hidden, pooled, inputs[1]), name="classifier")
    if pooled is not None and (tags or pooling == "mean"):
        backbone.pooled_dense.trainable = False
    model.backbone, model.head, model.architecture = backbone, head, architecture
    model.pooling, model.tags, model.fresh = pooling, tags, fresh
    return model


class Head:
    """Features of a text, or of each token, and their logits; every call uses the same layers."""

    def __init__(self, architecture: Architecture, labels: int, dropout: float, pooling: Pooling, tags: bool) -> None:
        self.pooling, self.tags, family = pooling, tags, architecture.family
        self._before_pooled: list[Any] = []
        if not tags and pooling == "first" and family.pooler is None:
            if family.shifted:  # RoBERTa's head drops before its dense layer too
                self._before_pooled.append(keras.layers.Dropout(dropout, name="head_input_dropout"))
            self._before_pooled.append(
                keras.layers.Dense(
                    architecture.hidden,
                    activation=family.head.activation,
                    kernel_initializer=_initializer(architecture),
                    name="head_dense",
                )
            )
        self._dropout = keras.layers.Dropout(dropout, name="head_dropout")
        self._logits = keras.layers.Dense(labels, kernel_initializer=_initializer(architecture), name="logits")

    def __call__(self, hidden: Any, pooled: Any, mask: Any) -> Any:
        """Of hidden states [batch, length, hidden], the pooler's output [batch, hidden] or None, and the mask."""
        if self.tags:
            features = hidden
        elif self.pooling == "mean":
            features = masked_mean(hidden, mask)
        else:
            features = hidden[:, 0, :] if pooled is None else pooled
            for layer in self._before_pooled:
                features = layer(features)
        return self._logits(self._dropout(features))


def takes_types(config: dict[str, Any]) -> bool:
    """Whether a classifier of pairs has the input `token_type_ids`, by the content of the base model's config.json."""
    return read_architecture(config).segments


def masked_mean(hidden: Any, mask: Any) -> Any:
    """Of `hidden` [batch, length, n] over the tokens that `mask` [batch, length] keeps: float32 [batch, n]."""
    kept = ops.expand_dims(ops.cast(mask, "float32"), -1)
    total = ops.sum(ops.cast(hidden, "float32") * kept, axis=1)
    return total / ops.maximum(ops.sum(kept, axis=1), 1.0)


def _initializer(architecture: Architecture) -> keras.Initializer:
    return keras.initializers.TruncatedNormal(stddev=architecture.spread)
