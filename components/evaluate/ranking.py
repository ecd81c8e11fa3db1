"""Areas under the ROC and the precision-recall curve, of many weightings of the rows at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from components.base.counts import Floats, ratio


class _Class(NamedTuple):
    """Rows by falling score are cut into runs: of equal scores with positive rows, or of what is between two of these.

    `runs` are the places of all runs of the class among those of all classes, `positive` which of them have positives.
    """

    runs: slice
    positive: Any


class Ranking:
    """`scores` float64 and `truth` bool [rows, classes]. Classes that all rows have, or none, have no area; `places`
    are those of the others."""

    def __init__(self, scores: Floats, truth: Any) -> None:
        self.size = scores.size
        self.places = np.flatnonzero(truth.any(axis=0) & ~truth.all(axis=0)).tolist()
        self._classes: list[_Class] = []
        sums, hits, first = [], [], 0
        for place in self.places:
            order = np.argsort(-scores[:, place], kind="stable")
            cuts, positive = _runs(scores[order, place], truth[order, place])
            run = np.repeat(np.arange(len(positive)), np.diff(cuts)) + first
            sums.append((run, order))
            hits.append((run[truth[order, place]], order[truth[order, place]]))
            self._classes.append(_Class(slice(first, first + len(positive)), positive))
            first += len(positive)
        self._sums, self._hits = (_matrix(parts, first, len(scores)) for parts in (sums, hits))

    def values(self, weights: Any) -> tuple[Floats, Floats]:
        """[samples] each, ROC-AUC and PR-AUC (average precision), the mean over classes, where row i of sample j counts
        weights[i, j] times, float32 [rows, samples]. Rows of equal score are met at once. NaN where no class has any.
        """
        sums, hits = self._sums @ weights, self._hits @ weights
        areas = [_areas(sums[one.runs].astype(np.float64), hits[one.runs], one.positive) for one in self._classes]
        table = np.array(areas).reshape(-1, 2, weights.shape[1])
        known = ~np.isnan(table)
        means = ratio(np.where(known, table, 0).sum(axis=0), known.sum(axis=0))
        return means[0], means[1]


def _runs(ranked: Floats, truth: Any) -> tuple[Any, Any]:
    """Where runs begin, and the end of the last, and which of them have positives, of rows by falling score."""
    starts = np.append(0, np.flatnonzero(ranked[1:] != ranked[:-1]) + 1)
    ends = np.append(starts[1:], len(ranked))
    has = np.add.reduceat(truth, starts, dtype=np.int64) > 0
    cuts = np.unique([0, len(ranked), *starts[has], *ends[has]])
    return cuts, np.isin(cuts[:-1], starts[has])


def _matrix(parts: list[tuple[Any, Any]], runs: int, rows: int) -> Any:
    """float32 [runs, rows]: 1 where a row is in a run."""
    run, row = (np.concatenate(part) for part in zip(*parts, strict=True)) if parts else (np.zeros(0, int),) * 2
    return scipy.sparse.csr_array((np.ones(len(run), np.float32), (run, row)), shape=(runs, rows))


def _areas(sums: Floats, hits: Any, positive: Any) -> tuple[Floats, Floats]:
    """[samples] each; `sums` and `hits` [runs, samples]: rows and positive rows of each run."""
    met, alarms = sums.cumsum(axis=0)[positive], (sums - hits).cumsum(axis=0)
    gained, inside = hits[positive], (sums - hits)[positive]
    found, all_alarms = gained.cumsum(axis=0, dtype=np.float64), alarms[-1]
    below = (gained * (all_alarms - alarms[positive] + inside / 2)).sum(axis=0)
    precision = np.divide(found, met, out=np.zeros_like(found), where=met > 0)
    return ratio(below, found[-1] * all_alarms), ratio((gained * precision).sum(axis=0), found[-1])
