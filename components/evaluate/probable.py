"""Metrics of probabilities: calibration, ranking, what is withheld, and what belongs to no label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from components.base.counts import Floats, ratio
from components.base.settings import EvaluationSettings
from components.base.statistics.resampling import Units, clustered, resample, single
from components.base.targets import Targets
from components.base.truncation import Integers
from components.evaluate.estimates import Samples, difference, estimate, few_of_class, minus, proportion, undefined
from components.evaluate.ranking import Ranking
from serving.tasks.task import Probabilities

BINS = 15
# Samples of rows that are all distinct; of their ranks fewer, but so many at least, where rows times classes times
# samples were more than this; groups of rows that are left out in turn.
SAMPLES, RANKED_SAMPLES, RANKED_AT_MOST, RANKED_GROUPS = 2000, 200, 1e8, 200
RANKED = ("roc_auc", "pr_auc")


class Drawn(NamedTuple):
    """Values of each name over all rows, in the samples, and without one unit of each kind."""

    whole: dict[str, float]
    samples: dict[str, Floats]
    without: dict[str, Floats]
    times: Integers

    def metric(self, name: str) -> tuple[float, Samples]:
        return self.whole[name], (self.samples[name], self.without[name], self.times)


def score(
    targets: Targets,
    probabilities: Probabilities,
    names: Sequence[str],
    options: EvaluationSettings,
    clusters: Integers | None = None,
) -> dict[str, dict[str, Any]]:
    """Estimates of expected_calibration_error, brier, log_loss, roc_auc and pr_auc, as far as they are named, and of
    top_k_accuracy. `probabilities` are by the labels of the data."""
    units = _units(targets, clusters)
    found = [_additive(targets, probabilities, units, options)]
    ranked = targets.ranked(probabilities)
    if ranked and set(names) & set(RANKED):
        found.append(_ranked([Ranking(*ranked)], units, clusters, options)[0])
    result = {}
    for drawn in found:
        for name in [*(known for known in names if known in drawn.whole), *_tops(drawn.whole)]:
            value, samples = drawn.metric(name)
            why = few_of_class(ranked[1].sum(axis=0)) if ranked and name in RANKED else ""
            result[name] = estimate(name, value, samples, units.number, options.confidence, why)
    if clusters is None and (ranks := targets.ranks(probabilities)) is not None:
        for name in _tops(result):
            hits = (ranks < int(name.split("_")[1])).sum()
            result[name] = proportion(hits, len(ranks), options.confidence)
    return result


def compare(
    targets: Targets,
    probabilities: Probabilities,
    other: Probabilities,
    options: EvaluationSettings,
    clusters: Integers | None = None,
) -> dict[str, dict[str, Any]]:
    """roc_auc and pr_auc, the first minus the other; none where rows are not ranked."""
    ranked = [targets.ranked(shares) for shares in (probabilities, other)]
    rankings = [Ranking(*one) for one in ranked if one]
    if len(rankings) < 2:
        return {}
    mine, theirs = _ranked(rankings, _units(targets, clusters), clusters, options)
    result = {}
    for name in RANKED:
        value, samples = minus(mine.metric(name), theirs.metric(name))
        result[name] = difference(name, value, samples, len(targets), options.confidence)
    return result


def reliability(targets: Targets, probabilities: Probabilities) -> list[dict[str, float]]:
    """Of each of BINS equal ranges of confidence that has claims: mean confidence, and the share that is so."""
    claims = targets.claims(probabilities)
    place = _bins(claims.confidence)
    rows = []
    for number in range(BINS):
        inside = place == number
        if inside.any():
            low, high = number / BINS, (number + 1) / BINS
            shares = claims.confidence[inside].mean(), claims.happened[inside].mean()
            keys = ("low", "high", "count", "confidence", "accuracy")
            rows.append(dict(zip(keys, (low, high, int(inside.sum()), *map(float, shares)), strict=True)))
    return rows


def abstention(targets: Targets, probabilities: Probabilities, below: float, confidence: float) -> dict[str, Any]:
    """What answers are worth where those of a probability below the threshold are withheld."""
    claims = targets.claims(probabilities)
    given = claims.confidence >= below
    return {
        "below": below,
        "precision": proportion(claims.happened[given].sum(), given.sum(), confidence)
        if given.any()
        else undefined("every answer is withheld"),
        "coverage": proportion(given.sum(), len(given), confidence),
    }


def out_of_scope(
    targets: Targets, probabilities: Probabilities, label: str, per_label: dict[str, Any], options: EvaluationSettings
) -> dict[str, Any] | None:
    """How well texts of none of the other labels are told: by the label's own probability (auc), and its answers."""
    ranked = targets.ranked(probabilities)
    if not ranked:
        return None
    place = targets.labels.index(label)
    ranking = Ranking(ranked[0][:, [place]], ranked[1][:, [place]])
    drawn = _ranked([ranking], single(len(targets)), None, options)[0]
    value, samples = drawn.metric("roc_auc")
    found = per_label[label]
    return {
        "label": label,
        "rows": found["support"],
        "auc": estimate("roc_auc", value, samples, found["support"], options.confidence),
        "recall": found["recall"],
        "precision": found["precision"],
    }


def _units(targets: Targets, clusters: Integers | None) -> Units:
    return single(len(targets)) if clusters is None else clustered(clusters)


def _tops(names: Any) -> list[str]:
    return [name for name in names if name.startswith("top_")]


def _additive(targets: Targets, probabilities: Probabilities, units: Units, options: EvaluationSettings) -> Drawn:
    """Metrics of sums over rows."""
    claims, rows = targets.claims(probabilities), len(targets)

    def by_row(values: Any) -> Floats:
        return np.bincount(claims.rows, values, rows).astype(np.float64)

    place = _bins(claims.confidence)
    gaps = (claims.confidence - claims.happened).astype(np.float64)
    columns = [by_row(np.where(place == number, gaps, 0)) for number in range(BINS)]
    columns += [by_row(np.ones(len(place))), by_row(claims.squared), by_row(claims.surprise)]
    ranks, tops = targets.ranks(probabilities), [k for k in options.top_k if k < len(targets.labels)]
    tops = tops if ranks is not None else []
    columns += [(ranks < k).astype(np.float64) for k in tops if ranks is not None]
    features = units.fold.astype(np.float64) @ np.stack(columns, axis=1)

    def metrics(totals: Any) -> dict[str, Floats]:
        of = totals[BINS]
        found = {
            "expected_calibration_error": ratio(np.abs(totals[:BINS]).sum(axis=0), of),
            "brier": ratio(totals[BINS + 1], of),
            "log_loss": ratio(totals[BINS + 2], of),
        }
        return found | {f"top_{k}_accuracy": ratio(totals[BINS + 3 + n], of) for n, k in enumerate(tops)}

    samples = min(options.bootstrap_samples, SAMPLES)
    drawn = np.concatenate(resample(units, samples, options.seed, lambda times: features.T @ times), axis=1)
    without, times = units.without(features.T)
    whole = {name: float(value[0]) for name, value in metrics(features.sum(axis=0)[:, None]).items()}
    return Drawn(whole, metrics(drawn), metrics(without), times)


def _ranked(
    rankings: Sequence[Ranking], units: Units, clusters: Integers | None, options: EvaluationSettings
) -> list[Drawn]:
    """Of each model, on the same samples; fewer of these where rows and classes are many."""
    size = rankings[0].size * len(rankings)
    samples = min(options.bootstrap_samples, SAMPLES, max(RANKED_SAMPLES, int(RANKED_AT_MOST / max(1, size))))
    place = np.arange(units.number) if clusters is None else np.unique(clusters, return_inverse=True)[1]

    def values(times: Any) -> list[tuple[Floats, Floats]]:
        return [ranking.values(times[place]) for ranking in rankings]

    blocks = resample(units, samples, options.seed, values)
    groups = min(units.number, RANKED_GROUPS)
    group = np.random.default_rng(0).permutation(units.number) % groups
    without = values((group[:, None] != np.arange(groups)).astype(np.float32))
    whole = values(np.ones((units.number, 1), np.float32))
    return [
        Drawn(
            {name: float(whole[model][number][0]) for number, name in enumerate(RANKED)},
            {name: np.concatenate([block[model][number] for block in blocks]) for number, name in enumerate(RANKED)},
            {name: without[model][number] for number, name in enumerate(RANKED)},
            np.ones(groups, np.int64),
        )
        for model in range(len(rankings))
    ]


def _bins(confidence: Floats) -> Integers:
    return np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
