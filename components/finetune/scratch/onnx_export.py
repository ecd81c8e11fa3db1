"""The float ONNX of networks without pretraining, written from their tensors.

Inputs `input_ids` and `attention_mask` (int64 [batch, length]); output `logits` (float32 [batch, labels], of tags
[batch, length, labels]).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto

from components.finetune.encoders.onnx_graph import Graph
from components.finetune.onnx_export import add_logits, save_graph
from components.finetune.scratch.models import LEFT_OUT, WIDTHS

# Where Keras's LSTM has the gates input, forget, candidate, output, ONNX's has input, output, forget, candidate.
GATES = (0, 3, 1, 2)


def write_text_cnn(tensors: dict[str, np.ndarray], path: Path, *, tags: bool) -> None:
    graph, vectors, kept = _embedded(tensors)
    channels = graph.add("Transpose", [vectors], "channels", perm=[0, 2, 1])
    over = graph.add("Transpose", [kept], "kept_channels", perm=[0, 2, 1])
    found = []
    for width in WIDTHS:
        name = f"convolution_{width}"
        kernel = graph.weight(f"{name}.kernel", tensors[f"{name}.kernel"].transpose(2, 1, 0))
        before = (width - 1) // 2
        values = graph.add(
            "Conv", [channels, kernel, graph.weight(f"{name}.bias")], name, pads=[before, width - 1 - before]
        )
        values = graph.add("Relu", [values], f"{name}.active")
        if not tags:
            last = graph.weight("over_time", np.array([2], np.int64))
            values = graph.add("Mul", [values, over], f"{name}.kept")
            values = graph.add("ReduceMax", [values, last], f"{name}.most", keepdims=0)
        found.append(values)
    features = graph.add("Concat", found, "features", axis=1)
    if tags:
        features = graph.add("Transpose", [features], "by_token", perm=[0, 2, 1])
    _save(graph, features, path, tags=tags)


def write_bilstm(tensors: dict[str, np.ndarray], path: Path, *, tags: bool) -> None:
    graph, vectors, kept = _embedded(tensors)
    weights = [
        graph.weight(
            f"lstm.{part}", np.stack([_reordered(tensors[f"lstm.{way}.{part}"]) for way in ("forward", "backward")])
        )
        for part in ("kernel", "recurrent_kernel", "bias")
    ]
    sizes = graph.add(
        "ReduceSum", ["attention_mask", graph.weight("over_row", np.array([1], np.int64))], "sizes", keepdims=0
    )
    inputs = [
        graph.add("Transpose", [vectors], "by_time", perm=[1, 0, 2]),
        *weights,
        graph.add("Cast", [sizes], "lengths", to=TensorProto.INT32),
    ]
    units = tensors["lstm.forward.recurrent_kernel"].shape[0]
    states = graph.add("LSTM", inputs, "lstm", direction="bidirectional", hidden_size=units)
    states = graph.add("Transpose", [states], "both_ways", perm=[2, 0, 1, 3])
    states = graph.add("Reshape", [states, graph.weight("joined", np.array([0, 0, 2 * units], np.int64))], "states")
    if not tags:
        absent = graph.add(
            "Mul",
            [
                graph.add("Sub", [graph.weight("present", np.array(1, np.float32)), kept], "absent"),
                graph.weight("left_out", np.array(LEFT_OUT, np.float32)),
            ],
            "least",
        )
        states = graph.add("Add", [graph.add("Mul", [states, kept], "kept_states"), absent], "candidates")
        states = graph.add(
            "ReduceMax", [states, graph.weight("over_time", np.array([1], np.int64))], "features", keepdims=0
        )
    _save(graph, states, path, tags=tags)


def _embedded(tensors: dict[str, np.ndarray]) -> tuple[Graph, str, str]:
    graph = Graph(tensors, "")
    number = graph.add("Cast", ["attention_mask"], "mask_float", to=TensorProto.FLOAT)
    kept = graph.add("Unsqueeze", [number, graph.weight("last", np.array([-1], np.int64))], "kept")
    vectors = graph.add("Gather", [graph.weight("embeddings.embeddings"), "input_ids"], "vectors")
    return graph, graph.add("Mul", [vectors, kept], "kept_vectors"), kept


def _reordered(tensor: np.ndarray) -> np.ndarray:
    """Of one direction, ONNX's [4 units, inputs], or of a bias [8 units], the recurrent one being 0."""
    parts = np.split(tensor, 4, axis=-1)
    joined = np.concatenate([parts[gate] for gate in GATES], axis=-1)
    return np.concatenate([joined, np.zeros_like(joined)]) if joined.ndim == 1 else joined.T


def _save(graph: Graph, features: str, path: Path, *, tags: bool) -> None:
    add_logits(graph, features)
    save_graph(graph, ["input_ids", "attention_mask"], graph.tensors["logits.bias"].shape[0], path, tags=tags)
