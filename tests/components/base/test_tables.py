from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.errors import TextgateError
from components.base.settings import Columns, DataSchema
from components.base.tables import SplitReader, read_table

LABELS = ["a", "b"]
SINGLE = DataSchema(columns=Columns(text="body", label="mood"), labels=LABELS)
ROWS = {"id": ["1", "2", "3"], "body": ["one", None, "three"], "mood": ["a", "b", None], "note": ["x", "y", "z"]}


def write(folder: Path, columns: dict[str, list[object]], types: dict[str, pa.DataType] | None = None) -> Path:
    arrays = {name: pa.array(values, (types or {}).get(name)) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), folder / "train.parquet", row_group_size=2)
    return folder


def test_columns_come_by_role_and_nulls_as_empty(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, ROWS), "train", SINGLE)
    assert table.to_pydict() == {"id": ["1", "2", "3"], "text": ["one", "", "three"], "label": ["a", "b", ""]}


def test_batches_are_bounded_and_keep_the_order_of_the_file(tmp_path: Path) -> None:
    reader = SplitReader(write(tmp_path, ROWS), "train", SINGLE, also=("note",))
    batches = list(reader.batches(rows=2))
    assert reader.num_rows == 3
    assert [batch.num_rows for batch in batches] == [2, 1]
    assert [note for batch in batches for note in batch["note"].to_pylist()] == ["x", "y", "z"]


def test_kept_columns_come_where_they_are_asked_for(tmp_path: Path) -> None:
    kept = read_table(
        write(tmp_path, {**ROWS, "note": ["x", None, "z"], "year": [1, 2, 3]}), "train", SINGLE, ("note", "year")
    )
    assert kept.column_names == ["id", "text", "label", "note", "year"]
    assert (kept["note"].to_pylist(), kept["year"].to_pylist()) == (["x", "", "z"], ["1", "2", "3"])


@pytest.mark.parametrize(
    ("task", "columns", "expected"),
    [
        ("multi-label", {"text": ["t"], "label": [["a", "b"]]}, {"text": ["t"], "label": [["a", "b"]]}),
        (
            "text-pair",
            {"text": ["t"], "text_pair": ["u"], "label": ["a"]},
            {"text": ["t"], "text_pair": ["u"], "label": ["a"]},
        ),
        ("token-tags", {"tokens": [["t"]], "tags": [["a"]]}, {"tokens": [["t"]], "tags": [["a"]]}),
    ],
)
def test_each_task_has_its_columns(tmp_path: Path, task: str, columns: dict, expected: dict) -> None:
    schema = DataSchema.model_validate({"task": task, "labels": LABELS})
    table = read_table(write(tmp_path, {"id": ["1"], **columns}), "train", schema)
    assert table.to_pydict() == {"id": ["1"], **expected}


def test_numbers_and_dictionaries_become_strings_and_null_lists_empty(tmp_path: Path) -> None:
    types = {"mood": pa.dictionary(pa.int8(), pa.string())}
    table = read_table(write(tmp_path, {"id": [7], "body": ["t"], "mood": ["a"]}, types), "train", SINGLE)
    assert table.to_pydict() == {"id": ["7"], "text": ["t"], "label": ["a"]}
    multi = DataSchema(task="multi-label", labels=LABELS)
    lists = {"id": ["1", "2"], "text": ["t", "u"], "label": [None, ["b"]]}
    assert read_table(write(tmp_path, lists), "train", multi)["label"].to_pylist() == [[], ["b"]]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"id": ["1"], "body": ["t"]}, ["no column mood", "id, body", "data.columns"]),
        ({"id": ["1"], "body": ["t"], "mood": [["a"]]}, ["column mood holds list", "must hold strings"]),
        ({"id": ["1"], "body": [b"\xff"], "mood": ["a"]}, ["column body holds binary", "must hold strings"]),
    ],
)
def test_a_column_that_does_not_fit_is_named(tmp_path: Path, columns: dict, said: list[str]) -> None:
    with pytest.raises(TextgateError) as refused:
        read_table(write(tmp_path, columns), "train", SINGLE)
    assert all(part in str(refused.value) for part in ["train.parquet", *said]), str(refused.value)


def test_a_list_column_that_is_text_is_named(tmp_path: Path) -> None:
    multi = DataSchema(task="multi-label", labels=LABELS)
    with pytest.raises(TextgateError, match="column label holds string, and must hold lists of strings"):
        read_table(write(tmp_path, {"id": ["1"], "text": ["t"], "label": ["a"]}), "train", multi)


@pytest.mark.parametrize("content", [b"", b"id,text,label\n", None])
def test_an_absent_or_other_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "train.parquet").write_bytes(content)
    with pytest.raises(TextgateError, match=r"train\.parquet"):
        read_table(tmp_path, "train", SINGLE)
