"""Rows whose label is likely wrong, by a model that was not trained on them.

Confident learning (Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 70,
2021, arXiv:1911.00068), pruned by its method C+NR: by class and by noise rate, each at the counts that the calibrated
confident joint gives. Of what both prune, a row whose own label the model finds likeliest is no error.
"""

from __future__ import annotations

import numpy as np

from components.base.counts import Floats
from components.base.truncation import Integers


def likely_errors(probabilities: Floats, given: Integers) -> np.ndarray:
    """bool [rows], of probabilities [rows, labels] and the place of each row's label."""
    own, sizes = probabilities[np.arange(len(given)), given], np.bincount(given, minlength=probabilities.shape[1])
    counts = _estimated_counts(probabilities, given, own, sizes)
    by_class = np.zeros(len(given), bool)
    by_noise_rate = np.zeros(len(given), bool)
    for label in np.flatnonzero(sizes > np.diag(counts)):
        rows = np.flatnonzero(given == label)
        by_class[rows[np.argsort(own[rows], kind="stable")[: sizes[label] - counts[label, label]]]] = True
        for other in np.flatnonzero(counts[label]):
            if other != label:
                margins = probabilities[rows, other] - own[rows]
                by_noise_rate[rows[np.argsort(-margins, kind="stable")[: counts[label, other]]]] = True
    return np.asarray(by_class & by_noise_rate & (probabilities.max(axis=1, initial=0) > own))


def _estimated_counts(probabilities: Floats, given: Integers, own: Floats, sizes: Integers) -> Integers:
    """[given][true]: the calibrated confident joint times the number of rows, in whole rows.

    A row counts for the likeliest of the labels that are at least as probable as they are, on average, in their own
    rows; each given label's counts are then scaled to the rows that it has.
    """
    labels = len(sizes)
    sums = np.bincount(given, own, labels)
    thresholds = np.divide(sums, sizes, out=np.full(labels, np.inf), where=sizes > 0)
    # A mean of equal numbers may come out above them by its rounding.
    reached = np.where(probabilities >= thresholds - 1e-9, probabilities, -1.0)
    true = reached.argmax(axis=1)
    confident = reached.max(axis=1, initial=-1) >= 0
    joint = np.zeros((labels, labels))
    np.add.at(joint, (given[confident], true[confident]), 1)
    joint[np.diag_indices(labels)] += joint.sum(axis=1) == 0
    return _rounded(joint / joint.sum(axis=1, keepdims=True) * sizes[:, None], sizes)


def _rounded(shares: Floats, sums: Integers) -> Integers:
    """Whole numbers with these sums of rows, by largest remainder."""
    whole = np.floor(shares + 1e-9)
    order = np.argsort(whole - shares, axis=1, kind="stable")
    ranks = np.argsort(order, axis=1, kind="stable")
    return np.asarray(whole + (ranks < (sums - whole.sum(axis=1))[:, None]), np.int64)
