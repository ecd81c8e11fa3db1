"""The step on several labels, pairs and tags: it learns, and what it writes is of the task's kind."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from seqeval.metrics import f1_score as entity_f1
from seqeval.scheme import IOB2
from sklearn.metrics import f1_score, log_loss

from components.base.errors import TextgateError
from components.base.files import read_json, write_json
from components.base.settings import TrainingSettings
from components.base.settings.data import Task
from components.finetune.batches import Group, assemble
from components.finetune.losses import element_weights, label_weights, losses
from components.finetune.rows import Rows, read_rows
from components.finetune.scores import scores
from tests.components.finetune.training import finish, start, write_inputs
from tests.tiny_project import LABELS, TAGS

SETTINGS = TrainingSettings(epochs=24, batch_size=8, learning_rate=0.005, bucket_lengths=[12, 24], threads=1, xla="off")
CLASSES = {
    "multi-label": ("BertForSequenceClassification", "multi_label_classification"),
    "text-pair": ("BertForSequenceClassification", "single_label_classification"),
    "token-tags": ("BertForTokenClassification", None),
}


@pytest.mark.parametrize(
    "task", [pytest.param(task, marks=() if task == "token-tags" else pytest.mark.slow) for task in CLASSES]
)
def test_the_step_learns_the_task(tmp_path: Path, task: Task) -> None:
    inputs = write_inputs(tmp_path, task)
    status, err = finish(start(inputs, "checkpoint", SETTINGS))
    assert status == 0, err[-3000:]
    report, config = (read_json(tmp_path / "checkpoint" / name) for name in ("training.json", "hf/config.json"))
    found = [epoch["validation_micro_f1"] for epoch in report["epochs"]]
    assert found[0] < 0.8 < max(found)
    assert report["onnx_max_difference"] < 1e-4
    assert (config["architectures"], config.get("problem_type")) == ([CLASSES[task][0]], CLASSES[task][1])
    assert list(config["id2label"].values()) == (TAGS if task == "token-tags" else LABELS)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    tasks: tuple[Task, ...] = ("single-label", "multi-label", "text-pair", "token-tags")
    return {task: write_inputs(tmp_path_factory.mktemp(task), task) / "encoded" for task in tasks}


def test_rows_of_every_task_are_read_as_they_were_written(encoded: dict[str, Path]) -> None:
    kinds = {"single-label": "single", "multi-label": "multi", "text-pair": "single", "token-tags": "tags"}
    for task, kind in kinds.items():
        rows = read_rows(encoded[task] / "train.arrow", 7)
        assert (rows.kind, rows.types is not None, len(rows)) == (kind, task == "text-pair", 144)
        batch = assemble(rows, Group(24, np.arange(4)), 0, 6)
        assert batch.index.tolist() == [0, 1, 2, 3, -1, -1]
        if rows.types:
            assert batch.token_type_ids is not None
            assert batch.token_type_ids[0].sum() == rows.types[0].sum() > 0
        if kind == "tags":
            assert batch.targets.shape == (6, 24)
            np.testing.assert_array_equal(batch.targets[0, : len(rows.targets[0])], rows.targets[0])
            assert (batch.targets[0, len(rows.targets[0]) :] == -100).all()


@pytest.mark.parametrize("task", ["single-label", "multi-label", "token-tags"])
def test_a_label_that_the_head_does_not_know_is_refused(encoded: dict[str, Path], task: str) -> None:
    with pytest.raises(TextgateError, match=r"train.arrow has the label number [26].*names 2 labels"):
        read_rows(encoded[task] / "train.arrow", 2)


@pytest.mark.slow
def test_the_step_refuses_it_too(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path)
    write_json(tmp_path / "encoded/labels.json", LABELS[:2])
    status, err = finish(start(inputs, "checkpoint", SETTINGS))
    assert status == 1 and "tokenize the data again" in err
    assert not (tmp_path / "checkpoint").exists()


def multi_rows(count: int = 30) -> tuple[Rows, np.ndarray]:
    rng = np.random.default_rng(0)
    return Rows([np.zeros(1)] * count, rng.random((count, 3)) < 0.4), rng.normal(size=(count, 3)).astype(np.float32)


def test_several_labels_are_scored_as_scikit_learn_does() -> None:
    rows, logits = multi_rows()
    found, predicted = scores(logits, rows, LABELS), logits > 0
    assert found["accuracy"] == pytest.approx((predicted == rows.targets).all(axis=1).mean())
    for average in ("macro", "micro"):
        assert found[f"{average}_f1"] == pytest.approx(f1_score(rows.targets, predicted, average=average))
    assert isinstance(rows.targets, np.ndarray)
    each = [log_loss(rows.targets[:, n], expit(logits[:, n].astype(np.float64))) for n in range(3)]
    assert found["loss"] == pytest.approx(np.mean(each), rel=1e-5)


def test_the_loss_of_several_labels_is_its_formula_and_balances_each() -> None:
    rows, logits = multi_rows()
    assert isinstance(rows.targets, np.ndarray)
    wanted = rows.targets.astype(np.float64)
    probability = expit(logits.astype(np.float64))

    def entropy(target: np.ndarray) -> np.ndarray:
        return -(target * np.log(probability) + (1 - target) * np.log(1 - probability))

    def found(**changes: Any) -> np.ndarray:
        return losses(logits, rows.targets.astype(np.int32), TrainingSettings(**changes), "multi").numpy()

    np.testing.assert_allclose(found(), entropy(wanted), rtol=1e-4)
    np.testing.assert_allclose(found(label_smoothing=0.2), entropy(wanted * 0.8 + 0.1), rtol=1e-4)
    right = np.where(wanted > 0, probability, 1 - probability)
    np.testing.assert_allclose(found(focal_gamma=2.0), (1 - right) ** 2 * entropy(wanted), rtol=1e-3, atol=1e-6)
    weights = label_weights(rows, 3, TrainingSettings(class_weights="balanced"))
    each = element_weights(assemble(rows, Group(1, np.arange(30)), 0, 32), weights, "multi")
    assert not each[30:].any()
    for label in range(3):
        present = rows.targets[:, label]
        assert each[:30, label][present].sum() == pytest.approx(15) == pytest.approx(each[:30, label][~present].sum())


def tag_rows(labels: list[str]) -> tuple[Rows, list[np.ndarray]]:
    rng = np.random.default_rng(1)
    targets = []
    for size in (5, 9, 1, 7):
        tags = rng.integers(0, len(labels), size).astype(np.int32)
        tags[rng.random(size) < 0.3] = -100
        targets.append(np.concatenate([[-100], tags, [0], [-100]]).astype(np.int32))
    logits = [rng.normal(size=(len(tags), len(labels))).astype(np.float32) for tags in targets]
    for values, tags in zip(logits, targets, strict=True):
        values[np.arange(len(tags)), np.maximum(tags, 0)] += 2.0
    return Rows([np.zeros(len(tags)) for tags in targets], targets), logits


def test_tags_are_scored_by_word_and_by_entity() -> None:
    rows, logits = tag_rows(TAGS)
    found = scores(logits, rows, TAGS)
    words = [tags >= 0 for tags in rows.targets]
    named = [
        [[TAGS[tag] for tag in line[first]] for line, first in zip(lines, words, strict=True)]
        for lines in (rows.targets, [values.argmax(axis=1) for values in logits])
    ]
    flat = [[tag for line in lines for tag in line] for lines in named]
    assert found["accuracy"] == pytest.approx(np.mean([one == other for one, other in zip(*flat, strict=True)]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for average in ("macro", "micro"):
            expected = entity_f1(*named, average=average, mode="strict", scheme=IOB2)
            assert 0 < expected < 1 and found[f"{average}_f1"] == pytest.approx(expected)


def test_tags_that_are_no_entities_stand_for_themselves() -> None:
    plain = ["O", "noun", "verb"]
    rows, logits = tag_rows(plain)
    wanted = np.concatenate(rows.targets)
    predicted = np.concatenate(logits).argmax(axis=1)[wanted >= 0]
    for average in ("macro", "micro"):
        expected = f1_score(wanted[wanted >= 0], predicted, labels=[1, 2], average=average)
        assert scores(logits, rows, plain)[f"{average}_f1"] == pytest.approx(expected)


def test_only_tagged_words_weigh_in_the_loss() -> None:
    rows, logits = tag_rows(TAGS)
    batch = assemble(rows, Group(16, np.arange(4)), 0, 5)
    each = element_weights(batch, label_weights(rows, 7, TrainingSettings()), "tags")
    np.testing.assert_array_equal(each[:4], (batch.targets[:4] >= 0).astype(np.float32))
    assert not each[4].any()
    padded = np.zeros((4, 16, 7), np.float32)
    for line, values in enumerate(logits):
        padded[line, : len(values)] = values
    found = losses(padded, batch.targets[:4], TrainingSettings(), "tags").numpy()
    assert (found * each[:4]).sum() / each.sum() == pytest.approx(scores(logits, rows, TAGS)["loss"], rel=1e-5)
    balanced = element_weights(batch, label_weights(rows, 7, TrainingSettings(class_weights="balanced")), "tags")
    sums = [balanced[batch.targets == tag].sum() for tag in range(7) if (batch.targets[:4] == tag).any()]
    np.testing.assert_allclose(sums, each.sum() / 7, rtol=1e-5)
