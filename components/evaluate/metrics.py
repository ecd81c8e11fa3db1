"""Metrics of predictions against what is right, each with an interval.

Intervals are percentile bootstraps over rows, except that of accuracy where each row is one decision (Wilson).
Resampling rows is drawing the numbers of their distinct outcomes from a multinomial: one draw a sample, however many
rows there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

from components.base.counts import Counts, Floats, Sums, ratio
from components.base.settings import EvaluationSettings
from components.base.targets import Targets
from serving.tasks.task import Decisions

# Numbers of rows in memory at once, of 8 bytes each.
DRAWN_AT_ONCE = 1 << 23


def score(targets: Targets, predicted: Decisions, options: EvaluationSettings) -> dict[str, Any]:
    """The SCORE part of evaluation.json: metrics with intervals, per label, averages, and where each row has one label
    confusion[true][predicted]."""
    counts = targets.counts(predicted)
    whole = counts.whole()
    (samples,) = _samples(targets, [predicted], [counts], options)
    metrics = {name: _with_interval(name, whole, samples, options.confidence) for name in targets.metrics}
    if (counts.decisions == 1).all():
        metrics["accuracy"] |= _wilson(whole, options.confidence)
    confusion = targets.confusion(predicted)
    return {
        "metrics": metrics,
        **_by_class(targets.classes, whole),
        **({} if confusion is None else {"confusion": confusion}),
    }


def compare(
    targets: Targets, predicted: Decisions, champion: Decisions, options: EvaluationSettings
) -> dict[str, dict[str, float]]:
    """For each metric: predicted minus champion on the same rows, with its paired interval."""
    models = [predicted, champion]
    counts = [targets.counts(decisions) for decisions in models]
    mine, theirs = _samples(targets, models, counts, options)
    result = {}
    for name in targets.metrics:
        low, high = _interval(mine[name] - theirs[name], options.confidence)
        first, second = (float(model.whole().metric(name)[0]) for model in counts)
        result[name] = {"difference": first - second, "low": low, "high": high}
    return result


def _samples(
    targets: Targets, models: Sequence[Decisions], counts: Sequence[Counts], options: EvaluationSettings
) -> list[dict[str, Floats]]:
    """The metrics of each model, on the same samples of rows."""
    keys = np.concatenate([targets.keys(decisions) for decisions in (targets.truth, *models)], axis=1)
    _, rows, times = np.unique(keys, axis=0, return_index=True, return_counts=True)
    found: list[dict[str, list[Floats]]] = [{name: [] for name in targets.metrics} for _ in models]
    rng = np.random.default_rng(options.seed)
    step = max(1, DRAWN_AT_ONCE // len(rows))
    for start in range(0, options.bootstrap_samples, step):
        drawn = rng.multinomial(len(keys), times / len(keys), size=min(step, options.bootstrap_samples - start))
        for mine, model in zip(found, counts, strict=True):
            sums = model.sums(drawn, rows)
            for name, values in mine.items():
                values.append(sums.metric(name))
    return [{name: np.concatenate(values) for name, values in mine.items()} for mine in found]


def _with_interval(name: str, whole: Sums, samples: dict[str, Floats], confidence: float) -> dict[str, float]:
    low, high = _interval(samples[name], confidence)
    return {"value": float(whole.metric(name)[0]), "low": low, "high": high}


def _wilson(whole: Sums, confidence: float) -> dict[str, float]:
    interval = binomtest(int(whole.right[0]), int(whole.decisions[0])).proportion_ci(confidence, method="wilson")
    return {"low": float(interval.low), "high": float(interval.high)}


def _interval(values: Floats, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _by_class(classes: list[str], whole: Sums) -> dict[str, Any]:
    """Precision, recall, F1 and support of each class, and their averages: of all decisions together (micro), of the
    classes (macro), of these by their support (weighted)."""
    true, predicted, hits = whole.true[0], whole.predicted[0], whole.hits[0]
    columns = _rates(true, predicted, hits)
    total = float(true.sum())
    averages = {
        "micro": _rates(total, predicted.sum(), hits.sum()),
        "macro": columns.mean(axis=1),
        "weighted": ratio(columns @ true, np.full(3, total)),
    }
    return {
        "per_label": {name: _row(columns[:, place], true[place]) for place, name in enumerate(classes)},
        "averages": {name: _row(rates, total) for name, rates in averages.items()},
    }


def _rates(true: Any, predicted: Any, hits: Any) -> Floats:
    """Precision, recall and F1, along the first axis."""
    return np.stack([ratio(hits, predicted), ratio(hits, true), ratio(2 * hits, true + predicted)])


def _row(rates: Floats, support: float) -> dict[str, float]:
    precision, recall, f1 = rates.tolist()
    return {"precision": precision, "recall": recall, "f1": f1, "support": int(support)}
