"""Counted metrics against scikit-learn, their intervals against resampled rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sklearn
from scipy.stats import bootstrap

from components.base.settings import EvaluationSettings
from components.base.targets.labels import LabelTargets
from components.evaluate import counted

OPTIONS = EvaluationSettings(bootstrap_samples=4000)
LABELS = ["a", "b", "c"]
NAMES = ["accuracy", "balanced_accuracy", "matthews", "macro_f1", "macro_precision", "macro_recall", "micro_f1"]
NAMES += ["weighted_f1", "weighted_precision", "weighted_recall"]


def right(truth: np.ndarray, labels: list[str] = LABELS) -> LabelTargets:
    return LabelTargets([""] * len(truth), truth, labels)


def score(truth: np.ndarray, predicted: np.ndarray, **more: Any) -> dict[str, Any]:
    return counted.score(right(truth), predicted, NAMES, OPTIONS, **more)


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.choice(3, 400, p=[0.6, 0.3, 0.1])
    return truth, np.where(rng.random(400) < 0.25, rng.integers(0, 3, 400), truth)


def test_values_are_those_of_scikit_learn(rows: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = rows
    found = score(truth, predicted)
    expected = {
        "accuracy": sklearn.accuracy_score(truth, predicted),
        "balanced_accuracy": sklearn.balanced_accuracy_score(truth, predicted),
        "matthews": sklearn.matthews_corrcoef(truth, predicted),
    }
    for average in ("macro", "micro", "weighted"):
        figures = sklearn.precision_recall_fscore_support(truth, predicted, average=average)[:3]
        expected |= {f"{average}_{part}": value for part, value in zip(("precision", "recall", "f1"), figures)}  # noqa: B905
    assert {name: entry["value"] for name, entry in found["metrics"].items()} == pytest.approx(
        {name: expected[name] for name in NAMES}
    )
    assert found["confusion"] == sklearn.confusion_matrix(truth, predicted).tolist()
    per_label = sklearn.precision_recall_fscore_support(truth, predicted)
    for place, label in enumerate(LABELS):
        row = found["per_label"][label]
        assert [row[part]["value"] for part in ("precision", "recall", "f1")] == pytest.approx(
            [figures[place] for figures in per_label[:3]]
        )
        assert row["support"] == per_label[3][place]


def test_intervals_are_those_of_scipys_bca(rows: tuple[np.ndarray, np.ndarray]) -> None:
    def macro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
        return float(sklearn.f1_score(truth, predicted, average="macro"))

    expected = bootstrap(
        rows, macro_f1, paired=True, vectorized=False, n_resamples=500, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    interval = score(*rows)["metrics"]["macro_f1"]
    assert (interval["low"], interval["high"]) == (
        pytest.approx(expected.low, abs=0.01),
        pytest.approx(expected.high, abs=0.01),
    )


def test_paired_interval_is_narrow_for_models_that_err_on_the_same_rows(rows: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = rows
    nearly = predicted.copy()
    nearly[:4] = (nearly[:4] + 1) % 3
    found = counted.compare(right(truth), nearly, predicted, ["accuracy", "macro_f1"], OPTIONS)
    alone = score(truth, predicted)["metrics"]
    for name, difference in found.items():
        assert difference["low"] <= difference["value"] <= difference["high"]
        assert difference["high"] - difference["low"] < (alone[name]["high"] - alone[name]["low"]) / 2


def test_swapping_the_two_models_turns_the_sign(rows: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = rows
    names = ["accuracy", "macro_f1", "matthews"]
    there = counted.compare(right(truth), truth, predicted, names, OPTIONS)
    back = counted.compare(right(truth), predicted, truth, names, OPTIONS)
    for name in names:
        assert there[name]["value"] == pytest.approx(-back[name]["value"])
        assert there[name]["low"] > 0 > back[name]["high"]
    assert (there["accuracy"]["gained"], there["accuracy"]["lost"]) == (back["accuracy"]["lost"], 0)
    assert there["accuracy"]["p"] == back["accuracy"]["p"] < 1e-9


def test_recalls_are_compared_on_the_rows_that_have_the_label(rows: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = rows
    found = counted.compare_recalls(right(truth), truth, predicted, OPTIONS)
    for place, label in enumerate(LABELS):
        mine = truth == place
        assert found[label]["recall"]["rows"] == mine.sum()
        assert found[label]["recall"]["value"] == pytest.approx((predicted[mine] != place).mean())
        clustered = counted.compare_recalls(right(truth), truth, predicted, OPTIONS, np.arange(len(truth)))
        assert clustered[label]["recall"]["value"] == pytest.approx(found[label]["recall"]["value"])
        assert clustered[label]["recall"]["low"] == pytest.approx(found[label]["recall"]["low"], abs=0.05)


def test_rows_that_are_drawn_together_widen_the_interval(rows: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = (np.repeat(part[:100], 8) for part in rows)
    alone, together = score(truth, predicted), score(truth, predicted, clusters=np.repeat(np.arange(100), 8))
    few = score(rows[0][:100], rows[1][:100])
    for name in ("accuracy", "macro_f1"):
        widths = [found["metrics"][name]["high"] - found["metrics"][name]["low"] for found in (alone, together, few)]
        assert widths[1] > 2 * widths[0]
        assert widths[1] == pytest.approx(widths[2], rel=0.15)
    recall, of_few = together["per_label"]["a"]["recall"], few["per_label"]["a"]["recall"]
    assert recall["high"] - recall["low"] == pytest.approx(of_few["high"] - of_few["low"], rel=0.3)


def test_a_label_that_the_data_does_not_know_is_wrong() -> None:
    found = score(np.array([0, 1, 2, 0]), np.array([0, -1, 2, 0]))
    assert found["metrics"]["accuracy"]["value"] == 0.75
    assert found["per_label"]["b"]["recall"]["value"] == 0
    assert [found["per_label"][label]["support"] for label in LABELS] == [2, 1, 1]
    known = np.array([0, 3, 2, 0])
    assert found["metrics"]["matthews"]["value"] == pytest.approx(
        sklearn.matthews_corrcoef(np.array([0, 1, 2, 0]), known)
    )


def test_what_is_not_defined_says_why_and_is_no_number() -> None:
    truth = np.zeros(50, int)
    found = score(truth, truth)
    assert found["metrics"]["accuracy"]["value"] == 1 and found["metrics"]["macro_f1"]["value"] == 1
    assert found["metrics"]["matthews"] == {
        "value": None, "low": None, "high": None, "support": 0, "unreliable": True,
        "why": "all rows, or all answers, are of one class",
    }  # fmt: skip
    never = found["per_label"]["b"]
    assert [never[part]["value"] for part in ("precision", "recall", "f1")] == [None] * 3
    assert "no test row has it" in never["recall"]["why"]
    guessed = score(truth, np.where(np.arange(50) < 5, 1, 0))["per_label"]["b"]
    assert (guessed["precision"]["value"], guessed["recall"]["value"], guessed["f1"]["value"]) == (0, None, 0)


def test_intervals_of_tiny_supports_are_wide_and_marked() -> None:
    one = score(np.array([1]), np.array([1]))
    for name in ("accuracy", "macro_f1", "weighted_f1"):
        entry = one["metrics"][name]
        assert entry["value"] == 1 and entry["low"] < 0.25 and entry["unreliable"] and entry["why"]
    few = score(np.repeat([0, 1], [100, 5]), np.repeat([0, 1], [100, 5]))
    assert few["metrics"]["macro_f1"]["why"] == "fewer than 20 test rows have 1 of the classes"
    assert few["metrics"]["macro_f1"]["low"] < 0.6
    assert not few["metrics"]["accuracy"]["unreliable"]
    assert few["per_label"]["b"]["recall"]["unreliable"] and not few["per_label"]["a"]["recall"]["unreliable"]


def test_a_tie_has_a_difference_of_nothing_within_bounds(rows: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = rows
    for name, entry in counted.compare(right(truth), predicted, predicted, NAMES, OPTIONS).items():
        assert entry["value"] == 0
        assert entry["low"] < 0 < entry["high"], name
        assert entry["high"] < 0.02
    nothing = counted.compare(right(truth[:0]), truth[:0], truth[:0], ["accuracy"], OPTIONS)["accuracy"]
    assert (nothing["value"], nothing["bounds"], nothing["rows"]) == (None, None, 0)


def test_a_loss_in_few_groups_of_rows_is_not_beyond_chance() -> None:
    """Five of 51 rows are lost, each in a group of its own; then all in one."""
    truth = np.zeros(51, int)
    worse = np.where(np.arange(51) < 5, 1, 0)
    apart, together = np.arange(51) // 1, np.where(np.arange(51) < 5, 0, np.arange(51))
    for clusters, p in ((apart, 0.0625), (together, 1.0)):
        for found in (
            counted.compare(right(truth), worse, truth, ["accuracy"], OPTIONS, clusters)["accuracy"],
            counted.compare_recalls(right(truth), worse, truth, OPTIONS, clusters)["a"]["recall"],
        ):
            assert (found["gained"], found["lost"], found["p"]) == (0, 5, pytest.approx(p))
            alone = counted.compare(right(truth), worse, truth, ["accuracy"], OPTIONS)["accuracy"]
            assert found["low"] <= alone["low"] and found["high"] >= alone["high"]
    lost = counted.compare(right(truth), truth + 1, truth, ["accuracy", "macro_f1"], OPTIONS, apart)
    assert all(-1 <= one["low"] <= one["value"] == -1 for one in lost.values())
