"""One label for each text, or for each pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa

from components.base.counts import Counts, Floats
from components.base.targets.targets import Targets, among, places
from components.base.truncation import Integers
from serving.tasks import TASKS
from serving.tasks.task import Decisions, Logits


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

    def margins(self, logits: Logits) -> Floats:
        return lead(logits)

    def example(self, row: int) -> dict[str, Any] | None:
        texts = self.rows[row] if len(self.task.inputs) > 1 else [self.rows[row]]
        return {**dict(zip(self.task.inputs, texts, strict=True)), "label": self.labels[self.truth[row]]}

    def stored(self, decisions: Decisions) -> pa.Array:
        return pa.array(np.array([*self.labels, None], object)[decisions], pa.string())

    def confusion(self, predicted: Decisions) -> list[list[int]] | None:
        counts, known = np.zeros((len(self.labels),) * 2, int), predicted >= 0
        np.add.at(counts, (self.truth[known], predicted[known]), 1)
        matrix: list[list[int]] = counts.tolist()
        return matrix


class PairTargets(LabelTargets):
    task = TASKS["text-pair"]


def lead(logits: Logits) -> Floats:
    """[n]: by how much the highest of a row is above the next."""
    top = np.partition(logits, -2, axis=1)[:, -2:]
    return np.asarray(top[:, 1] - top[:, 0])
