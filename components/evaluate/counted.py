"""Metrics of what is counted, with intervals: resampled by distinct outcomes, so that rows may be many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from components.base.counts import PARTS, Sums
from components.base.settings import EvaluationSettings
from components.base.statistics.resampling import clustered, distinct, resample
from components.base.targets import Targets
from components.base.truncation import Integers
from components.evaluate.estimates import (
    Samples,
    difference,
    estimate,
    few_of_class,
    grouped,
    minus,
    paired,
    proportion,
)
from serving.tasks.task import Decisions

# Among the columns of Counts.table.
RIGHT = 1


class Sampled(NamedTuple):
    """Of one model: its sums over all rows [1], over each sample, and over all rows without one unit of each kind, of
    which there are `times`. `table`, sparse [columns of Counts.table, kinds], has the sums over each kind of unit."""

    whole: Sums
    samples: Sums
    without: Sums
    times: Integers
    table: Any

    def metric(self, name: str) -> tuple[float, Samples]:
        return float(self.whole.metric(name)[0]), (self.samples.metric(name), self.without.metric(name), self.times)

    def of_class(self, place: int, part: str) -> tuple[float, Samples]:
        value, samples, without = (
            _class_of(sums, place).by_class(part)[:, 0] for sums in (self.whole, self.samples, self.without)
        )
        return float(value[0]), (samples, without, self.times)


def score(
    targets: Targets,
    predicted: Decisions,
    names: Sequence[str],
    options: EvaluationSettings,
    clusters: Integers | None = None,
) -> dict[str, Any]:
    """`metrics` of these names and `per_label`, estimates each; `confusion` where each row has one label.

    `clusters` int64 [rows]: rows of an equal number are drawn together.
    """
    (found,) = _sample(targets, [predicted], options, clusters)
    metrics = _metrics(targets, predicted, names, found, options, clusters)
    independent = clusters is None and not targets.task.per_word
    classes = enumerate(targets.classes)
    labels = {label: _of_class(place, found, independent, options.confidence) for place, label in classes}
    confusion = targets.confusion(predicted)
    return {"metrics": metrics, "per_label": labels, **({} if confusion is None else {"confusion": confusion})}


def score_metrics(
    targets: Targets,
    predicted: Decisions,
    names: Sequence[str],
    options: EvaluationSettings,
    clusters: Integers | None = None,
) -> dict[str, dict[str, Any]]:
    """The `metrics` of score alone."""
    found = None
    if names != ["accuracy"] or not _are_alone(targets, clusters):
        (found,) = _sample(targets, [predicted], options, clusters)
    return _metrics(targets, predicted, names, found, options, clusters)


def compare(
    targets: Targets,
    predicted: Decisions,
    other: Decisions,
    names: Sequence[str],
    options: EvaluationSettings,
    clusters: Integers | None = None,
) -> dict[str, dict[str, Any]]:
    """For each metric the difference, predicted minus other, on the same rows; see score."""
    result, alone = {}, _are_alone(targets, clusters)
    if sampled := [name for name in names if not (alone and name == "accuracy")]:
        mine, theirs = _sample(targets, [predicted, other], options, clusters)
    for name in sampled:
        value, samples = minus(mine.metric(name), theirs.metric(name))
        _, why = _rests_on(name, mine.whole, len(targets))
        if name == "accuracy":
            net, of = _net(mine, theirs, RIGHT), int(mine.whole.decisions[0])
            result[name] = grouped(value, samples, net, of, len(targets), options.confidence)
        else:
            result[name] = difference(name, value, samples, len(targets), options.confidence, why)
    if alone and "accuracy" in names:
        right, other_right = (targets.counts(decisions).right for decisions in (predicted, other))
        result["accuracy"] = paired(right, other_right, options.confidence)
    return {name: result[name] for name in names}


def compare_recalls(
    targets: Targets,
    predicted: Decisions,
    other: Decisions,
    options: EvaluationSettings,
    clusters: Integers | None = None,
) -> dict[str, dict[str, Any]]:
    """By class the difference of `recall`, on the rows that have it."""
    result = {}
    if clusters is None and not targets.task.per_word:
        counts, other_counts = (targets.counts(decisions) for decisions in (predicted, other))
        for place, label in enumerate(targets.classes):
            true = counts.having(place)
            hits, other_hits = (one.hitting(place)[true] for one in (counts, other_counts))
            result[label] = {"recall": paired(hits, other_hits, options.confidence)}
        return result
    mine, theirs = _sample(targets, [predicted, other], options, clusters)
    for place, label in enumerate(targets.classes):
        value, samples = minus(mine.of_class(place, "recall"), theirs.of_class(place, "recall"))
        rows = int(mine.whole.true[0, place])
        net = _net(mine, theirs, place - len(targets.classes))
        result[label] = {"recall": grouped(value, samples, net, rows, rows, options.confidence)}
    return result


def _net(mine: Sampled, theirs: Sampled, column: int) -> Integers:
    """int64 [kinds of units]: by how much one model has more of a column; hits of classes are the last ones."""
    difference = mine.table[[column]] - theirs.table[[column]]
    return np.asarray(np.rint(difference.toarray()[0]), np.int64)


def _are_alone(targets: Targets, clusters: Integers | None) -> bool:
    """Whether each row is one decision, and drawn by itself."""
    return clusters is None and not targets.task.per_word


def _metrics(
    targets: Targets,
    predicted: Decisions,
    names: Sequence[str],
    found: Sampled | None,
    options: EvaluationSettings,
    clusters: Integers | None,
) -> dict[str, dict[str, Any]]:
    metrics = {}
    for name in names:
        if name == "accuracy" and _are_alone(targets, clusters):
            right = targets.counts(predicted).right
            metrics[name] = proportion(right.sum(), len(right), options.confidence)
        elif found:
            value, samples = found.metric(name)
            units = len(targets) if clusters is None else len(found.times)
            support, why = _rests_on(name, found.whole, units)
            metrics[name] = estimate(name, value, samples, support, options.confidence, why)
    return metrics


def _sample(
    targets: Targets, models: Sequence[Decisions], options: EvaluationSettings, clusters: Integers | None
) -> list[Sampled]:
    """Of each model, on the same samples of rows."""
    counts = [targets.counts(decisions) for decisions in models]
    if clusters is None:
        keys = np.concatenate([targets.keys(decisions) for decisions in (targets.truth, *models)], axis=1)
        units = distinct(keys)
    else:
        units = clustered(clusters)
    features = scipy.sparse.vstack([units.features(model.table) for model in counts], format="csr")
    blocks = resample(units, options.bootstrap_samples, options.seed, lambda times: features @ times)
    drawn = np.concatenate(blocks, axis=1)
    without, times = units.without(features)
    width = features.shape[0] // len(models)
    result = []
    for number, model in enumerate(counts):
        columns = slice(number * width, (number + 1) * width)
        samples, left = model.sums(drawn[columns].T), model.sums(without[columns].T)
        result.append(Sampled(model.whole(), samples, left, times, features[columns]))
    return result


def _rests_on(name: str, whole: Sums, rows: int) -> tuple[int, str]:
    """What a metric rests on, and what makes it unreliable."""
    true = whole.true[0]
    if not name.startswith(("macro", "balanced")):
        return rows, ""
    return int(true[true > 0].min(initial=rows)), few_of_class(true)


def _of_class(place: int, found: Sampled, independent: bool, confidence: float) -> dict[str, Any]:
    true, predicted, hits = (float(part[0, place]) for part in found.whole[2:])
    result: dict[str, Any] = {"support": int(true)}
    for part, of in zip(PARTS, (predicted, true, true), strict=True):
        if part != "f1" and independent:
            result[part] = proportion(hits, of, confidence, part)
            continue
        value, samples = found.of_class(place, part)
        result[part] = estimate(part, value, samples, int(of or true + predicted), confidence)
    return result


def _class_of(sums: Sums, place: int) -> Sums:
    return sums._replace(**{name: getattr(sums, name)[:, [place]] for name in ("true", "predicted", "hits")})
