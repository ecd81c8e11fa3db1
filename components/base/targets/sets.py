"""Any number of labels for each text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import logit

from components.base.counts import Counts, Floats, Places
from components.base.targets.targets import LEAST, Claims, Selected, Targets, among, places
from components.base.truncation import Integers
from serving.tasks import TASKS
from serving.tasks.task import Decider, Decisions, Logits, Probabilities


class SetTargets(Targets):
    """`truth` bool [rows, labels]. Decisions may have one column more: a label that the data does not know.

    A row is right where all its labels are; F1 counts each label of a row.
    """

    task = TASKS["multi-label"]
    metrics = ("accuracy", "macro_f1", "micro_f1")
    main = "micro_f1"

    @classmethod
    def of(cls, table: pa.Table, labels: list[str]) -> Self:
        column = table["label"].combine_chunks()
        truth = np.zeros((len(column), len(labels)), bool)
        truth[np.asarray(pc.list_parent_indices(column)), places(column.flatten(), labels, "label")] = True
        return cls(table["text"].to_pylist(), truth, labels)

    def translated(self, decisions: Decisions, labels: Sequence[str]) -> Decisions:
        found = np.zeros((len(decisions), len(self.labels) + 1), bool)
        for column, place in enumerate(among(labels, self.labels)):
            found[:, place] |= decisions[:, column]
        return found

    def same(self, one: Decisions, other: Decisions) -> Decisions:
        return np.asarray((self._wide(one) == self._wide(other)).all(axis=1))

    def counts(self, predicted: Decisions) -> Counts:
        right, given = self.same(self.truth, predicted), predicted[:, : len(self.labels)]
        true, found, hits = (_places(part) for part in (self.truth, given, self.truth & given))
        return Counts(np.ones(len(right), np.int64), right.astype(int), len(self.classes), true, found, hits)

    def keys(self, decisions: Decisions) -> Integers:
        return np.packbits(self._wide(decisions), axis=1).astype(np.int64)

    def margins(self, logits: Logits, decider: Decider) -> Floats:
        return np.asarray(np.abs(logits / decider.temperature - logit(decider.thresholds)).min(axis=1))

    def answer(self, row: int) -> Any:
        return self._names(self.truth[row])

    def stored(self, decisions: Decisions) -> pa.Array:
        return pa.array([self._names(row) for row in decisions], pa.list_(pa.string()))

    @staticmethod
    def restored(stored: pa.Array, labels: Sequence[str]) -> Decisions:
        given = np.zeros((len(stored), len(labels) + 1), bool)
        given[np.asarray(pc.list_parent_indices(stored)), among(stored.flatten().to_pylist(), labels)] = True
        return given if given[:, -1].any() else given[:, :-1]

    def claims(self, probabilities: Probabilities) -> Claims:
        shares, truth = np.asarray(probabilities, np.float64).ravel(), self.truth.ravel()
        right = np.where(truth, shares, 1 - shares)
        rows = np.repeat(np.arange(len(self)), len(self.labels))
        return Claims(rows, shares, truth, (1 - right) ** 2, -np.log(np.maximum(right, LEAST)))

    def select(self, rows: Decisions, labels: Sequence[str]) -> Selected:
        kept, columns = np.flatnonzero(rows), among(labels, self.labels)
        targets = type(self)([self.rows[row] for row in kept], self.truth[np.ix_(kept, columns)], list(labels))
        # The column of labels that the data does not know is nothing that they share.
        return Selected(
            kept, targets, lambda found: found[np.ix_(kept, columns)], lambda found: found[np.ix_(kept, columns)]
        )

    def ranked(self, probabilities: Probabilities) -> tuple[Floats, Decisions] | None:
        return np.asarray(probabilities, np.float64), self.truth

    def _names(self, row: Decisions) -> list[str | None]:
        return [[*self.labels, None][place] for place in np.flatnonzero(row)]

    def _wide(self, decisions: Decisions) -> Decisions:
        return np.pad(decisions, ((0, 0), (0, len(self.labels) + 1 - decisions.shape[1])))


def _places(given: Decisions) -> Places:
    rows, labels = np.nonzero(given)
    return rows, labels
