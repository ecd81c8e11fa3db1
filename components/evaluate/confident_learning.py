"""Rows whose label is likely wrong, by a model that was not trained on them."""

from __future__ import annotations

import warnings

import numpy as np
from cleanlab.filter import find_label_issues

from components.base.counts import Floats
from components.base.truncation import Integers


def likely_errors(probabilities: Floats, given: Integers) -> np.ndarray:
    """bool [rows], of probabilities [rows, labels] and the place of each row's label.

    Confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068), pruned by its method C+NR: by class and by
    noise rate. None where all rows have one label.
    """
    present, places = np.unique(given, return_inverse=True)
    if len(present) < 2:
        return np.zeros(len(given), bool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # A label that no row has takes no part.
        sums = probabilities[:, present].sum(axis=1, keepdims=True)
        shares = np.where(sums > 0, probabilities[:, present] / np.maximum(sums, 1e-12), 1 / len(present))
        found = find_label_issues(places, shares, filter_by="both", n_jobs=1, min_examples_per_class=0)
    return np.asarray(found)
