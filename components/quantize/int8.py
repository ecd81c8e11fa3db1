"""Rewrites a float ONNX so that its products and look-ups run on int8.

Each product becomes the operator that ONNX Runtime fuses integer products to (MatMulIntegerToFloat: product, scales and
bias in one), behind one QuantizeLinear for all products that read the same tensor. What stands between stays float.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from components.quantize.layers import Dense, Layers, Lookup, find_layers
from components.quantize.scales import Scale, quantize_kernel, quantize_table

DOMAIN = "com.microsoft"
SWITCH = "switch."


def to_int8(model: ModelProto, scales: Mapping[str, Scale], floats: Collection[str] = ()) -> ModelProto:
    """`scales` of the tensors that products read. What a name in `floats` has to do with (see `units`) stays float."""
    return _Rewriting(model, scales).rewritten(set(units(find_layers(model))) - set(floats))


def to_switched(model: ModelProto, scales: Mapping[str, Scale]) -> ModelProto:
    """Holds both forms: a bool input `switch.` with the name of each unit chooses int8 for it."""
    return _Rewriting(model, scales).switched()


def units(layers: Layers) -> dict[str, str]:
    """What is quantized as one: by the tensor that its products read, or the one that a look-up gives, the name of the
    (first) weight."""
    found = {str(lookup.gather.output[0]): str(lookup.gather.input[0]) for lookup in layers.lookups}
    return found | {source: str(group[0].product.input[1]) for source, group in layers.dense.items()}


class _Rewriting:
    def __init__(self, model: ModelProto, scales: Mapping[str, Scale]) -> None:
        self.model, self.scales = model, scales
        self.layers = find_layers(model)
        self.constants: dict[str, TensorProto] = {}

    def rewritten(self, chosen: Collection[str]) -> ModelProto:
        instead: dict[str, list[NodeProto]] = {}
        for unit, parts in self._parts().items():
            if unit not in chosen:
                continue
            for part, nodes in parts:
                for node in _replaced(part):
                    instead[node.output[0]] = []
                instead[_result(part)] = nodes
        nodes = [new for node in self.model.graph.node for new in instead.get(node.output[0], [node])]
        return self._model(nodes, [])

    def switched(self) -> ModelProto:
        after: dict[str, list[NodeProto]] = {}
        renamed: dict[str, str] = {}
        inputs = []
        for unit, parts in self._parts().items():
            inputs.append(helper.make_tensor_value_info(SWITCH + unit, TensorProto.BOOL, []))
            for part, nodes in parts:
                result = _result(part)
                renamed[result] = f"{result}.float"
                nodes[-1].output[0] = f"{result}.int8"
                both = [SWITCH + unit, f"{result}.int8", f"{result}.float"]
                after[result] = [*nodes, helper.make_node("Where", both, [result])]
        nodes = []
        for node in self.model.graph.node:
            copy = NodeProto()
            copy.CopyFrom(node)
            copy.output[0] = renamed.get(node.output[0], node.output[0])
            nodes += [copy, *after.get(node.output[0], [])]
        return self._model(nodes, inputs)

    def _parts(self) -> dict[str, list[tuple[Dense | Lookup, list[NodeProto]]]]:
        """For each unit its layers, each with the nodes that do the same on int8, the last of which has its result."""
        found: dict[str, list[tuple[Dense | Lookup, list[NodeProto]]]] = {}
        for lookup in self.layers.lookups:
            found[str(lookup.gather.output[0])] = [(lookup, self._lookup(lookup))]
        for source, group in self.layers.dense.items():
            scale = self.scales[source]
            parts: list[tuple[Dense | Lookup, list[NodeProto]]] = []
            for number, dense in enumerate(group):
                before = self._quantized(source, scale) if number == 0 else []
                parts.append((dense, [*before, self._product(dense, scale)]))
            found[source] = parts
        return found

    def _quantized(self, source: str, scale: Scale) -> list[NodeProto]:
        step, zero = self._constant(f"{source}.step", scale.step), self._constant(f"{source}.zero", scale.zero)
        if scale.factors is None:
            return [helper.make_node("QuantizeLinear", [source, step, zero], [f"{source}.uint8"])]
        inverse = self._constant(f"{source}.inverse_factors", 1 / scale.factors)
        return [
            helper.make_node("Mul", [source, inverse], [f"{source}.evened"]),
            helper.make_node("QuantizeLinear", [f"{source}.evened", step, zero], [f"{source}.uint8"]),
        ]

    def _product(self, dense: Dense, scale: Scale) -> NodeProto:
        name = f"{dense.product.input[1]}.of.{dense.source}"
        kernel = dense.kernel if scale.factors is None else dense.kernel * scale.factors[:, None]
        numbers, steps = quantize_kernel(kernel)
        inputs = [
            f"{dense.source}.uint8",
            self._constant(f"{name}.int8", numbers),
            f"{dense.source}.step",
            self._constant(f"{name}.steps", steps),
            f"{dense.source}.zero",
            "",
            *([dense.bias] if dense.sum else []),
        ]
        return helper.make_node("MatMulIntegerToFloat", inputs, [dense.output], domain=DOMAIN)

    def _lookup(self, lookup: Lookup) -> list[NodeProto]:
        table, places, result = lookup.gather.input[0], lookup.gather.input[1], lookup.gather.output[0]
        numbers, steps = quantize_table(lookup.table)
        rows = [self._constant(f"{table}.int8", numbers), places]
        return [
            helper.make_node("Gather", rows, [f"{result}.rows"]),
            helper.make_node("Cast", [f"{result}.rows"], [f"{result}.numbers"], to=TensorProto.FLOAT),
            helper.make_node("Gather", [self._constant(f"{table}.steps", steps), places], [f"{result}.steps"]),
            helper.make_node("Mul", [f"{result}.numbers", f"{result}.steps"], [result]),
        ]

    def _constant(self, name: str, value: Any) -> str:
        self.constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def _model(self, nodes: list[NodeProto], inputs: list[Any]) -> ModelProto:
        """With the constants that are still read, and no other."""
        graph = self.model.graph
        read = {name for node in nodes for name in node.input}
        constants = [tensor for tensor in graph.initializer if tensor.name in read]
        constants += [tensor for name, tensor in self.constants.items() if name in read]
        return helper.make_model(
            helper.make_graph(nodes, graph.name, [*graph.input, *inputs], graph.output, constants),
            opset_imports=[*self.model.opset_import, helper.make_opsetid(DOMAIN, 1)],
            ir_version=self.model.ir_version,
            producer_name=self.model.producer_name,
        )


def _replaced(part: Dense | Lookup) -> list[NodeProto]:
    if isinstance(part, Lookup):
        return [part.gather]
    return [part.product, *([part.sum] if part.sum else [])]


def _result(part: Dense | Lookup) -> str:
    return str(part.gather.output[0]) if isinstance(part, Lookup) else part.output
