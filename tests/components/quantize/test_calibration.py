from __future__ import annotations

import numpy as np
import pytest

from components.quantize.calibration import fit_abstention


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
