"""One label for each text, or for each pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa

from components.base.counts import Counts, Floats
from components.base.targets.targets import LEAST, Claims, Selected, Targets, among, places
from components.base.truncation import Integers
from serving.tasks import TASKS
from serving.tasks.task import Decider, Decisions, Logits, Probabilities


class LabelTargets(Targets):
    """`truth` int64 [rows]; -1 is a label that the data does not know."""

    task = TASKS["single-label"]

    @classmethod
    def of(cls, table: pa.Table, labels: list[str]) -> Self:
        columns = [table[name].to_pylist() for name in cls.task.inputs]
        return cls(cls.task.read(columns), places(table["label"].combine_chunks(), labels, "label"), labels)

    def translated(self, decisions: Decisions, labels: Sequence[str]) -> Decisions:
        return among(labels, self.labels)[decisions]

    def same(self, one: Decisions, other: Decisions) -> Decisions:
        return np.asarray(one == other)

    def counts(self, predicted: Decisions) -> Counts:
        rows, right, known = np.arange(len(predicted)), self.same(self.truth, predicted), predicted >= 0
        hits = rows[right], predicted[right]
        decisions = np.ones_like(rows)
        given = rows[known], predicted[known]
        return Counts(decisions, right.astype(int), len(self.classes), (rows, self.truth), given, hits)

    def keys(self, decisions: Decisions) -> Integers:
        return decisions[:, None]

    def margins(self, logits: Logits, decider: Decider) -> Floats:
        return lead(logits)

    def answer(self, row: int) -> Any:
        return self.labels[self.truth[row]]

    def stored(self, decisions: Decisions) -> pa.Array:
        return pa.array(np.array([*self.labels, None], object)[decisions], pa.string())

    @staticmethod
    def restored(stored: pa.Array, labels: Sequence[str]) -> Decisions:
        return among(stored.to_pylist(), labels)

    def confusion(self, predicted: Decisions) -> list[list[int]] | None:
        counts, known = np.zeros((len(self.labels),) * 2, int), predicted >= 0
        np.add.at(counts, (self.truth[known], predicted[known]), 1)
        matrix: list[list[int]] = counts.tolist()
        return matrix

    def claims(self, probabilities: Probabilities) -> Claims:
        return likeliest(np.arange(len(self)), probabilities, self.truth)

    def select(self, rows: Decisions, labels: Sequence[str]) -> Selected:
        """Only rows of these labels."""
        new = among(self.labels, labels)
        kept = np.flatnonzero(rows & (new[self.truth] >= 0))
        targets = type(self)([self.rows[row] for row in kept], new[self.truth[kept]], list(labels))
        columns, table = np.flatnonzero(new >= 0), np.append(new, -1)
        return Selected(kept, targets, lambda found: table[found[kept]], lambda found: found[np.ix_(kept, columns)])

    def ranked(self, probabilities: Probabilities) -> tuple[Floats, Decisions] | None:
        return np.asarray(probabilities, np.float64), np.equal.outer(self.truth, np.arange(len(self.labels)))

    def ranks(self, probabilities: Probabilities) -> Integers | None:
        right = np.take_along_axis(probabilities, self.truth[:, None], 1)
        before = np.arange(len(self.labels)) < self.truth[:, None]
        return np.asarray(((probabilities > right) | (before & (probabilities == right))).sum(axis=1), np.int64)


class PairTargets(LabelTargets):
    task = TASKS["text-pair"]


def likeliest(rows: Integers, probabilities: Probabilities, truth: Integers) -> Claims:
    """Claims of one label each; probabilities [claims, labels]."""
    shares, numbers = np.asarray(probabilities, np.float64), np.arange(len(truth))
    chosen, right = shares.argmax(axis=1), shares[numbers, truth]
    squared = (shares**2).sum(axis=1) - 2 * right + 1
    confidence = shares[numbers, chosen]
    return Claims(rows, confidence, chosen == truth, squared, -np.log(np.maximum(right, LEAST)))


def lead(logits: Logits) -> Floats:
    """[n]: by how much the highest of a row is above the next."""
    top = np.partition(logits, -2, axis=1)[:, -2:]
    return np.asarray(top[:, 1] - top[:, 0])
