"""Confidence bounds at a fixed row of tails, so that whoever reads them can take any level.

bounds[i] is the one-sided lower bound that the true value is below with probability TAILS[i]; they rise. An interval
of confidence c reaches from the bound at (1 - c) / 2 to that at 1 minus it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import norm

from components.base.counts import Floats
from components.base.truncation import Integers

LOWER = (1e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25)
TAILS = np.array([*LOWER, 0.5, *(round(1 - tail, 5) for tail in reversed(LOWER))])
QUANTILES = norm.ppf(TAILS)
# Share of samples in which a metric may be undefined before nothing is said of its spread.
UNDEFINED = 0.05
# Samples that must lie beyond a bound for it to be read off them.
BEYOND = 10


def bound(bounds: Any, tail: float) -> float:
    """The bound at any tail, linear between the neighbours on the scale of normal quantiles."""
    return float(np.interp(norm.ppf(tail), QUANTILES, bounds))


def bca_bounds(value: float, replicates: Floats, jackknife: Floats, times: Integers) -> Floats | None:
    """Bias-corrected and accelerated bootstrap bounds (Efron 1987), [TAILS].

    `replicates` are the metric's values in the samples, `jackknife` those without one unit of each kind, of which there
    are `times`. Tails that the samples are too few for are at least as far out as a normal distribution has them.
    None where more than a twentieth of the samples do not define the metric, or all give the same.
    """
    replicates = replicates[~np.isnan(replicates)]
    if np.isnan(value) or len(replicates) < 2 or np.ptp(replicates) < 1e-12:
        return None
    replicates = np.sort(replicates)
    below, above = np.searchsorted(replicates, [value - 1e-12, value + 1e-12])
    edge = 1 / (len(replicates) + 1)
    bias = norm.ppf(np.clip((below + above) / 2 / len(replicates), edge, 1 - edge))
    shifted = bias + QUANTILES
    levels = norm.cdf(bias + shifted / np.maximum(1 - acceleration(jackknife, times) * shifted, 1e-3))
    found = np.quantile(replicates, levels)
    normal = value + QUANTILES * replicates.std()
    few = np.minimum(levels, 1 - levels) * len(replicates) < BEYOND
    outer = np.where(TAILS < 0.5, np.minimum(found, normal), np.maximum(found, normal))
    return np.asarray(np.maximum.accumulate(np.where(few, outer, found)))


def mostly_defined(replicates: Floats) -> bool:
    return bool(np.isnan(replicates).mean() <= UNDEFINED)


def acceleration(jackknife: Floats, times: Integers) -> float:
    """A sixth of the skewness of what each unit does to the metric."""
    known = ~np.isnan(jackknife)
    values, times = jackknife[known], times[known]
    if not len(values):
        return 0.0
    effects = np.average(values, weights=times) - values
    spread = (times * effects**2).sum()
    return float((times * effects**3).sum() / (6 * spread**1.5)) if spread > 1e-24 else 0.0
