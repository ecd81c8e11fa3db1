from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from components.base.settings import EvaluationSettings
from components.base.targets.labels import LabelTargets
from components.evaluate.metrics import compare, score

OPTIONS = EvaluationSettings(bootstrap_samples=2000)
LABELS = ["a", "b", "c"]


def right(truth: np.ndarray) -> LabelTargets:
    return LabelTargets([""] * len(truth), truth, LABELS)


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.choice(3, 400, p=[0.6, 0.3, 0.1])
    return truth, np.where(rng.random(400) < 0.25, rng.integers(0, 3, 400), truth)


def test_values_are_those_of_scikit_learn(rows: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = rows
    found = score(right(truth), predicted, OPTIONS)
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(accuracy_score(truth, predicted))
    assert found["metrics"]["macro_f1"]["value"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert found["averages"]["weighted"]["f1"] == pytest.approx(f1_score(truth, predicted, average="weighted"))
    assert sum(map(sum, found["confusion"])) == 400
    assert [found["per_label"][label]["support"] for label in LABELS] == np.bincount(truth).tolist()


def test_intervals_are_those_of_resampled_rows(rows: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = rows
    rng = np.random.default_rng(5)
    values = []
    for _ in range(2000):
        drawn = rng.integers(0, 400, 400)
        values.append(f1_score(truth[drawn], predicted[drawn], average="macro", labels=[0, 1, 2], zero_division=0))
    low, high = np.quantile(values, [0.025, 0.975])
    interval = score(right(truth), predicted, OPTIONS)["metrics"]["macro_f1"]
    assert (interval["low"], interval["high"]) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_paired_interval_is_narrow_for_models_that_err_on_the_same_rows(rows: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = rows
    nearly = predicted.copy()
    nearly[:4] = (nearly[:4] + 1) % 3
    found = compare(right(truth), nearly, predicted, OPTIONS)["accuracy"]
    alone = score(right(truth), predicted, OPTIONS)["metrics"]["accuracy"]
    assert found["low"] <= found["difference"] <= found["high"]
    assert found["high"] - found["low"] < (alone["high"] - alone["low"]) / 2


def test_swapping_the_two_models_turns_the_sign(rows: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = rows
    there, back = compare(right(truth), truth, predicted, OPTIONS), compare(right(truth), predicted, truth, OPTIONS)
    for metric in ("accuracy", "macro_f1"):
        assert there[metric]["difference"] == pytest.approx(-back[metric]["difference"])
        assert there[metric]["low"] > 0 > back[metric]["high"]


def test_a_label_that_the_data_does_not_know_is_wrong() -> None:
    truth = np.array([0, 1, 2, 0])
    found = score(right(truth), np.array([0, -1, 2, 0]), OPTIONS)
    assert found["metrics"]["accuracy"]["value"] == 0.75
    assert found["per_label"]["b"]["recall"] == 0
    assert [found["per_label"][label]["support"] for label in LABELS] == [2, 1, 1]


def test_one_label_only_and_one_row_yield_numbers() -> None:
    for truth in (np.zeros(50, dtype=int), np.array([1])):
        found = score(right(truth), truth, OPTIONS)
        assert found["metrics"]["accuracy"]["value"] == 1
        assert all(np.isfinite(value) for metric in found["metrics"].values() for value in metric.values())
