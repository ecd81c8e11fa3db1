from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.errors import TextgateError
from components.base.settings import DataSchema
from pipelines.data.diff import KINDS, Comparison, Side, compare
from tests.pipelines.data.repositories import Rows, write_tables

SINGLE = DataSchema(labels=["x", "y", "z"])


def side(folder: Path, **splits: Rows | pa.Table) -> Side:
    folder.mkdir()
    for split, table in splits.items():
        if isinstance(table, pa.Table):
            pq.write_table(table, folder / f"{split}.parquet")
        else:
            write_tables(folder, {split: table})
    return Side(folder.name, {split: folder / f"{split}.parquet" for split in splits})


def row(name: str, text: str, label: Any, **others: Any) -> dict[str, Any]:
    return {"id": name, "text": text, "label": label, **others}


def ids(compared: Comparison) -> dict[str, list[str]]:
    return {kind: found for kind in KINDS if (found := [row.id for row in compared.changed(kind)])}


OLD: Mapping[str, Rows] = {
    "train": [row("same", "a", "x"), row("relabelled", "b", "x"), row("edited", "c", "y"), row("removed", "d", "z")],
    "validation": [row("still", "e", "x")],
    "test": [row("moved", "f", "y"), row("all", "g", "x")],
}
NEW: Mapping[str, Rows] = {
    "train": [row("relabelled", "b", "y"), row("edited", "cc", "y"), row("same", "a", "x"), row("moved", "f", "y")],
    "validation": [row("still", "e", "x"), row("all", "gg", "z")],
    "test": [row("added", "h", "z")],
}


def test_each_change_is_counted_by_split_and_label(tmp_path: Path) -> None:
    with compare(side(tmp_path / "old", **OLD), side(tmp_path / "new", **NEW), SINGLE) as compared:
        assert ids(compared) == {
            "added": ["added"],
            "removed": ["removed"],
            "relabelled": ["relabelled", "all"],
            "edited": ["edited", "all"],
            "moved": ["moved", "all"],
        }
        assert compared.rows() == {"train": (4, 4), "validation": (1, 2), "test": (2, 1)}
        assert compared.splits() == {
            "train": {"relabelled": 1, "edited": 1, "removed": 1, "moved_in": 1},
            "validation": {"relabelled": 1, "edited": 1, "moved_in": 1},
            "test": {"added": 1, "moved_out": 2},
        }
        assert compared.labels() == {
            "train": {
                "x": {"lost": 1, "before": 2, "after": 1},
                "y": {"gained": 1, "edited": 1, "moved_in": 1, "before": 1, "after": 3},
                "z": {"removed": 1, "before": 1},
            },
            "validation": {
                "x": {"lost": 1, "before": 1, "after": 1},
                "z": {"gained": 1, "edited": 1, "moved_in": 1, "after": 1},
            },
            "test": {
                "x": {"moved_out": 1, "before": 1},
                "y": {"moved_out": 1, "before": 1},
                "z": {"added": 1, "after": 1},
            },
        }
        assert compared.relabelled() == [("train", ["x"], ["y"], 1), ("validation", ["x"], ["z"], 1)]
        assert compared.moves() == [("test", "train", 1), ("test", "validation", 1)]
        assert [row.splits for row in compared.changed("moved")] == [("test", "train"), ("test", "validation")]
        assert compared.notes == ()


def test_the_same_rows_in_another_order_and_encoding_are_no_change(tmp_path: Path) -> None:
    rows = [row("a", "one", "x"), row("b", "", "y"), row("c", "three", "x")]
    table = pa.Table.from_pylist(rows[::-1])
    table = table.set_column(1, "text", pa.array(["three", None, "one"], pa.large_string()))
    table = table.set_column(2, "label", table["label"].dictionary_encode())
    with compare(side(tmp_path / "old", train=rows), side(tmp_path / "new", train=table), SINGLE) as compared:
        assert ids(compared) == {}
        assert (compared.splits(), compared.labels(), compared.notes) == ({}, {}, ())


def test_lists_of_labels_are_compared_as_sets(tmp_path: Path) -> None:
    data = DataSchema(task="multi-label", labels=["x", "y", "z"])
    old = [row("order", "a", ["x", "y"]), row("other", "b", ["x", "y"]), row("none", "c", []), row("null", "d", None)]
    new = [row("order", "a", ["y", "x"]), row("other", "b", ["z", "x"]), row("none", "c", ["z"]), row("null", "d", [])]
    with compare(side(tmp_path / "old", train=old), side(tmp_path / "new", train=new), data) as compared:
        assert ids(compared) == {"relabelled": ["none", "other"]}
        assert compared.labels() == {
            "train": {"y": {"lost": 1, "before": 2, "after": 1}, "z": {"gained": 2, "after": 2}}
        }


def test_tags_are_compared_in_their_order_and_tokens_one_by_one(tmp_path: Path) -> None:
    data = DataSchema(task="token-tags", labels=["O", "B-x"])
    old = [
        {"id": "swapped", "tokens": ["a", "b"], "tags": ["O", "B-x"]},
        {"id": "split", "tokens": ["a, b", "c"], "tags": ["O", "O"]},
        {"id": "same", "tokens": ["a"], "tags": ["O"]},
    ]
    new = [
        {"id": "swapped", "tokens": ["a", "b"], "tags": ["B-x", "O"]},
        {"id": "split", "tokens": ["a", "b, c"], "tags": ["O", "O"]},
        {"id": "same", "tokens": ["a"], "tags": ["O"]},
    ]
    with compare(side(tmp_path / "old", test=old), side(tmp_path / "new", test=new), data) as compared:
        assert ids(compared) == {"relabelled": ["swapped"], "edited": ["split"]}


def test_the_second_text_of_a_pair_counts(tmp_path: Path) -> None:
    data = DataSchema(task="text-pair", labels=["x", "y"])
    old = [row("1", "a", "x", text_pair="b"), row("2", "ab", "x", text_pair="c")]
    new = [row("1", "a", "x", text_pair="bb"), row("2", "ab", "x", text_pair="c")]
    with compare(side(tmp_path / "old", train=old), side(tmp_path / "new", train=new), data) as compared:
        assert ids(compared) == {"edited": ["1"]}


def test_versions_with_other_columns(tmp_path: Path) -> None:
    old = [row("1", "a", "x", source="mail", stars=1), row("2", "b", "y", source="chat", stars=2)]
    new = [row("1", "a", "x", stars=1, team="one"), row("2", "b", "y", stars=5, team="two")]
    with compare(side(tmp_path / "old", train=old), side(tmp_path / "new", train=new), SINGLE) as compared:
        assert ids(compared) == {"other": ["2"]}
        assert compared.notes == ("only old has the column source", "only new has the column team")
    single = [{"id": "1", "text": "a", "label": "x"}, {"id": "2", "text": "b", "label": "y"}]
    several = [{"id": "1", "text": "a", "label": ["x"]}, {"id": "2", "text": "b", "label": ["x", "y"]}]
    with compare(side(tmp_path / "one", train=single), side(tmp_path / "many", train=several), SINGLE) as compared:
        assert ids(compared) == {"relabelled": ["2"]}


def test_a_renamed_column_is_not_compared_and_said(tmp_path: Path) -> None:
    old = [{"id": "1", "body": "a", "intent": "x"}, {"id": "2", "body": "b", "intent": "x"}]
    new = [row("1", "a", "x"), row("3", "c", "y")]
    with compare(side(tmp_path / "old", train=old), side(tmp_path / "new", train=new), SINGLE) as compared:
        assert ids(compared) == {"added": ["3"], "removed": ["2"]}
        assert compared.notes == (
            "only old has the column body, intent",
            "only new has the column label, text",
            "not compared, since not every table has it: text (text), label (label)",
        )


def test_a_split_that_one_side_lacks(tmp_path: Path) -> None:
    rows = [row("1", "a", "x")]
    both = side(tmp_path / "old", train=rows, test=[row("2", "b", "x")]), side(tmp_path / "new", train=rows)
    with compare(*both, SINGLE) as compared:
        assert ids(compared) == {"removed": ["2"]}
        assert compared.notes == ("only old has the split test",)
    with compare(both[0], side(tmp_path / "empty"), SINGLE) as compared:
        assert ids(compared) == {"removed": ["2", "1"]}
    with compare(side(tmp_path / "none"), Side("empty", {}), SINGLE) as compared:
        assert ids(compared) == {}


def test_copies_of_an_id_are_paired_and_said(tmp_path: Path) -> None:
    old = [row("1", "a", "x"), row("1", "b", "x"), row("2", "c", "x")]
    new = [row("2", "c", "x"), row("1", "b", "x"), row("1", "a", "x"), row("1", "a", "x")]
    with compare(side(tmp_path / "old", train=old), side(tmp_path / "new", train=new), SINGLE) as compared:
        assert len(ids(compared)["added"]) == 1 and "removed" not in ids(compared)
        assert compared.notes == ("1 ids stand more than once; their rows are compared in order",)


def test_splits_of_the_same_bytes_are_counted_and_not_read_further(tmp_path: Path) -> None:
    old, new = side(tmp_path / "old", **OLD), side(tmp_path / "new", **{**NEW, "train": OLD["train"]})
    with compare(old, new, SINGLE, same=["train"]) as compared:
        assert compared.rows()["train"] == (4, 4)
        assert ids(compared)["removed"] == ["moved"]


def test_names_that_sql_and_patterns_would_take_for_their_own(tmp_path: Path) -> None:
    data = DataSchema(columns={"text": 'the "text"', "label": "the label's"}, labels=["x", "y"])  # type: ignore[arg-type]
    old = [{"id": "it's", 'the "text"': "a", "the label's": "x'"}]
    new = [{"id": "it's", 'the "text"': "b", "the label's": 'y"'}]
    both = side(tmp_path / "old [1] *'", train=old), side(tmp_path / 'new "2" ?', train=new)
    with compare(*both, data) as compared:
        assert ids(compared) == {"relabelled": ["it's"], "edited": ["it's"]}


def test_tables_that_cannot_be_compared_say_why(tmp_path: Path) -> None:
    good = side(tmp_path / "good", train=[row("1", "a", "x")])
    with (
        pytest.raises(TextgateError, match=r"train.parquet of nameless has no column id .*it has name, text"),
        compare(good, side(tmp_path / "nameless", train=[{"name": "1", "text": "a"}]), SINGLE),
    ):
        pass
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/train.parquet").write_text("no table")
    bad = Side("the bad one", {"train": tmp_path / "bad/train.parquet"})
    with pytest.raises(TextgateError, match=r"train.parquet of the bad one cannot be read"), compare(good, bad, SINGLE):
        pass
    content = bytearray((tmp_path / "good/train.parquet").read_bytes())
    content[4:40] = b"\xff" * 36
    (tmp_path / "bad/train.parquet").write_bytes(content)
    with pytest.raises(TextgateError, match=r"good and the bad one cannot be compared"), compare(good, bad, SINGLE):
        pass
