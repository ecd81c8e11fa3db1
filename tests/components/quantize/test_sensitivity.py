"""What hurts most stays float."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from components.quantize.activations import open_session
from components.quantize.int8 import to_int8, units
from components.quantize.layers import find_layers
from components.quantize.sensitivity import keep_float, measure_errors
from tests.components.finetune.reference_models import FOLDER, build
from tests.components.finetune.test_onnx import export
from tests.components.quantize.test_int8 import ask, prepare


@pytest.mark.parametrize(
    ("share", "kept"), [(1.0, []), (0.5, ["b"]), (0.49, ["b", "c"]), (0.2, ["b", "c"]), (0.0, ["b", "c", "a"])]
)
def test_the_fewest_parts_that_make_most_of_the_error(share: float, kept: list[str]) -> None:
    assert keep_float({"a": 1.0, "b": 2.5, "c": 1.5}, share) == kept


def test_no_error_keeps_nothing_float() -> None:
    assert keep_float({"a": 0.0}, 0.25) == []


def test_a_part_that_is_spoilt_is_found(tmp_path: pytest.TempPathFactory) -> None:
    """A scale that cuts off most of a tensor makes that part the worst; keeping it float mends the answers."""
    path = export(build(FOLDER / "bert", "first"), FOLDER / "bert", "first", tmp_path / "model.onnx")  # type: ignore[operator]
    model, scales, batches = prepare(path)
    spoilt = list(scales)[4]
    scales[spoilt] = scales[spoilt]._replace(step=scales[spoilt].step / 20)
    done: list[int] = []
    errors = measure_errors(model, scales, batches, done.append)
    assert next(iter(errors)) == spoilt and sorted(errors) == sorted(units(find_layers(model)))
    assert sum(done) == len(errors)
    kept = keep_float(errors, 0.25)
    assert kept == [spoilt]
    exact = ask(open_session(model), batches[0])
    worse, mended = (
        np.square(ask(open_session(to_int8(model, scales, floats)), batches[0]) - exact).mean() for floats in ([], kept)
    )
    assert mended < worse / 2
    assert onnx.load(path) == model, "the float model is left as it was"
