"""Metrics of several labels and of tags, held against scikit-learn and seqeval, and their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from seqeval import metrics as seqeval
from seqeval.scheme import IOB2
from sklearn import metrics as sklearn

from components.base.settings import EvaluationSettings
from components.base.targets.sets import SetTargets
from components.base.targets.tags import TagTargets
from components.evaluate import counted

OPTIONS = EvaluationSettings(bootstrap_samples=2000)
LABELS = ["a", "b", "c", "d"]
TAGS = ["O", "B-place", "I-place", "B-person", "I-person"]
FIGURES = ("precision", "recall", "f1")
AVERAGES = {
    f"{average}_{figure}": (average, figure) for average in ("micro", "macro", "weighted") for figure in FIGURES
}
NAMES = ["accuracy", *AVERAGES]


def score(targets: Any, predicted: np.ndarray) -> dict[str, Any]:
    return counted.score(targets, predicted, [*NAMES, "hamming_loss"], OPTIONS)


def compare(targets: Any, predicted: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    return counted.compare(targets, predicted, other, NAMES, OPTIONS)


def values(found: dict[str, Any]) -> dict[str, float]:
    return {name: entry["value"] for name, entry in found["metrics"].items()}


def of_label(found: dict[str, Any], label: str) -> list[float]:
    return [found["per_label"][label][figure]["value"] for figure in FIGURES]


def sets(seed: int, wrong: float) -> tuple[SetTargets, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random((400, 4)) < [0.6, 0.3, 0.1, 0.02]
    return SetTargets([""] * 400, truth, LABELS), truth ^ (rng.random(truth.shape) < wrong)


def sentences(seed: int, wrong: float, rows: int = 300) -> tuple[TagTargets, np.ndarray]:
    """Tags with runs of entities, some of the predicted ones with I- that follow nothing of theirs."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 15, rows)
    tags: list[int] = []
    for size in sizes:
        row: list[int] = []
        while len(row) < size:
            begin = rng.choice([0, 0, 1, 1, 3])
            row += [begin, *[begin + 1] * (rng.integers(0, 3) if begin else 0)]
        tags += row[:size]
    truth = np.array(tags)
    predicted = np.where(rng.random(len(truth)) < wrong, rng.integers(0, 5, len(truth)), truth)
    texts = [[f"w{place}" for place in range(size)] for size in sizes]
    return TagTargets(texts, truth, TAGS), predicted


def named(targets: TagTargets, tags: np.ndarray, rows: Any = None) -> list[list[str]]:
    split = np.split(np.array(targets.labels)[tags], targets.ends[:-1])
    return [split[row].tolist() for row in (range(len(split)) if rows is None else rows)]


def test_several_labels_are_scored_as_scikit_learn_does() -> None:
    targets, predicted = sets(0, 0.1)
    found, truth = score(targets, predicted), targets.truth
    expected = {"accuracy": sklearn.accuracy_score(truth, predicted)}
    for name, (average, figure) in AVERAGES.items():
        figures = sklearn.precision_recall_fscore_support(truth, predicted, average=average)
        expected[name] = figures[FIGURES.index(figure)]
    expected["hamming_loss"] = sklearn.hamming_loss(truth, predicted)
    assert values(found) == pytest.approx(expected)
    per_label = sklearn.precision_recall_fscore_support(truth, predicted)
    for place, label in enumerate(LABELS):
        assert of_label(found, label) == pytest.approx([figures[place] for figures in per_label[:3]])
        assert found["per_label"][label]["support"] == per_label[3][place]
    assert "confusion" not in found


def test_tags_are_scored_as_seqeval_does() -> None:
    targets, predicted = sentences(0, 0.15)
    found = score(targets, predicted)
    truth, given = named(targets, targets.truth), named(targets, predicted)
    strict: dict[str, Any] = {"mode": "strict", "scheme": IOB2}
    expected = {"accuracy": seqeval.accuracy_score(truth, given)}
    for average in ("macro", "micro"):
        expected[f"{average}_f1"] = seqeval.f1_score(truth, given, average=average, **strict)
    assert {name: values(found)[name] for name in expected} == pytest.approx(expected)
    assert expected["micro_f1"] != pytest.approx(seqeval.f1_score(truth, given), abs=1e-4)
    report = seqeval.classification_report(truth, given, output_dict=True, **strict)
    for kind in ("place", "person"):
        assert of_label(found, kind) == pytest.approx(
            [report[kind][name] for name in ("precision", "recall", "f1-score")]
        )
        assert found["per_label"][kind]["support"] == report[kind]["support"]
    assert values(found)["weighted_f1"] == pytest.approx(report["weighted avg"]["f1-score"])


def test_intervals_of_several_labels_are_those_of_resampled_rows() -> None:
    targets, predicted = sets(1, 0.1)
    found = score(targets, predicted)["metrics"]
    rng = np.random.default_rng(5)
    drawn = [rng.integers(0, 400, 400) for _ in range(1000)]
    for average in ("macro", "micro"):
        values = [
            sklearn.f1_score(targets.truth[rows], predicted[rows], average=average, zero_division=0) for rows in drawn
        ]
        low, high = np.quantile(values, [0.025, 0.975])
        interval = found[f"{average}_f1"]
        assert (interval["low"], interval["high"]) == (pytest.approx(low, abs=0.015), pytest.approx(high, abs=0.015))


def test_intervals_of_tags_are_those_of_resampled_sentences() -> None:
    targets, predicted = sentences(1, 0.15, 120)
    found = score(targets, predicted)["metrics"]
    rng = np.random.default_rng(5)
    f1, accuracy = [], []
    for _ in range(200):
        rows = rng.integers(0, 120, 120)
        truth, given = named(targets, targets.truth, rows), named(targets, predicted, rows)
        f1.append(seqeval.f1_score(truth, given, mode="strict", scheme=IOB2))
        accuracy.append(seqeval.accuracy_score(truth, given))
    for name, values in (("micro_f1", f1), ("accuracy", accuracy)):
        low, high = np.quantile(values, [0.025, 0.975])
        assert (found[name]["low"], found[name]["high"]) == (
            pytest.approx(low, abs=0.015),
            pytest.approx(high, abs=0.015),
        )


@pytest.mark.parametrize("made", [sets, sentences])
def test_models_are_compared_on_the_same_rows(made: Any) -> None:
    targets, worse = made(2, 0.2)
    _, better = made(2, 0.05)
    there, back = compare(targets, better, worse), compare(targets, worse, better)
    for name in ("accuracy", "macro_f1", "micro_f1"):
        assert there[name]["value"] == pytest.approx(-back[name]["value"])
        assert there[name]["low"] > 0 > back[name]["high"]
    nearly = better.copy()
    nearly[:30] = targets.truth[:30]
    paired, alone = compare(targets, nearly, better)["micro_f1"], score(targets, better)["metrics"]
    assert paired["high"] - paired["low"] < (alone["micro_f1"]["high"] - alone["micro_f1"]["low"]) / 2


def test_tags_that_are_not_iob2_are_scored_by_tag() -> None:
    rng = np.random.default_rng(4)
    labels = ["noun", "verb", "O"]
    truth = rng.integers(0, 3, 300)
    predicted = np.where(rng.random(300) < 0.3, rng.integers(0, 3, 300), truth)
    targets = TagTargets([["w"] * 3] * 100, truth, labels)
    found = score(targets, predicted)
    expected = sklearn.f1_score(truth, predicted, labels=[0, 1], average=None)
    assert [found["per_label"][label]["f1"]["value"] for label in ("noun", "verb")] == pytest.approx(expected)
    assert list(found["per_label"]) == ["noun", "verb"]
    micro = sklearn.f1_score(truth, predicted, labels=[0, 1], average="micro")
    assert values(found)["micro_f1"] == pytest.approx(micro)


def test_what_the_data_does_not_know_is_wrong() -> None:
    targets = SetTargets(["", ""], np.array([[True, False], [False, False]]), ["a", "b"])
    champion = targets.translated(np.array([[True, False, False], [False, False, True]]), ["a", "b", "new"])
    found = score(targets, champion)
    assert found["metrics"]["accuracy"]["value"] == 0.5
    assert found["per_label"]["a"]["f1"]["value"] == 1
    assert targets.stored(champion).to_pylist() == [["a"], [None]]
    tags = TagTargets([["x", "y", "z"]], np.array([1, 2, 0]), TAGS)
    other = tags.translated(np.array([1, 0, 2]), ["O", "B-place", "B-new"])
    assert other.tolist() == [1, 0, -1]
    scored = score(tags, other)
    assert scored["metrics"]["accuracy"]["value"] == pytest.approx(1 / 3)
    assert values(scored)["micro_precision"] == 0
    assert tags.stored(other).to_pylist() == [["B-place", "O", None]]


def test_rows_without_any_label_or_entity_leave_f1_undefined() -> None:
    nothing = SetTargets([""], np.zeros((1, 2), bool), ["a", "b"])
    outside = TagTargets([["w"], []], np.array([0]), TAGS)
    for targets in (nothing, outside):
        found = score(targets, targets.truth)
        assert values(found)["accuracy"] == 1
        for name in AVERAGES:
            assert values(found)[name] is None and found["metrics"][name]["why"]
