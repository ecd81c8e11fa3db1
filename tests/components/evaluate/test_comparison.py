"""Against the champion: on the labels that both have and the rows that it was not trained on, whatever the task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from components.base.settings import EvaluationSettings
from components.base.settings.data import Task
from components.base.targets import Targets
from components.base.targets.labels import LabelTargets
from components.base.targets.sets import SetTargets
from components.base.targets.tags import TagTargets
from components.base.targets.targets import aligned
from components.evaluate.answers import Answers
from components.evaluate.comparison import against, against_champion
from components.evaluate.metrics import Rows, score_slices
from components.evaluate.slices import Slice

OPTIONS = EvaluationSettings(bootstrap_samples=300)
LABELS = ["a", "b", "c"]


def answers(targets: Targets, decisions: Any, labels: list[str]) -> Answers:
    """`decisions` by `labels`, with probabilities that fit."""
    shares = np.full((len(decisions), len(labels)), 0.1)
    if decisions.ndim == 2:
        shares = np.where(decisions, 0.9, 0.1)
    else:
        shares[np.arange(len(decisions)), decisions] = 0.8
    found = aligned(shares.astype(np.float32), labels, targets.labels)
    return Answers("digest", labels, targets.translated(decisions, labels), found)


def single(truth: list[int], mine: list[int], theirs: list[int], labels: list[str]) -> tuple[Rows, Answers, Answers]:
    targets = LabelTargets([""] * len(truth), np.array(truth), LABELS)
    models = answers(targets, np.array(mine), LABELS), answers(targets, np.array(theirs), labels)
    return Rows(targets, None, "single-label"), *models


def compared(
    rows: Rows, mine: Answers, theirs: Answers, seen: Any = None, slices: Any = (), unknown: str = ""
) -> dict[str, Any]:
    nothing = np.zeros(len(rows.targets), bool) if seen is None and not unknown else seen
    return against_champion(rows, mine, theirs, slices, nothing, unknown, OPTIONS)


def test_with_other_labels_the_rows_of_shared_ones_are_compared_and_it_is_said() -> None:
    """The champion knows a, b and an old label; c is new."""
    found = compared(*single([0, 0, 1, 1, 2, 2], [0, 2, 1, 1, 2, 2], [0, 0, 2, 1, 2, 2], ["a", "b", "old"]))
    assert (found["rows"], found["labels"], found["fair"]) == (4, ["a", "b"], True)
    (note,) = found["notes"]
    assert "new are c; gone are old" in note and "the 2 that both have, on 4 rows" in note
    assert found["metrics"]["accuracy"]["value"] == 0
    assert (found["metrics"]["accuracy"]["gained"], found["metrics"]["accuracy"]["lost"]) == (1, 1)
    assert set(found["per_label"]) == {"a", "b"}


def test_the_order_of_labels_is_no_difference() -> None:
    rows, mine, theirs = single([0, 1, 2] * 20, [0, 1, 2] * 20, [2, 0, 1] * 20, ["b", "c", "a"])
    found = compared(rows, mine, theirs)
    assert "labels" not in found and found["notes"] == []
    assert found["metrics"]["accuracy"]["value"] == 0 and found["metrics"]["roc_auc"]["value"] == 0


def test_rows_that_the_champion_was_trained_on_are_left_out_and_counted() -> None:
    truth = [0, 1, 2] * 10
    wrong = [(label + 1) % 3 for label in truth]
    rows, mine, theirs = single(truth, wrong[:10] + truth[10:], truth[:10] + wrong[10:], LABELS)
    seen = np.arange(30) < 10
    part = Slice("start", "rule", "the first rows", np.arange(30) < 15)
    found = compared(rows, mine, theirs, seen, [part])
    assert (found["rows"], found["seen"], found["fair"]) == (20, 10, False)
    assert "trained on 10 of the 30 test rows: compared on the other 20" in found["notes"][0]
    assert found["metrics"]["accuracy"]["value"] == 1
    assert (found["slices"]["start"]["accuracy"]["rows"], found["slices"]["start"]["accuracy"]["value"]) == (5, 1)
    unsure = compared(rows, mine, theirs, None, unknown="its data is gone")
    assert (unsure["seen"], unsure["rows"], unsure["fair"]) == (None, 30, True)
    assert "is not known: its data is gone" in unsure["notes"][0]


def test_with_no_row_to_compare_nothing_is_compared() -> None:
    inputs = single([0, 1], [0, 1], [0, 1], LABELS)
    assert compared(*inputs, np.ones(2, bool)) | {"notes": []} == {
        "rows": 0, "fair": False, "seen": 2, "notes": [], "metrics": {}, "per_label": {}, "slices": {},
    }  # fmt: skip
    strange = compared(*single([0, 1], [0, 1], [0, 1], ["x", "y"]))
    assert (strange["rows"], strange["labels"], strange["metrics"]) == (0, [], {})
    sets = SetTargets([""], np.array([[True, False]]), ["a", "b"])
    mine, theirs = (answers(sets, np.array([[True, False]]), labels) for labels in (["a", "b"], ["x", "y"]))
    nothing = compared(Rows(sets, None, "multi-label"), mine, theirs)
    assert (nothing["rows"], nothing["labels"], nothing["metrics"]) == (0, [], {})


@pytest.mark.parametrize("task", ["multi-label", "token-tags"])
def test_labels_of_one_side_alone_do_not_count_where_rows_have_several(task: Task) -> None:
    """Both models are right in what they share; the new label is found, the old one is given."""
    if task == "multi-label":
        targets: Targets = SetTargets([""] * 90, np.tile(np.eye(3, dtype=bool), (30, 1)), LABELS)
        mine = answers(targets, np.tile(np.eye(3, dtype=bool), (30, 1)), LABELS)
        given = np.tile([[True, False, False], [False, True, True], [False, False, True]], (30, 1))
        theirs = answers(targets, given, ["a", "b", "old"])
    else:
        names = ["O", "B-a", "B-c"]
        tags = np.tile([1, 2, 0], 30)
        targets = TagTargets([["u", "v"], ["w"]] * 30, tags, names)
        mine, theirs = answers(targets, np.tile([1, 2, 2], 30), names), answers(targets, tags, ["O", "B-a", "B-old"])
    found = compared(Rows(targets, None, task), mine, theirs)
    assert found["rows"] == len(targets) and found["labels"] == (["a", "b"] if task == "multi-label" else ["a"])
    for name in ("accuracy", "macro_f1", "micro_f1"):
        assert found["metrics"][name]["value"] == 0, name


def test_a_slice_without_rows_says_so_and_one_of_one_class_is_scored() -> None:
    rows, mine, theirs = single([0, 0, 1, 2], [0, 0, 1, 1], [0, 1, 1, 2], LABELS)
    parts = [
        Slice("none", "rule", "no row", np.zeros(4, bool)),
        Slice("one class", "rule", "rows of a", np.array([True, True, False, False])),
        Slice("label=c", "label", "rows of c", np.array([False, False, False, True])),
    ]
    empty, one, label = score_slices(rows, mine, parts, OPTIONS)
    assert (empty["rows"], empty["metrics"]["accuracy"]["value"]) == (0, None)
    assert empty["metrics"]["accuracy"]["why"] == "no test row is in the slice"
    assert (one["metrics"]["accuracy"]["value"], one["metrics"]["macro_f1"]["value"]) == (1, 1)
    assert one["metrics"]["accuracy"]["unreliable"] and one["metrics"]["accuracy"]["low"] < 0.5
    assert list(label["metrics"]) == ["accuracy"] and label["metrics"]["accuracy"]["value"] == 0
    found = compared(rows, mine, theirs, slices=parts)["slices"]
    assert (found["none"]["accuracy"]["value"], found["none"]["accuracy"]["rows"]) == (None, 0)
    assert found["one class"]["accuracy"]["value"] == 0.5 and found["label=c"]["accuracy"]["value"] == -1


def test_models_of_one_run_are_compared_on_all_rows() -> None:
    rows, mine, theirs = single([0, 1, 2, 0], [0, 1, 2, 0], [0, 1, 1, 0], LABELS)
    found = against(rows, mine, theirs, OPTIONS)
    assert (found["rows"], found["fair"], found["seen"], found["notes"]) == (4, True, 0, [])
    assert found["metrics"]["accuracy"]["value"] == 0.25
