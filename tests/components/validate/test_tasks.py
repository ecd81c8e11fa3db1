"""Severities, tasks, and the worst rows; each data set has many faults, for Great Expectations takes its time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.errors import TextgateError
from components.base.files import write_json
from components.base.settings import DataSchema, ValidateStep, ValidationSettings
from components.validate.profile import build_profile
from components.validate.validate import validate

SECRET = "the wren sings at noon"
OPENINGS = {"train": "yesterday we saw that", "validation": "nobody could tell why", "test": "it is well known how"}
THINGS = ["weather", "garden", "railway", "library", "kitchen", "harbour", "mountain", "festival", "hospital", "museum"]
LISTS = pa.list_(pa.string())


def write(folder: Path, **splits: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    for split in ("train", "validation", "test"):
        pq.write_table(pa.Table.from_pylist(splits[split]), folder / f"{split}.parquet")
    return folder


def run(tables: Path, data: DataSchema, reference: Path | None = None, **limits: Any) -> dict[str, Any]:
    least = {"min_rows": {"train": 2, "validation": 2, "test": 2}, "min_rows_per_label": 1, "max_label_share": 1}
    step = ValidateStep(name="tiny", data=data, limits=ValidationSettings(**{**least, **limits}))
    report = tables.parent / "report"
    passed = validate(tables, step, report, None, reference)
    content: dict[str, Any] = json.loads((report / "validation.json").read_text())
    assert passed is content["passed"]
    return content


def broken(content: dict[str, Any]) -> set[str]:
    return {check["check"] for check in content["checks"] if not check["passed"]}


def texts(split: str, count: int = 6) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{split}-{place}",
            "text": f"{OPENINGS[split]} the {THINGS[place % 10]} of {THINGS[place // 10 - 7]} {place} had been changed",
            "label": "ab"[place % 2],
        }
        for place in range(count)
    ]


SINGLE = DataSchema(labels=["a", "b"])


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows that only warn unless the config says otherwise."""
    train, validation, test = texts("train", 20), texts("validation"), texts("test")
    train[0]["text"] = f"{SECRET} reach me at wren@example.org or +49 30 1234567, card 4111 1111 1111 1111"
    train[1]["text"] = f"{SECRET}\u200b\u200b unseen, twice"
    train[2]["text"] = f"{SECRET}\u200b unseen once"
    train[3]["text"] = train[4]["text"] = train[5]["text"] = f"{SECRET} again and again"
    train[3]["label"] = train[4]["label"] = train[5]["label"] = "a"
    validation[0]["text"] = "Ich möchte bitte meine Bestellung von gestern stornieren und mein Geld zurück"
    test[0]["text"] = train[6]["text"] + " indeed"
    return write(tmp_path_factory.mktemp("faulty") / "tables", train=train, validation=validation, test=test)


def test_warnings_are_told_and_do_not_refuse(faulty: Path) -> None:
    content = run(faulty, SINGLE, languages=["en"])
    assert content["passed"] and not content["failures"]
    told = "\n".join(content["warnings"])
    for part in (
        "train: 1 row with a mail address; ids train-0: mask it",
        "train: 1 row with a phone number; ids train-0",
        "train: 1 row with a card number; ids train-0",
        "train: 2 rows with characters that cannot be seen (controls, zero width, marks of direction); ids train-1,",
        "train: 2 rows with the text of an earlier row (a share of 0.1, more than 0.05, ",
        "validation: 1 row of a sample whose language is not en (",
        "test: 1 row almost equal (similarity from 0.8) to a text of an earlier split",
        "ids test-0 like train-6 (train)",
    ):
        assert part in told, told
    assert content["worst"]["train: invisible_characters"] == [{"id": "train-1"}, {"id": "train-2"}]
    assert content["worst"]["test: near_leakage"] == [{"id": "test-0", "near_to": "train-6 (train)"}]
    assert content["languages"]["validation"]["sampled"] == 6
    for path in (faulty.parent / "report").rglob("*"):
        assert path.is_dir() or SECRET not in path.read_text(errors="replace"), path


def test_the_config_makes_an_error_of_a_warning_and_nothing_of_an_error(faulty: Path) -> None:
    rules = {"personal_data": "error", "near_leakage": "off", "invisible_characters": "off", "duplicates": "off"}
    content = run(faulty, SINGLE, rules={**rules, "languages": "off", "labels_known": "off"}, show_texts=True)
    assert {line.partition(";")[0] for line in content["failures"]} == {
        "train: 1 row with a mail address",
        "train: 1 row with a phone number",
        "train: 1 row with a card number",
    }
    assert not content["warnings"] and not content["languages"]
    assert not [check for check in content["checks"] if "labels_known" in check["check"]]
    assert content["worst"]["train: personal_data (mail)"][0]["text"].startswith(SECRET)


def test_a_language_that_is_none_is_refused(faulty: Path) -> None:
    with pytest.raises(TextgateError, match=r"validation\.languages names english; known are .*en"):
        run(faulty, SINGLE, languages=["english"])


def test_each_label_of_a_multi_label_row_is_checked(tmp_path: Path) -> None:
    rows = {
        split: [
            {"id": f"{split}-{place}", "text": f"{split} {place}", "label": [["a", "b"], ["a"], []][place % 3]}
            for place in range(6)
        ]
        for split in ("train", "validation", "test")
    }
    rows["test"][0]["label"] = ["a", "spam"]
    rows["train"][0]["text"] = rows["train"][1]["text"] = "both"
    content = run(write(tmp_path / "tables", **rows), DataSchema(task="multi-label", labels=["a", "b"]))
    assert broken(content) == {"test labels: labels_known", "across splits: contradictions", "train: duplicates"}
    assert content["profile"]["train"]["labels"] == {"a": 4, "b": 2}


def test_tags_are_checked_for_bio_and_copies(tmp_path: Path) -> None:
    rows = {
        split: [
            {"id": f"{split}-{place}", "tokens": [split, "in", f"town{place}"], "tags": ["O", "O", "B-place"]}
            for place in range(4)
        ]
        for split in ("train", "validation", "test")
    }
    rows["train"][0]["tags"] = ["I-place", "O", "I-place"]
    rows["validation"][0]["tags"] = ["O", "B-place"]
    rows["test"][0]["tokens"] = ["validation", "in", "town1"]
    data = DataSchema(task="token-tags", labels=["O", "B-place", "I-place"])
    content = run(write(tmp_path / "tables", **rows), data, rules={"labels_present": "off", "near_leakage": "off"})
    assert broken(content) == {"train: tag_sequences", "validation: tag_sequences", "across splits: leakage"}
    assert content["worst"]["train: tag_sequences"] == [{"id": "train-0"}]


def test_a_pair_is_a_copy_only_with_both_its_texts(tmp_path: Path) -> None:
    rows = {
        split: [
            {
                "id": f"{split}-{n}",
                "text": "the same question",
                "text_pair": f"{split} answer {n}",
                "label": "ab"[n % 2],
            }
            for n in range(4)
        ]
        for split in ("train", "validation", "test")
    }
    rows["test"][0]["text_pair"] = "train answer 1"
    rows["validation"][0]["text_pair"] = " "
    data = DataSchema(task="text-pair", labels=["a", "b"])
    content = run(write(tmp_path / "tables", **rows), data, rules={"near_leakage": "off"})
    assert broken(content) == {
        "validation: empty_texts",
        "across splits: leakage",
        "across splits: contradictions",
    }


def test_what_is_missing_within_lists_is_a_verdict(tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    columns = {"id": ["1", "2"], "text": ["one", "two"], "label": pa.array([["a", None], ["b"]], LISTS)}
    pq.write_table(pa.table(columns), folder / "train.parquet")
    for split in ("validation", "test"):
        none = {"id": [split, f"{split} 2"], "text": [split, f"{split} two"], "label": pa.array([[], None], LISTS)}
        pq.write_table(pa.table(none), folder / f"{split}.parquet")
    content = run(folder, DataSchema(task="multi-label", labels=["a", "b"]), rules={"near_leakage": "off"})
    assert content["failures"] == [
        "train: train.parquet: the column label has lists with nulls in them; remove them",
        "validation labels: no row with a, b: bring rows of them, or take them out of data.labels",
        "test labels: no row with a, b: bring rows of them, or take them out of data.labels",
    ]


def test_no_severity_lets_a_file_pass_that_cannot_be_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "tables", train=texts("train"), validation=texts("validation"), test=texts("test"))
    (folder / "test.parquet").write_bytes(b"PAR1")
    content = run(folder, SINGLE, rules={"columns": "off", "rows": "off", "near_leakage": "off"})
    (failure,) = content["failures"]
    assert failure.startswith("test: test.parquet cannot be read as Parquet")


def test_thousands_of_labels_are_checked_by_number(tmp_path: Path) -> None:
    rows = {split: texts(split) for split in ("train", "validation", "test")}
    rows["test"][1]["label"] = "spam"
    data = DataSchema(labels=["a", "b", *(f"label {number}" for number in range(3000))])
    content = run(write(tmp_path / "tables", **rows), data, rules={"near_leakage": "off", "labels_present": "warn"})
    assert len(content["failures"]) == 1
    assert content["failures"][0].startswith("test: 1 row with labels outside the config: spam (1); ids test-1: ")
    assert content["warnings"][0].startswith("train: no row with label 0, label 1, ")
    assert "label 9 and 2990 more: bring rows" in content["warnings"][0]


def test_the_rows_of_the_smallest_labels_are_the_worst(tmp_path: Path) -> None:
    rows = {split: texts(split, 9) for split in ("train", "validation", "test")}
    for place, label in enumerate("bacbccddd"):
        rows["test"][place]["label"] = label
        rows["train"][place]["label"] = rows["validation"][place]["label"] = "abcdabcda"[place]
    data = DataSchema(labels=["a", "b", "c", "d"])
    rules = {"near_leakage": "off", "rows_per_label": "warn"}
    content = run(write(tmp_path / "tables", **rows), data, min_rows_per_label=3, rules=rules)
    assert [row["id"] for row in content["worst"]["test: rows_per_label"]] == ["test-1", "test-0", "test-3"]


def test_drift_from_the_champions_data_warns_or_refuses(tmp_path: Path) -> None:
    earlier = write(tmp_path / "earlier", train=texts("test", 90), validation=[], test=[])
    reference = tmp_path / "champion.json"
    write_json(reference, build_profile(earlier, SINGLE, None))
    now = {"train": texts("train", 90), "validation": texts("validation"), "test": texts("test")}
    for row in now["train"][:60]:
        row["label"] = "a"
    tables = write(tmp_path / "tables", **now)
    same = run(earlier, SINGLE, reference=reference)
    assert not [check for check in broken(same) if "champion" in check]
    content = run(tables, SINGLE, reference=reference, rules={"label_drift": "error", "text_drift": "off"})
    (failure,) = content["failures"]
    assert failure.startswith("against the champion's data: the shares of labels moved (")
    assert [line for line in content["warnings"] if "words that the champion's data does not know" in line]
    checks = {check["check"]: check for check in content["checks"]}
    assert checks["against the champion's data: label_drift"]["observed"] > 0.15
    assert "against the champion's data: text_drift" not in checks
    assert {drift["rule"] for drift in content["drift"]} >= {"label_drift", "unknown_drift", "text_drift"}
    write_json(reference, {"format": 0})
    content = run(tables, SINGLE, reference=reference)
    assert content["passed"] and "format 0" in content["drift"][0]["why"]
