"""What is written: the base model's own bits where nothing was trained, and what transformers loads."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from components.base.files import read_json
from tests.components.finetune.reference_models import (
    FAMILIES,
    FOLDER,
    HEADS,
    POOLED,
    Tensors,
    build,
    change_tensors,
    copy_model,
    inputs_of,
)

LABELS = ["bad", "good", "plain"]
PREFIX = {"xlm-roberta": "roberta."}
HEAD_LAYERS = {
    **{family: {"classifier"} for family in POOLED},
    **{family: {"classifier.dense", "classifier.out_proj"} for family in ("roberta", "xlm-roberta")},
    "distilbert": {"pre_classifier", "classifier"},
}


def tensors_of(model: Any, base_model: Path) -> Tensors:
    from components.finetune.hugging_face import standard_tensors

    return standard_tensors(model, base_model)


def write(model: Any, base_model: Path, head: str, folder: Path) -> Path:
    from components.finetune.hugging_face import write_checkpoint

    kind: Any = "tags" if head == "tags" else "single"
    pooling = HEADS[head].get("pooling", "first")
    write_checkpoint(tensors_of(model, base_model), base_model, LABELS, folder, pooling=pooling, kind=kind)
    return folder


@pytest.mark.parametrize("head", ["first", "mean", "tags"])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_was_not_trained_comes_back_bit_for_bit(family: str, head: str) -> None:
    """RoBERTa's positions among them, to which the token type was added on reading."""
    tensors = tensors_of(build(FOLDER / family, head), FOLDER / family)
    prefix = "" if head == "mean" else PREFIX.get(family, f"{family}.")
    base = load_file(FOLDER / family / "model.safetensors")
    dropped = {name for name in base if name.startswith("pooler.") and (family not in POOLED or head == "tags")}
    assert bool(dropped) == (family in ("roberta", "xlm-roberta") or (head == "tags" and family in POOLED))
    heads = HEAD_LAYERS[family] if head == "first" else {"classifier"}
    expected = {prefix + name for name in base if name not in dropped}
    assert set(tensors) == expected | {f"{name}.{part}" for name in heads for part in ("weight", "bias")}
    for name in set(base) - dropped:
        assert tensors[prefix + name].tobytes() == base[name].tobytes(), name


@pytest.mark.parametrize("family", FAMILIES)
def test_trained_weights_read_again_are_the_same_weights(tmp_path: Path, family: str) -> None:
    model = build(FOLDER / family, "first")
    rng = np.random.default_rng(0)
    for variable in model.backbone.trainable_variables:
        variable.assign(variable + rng.normal(0, 0.05, variable.shape).astype(np.float32))
    again = build(write(model, FOLDER / family, "first", tmp_path / "hf"), "first")
    assert again.fresh == ()
    for one, other in zip(model.backbone.variables, again.backbone.variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=3e-7, rtol=0)
        assert family in ("roberta", "xlm-roberta") or (one.numpy() == other.numpy()).all()
    inputs = inputs_of(model, family)
    again.get_layer("logits").set_weights(model.get_layer("logits").get_weights())
    if family not in POOLED:
        again.get_layer("head_dense").set_weights(model.get_layer("head_dense").get_weights())
    found, expected = again(inputs, training=False).numpy(), model(inputs, training=False).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("head", ["first", "mean", "tags"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_config_says_what_it_is(tmp_path: Path, family: str, head: str) -> None:
    old = {"num_labels": 2, "problem_type": "multi_label_classification", "textgate_pooling": "mean"}
    base = copy_model(family, tmp_path / "base", **old, torch_dtype="float16")
    config = read_json(write(build(base, head), base, head, tmp_path / "hf") / "config.json")
    classes = read_json(FOLDER / family / "config.json")["architectures"][0].removesuffix("Model")
    task = {"first": "ForSequenceClassification", "mean": "Model", "tags": "ForTokenClassification"}[head]
    assert config["architectures"] == [classes + task]
    assert config["id2label"] == {"0": "bad", "1": "good", "2": "plain"}
    assert config["label2id"] == {"bad": 0, "good": 1, "plain": 2}
    assert config.get("problem_type") == (None if head == "tags" else "single_label_classification")
    assert config.get("textgate_pooling") == ("mean" if head == "mean" else None)
    assert config["torch_dtype"] == config["dtype"] == "float32"
    assert "num_labels" not in config


def test_every_file_of_a_tokenizer_comes_along(tmp_path: Path) -> None:
    from components.base.base_models import OPTIONAL, TOKENIZER_FILES

    base = copy_model("bert", tmp_path / "base")
    assert set(TOKENIZER_FILES) == {*OPTIONAL, "tokenizer.json"}
    for name in (*TOKENIZER_FILES, "notes.txt"):
        (base / name).write_text(name)
    folder = write(build(base, "first"), base, "first", tmp_path / "hf")
    assert {path.name for path in folder.iterdir()} == {*TOKENIZER_FILES, "config.json", "model.safetensors"}
    assert all((folder / name).read_text() == name for name in TOKENIZER_FILES)


@pytest.mark.parametrize("family", POOLED)
def test_a_pooler_that_the_base_model_lacks_is_written_only_where_it_was_trained(tmp_path: Path, family: str) -> None:
    def without(tensors: Tensors) -> Tensors:
        return {name: tensor for name, tensor in tensors.items() if not name.startswith("pooler.")}

    base = change_tensors(copy_model(family, tmp_path / "base"), without)
    written = {head: [n for n in tensors_of(build(base, head), base) if "pooler" in n] for head in HEADS}
    assert {head: len(names) for head, names in written.items()} == {"first": 2, "mean": 0, "tags": 0, "pairs": 2}


def test_transformers_on_torch_gives_the_same_logits(tmp_path: Path) -> None:
    """Every family and head, in one process of an environment with torch, which cannot share one with TensorFlow."""
    python = os.environ.get("TORCH_PYTHON")
    if not python:
        pytest.skip("TORCH_PYTHON names no python with torch, transformers and safetensors")
    cases = [(family, head) for family in FAMILIES for head in HEADS]
    for family, head in cases:
        model, folder = build(FOLDER / family, head), tmp_path / f"{family}-{head}"
        write(model, FOLDER / family, head, folder / "hf")
        inputs = inputs_of(model, family)
        expected = {tensor.name: value.astype(np.int64) for tensor, value in zip(model.inputs, inputs, strict=True)}
        save_file({**expected, "logits": model(inputs, training=False).numpy()}, folder / "expected.safetensors")
    script = Path(__file__).with_name("load_in_transformers.py")
    command = [python, str(script), *(str(tmp_path / f"{family}-{head}") for family, head in cases)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for (family, head), found in zip(cases, results, strict=True):
        assert found["difference"] < 1e-4, (family, head, found)
        mean = head == "mean"
        assert found["unexpected"] == (["classifier.bias", "classifier.weight"] if mean else []), (family, head)
        absent = ["pooler.dense.bias", "pooler.dense.weight"] if mean and "roberta" in family else []
        assert found["missing"] == absent and found["labels"] == LABELS, (family, head)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
def test_the_heads_matrices_stand_as_transformers_multiplies(family: str) -> None:
    """`y = x W^T + b`: each row of a stored matrix belongs to one output."""
    model = build(FOLDER / family, "first")
    names = model.architecture.family.head
    tensors = tensors_of(model, FOLDER / family)
    stored = {"logits": names.logits} | ({} if model.architecture.family.pooler else {"head_dense": names.dense})
    for layer, name in stored.items():
        kernel, bias = model.get_layer(layer).get_weights()
        np.testing.assert_array_equal(tensors[f"{name}.weight"], kernel.T)
        np.testing.assert_array_equal(tensors[f"{name}.bias"], bias)
