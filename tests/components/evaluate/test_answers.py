from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from components.base.targets.labels import LabelTargets
from components.base.targets.sets import SetTargets
from components.base.targets.tags import TagTargets
from components.evaluate.answers import Answers, mistakes

IDS = ["r0", "r1", "r2", "r3"]


def listed(targets: Any, decisions: Any, probabilities: Any, most: int = 50) -> list[dict[str, Any]]:
    answers = Answers("digest", targets.labels, np.array(decisions), np.array(probabilities, np.float32))
    return mistakes(IDS, targets, answers, most)


def test_the_surest_mistakes_come_first_and_right_answers_not_at_all() -> None:
    targets = LabelTargets([""] * 4, np.array([0, 0, 1, 1]), ["a", "b"])
    shares = [[0.9, 0.1], [0.4, 0.6], [0.95, 0.05], [0.3, 0.7]]
    found = listed(targets, [0, 1, 0, 1], shares)
    assert found == [
        {"id": "r2", "label": "b", "predicted": "a", "probability": pytest.approx(0.05)},
        {"id": "r1", "label": "a", "predicted": "b", "probability": pytest.approx(0.4)},
    ]
    assert listed(targets, [0, 1, 0, 1], shares, most=1) == found[:1]


def test_a_mistake_in_several_labels_or_words_has_the_mean_of_what_was_right() -> None:
    sets = SetTargets([""] * 4, np.array([[True, False]] * 4), ["a", "b"])
    given = [[True, True], [True, False], [False, False], [True, False]]
    shares = [[0.9, 0.9], [0.9, 0.1], [0.4, 0.1], [0.9, 0.1]]
    found = listed(sets, given, shares)
    assert [(one["id"], one["label"], one["predicted"]) for one in found] == [
        ("r0", ["a"], ["a", "b"]),
        ("r2", ["a"], []),
    ]
    assert found[0]["probability"] == pytest.approx(np.sqrt(0.9 * 0.1), abs=1e-5)
    tags = TagTargets([["u", "v"], ["w"], ["x"], []], np.array([0, 1, 0, 1]), ["O", "B-x"])
    words = listed(tags, [0, 0, 0, 0], [[0.9, 0.1], [0.8, 0.2], [0.9, 0.1], [np.nan, np.nan]])
    assert [(one["id"], one["label"], one["predicted"]) for one in words] == [
        ("r0", ["O", "B-x"], ["O", "O"]),
        ("r2", ["B-x"], ["O"]),
    ]
    assert words[0]["probability"] == pytest.approx(np.sqrt(0.9 * 0.2), abs=1e-5)
    assert words[1]["probability"] == 1
