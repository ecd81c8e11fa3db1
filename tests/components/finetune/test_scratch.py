"""Networks without pretraining: padding means nothing to them, and what they write answers as they do."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest

from components.base.encoding import Encoded
from components.base.files import read_json
from components.base.settings import ModelSettings, QuantizationSettings, TrainingSettings
from components.finetune.rows import Rows
from components.finetune.scratch.models import build_bilstm, build_text_cnn
from components.finetune.scratch.network import ScratchNetwork, load, tensors_of
from components.finetune.setup import Setup
from components.finetune.train import Trainer
from components.quantize.candidates import make_candidates
from tests.components.finetune.training import rows_of
from tests.tiny_project import LABELS, write_base_model

BUILDERS = {"text-cnn": build_text_cnn, "bilstm": build_bilstm}
SETTINGS = TrainingSettings(epochs=1, batch_size=8, bucket_lengths=[8, 16], dropout=0.1, deterministic=False)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scratch") / "base_model"
    write_base_model(folder)
    return folder


def network_of(base: Path, architecture: Any, rows: Rows) -> ScratchNetwork:
    keras.utils.set_random_seed(3)
    chosen = ModelSettings(architecture=architecture, embedding=12, units=7)
    network = ScratchNetwork(Setup(base, LABELS, rows, rows, chosen, SETTINGS))
    for variable in network.model.trainable_variables:  # biases too, which begin as 0
        variable.assign(np.random.default_rng(len(variable.path)).normal(0, 0.4, variable.shape))
    return network


def tagged() -> Rows:
    rows = rows_of(20)
    return Rows(rows.tokens, [np.maximum(tokens % 4 - 1, 0).astype(np.int32) for tokens in rows.tokens])


@pytest.mark.parametrize("tags", [False, True])
@pytest.mark.parametrize("architecture", BUILDERS)
def test_what_stands_beyond_the_end_of_a_text_means_nothing(base: Path, architecture: str, tags: bool) -> None:
    model = network_of(base, architecture, tagged() if tags else rows_of(20)).model
    for length in (1, 2, 5):
        ids = np.random.default_rng(length).integers(5, 30, (1, length)).astype(np.int32)
        alone = np.asarray(model([ids, np.ones_like(ids)], training=False))
        padded = np.full((1, 19), 7, np.int32)
        padded[:, :length] = ids
        mask = (np.arange(19) < length).astype(np.int32)[None]
        among = np.asarray(model([padded, mask], training=False))
        np.testing.assert_allclose(among[:, :length] if tags else among, alone, atol=1e-5)
    other = np.asarray(model([np.array([[5, 9]]), np.ones((1, 2), np.int32)], training=False))
    assert (
        np.abs(other - np.asarray(model([np.array([[9, 5]]), np.ones((1, 2), np.int32)], training=False))).max() > 1e-3
    )


@pytest.mark.parametrize("tags", [False, True])
@pytest.mark.parametrize("architecture", BUILDERS)
def test_what_is_written_answers_as_the_model_does(base: Path, tmp_path: Path, architecture: str, tags: bool) -> None:
    rows = tagged() if tags else rows_of(20)
    network = network_of(base, architecture, rows)
    network.write(tmp_path)
    again = load(tmp_path / "hf")
    for name, tensor in tensors_of(again).items():
        np.testing.assert_array_equal(tensor, tensors_of(network.model)[name], err_msg=name)
    rng = np.random.default_rng(0)
    drawn = [array("I", rng.integers(5, 30, size).tolist()) for size in rng.integers(1, 18, 60)]
    rows = Encoded(drawn, list(range(60)), [drawn], 0)
    make_candidates(tmp_path / "model.onnx", rows, QuantizationSettings(candidates=["float32", "int8"]), tmp_path)
    for count, length in ((1, 1), (3, 2), (4, 17)):
        ids = rng.integers(5, 30, (count, length)).astype(np.int32)
        mask = (np.arange(length) < rng.integers(1, length + 1, (count, 1))).astype(np.int32)
        expected = np.asarray(network.model([ids, mask], training=False))
        for name, tolerance in (("model.onnx", 1e-5), ("int8.onnx", 0.6)):
            session = onnxruntime.InferenceSession(str(tmp_path / name), providers=["CPUExecutionProvider"])
            given = {"input_ids": ids.astype(np.int64), "attention_mask": mask.astype(np.int64)}
            (found,) = session.run(None, given)
            kept = mask.astype(bool) if tags else np.ones(count, bool)
            assert found.shape == expected.shape
            np.testing.assert_allclose(found[kept], expected[kept], atol=tolerance)
    config = read_json(tmp_path / "hf/config.json")
    assert config["model_type"] == f"textgate-{architecture}" and config["id2label"]["1"] == LABELS[1]
    assert (tmp_path / "hf/tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()


@pytest.mark.parametrize("architecture", BUILDERS)
def test_it_learns(base: Path, architecture: Any) -> None:
    keras.utils.set_random_seed(3)
    chosen = ModelSettings(architecture=architecture, embedding=16, units=16)
    settings = SETTINGS.model_copy(update={"epochs": 6, "learning_rate": 0.02})
    network = ScratchNetwork(Setup(base, LABELS, rows_of(240), rows_of(60, 1), chosen, settings))
    state = Trainer(network.trained, settings, LABELS, network.pad).fit(network.train, network.validation)
    found = [epoch["validation_accuracy"] for epoch in state.epochs]
    assert max(found) > 0.9 > found[0]
