from __future__ import annotations

from typing import Any

import pytest
from scipy.stats import binomtest

from components.base.errors import TextgateError
from pipelines.comparing.metrics import metrics
from pipelines.comparing.predictions import predictions
from tests.pipelines.comparing.made import LABELS, Rows, answers, record

pytestmark = pytest.mark.usefixtures("workspace")

OLD: Rows = [
    ("a", "bad", "bad"),
    ("b", "good", "bad"),
    ("c", "good", "good"),
    ("d", "plain", "bad"),
    ("e", "bad", "good"),
    ("gone", "bad", "bad"),
]
# In another order; e has another right answer, and f is new.
NEW: Rows = [
    ("e", "good", "bad"),
    ("f", "bad", "bad"),
    ("a", "bad", "bad"),
    ("b", "good", "good"),
    ("c", "good", "plain"),
    ("d", "plain", "good"),
]


def flips(old: Rows, new: Rows, column: str = "label", **evaluation: Any) -> dict[str, Any]:
    return predictions(record("old", answers(old, column), evaluation), record("new", answers(new, column), evaluation))


def test_flips_are_named_by_id_with_what_became_of_them() -> None:
    found = flips(OLD, NEW)
    assert found["flips"] == [
        {"id": "b", "label": "good", "old": "bad", "new": "good", "became": "right"},
        {"id": "c", "label": "good", "old": "good", "new": "plain", "became": "wrong"},
        {"id": "d", "label": "plain", "old": "bad", "new": "good", "became": "otherwise wrong"},
        {"id": "e", "label": "good", "label_before": "bad", "old": "good", "new": "bad", "became": "otherwise wrong"},
    ]
    assert (found["rows"], found["only_old"], found["only_new"], found["relabelled"]) == (5, 1, 1, 1)
    assert found["became"] == {"right": 1, "wrong": 1, "otherwise wrong": 2}
    assert found["largest_probability_difference"] is None


def test_a_prediction_that_followed_a_new_right_answer_is_right_otherwise() -> None:
    (flip,) = flips([("a", "bad", "bad")], [("a", "good", "good")])["flips"]
    assert (flip["label_before"], flip["became"]) == ("bad", "otherwise right")


def test_copies_of_an_id_are_paired_in_order() -> None:
    old = [("a", "bad", "bad"), ("a", "bad", "good"), ("a", "bad", "good")]
    found = flips(old, [("a", "bad", "bad"), ("a", "bad", "bad")])
    assert [flip["became"] for flip in found["flips"]] == ["right"]
    assert (found["rows"], found["only_old"]) == (2, 1)


def test_sets_of_labels_are_the_same_in_any_order() -> None:
    old = [("a", ["bad", "good"], ["good", "bad"]), ("b", [], ["plain"]), ("c", ["bad"], [])]
    new = [("a", ["bad", "good"], ["bad", "good"]), ("b", [], []), ("c", ["bad"], ["plain"])]
    found = flips(old, new, task="multi-label")
    assert [(flip["id"], flip["became"]) for flip in found["flips"]] == [("b", "right"), ("c", "otherwise wrong")]


def test_tags_flip_by_row_and_rows_that_were_cut_otherwise_are_not_shared() -> None:
    labels = ["O", "B-x"]
    old = [("a", ["O", "B-x"], ["O", "O"]), ("b", ["O"], ["O"]), ("c", ["O", "O"], ["O", "O"])]
    new = [("a", ["O", "B-x"], ["O", "B-x"]), ("b", ["O", "B-x"], ["O", "B-x"]), ("c", ["O", "O"], ["O", "O"])]
    found = flips(old, new, "tags", task="token-tags", labels=labels)
    assert [(flip["id"], flip["old"], flip["new"]) for flip in found["flips"]] == [("a", ["O", "O"], ["O", "B-x"])]
    assert (found["rows"], found["only_old"], found["only_new"]) == (2, 1, 1)


def test_the_largest_difference_of_a_probability_is_over_labels_of_either_run() -> None:
    rows: Rows = [("a", "bad", "bad"), ("b", "good", "good")]
    old = record("old", answers(rows, probabilities=[[0.75, 0.25], [0.25, 0.75]]), {"labels": ["bad", "good"]})
    other = [[0.25, 0.75, 0.0], [0.5, 0.25, 0.25]]
    new = record("new", answers(rows, probabilities=other), {"labels": ["good", "bad", "plain"]})
    assert predictions(old, new)["largest_probability_difference"] == 0.25
    tags: Rows = [("a", ["O", "O"], ["O", "O"])]
    word = [[[0.5, 0.5], [float("nan")] * 2]], [[[0.375, 0.625], [float("nan")] * 2]]
    both = {"task": "token-tags", "labels": ["O", "B-x"]}
    sides = [record(job, answers(tags, "tags", one), both) for job, one in zip(("x", "y"), word, strict=True)]
    assert predictions(*sides)["largest_probability_difference"] == 0.125


def test_the_paired_difference_is_of_rows_that_both_have_with_the_same_right_answer() -> None:
    rows = [f"{number:03}" for number in range(120)]
    old: Rows = [(row, LABELS[place % 3], LABELS[place % 3 if place < 60 else 0]) for place, row in enumerate(rows)]
    new: Rows = [(row, LABELS[place % 3], LABELS[place % 3 if place < 96 else 0]) for place, row in enumerate(rows)]
    new[0] = (rows[0], "good", "good")
    found = metrics(
        record("old", answers(old), {"accuracy": 0.7, "rows": 120}), record("new", answers(new), {"accuracy": 0.8})
    )
    assert (found["rows"], found["test_rows"], found["notes"]) == (119, {"old": 120, "new": 90}, [])
    accuracy = found["metrics"]["accuracy"]
    assert (accuracy["old"]["value"], accuracy["new"]["value"]) == (0.7, 0.8)
    paired = accuracy["paired"]
    assert (paired["gained"], paired["lost"]) == (24, 0)
    assert paired["value"] == pytest.approx(24 / 119) and 0.1 < paired["low"] < 24 / 119 < paired["high"] < 0.35
    assert paired["p"] == pytest.approx(binomtest(24, 24).pvalue)
    assert found["metrics"]["macro_f1"]["paired"]["value"] > 0
    assert found["metrics"]["brier"]["paired"] is None


def test_groups_of_rows_are_said_not_to_be_known() -> None:
    grouped = {"units": {"of": "author", "count": 3}}
    found = metrics(record("old", answers(OLD), {}), record("new", answers(NEW), grouped))
    assert found["notes"] == ["the paired difference takes each row by itself: which rows belong together is not kept"]


def test_without_a_shared_row_metrics_stand_beside_each_other() -> None:
    found = metrics(record("old", answers(OLD[:1]), {}), record("new", answers(NEW[1:2]), {}))
    assert found["rows"] == 0 and found["metrics"]["accuracy"]["paired"] is None
    assert found["notes"] == ["no test row stands in both runs with the same right answer: no paired difference"]


def test_what_a_run_lacks_is_said() -> None:
    whole, without = record("whole", answers(OLD), {}), record("without", None, {})
    with pytest.raises(TextgateError, match="tiny-without has no evaluation/predictions.parquet.*run --like"):
        predictions(whole, without)
    found = metrics(whole, without)
    assert found["metrics"]["accuracy"]["new"]["value"] == 0.7 and "tiny-without has no" in found["notes"][0]
    with pytest.raises(TextgateError, match=r"tiny-early has no evaluation.*\(refused-by-validation\)"):
        metrics(whole, record("early", outcome="refused-by-validation"))
    with pytest.raises(TextgateError, match="other tasks: single-label and multi-label"):
        predictions(whole, record("other", answers(OLD), {"task": "multi-label"}))
