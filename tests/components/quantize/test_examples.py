"""What the canary will ask."""

from __future__ import annotations

import numpy as np
import pytest

from components.base.errors import TextgateError
from components.base.targets.labels import LabelTargets, PairTargets
from components.base.targets.sets import SetTargets
from components.base.targets.tags import TagTargets
from components.quantize.examples import examples

TAGS = ["O", "B-x", "I-x", "B-y"]


def test_the_surest_right_rows_of_each_label() -> None:
    truth = np.array([0, 0, 0, 0, 1])
    logits = np.array([[1, 0], [9, 0], [0, 9], [5, 0], [3, 0]])
    found = examples(LabelTargets(list("abcde"), truth, ["first", "second"]), logits)
    assert found == [{"text": "b", "label": "first"}, {"text": "d", "label": "first"}]
    pairs = PairTargets([(text, text.upper()) for text in "abcde"], truth, ["first", "second"])
    assert examples(pairs, logits)[0] == {"text": "b", "text_pair": "B", "label": "first"}


def test_a_row_of_several_labels_is_asked_once() -> None:
    truth = np.array([[True, True], [False, True], [False, False], [True, False]])
    logits = np.where(truth, 3.0, -3.0) * [[1], [2], [3], [4]]
    logits[3, 1] = 1
    found = examples(SetTargets(list("abcd"), truth, ["first", "second"]), logits)
    assert found == [{"text": "a", "labels": ["first", "second"]}, {"text": "b", "labels": ["second"]}]


def test_rows_without_labels_where_no_other_is_right() -> None:
    truth = np.array([[True, False], [False, False]])
    found = examples(SetTargets(["a", "b"], truth, ["first", "second"]), np.full((2, 2), -1.0))
    assert found == [{"text": "b", "labels": []}]


def test_sentences_that_the_server_would_split_otherwise_are_not_asked() -> None:
    rows = [["Anna", "Lee", "met", "Bob"], ["U.S.", "Anna"], ["so", "so"]]
    truth = np.array([1, 2, 0, 3, 3, 1, 0, 0])
    logits = np.eye(4)[truth] * 5
    expected = {
        "text": "Anna Lee met Bob",
        "entities": [
            {"label": "x", "text": "Anna Lee", "start": 0, "end": 8},
            {"label": "y", "text": "Bob", "start": 13, "end": 16},
        ],
    }
    assert examples(TagTargets(rows, truth, TAGS), logits) == [expected]
    lost = logits.copy()
    lost[3] = np.nan
    assert examples(TagTargets(rows, truth, TAGS), lost) == [{"text": "so so", "entities": []}]


def test_a_model_that_is_never_right_is_refused() -> None:
    with pytest.raises(TextgateError, match="answers no validation row rightly"):
        examples(LabelTargets(["a"], np.array([0]), ["first", "second"]), np.array([[0.0, 1.0]]))
