"""What may be chosen of a training gives what it says, on a real encoder of two layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from components.base.files import read_json
from components.base.settings import ModelSettings, TrainingSettings
from components.finetune import frozen
from components.finetune.batches import Group, assemble
from components.finetune.classifier import build_classifier
from components.finetune.encoders.backbone import encoder_tensors
from components.finetune.head import keep_head, probe_head
from components.finetune.networks import EncoderNetwork
from components.finetune.onnx_export import check_onnx
from components.finetune.rows import Rows
from components.finetune.setup import Setup
from components.finetune.step import TrainStep
from components.finetune.train import Trainer, chosen_xla
from components.finetune.trained_parts import choose_trained, flat_layers
from tests.components.finetune.reference_models import FAMILIES, FOLDER, build, inputs_of
from tests.components.finetune.training import finish, rows_of, start, write_inputs
from tests.tiny_project import LABELS, write_base_model

BUCKETS = [8, 16]
BASE: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 8,
    "learning_rate": 0.01,
    "bucket_lengths": BUCKETS,
    "dropout": 0.0,
    "deterministic": False,
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("options") / "base_model"
    write_base_model(folder)
    return folder


def network_of(base: Path, model: ModelSettings | None = None, **changes: Any) -> tuple[EncoderNetwork, Any]:
    keras.utils.set_random_seed(5)
    settings = TrainingSettings(**{**BASE, **changes})
    return EncoderNetwork(Setup(base, LABELS, rows_of(), rows_of(24, 1), model or ModelSettings(), settings)), settings


def trained(base: Path, model: ModelSettings | None = None, **changes: Any) -> tuple[EncoderNetwork, Trainer, Any]:
    network, settings = network_of(base, model, **changes)
    trainer = Trainer(network.trained, settings, LABELS, network.pad)
    return network, trainer, trainer.fit(network.train, network.validation)


def assert_close(one: keras.Model, other: keras.Model, atol: float) -> None:
    for first, second in zip(one.trainable_variables, other.trainable_variables, strict=True):
        if not first.path.endswith("key/bias"):  # its gradient is rounding, which AdamW makes large
            np.testing.assert_allclose(first.numpy(), second.numpy(), atol=atol, err_msg=first.path)


@pytest.mark.parametrize("xla", ["update", pytest.param("step", marks=pytest.mark.slow)])
def test_compiled_steps_give_the_same_weights(base: Path, xla: str) -> None:
    """Those that are compiled whole see batches that are filled up to one shape for each bucket."""
    plain, compiled = trained(base), trained(base, xla=xla)
    assert (plain[1].xla, compiled[1].xla) == ("off", xla)
    assert_close(plain[0].model, compiled[0].model, 2e-4)
    assert compiled[2].epochs[0]["train_loss"] == pytest.approx(plain[2].epochs[0]["train_loss"], abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "longest", "gpu", "chosen"),
    [
        ({"epochs": 39}, 16, True, "off"),
        ({"epochs": 40}, 16, True, "step"),
        ({"epochs": 80}, 16, False, "off"),
        ({"epochs": 80, "batch_size": "auto"}, 16, True, "off"),
        ({"epochs": 1, "xla": "step"}, 16, False, "step"),
        ({"epochs": 80, "xla": "off"}, 16, False, "off"),
    ],
)
def test_auto_compiles_what_is_long_enough(changes: dict[str, Any], longest: int, gpu: bool, chosen: str) -> None:
    """40 rows of one length are 5 updates of 8 rows an epoch."""
    rows = Rows([np.zeros(longest, np.int32)] * 40, np.zeros(40, np.int32))
    settings = TrainingSettings(**{**BASE, "bucket_lengths": [16, 128], **changes})
    assert chosen_xla(settings, rows, gpu=gpu) == chosen


def test_rows_that_fill_a_batch_up_count_for_nothing(base: Path) -> None:
    rows = rows_of(12)
    results = []
    for fill in (0, 16):
        network, settings = network_of(base)
        batch = assemble(rows, Group(16, np.arange(12)), 0, fill)
        assert len(batch.index) == max(12, fill)
        step = TrainStep(network.model, settings)
        results.append((*step.update([batch], np.ones((2, 3), np.float32), 0.01), network.model))
    np.testing.assert_allclose(results[0][:3], results[1][:3], rtol=1e-5)
    assert_close(results[0][3], results[1][3], 1e-4)


def test_what_frozen_layers_give_is_computed_once_and_trains_the_same(base: Path, monkeypatch: Any) -> None:
    still: dict[str, Any] = {"embeddings": "frozen", "frozen_layers": 1}
    stored, trainer, _ = trained(base, **still)
    assert trainer.names == ["hidden", "attention_mask"]
    monkeypatch.setattr(frozen, "MOST_BYTES", 0)
    whole, trainer, _ = trained(base, **still)
    assert trainer.names == ["input_ids", "attention_mask"]
    assert_close(stored.model, whole.model, 1e-4)


def test_frozen_layers_drop_nothing(base: Path) -> None:
    model = build_classifier(base, 3, 0.5)
    choose_trained(model, ModelSettings(), TrainingSettings(embeddings="frozen", frozen_layers=1))
    below = keras.Model(model.backbone.inputs, model.backbone.transformer_layers[0].output)
    ids = np.array([[2, 7, 9, 3]], np.int32)
    inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids), "segment_ids": 0 * ids}
    np.testing.assert_array_equal(below(inputs, training=True), below(inputs, training=False))


def test_low_rank_additions_alone_are_trained_and_end_up_in_the_weights(base: Path, tmp_path: Path) -> None:
    network, trainer, _ = trained(base, ModelSettings(lora_rank=2))
    paths = {variable.path for variable in network.model.trainable_variables}
    assert sum("lora" in path for path in paths) == 2 * 2 * 2, "query and value of two layers, two factors each"
    assert any("pooled" in path for path in paths), "what the logits are made of is new, and is trained whole"
    assert all("lora" in path or "/bias" in path or "pooled" in path or "logits" in path for path in paths)
    network.write(tmp_path)
    rows = rows_of(16, 3)
    assert check_onnx(tmp_path / "model.onnx", rows, trainer.logits(rows), BUCKETS, 0) < 1e-5
    tensors = encoder_tensors(network.model.backbone, network.model.architecture, base)
    before = encoder_tensors(build_classifier(base, 3, 0.0).backbone, network.model.architecture, base)
    moved = {name for name, tensor in tensors.items() if not np.array_equal(tensor, before[name])}
    layers = [name for name in moved if name.startswith("encoder.")]
    assert {name.rpartition("self.")[2] for name in layers} == {
        f"{part}.{kind}" for part in ("query", "value") for kind in ("weight", "bias")
    }
    again = network.reread(tmp_path)
    np.testing.assert_allclose(
        Trainer(again, trainer.settings, LABELS, 0).logits(rows), trainer.logits(rows), atol=1e-5
    )
    network.model.save_weights(tmp_path / "model.weights.h5")
    fresh = build_classifier(base, 3, 0.0)
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(
        Trainer(fresh, trainer.settings, LABELS, 0).logits(rows), trainer.logits(rows), atol=1e-5
    )


def test_a_probe_begins_with_what_is_known_already(base: Path) -> None:
    rows = rows_of(300)
    for pooling in ("first", "mean"):
        model = build_classifier(base, 3, 0.1, pooling=pooling)
        trainer = Trainer(model, TrainingSettings(**BASE), LABELS, 0)
        before = trainer.validate(rows)["validation_accuracy"]
        probe_head(model, rows, BUCKETS, 0, 1)
        assert before < 0.45 and trainer.validate(rows)["validation_accuracy"] > 0.55


@pytest.mark.parametrize("kind", ["two", "multi", "tags"])
def test_a_probe_of_every_kind_of_target(base: Path, kind: str) -> None:
    rows = rows_of(200)
    assert isinstance(rows.targets, np.ndarray)
    targets: Any = {
        "two": (rows.targets > 0).astype(np.int32),
        "multi": np.eye(3, dtype=bool)[rows.targets] | (rows.targets == 1)[:, None],
        "tags": [np.maximum((tokens - 11) // 6, -100).astype(np.int32).clip(-1, 2) for tokens in rows.tokens],
    }[kind]
    if kind == "tags":
        targets = [np.where(values < 0, 0, values) for values in targets]
    labels = ["a", "b"] if kind == "two" else LABELS
    rows = Rows(rows.tokens, targets)
    model = build_classifier(base, len(labels), 0.0, pooling="mean", tags=kind == "tags")
    trainer = Trainer(model, TrainingSettings(**BASE), labels, 0)
    before = trainer.validate(rows)["validation_loss"]
    probe_head(model, rows, BUCKETS, 0, 1)
    assert trainer.validate(rows)["validation_loss"] < before * 0.8


@pytest.mark.parametrize("family", FAMILIES)
def test_low_rank_additions_are_for_every_family(family: str) -> None:
    model = build(FOLDER / family, "first")
    choose_trained(model, ModelSettings(lora_rank=2), TrainingSettings())
    layers = len(flat_layers(model.backbone))
    assert sum("lora" in variable.path for variable in model.trainable_variables) == 4 * layers
    assert any("logits" in variable.path for variable in model.trainable_variables)
    assert not any("embedding" in variable.path for variable in model.trainable_variables)


@pytest.mark.parametrize("head", ["first", "mean", "tags", "pairs"])
@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "albert"])
def test_the_part_above_frozen_layers_answers_as_the_whole_does(family: str, head: str) -> None:
    model = build(FOLDER / family, head)
    settings = TrainingSettings(embeddings="frozen", frozen_layers=1, bucket_lengths=BUCKETS)
    inputs = inputs_of(model, family)
    sizes = inputs[1].sum(axis=1)
    types = [row[:size] for row, size in zip(inputs[2], sizes, strict=True)] if len(inputs) > 2 else None
    tokens = [row[:size] for row, size in zip(inputs[0], sizes, strict=True)]
    targets: Any = [0 * row for row in tokens] if head == "tags" else np.zeros(len(sizes), np.int32)
    rows = Rows(tokens, targets, types)
    stored = frozen.with_hidden(model, rows, settings, 1)
    upper = Trainer(frozen.upper_part(model, 1), settings, LABELS, 1)
    whole = Trainer(model, settings, LABELS, 1)
    for one, other in zip(upper.logits(stored), whole.logits(rows), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_shared_layers_are_computed_each_time() -> None:
    model = build(FOLDER / "albert", "first")
    settings = TrainingSettings(embeddings="frozen", frozen_layers=1)
    assert not frozen.pays(model, settings, (rows_of(), rows_of()))
    assert frozen.pays(build(FOLDER / "bert", "first"), settings, (rows_of(), rows_of()))
    assert not frozen.pays(build(FOLDER / "bert", "first"), TrainingSettings(frozen_layers=1), (rows_of(), rows_of()))


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_labels_that_the_base_model_knows_keep_their_scores(base: Path, tmp_path: Path, pooling: Any) -> None:
    network, trainer, _ = trained(base, ModelSettings(pooling=pooling))
    network.write(tmp_path)
    rows = rows_of(10, 4)
    model = build_classifier(tmp_path / "hf", 4, 0.0, pooling=pooling)
    shuffled = ["plain", "another", "bad", "good"]
    assert keep_head(model, tmp_path / "hf", shuffled) == ["plain", "bad", "good"]
    found = Trainer(model, trainer.settings, shuffled, 0).logits(rows)[:, [2, 3, 0]]
    np.testing.assert_allclose(found, trainer.logits(rows), atol=1e-5)
    assert keep_head(build_classifier(tmp_path / "hf", 3, 0.0, tags=True), tmp_path / "hf", ["x", "y"]) == []
    assert keep_head(build_classifier(base, 3, 0.0), base, LABELS) == []


def test_in_float16_a_scale_that_overflows_is_halved(base: Path) -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network, settings = network_of(base, precision="mixed_float16")
        step = TrainStep(network.model, settings)
        step.scale.assign([2.0**40, 0.0])
        before = [variable.numpy() for variable in network.model.trainable_variables]
        loss, _, norm = step.update([assemble(rows_of(8), Group(16, np.arange(8)), 0)], np.ones((2, 3)), 0.01)
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite([loss, norm]).all()
    assert step.scale.numpy()[0] < 2.0**40 and step.scale.numpy()[1] == 1
    assert all(variable.dtype == "float32" for variable in network.model.trainable_variables)
    assert any(
        not np.array_equal(variable.numpy(), value)
        for variable, value in zip(network.model.trainable_variables, before, strict=True)
    )


STEPS = TrainingSettings(**{**BASE, "epochs": 3, "bucket_lengths": [12, 24], "threads": 1, "deterministic": True})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("steps"))


def losses_of(inputs: Path, name: str, settings: TrainingSettings) -> list[float]:
    status, err = finish(start(inputs, name, settings))
    assert status == 0, err[-3000:]
    return [epoch["validation_loss"] for epoch in read_json(inputs / name / "training.json")["epochs"]]


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_devices_that_share_batches_train_as_one_does(inputs: Path, accumulate: int) -> None:
    one = STEPS.model_copy(update={"accumulate": accumulate})
    several = losses_of(inputs, f"two-{accumulate}", one.model_copy(update={"devices": 2}))
    np.testing.assert_allclose(several, losses_of(inputs, f"one-{accumulate}", one), atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_in_mixed_precision_the_step_writes_float32(inputs: Path, precision: str) -> None:
    found = losses_of(inputs, precision, STEPS.model_copy(update={"precision": precision}))
    np.testing.assert_allclose(found, losses_of(inputs, f"beside-{precision}", STEPS), atol=0.15)
    assert found[2] < found[0] - 0.1
    report = json.loads((inputs / precision / "training.json").read_text())
    assert report["onnx_max_difference"] < 1e-4
