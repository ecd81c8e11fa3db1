"""Bootstrap bounds against scipy's BCa, and samples that are what they should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from components.base.counts import Floats
from components.base.statistics import resampling
from components.base.statistics.bounds import TAILS, acceleration, bca_bounds, bound
from components.base.statistics.resampling import Units, clustered, distinct, resample, single


def drawn(units: Units, samples: int, seed: int = 1) -> Any:
    return np.concatenate(resample(units, samples, seed, lambda times: times), axis=1)


def mean_bounds(values: Floats, units: Units, samples: int) -> Floats:
    features = units.features(np.stack([values, np.ones(len(values))], axis=1)).astype(float)
    times = drawn(units, samples)
    sums = features @ times
    without, of = units.without(features)
    bounds = bca_bounds(values.mean(), sums[0] / sums[1], without[0] / without[1], of)
    assert bounds is not None
    return bounds


@pytest.mark.parametrize("rows", [25, 200])
def test_bounds_are_those_of_scipys_bca(rows: int) -> None:
    values = np.random.default_rng(rows).exponential(size=rows) ** 2
    expected = stats.bootstrap((values,), np.mean, n_resamples=20000, method="BCa", rng=np.random.default_rng(2))
    bounds = mean_bounds(values, single(rows), 20000)
    width = np.ptp(expected.confidence_interval)
    assert bound(bounds, 0.025) == pytest.approx(expected.confidence_interval.low, abs=0.03 * width)
    assert bound(bounds, 0.975) == pytest.approx(expected.confidence_interval.high, abs=0.03 * width)
    percentile = stats.bootstrap((values,), np.mean, n_resamples=20000, method="percentile").confidence_interval
    assert abs(bound(bounds, 0.975) - percentile.high) > 0.04 * width


def test_distinct_outcomes_are_drawn_as_their_rows_would_be() -> None:
    rng = np.random.default_rng(3)
    keys = np.concatenate([np.zeros(500), np.ones(60), rng.integers(2, 40, 300)]).astype(np.int64)[:, None]
    units = distinct(keys)
    times = drawn(units, 4000)
    assert (times.sum(axis=0) == len(keys)).all()
    share = units.times / len(keys)
    assert times.mean(axis=1) == pytest.approx(units.times, abs=0.8)
    assert times.var(axis=1) == pytest.approx(len(keys) * share * (1 - share), rel=0.2)
    assert np.corrcoef(times[:2])[0, 1] == pytest.approx(-np.sqrt(np.prod(share[:2] / (1 - share[:2]))), abs=0.05)
    values = rng.normal(size=40)[keys[:, 0]]
    one_by_one = mean_bounds(values, single(len(keys)), 6000)
    assert mean_bounds(values, units, 6000) == pytest.approx(
        one_by_one, abs=0.1 * values.std() / np.sqrt(len(keys)) * 8
    )


def test_clusters_are_drawn_whole() -> None:
    clusters = np.repeat(np.arange(20), np.arange(1, 21))
    units = clustered(clusters)
    assert units.number == 20
    assert (drawn(units, 50).sum(axis=0) == 20).all()
    effect = np.random.default_rng(4).normal(size=20)[clusters]
    wide, narrow = mean_bounds(effect, units, 2000), mean_bounds(effect, single(len(effect)), 2000)
    assert np.ptp(wide[[8, -9]]) > 2 * np.ptp(narrow[[8, -9]])


def test_draws_are_the_same_however_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    units = distinct(np.random.default_rng(0).integers(0, 50, (300, 1)))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    alone = drawn(units, 600)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert (drawn(units, 600) == alone).all()
    assert not (drawn(units, 600, seed=2) == alone).all()


def test_a_grouped_jackknife_has_the_acceleration_of_the_whole_one() -> None:
    values = np.random.default_rng(5).exponential(size=6000)
    units = single(len(values))
    features = units.features(np.stack([values, np.ones(len(values))], axis=1)).astype(float)
    found = []
    for groups in (resampling.GROUPS, 1500):
        without, times = units.without(features, groups)
        assert len(times) == min(groups, len(values))
        found.append(acceleration(without[0] / without[1], times))
    assert found[1] == pytest.approx(found[0], rel=0.25) and found[0] > 0.003


def test_what_does_not_vary_has_no_bounds_and_few_samples_are_not_trusted_in_the_tails() -> None:
    ones = np.ones(300)
    assert bca_bounds(1.0, ones, ones, np.ones(300, int)) is None
    assert bca_bounds(float("nan"), ones, ones, np.ones(300, int)) is None
    replicates = np.random.default_rng(6).normal(size=200)
    bounds = bca_bounds(0.0, replicates, np.zeros(50), np.ones(50, int))
    assert bounds is not None
    assert bounds[0] < replicates.min() and bounds[-1] > replicates.max()
    assert (np.diff(bounds) >= 0).all() and len(bounds) == len(TAILS)
