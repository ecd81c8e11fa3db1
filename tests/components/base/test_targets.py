"""Rows of tables with their right answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.base.errors import TextgateError
from components.base.settings import ROLES, DataSchema
from components.base.tables import table_schema
from components.base.targets import KINDS, targets_of
from serving.tasks import TASKS
from serving.tasks.task import Decider


def of(task: Any, labels: list[str], **columns: list[Any]) -> Any:
    data = DataSchema(task=task, labels=labels)
    rows = len(next(iter(columns.values())))
    return targets_of(pa.table({"id": [str(row) for row in range(rows)], **columns}, table_schema(data)), data)


def test_each_task_of_a_config_is_known() -> None:
    assert list(KINDS) == list(TASKS) == list(ROLES)
    assert [KINDS[task].task.name for task in ROLES] == list(ROLES)


def test_rows_and_truth_are_read() -> None:
    one = of("single-label", ["a", "b"], text=["x", "y"], label=["b", "a"])
    assert (one.rows, one.truth.tolist()) == (["x", "y"], [1, 0])
    pair = of("text-pair", ["a", "b"], text=["x"], text_pair=["y"], label=["b"])
    assert (pair.rows, pair.truth.tolist()) == ([("x", "y")], [1])
    several = of("multi-label", ["a", "b"], text=["x", "y", "z"], label=[["b", "a"], [], ["b"]])
    assert several.truth.tolist() == [[True, True], [False, False], [False, True]]
    tags = of("token-tags", ["O", "B-x"], tokens=[["u", None], [], ["v"]], tags=[["O", "B-x"], [], ["O"]])
    assert (tags.rows, tags.truth.tolist()) == ([["u", ""], [], ["v"]], [0, 1, 0])
    for targets in (one, pair, several, tags):
        column = "tags" if targets is tags else "label"
        assert targets.column == column
        assert targets.same(targets.truth, targets.truth).all()


@pytest.mark.parametrize(
    ("task", "columns", "said"),
    [
        ("single-label", {"text": ["x"], "label": ["c"]}, "the label 'c', which is not among data.labels"),
        ("multi-label", {"text": ["x"], "label": [["a", "c"]]}, "the label 'c'"),
        ("token-tags", {"tokens": [["x"]], "tags": [["c"]]}, "the tag 'c'"),
        ("token-tags", {"tokens": [["x"], ["x", "y"]], "tags": [["a"], ["a"]]}, "the row '1' has not one tag for"),
    ],
)
def test_what_the_config_does_not_know_is_refused(task: str, columns: dict[str, Any], said: str) -> None:
    with pytest.raises(TextgateError, match=said):
        of(task, ["a", "b"], **columns)


def test_stored_answers_are_in_the_form_of_the_table() -> None:
    labels = [["b"], [], ["a", "b"]]
    several = of("multi-label", ["a", "b"], text=["x", "y", "z"], label=labels)
    assert several.stored(several.truth).to_pylist() == labels
    tags = of("token-tags", ["O", "B-x"], tokens=[["u", "v"], [], ["w"]], tags=[["O", "B-x"], [], ["O"]])
    assert tags.stored(tags.truth).to_pylist() == [["O", "B-x"], [], ["O"]]
    one = of("single-label", ["a", "b"], text=["x", "y"], label=["b", "a"])
    assert one.stored(one.translated(np.array([2, 0]), ["a", "b", "new"])).to_pylist() == [None, "a"]
    assert np.diag(one.confusion(one.truth)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("task", "given", "decisions"),
    [
        ("single-label", ["b", None, "a"], [1, -1, 0]),
        ("text-pair", ["a", "new"], [0, -1]),
        ("multi-label", [["b"], [], ["b", "a"]], [[0, 1], [0, 0], [1, 1]]),
        ("multi-label", [["b"], [], ["a", "new"]], [[0, 1, 0], [0, 0, 0], [1, 0, 1]]),
        ("token-tags", [["b", None], [], ["a"]], [1, -1, 0]),
    ],
)
def test_what_was_stored_is_restored(task: Any, given: list[Any], decisions: list[Any]) -> None:
    stored = pa.array(given)
    assert KINDS[task].restored(stored, ["a", "b"]).tolist() == decisions
    assert KINDS[task].restored(stored.slice(1), ["a", "b"]).tolist() == decisions[1:] or task == "token-tags"


def test_a_row_is_as_sure_as_its_least_sure_decision() -> None:
    tags = of("token-tags", ["O", "B-x"], tokens=[["u", "v"], ["w"]], tags=[["O", "O"], ["O"]])
    assert tags.margins(np.array([[5, 1], [3, 2], [np.nan, np.nan]]), tags.decider).tolist() == [1, np.inf]
    several = of("multi-label", ["a", "b"], text=["x"], label=[["a"]])
    logits = np.array([[3, -0.5]])
    assert several.margins(logits, several.decider).tolist() == [0.5]
    fitted = Decider(["a", "b"], temperature=2.0, thresholds=[0.8, 0.2])
    assert several.margins(logits, fitted) == pytest.approx([1.5 - np.log(4)])


def test_confusion_has_what_is_true_by_row_and_leaves_out_what_is_unknown() -> None:
    targets = of("single-label", ["a", "b"], text=list("wxyz"), label=["a", "a", "a", "b"])
    assert targets.confusion(np.array([1, 1, 0, -1])) == [[1, 2], [0, 0]]
