"""The linear model: scikit-learn's TF-IDF and regression over tokens, in ONNX as in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from components.base.files import read_json
from components.base.settings import ModelSettings, TrainingSettings
from components.finetune.linear import model as linear
from components.finetune.linear import network
from components.finetune.linear.model import fit
from components.finetune.onnx_export import check_onnx
from components.finetune.rows import Rows
from components.finetune.scores import scores
from tests.components.finetune.training import finish, rows_of, start, write_inputs
from tests.tiny_project import LABELS, write_base_model

VOCABULARY = 40


def rows_for(kind: str, count: int = 200, seed: int = 0) -> Rows:
    rows = rows_of(count, seed)
    assert isinstance(rows.targets, np.ndarray)
    targets: Any = {
        "single": rows.targets,
        "two": np.minimum(rows.targets, 1),
        "one": np.ones_like(rows.targets),
        "multi": np.eye(3, dtype=bool)[rows.targets] | (rows.targets == 1)[:, None],
        "multi-odd": np.stack([rows.targets == 0, np.zeros(count, bool), np.ones(count, bool)], axis=1),
        "tags": [np.where(tokens < 17, -100, (tokens - 17) // 6).astype(np.int32) for tokens in rows.tokens],
    }[kind]
    if kind == "tags":
        targets = [
            np.where(tokens < 5, -100, np.maximum(tags, 0)) for tokens, tags in zip(rows.tokens, targets, strict=True)
        ]
    return Rows(rows.tokens, targets)


@pytest.mark.parametrize("kind", ["single", "two", "one", "multi", "multi-odd", "tags"])
def test_it_learns_and_its_onnx_and_its_checkpoint_answer_as_it_does(tmp_path: Path, kind: str) -> None:
    write_base_model(tmp_path / "base_model")
    rows, others = rows_for(kind), rows_for(kind, 50, 5)
    model = fit(rows, 3, VOCABULARY, 1)
    assert scores(model.logits(others), others, LABELS)["accuracy"] > 0.8
    network.write(model, LABELS, tmp_path / "base_model", tmp_path / "out")
    expected = model.logits(others)
    assert check_onnx(tmp_path / "out/model.onnx", others, expected, [8, 16, 32], 7) < 1e-4
    again = network.load(tmp_path / "out/hf").logits(others)
    for one, other in zip(again, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_is_what_scikit_learn_makes_of_the_same_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "TOLERANCE", 1e-6)
    monkeypatch.setattr(linear, "ITERATIONS", 2000)
    rows, others = rows_for("single"), rows_for("single", 50, 5)
    texts = [[" ".join(map(str, tokens)) for tokens in part.tokens] for part in (rows, others)]
    vectorizer = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform(texts[0])
    regression = LogisticRegression(C=10.0, max_iter=2000, tol=1e-6).fit(features, rows.targets)
    model = fit(rows, 3, VOCABULARY, 1)
    assert len(model.grams) == features.shape[1]
    expected = regression.decision_function(vectorizer.transform(texts[1]))
    np.testing.assert_allclose(model.logits(others), expected, atol=5e-3)


def test_features_are_bounded_to_the_commonest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "MOST_FEATURES", 20)
    model = fit(rows_for("single"), 3, VOCABULARY, 1)
    assert len(model.grams) == 20
    assert {2, 3} <= set(model.grams[:, 0].tolist()), "what begins and ends each text is commonest"


def test_the_floor_takes_a_bounded_number_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "FLOOR_ROWS", 30)
    write_base_model(tmp_path / "base_model")
    _, found = network.floor(tmp_path / "base_model", LABELS, rows_for("single"), rows_for("single", 50, 5), 1)
    assert found["rows"] == 30 and 0.3 < found["validation_accuracy"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["linear", "text-cnn", "bilstm"])
def test_the_step_writes_it(tmp_path: Path, architecture: Any) -> None:
    inputs = write_inputs(tmp_path)
    settings = TrainingSettings(epochs=4, batch_size=8, learning_rate=0.01, bucket_lengths=[12, 24], threads=1)
    model = ModelSettings(architecture=architecture, embedding=16, units=16)
    status, err = finish(start(inputs, "checkpoint", settings, model))
    assert status == 0, err[-3000:]
    report = read_json(inputs / "checkpoint/training.json")
    assert report["onnx_max_difference"] < 1e-4
    assert report["epochs"][report["best_epoch"] - 1]["validation_accuracy"] > 0.8
    assert report["floor"]["validation_accuracy"] > 0.8
