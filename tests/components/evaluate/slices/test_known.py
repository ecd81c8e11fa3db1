"""Slices by label, length, column and rule, of each task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.base.settings import ROLES, DataSchema, SliceRule, SliceSettings
from components.base.tables import read_table, table_schema
from components.base.targets import Targets, targets_of
from components.evaluate.slices import Slice, known_slices
from tests.task_tables import schema_of, write_task


def made(task: Any, labels: list[str], keep: dict[str, list[str]] | None = None, **columns: list[Any]) -> Any:
    data = DataSchema(task=task, labels=labels)
    rows = {"id": [str(row) for row in range(len(next(iter(columns.values()))))], **columns}
    table = pa.table(rows, table_schema(data))
    for name, values in (keep or {}).items():
        table = table.append_column(name, pa.array(values, pa.string()))
    return table, targets_of(table, data)


def single(texts: list[str], keep: dict[str, list[str]] | None = None) -> tuple[pa.Table, Targets]:
    labels = ["a" if row % 2 else "b" for row in range(len(texts))]
    return made("single-label", ["a", "b", "c"], keep, text=texts, label=labels)


def rows_of(slices: list[Slice], by: str | None = None) -> dict[str, list[int]]:
    return {each.name: np.flatnonzero(each.rows).tolist() for each in slices if by in (None, each.by)}


def test_the_rows_of_each_label_that_has_any() -> None:
    one = made("single-label", ["a", "b", "c"], text=["x", "y", "z"], label=["b", "a", "b"])
    assert rows_of(known_slices(*one, SliceSettings()), "label") == {"label=a": [1], "label=b": [0, 2]}
    pair = made("text-pair", ["a", "b"], text=["x", "y"], text_pair=["u", "v"], label=["b", "b"])
    assert rows_of(known_slices(*pair, SliceSettings()), "label") == {"label=b": [0, 1]}
    several = made("multi-label", ["a", "b", "c"], text=["x", "y", "z"], label=[["b", "a"], [], ["b"]])
    assert rows_of(known_slices(*several, SliceSettings()), "label") == {"label=a": [0], "label=b": [0, 2]}
    tags = [["O", "B-x", "I-x"], [], ["I-y", "B-x"], ["B-y"]]
    words = made("token-tags", ["O", "B-x", "I-x", "B-y", "I-y"], tokens=[["w"] * len(row) for row in tags], tags=tags)
    assert rows_of(known_slices(*words, SliceSettings()), "label") == {"label=x": [0, 2], "label=y": [3]}


def test_lengths_are_between_the_bounds_with_both_ends() -> None:
    table, targets = single(["", "x" * 20, "x" * 21, "x" * 60, "x" * 61])
    found = known_slices(table, targets, SliceSettings(lengths=[20, 60, 100]))
    assert rows_of(found, "length") == {"length=0-20": [0, 1], "length=21-60": [2, 3], "length=61-100": [4]}
    assert [each.where for each in found if each.by == "length"][1] == "texts of 21 to 60 characters"
    assert rows_of(known_slices(table, targets, SliceSettings(lengths=[20])), "length")["length=21+"] == [2, 3, 4]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (range(1, 9), {"length=0-2": 2, "length=3-4": 2, "length=5-6": 2, "length=7+": 2}),
        ([5, 5, 5, 5, 5, 5, 9, 9], {"length=0-5": 6, "length=6+": 2}),
        ([7], {"length=0-7": 1}),
        ([0, 0, 0], {"length=0-0": 3}),
    ],
)
def test_without_bounds_quarters_are_taken_and_equal_ones_merged(sizes: Any, expected: dict[str, int]) -> None:
    found = known_slices(*single(["x" * size for size in sizes]), SliceSettings())
    assert {name: len(rows) for name, rows in rows_of(found, "length").items()} == expected


def test_lengths_of_pairs_and_tokens_are_those_of_their_texts_together() -> None:
    pair = made("text-pair", ["a", "b"], text=["xx", ""], text_pair=["yyy", ""], label=["b", "b"])
    tags = made("token-tags", ["O", "B-x"], tokens=[["xx", "yyy"], []], tags=[["O", "O"], []])
    for table, targets in (pair, tags):
        found = rows_of(known_slices(table, targets, SliceSettings(lengths=[5])), "length")
        assert found == {"length=0-5": [1], "length=6+": [0]}


def test_each_value_of_a_column_commonest_first() -> None:
    table, targets = single(["x"] * 5, {"channel": ["mail", "app", "mail", "", "others"]})
    found = known_slices(table, targets, SliceSettings(columns=["channel"]))
    expected = {"channel=mail": [0, 2], "channel=(empty)": [3], "channel=app": [1], "channel=others": [4]}
    assert rows_of(found, "column") == expected
    assert list(rows_of(found, "column")) == list(expected)


@pytest.mark.parametrize(("count", "named"), [(50, 50), (51, 49), (200, 49)])
def test_of_many_values_the_commonest_are_named(count: int, named: int) -> None:
    values = [f"v{row:03}" for row in range(count - 1)] + ["v017", "others", "others"]
    found = known_slices(*single(["x"] * len(values), {"shop": values}), SliceSettings(columns=["shop"]))
    slices = [each for each in found if each.by == "column"]
    assert [each.name for each in slices[:3]] == ["shop=others", "shop=v017", "shop=v000"]
    assert sum(int(each.rows.sum()) for each in slices) == len(values)
    if count == named:
        assert len(slices) == named
        return
    assert len(slices) == named + 1
    assert (slices[-1].name, slices[-1].rows.sum()) == ("shop=others (2)", count - named)
    assert f"one of {count - named} values that are none of the {named} commonest" in slices[-1].where


def test_long_values_are_cut_and_names_differ() -> None:
    values = ["y" * 200, "y" * 300, "two\nlines"]
    keep = {"note": values, "length": ["0-1", "2", "3"]}
    rules = {"note=two lines": SliceRule(max_length=9)}
    found = known_slices(*single(["x"] * 3, keep), SliceSettings(columns=["note", "length"], lengths=[1], rules=rules))
    names = [each.name for each in found]
    assert len(set(names)) == len(names) and max(map(len, names)) < 100
    assert {"length=0-1", "length=0-1 (2)", "note=two lines", "note=two lines (2)"} <= set(names)
    assert next(each for each in found if each.name == "note=two lines").by == "rule"


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ({"label": "a"}, [1, 3]),
        ({"column": "channel", "values": ["mail", "fax"]}, [0, 3]),
        ({"column": "channel", "values": [""]}, [2]),
        ({"min_length": 6}, [0, 3]),
        ({"max_length": 5}, [1, 2]),
        ({"max_length": 0}, [2]),
        ({"matches": "(?i)^refund"}, [0, 3]),
        ({"matches": "r.fund$", "label": "b", "column": "channel", "values": ["mail"], "min_length": 1}, [0]),
        ({"matches": "late", "max_length": 2}, []),
    ],
)
def test_rules_hold_where_all_their_conditions_do(rule: dict[str, Any], rows: list[int]) -> None:
    keep = {"channel": ["mail", "app", "", "fax"]}
    table, targets = single(["refund refund", "late", "", "Refunds"], keep)
    settings = SliceSettings(rules={"mine": SliceRule.model_validate(rule)})
    assert settings.kept == (("channel",) if "column" in rule else ())
    (found,) = [each for each in known_slices(table, targets, settings) if each.by == "rule"]
    assert (found.name, np.flatnonzero(found.rows).tolist()) == ("mine", rows)
    assert found.rows.dtype == bool and found.where.startswith("rows with ")


def test_a_rule_names_a_label_among_several_and_a_tag_of_a_word() -> None:
    several = made("multi-label", ["a", "b"], text=["x", "y", "z"], label=[["b", "a"], [], ["b"]])
    tags = [["O", "B-x", "I-x"], [], ["B-x"], ["O"]]
    words = made("token-tags", ["O", "B-x", "I-x"], tokens=[["w"] * len(row) for row in tags], tags=tags)
    for (table, targets), label, rows in ((several, "b", [0, 2]), (words, "I-x", [0]), (words, "O", [0, 3])):
        found = known_slices(table, targets, SliceSettings(rules={"r": SliceRule(label=label)}))
        assert rows_of(found, "rule") == {"r": rows}


@pytest.mark.parametrize("task", list(ROLES))
def test_labels_and_lengths_of_written_tables(tmp_path: Any, task: str) -> None:
    data = schema_of(task)
    table = read_table(write_task(tmp_path, task) / "tables", "test", data)
    targets = targets_of(table, data)
    found = known_slices(table, targets, SliceSettings())
    lengths = [each.rows for each in found if each.by == "length"]
    assert len(lengths) == 4 and (np.sum(lengths, axis=0) == 1).all()
    assert [each.name for each in found if each.by == "label"] == [f"label={label}" for label in targets.classes]
    assert all(each.rows.shape == (len(targets),) for each in found)
