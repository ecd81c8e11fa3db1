"""What is made of a float model for serving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from components.base.settings import QuantizationSettings
from components.quantize.activations import open_session
from components.quantize.candidates import make_candidates
from tests.components.finetune.reference_models import FOLDER, build
from tests.components.finetune.test_onnx import export
from tests.components.quantize.test_int8 import ask, encoded


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("float")
    return export(build(FOLDER / "bert", "first"), FOLDER / "bert", "first", folder / "model.onnx")


def batch() -> dict[str, np.ndarray]:
    """Rows of 7 and of 4 tokens."""
    ids = np.random.default_rng(3).integers(5, 100, (6, 7))
    mask = np.ones_like(ids)
    mask[3:, 4:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def make(source: Path, folder: Path, **options: object) -> list[dict[str, object]]:
    settings = QuantizationSettings.model_validate(options)
    return make_candidates(source, encoded(0, False), settings, folder)


def test_each_is_smaller_than_float_and_answers_like_it(source: Path, tmp_path: Path) -> None:
    report = make(source, tmp_path, candidates=["float32", "float16", "mixed", "int8"], mixed_error=0.3)
    assert (tmp_path / "float32.onnx").read_bytes() == source.read_bytes()
    sizes = {name: (tmp_path / f"{name}.onnx").stat().st_size for name in ("float32", "float16", "mixed", "int8")}
    assert sizes["int8"] < sizes["mixed"] < sizes["float32"] and sizes["float16"] < sizes["float32"]
    answers = {name: ask(open_session(onnx.load(tmp_path / f"{name}.onnx")), batch()) for name in sizes}
    errors = {name: np.abs(found - answers["float32"]).max() for name, found in answers.items()}
    assert 0 < errors["float16"] < 0.02 < errors["int8"] < 0.5
    assert all(found.dtype == np.float32 for found in answers.values())
    floats = [part for part in report if part["float"]]
    assert floats == report[: len(floats)] and 0 < len(floats) < len(report)
    assert sum(part["error"] for part in report[len(floats) :]) <= 0.3 * sum(part["error"] for part in report)
    kept = {weight.name for weight in onnx.load(tmp_path / "mixed.onnx").graph.initializer}
    assert {part["layer"] in kept for part in floats} == {True}


@pytest.mark.parametrize("names", [["float32"], ["float32", "int8"], ["float16", "float32"]])
def test_only_what_is_asked_for_is_made(source: Path, tmp_path: Path, names: list[str]) -> None:
    assert make(source, tmp_path, candidates=names) == [], "only mixed needs the sensitivity pass"
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(names)


def test_the_same_input_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        make(source, tmp_path / name, candidates=["float32", "float16", "int8", "mixed"])
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()
