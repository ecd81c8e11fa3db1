"""The float ONNX of the classifier, written from the checkpoint's tensors in single standard operators.

No converter stands between: one node for each layer normalisation and activation is what ONNX Runtime runs and
quantizes best, and the graph is there in a second. `check_onnx` holds it against the Keras model on real rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from components.base.errors import TextgateError
from components.finetune.batches import Rows, batches

OPSET = 20
IR_VERSION = 10
MASKED = -1e9


class _Graph:
    """Collects nodes and weights; every method returns the name of its result."""

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        self.tensors = tensors
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

    def dense(self, source: str, name: str) -> str:
        """x W^T + b, as MatMul and Add, the form dynamic quantization knows."""
        kernel = self.weight(f"{name}.kernel", self.tensors[f"{name}.weight"].T)
        product = self.add("MatMul", [source, kernel], f"{name}.product")
        return self.add("Add", [product, self.weight(f"{name}.bias")], f"{name}.output")

    def normalised(self, source: str, name: str, epsilon: float) -> str:
        scale = f"{name}.weight" if f"{name}.weight" in self.tensors else f"{name}.gamma"
        shift = f"{name}.bias" if f"{name}.bias" in self.tensors else f"{name}.beta"
        inputs = [source, self.weight(scale), self.weight(shift)]
        return self.add("LayerNormalization", inputs, f"{name}.output", axis=-1, epsilon=epsilon)


def write_onnx(tensors: dict[str, np.ndarray], config: dict[str, Any], path: Path) -> None:
    """A BERT sequence classifier from its Hugging Face tensors.

    Inputs `input_ids` and `attention_mask` (int64 [batch, length]), output `logits` (float32 [batch, labels]).
    """
    graph = _Graph(tensors)
    epsilon = config.get("layer_norm_eps", 1e-12)
    hidden = _embeddings(graph, epsilon)
    mask = _additive_mask(graph)
    for layer in range(config["num_hidden_layers"]):
        hidden = _encoder_layer(graph, hidden, mask, f"bert.encoder.layer.{layer}", config)
    first = graph.add("Gather", [hidden, graph.weight("first", np.array(0, dtype=np.int64))], "first_token", axis=1)
    pooled = graph.add("Tanh", [graph.dense(first, "bert.pooler.dense")], "pooled")
    graph.add("Identity", [graph.dense(pooled, "classifier")], "logits")
    labels = tensors["classifier.bias"].shape[0]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "classifier",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
                for name in ("input_ids", "attention_mask")
            ],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", labels])],
            list(graph.weights.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="textgate",
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _embeddings(graph: _Graph, epsilon: float) -> str:
    prefix = "bert.embeddings"
    words = graph.add("Gather", [graph.weight(f"{prefix}.word_embeddings.weight"), "input_ids"], "words")
    shape = graph.add("Shape", ["input_ids"], "length", start=1, end=2)
    zero = graph.weight("zero", np.array([0], dtype=np.int64))
    positions = graph.add(
        "Slice", [graph.weight(f"{prefix}.position_embeddings.weight"), zero, shape, zero], "positions"
    )
    segment = graph.weight("segment", graph.tensors[f"{prefix}.token_type_embeddings.weight"][0])
    total = graph.add("Add", [graph.add("Add", [words, positions], "placed"), segment], "embedded")
    return graph.normalised(total, f"{prefix}.LayerNorm", epsilon)


def _additive_mask(graph: _Graph) -> str:
    """float [batch, 1, 1, length]: 0 where there is a token, far below 0 where there is padding."""
    axes = graph.weight("mask_axes", np.array([1, 2], dtype=np.int64))
    mask = graph.add("Unsqueeze", ["attention_mask", axes], "mask_ids")
    mask = graph.add("Cast", [mask], "mask_float", to=TensorProto.FLOAT)
    absent = graph.add("Sub", [graph.weight("one", np.array(1, dtype=np.float32)), mask], "absent")
    return graph.add("Mul", [absent, graph.weight("masked", np.array(MASKED, dtype=np.float32))], "mask")


def _encoder_layer(graph: _Graph, hidden: str, mask: str, name: str, config: dict[str, Any]) -> str:
    heads, size = config["num_attention_heads"], config["hidden_size"]
    attended = _attention(graph, hidden, mask, f"{name}.attention", heads, size // heads)
    projected = graph.dense(attended, f"{name}.attention.output.dense")
    summed = graph.add("Add", [projected, hidden], f"{name}.attention.sum")
    epsilon = config.get("layer_norm_eps", 1e-12)
    hidden = graph.normalised(summed, f"{name}.attention.output.LayerNorm", epsilon)
    wide = graph.dense(hidden, f"{name}.intermediate.dense")
    approximate = "none" if config.get("hidden_act", "gelu") == "gelu" else "tanh"
    active = graph.add("Gelu", [wide], f"{name}.active", approximate=approximate)
    summed = graph.add("Add", [graph.dense(active, f"{name}.output.dense"), hidden], f"{name}.sum")
    return graph.normalised(summed, f"{name}.output.LayerNorm", epsilon)


def _attention(graph: _Graph, hidden: str, mask: str, name: str, heads: int, width: int) -> str:
    split = graph.weight("split_heads", np.array([0, 0, heads, width], dtype=np.int64))
    join = graph.weight("join_heads", np.array([0, 0, heads * width], dtype=np.int64))

    def headed(part: str, order: list[int]) -> str:
        parted = graph.add("Reshape", [graph.dense(hidden, f"{name}.self.{part}"), split], f"{name}.{part}.parted")
        return graph.add("Transpose", [parted], f"{name}.{part}.heads", perm=order)

    query, key, value = headed("query", [0, 2, 1, 3]), headed("key", [0, 2, 3, 1]), headed("value", [0, 2, 1, 3])
    scale = graph.weight("scale", np.array(1 / width**0.5, dtype=np.float32))
    scores = graph.add("Mul", [graph.add("MatMul", [query, key], f"{name}.raw"), scale], f"{name}.scaled")
    weights = graph.add("Softmax", [graph.add("Add", [scores, mask], f"{name}.scores")], f"{name}.weights", axis=-1)
    mixed = graph.add("MatMul", [weights, value], f"{name}.mixed")
    mixed = graph.add("Transpose", [mixed], f"{name}.mixed.rows", perm=[0, 2, 1, 3])
    return graph.add("Reshape", [mixed, join], f"{name}.joined")


def check_onnx(path: Path, rows: Rows, expected: np.ndarray, bucket_lengths: list[int], pad: int) -> float:
    """Largest difference from `expected` logits [rows, labels]; raises TextgateError from 1e-3 on."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    largest = 0.0
    for batch in batches(rows, bucket_lengths, 32, pad):
        inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        (logits,) = session.run(None, {name: value.astype(np.int64) for name, value in inputs.items()})
        largest = max(largest, float(np.abs(logits - expected[batch.index]).max()))
    if not largest < 1e-3:
        raise TextgateError(
            f"the exported ONNX differs from the trained model by {largest:.2g}; it must stay below 1e-3"
        )
    return largest
