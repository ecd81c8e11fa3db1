"""The heads: what they take, what they give, what of them is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.base.files import read_json
from tests.components.finetune.reference_models import (
    FAMILIES,
    FOLDER,
    HEADS,
    POOLED,
    build,
    copy_model,
    inputs_of,
    read_reference,
)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_inputs_and_logits(family: str, head: str) -> None:
    model = build(FOLDER / family, head, labels=5)
    typed = head == "pairs" and family in POOLED
    names = ["input_ids", "attention_mask"] + ["token_type_ids"] * typed
    assert [tensor.name for tensor in model.inputs] == names
    assert {tensor.dtype for tensor in model.inputs} == {"int32"}
    logits = model(inputs_of(model, family), training=False).numpy()
    assert logits.shape == ((4, 12, 5) if head == "tags" else (4, 5))
    assert logits.dtype == np.float32 and np.isfinite(logits).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_mean_is_over_the_tokens_that_the_mask_keeps(family: str) -> None:
    model = build(FOLDER / family, "mean")
    reference = read_reference(family, "gelu_new" if family == "albert" else "gelu")
    kept = reference["mask"][..., None]
    mean = (reference["hidden"] * kept).sum(axis=1) / kept.sum(axis=1)
    kernel, bias = model.get_layer("logits").get_weights()
    found = model([reference["ids"], reference["mask"]], training=False).numpy()
    np.testing.assert_allclose(found, mean @ kernel + bias, atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_tags_score_each_token_of_the_reference(family: str) -> None:
    model = build(FOLDER / family, "tags")
    reference = read_reference(family, "gelu_new" if family == "albert" else "gelu")
    kernel, bias = model.get_layer("logits").get_weights()
    found = model([reference["ids"], reference["mask"]], training=False).numpy()
    kept = reference["mask"] == 1
    np.testing.assert_allclose(found[kept], reference["hidden"][kept] @ kernel + bias, atol=1e-4, rtol=0)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_trainable_weight_reaches_the_loss(family: str, head: str) -> None:
    import tensorflow as tf

    model = build(FOLDER / family, head)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(inputs_of(model, family), training=True) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert [str(v.path) for v, g in zip(model.trainable_variables, gradients, strict=True) if g is None] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_changes_nothing(family: str) -> None:
    for head in ("first", "mean"):
        model = build(FOLDER / family, head)
        ids, mask = inputs_of(model, family)
        short = model([ids[1:2, :7], mask[1:2, :7]], training=False).numpy()
        np.testing.assert_allclose(model([ids, mask], training=False).numpy()[1:2], short, atol=1e-5)


@pytest.mark.parametrize("family", POOLED)
def test_types_matter_and_are_0_where_they_are_no_input(family: str) -> None:
    paired, single = build(FOLDER / family, "pairs"), build(FOLDER / family, "first")
    ids, mask, types = inputs_of(paired, family)
    alone = single([ids, mask], training=False).numpy()
    np.testing.assert_array_equal(paired([ids, mask, 0 * types], training=False).numpy(), alone)
    assert np.abs(paired([ids, mask, types], training=False).numpy() - alone).max() > 0.01


def test_an_encoder_with_one_type_takes_no_types(tmp_path: Path) -> None:
    from components.finetune.classifier import takes_types
    from tests.components.finetune.reference_models import change_tensors

    name = "embeddings.token_type_embeddings.weight"
    base = copy_model("bert", tmp_path / "model", type_vocab_size=1)
    change_tensors(base, lambda tensors: {**tensors, name: tensors[name][:1].copy()})
    assert len(build(base, "pairs").inputs) == 2
    assert not takes_types(read_json(base / "config.json"))
    assert {family: takes_types(read_json(FOLDER / family / "config.json")) for family in FAMILIES} == {
        family: family in POOLED for family in FAMILIES
    }


def test_a_call_with_three_arguments_is_as_before() -> None:
    from components.finetune.classifier import build_classifier

    model: Any = build_classifier(FOLDER / "bert", 3, 0.1)
    assert (model.pooling, model.tags, model.fresh) == ("first", False, ())
    assert model.backbone.num_layers == model.architecture.layers == 2
    assert {layer.rate for layer in model._flatten_layers() if type(layer).__name__ == "Dropout"} == {0.1}
