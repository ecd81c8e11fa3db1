"""What is counted of decisions, by row, and the metrics of its sums."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from components.base.truncation import Integers

# Rows and classes of what is counted, int64 [n] each.
Places = tuple[Integers, Integers]
Floats = NDArray[np.float64]


class Sums(NamedTuple):
    """Of n samples of rows: decisions and right ones, float64 [n]; true, predicted and, of these, right ones of each
    class, float64 [n, classes]."""

    decisions: Floats
    right: Floats
    true: Floats
    predicted: Floats
    hits: Floats

    def metric(self, name: str) -> Floats:
        """[n]: accuracy, macro_f1 or micro_f1. A class that is neither true nor predicted has an F1 of 0."""
        if name == "accuracy":
            return ratio(self.right, self.decisions)
        if name == "macro_f1":
            return np.asarray(ratio(2 * self.hits, self.true + self.predicted).mean(axis=-1))
        return ratio(2 * self.hits.sum(axis=-1), (self.true + self.predicted).sum(axis=-1))


class Counts:
    """Of each row what Sums has, sparse: most rows have few of the classes. `right` says where all decisions are."""

    def __init__(
        self, decisions: Integers, right: Integers, classes: int, true: Places, predicted: Places, hits: Places
    ) -> None:
        self.decisions, self.right = decisions, right == decisions
        self._classes, self._true = classes, true
        rows = np.arange(len(decisions))
        parts = [(rows, 0 * rows, decisions), (rows, 0 * rows + 1, right)]
        for number, (row, kind) in enumerate((true, predicted, hits)):
            parts.append((row, 2 + number * classes + kind, np.ones(len(row), np.int64)))
        row, column, count = (np.concatenate(part) for part in zip(*parts, strict=True))
        shape = (len(decisions), 2 + 3 * classes)
        self._table = scipy.sparse.csr_array((count, (row, column)), shape=shape, dtype=np.int64)

    def having(self, number: int) -> NDArray[np.bool_]:
        """bool [rows]: those in which a class is true."""
        rows, classes = self._true
        return np.isin(np.arange(len(self.decisions)), rows[classes == number])

    def sums(self, weights: Integers, rows: Integers | None = None) -> Sums:
        """Of samples in which the row rows[i] (or i) stands weights[sample, i] times; int64 [samples, rows]."""
        table = self._table if rows is None else self._table[rows]
        found = (table.T @ weights.T).astype(np.float64)
        true, predicted, hits = found[2:].reshape(3, self._classes, len(weights)).transpose(0, 2, 1)
        return Sums(found[0], found[1], true, predicted, hits)

    def whole(self) -> Sums:
        """Of all rows, as one sample."""
        return self.sums(np.ones((1, self._table.shape[0]), np.int64))


def ratio(part: Any, whole: Any) -> Floats:
    """0 where there is nothing to share."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    shares: Floats = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return shares
