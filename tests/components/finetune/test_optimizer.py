"""The fused update against Keras's own optimizers, on a real encoder of two layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.base.errors import TextgateError
from components.base.settings import ModelSettings, TrainingSettings
from components.finetune.batches import Batch
from components.finetune.classifier import build_classifier
from components.finetune.optimizer import UNDECAYED, rate_scales
from components.finetune.step import TrainStep
from components.finetune.trained_parts import choose_trained
from tests.tiny_project import write_base_model

BASE: dict[str, Any] = {"embeddings": "all", "clip_norm": 0.2, "weight_decay": 0.1, "dropout": 0.0}
RATE = 0.01


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("optimizer") / "base_model"
    write_base_model(folder)
    return folder


def model_of(base: Path, settings: TrainingSettings) -> keras.Model:
    keras.utils.set_random_seed(5)
    model = build_classifier(base, 3, 0.0)
    choose_trained(model, ModelSettings(), settings)
    return model


def batch_of(rows: int, seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    ids = rng.integers(5, 20, (rows, 8)).astype(np.int32)
    return Batch(ids, np.ones_like(ids), rng.integers(0, 3, rows).astype(np.int32), np.arange(rows))


def trained(base: Path, updates: list[list[Batch]], **settings: Any) -> tuple[keras.Model, list[float]]:
    chosen = TrainingSettings(**{**BASE, **settings})
    model = model_of(base, chosen)
    step = TrainStep(model, chosen)
    return model, [step.update(batches, np.ones((2, 3), np.float32), RATE)[2] for batches in updates]


def by_keras(base: Path, batches: list[Batch], optimizer: keras.optimizers.Optimizer) -> keras.Model:
    model = model_of(base, TrainingSettings())
    optimizer.build(model.trainable_variables)
    for batch in batches:
        with tf.GradientTape() as tape:
            logits = model([batch.input_ids, batch.attention_mask], training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch.targets, logits))
        gradients = [tf.convert_to_tensor(part) for part in tape.gradient(loss, model.trainable_variables)]
        optimizer.apply(gradients, model.trainable_variables)
    return model


def assert_equal(one: keras.Model, other: keras.Model, **tolerance: float) -> None:
    for first, second in zip(one.trainable_variables, other.trainable_variables, strict=True):
        if first.path.endswith("key/bias"):
            continue  # it adds the same to every score of a query: its gradient is rounding, which AdamW makes large
        np.testing.assert_allclose(first.numpy(), second.numpy(), err_msg=first.path, **tolerance)


def test_adamw_is_that_of_keras(base: Path) -> None:
    batches = [batch_of(8, seed) for seed in range(4)]
    reference = keras.optimizers.AdamW(RATE, weight_decay=0.1, global_clipnorm=0.2, epsilon=1e-8)
    reference.exclude_from_weight_decay(var_names=sorted(UNDECAYED))
    model, norms = trained(base, [[batch] for batch in batches])
    assert min(norms) > 0.2, "clipping is at work"
    assert_equal(model, by_keras(base, batches, reference), atol=2e-5)


def test_sgd_is_that_of_keras(base: Path) -> None:
    batches = [batch_of(8, seed) for seed in range(4)]
    model, _ = trained(base, [[batch] for batch in batches], optimizer="sgd", weight_decay=0.0)
    assert_equal(
        model, by_keras(base, batches, keras.optimizers.SGD(RATE, momentum=0.9, global_clipnorm=0.2)), atol=1e-6
    )


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_rows_move_as_the_whole_table_does_and_the_others_rest(base: Path, optimizer: str) -> None:
    """With the same words in each batch, no moment has a step to rest in."""
    batch = batch_of(8, 1)
    whole, whole_norms = trained(base, [[batch]] * 3, optimizer=optimizer)
    rows, norms = trained(base, [[batch]] * 3, optimizer=optimizer, embeddings="rows")
    np.testing.assert_allclose(norms, whole_norms, rtol=1e-5)
    before = model_of(base, TrainingSettings()).backbone.token_embedding.embeddings.numpy()
    tables = [model.backbone.token_embedding.embeddings.numpy() for model in (rows, whole)]
    used = np.unique(batch.input_ids)
    unused = np.setdiff1d(np.arange(len(before)), used)
    np.testing.assert_allclose(tables[0][used], tables[1][used], atol=2e-5)
    np.testing.assert_array_equal(tables[0][unused], before[unused])
    assert np.abs(tables[0][used] - before[used]).max() > 1e-3


@pytest.mark.parametrize("embeddings", ["rows", "all"])
def test_batches_of_one_update_give_what_one_large_one_gives(base: Path, embeddings: str) -> None:
    large = [batch_of(12, seed) for seed in range(3)]
    parts = [
        [
            Batch(b.input_ids[cut], b.attention_mask[cut], b.targets[cut], b.index[cut])
            for cut in (slice(0, 5), slice(5, 12))
        ]
        for b in large
    ]
    whole, whole_norms = trained(base, [[batch] for batch in large])
    added, norms = trained(base, parts, accumulate=2, embeddings=embeddings)
    np.testing.assert_allclose(norms, whole_norms, rtol=1e-4)
    assert_equal(added, whole, atol=5e-5)


def test_nothing_moves_where_the_gradient_is_not_finite(base: Path) -> None:
    settings = TrainingSettings(**BASE)
    model = model_of(base, settings)
    step = TrainStep(model, settings)
    before = model.get_weights()
    _, _, norm = step.update([batch_of(4, 0)], np.full((2, 3), np.nan, np.float32), RATE)
    assert np.isnan(norm)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert step.optimizer.updates.numpy() == 0


def test_lower_layers_learn_more_slowly(base: Path) -> None:
    scales = rate_scales(model_of(base, TrainingSettings()), 0.5)
    assert {scale for path, scale in scales.items() if "transformer_layer_1" in path} == {0.5}
    assert {scale for path, scale in scales.items() if "transformer_layer_0" in path} == {0.25}
    assert {scale for path, scale in scales.items() if "embedding" in path} == {0.125}
    assert {scale for path, scale in scales.items() if "pooled" in path or "logits" in path} == {1.0}


def test_what_is_frozen_stays(base: Path) -> None:
    model, _ = trained(base, [[batch_of(8, 0)]] * 2, embeddings="frozen", frozen_layers=1)
    before = model_of(base, TrainingSettings())
    moved = {
        one.path
        for one, other in zip(model.variables, before.variables, strict=True)
        if not np.array_equal(one.numpy(), other.numpy())
    }
    assert moved and not any("embedding" in path or "transformer_layer_0" in path for path in moved)
    assert any("transformer_layer_1" in path for path in moved) and any("pooled" in path for path in moved)
    with pytest.raises(TextgateError, match=r"frozen_layers is 3, and the base model has 2 layers"):
        model_of(base, TrainingSettings(frozen_layers=3))
