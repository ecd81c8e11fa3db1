"""The probability from which on each of several labels is given, fitted on rows that no model was trained on."""

from __future__ import annotations

import numpy as np

from components.base.counts import Floats
from components.base.truncation import Integers
from serving.tasks.task import Decisions, Probabilities

UNFITTED = 0.5
# As many right labels as those of all labels count beside a label's own. With fewer, thresholds of rare labels, and of
# labels that are told apart well, did worse than 0.5 on other rows.
SHARED = 20


def fit_thresholds(probabilities: Probabilities, truth: Decisions) -> list[float]:
    """For each label the threshold of its best F1, inside (0, 1); float32 and bool [rows, labels].

    The counts of all labels together, scaled to SHARED right ones, are added to a label's own, so that one with few
    follows the others. Tried are the middles of gaps between the label's probabilities and, beyond these, between those
    of all labels; of those that are the best to within one answer the nearest to 0.5 is taken. A label is given where
    `probabilities >= threshold`, in serving as here.
    """
    shares = probabilities.astype(np.float64)
    if not truth.any():
        return [UNFITTED] * truth.shape[1]
    everywhere, hits_everywhere = np.sort(shares, axis=None), np.sort(shares[truth])
    weight, middles = SHARED / len(hits_everywhere), _middles(everywhere)
    found = []
    for label in range(truth.shape[1]):
        own, own_hits = np.sort(shares[:, label]), np.sort(shares[truth[:, label], label])
        beyond = middles[(middles < own[0]) | (middles > own[-1])]
        points = np.unique(np.concatenate([_middles(own), beyond, [UNFITTED]]))
        given = _reaching(own, points) + weight * _reaching(everywhere, points)
        hits = _reaching(own_hits, points) + weight * _reaching(hits_everywhere, points)
        right = len(own_hits) + SHARED
        f1 = 2 * hits / (given + right)
        good = points[f1 >= f1.max() - 1 / right]
        found.append(float(good[np.argmin(np.abs(good - UNFITTED))]))
    return found


def _middles(shares: Floats) -> Floats:
    """What is stored is what is tried, so a middle is rounded before its answers are counted."""
    distinct = np.unique(shares)
    middles = np.round((distinct[1:] + distinct[:-1]) / 2, 6)
    return np.asarray(middles[(middles > 0) & (middles < 1)])


def _reaching(shares: Floats, points: Floats) -> Integers:
    """How many of `shares`, which ascend, are at least each point."""
    return np.asarray(len(shares) - np.searchsorted(shares, points, "left"))
