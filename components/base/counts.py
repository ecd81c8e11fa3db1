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
PARTS = ("precision", "recall", "f1")


class Sums(NamedTuple):
    """Of n samples of rows: decisions and right ones, float64 [n]; true, predicted and, of these, right ones of each
    class, float64 [n, classes]."""

    decisions: Floats
    right: Floats
    true: Floats
    predicted: Floats
    hits: Floats

    def metric(self, name: str) -> Floats:
        """[n]: accuracy, balanced_accuracy, matthews, hamming_loss, or macro_, micro_ or weighted_ with one of PARTS.

        NaN where it is not defined. Macro averages are over the classes that occur, true or predicted; there a class
        that is never predicted has a precision of 0, one without true rows a recall of 0 (as in scikit-learn).
        """
        if name == "accuracy":
            return ratio(self.right, self.decisions)
        if name == "balanced_accuracy":
            return _mean(ratio(self.hits, self.true))
        if name == "matthews":
            return self._matthews()
        if name == "hamming_loss":
            wrong = (self.true + self.predicted - 2 * self.hits).sum(axis=-1)
            return ratio(wrong, self.decisions * self.true.shape[-1])
        average, _, part = name.partition("_")
        if average == "micro":
            return Sums(*(getattr(self, field).sum(axis=-1) for field in self._fields)).by_class(part)
        values = self.by_class(part)
        if average == "weighted":
            return ratio((np.nan_to_num(values) * self.true).sum(axis=-1), self.true.sum(axis=-1))
        return _mean(np.where(self.true + self.predicted > 0, np.nan_to_num(values), np.nan))

    def by_class(self, part: str) -> Floats:
        """[n, classes]: one of PARTS of each class; NaN where it is not defined."""
        if part == "precision":
            return ratio(self.hits, self.predicted)
        if part == "recall":
            return ratio(self.hits, self.true)
        return ratio(2 * self.hits, self.true + self.predicted)

    def _matthews(self) -> Floats:
        """For any number of classes (Gorodkin 2004); a label that the data does not know is one class more."""
        unknown = self.decisions - self.predicted.sum(axis=-1)
        squares = (self.predicted**2).sum(axis=-1) + unknown**2
        covariance = self.right * self.decisions - (self.true * self.predicted).sum(axis=-1)
        variances = (self.decisions**2 - squares) * (self.decisions**2 - (self.true**2).sum(axis=-1))
        return ratio(covariance, np.sqrt(variances))


class Counts:
    """Of each row what Sums has, sparse: most rows have few of the classes. `right` says where all decisions are.

    `table` holds it, int64 [rows, 2 + 3 classes].
    """

    def __init__(
        self, decisions: Integers, right: Integers, classes: int, true: Places, predicted: Places, hits: Places
    ) -> None:
        self.decisions, self.right = decisions, right == decisions
        self._classes, self._true, self._predicted, self._hits = classes, true, predicted, hits
        rows = np.arange(len(decisions))
        parts = [(rows, 0 * rows, decisions), (rows, 0 * rows + 1, right)]
        for number, (row, kind) in enumerate((true, predicted, hits)):
            parts.append((row, 2 + number * classes + kind, np.ones(len(row), np.int64)))
        row, column, count = (np.concatenate(part) for part in zip(*parts, strict=True))
        shape = (len(decisions), 2 + 3 * classes)
        self.table = scipy.sparse.csr_array((count, (row, column)), shape=shape, dtype=np.int64)

    def having(self, number: int) -> NDArray[np.bool_]:
        """bool [rows]: those in which a class is true."""
        return self._there(self._true, number)

    def giving(self, number: int) -> NDArray[np.bool_]:
        """bool [rows]: those in which a class is predicted."""
        return self._there(self._predicted, number)

    def hitting(self, number: int) -> NDArray[np.bool_]:
        """bool [rows]: those in which a class is true, and predicted there."""
        return self._there(self._hits, number)

    def _there(self, places: Places, number: int) -> NDArray[np.bool_]:
        rows, classes = places
        found = np.zeros(len(self.decisions), bool)
        found[rows[classes == number]] = True
        return found

    def sums(self, totals: Any) -> Sums:
        """Of totals of the table's columns, [samples, columns]."""
        found = np.asarray(totals, np.float64)
        true, predicted, hits = found[:, 2:].reshape(len(found), 3, self._classes).transpose(1, 0, 2)
        return Sums(found[:, 0], found[:, 1], true, predicted, hits)

    def whole(self) -> Sums:
        """Of all rows, as one sample."""
        return self.sums(self.table.sum(axis=0)[None])


def ratio(part: Any, whole: Any) -> Floats:
    """NaN where there is nothing to share."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    shares: Floats = np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)
    return shares


def _mean(values: Floats) -> Floats:
    """Over the last axis, of those that are defined."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))
