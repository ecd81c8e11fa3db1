"""The float ONNX of the classifier, written from the checkpoint's tensors in single standard operators.

No converter stands between: one node for each layer normalisation and activation is what ONNX Runtime runs and
quantizes best, and the graph is there in a second. `check_onnx` holds it against the Keras model on real rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from components.base.errors import TextgateError
from components.finetune.batches import batches
from components.finetune.encoders.architecture import encoder_prefix, read_architecture
from components.finetune.encoders.families import Family
from components.finetune.encoders.onnx_graph import Graph, add_encoder
from components.finetune.rows import Rows

OPSET = 20
IR_VERSION = 10


def write_onnx(
    tensors: dict[str, np.ndarray],
    config: dict[str, Any],
    path: Path,
    *,
    pooling: str = "first",
    tags: bool = False,
    pairs: bool = False,
) -> None:
    """A classifier from its Hugging Face tensors, built with the same `pooling`, `tags` and `pairs`.

    Inputs `input_ids` and `attention_mask`, with `pairs` also `token_type_ids` where the family has it (int64
    [batch, length]); output `logits` (float32 [batch, labels], with `tags` [batch, length, labels]).
    """
    architecture = read_architecture(config)
    family, typed = architecture.family, pairs and architecture.segments
    graph = Graph(tensors, encoder_prefix(tensors, family))
    hidden = add_encoder(graph, architecture, typed)
    features, name = hidden, "classifier"
    if pooling == "mean" and not tags:
        features = _masked_mean(graph, hidden)
    elif not tags:
        features, name = _head_features(graph, hidden, family), family.head.logits
    graph.add("Identity", [graph.dense(features, name)], "logits")
    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if typed else [])]
    save_graph(graph, inputs, tensors[f"{name}.bias"].shape[0], path, tags=tags)


def add_logits(graph: Graph, features: str) -> None:
    """`features` by the tensors logits.kernel, [features, labels], and logits.bias."""
    product = graph.add("MatMul", [features, graph.weight("logits.kernel")], "logits.product")
    graph.add("Add", [product, graph.weight("logits.bias")], "logits")


def save_graph(graph: Graph, inputs: Sequence[str], labels: int, path: Path, *, tags: bool) -> None:
    """A checked model of `inputs`, int64 [batch, length], whose output is the node `logits`: see `write_onnx`."""
    axes = ["batch", "length"]
    shape: list[str | int] = [*(axes if tags else axes[:1]), labels]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "classifier",
            [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in inputs],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
            list(graph.weights.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="textgate",
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _head_features(graph: Graph, hidden: str, family: Family) -> str:
    """The first token's hidden state through the dense layer before the logits."""
    first = graph.add("Gather", [hidden, graph.weight("first", np.array(0, dtype=np.int64))], "first_token", axis=1)
    name = (graph.prefix if family.pooler else "") + family.head.dense
    return graph.activated(graph.dense(first, name), family.head.activation, "pooled")


def _masked_mean(graph: Graph, hidden: str) -> str:
    kept = graph.add("Unsqueeze", ["mask_float", graph.weight("last", np.array([-1], dtype=np.int64))], "kept")
    over = graph.weight("over_tokens", np.array([1], dtype=np.int64))
    total = graph.add("ReduceSum", [graph.add("Mul", [hidden, kept], "kept_hidden"), over], "total", keepdims=0)
    count = graph.add("ReduceSum", [kept, over], "count", keepdims=0)
    least = graph.weight("one", np.array(1, dtype=np.float32))
    return graph.add("Div", [total, graph.add("Max", [count, least], "counted")], "pooled")


def check_onnx(
    path: Path, rows: Rows, expected: np.ndarray | Sequence[np.ndarray], bucket_lengths: list[int], pad: int
) -> float:
    """Largest difference from `expected` logits; raises TextgateError from 1e-4 on.

    `expected` is float32 [rows, labels], or, where tokens are tagged, [tokens of the row, labels] for each row.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in session.get_inputs()]
    differences = []
    for batch in batches(rows, bucket_lengths, 32, pad):
        (logits,) = session.run(
            None, {name: value.astype(np.int64) for name, value in zip(names, batch.inputs(names), strict=True)}
        )
        for line, index in enumerate(batch.index):
            found = logits[line] if logits.ndim == 2 else logits[line, : len(rows.tokens[index])]
            differences.append(np.abs(found - expected[index]).max())
    largest = float(np.max(differences))
    if not largest < 1e-4:
        raise TextgateError(
            f"the exported ONNX differs from the trained model by {largest:.2g}; it must stay below 1e-4"
        )
    return largest
