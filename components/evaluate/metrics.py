"""Metrics of one model's answers, whole and by slice, and of two models' on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.base.counts import ratio
from components.base.metric_names import CALIBRATION, COMPARED, TASK_METRICS
from components.base.settings import MAIN, EvaluationSettings
from components.base.settings.data import Task
from components.base.statistics.resampling import clustered, resample
from components.base.targets import Targets
from components.base.truncation import Integers
from components.evaluate import counted, probable
from components.evaluate.answers import Answers
from components.evaluate.estimates import estimate, proportion, undefined
from components.evaluate.slices import Slice

Mask = NDArray[np.bool_]
UNCOUNTED = (*CALIBRATION, *probable.RANKED)


class Rows(NamedTuple):
    """Test rows with what is right; `clusters` int64 [rows], None where each is drawn by itself."""

    targets: Targets
    clusters: Integers | None
    task: Task

    @property
    def main(self) -> str:
        return MAIN[self.task]

    def counted(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name in TASK_METRICS[self.task] and name not in UNCOUNTED]

    def select(self, mask: Mask, answers: Sequence[Answers], labels: Sequence[str] | None = None) -> Part:
        """Some of the rows, by all labels or some."""
        selected = self.targets.select(mask, self.targets.labels if labels is None else labels)
        clusters = None if self.clusters is None else self.clusters[selected.rows]
        return Part(Rows(selected.targets, clusters, self.task), [one.of(selected) for one in answers], selected.rows)


class Part(NamedTuple):
    rows: Rows
    answers: list[Answers]
    numbers: Integers


def score(rows: Rows, answers: Answers, options: EvaluationSettings) -> dict[str, Any]:
    """`metrics`, `per_label` and, where each row has one label, `confusion`."""
    names = TASK_METRICS[rows.task]
    found = counted.score(rows.targets, answers.decisions, rows.counted(names), options, rows.clusters)
    probabilities = probable.score(rows.targets, answers.probabilities, names, options, rows.clusters)
    return found | {"metrics": found["metrics"] | probabilities}


def compare(rows: Rows, mine: Answers, other: Answers, options: EvaluationSettings) -> dict[str, dict[str, Any]]:
    """The difference of each metric that models are compared by."""
    decisions = mine.decisions, other.decisions
    found = counted.compare(rows.targets, *decisions, rows.counted(COMPARED), options, rows.clusters)
    probabilities = mine.probabilities, other.probabilities
    return found | probable.compare(rows.targets, *probabilities, options, rows.clusters)


def agreement(rows: Rows, mine: Answers, other: Answers, options: EvaluationSettings) -> dict[str, Any]:
    """The share of decisions that are the same: of rows, all labels of one together, or of words."""
    same, owners = rows.targets.same(mine.decisions, other.decisions), rows.targets.owners
    if rows.clusters is None and not rows.targets.task.per_word:
        return proportion(same.sum(), len(same), options.confidence)
    units = clustered(owners if rows.clusters is None else rows.clusters[owners])
    features = (units.fold @ np.stack([same, np.ones(len(same))], axis=1)).T
    drawn = np.concatenate(resample(units, options.bootstrap_samples, options.seed, lambda times: features @ times), 1)
    without, times = units.without(features)
    samples = ratio(*drawn), ratio(*without), times
    return estimate("agreement", float(same.mean()), samples, units.number, options.confidence)


def score_slices(
    rows: Rows, answers: Answers, slices: Sequence[Slice], options: EvaluationSettings
) -> list[dict[str, Any]]:
    """Each slice's rows and estimates: accuracy, of slices that are no label macro F1, and the main metric."""
    found = []
    for part in slices:
        names = _names(rows, part)
        if part.rows.any():
            chosen = rows.select(part.rows, [answers])
            inputs = chosen.rows.targets, chosen.answers[0].decisions, names, options, chosen.rows.clusters
            metrics = counted.score_metrics(*inputs)
        else:
            metrics = dict.fromkeys(names, undefined("no test row is in the slice"))
        found.append({**part._asdict(), "rows": int(part.rows.sum()), "metrics": metrics})
    return found


def compare_slices(
    rows: Rows, mine: Answers, other: Answers, slices: Sequence[Slice], numbers: Integers, options: EvaluationSettings
) -> dict[str, dict[str, Any]]:
    """By slice the differences of what score_slices has; `rows` are those of these numbers in the slices' masks."""
    found: dict[str, dict[str, Any]] = {}
    for part in slices:
        mask, names = part.rows[numbers], _names(rows, part)
        if mask.any():
            chosen = rows.select(mask, [mine, other])
            ours, theirs = (one.decisions for one in chosen.answers)
            inputs = chosen.rows.targets, ours, theirs, names, options, chosen.rows.clusters
            found[part.name] = counted.compare(*inputs)
        else:
            nothing = undefined("no row that is compared is in the slice") | {"bounds": None, "rows": 0}
            found[part.name] = dict.fromkeys(names, nothing)
    return found


def _names(rows: Rows, part: Slice) -> list[str]:
    return list(dict.fromkeys(["accuracy", rows.main, *(["macro_f1"] if part.by != "label" else [])]))
