"""What the comparisons rest on: p-values from one-sided bounds, Holm's correction, the sample size that would do."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from statistics import NormalDist

NORMAL = NormalDist()
POWER = 0.8


def p_at_most(limit: float, tails: Sequence[float], bounds: Sequence[float]) -> float:
    """The p-value of "the true difference is at most `limit`": the tail whose lower bound `limit` is.

    `bounds` rise, one for each of `tails`; between two of them the normal quantile of the tail is linear in the bound.
    Below the first bound it is the first tail, which is the least that can be told.
    """
    below = bisect_right(bounds, limit)
    if below == 0:
        return tails[0]
    if below == len(bounds):
        return 1.0
    share = (limit - bounds[below - 1]) / (bounds[below] - bounds[below - 1])
    low, high = NORMAL.inv_cdf(tails[below - 1]), NORMAL.inv_cdf(tails[below])
    return NORMAL.cdf(low + share * (high - low))


def p_at_least(limit: float, tails: Sequence[float], bounds: Sequence[float]) -> float:
    """The p-value of "the true difference is at least `limit`"."""
    return p_at_most(-limit, [1 - tail for tail in reversed(tails)], [-bound for bound in reversed(bounds)])


def p_better(p: float, value: float) -> float:
    """One-sided, for "not better", of a two-sided p-value of "equal" and the difference that was seen."""
    return p / 2 if value > 0 else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given: those at most alpha are rejected with a family-wise error of alpha.

    Step-down: the i-th smallest of m counts m - i + 1 times, and never less than the one before (Holm 1979, A simple
    sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6).
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def rows_needed(rows: int, low: float, high: float, gap: float, alpha: float, tests: int = 1) -> int | None:
    """Of how many rows a true value that is `gap` beyond a limit would be shown to be so with a probability of 80 %.

    `low` and `high` are the ends of the interval of `rows` rows, `alpha` what is left beyond each, shared by `tests`.
    None where the gap is not above 0. n = ((z(1 - alpha) + z(0.8)) sigma / gap)^2, where sigma / sqrt(rows) is the
    standard error, the interval's width over 2 z(1 - alpha) (Chow, Shao and Wang, Sample Size Calculations in Clinical
    Research, the one-sample tests).
    """
    if gap <= 0 or rows == 0:
        return None
    error = (high - low) / (2 * NORMAL.inv_cdf(1 - alpha))
    factor = (NORMAL.inv_cdf(1 - alpha / tests) + NORMAL.inv_cdf(POWER)) * error / gap
    return math.ceil(rows * factor**2)
