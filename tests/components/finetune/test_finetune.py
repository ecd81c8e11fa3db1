"""The step on a tiny model: what it writes is read back by others, and is the same twice."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from components.base.errors import TextgateError
from components.base.settings import (
    CheckpointSettings,
    DataSchema,
    FinetuneStep,
    TokenizationSettings,
    TokenizeStep,
    TrainingSettings,
)
from components.tokenize.tokenize import tokenize
from tests.components.finetune.training import SCRIPT, finish, start, write_inputs
from tests.tiny_project import LABELS, make_rows, write_base_model, write_tables

SETTINGS = TrainingSettings(epochs=10, batch_size=16, learning_rate=0.005, bucket_lengths=[12, 24], threads=1)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("finetune"))


def train(inputs: Path, name: str, settings: TrainingSettings = SETTINGS) -> Path:
    status, err = finish(start(inputs, name, settings))
    assert status == 0, err[-3000:]
    return inputs / name


@pytest.fixture(scope="module")
def checkpoint(inputs: Path) -> Path:
    return train(inputs, "checkpoint")


def test_it_learns_and_keeps_the_best_epoch(checkpoint: Path) -> None:
    report = json.loads((checkpoint / "training.json").read_text())
    scores = [epoch["validation_macro_f1"] for epoch in report["epochs"]]
    assert max(scores) > 0.8 > scores[0]
    assert report["best_epoch"] == 1 + int(np.argmax(scores))
    assert report["onnx_max_difference"] < 1e-4
    assert report["processor"] and report["parameters"]["threads"] == 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(inputs: Path, checkpoint: Path) -> None:
    again = train(inputs, "again")
    other = train(inputs, "other", SETTINGS.model_copy(update={"seed": 2, "epochs": 1}))
    for name in ("model.onnx", "hf/model.safetensors"):
        assert (again / name).read_bytes() == (checkpoint / name).read_bytes()
        assert (other / name).read_bytes() != (checkpoint / name).read_bytes()


def test_transformers_reads_the_checkpoint(checkpoint: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    config = AutoConfig.from_pretrained(checkpoint / "hf")
    assert config.architectures == ["BertForSequenceClassification"]
    assert [config.id2label[number] for number in range(3)] == LABELS
    encoded = AutoTokenizer.from_pretrained(checkpoint / "hf")("the service was great")
    assert encoded["input_ids"][0] == 2


def test_untouched_weights_come_back_exactly(inputs: Path) -> None:
    from safetensors.numpy import load_file

    from components.finetune.classifier import build_classifier
    from components.finetune.hugging_face import standard_tensors

    model = build_classifier(inputs / "base_model", 3, 0.0)
    tensors = standard_tensors(model, inputs / "base_model")
    for name, tensor in load_file(inputs / "base_model" / "model.safetensors").items():
        np.testing.assert_array_equal(tensors[f"bert.{name}"], tensor)


@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_onnx_answers_as_keras_does_for_many_rows_and_lengths(tmp_path: Path, activation: str) -> None:
    from components.base.files import read_json
    from components.finetune.classifier import build_classifier
    from components.finetune.hugging_face import standard_tensors
    from components.finetune.onnx_export import write_onnx

    base = tmp_path / "base_model"
    write_base_model(base, activation=activation)
    model = build_classifier(base, 3, 0.0)
    write_onnx(standard_tensors(model, base), read_json(base / "config.json"), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for rows, length in ((1, 3), (4, 9), (3, 24)):
        ids = rng.integers(5, 30, (rows, length)).astype(np.int64)
        mask = (np.arange(length) < rng.integers(2, length + 1, (rows, 1))).astype(np.int64)
        (found,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
        assert found.shape == (rows, 3)
        expected = model([ids.astype(np.int32), mask.astype(np.int32)], training=False).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_gelu_is_exact_where_the_checkpoint_says_so(tmp_path: Path) -> None:
    from components.finetune.classifier import build_classifier

    logits = {}
    for activation in ("gelu", "gelu_new"):
        write_base_model(tmp_path / activation, activation=activation)
        model = build_classifier(tmp_path / activation, 3, 0.0)
        ids = np.array([[2, 7, 9, 3]])
        outputs = model.backbone({"token_ids": ids, "padding_mask": np.ones_like(ids), "segment_ids": 0 * ids})
        logits[activation] = np.asarray(outputs["pooled_output"])
    assert 0 < np.abs(logits["gelu"] - logits["gelu_new"]).max() < 1e-2


def test_texts_longer_than_the_model_has_positions_are_refused(inputs: Path, tmp_path: Path) -> None:
    from components.base.files import read_json, write_json

    base = tmp_path / "base_model"
    write_base_model(base)
    write_json(base / "config.json", {**read_json(base / "config.json"), "max_position_embeddings": 10})
    code = SCRIPT.replace('folder / "base_model"', "Path(sys.argv[4])")
    command = [
        sys.executable,
        "-c",
        code,
        str(inputs),
        FinetuneStep(training=SETTINGS).model_dump_json(),
        str(tmp_path / "out"),
        str(base),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "more positions than the base model's 10" in done.stderr


def test_a_damaged_weights_file_is_refused(tmp_path: Path) -> None:
    from components.finetune.classifier import build_classifier

    base = tmp_path / "base_model"
    write_base_model(base)
    (base / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(TextgateError, match="weights cannot be read as bert"):
        build_classifier(base, 3, 0.0)


def test_unknown_architecture_and_activation_are_refused_by_name(tmp_path: Path) -> None:
    from components.base.files import read_json, write_json
    from components.finetune.classifier import build_classifier

    base = tmp_path / "base_model"
    write_base_model(base, activation="mish")
    with pytest.raises(TextgateError, match="'mish'.*gelu"):
        build_classifier(base, 3, 0.0)
    write_json(base / "config.json", {**read_json(base / "config.json"), "model_type": "deberta"})
    with pytest.raises(TextgateError, match="'deberta'.*bert"):
        build_classifier(base, 3, 0.0)


def test_windows_score_in_validation_as_they_do_when_served(inputs: Path, tmp_path: Path) -> None:
    """The classifier and its ONNX on the same long texts: windows pooled by text on either side."""
    from components.base.files import read_json
    from components.base.truncation import Truncation
    from components.finetune.classifier import build_classifier
    from components.finetune.hugging_face import standard_tensors
    from components.finetune.onnx_export import write_onnx
    from components.finetune.rows import read_rows
    from components.finetune.train import Trainer
    from serving.predictor import Scorer

    rows = [{**row, "text": " ".join([row["text"]] * (1 + number % 4))} for number, row in enumerate(make_rows(60))]
    write_tables(tmp_path / "tables", {"train": rows, "validation": rows, "test": rows})
    options = TokenizationSettings(max_length=12, truncation="chunk", overlap=2)
    base = inputs / "base_model"
    tokenize(tmp_path / "tables", base, TokenizeStep(data=DataSchema(labels=LABELS), options=options), tmp_path / "new")
    validation = read_rows(tmp_path / "new" / "validation.arrow", 3)
    assert len(validation) > validation.texts == 60
    model = build_classifier(base, 3, 0.0)
    write_onnx(standard_tensors(model, base), read_json(base / "config.json"), tmp_path / "model.onnx")
    trainer = Trainer(model, SETTINGS, LABELS, 0)
    pooled, labels = validation.by_text(trainer.logits(validation))
    served = Scorer(tmp_path / "model.onnx", base / "tokenizer.json", Truncation.of(options))
    np.testing.assert_allclose(pooled, served.logits([row["text"] for row in rows]), atol=1e-5)
    assert labels.tolist() == [LABELS.index(row["label"]) for row in rows]
    accuracy = trainer.validate(validation)["validation_accuracy"]
    assert accuracy == pytest.approx((pooled.argmax(axis=1) == labels).mean())


@pytest.mark.parametrize(
    ("most", "steps", "said"),
    [
        (200_000, 0, "the checkpoint cannot be written to .*checkpoint: File too large; free space"),
        pytest.param(
            100_000,
            2,
            "cannot be saved to .*File too large.*; free space there, or name another folder in TMPDIR",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_disk_that_fills_is_said_and_nothing_is_half_written(
    inputs: Path, tmp_path: Path, most: int, steps: int, said: str
) -> None:
    """No file may be longer than `most` bytes, which is what a full disk says too."""
    kept = CheckpointSettings(place=str(tmp_path / "place") if steps else "", steps=steps)
    step = FinetuneStep(training=SETTINGS.model_copy(update={"epochs": 1, "checkpoint": kept}))
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))\n"
    target = tmp_path / "out" / "checkpoint"
    command = [sys.executable, "-c", limit + SCRIPT, str(inputs), step.model_dump_json(), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and re.search(said, done.stderr), done.stderr[-2000:]
    assert not target.parent.exists() or list(target.parent.iterdir()) == []
    assert not list(tmp_path.glob("place/*"))


@pytest.mark.slow
def test_fewer_rows_than_a_batch_has_are_trained_on(tmp_path: Path) -> None:
    write_tables(tmp_path / "tables", {split: make_rows(7) for split in ("train", "validation", "test")})
    write_base_model(tmp_path / "base_model")
    step = TokenizeStep(data=DataSchema(labels=LABELS), options=TokenizationSettings(max_length=24))
    tokenize(tmp_path / "tables", tmp_path / "base_model", step, tmp_path / "encoded")
    report = json.loads((train(tmp_path, "few") / "training.json").read_text())
    assert report["rows"] == {"train": 7, "validation": 7} and len(report["epochs"]) == 10
