"""The int8 form of every family and task: the same graph, integers in it, answers that are close and do not depend on
the other rows of a batch."""

from __future__ import annotations

from array import array
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from components.base.encoding import Encoded
from components.quantize.activations import feeds, open_session, watch
from components.quantize.int8 import SWITCH, to_int8, to_switched, units
from components.quantize.layers import find_layers
from components.quantize.scales import Scale, fit_scale
from tests.components.finetune.reference_models import FAMILIES, FOLDER, HEADS, build
from tests.components.finetune.test_onnx import export


def encoded(seed: int, typed: bool) -> Encoded:
    """40 rows of 3 to 12 tokens."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 13, 40)
    ids = [array("I", rng.integers(5, 100, size).tolist()) for size in sizes]
    types = [array("B", rng.integers(0, 2, size).tolist()) for size in sizes] if typed else None
    return Encoded(ids, list(range(40)), [ids], 0, types)


def prepare(path: Path) -> tuple[onnx.ModelProto, dict[str, Scale], list[dict[str, np.ndarray]]]:
    model = onnx.load(path)
    dense = find_layers(model).dense
    batches = feeds(model, encoded(0, len(model.graph.input) == 3), 1)
    activations = watch(model, {name: len(group[0].kernel) for name, group in dense.items()}, batches)
    scales = {name: fit_scale(activations[name], [layer.kernel for layer in group]) for name, group in dense.items()}
    return model, scales, batches


def ask(session: Any, batch: dict[str, np.ndarray], **more: np.ndarray) -> np.ndarray:
    return session.run(["logits"], {**batch, **more})[0]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    return export(build(FOLDER / "bert", "first"), FOLDER / "bert", "first", folder / "model.onnx")


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_all_matrices_become_integers_and_answers_stay_close(tmp_path: Path, family: str, head: str) -> None:
    """All but the positions, which are sliced, and tables that are too narrow; ALBERT's are used several times."""
    path = export(build(FOLDER / family, head), FOLDER / family, head, tmp_path / "model.onnx")
    model, scales, batches = prepare(path)
    int8 = to_int8(model, scales)
    onnx.checker.check_model(int8)
    floats = {weight.name for weight in int8.graph.initializer if weight.data_type == 1 and len(weight.dims) == 2}
    assert {name.partition("position")[1] for name in floats if not name.endswith(".steps")} == {"position"}
    read = {name for node in int8.graph.node for name in node.input}
    assert {weight.name for weight in int8.graph.initializer} <= read
    exact, session = open_session(model), open_session(int8)
    expected, found = (np.concatenate([ask(one, batch).ravel() for batch in batches]) for one in (exact, session))
    assert np.square(found - expected).mean() < 0.04 * expected.var(), "a fifth of their spread, in so small a model"


def test_an_answer_does_not_depend_on_its_batch(bert: Path) -> None:
    model, scales, batches = prepare(bert)
    session = open_session(to_int8(model, scales))
    batch = max(batches, key=lambda batch: len(batch["input_ids"]))
    count, length = batch["input_ids"].shape
    padded = {name: np.pad(value, ((0, 3), (0, 9))) for name, value in batch.items()}
    padded["attention_mask"][count:, 0] = 1
    together = ask(session, padded)[:count]
    for row in range(count):
        alone = ask(session, {name: value[row : row + 1] for name, value in batch.items()})
        np.testing.assert_allclose(together[row], alone[0], atol=1e-5)
    assert count > 1 and length < padded["input_ids"].shape[1]


def test_products_that_read_one_tensor_share_its_rounding(bert: Path) -> None:
    model, scales, _ = prepare(bert)
    kinds = Counter(node.op_type for node in to_int8(model, scales).graph.node)
    before = Counter(node.op_type for node in model.graph.node)
    dense = sum(map(len, find_layers(model).dense.values()))
    assert kinds["MatMulIntegerToFloat"] == dense and kinds["QuantizeLinear"] == len(scales) < dense
    assert kinds["MatMul"] == before["MatMul"] - dense
    assert kinds["LayerNormalization"] == before["LayerNormalization"]


def test_what_stays_float_stays_as_it_was(bert: Path) -> None:
    model, scales, batches = prepare(bert)
    every = units(find_layers(model))
    untouched = to_int8(model, scales, every)
    assert [node.op_type for node in untouched.graph.node] == [node.op_type for node in model.graph.node]
    assert {weight.name for weight in untouched.graph.initializer} == {
        weight.name for weight in model.graph.initializer
    }
    exact = ask(open_session(model), batches[0])
    np.testing.assert_array_equal(ask(open_session(untouched), batches[0]), exact)
    one = next(iter(scales))
    partly = to_int8(model, scales, {one})
    assert every[one] in {weight.name for weight in partly.graph.initializer}
    assert len(partly.SerializeToString()) < len(model.SerializeToString())


def test_switches_choose_between_both_forms(bert: Path) -> None:
    model, scales, batches = prepare(bert)
    names = list(units(find_layers(model)))
    session = open_session(to_switched(model, scales))

    def switched(chosen: set[str]) -> np.ndarray:
        return ask(session, batches[0], **{SWITCH + name: np.array(name in chosen) for name in names})

    np.testing.assert_allclose(switched(set()), ask(open_session(model), batches[0]), atol=1e-6)
    np.testing.assert_allclose(switched(set(names)), ask(open_session(to_int8(model, scales)), batches[0]), atol=1e-5)
    half = set(names[::2])
    mixed = ask(open_session(to_int8(model, scales, set(names) - half)), batches[0])
    np.testing.assert_allclose(switched(half), mixed, atol=1e-5)
    assert np.abs(switched(half) - switched(set())).max() > 1e-4


def test_a_graph_without_constants_to_multiply_by_stays_as_it_is() -> None:
    from onnx import TensorProto, helper

    given = [helper.make_tensor_value_info("a", TensorProto.FLOAT, ["n", 3])]
    result = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "n"])]
    nodes = [helper.make_node("Transpose", ["a"], ["b"]), helper.make_node("MatMul", ["a", "b"], ["logits"])]
    graph = helper.make_graph(nodes, "none", given, result)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    assert find_layers(model).dense == {} and find_layers(model).lookups == []
    assert watch(model, {}, []) == {}
    assert len(to_int8(model, {}).graph.node) == 2
