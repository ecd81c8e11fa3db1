"""The network: a KerasHub encoder read from a Hugging Face checkpoint, its pooler, dropout and a linear head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_hub
from keras import ops

from components.base.errors import TextgateError
from components.base.files import read_json

SUPPORTED = ("bert",)
TANH_GELU = ("gelu_new", "gelu_pytorch_tanh")


def exact_gelu(x: Any) -> Any:
    """x * Phi(x), by erf: `keras.activations.gelu` becomes an Erfc node, which ONNX has no name for."""
    return 0.5 * x * (1.0 + ops.erf(x / 2.0**0.5))


def build_classifier(base_model: Path, labels: int, dropout: float) -> keras.Model:
    """Inputs `input_ids` and `attention_mask` (int32 [batch, length]), output logits (float32 [batch, labels]).

    Raises TextgateError for an architecture or an activation that cannot be read.
    """
    config = read_json(base_model / "config.json")
    if config.get("model_type") not in SUPPORTED:
        raise TextgateError(
            f"the base model is of type {config.get('model_type')!r}; supported: {', '.join(SUPPORTED)}"
        )
    try:
        backbone = keras_hub.models.BertBackbone.from_preset(str(base_model), dropout=dropout)
    except Exception as error:
        said = str(error).strip().partition("\n")[0]
        raise TextgateError(f"the base model's weights cannot be read as {config['model_type']}: {said}") from error
    activation = config.get("hidden_act", "gelu")
    if activation == "gelu":
        for layer in backbone.transformer_layers:
            layer._feedforward_intermediate_dense.activation = exact_gelu
    elif activation not in TANH_GELU:
        raise TextgateError(f"the base model's activation is {activation!r}; supported: gelu, {', '.join(TANH_GELU)}")
    input_ids = keras.Input((None,), dtype="int32", name="input_ids")
    attention_mask = keras.Input((None,), dtype="int32", name="attention_mask")
    pooled = backbone(
        {"token_ids": input_ids, "padding_mask": attention_mask, "segment_ids": ops.zeros_like(input_ids)}
    )["pooled_output"]
    pooled = keras.layers.Dropout(dropout, name="head_dropout")(pooled)
    initializer = keras.initializers.TruncatedNormal(stddev=config.get("initializer_range", 0.02))
    logits = keras.layers.Dense(labels, kernel_initializer=initializer, name="logits")(pooled)
    model = keras.Model([input_ids, attention_mask], logits, name="classifier")
    model.backbone = backbone
    return model
