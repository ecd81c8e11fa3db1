"""The nodes of an encoder in ONNX, in single standard operators, written from a checkpoint's tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from components.finetune.encoders.architecture import Architecture
from components.finetune.encoders.families import EMBEDDING_NORM, POSITIONS, TYPES, WORDS

MASKED = -1e9


class Graph:
    """Collects nodes and weights; every method returns the name of its result.

    `prefix` stands before the encoder's names in `tensors`.
    """

    def __init__(self, tensors: dict[str, np.ndarray], prefix: str) -> None:
        self.tensors, self.prefix = tensors, prefix
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}

    def weight(self, name: str, value: np.ndarray | None = None) -> str:
        if name not in self.weights:
            array = self.tensors[name] if value is None else value
            self.weights[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def dense(self, source: str, name: str, scope: str | None = None) -> str:
        """x W^T + b, as MatMul and Add, the form that quantize takes for int8.

        Weights that are used several times need a `scope`, another each time, for the names of the nodes.
        """
        scope = name if scope is None else scope
        kernel = self.weight(f"{name}.kernel", self.tensors[f"{name}.weight"].T)
        product = self.add("MatMul", [source, kernel], f"{scope}.product")
        return self.add("Add", [product, self.weight(f"{name}.bias")], f"{scope}.output")

    def normalised(self, source: str, name: str, epsilon: float, scope: str | None = None) -> str:
        inputs = [source, self.weight(f"{name}.weight"), self.weight(f"{name}.bias")]
        scope = name if scope is None else scope
        return self.add("LayerNormalization", inputs, f"{scope}.output", axis=-1, epsilon=epsilon)

    def activated(self, source: str, activation: str, output: str) -> str:
        if activation == "relu":
            return self.add("Relu", [source], output)
        if activation == "tanh":
            return self.add("Tanh", [source], output)
        return self.add("Gelu", [source], output, approximate="none" if activation == "gelu" else "tanh")


def add_encoder(graph: Graph, architecture: Architecture, typed: bool) -> str:
    """From the inputs `input_ids` and `attention_mask`, and `token_type_ids` where `typed`, to the last hidden states.

    Leaves `mask_float` (float [batch, length]) for those who pool.
    """
    hidden = _embeddings(graph, architecture, typed)
    mask = _additive_mask(graph)
    for step, prefix in enumerate(architecture.passes()):
        weights = graph.prefix + prefix.removesuffix(".")
        scope = f"{graph.prefix}{step}.{prefix}".removesuffix(".") if architecture.family.projection else weights
        hidden = _layer(graph, hidden, mask, architecture, (weights, scope))
    return hidden


def _embeddings(graph: Graph, architecture: Architecture, typed: bool) -> str:
    prefix = graph.prefix
    words = graph.add("Gather", [graph.weight(prefix + WORDS), "input_ids"], "words")
    shape = graph.add("Shape", ["input_ids"], "length", start=1, end=2)
    zero = graph.weight("zero", np.array([0], dtype=np.int64))
    table = graph.weight(prefix + POSITIONS, graph.tensors[prefix + POSITIONS][architecture.offset :])
    positions = graph.add("Slice", [table, zero, shape, zero], "positions")
    total = graph.add("Add", [words, positions], "placed")
    if typed:
        types = graph.add("Gather", [graph.weight(prefix + TYPES), "token_type_ids"], "types")
        total = graph.add("Add", [total, types], "embedded")
    elif architecture.family.types:
        total = graph.add("Add", [total, graph.weight("segment", graph.tensors[prefix + TYPES][0])], "embedded")
    total = graph.normalised(total, prefix + EMBEDDING_NORM, architecture.epsilon)
    projection = architecture.family.projection
    return graph.dense(total, prefix + projection) if projection else total


def _additive_mask(graph: Graph) -> str:
    """float [batch, 1, 1, length]: 0 where there is a token, far below 0 where there is padding."""
    axes = graph.weight("mask_axes", np.array([1, 2], dtype=np.int64))
    mask = graph.add("Cast", ["attention_mask"], "mask_float", to=TensorProto.FLOAT)
    mask = graph.add("Unsqueeze", [mask, axes], "mask_spread")
    absent = graph.add("Sub", [graph.weight("one", np.array(1, dtype=np.float32)), mask], "absent")
    return graph.add("Mul", [absent, graph.weight("masked", np.array(MASKED, dtype=np.float32))], "mask")


def _layer(graph: Graph, hidden: str, mask: str, architecture: Architecture, where: tuple[str, str]) -> str:
    """`where` is the prefix of the weights and that of the nodes."""
    (weights, scope), names, epsilon = where, architecture.family.names, architecture.epsilon

    def dense(source: str, part: str) -> str:
        return graph.dense(source, f"{weights}.{part}", f"{scope}.{part}")

    def normalised(source: str, part: str) -> str:
        return graph.normalised(source, f"{weights}.{part}", epsilon, f"{scope}.{part}")

    parts = (dense(hidden, names.query), dense(hidden, names.key), dense(hidden, names.value))
    attended = _attention(graph, parts, mask, f"{scope}.attention", architecture)
    hidden = normalised(
        graph.add("Add", [dense(attended, names.attended), hidden], f"{scope}.attention.sum"), names.attended_norm
    )
    active = graph.activated(dense(hidden, names.wide), architecture.activation, f"{scope}.active")
    return normalised(graph.add("Add", [dense(active, names.narrow), hidden], f"{scope}.sum"), names.norm)


def _attention(graph: Graph, parts: tuple[str, str, str], mask: str, scope: str, architecture: Architecture) -> str:
    heads, width = architecture.heads, architecture.hidden // architecture.heads
    split = graph.weight("split_heads", np.array([0, 0, heads, width], dtype=np.int64))
    join = graph.weight("join_heads", np.array([0, 0, heads * width], dtype=np.int64))
    turned = []
    for part, name, order in zip(
        parts, ("query", "key", "value"), ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True
    ):
        parted = graph.add("Reshape", [part, split], f"{scope}.{name}.parted")
        turned.append(graph.add("Transpose", [parted], f"{scope}.{name}.heads", perm=order))
    query, key, value = turned
    scale = graph.weight("scale", np.array(1 / width**0.5, dtype=np.float32))
    scores = graph.add("Mul", [graph.add("MatMul", [query, key], f"{scope}.raw"), scale], f"{scope}.scaled")
    weights = graph.add("Softmax", [graph.add("Add", [scores, mask], f"{scope}.scores")], f"{scope}.weights", axis=-1)
    mixed = graph.add("MatMul", [weights, value], f"{scope}.mixed")
    mixed = graph.add("Transpose", [mixed], f"{scope}.mixed.rows", perm=[0, 2, 1, 3])
    return graph.add("Reshape", [mixed, join], f"{scope}.joined")
