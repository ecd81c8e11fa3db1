"""Calibration, ranking, abstention and out-of-scope texts against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sklearn
from sklearn.calibration import calibration_curve

from components.base.settings import EvaluationSettings
from components.base.targets.labels import LabelTargets
from components.base.targets.sets import SetTargets
from components.base.targets.tags import TagTargets
from components.evaluate import counted, probable
from components.evaluate.ranking import Ranking

OPTIONS = EvaluationSettings(bootstrap_samples=1000, top_k=[2, 3, 9])
NAMES = ["expected_calibration_error", "brier", "log_loss", "roc_auc", "pr_auc"]
LABELS = ["a", "b", "c", "d"]


def rows(count: int, seed: int = 0, classes: int = 4, decimals: int = 1) -> tuple[LabelTargets, Any]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, count)
    logits = np.round(rng.normal(0, 1, (count, classes)), decimals)
    logits[np.arange(count), truth] += 1.5
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return LabelTargets([""] * count, truth, LABELS[:classes]), shares


def test_one_label_is_scored_as_scikit_learn_does() -> None:
    targets, shares = rows(500, decimals=9)
    found = probable.score(targets, shares, NAMES, OPTIONS)
    one_hot = np.eye(4)[targets.truth]
    expected = {
        "brier": ((shares - one_hot) ** 2).sum(axis=1).mean(),
        "log_loss": sklearn.log_loss(targets.truth, shares),
        "roc_auc": sklearn.roc_auc_score(targets.truth, shares, multi_class="ovr"),
        "pr_auc": sklearn.average_precision_score(one_hot, shares, average="macro"),
        "top_2_accuracy": sklearn.top_k_accuracy_score(targets.truth, shares, k=2),
        "top_3_accuracy": sklearn.top_k_accuracy_score(targets.truth, shares, k=3),
    }
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == targets.truth
    accuracy, given = calibration_curve(right, confidence, n_bins=probable.BINS)
    bins = probable.reliability(targets, shares)
    assert [one["accuracy"] for one in bins] == pytest.approx(accuracy)
    assert [one["confidence"] for one in bins] == pytest.approx(given)
    weights = np.array([one["count"] for one in bins]) / 500
    expected["expected_calibration_error"] = (weights * np.abs(accuracy - given)).sum()
    assert {name: entry["value"] for name, entry in found.items()} == pytest.approx(expected)
    assert all(entry["low"] < entry["value"] < entry["high"] for entry in found.values())


def test_several_labels_are_scored_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((300, 3)) < 0.3
    shares = np.round(np.clip(0.25 + 0.4 * truth + rng.normal(0, 0.2, truth.shape), 0.01, 0.99), 2)
    found = probable.score(SetTargets([""] * 300, truth, LABELS[:3]), shares, NAMES, OPTIONS)
    assert found["roc_auc"]["value"] == pytest.approx(sklearn.roc_auc_score(truth, shares, average="macro"))
    assert found["pr_auc"]["value"] == pytest.approx(sklearn.average_precision_score(truth, shares, average="macro"))
    assert found["brier"]["value"] == pytest.approx(sklearn.brier_score_loss(truth.ravel(), shares.ravel()))
    assert found["log_loss"]["value"] == pytest.approx(sklearn.log_loss(truth.ravel(), shares.ravel()))
    assert not [name for name in found if name.startswith("top_")]


def test_words_are_scored_but_for_those_that_fell_to_truncation() -> None:
    targets = TagTargets([["u", "v"], ["w"]], np.array([0, 1, 2]), ["O", "B-x", "I-x"])
    shares = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [np.nan] * 3])
    found = probable.score(targets, shares, NAMES, OPTIONS)
    assert found["log_loss"]["value"] == pytest.approx(-(np.log(0.7) + np.log(0.4)) / 2)
    assert set(found) == {"expected_calibration_error", "brier", "log_loss"}
    assert probable.compare(targets, shares, shares, OPTIONS) == {}


def test_weighted_areas_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    scores, truth = np.round(rng.normal(size=(80, 2)), 1), rng.random((80, 2)) < 0.3
    scores += truth
    weights = rng.integers(0, 4, (80, 5)).astype(np.float32)
    roc, precision_recall = Ranking(scores, truth).values(weights)
    for sample in range(5):
        used = weights[:, sample]
        expected = [sklearn.roc_auc_score(truth[:, k], scores[:, k], sample_weight=used) for k in range(2)]
        assert roc[sample] == pytest.approx(np.mean(expected))
        expected = [sklearn.average_precision_score(truth[:, k], scores[:, k], sample_weight=used) for k in range(2)]
        assert precision_recall[sample] == pytest.approx(np.mean(expected))
    everywhere = np.stack([truth[:, 0], np.ones(80, bool)], axis=1)
    alone = Ranking(scores[:, :1], truth[:, :1]).values(weights)
    assert np.allclose(Ranking(scores, everywhere).values(weights), alone)
    nothing = Ranking(scores, np.zeros_like(truth)).values(weights)
    assert np.isnan(nothing).all()


def test_the_interval_of_an_area_is_that_of_delong() -> None:
    targets, shares = rows(300, 3, 2)
    found = probable.score(targets, shares, NAMES, OPTIONS)["roc_auc"]
    positive, negative = shares[targets.truth == 1, 1], shares[targets.truth == 0, 1]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    spread = np.sqrt(wins.mean(axis=1).var() / len(positive) + wins.mean(axis=0).var() / len(negative))
    assert (found["high"] - found["low"]) / 2 / 1.96 == pytest.approx(spread, rel=0.12)


def test_a_better_ranking_is_seen_and_turns_round() -> None:
    targets, shares = rows(400, 4)
    rng = np.random.default_rng(5)
    worse = np.where(rng.random((400, 1)) < 0.5, shares, rng.dirichlet(np.ones(4), 400))
    there, back = (probable.compare(targets, *models, OPTIONS) for models in ((shares, worse), (worse, shares)))
    for name in ("roc_auc", "pr_auc"):
        assert there[name]["low"] > 0 > back[name]["high"]
        assert there[name]["value"] == pytest.approx(-back[name]["value"])
    tie = probable.compare(targets, shares, shares, OPTIONS)["roc_auc"]
    assert (tie["value"], tie["low"] < 0 < tie["high"]) == (0, True)


def test_clusters_widen_what_probabilities_say() -> None:
    targets, shares = rows(60, 6)
    many = LabelTargets([""] * 600, np.repeat(targets.truth, 10), LABELS)
    alone = probable.score(many, np.repeat(shares, 10, axis=0), NAMES, OPTIONS)
    together = probable.score(many, np.repeat(shares, 10, axis=0), NAMES, OPTIONS, np.repeat(np.arange(60), 10))
    for name in ("brier", "roc_auc", "top_2_accuracy"):
        assert together[name]["high"] - together[name]["low"] > 2 * (alone[name]["high"] - alone[name]["low"])


def test_answers_below_the_threshold_are_withheld() -> None:
    targets = LabelTargets([""] * 4, np.array([0, 1, 0, 1]), ["a", "b"])
    shares = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.45, 0.55]])
    found = probable.abstention(targets, shares, 0.6, 0.95)
    assert found["precision"]["value"] == pytest.approx(2 / 3)
    assert found["coverage"]["value"] == 0.75
    none = probable.abstention(targets, shares, 0.95, 0.95)
    assert none["precision"]["value"] is None and none["coverage"]["value"] == 0


def test_texts_of_no_label_are_told_by_their_label() -> None:
    targets, shares = rows(300, 7)
    per_label = counted.score(targets, shares.argmax(axis=1), ["accuracy"], OPTIONS)["per_label"]
    found = probable.out_of_scope(targets, shares, "d", per_label, OPTIONS)
    assert found is not None
    assert found["rows"] == (targets.truth == 3).sum()
    assert found["auc"]["value"] == pytest.approx(sklearn.roc_auc_score(targets.truth == 3, shares[:, 3]))
    assert found["recall"] == per_label["d"]["recall"]
    absent = LabelTargets([""] * 300, targets.truth % 3, LABELS)
    scored = counted.score(absent, shares.argmax(axis=1), ["accuracy"], OPTIONS)["per_label"]
    nothing = probable.out_of_scope(absent, shares, "d", scored, OPTIONS)
    assert nothing is not None
    assert (nothing["rows"], nothing["auc"]["value"], nothing["recall"]["value"]) == (0, None, None)
