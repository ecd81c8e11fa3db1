"""Metrics of predictions against labels, each with an interval.

Predictions are label numbers; -1 is a label that the data does not know, and always wrong. Intervals of macro F1 and of
paired differences are percentile bootstraps: resampling rows is drawing the counts of their distinct outcomes from a
multinomial, which needs one draw a sample whatever the number of rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_fscore_support

from components.base.settings import EvaluationSettings

METRICS = ("accuracy", "macro_f1")


def score(truth: np.ndarray, predicted: np.ndarray, labels: list[str], options: EvaluationSettings) -> dict[str, Any]:
    """The SCORE part of evaluation.json: metrics with intervals, per label, averages, confusion[true][predicted]."""
    numbers = list(range(len(labels)))
    per_label = precision_recall_fscore_support(truth, predicted, labels=numbers, zero_division=0)
    confusion = np.zeros((len(labels), len(labels)), dtype=int)
    known = predicted >= 0
    np.add.at(confusion, (truth[known], predicted[known]), 1)
    return {
        "metrics": {
            "accuracy": _accuracy(truth, predicted, options.confidence),
            "macro_f1": _macro_f1(truth, predicted, len(labels), options),
        },
        "per_label": {label: _row([part[number] for part in per_label]) for number, label in enumerate(labels)},
        "averages": {
            average: _row(
                precision_recall_fscore_support(truth, predicted, labels=numbers, average=average, zero_division=0),
                len(truth),
            )
            for average in ("micro", "macro", "weighted")
        },
        "confusion": confusion.tolist(),
    }


def compare(
    truth: np.ndarray, predicted: np.ndarray, champion: np.ndarray, labels: int, options: EvaluationSettings
) -> dict[str, dict[str, float]]:
    """For each metric: predicted minus champion on the same rows, with its paired interval."""
    outcomes, counts = np.unique(np.stack([truth, predicted, champion]), axis=1, return_counts=True)
    samples = np.concatenate([counts[None], _resample(counts, options)])
    result = {}
    for metric in METRICS:
        first = _metric(metric, outcomes[0], outcomes[1], samples, labels)
        difference = first - _metric(metric, outcomes[0], outcomes[2], samples, labels)
        low, high = _interval(difference[1:], options.confidence)
        result[metric] = {"difference": float(difference[0]), "low": low, "high": high}
    return result


def _accuracy(truth: np.ndarray, predicted: np.ndarray, confidence: float) -> dict[str, float]:
    right = int((truth == predicted).sum())
    interval = binomtest(right, len(truth)).proportion_ci(confidence, method="wilson")
    return {"value": right / len(truth), "low": float(interval.low), "high": float(interval.high)}


def _macro_f1(truth: np.ndarray, predicted: np.ndarray, labels: int, options: EvaluationSettings) -> dict[str, float]:
    outcomes, counts = np.unique(np.stack([truth, predicted]), axis=1, return_counts=True)
    samples = np.concatenate([counts[None], _resample(counts, options)])
    values = _metric("macro_f1", outcomes[0], outcomes[1], samples, labels)
    low, high = _interval(values[1:], options.confidence)
    return {"value": float(values[0]), "low": low, "high": high}


def _resample(counts: np.ndarray, options: EvaluationSettings) -> np.ndarray:
    """int [samples, outcomes]"""
    rng = np.random.default_rng(options.seed)
    return rng.multinomial(counts.sum(), counts / counts.sum(), size=options.bootstrap_samples)


def _metric(metric: str, truth: np.ndarray, predicted: np.ndarray, samples: np.ndarray, labels: int) -> np.ndarray:
    """The metric of each sample; a label with neither rows nor predictions counts 0, as scikit-learn has it."""
    if metric == "accuracy":
        return np.asarray(samples @ (truth == predicted) / samples.sum(axis=1))
    total = np.zeros(len(samples))
    for label in range(labels):
        is_true, is_predicted = truth == label, predicted == label
        hits = samples @ (is_true & is_predicted)
        marked = samples @ is_true.astype(int) + samples @ is_predicted.astype(int)
        total += np.divide(2 * hits, marked, out=np.zeros(len(samples)), where=marked > 0)
    return total / labels


def _interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _row(parts: Any, support: int | None = None) -> dict[str, float]:
    precision, recall, f1, count = parts
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "support": int(count if support is None else support),
    }
