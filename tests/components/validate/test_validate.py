"""Great Expectations takes its time, so each data set below has many faults, and each test looks at one of them."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.settings import Columns, DataSchema, ValidateStep, ValidationSettings
from components.validate.component import validate as component
from components.validate.validate import validate
from tests.tiny_project import write_base_model

LIMITS = ValidationSettings(
    min_rows={"train": 8, "validation": 4, "test": 4}, min_rows_per_label=2, max_label_share=0.7, max_text_length=60
)
SETTINGS = ValidateStep(
    name="tiny",
    data=DataSchema(columns=Columns(id="key", text="tweet", label="mood"), labels=["bad", "good"]),
    limits=LIMITS,
)
CANARY = "the wren sings at noon"

Row = tuple[str | None, str | None, str | None]
Report = dict[str, Any]


def rows(split: str, count: int) -> list[Row]:
    return [(f"{split}-{place}", f"{split} text {place}", ("bad", "good")[place % 2]) for place in range(count)]


def good_data() -> dict[str, list[Row]]:
    return {"train": rows("train", 10), "validation": rows("validation", 6), "test": rows("test", 6)}


def write(folder: Path, data: dict[str, list[Row]]) -> Path:
    folder.mkdir(exist_ok=True)
    for split, triples in data.items():
        columns = [pa.array([triple[place] for triple in triples], pa.string()) for place in range(3)]
        table = pa.table(columns, names=["key", "tweet", "mood"])
        pq.write_table(table.append_column("confidence", pa.array([1.0] * len(triples))), folder / f"{split}.parquet")
    return folder


def run(tables: Path, report: Path) -> Report:
    passed = validate(tables, SETTINGS, report)
    assert (report / "data_docs" / "index.html").is_file()
    written: Report = json.loads((report / "validation.json").read_text())
    assert written["passed"] is passed is not bool(written["failures"])
    assert passed is not bool(failed(written))
    return written


def failed(report: Report, severity: str = "error") -> set[str]:
    broken = (check for check in report["checks"] if not check["passed"] and check["severity"] == severity)
    return {check["check"] for check in broken}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[Path], object]], Report]:
    """Makes one report for each way of making tables, whichever tests ask for it."""
    made: dict[str, Report] = {}

    def report_on(make: Callable[[Path], object]) -> Report:
        name = make.__name__
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            make(folder / "tables")
            made[name] = run(folder / "tables", folder / "report") | {"folder": folder}
        return made[name]

    return report_on


def fine(folder: Path) -> None:
    write(folder, good_data())


def faulty_rows(folder: Path) -> None:
    data = good_data()
    train, validation, test = data["train"], data["validation"], data["test"]
    train[0] = ("train-0", " \u00a0\n ", "bad")
    train[1] = ("train-1", None, "good")
    train[2] = (None, "no id", "bad")
    train[3] = ("train-4", "an id given twice", "good")
    train[5] = ("train-5", "Caf\u00e9 AU  lait", "bad")
    validation[0] = ("validation-0", "damaged \ufffd\ufffd", "bad")
    validation[1] = ("validation-1", "x" * 61, "good")
    validation[2] = ("validation-2", "cafe\u0301 au lait", "good")
    validation[3] = ("validation-3", "x" * 60, "good")
    test[0] = ("test-0", "foreign", "spam")
    test[1] = ("test-1", "foreign too", "spam")
    test[2] = ("test-2", "foreign as well", "Good ")
    write(folder, data)


def faulty_labels(folder: Path) -> None:
    data = good_data()
    data["train"] = [(name, text, "good" if place else "bad") for place, (name, text, _) in enumerate(data["train"])]
    data["validation"] = [(name, text, "good") for name, text, _ in data["validation"]]
    data["test"] = [(name, text, f"label {place}") for place, (name, text, _) in enumerate(rows("test", 8))]
    write(folder, data)


def faulty_files(folder: Path) -> None:
    write(folder, good_data())
    (folder / "train.parquet").unlink()
    (folder / "validation.parquet").write_text("key,tweet,mood\n1,this is CSV,bad\n")
    table = pq.read_table(folder / "test.parquet")
    pq.write_table(table.drop_columns(["mood"]), folder / "test.parquet")


def faulty_columns(folder: Path) -> None:
    write(folder, good_data())
    table = pq.read_table(folder / "train.parquet").to_pydict()
    bytes_of_another_encoding = pa.array([f"caf\u00e9 {CANARY}".encode("latin-1")] * 10, pa.binary())
    not_utf8 = pa.Array.from_buffers(pa.string(), 10, bytes_of_another_encoding.buffers())
    pq.write_table(pa.table({**table, "tweet": not_utf8}), folder / "train.parquet")
    nested = pq.read_table(folder / "validation.parquet").to_pydict()
    pq.write_table(pa.table({**nested, "mood": [["bad", "good"]] * 6}), folder / "validation.parquet")
    pq.write_table(pq.read_table(folder / "test.parquet").slice(0, 0), folder / "test.parquet")


def mixed_up(folder: Path) -> None:
    """Texts where ids and labels should be, and markup."""
    text = f"{CANARY} " * 3
    data = good_data()
    data["train"] = [(f"{text}{place}", f"{CANARY} {place}", f"{text}{place}") for place in range(10)]
    data["validation"] = [(name, CANARY, label) for name, _, label in data["validation"]]
    data["test"] = [(name, f"{CANARY} \ufffd" * 5, label) for name, _, label in data["test"]]
    data["test"][0] = ("<b>test</b>", data["test"][0][1], "<i>spam</i>")
    write(folder, data)


def test_good_data_passes_and_is_profiled(reports) -> None:
    report = reports(fine)
    assert report["failures"] == []
    names = [check["check"] for check in report["checks"]]
    assert len(names) == len(set(names)) == 3 * 17 + 2 + 3
    row_count = {"check": "test: rows", "severity": "error", "observed": 6, "passed": True}
    assert {**row_count, "expected": "at least 4 (validation.min_rows)"} in report["checks"]
    assert report["profile"]["train"] == {
        "rows": 10,
        "labels": {"bad": 5, "good": 5},
        "text_length": {"mean": 12.0, "p50": 12.0, "p95": 12.0, "max": 12},
    }


@pytest.mark.parametrize(
    ("check", "failure"),
    [
        ("train: empty_texts", "train: 2 rows with an empty text; ids train-0, train-1"),
        ("train: missing_ids", "train: 1 row without an id; ids (row 2)"),
        (
            "across splits: unique_ids",
            "across splits: 2 rows whose id another row has too; ids train-4 (train), train-4 (train)",
        ),
        (
            "across splits: leakage",
            "across splits: 2 rows whose text stands in another split too;"
            " ids train-5 (train), validation-2 (validation)",
        ),
        (
            "across splits: contradictions",
            "across splits: 2 rows whose text has another label too; ids train-5 (train), validation-2 (validation)",
        ),
        (
            "validation: encoding_damage",
            "validation: 2 replacement characters (U+FFFD), more than 0 (validation.max_replacement_characters);"
            " ids validation-0",
        ),
        (
            "validation: text_length",
            "validation: 1 row with texts longer than 60 characters (validation.max_text_length); ids validation-1",
        ),
        (
            "test: labels_known",
            "test: 3 rows with labels outside the config: spam (2), 'Good ' (1); ids test-0, test-1, test-2",
        ),
    ],
)
def test_a_faulty_row_is_named_by_its_id(reports, check: str, failure: str) -> None:
    report = reports(faulty_rows)
    assert check in failed(report)
    assert any(line.startswith(f"{failure}: ") for line in report["failures"]), report["failures"]


def test_nothing_else_is_held_against_faulty_rows(reports) -> None:
    assert len(reports(faulty_rows)["failures"]) == len(failed(reports(faulty_rows))) == 9
    few = "test: labels with fewer than 2 rows (validation.min_rows_per_label): bad (1): "
    assert any(line.startswith(few) for line in reports(faulty_rows)["failures"])
    assert reports(faulty_rows)["profile"]["test"]["labels"] == {"'Good '": 1, "bad": 1, "good": 2, "spam": 2}


@pytest.mark.parametrize(
    "failure",
    [
        "train: labels with fewer than 2 rows (validation.min_rows_per_label): bad (1)",
        "train: good has 0.9 of the rows, more than 0.7 (validation.max_label_share)",
        "validation: no row with bad",
        "validation: good has 1 of the rows, more than 0.7 (validation.max_label_share)",
        "test: no row with bad, good",
        "test: 8 rows with labels outside the config: (other labels) (3), label 0 (1), label 1 (1), label 2 (1),"
        " label 3 (1), label 4 (1); ids test-0, test-1, test-2, test-3, test-4 and 3 more",
    ],
)
def test_labels_out_of_proportion(reports, failure: str) -> None:
    assert any(line.startswith(f"{failure}: ") for line in reports(faulty_labels)["failures"])
    assert len(reports(faulty_labels)["failures"]) == 6


def test_a_file_that_cannot_be_used_is_a_verdict(reports) -> None:
    train, validation, test = reports(faulty_files)["failures"]
    assert train == "train: the data has no train.parquet; it needs one for each of train, validation, test"
    assert validation.startswith("validation: validation.parquet cannot be read as Parquet: ")
    assert test.startswith("test: test.parquet has no column mood; it has key, tweet, confidence. Name the right ones")
    assert {"train: columns", "train: rows", "validation: columns", "test: columns"} <= failed(reports(faulty_files))
    assert reports(faulty_files)["profile"]["train"] == {
        "rows": 0,
        "labels": {"bad": 0, "good": 0},
        "text_length": {"mean": 0.0, "p50": 0.0, "p95": 0.0, "max": 0},
    }


def test_a_column_that_cannot_be_used_is_a_verdict(reports) -> None:
    train, validation, test = reports(faulty_columns)["failures"]
    assert re.match(r"train: train\.parquet cannot be used: .*UTF8", train)
    assert re.match(r"validation: validation\.parquet: the column mood holds list", validation)
    assert test.startswith("test: 0 rows, fewer than 4 (validation.min_rows): ")
    observed = {check["check"]: check["observed"] for check in reports(faulty_columns)["checks"]}
    assert (observed["train: columns"], observed["train: rows"]) == (["id", "text", "label"], 0)


@pytest.mark.parametrize("make", [fine, faulty_rows, faulty_columns, mixed_up])
def test_no_text_is_in_the_report(reports, make: Callable[[Path], None]) -> None:
    folder = reports(make)["folder"] / "report"
    written = [path for path in folder.rglob("*") if path.suffix in {".html", ".json"}]
    assert len(written) > 3
    for path in written:
        content = path.read_text().lower()
        for text in (CANARY, "train text", "no id", "au lait", "foreign too"):
            assert text not in content, (path, text)


def test_rows_and_labels_are_still_told_apart_where_texts_stand_in_their_place(reports) -> None:
    failures = "\n".join(reports(mixed_up)["failures"])
    assert (
        "train: 10 rows with labels outside the config: (a label of 70 characters) (5), (other labels) (5)" in failures
    )
    assert "ids (row 0), (row 1), (row 2), (row 3), (row 4) and 5 more" in failures
    assert "across splits: 12 rows whose text has another label too; ids <b>test</b> (test)" in failures


def test_data_docs_have_a_page_for_each_split_with_the_ids_of_faulty_rows(reports) -> None:
    docs = reports(faulty_rows)["folder"] / "report" / "data_docs"
    pages = {path.relative_to(docs / "validations").parts[0]: path for path in docs.glob("validations/**/*.html")}
    assert sorted(pages) == ["across splits", "test", "train", "validation"]
    assert sum(path.stat().st_size for path in docs.rglob("*") if path.is_file()) < 1_500_000
    assert "see ids test-0, test-1, test-2" in pages["test"].read_text()
    assert "see ids train-5 (train), validation-2 (validation)" in pages["across splits"].read_text()


def test_markup_in_the_data_is_shown_and_not_obeyed(reports) -> None:
    assert any("ids <b>test</b>" in failure for failure in reports(mixed_up)["failures"])
    pages = [path.read_text() for path in (reports(mixed_up)["folder"] / "report").rglob("*.html")]
    assert sum("&lt;b&gt;test&lt;/b&gt;" in page for page in pages) > 1
    assert sum("&lt;i&gt;spam&lt;/i&gt;" in page for page in pages) == 1
    assert not [page for page in pages if "<b>test</b>" in page or "<i>spam</i>" in page]


def test_telemetry_is_off_before_great_expectations_is_imported() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "GX_ANALYTICS_ENABLED"}
    code = """
import os, sys
import components.validate
print(os.environ["GX_ANALYTICS_ENABLED"], "great_expectations" in sys.modules)
"""
    said = subprocess.check_output([sys.executable, "-c", code], cwd=Path(__file__).parents[3], env=environment)
    assert said.split() == [b"false", b"False"]


def test_the_component_returns_the_verdict_without_chatter(tmp_path: Path, capfd, caplog) -> None:
    write(tmp_path / "tables", good_data() | {"test": []})
    tables, report = SimpleNamespace(path=str(tmp_path / "tables")), SimpleNamespace(path=str(tmp_path / "report"))
    write_base_model(tmp_path / "base")
    base_model = SimpleNamespace(path=str(tmp_path / "base"))
    with caplog.at_level(logging.INFO):
        assert component.python_func(tables, base_model, "", "", SETTINGS.model_dump_json(), report) is False
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    assert [record.message for record in caplog.records if record.name.startswith("great_expectations")] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "report", "tables"]
    with pytest.raises(SystemExit):
        component.python_func(tables, base_model, "", "", '{"labels": []}', report)
    assert capfd.readouterr().err.startswith("textgate: validate: the settings of ValidateStep")
