"""What is fitted on validation: a temperature that makes confidence mean what it says (Guo et al. 2017,
arXiv:1706.04599), thresholds of several labels, and the confidence from which answers are right often enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from components.base.targets import Targets
from components.base.thresholds import fit_thresholds
from serving.tasks.task import Decider


def fit_decider(targets: Targets, logits: np.ndarray, thresholds: bool) -> Decider:
    """The temperature and, where the task has any and they are wanted, the thresholds at that temperature."""
    decider = replace(targets.decider, temperature=fit_temperature(logits, targets.truth))
    if not (thresholds and decider.thresholds):
        return decider
    probabilities = targets.task.probabilities(logits, decider.temperature)
    return replace(decider, thresholds=fit_thresholds(probabilities, targets.truth))


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The temperature in [0.05, 20] that minimises the mean cross-entropy of logits [n, labels] / temperature.

    `truth` holds label numbers [n], for the softmax, or bool [n, labels], for a sigmoid of each label. Words that fell
    to truncation, whose logits are NaN, do not count.
    """
    scored = ~np.isnan(logits[:, 0])
    logits, truth = logits[scored].astype(np.float64), truth[scored]

    def cross_entropy(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        if truth.ndim == 2:
            return float(np.logaddexp(0, np.where(truth, -scaled, scaled)).mean())
        return float(-log_softmax(scaled, axis=1)[np.arange(len(truth)), truth].mean())

    found = minimize_scalar(cross_entropy, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return round(float(np.exp(found.x)), 6)


def fit_abstention(confidence: np.ndarray, right: np.ndarray, precision: float) -> float:
    """The least confidence from which on at least this share of the answers is right, [n] each: 0 where that is all of
    them, 1 where there is none."""
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last = np.append(ranked[1:] < ranked[:-1], True)
    enough = np.flatnonzero(last & (shares >= precision))
    if not len(enough):
        return 1.0
    return 0.0 if enough[-1] == len(order) - 1 else float(ranked[enough[-1]])
