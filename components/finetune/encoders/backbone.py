"""KerasHub's encoders with a checkpoint's weights in them, and the weights back under the checkpoint's names.

One table of tensors and variables serves both ways, so that what was not trained comes back bit for bit. KerasHub's own
readers are not used: they leave out RoBERTa's token type, add XLM-RoBERTa's without a way back, take the first tensor
whose name ends right, and say nothing of what they leave behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import keras_hub
import numpy as np
from keras import ops

from components.finetune.encoders.architecture import Architecture
from components.finetune.encoders.checkpoint import read_encoder, read_tensors
from components.finetune.encoders.families import EMBEDDING_NORM, POSITIONS, TYPES, WORDS


def exact_gelu(x: Any) -> Any:
    """x * Phi(x), by erf: `keras.activations.gelu` becomes an Erfc node, which ONNX has no name for."""
    return 0.5 * x * (1.0 + ops.erf(x / 2.0**0.5))


def tanh_gelu(x: Any) -> Any:
    return keras.activations.gelu(x, approximate=True)


ACTIVATION_FUNCTIONS = {
    "gelu": exact_gelu,
    "gelu_new": tanh_gelu,
    "gelu_pytorch_tanh": tanh_gelu,
    "relu": keras.activations.relu,
}
BACKBONES = {
    "bert": keras_hub.models.BertBackbone,
    "roberta": keras_hub.models.RobertaBackbone,
    "xlm-roberta": keras_hub.models.XLMRobertaBackbone,
    "distilbert": keras_hub.models.DistilBertBackbone,
    "albert": keras_hub.models.AlbertBackbone,
}


@dataclass(frozen=True)
class Slot:
    """A tensor's name and its variable; a matrix with `inputs` columns is stored the other way round."""

    name: str
    variable: Any
    inputs: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        if self.inputs:
            return (int(np.prod(self.variable.shape)) // self.inputs, self.inputs)
        return tuple(self.variable.shape) if self.name.endswith(".weight") else (int(np.prod(self.variable.shape)),)

    def put(self, tensor: np.ndarray) -> None:
        self.variable.assign((tensor.T if self.inputs else tensor).reshape(tuple(self.variable.shape)))

    def take(self) -> np.ndarray:
        value = self.variable.numpy().astype(np.float32)
        return np.ascontiguousarray(value.reshape(self.inputs, -1).T) if self.inputs else value.reshape(self.shape)


def build_backbone(architecture: Architecture, dropout: float) -> keras.Model:
    """The encoder as KerasHub has it, with new weights, and the config's activation and epsilon in place of its own."""
    family = architecture.family
    sizes: dict[str, Any] = {
        "vocabulary_size": architecture.vocabulary,
        "num_layers": architecture.layers,
        "num_heads": architecture.heads,
        "hidden_dim": architecture.hidden,
        "intermediate_dim": architecture.wide,
        "max_sequence_length": architecture.places,
        "dropout": dropout,
    }
    if family.segments:
        sizes["num_segments"] = architecture.types
    if family.projection:
        sizes |= {
            "embedding_dim": architecture.embedded,
            "num_groups": architecture.groups,
            "num_inner_repetitions": architecture.repetitions,
        }
    backbone = BACKBONES[family.model_type](**sizes)
    backbone.embeddings_layer_norm.epsilon = architecture.epsilon
    for _, layer in _layers(backbone, architecture):
        layer._feedforward_intermediate_dense.activation = ACTIVATION_FUNCTIONS[architecture.activation]
        layer._self_attention_layer_norm.epsilon = layer._feedforward_layer_norm.epsilon = architecture.epsilon
    return backbone


def encode(backbone: keras.Model, ids: Any, mask: Any, types: Any = None) -> tuple[Any, Any]:
    """Last hidden states [batch, length, hidden], and the pooler's output [batch, hidden] or None without a pooler.

    `ids`, `mask` and `types` are int32 [batch, length]; without `types` every token is of type 0.
    """
    inputs = {"token_ids": ids, "padding_mask": mask}
    if "segment_ids" in backbone.input:
        inputs["segment_ids"] = ops.zeros_like(ids) if types is None else types
    outputs = backbone(inputs)
    return (outputs["sequence_output"], outputs["pooled_output"]) if isinstance(outputs, dict) else (outputs, None)


def load_weights(backbone: keras.Model, architecture: Architecture, base_model: Path) -> tuple[str, ...]:
    """Gives the tensors that the checkpoint lacks, those of the pooler or none: they stay as they were initialised.

    Raises TextgateError as `read_encoder` does.
    """
    tensors = read_encoder(base_model, architecture.family, _shapes(backbone, architecture))
    if architecture.family.shifted:
        tensors[POSITIONS] = tensors[POSITIONS][architecture.offset :] + tensors[TYPES][0]
    slots = list(_slots(backbone, architecture))
    for slot in slots:
        if slot.name in tensors:
            slot.put(tensors[slot.name])
    return tuple(slot.name for slot in slots if slot.name not in tensors)


def encoder_tensors(backbone: keras.Model, architecture: Architecture, base_model: Path) -> dict[str, np.ndarray]:
    """The encoder's weights, float32, by transformers' names without prefix; the pooler, if any, included.

    What the base model has and the backbone does not, such as positions before the first, is as in the base model.
    """
    tensors = {slot.name: slot.take() for slot in _slots(backbone, architecture)}
    if architecture.family.shifted:
        types, positions = read_tensors(base_model, architecture.family, (TYPES, POSITIONS))
        before, after = np.split(positions, [architecture.offset])
        trained = tensors[POSITIONS]
        # (after + type) - type is not always after again: what did not move keeps its bits.
        moved = np.where(trained == after + types[0], after, trained - types[0])
        tensors |= {TYPES: types, POSITIONS: np.concatenate([before, moved])}
    return tensors


def _shapes(backbone: keras.Model, architecture: Architecture) -> dict[str, tuple[int, ...]]:
    shapes = {slot.name: slot.shape for slot in _slots(backbone, architecture)}
    if architecture.family.shifted:
        shapes[POSITIONS] = (architecture.positions, architecture.hidden)
        shapes[TYPES] = (architecture.types, architecture.hidden)
    return shapes


def _slots(backbone: keras.Model, architecture: Architecture) -> Iterator[Slot]:
    family = architecture.family
    place = backbone.embeddings if hasattr(backbone, "embeddings") else backbone
    yield Slot(WORDS, place.token_embedding.embeddings)
    yield Slot(POSITIONS, place.position_embedding.position_embeddings)
    if family.segments:
        yield Slot(TYPES, backbone.segment_embedding.embeddings)
    yield from _norm(EMBEDDING_NORM, backbone.embeddings_layer_norm)
    if family.projection:
        yield from _dense(family.projection, backbone.embeddings_projection, architecture.embedded)
    for prefix, layer in _layers(backbone, architecture):
        yield from _layer_slots(prefix, layer, architecture)
    if family.pooler:
        yield from _dense(family.pooler, backbone.pooled_dense, architecture.hidden)


def _layer_slots(prefix: str, layer: Any, architecture: Architecture) -> Iterator[Slot]:
    names, attention = architecture.family.names, layer._self_attention_layer
    hidden = architecture.hidden
    yield from _dense(prefix + names.query, attention.query_dense, hidden)
    yield from _dense(prefix + names.key, attention.key_dense, hidden)
    yield from _dense(prefix + names.value, attention.value_dense, hidden)
    yield from _dense(prefix + names.attended, attention.output_dense, hidden)
    yield from _norm(prefix + names.attended_norm, layer._self_attention_layer_norm)
    yield from _dense(prefix + names.wide, layer._feedforward_intermediate_dense, hidden)
    yield from _dense(prefix + names.narrow, layer._feedforward_output_dense, architecture.wide)
    yield from _norm(prefix + names.norm, layer._feedforward_layer_norm)


def _layers(backbone: keras.Model, architecture: Architecture) -> Iterator[tuple[str, Any]]:
    for group, members in enumerate(backbone.transformer_layers):
        for number, layer in enumerate(members if isinstance(members, list) else [members]):
            yield architecture.weights_of(group, number), layer


def _dense(name: str, layer: Any, inputs: int) -> Iterator[Slot]:
    yield Slot(f"{name}.weight", layer.kernel, inputs)
    yield Slot(f"{name}.bias", layer.bias)


def _norm(name: str, layer: Any) -> Iterator[Slot]:
    yield Slot(f"{name}.weight", layer.gamma)
    yield Slot(f"{name}.bias", layer.beta)
