"""The worst slices, found by decision trees on some of the rows and counted on others.

A slice that was chosen for its mistakes looks worse on the rows it was chosen by than it is. So one half of the rows is
searched, and a slice has rows of the other half only: what is estimated of it then is not biased by the search (honest
estimation: Athey and Imbens 2016, Recursive partitioning for heterogeneous causal effects, PNAS 113).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy.stats import norm
from sklearn.ensemble import RandomForestClassifier

from components.base.settings import SliceSettings
from components.base.targets import Targets
from components.base.truncation import Integers
from components.evaluate.slices.conditions import Condition, Conditions, conditions_of
from components.evaluate.slices.features import Features, features_of
from components.evaluate.slices.slice import Mask, Slice

# Of a slice, in each half; its mistakes in the half that is searched; the rows of a half.
LEAST_ROWS, LEAST_WRONG, MOST_ROWS = 10, 3, 8_000
TREES, DEPTH, SHARE_OF_FEATURES = 60, 3, 0.2
# Of the standard normal distribution; thousands of slices are looked at.
QUANTILE = float(norm.ppf(0.995))


class _Rated(NamedTuple):
    """`rows` of those searched; the share of mistakes among them, and its lower bound."""

    conditions: Conditions
    rows: Mask
    share: float
    low: float


def worst_slices(
    table: pa.Table,
    targets: Targets,
    right: Mask,
    settings: SliceSettings,
    seed: int,
    units: Integers | None = None,
) -> list[Slice]:
    """At most settings.worst, worst first: where mistakes are more frequent than among all rows. What is part of a
    known slice (a label, a column's value, a rule) ranks by how much worse it is than that. None where there are few
    rows, few mistakes, or nothing but mistakes.

    `right` bool [rows]; `table` has the columns settings.kept. Rows of one unit, int64 [rows], are in the same half (no
    units: each row by itself). Of many rows each half is a sample of about MOST_ROWS or fewer, drawn by `seed`.
    """
    if not settings.worst or right.all() or not right.any():
        return []
    units = np.arange(len(right)) if units is None else units
    rng = np.random.default_rng(seed)
    part = _parts(right, units, rng)
    searched, counted = np.flatnonzero(part == 0), np.flatnonzero(part == 1)
    if min(len(searched), len(counted)) < 2 * LEAST_ROWS:
        return []
    features = features_of(table, targets, settings, np.concatenate([searched, counted]), units, 2 * LEAST_ROWS)
    seen = features._replace(values=features.values[: len(searched)])
    unseen = features._replace(values=features.values[len(searched) :])
    found: list[Slice] = []
    for conditions in _search(seen, unseen, ~right[searched], settings.worst, int(rng.integers(2**31))):
        said = " and ".join(condition.said(features) for condition in conditions)
        rows = np.zeros(len(right), bool)
        rows[counted[_meet(conditions, unseen)]] = True
        found.append(Slice(f"worst {len(found) + 1}: {said}", "worst", f"rows with {said}", rows))
    return found


def _parts(right: Mask, units: Integers, rng: np.random.Generator) -> Integers:
    """int64 [rows]: 0, 1 and, of many rows, more; each with its share of the units that have mistakes."""
    _, number = np.unique(units, return_inverse=True)
    wrong = np.bincount(number, ~right) > 0
    order = np.concatenate([rng.permutation(np.flatnonzero(wrong)), rng.permutation(np.flatnonzero(~wrong))])
    part = np.empty(len(wrong), np.int64)
    part[order] = np.arange(len(wrong)) % max(2, math.ceil(len(right) / MOST_ROWS))
    return np.asarray(part[number])


def _search(seen: Features, unseen: Features, wrong: Mask, most: int, seed: int) -> list[Conditions]:
    forest = RandomForestClassifier(
        TREES,
        max_depth=DEPTH,
        min_samples_leaf=LEAST_ROWS,
        max_features=SHARE_OF_FEATURES,
        bootstrap=False,
        class_weight="balanced",
        random_state=seed,
    ).fit(seen.values, wrong)
    nodes = set().union(*(conditions_of(tree.tree_) for tree in forest.estimators_))
    candidates = {_without_absent(conditions, seen) for conditions in nodes}
    simple = {_simplified(conditions, seen, wrong) for conditions in candidates}
    simple -= {(), *((condition,) for condition in _known(seen))}
    rated = [_rate(conditions, seen, wrong) for conditions in sorted(simple)]
    rated.sort(key=lambda each: each.low - _expected(each.conditions, seen, wrong), reverse=True)
    return _distinct([each for each in rated if _is_enough(each, unseen, wrong)], wrong)[:most]


def _is_enough(rated: _Rated, unseen: Features, wrong: Mask) -> bool:
    return bool(
        rated.low > wrong.mean()
        and wrong[rated.rows].sum() >= LEAST_WRONG
        and _meet(rated.conditions, unseen).sum() >= LEAST_ROWS
    )


def _distinct(rated: list[_Rated], wrong: Mask) -> list[Conditions]:
    """Those of which half of the rows are in none before, with more mistakes than among all rows."""
    chosen, covered = [], np.zeros(len(wrong), bool)
    for each in rated:
        new = each.rows & ~covered
        if 2 * new.sum() >= each.rows.sum() and wrong[new].mean() > wrong.mean():
            chosen.append(each.conditions)
            covered |= each.rows
    return chosen


def _known(features: Features) -> list[Condition]:
    """Each makes a slice that is known without a search."""
    return [Condition(int(feature), low=1.0) for feature in np.flatnonzero(features.known)]


def _expected(conditions: Conditions, features: Features, wrong: Mask) -> float:
    """The share of mistakes among all rows, or in a known slice that this is part of."""
    known = set(_known(features)).intersection(conditions)
    return max([_rate((condition,), features, wrong).share for condition in known], default=float(wrong.mean()))


def _without_absent(conditions: Conditions, features: Features) -> Conditions:
    """Without conditions that rows are in no known slice of a name: to have none of all other labels is to have one."""
    return tuple(each for each in conditions if each.low or not features.known[each.feature])


def _simplified(conditions: Conditions, features: Features, wrong: Mask) -> Conditions:
    """Without each condition that does not make the slice worse, beyond chance; none may be left."""
    while conditions:
        best = max((_rate(each, features, wrong) for each in _weaker(conditions)), key=lambda each: each.share)
        if _rate(conditions, features, wrong).low > best.share:
            break
        conditions = best.conditions
    return conditions


def _weaker(conditions: Conditions) -> list[Conditions]:
    """Each with one condition, or one end of a condition, less."""
    found = []
    for place, condition in enumerate(conditions):
        for part in ((), *((weaker,) for weaker in condition.weaker())):
            found.append((*conditions[:place], *part, *conditions[place + 1 :]))
    return found


def _rate(conditions: Conditions, features: Features, wrong: Mask) -> _Rated:
    """`low` is the lower bound of the share of mistakes (Wilson 1927)."""
    rows = _meet(conditions, features)
    count, spread = rows.sum(), QUANTILE**2
    share = wrong[rows].mean()
    half = QUANTILE * np.sqrt(share * (1 - share) / count + spread / (4 * count**2))
    low = (share + spread / (2 * count) - half) / (1 + spread / count)
    return _Rated(conditions, rows, float(share), float(low))


def _meet(conditions: Conditions, features: Features) -> Mask:
    rows = np.ones(len(features.values), bool)
    for condition in conditions:
        rows &= condition.met(features)
    return rows
