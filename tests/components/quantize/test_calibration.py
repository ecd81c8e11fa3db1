from __future__ import annotations

import numpy as np
import pytest

from components.base.targets.labels import LabelTargets
from components.base.targets.sets import SetTargets
from components.base.thresholds import fit_thresholds
from components.quantize.calibration import fit_abstention, fit_decider, fit_temperature


def fitted(confidence: list[float], right: list[int], precision: float) -> float:
    order = np.random.default_rng(0).permutation(len(right))
    return fit_abstention(np.array(confidence)[order], np.array(right, bool)[order], precision)


@pytest.mark.parametrize(
    ("right", "precision", "below"),
    [
        ([1, 1, 0, 1, 0], 1.0, 0.8),
        ([1, 1, 0, 1, 0], 0.75, 0.6),
        ([1, 1, 0, 1, 0], 0.6, 0.0),  # all of them
        ([0, 0, 1, 1, 0], 0.9, 1.0),  # none from any probability on
    ],
)
def test_it_is_the_least_probability_that_keeps_the_precision(right: list[int], precision: float, below: float) -> None:
    assert fitted([0.9, 0.8, 0.7, 0.6, 0.5], right, precision) == below


def test_answers_of_one_probability_are_withheld_together_or_not_at_all() -> None:
    for right in ([1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]):
        assert fitted([0.9, 0.7, 0.7, 0.7], right, 1.0) == 0.9
        assert fitted([0.9, 0.7, 0.7, 0.7], right, 0.6) == 0.9


def test_thresholds_are_fitted_at_the_fitted_temperature_where_the_task_has_any() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (400, 2))
    truth = rng.random(logits.shape) < 1 / (1 + np.exp(-logits))
    several = SetTargets([""] * 400, truth, ["a", "b"])
    decider = fit_decider(several, 3 * logits - 3, thresholds=True)
    at_temperature = several.task.probabilities(3 * logits - 3, decider.temperature)
    assert decider.temperature == fit_temperature(3 * logits - 3, truth)
    assert decider.thresholds == fit_thresholds(at_temperature, truth) != [0.5, 0.5]
    assert fit_decider(several, 3 * logits - 3, thresholds=False).thresholds == [0.5, 0.5]
    one = LabelTargets([""] * 400, truth[:, 0].astype(int), ["a", "b"])
    assert fit_decider(one, logits, thresholds=True).thresholds == []
