"""Closed forms against statsmodels, and against what they are made of."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from components.base.statistics.bounds import TAILS, bound
from components.base.statistics.proportions import mcnemar, paired_bounds, sign_flips, wilson

TABLES = [(14, 4, 400), (0, 0, 30), (5, 0, 20), (0, 7, 1000), (150, 86, 1600), (1, 1, 2), (3, 0, 3)]


@pytest.mark.parametrize(("hits", "of"), [(0, 1), (1, 1), (3, 7), (95, 100), (9000, 10000)])
def test_wilson_is_that_of_statsmodels(hits: int, of: int) -> None:
    for confidence in (0.9, 0.95):
        expected = proportion_confint(hits, of, alpha=1 - confidence, method="wilson")
        assert wilson(hits, of, confidence) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("gained", "lost", "rows"), TABLES)
def test_mcnemar_is_that_of_statsmodels(gained: int, lost: int, rows: int) -> None:
    both = rows - gained - lost
    expected = reference_mcnemar([[both, gained], [lost, 0]], exact=True).pvalue if gained + lost else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected)
    assert mcnemar(gained, lost) == mcnemar(lost, gained)


@pytest.mark.parametrize(("gained", "lost", "rows"), TABLES)
def test_a_bound_is_where_the_score_statistic_is_the_quantile(gained: int, lost: int, rows: int) -> None:
    """The likeliest shares of a given difference are found by a search here, and by their formula there."""
    bounds = paired_bounds(gained, lost, rows)
    for tail in (0.005, 0.025, 0.1, 0.9, 0.975):
        difference = bounds[np.flatnonzero(np.isclose(TAILS, tail))[0]]
        if abs(difference) > 1 - 1e-6:
            continue
        least, most = max(0.0, -difference), (1 - difference) / 2

        def unlikely(lost_share: float, difference: float = difference) -> float:
            shares = np.array([lost_share + difference, lost_share, 1 - 2 * lost_share - difference])
            counts = np.array([gained, lost, rows - gained - lost])
            return float(-(counts * np.log(np.maximum(shares, 1e-300))).sum())

        share = minimize_scalar(unlikely, bounds=(least, most), method="bounded", options={"xatol": 1e-12}).x
        spread = np.sqrt(rows * (2 * share + difference - difference**2))
        assert (gained - lost - rows * difference) / spread == pytest.approx(-norm.ppf(tail), abs=2e-3)


@pytest.mark.parametrize(("gained", "lost", "rows"), TABLES)
def test_paired_bounds_rise_and_turn_round_with_the_models(gained: int, lost: int, rows: int) -> None:
    there, back = paired_bounds(gained, lost, rows), paired_bounds(lost, gained, rows)
    assert (np.diff(there) >= 0).all()
    assert there == pytest.approx(-back[::-1], abs=1e-9)
    assert bound(there, 0.5) == pytest.approx((gained - lost) / rows, abs=1e-6)
    assert bound(there, 0.025) < bound(there, 0.975)


@pytest.mark.parametrize(("gained", "lost", "rows"), TABLES)
def test_with_groups_of_one_row_flipped_signs_are_mcnemars_test(gained: int, lost: int, rows: int) -> None:
    net = np.repeat([1, -1, 0], [gained, lost, rows - gained - lost])
    assert sign_flips(net) == pytest.approx(mcnemar(gained, lost), rel=1e-9)


@pytest.mark.parametrize("net", [[3, 1, -2, 2, 0, 5], [4, 4, 4], [-6, 1], [2, -2], [0, 0]])
def test_every_way_to_flip_the_signs_is_counted(net: list[int]) -> None:
    sums = [np.dot(signs, net) for signs in itertools.product((1, -1), repeat=len(net))]
    assert sign_flips(np.array(net)) == pytest.approx(np.mean(np.abs(sums) >= abs(sum(net))))
