"""The ONNX of every family and head answers as its Keras model does."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from components.base.errors import TextgateError
from components.base.files import read_json
from components.finetune.batches import Batch
from components.finetune.rows import Rows
from tests.components.finetune.reference_models import (
    ALL,
    FAMILIES,
    FOLDER,
    HEADS,
    build,
    copy_model,
    inputs_of,
    variants_of,
)


def export(model: Any, base_model: Path, head: str, path: Path) -> Path:
    from components.finetune.hugging_face import standard_tensors
    from components.finetune.onnx_export import write_onnx

    write_onnx(standard_tensors(model, base_model), read_json(base_model / "config.json"), path, **HEADS[head])
    return path


def answers(path: Path, inputs: list[np.ndarray]) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in session.get_inputs()]
    given = {name: value.astype(np.int64) for name, value in zip(names, inputs, strict=True)}
    return session.run(None, given)[0]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_it_answers_as_keras_does(tmp_path: Path, family: str, head: str) -> None:
    model = build(FOLDER / family, head)
    path = export(model, FOLDER / family, head, tmp_path / "model.onnx")
    inputs = inputs_of(model, family)
    for rows, length in ((4, 12), (1, 3), (2, 7)):
        part = [value[:rows, :length] for value in inputs]
        expected = model(part, training=False).numpy()
        found = answers(path, part)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize(("family", "variant"), ALL)
def test_it_computes_every_variant(tmp_path: Path, family: str, variant: str) -> None:
    base = copy_model(family, tmp_path / "model", **variants_of(family)[variant])
    model = build(base, "tags")
    inputs = inputs_of(model, family)
    found = answers(export(model, base, "tags", tmp_path / "model.onnx"), inputs)
    np.testing.assert_allclose(found, model(inputs, training=False).numpy(), atol=2e-5, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_single_nodes_and_nothing_unused(tmp_path: Path, family: str) -> None:
    path = export(build(FOLDER / family, "mean"), FOLDER / family, "mean", tmp_path / "model.onnx")
    graph = onnx.load(path).graph
    kinds = Counter(node.op_type for node in graph.node)
    passes = 8 if family == "albert" else 2
    assert (kinds["Gelu"], kinds["LayerNormalization"], kinds["Softmax"]) == (passes, 2 * passes + 1, passes)
    used = {name for node in graph.node for name in node.input}
    assert {weight.name for weight in graph.initializer} <= used
    assert len({weight.name for weight in graph.initializer}) == len(graph.initializer)


def rows() -> Rows:
    rng = np.random.default_rng(0)
    return Rows([rng.integers(5, 100, size).astype(np.int32) for size in (3, 9, 12, 5)], np.zeros(4, np.int32))


def expected_logits(model: Any, texts: Rows) -> list[np.ndarray]:
    return [model([ids[None], np.ones_like(ids[None])], training=False).numpy()[0] for ids in texts.tokens]


@pytest.mark.parametrize("head", ["first", "mean", "tags"])
def test_the_check_of_the_export_measures_every_row(tmp_path: Path, head: str) -> None:
    from components.finetune.onnx_export import check_onnx

    model = build(FOLDER / "roberta", head)
    path = export(model, FOLDER / "roberta", head, tmp_path / "model.onnx")
    expected: Any = expected_logits(model, rows())
    expected = expected if head == "tags" else np.stack(expected)
    assert check_onnx(path, rows(), expected, [8, 16], 1) < 1e-5
    expected[2] = expected[2] + 0.01
    with pytest.raises(TextgateError, match=r"differs from the trained model by 0\.01"):
        check_onnx(path, rows(), expected, [8, 16], 1)
    expected[2] = expected[2] * np.nan
    with pytest.raises(TextgateError, match="by nan"):
        check_onnx(path, rows(), expected, [8, 16], 1)


def test_the_check_gives_the_types_of_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.finetune import onnx_export

    model = build(FOLDER / "bert", "pairs")
    path = export(model, FOLDER / "bert", "pairs", tmp_path / "model.onnx")
    inputs = inputs_of(model, "bert")
    ids, mask, types = inputs
    batch = Batch(ids, mask, np.zeros(4), np.arange(4), types)
    monkeypatch.setattr(onnx_export, "batches", lambda *_: [batch])
    assert onnx_export.check_onnx(path, rows(), model(inputs, training=False).numpy(), [16], 0) < 1e-4
