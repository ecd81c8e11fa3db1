"""Thresholds of several labels, against plain enumeration and on rows that they were not fitted on."""

from __future__ import annotations

import numpy as np
import pytest

from components.base.targets.sets import SetTargets
from components.base.thresholds import SHARED, fit_thresholds
from serving.tasks.task import Decider


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def drawn(
    rng: np.random.Generator, rows: int, prior: np.ndarray, apart: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Normal scores that lie `apart` for those that have a label; their logits are off by `shift`."""
    truth = rng.random((rows, len(prior))) < prior
    scores = rng.normal(size=truth.shape) + truth * apart
    return sigmoid(apart * scores - apart**2 / 2 + np.log(prior / (1 - prior)) + shift), truth


def f1(probabilities: np.ndarray, truth: np.ndarray, thresholds: list[float]) -> np.ndarray:
    """Of each label, by what is served."""
    targets = SetTargets([""] * len(truth), truth, [str(label) for label in range(truth.shape[1])])
    decided = targets.task.decide(probabilities, Decider(targets.labels, thresholds=thresholds))
    return np.nan_to_num(targets.counts(decided).whole().by_class("f1")[0])


def test_the_best_threshold_is_the_middle_of_its_gap() -> None:
    low, high = [0.1] * 60 + [0.2], [0.3, 0.32] * 15
    probabilities = np.array([[share] for share in low + high], np.float32)
    truth = np.array([[False]] * len(low) + [[True]] * len(high))
    assert fit_thresholds(probabilities, truth) == [0.25]
    shuffled = np.random.default_rng(0).permutation(len(truth))
    assert fit_thresholds(probabilities[shuffled], truth[shuffled]) == [0.25]


def test_a_single_label_gets_the_threshold_of_its_best_f1_to_within_an_answer() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        probabilities, truth = drawn(rng, 300, np.array([0.2]), rng.uniform(0.5, 3, 1), rng.normal(0, 1, 1))
        (found,) = fit_thresholds(probabilities, truth)
        tried = [f1(probabilities, truth, [point])[0] for point in np.linspace(0.005, 0.995, 199)]
        # The label is all there is, so that what it shares with others changes nothing but the scale.
        assert f1(probabilities, truth, [found])[0] >= max(tried) - 1 / (0.9 * truth.sum())


def test_what_is_worth_no_answer_stays_at_a_half() -> None:
    truth = np.arange(400)[:, None] % 4 == 0
    assert fit_thresholds(np.where(truth, 0.9, 0.2).astype(np.float32), truth) == [0.5]
    assert fit_thresholds(np.full((50, 3), 0.3, np.float32), np.zeros((50, 3), bool)) == [0.5] * 3
    certain = np.where(truth, 1.0, 0.0).astype(np.float32)
    assert fit_thresholds(certain, truth) == [0.5]
    for low, expected in ((1, 0.5), (5, 0.3)):
        shares = np.where(truth, 0.9, 0.2).astype(np.float32)
        shares[np.flatnonzero(truth[:, 0])[:low]] = 0.4
        assert fit_thresholds(shares, truth) == [expected], "one answer is worth no move, five are"


def test_a_probability_that_is_the_threshold_reaches_it() -> None:
    truth = np.arange(400)[:, None] % 4 == 0
    assert fit_thresholds(np.where(truth, 0.5, 0.499).astype(np.float32), truth) == [0.5]


def test_a_threshold_is_never_0_or_1() -> None:
    truth = np.arange(400)[:, None] % 4 == 0
    assert fit_thresholds(np.where(truth, 1e-7, 0.0).astype(np.float32), truth) == [0.5]
    near = np.where(truth, 1.0, 1 - 2.0**-23).astype(np.float32)
    assert fit_thresholds(near, truth) == [0.5]


def test_a_label_of_few_rows_follows_the_others() -> None:
    rng = np.random.default_rng(2)
    many = drawn(rng, 2000, np.full(4, 0.2), np.full(4, 1.5), np.full(4, -2.0))
    rare = np.full((2000, 1), 0.001, np.float32)
    rare[:3] = 0.6
    has = np.arange(2000)[:, None] == 0
    found = fit_thresholds(np.hstack([many[0], rare]), np.hstack([many[1], has]))
    assert max(found[:4]) < 0.15
    assert found[4] < 0.5, "one row alone would say nothing below 0.6"
    (*_, never) = fit_thresholds(np.hstack([many[0], rare / 20]), np.hstack([many[1], has & False]))
    assert max(rare / 20) < never < 0.15, "beyond its own probabilities it has those of the others"


def test_probabilities_that_rounding_cannot_tell_apart_are_decided_as_they_are_served() -> None:
    """Every middle is rounded to a value that lies on one side of both neighbours, or on one of them."""
    near = np.float32(0.3) + np.arange(40, dtype=np.float32) * np.float32(3e-8)
    probabilities = np.concatenate([near, np.full(100, 1e-9, np.float32), np.full(20, 1 - 2**-24, np.float32)])[:, None]
    truth = np.concatenate([np.arange(40) >= 20, np.zeros(100, bool), np.ones(20, bool)])[:, None]
    (found,) = fit_thresholds(probabilities, truth)
    assert 0 < found < 1 and found == round(found, 6)
    best = max(
        f1(probabilities, truth, [round(point, 6)])[0] for point in [0.1, *np.arange(0.29999, 0.30001, 1e-6), 0.5]
    )
    assert f1(probabilities, truth, [found])[0] >= best - 1 / SHARED / 2


@pytest.mark.parametrize(
    ("apart", "shift", "gain"),
    [((1.0, 3.0), 0.5, 0.02), ((2.5, 4.5), 0.3, -0.002), ((0.5, 2.0), 0.0, 0.03)],
)
def test_on_other_rows_they_do_not_lose_against_a_half(apart: tuple[float, float], shift: float, gain: float) -> None:
    rng = np.random.default_rng(3)
    gains = []
    for _ in range(12):
        prior = np.exp(rng.uniform(np.log(0.01), np.log(0.3), 12))
        kind = prior, rng.uniform(*apart, 12), rng.normal(0, shift, 12)
        thresholds, other = fit_thresholds(*drawn(rng, 500, *kind)), drawn(rng, 5000, *kind)
        gains.append((f1(*other, thresholds) - f1(*other, [0.5] * 12)).mean())
    assert np.mean(gains) > gain
