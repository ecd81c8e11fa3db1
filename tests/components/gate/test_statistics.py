"""Against statsmodels and scipy, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from components.gate.statistics import holm, p_at_least, p_at_most, p_better, rows_needed
from tests.components.gate.made import TAILS


def test_holms_method_is_that_of_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    rng = np.random.default_rng(1)
    for size in (1, 2, 20, 150):
        p_values = rng.random(size) ** 3
        p_values[: size // 3] = 0.01  # ties
        rejected, adjusted, _, _ = multitest.multipletests(p_values, alpha=0.025, method="holm")
        assert holm(list(p_values)) == pytest.approx(adjusted)
        assert [p <= 0.025 for p in holm(list(p_values))] == list(rejected)


def test_holms_method_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_holms_method_keeps_the_family_wise_error() -> None:
    """Twenty true hypotheses: a false rejection in at most 2.5 % of 4,000 families, and 0.7 points of chance."""
    rng = np.random.default_rng(2)
    wrong = sum(min(holm(list(p_values))) <= 0.025 for p_values in rng.random((4000, 20)))
    assert 0.018 < wrong / 4000 < 0.032


@pytest.mark.parametrize("value", [-0.02, -0.004, 0.0, 0.002, 0.017])
def test_p_values_of_a_normal_difference_are_those_of_the_z_test(value: float) -> None:
    bounds = [value + float(norm.ppf(tail)) * 0.01 for tail in TAILS]
    for limit in (-0.01, 0.0, 0.013):
        z = (value - limit) / 0.01
        assert p_at_most(limit, TAILS, bounds) == pytest.approx(norm.sf(z), rel=1e-6)
        assert p_at_least(limit, TAILS, bounds) == pytest.approx(norm.cdf(z), rel=1e-6)


def test_p_values_meet_the_bounds_that_they_come_from_where_these_are_skewed() -> None:
    bounds = list(np.exp(np.linspace(-3, 1, len(TAILS))) - 0.2)
    for tail, bound in zip(TAILS, bounds, strict=True):
        assert p_at_most(bound, TAILS, bounds) == pytest.approx(tail if tail < TAILS[-1] else 1.0)
        assert p_at_least(bound, TAILS, bounds) == pytest.approx(1 - tail if tail > TAILS[0] else 1.0)


def test_p_values_beyond_the_bounds_are_no_smaller_than_can_be_told() -> None:
    bounds = [0.1 + 0.01 * number for number in range(len(TAILS))]
    assert (p_at_most(0.0, TAILS, bounds), p_at_most(1.0, TAILS, bounds)) == (TAILS[0], 1.0)
    assert (p_at_least(0.0, TAILS, bounds), p_at_least(1.0, TAILS, bounds)) == (1.0, pytest.approx(1 - TAILS[-1]))


def test_no_difference_at_all_shows_nothing() -> None:
    bounds = [0.0] * len(TAILS)
    assert p_at_most(0.0, TAILS, bounds) == p_at_least(0.0, TAILS, bounds) == 1.0


def test_one_side_of_a_two_sided_p_value() -> None:
    assert (p_better(0.04, 0.1), p_better(0.04, -0.1), p_better(1.0, 0.0)) == (0.02, 1.0, 1.0)


@pytest.mark.parametrize("tests", [1, 20])
def test_with_the_rows_needed_four_of_five_trials_show_the_difference(tests: int) -> None:
    """A gain of 0.01 where 6 % of the rows differ, first seen on 1,000 rows."""
    share, gain, alpha = 0.06, 0.01, 0.025
    spread = (share - gain**2) ** 0.5
    half = float(norm.ppf(1 - alpha)) * spread / 1000**0.5
    rows = rows_needed(1000, gain - half, gain + half, gain, alpha, tests)
    assert rows is not None
    rng = np.random.default_rng(3)
    gained, lost, _ = rng.multinomial(rows, [(share + gain) / 2, (share - gain) / 2, 1 - share], 4000).T
    seen = (gained - lost) / rows
    error = ((gained + lost) / rows - seen**2) ** 0.5 / rows**0.5
    assert (seen - norm.ppf(1 - alpha / tests) * error > 0).mean() == pytest.approx(0.8, abs=0.02)


def test_no_number_of_rows_shows_what_points_the_other_way() -> None:
    assert rows_needed(1000, -0.03, 0.01, -0.01, 0.025) is None
    assert rows_needed(1000, 0.0, 0.0, 0.0, 0.025) is None
    assert rows_needed(0, -0.03, 0.05, 0.01, 0.025) is None
