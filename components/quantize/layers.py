"""The parts of a float ONNX that can become int8: products with a constant matrix, and look-ups in a constant table."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

# A row of a table is stored with a scale of four bytes; a narrower one would hardly shrink.
LEAST_COLUMNS = 8


@dataclass(frozen=True)
class Dense:
    """`product` is a MatMul by `kernel`, float32 [inputs, outputs]; `sum`, where there is one, the Add of a bias."""

    product: NodeProto
    kernel: np.ndarray
    sum: NodeProto | None
    bias: str

    @property
    def source(self) -> str:
        return str(self.product.input[0])

    @property
    def output(self) -> str:
        return str((self.sum or self.product).output[0])


@dataclass(frozen=True)
class Lookup:
    """`gather` takes rows of `table`, float32 [rows, columns]."""

    gather: NodeProto
    table: np.ndarray


@dataclass(frozen=True)
class Layers:
    """`dense` by the tensor that they read, in the graph's order: those of one tensor are quantized together."""

    dense: dict[str, list[Dense]]
    lookups: list[Lookup]


def find_layers(model: ModelProto) -> Layers:
    graph = model.graph
    constants = {
        tensor.name: tensor
        for tensor in graph.initializer
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) <= 2
    }
    readers = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            readers[name].append(node)
    dense: dict[str, list[Dense]] = {}
    lookups = []
    for node in graph.node:
        matrix = _matrix(constants, node)
        if matrix is None:
            continue
        if node.op_type == "Gather":
            lookups.append(Lookup(node, matrix))
        else:
            add, bias = _bias(constants, readers[node.output[0]], node.output[0], matrix.shape[1])
            found = Dense(node, matrix, add, bias)
            dense.setdefault(found.source, []).append(found)
    return Layers(dense, lookups)


def _matrix(constants: dict[str, TensorProto], node: NodeProto) -> np.ndarray | None:
    """The constant that the node multiplies by or looks up in; None where it does neither."""
    place = {"MatMul": 1, "Gather": 0}.get(node.op_type)
    tensor = None if place is None else constants.get(node.input[place])
    if tensor is None or len(tensor.dims) != 2:
        return None
    along_rows = all(attribute.i == 0 for attribute in node.attribute if attribute.name == "axis")
    if node.op_type == "Gather" and not (along_rows and tensor.dims[1] >= LEAST_COLUMNS):
        return None
    return np.asarray(numpy_helper.to_array(tensor))


def _bias(
    constants: dict[str, TensorProto], readers: list[NodeProto], product: str, outputs: int
) -> tuple[NodeProto | None, str]:
    """The Add that alone reads the product, with its constant."""
    if len(readers) == 1 and readers[0].op_type == "Add":
        for name in readers[0].input:
            if name != product and name in constants and list(constants[name].dims) == [outputs]:
                return readers[0], name
    return None, ""
