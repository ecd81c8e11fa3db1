from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from components.base.settings import TrainingSettings
from components.finetune.losses import label_weights
from components.finetune.losses import losses as losses_of
from components.finetune.rows import Rows
from components.finetune.schedule import learning_rate

LOGITS = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]], np.float32)
LABELS = np.array([0, 1], np.int32)
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


def losses(**settings: Any) -> np.ndarray:
    found: np.ndarray = losses_of(LOGITS, LABELS, TrainingSettings(**settings), "single").numpy()
    return found


def test_cross_entropy_smoothed_and_focal_are_their_formulas() -> None:
    of_label = PROBABILITIES[[0, 1], LABELS]
    np.testing.assert_allclose(losses(), -np.log(of_label), rtol=1e-5)
    smoothed = np.full((2, 3), 0.1 / 3) + 0.9 * np.eye(3)[LABELS]
    np.testing.assert_allclose(losses(label_smoothing=0.1), -(smoothed * np.log(PROBABILITIES)).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(losses(focal_gamma=2.0), -((1 - of_label) ** 2) * np.log(of_label), rtol=1e-5)


def test_balanced_labels_weigh_the_same_in_all() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2], np.int32)
    rows = Rows([np.zeros(1)] * 10, labels)
    _, balanced = label_weights(rows, 3, TrainingSettings(class_weights="balanced"))
    np.testing.assert_allclose([balanced[labels][labels == label].sum() for label in range(3)], 10 / 3, rtol=1e-6)
    assert label_weights(rows, 3, TrainingSettings()).tolist() == [[1, 1, 1]] * 2


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("linear", [0.25, 0.5, 1.0, 0.8, 0.6, 0.4, 0.2]),
        ("cosine", [0.25, 0.5, 1.0, 0.9045, 0.6545, 0.3455, 0.0955]),
        ("constant", [0.25, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_rate_rises_and_falls(schedule: str, rates: list[float]) -> None:
    settings = TrainingSettings(schedule=schedule, learning_rate=0.5, warmup_share=4 / 9)
    found = [learning_rate(update, 9, settings) / 0.5 for update in (0, 1, 4, 5, 6, 7, 8)]
    np.testing.assert_allclose(found, rates, atol=1e-4)


def test_what_excludes_each_other_is_refused() -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        TrainingSettings(label_smoothing=0.1, focal_gamma=1.0)
    with pytest.raises(ValueError, match="does not hold one row of the longest bucket, 512"):
        TrainingSettings(batch_tokens=500)
