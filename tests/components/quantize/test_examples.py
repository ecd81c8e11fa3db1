"""What the canary will ask."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from components.base.errors import TextgateError
from components.base.targets import Targets
from components.base.targets.labels import LabelTargets, PairTargets
from components.base.targets.sets import SetTargets
from components.base.targets.tags import TagTargets
from components.quantize.examples import examples
from serving.predictor import Classifier, Scorer
from serving.tasks.task import Decider

TAGS = ["O", "B-x", "I-x", "B-y"]


def classifier(targets: Targets, logits: np.ndarray, decider: Decider, changes: dict[str, Any]) -> Classifier:
    """One that stands for a bundle: asked by itself, a row has its logits, or those in `changes` under its text."""
    ends = np.cumsum(np.bincount(targets.owners, minlength=len(targets)))
    known = {str(row): part for row, part in zip(targets.rows, np.split(logits, ends[:-1]), strict=True)}
    known |= {str(row): np.atleast_2d(part) for row, part in changes.items()}

    def alone(rows: list[Any], *_: Any) -> np.ndarray:
        assert len(rows) == 1, "examples are asked one by one, as the canary does"
        return known[str(rows[0])]

    scorer = SimpleNamespace(task=targets.task, outputs=len(targets.labels), path="a model", logits=alone)
    return Classifier(cast(Scorer, scorer), decider)


def asked(
    targets: Targets, logits: np.ndarray, changes: dict[str, Any] | None = None, **fitted: Any
) -> list[dict[str, Any]]:
    decider = Decider(targets.labels, **{"thresholds": targets.decider.thresholds, **fitted})
    return examples(targets, logits, classifier(targets, logits, decider, changes or {}))


def test_the_surest_right_rows_of_each_label() -> None:
    truth = np.array([0, 0, 0, 0, 1])
    logits = np.array([[1, 0], [9, 0], [0, 9], [5, 0], [3, 0]])
    found = asked(LabelTargets(list("abcde"), truth, ["first", "second"]), logits)
    assert found == [{"text": "b", "label": "first"}, {"text": "d", "label": "first"}]
    pairs = PairTargets([(text, text.upper()) for text in "abcde"], truth, ["first", "second"])
    assert asked(pairs, logits)[0] == {"text": "b", "text_pair": "B", "label": "first"}


def test_a_row_of_several_labels_is_asked_once() -> None:
    truth = np.array([[True, True], [False, True], [False, False], [True, False]])
    logits = np.where(truth, 3.0, -3.0) * [[1], [2], [3], [4]]
    logits[0, 1], logits[3, 1] = 4, 1
    found = asked(SetTargets(list("abcd"), truth, ["first", "second"]), logits)
    assert found == [{"text": "a", "labels": ["first", "second"]}, {"text": "b", "labels": ["second"]}]


def test_a_row_is_right_by_the_fitted_thresholds() -> None:
    """At 0.5 both would be right; at 0.9 and 0.1 the first lacks its first label and the second has one too many."""
    truth = np.array([[True, False], [True, False], [True, False]])
    logits = np.array([[2.0, -5.0], [5.0, -1.0], [3.0, -3.0]])
    targets = SetTargets(list("abc"), truth, ["first", "second"])
    assert [example["text"] for example in asked(targets, logits)] == ["c", "a"]
    assert [example["text"] for example in asked(targets, logits, thresholds=[0.9, 0.1])] == ["c"]
    assert [example["text"] for example in asked(targets, logits, thresholds=[0.9, 0.1], temperature=0.4)] == ["c", "a"]
    near = np.array([[2.5, -2.6], [9.0, -2.0]])
    pair = SetTargets(["near", "far"], truth[:2], ["first", "second"])
    assert [example["text"] for example in asked(pair, near)] == ["near", "far"]
    assert [example["text"] for example in asked(pair, near, thresholds=[0.9, 0.5])] == ["far", "near"]


def test_a_row_that_is_answered_otherwise_by_itself_is_not_asked() -> None:
    targets = LabelTargets(list("abc"), np.zeros(3, int), ["first", "second"])
    logits = np.array([[9.0, 0], [8, 0], [7, 0]])
    found = asked(targets, logits, {"a": [0.0, 1]})
    assert [example["text"] for example in found] == ["b", "c"]


def test_rows_without_labels_where_no_other_is_right() -> None:
    truth = np.array([[True, False], [False, False]])
    found = asked(SetTargets(["a", "b"], truth, ["first", "second"]), np.full((2, 2), -1.0))
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
    assert asked(TagTargets(rows, truth, TAGS), logits) == [expected]


def test_where_no_sentence_with_an_entity_is_right_the_model_is_held_to_its_own_answers() -> None:
    rows = [["Anna", "Lee"], ["Bob", "so"], ["so", "so"], ["U.S.", "Anna"]]
    truth = np.array([1, 2, 3, 0, 0, 0, 0, 0])
    said = np.array([1, 0, 0, 0, 0, 0, 1, 1])
    logits = np.eye(4)[said] * np.array([5, 5, 4, 4, 3, 3, 9, 9])[:, None]
    read = {"['U', '.', 'S', '.', 'Anna']": np.eye(4)[[0, 0, 0, 0, 3]]}
    assert asked(TagTargets(rows, truth, TAGS), logits, read) == [
        {
            "text": "U.S. Anna",
            "entities": [{"label": "y", "text": "Anna", "start": 5, "end": 9}],
            "right": False,
        },
        {"text": "Anna Lee", "entities": [{"label": "x", "text": "Anna", "start": 0, "end": 4}], "right": False},
        {"text": "so so", "entities": []},
    ]


def test_a_model_that_is_never_right_is_asked_what_it_answers() -> None:
    found = asked(LabelTargets(["a"], np.array([0]), ["first", "second"]), np.array([[0.0, 1.0]]))
    assert found == [{"text": "a", "label": "second", "right": False}]
    silent = SetTargets(["a", "b", "c"], np.ones((3, 2), bool), ["first", "second"])
    found = asked(silent, np.array([[-1.0, -2], [-5, -5], [-4, -4]]))
    assert found == [{"text": text, "labels": [], "right": False} for text in "bc"]


def test_texts_that_the_server_would_refuse_are_not_asked() -> None:
    truth, logits = np.zeros(3, int), np.array([[9.0, 0], [8, 0], [7, 0]])
    found = asked(LabelTargets(["", "a" * 20_001, "b"], truth, ["first", "second"]), logits)
    assert found == [{"text": "b", "label": "first"}]
    with pytest.raises(TextgateError, match="the canary can ask no validation row: none has a text of 1 to 20000"):
        asked(LabelTargets([""], truth[:1], ["first", "second"]), logits[:1])
