"""Bootstrap samples, drawn of distinct outcomes: rows with the same outcome are interchangeable."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import numpy as np
import scipy.sparse

from components.base.truncation import Integers

# Kinds of units of which there are at most so many are drawn one by one, the others all at once by a multinomial.
FEW = 32
# Groups of units of which one is left out at a time, where there are more kinds of units than this.
GROUPS = 8192
# Numbers in memory at once, for each of the threads.
AT_ONCE = 1 << 21
MOST_AT_ONCE = 256

Found = TypeVar("Found")


class Units(NamedTuple):
    """What is drawn: kinds of units, and how many `times` each is there, int64 [units].

    `fold`, sparse [units, rows], sums rows to one unit of each kind: one of the rows with this outcome, or all rows of
    a cluster.
    """

    times: Integers
    fold: Any

    @property
    def number(self) -> int:
        return int(self.times.sum())

    def features(self, table: Any) -> Any:
        """float32 [columns, units] of a table [rows, columns], sparse where that is: exact for counts below 2 ** 24."""
        found = (self.fold @ table).T.astype(np.float32)
        return found.tocsr() if scipy.sparse.issparse(found) else found

    def without(self, features: Any, groups: int = GROUPS) -> tuple[Any, Integers]:
        """Totals of the features without one unit, float64 [columns, kinds], and how often each stands: where there are
        more kinds than `groups`, without one of so many random groups of units (grouped jackknife)."""
        kinds, whole = len(self.times), features @ self.times.astype(np.float64)
        if kinds <= groups:
            parts, times = features, self.times
        else:
            place = np.random.default_rng(0).permutation(kinds) % groups
            fold = scipy.sparse.csr_array((self.times, (np.arange(kinds), place)), shape=(kinds, groups))
            parts, times = features @ fold, np.ones(groups, np.int64)
        return whole[:, None] - (parts.toarray() if scipy.sparse.issparse(parts) else parts), times


def distinct(keys: Integers) -> Units:
    """Rows with equal keys, int64 [rows, k], are of one kind."""
    _, first, times = np.unique(keys, axis=0, return_index=True, return_counts=True)
    shape = (len(first), len(keys))
    return Units(times, scipy.sparse.csr_array((np.ones(len(first)), (np.arange(len(first)), first)), shape=shape))


def clustered(clusters: Integers) -> Units:
    """Rows of a cluster, int64 [rows], are drawn together; each cluster is a kind of its own."""
    found, place = np.unique(clusters, return_inverse=True)
    shape = (len(found), len(clusters))
    fold = scipy.sparse.csr_array((np.ones(len(clusters)), (place, np.arange(len(clusters)))), shape=shape)
    return Units(np.ones(len(found), np.int64), fold)


def single(rows: int) -> Units:
    """Each row is a kind of its own."""
    return clustered(np.arange(rows))


def resample(units: Units, samples: int, seed: int, consume: Callable[[Any], Found]) -> list[Found]:
    """What `consume` makes of each block of samples, in order: float32 [units, samples of the block], how often each
    kind was drawn. The same for a seed on any number of cores; `consume` is called from several threads."""
    urn = _Urn(units)
    block = int(np.clip(AT_ONCE // urn.width, 1, MOST_AT_ONCE))
    sizes = [min(block, samples - start) for start in range(0, samples, block)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))

    def work(number: int) -> Found:
        return consume(urn.draw(sizes[number], np.random.default_rng(seeds[number])))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, range(len(sizes))))


class _Urn:
    def __init__(self, units: Units) -> None:
        times, self.count, self.kinds = units.times, units.number, len(units.times)
        rare = times <= FEW
        self._one_by_one = np.repeat(np.flatnonzero(rare), times[rare])
        self._others = np.flatnonzero(~rare)
        self._shares = times[~rare] / max(1, times[~rare].sum())
        self.width = max(self.kinds, len(self._one_by_one))

    def draw(self, samples: int, rng: np.random.Generator) -> Any:
        """float32 [kinds, samples], each column a multinomial sample of as many units as there are."""
        rare = rng.binomial(self.count, len(self._one_by_one) / self.count, samples)
        drawn = np.zeros((self.kinds, samples), np.float32)
        if len(self._one_by_one):
            places = self._one_by_one[rng.integers(0, len(self._one_by_one), rare.sum(), np.int32)]
            places *= samples
            places += np.repeat(np.arange(samples), rare)
            drawn += np.bincount(places, minlength=drawn.size).reshape(drawn.shape)
        if len(self._others):
            drawn[self._others] = rng.multinomial(self.count - rare, self._shares).T
        return drawn
