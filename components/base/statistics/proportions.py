"""Shares of rows that are right, and the paired difference of two, in closed form."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom, binomtest

from components.base.counts import Floats
from components.base.statistics.bounds import QUANTILES
from components.base.truncation import Integers

HALVINGS = 60


def wilson(hits: float, of: float, confidence: float) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927)."""
    interval = binomtest(int(hits), int(of)).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar(gained: int, lost: int) -> float:
    """The exact two-sided p-value (McNemar 1947): of the rows that one model alone has right, half go to either."""
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def sign_flips(differences: Integers) -> float:
    """The exact two-sided p-value where rows are not independent: by how many decisions one model is better in each
    group of rows, int64 [groups], could as well have had the other sign (Fisher's randomization test). With groups of
    one row it is McNemar's."""
    distribution = np.ones(1)
    sizes, times = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    for size, count in zip(sizes.tolist(), times.tolist(), strict=True):
        part = np.zeros(2 * size * count + 1)
        part[:: 2 * size] = binom.pmf(np.arange(count + 1), count, 0.5)
        distribution = np.convolve(distribution, part)
    centre, reach = len(distribution) // 2, abs(int(differences.sum()))
    if not reach:
        return 1.0
    return float(min(1.0, distribution[: centre - reach + 1].sum() + distribution[centre + reach :].sum()))


def paired_bounds(gained: int, lost: int, rows: int) -> Floats:
    """Bounds of the difference of two paired proportions, [TAILS], by its score test (Tango 1998).

    `gained` rows are right in the first alone, `lost` in the second alone. The bound at a tail is the difference whose
    test statistic is that quantile of the normal distribution, found by bisection.
    """
    low, high = np.full(len(QUANTILES), -1 + 1e-9), np.full(len(QUANTILES), 1 - 1e-9)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = _score(gained, lost, rows, middle) < -QUANTILES
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray((low + high) / 2)


def _score(gained: int, lost: int, rows: int, difference: Floats) -> Floats:
    """The statistic for each difference that could be the true one, with its likeliest share of lost rows."""
    first = 2 * rows
    second = -gained - lost + (2 * rows - gained + lost) * difference
    third = -lost * difference * (1 - difference)
    share = (np.sqrt(np.maximum(second**2 - 4 * first * third, 0)) - second) / (2 * first)
    variance = rows * np.maximum(2 * share + difference * (1 - difference), 1e-300)
    return np.asarray((gained - lost - rows * difference) / np.sqrt(variance))
