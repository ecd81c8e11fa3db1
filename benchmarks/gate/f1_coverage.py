"""Coverage of the 95 % interval of macro F1: rows of imbalanced classes drawn at random, at least 20 of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.gate.trials import CONFIDENCE, ERROR, TRIALS
from benchmarks.harness import Figure
from components.base.settings import EvaluationSettings
from components.base.targets.labels import LabelTargets
from components.evaluate.counted import score_metrics

OPTIONS = EvaluationSettings(bootstrap_samples=2000, confidence=CONFIDENCE)
# Of the rarest class: rows that there must be, for which a draw is repeated, and those that are expected.
LEAST_ROWS, EXPECTED_ROWS = 20, 30
# Classes, and how many times the rows of the rarest the commonest has.
KINDS = ((3, 20), (10, 20), (30, 12), (77, 8))
ACCURACIES = (0.75, 0.9)


def figures(data: Path | None) -> list[Figure]:
    return [_coverage(*kind, accuracy) for kind in KINDS for accuracy in ACCURACIES]


def _coverage(classes: int, imbalance: int, accuracy: float) -> Figure:
    rng = np.random.default_rng([classes, round(100 * accuracy)])
    sizes = np.round(np.geomspace(EXPECTED_ROWS, EXPECTED_ROWS * imbalance, classes)).astype(int)
    answers = _confusion(classes, accuracy, rng)
    expected, cumulated, covered = _macro_f1(answers * sizes[:, None]), answers.cumsum(axis=1), 0
    for trial in range(TRIALS):
        truth = _draw(sizes, rng)
        targets = LabelTargets([""] * len(truth), truth, [str(number) for number in range(classes)])
        predicted = (rng.random(len(truth))[:, None] > cumulated[truth]).sum(axis=1).clip(max=classes - 1)
        options = OPTIONS.model_copy(update={"seed": trial})
        found = score_metrics(targets, predicted, ["macro_f1"], options)["macro_f1"]
        covered += found["low"] <= expected <= found["high"]
    share = covered / TRIALS
    what = f"macro F1 of {classes} classes, {sizes[0]} to {sizes[-1]} rows expected, right in {100 * accuracy:.0f} %"
    return Figure(what, 100 * share, "%", "93 to 97", 0.93 - ERROR <= share <= 0.97 + ERROR)


def _draw(sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Classes of as many rows as are expected in all."""
    while True:
        drawn = rng.multinomial(sizes.sum(), sizes / sizes.sum())
        if drawn.min() >= LEAST_ROWS:
            return np.repeat(np.arange(len(sizes)), drawn)


def _confusion(classes: int, accuracy: float, rng: np.random.Generator) -> np.ndarray:
    """[true][predicted]: each class is right about as often, and mistaken for a few of the others."""
    right = np.clip(rng.normal(accuracy, 0.05, classes), 0.3, 0.99)
    table = np.zeros((classes, classes))
    for place in range(classes):
        others = rng.dirichlet(np.full(classes - 1, 0.3)) * (1 - right[place])
        table[place] = np.insert(others, place, right[place])
    return table


def _macro_f1(expected: np.ndarray) -> float:
    """Of the counts that are expected, [true][predicted]."""
    return float((2 * np.diag(expected) / (expected.sum(axis=0) + expected.sum(axis=1))).mean())
