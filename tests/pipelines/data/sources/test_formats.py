"""JSON Lines, Parquet and CoNLL, each by what sets it apart."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.errors import TextgateError
from components.base.settings import SourceSettings, Task
from pipelines.data.sources import Broken, Record, find_sources, open_reader


def read(
    path: Path, task: Task = "single-label", columns: list[str] | None = None, **settings: Any
) -> list[Record | Broken]:
    source = find_sources([path], task)[0]
    with open_reader(source, SourceSettings.model_validate(settings), columns) as reader:
        return list(reader.records)


def conll(path: Path, content: str, **settings: Any) -> list[Record | Broken]:
    path.write_text(content, encoding="utf-8")
    return read(path, "token-tags", **settings)


def test_json_lines_keep_what_json_says(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": "x", "b": [1, null]}\n\n  \n{"a": 1e400, "c": {"d": true}}\n')
    found = read(tmp_path / "a.jsonl")
    assert found == [
        Record(1, {"a": "x", "b": [1, None]}),
        Record(4, {"a": float("inf"), "c": {"d": True}}),
    ]


def test_parquet_gives_python_values_and_only_the_columns_that_are_wanted(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": pa.array(["a", None]).dictionary_encode(),
            "number": [1, 2],
            "share": pa.array([1.5, float("nan")]),
            "day": pa.array([date(2026, 1, 2), None]),
            "money": pa.array([Decimal("1.50"), None]),
            "many": pa.array([["x"], None], pa.large_list(pa.large_string())),
            "nested": pa.array([{"a": 1}, {"a": 2}]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    values = {"text": "a", "number": 1, "share": 1.5, "day": date(2026, 1, 2), "money": Decimal("1.50"), "many": ["x"]}
    assert found[0] == Record(1, values)
    assert found[1] == Record(2, {"text": None, "number": 2, "share": None, "day": None, "money": None, "many": None})
    assert read(tmp_path / "a.parquet", columns=["number", "absent"])[1] == Record(2, {"number": 2})
    with pytest.raises(TextgateError, match=r"a.parquet: the column 'nested' holds struct<a: int64>"):
        read(tmp_path / "a.parquet", columns=["nested"])


def test_a_parquet_file_that_is_damaged_within_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [f"text {n}" for n in range(9000)]}), tmp_path / "a.parquet", row_group_size=4096)
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    begin = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(1).column(0).dictionary_page_offset
    content[begin : begin + 40] = bytes(40)
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(TextgateError, match=r"a.parquet is damaged after row 4096"):
        read(tmp_path / "a.parquet")


def test_conll_sentences_stand_where_they_begin(tmp_path: Path) -> None:
    content = "# newdoc\n-DOCSTART- -X- O O\n\nAnn NNP B-PER\nran VBD O\n\n\n# VBD O\nx\u00a0y NN B-LOC\n"
    assert conll(tmp_path / "a.bio", content.replace("-DOCSTART- -X- O O", "-DOCSTART- -X- O")) == [
        Record(4, {"tokens": ["Ann", "ran"], "tags": ["B-PER", "O"]}),
        Record(8, {"tokens": ["#", "x\u00a0y"], "tags": ["O", "B-LOC"]}),
    ]
    chosen = conll(tmp_path / "b.conll", "1\tAnn\tB-PER\t_\n# 2\n2\tran\tO\t_", token_column=1, tag_column=-2)
    assert chosen == [Record(1, {"tokens": ["Ann", "ran"], "tags": ["B-PER", "O"]})]


def test_conll_columns_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        TextgateError, match=r"a.conll:1 has 2 columns, 'a O', and data.source.token_column is 0, tag_column 2"
    ):
        conll(tmp_path / "a.conll", "a O\n", tag_column=2)
    with pytest.raises(TextgateError, match=r"has 1 column"):
        conll(tmp_path / "a.conll", "a\n")
    found = conll(tmp_path / "a.conll", "a O\nb O\n\nb\nc O\n\nd O\n")
    assert [type(item).__name__ for item in found] == ["Record", "Broken", "Record"]
    assert found[1].line == 4
