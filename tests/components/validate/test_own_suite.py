from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.errors import TextgateError
from components.base.settings import Columns, DataSchema, SuiteExpectation, ValidateStep, ValidationSettings
from components.validate.validate import validate, write_suite

SECRET = "wren sings at noon"
DATA = DataSchema(columns=Columns(keep=["shop"]), labels=["a", "b"])
LEAST: dict[str, Any] = {"min_rows": {"train": 2, "validation": 2, "test": 2}, "min_rows_per_label": 1}
QUIET = dict.fromkeys(("near_leakage", "languages", "personal_data", "duplicates", "invisible_characters"), "off")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    for split in ("train", "validation", "test"):
        rows = [
            {"id": f"{split}-{n}", "text": f"{SECRET} {split} {n}", "label": "ab"[n % 2], "shop": "north"}
            for n in range(4)
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")
    return folder


def step(*suite: dict[str, Any], **limits: Any) -> ValidateStep:
    own = [SuiteExpectation(**expectation) for expectation in suite]
    return ValidateStep(name="t", data=DATA, limits=ValidationSettings(**LEAST, rules=QUIET, **limits), suite=own)


def run(tables: Path, report: Path, settings: ValidateStep) -> dict[str, Any]:
    validate(tables, settings, report)
    content: dict[str, Any] = json.loads((report / "validation.json").read_text())
    return content


def test_an_expectation_replaces_the_generated_one_or_is_added(tables: Path, tmp_path: Path) -> None:
    longer = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "text_length", "max_value": 5},
        "meta": {"check": "text_length", "batch": "train", "severity": "warn"},
    }
    matching = {
        "type": "expect_column_values_to_match_regex",
        "kwargs": {"column": "text", "regex": "^quail"},
        "meta": {"check": "starts with quail", "batch": "test"},
    }
    shops = {
        "type": "expect_column_values_to_be_in_set",
        "kwargs": {"column": "shop", "value_set": ["north"]},
    }
    content = run(tables, tmp_path / "report", step(longer, matching, shops))
    checks = {check["check"]: check for check in content["checks"]}
    assert (checks["train: text_length"]["passed"], checks["train: text_length"]["severity"]) == (False, "warn")
    assert checks["test: text_length"]["passed"]
    assert content["warnings"] == [
        "train: text_length: 4 rows unexpected; ids train-0, train-1, train-2, train-3; expected"
        " expect_column_values_to_be_between of text_length {'max_value': 5} (validation.suite)"
    ]
    (failure,) = content["failures"]
    assert failure.startswith("test texts: starts with quail: 4 rows unexpected; ids test-0")
    assert content["worst"]["test texts: starts with quail"][0] == {"id": "test-0"}
    assert checks["validation texts: expect_column_values_to_be_in_set of shop"]["passed"]
    for path in (tmp_path / "report").rglob("*"):
        assert path.is_dir() or SECRET not in path.read_text(errors="replace"), path


def test_the_written_suite_taken_as_it_is_changes_nothing(tables: Path, tmp_path: Path) -> None:
    write_suite(tables, step(), tmp_path / "suite.json")
    written = json.loads((tmp_path / "suite.json").read_text())["expectations"]
    assert {"type", "kwargs", "meta"} == set(written[0])
    before = run(tables, tmp_path / "before", step())
    after = run(tables, tmp_path / "after", step(*written))
    assert before["checks"] == after["checks"]


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        ({"type": "expect_nothing"}, "refused by Great Expectations"),
        ({"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "colour"}}, "no column 'colour'"),
        (
            {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "text", "max_value": 1}},
            "cannot be run on train texts: what it says may show texts",
        ),
        ({"type": "expect_table_row_count_to_be_between", "meta": {"batch": "train labels"}}, "meta.batch is"),
        ({"type": "expect_table_row_count_to_be_between", "meta": {"batch": "dev"}}, "meta.batch is 'dev'"),
        ({"type": "expect_table_row_count_to_be_between", "meta": {"severity": "bad"}}, "meta.severity is 'bad'"),
        ({"type": "expect_column_mean_to_be_between", "kwargs": {"column": "row", "max_value": 1}}, "cannot be run"),
    ],
)
def test_an_expectation_that_cannot_be_is_named(tables: Path, tmp_path: Path, expectation: dict, said: str) -> None:
    with pytest.raises(TextgateError) as refused:
        run(tables, tmp_path / "report", step(expectation))
    assert said in str(refused.value) and "suite" in str(refused.value), str(refused.value)
    assert SECRET not in str(refused.value)
    assert not (tmp_path / "report").exists()


def test_expectations_on_texts_decide_and_show_none(tables: Path, tmp_path: Path) -> None:
    lengths = {"type": "expect_column_value_lengths_to_be_between", "kwargs": {"column": "text", "max_value": 5}}
    distinct = {
        "type": "expect_column_distinct_values_to_be_in_set",
        "kwargs": {"column": "text", "value_set": ["quail"]},
        "meta": {"batch": "train"},
    }
    pair = {
        "type": "expect_column_pair_values_to_be_equal",
        "kwargs": {"column_A": "text", "column_B": "label"},
        "meta": {"batch": "test"},
    }
    content = run(tables, tmp_path / "report", step(lengths, distinct, pair))
    assert [line.partition(";")[0] for line in content["failures"]] == [
        "train texts: expect_column_value_lengths_to_be_between of text: 4 rows unexpected",
        "train texts: expect_column_distinct_values_to_be_in_set of text: 4 rows unexpected",
        "validation texts: expect_column_value_lengths_to_be_between of text: 4 rows unexpected",
        "test texts: expect_column_value_lengths_to_be_between of text: 4 rows unexpected",
        "test texts: expect_column_pair_values_to_be_equal: 4 rows unexpected",
    ]
    for path in (tmp_path / "report").rglob("*"):
        assert path.is_dir() or SECRET not in path.read_text(errors="replace"), path


def test_labels_with_markup_are_written_and_read_as_they_are(tmp_path: Path) -> None:
    data = DataSchema(task="multi-label", labels=["a & b", "<c>"])
    rows = [{"id": str(n), "text": f"t {n}", "label": data.labels[: n + 1]} for n in range(2)]
    tables = tmp_path / "tables"
    tables.mkdir()
    for split in ("train", "validation", "test"):
        pq.write_table(pa.Table.from_pylist(rows), tables / f"{split}.parquet")
    limits = ValidationSettings(**LEAST, max_label_share=1, rules={**QUIET, "leakage": "off", "unique_ids": "off"})
    settings = ValidateStep(name="t", data=data, limits=limits)
    write_suite(tables, settings, tmp_path / "suite.json")
    written = json.loads((tmp_path / "suite.json").read_text())["expectations"]
    (known,) = [
        item
        for item in written
        if item["meta"] == {"check": "labels_known", "batch": "train labels", "severity": "error"}
    ]
    assert known["kwargs"]["value_set"] == ["a & b", "<c>"]
    fewer = {**known, "kwargs": {"column": "label", "value_set": ["a & b"]}}
    own = [SuiteExpectation(**expectation) for expectation in (known, {**fewer, "meta": {"batch": "test labels"}})]
    assert not validate(tables, settings.model_copy(update={"suite": own}), tmp_path / "report")
    (failure,) = json.loads((tmp_path / "report/validation.json").read_text())["failures"]
    assert failure.startswith("test labels: expect_column_values_to_be_in_set of label: 1 row unexpected; ids 1;")
    (tables / "test.parquet").unlink()
    assert not validate(tables, settings.model_copy(update={"suite": own}), tmp_path / "report")
