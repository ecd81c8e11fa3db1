"""From files to tables: formats, tasks, ids, splits, copies; the same bytes whatever order the rows are in."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.base.errors import TextgateError
from components.base.files import sha256_text
from components.base.settings import SPLITS, DataSchema
from components.base.tables import read_table
from components.base.text import normalise
from pipelines.data import spool
from pipelines.data.importing import writing
from tests.pipelines.data.importing.conftest import Result, Write, csv_of, good_rows

Build = Callable[..., Result]

SINGLE = [{"text": text, "label": label} for text, label in good_rows(20)]
MULTI = [{"text": row["text"], "label": [["neg", "pos"], ["neg"], []][number % 3]} for number, row in enumerate(SINGLE)]
PAIRS = [{**row, "text_pair": f"and {number}"} for number, row in enumerate(SINGLE)]
TAGGED = [
    {"tokens": ["Ann", "saw", f"Oslo\u00a0{number}"], "tags": ["B-PER", "O", "B-LOC" if number % 2 else "O"]}
    for number in range(20)
]
ROWS: dict[str, list[dict[str, Any]]] = {
    "single-label": SINGLE,
    "multi-label": MULTI,
    "text-pair": PAIRS,
    "token-tags": TAGGED,
}


def as_delimited(rows: list[dict[str, Any]], delimiter: str) -> bytes:
    cells = [[" | ".join(value) if isinstance(value, list) else value for value in row.values()] for row in rows]
    return "\n".join(delimiter.join(line) for line in [list(rows[0]), *cells]).encode() + b"\n"


def as_json_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=7)
    return sink.getvalue()


def as_conll(rows: list[dict[str, Any]]) -> bytes:
    sentences = [
        "".join(f"{token}\t{tag}\n" for token, tag in zip(row["tokens"], row["tags"], strict=True)) for row in rows
    ]
    return "\n".join(sentences).encode()


def packed(content: bytes, ending: str) -> bytes:
    if ending == ".zst":
        return pa.compress(content, "zstd", asbytes=True)
    return gzip.compress(content) if ending == ".gz" else content


FILES = [
    *((task, f"{name}{packing}") for task in ("single-label", "multi-label", "text-pair") for name, packing in
      (("a.csv", ""), ("a.tsv", ".zst"), ("a.jsonl", ".gz"), ("a.ndjson", ""), ("a.json", ""), ("a.parquet", ""))),
    ("token-tags", "a.conll"), ("token-tags", "a.txt.gz"), ("token-tags", "a.bio"), ("token-tags", "a.annotated"),
    ("token-tags", "a.jsonl.zst"), ("token-tags", "a.parquet"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "file"), FILES)
def test_each_format_gives_the_rows_of_each_task(task: Any, file: str, write: Write, build: Build) -> None:
    ending = Path(file).suffix if Path(file).suffix in (".gz", ".zst") else ""
    kind = Path(file.removesuffix(ending)).suffix
    rows = ROWS[task]
    content = {
        ".csv": lambda: as_delimited(rows, ","),
        ".tsv": lambda: as_delimited(rows, "\t"),
        ".jsonl": lambda: as_json_lines(rows),
        ".ndjson": lambda: as_json_lines(rows),
        ".json": lambda: as_json_lines(rows),
        ".parquet": lambda: as_parquet(rows),
    }.get(kind, lambda: as_conll(rows))()
    path = write(file, packed(content, ending))
    result = build(path, task=task, source={"label_separator": "|"})
    found = [{name: value for name, value in row.items() if name != "id"} for row in result.all]
    key = json.dumps
    assert sorted(found, key=key) == sorted(rows, key=key)
    schema = DataSchema.model_validate({"task": task, "labels": ["neg", "pos"]})
    assert sum(read_table(result.folder, split, schema).num_rows for split in SPLITS) == 20


def test_folders_are_read_with_all_below_them_and_each_file_once(write: Write, build: Build) -> None:
    rows = good_rows(20)
    first = write("deep/er/one.csv", csv_of(rows[:10]))
    write("deep/two.jsonl", "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows[10:]))
    write("deep/.hidden", "not read")
    write("deep/.git/config", "not read")
    assert build(first.parents[1], first, first.parents[2]).built.kept == 20
    write("deep/notes.md", "?")
    with pytest.raises(TextgateError, match=r"cannot tell what is in \S+/notes.md: .*name the files that are meant"):
        build(first.parents[1])
    with pytest.raises(TextgateError, match="nowhere.csv does not exist"):
        build(first.with_name("nowhere.csv"))


def test_columns_have_the_names_of_the_config_and_further_ones_are_kept_as_text(write: Write, build: Build) -> None:
    path = write(
        "a.jsonl",
        "".join(
            json.dumps({"body": f"t{n}", "mood": n % 2, "stars": n, "more": {"b": [1, True], "a": None}, "none": None})
            + "\n"
            for n in range(9)
        ),
    )
    columns = {"text": "body", "label": "mood", "keep": ["stars", "more", "none", "absent"]}
    with pytest.raises(TextgateError, match=r"no column 'absent'; its first row has 'body', 'mood'"):
        build(path, columns=columns)
    columns["keep"] = ["stars", "more", "none"]
    row = next(row for row in build(path, columns=columns).all if row["body"] == "t4")
    assert row == {
        "id": sha256_text("t4")[:16],
        "body": "t4",
        "mood": "0",
        "stars": "4",
        "more": '{"a": null, "b": [1, true]}',
        "none": None,
    }


def test_ids_come_from_the_text_and_copies_are_numbered_whatever_order_the_files_have(
    write: Write, build: Build
) -> None:
    rows = [("Hello", "pos"), ("hello ", "neg"), ("HELLO", "neg"), *good_rows(12)]
    one = build(write("one.csv", csv_of(rows)))
    two = build(write("b/2.csv", csv_of(rows[5:])), write("b/1.csv", csv_of(rows[4::-1])))
    assert one.bytes == two.bytes
    digest = sha256_text("hello")[:16]
    ids = {row["text"]: row["id"] for row in one.all}
    assert {ids["Hello"], ids["hello "], ids["HELLO"]} == {digest, f"{digest}-2", f"{digest}-3"}
    assert ids["text number 3"] == sha256_text("text number 3")[:16]
    assert len({split for split, rows in one.rows.items() for row in rows if row["id"].startswith(digest)}) == 1


def test_ids_of_their_own_are_kept(write: Write, build: Build) -> None:
    rows = [(f"r-{number}", *row) for number, row in enumerate(good_rows(12))]
    result = build(
        write("a.csv", csv_of([*rows, ("r-99", "text number 1", "pos")], "key,text,label")), columns={"id": "key"}
    )
    assert {row["key"] for row in result.all} == {f"r-{number}" for number in [*range(12), 99]}


def test_labels_are_renamed_and_never_otherwise_changed(write: Write, build: Build) -> None:
    path = write("a.csv", csv_of([*good_rows(10), ("a", "POS"), ("b", " pos"), ("c", "neutral")]))
    source = {"rename_labels": {"POS": "pos", " pos": "pos", "Neg": "neg"}}
    built = build(path, source=source).built
    assert built.table == {"neg": [3, 1, 1], "pos": [5, 1, 1], "neutral": [1, 0, 0]}
    assert "data.source.rename_labels names 1 label: 'Neg' that no row has" in built.remarks
    assert any("1 label: 'neutral' (1 rows) are not in data.labels" in remark for remark in built.remarks)
    assert set(build(path).built.table) == {"neg", "pos", "POS", " pos", "neutral"}


COPIES = [("same", "pos"), ("Same", "pos"), ("both", "pos"), ("both", "neg")]


@pytest.mark.parametrize(
    ("source", "kept", "dropped"),
    [
        ({}, 16, {}),
        ({"duplicates": "drop"}, 15, {"a further copy of a text": 1}),
        ({"contradictions": "drop"}, 14, {"a text with contradictory labels": 2}),
        (
            {"contradictions": "drop", "duplicates": "drop"},
            13,
            {"a further copy of a text": 1, "a text with contradictory labels": 2},
        ),
    ],
)
def test_copies_are_reported_or_dropped(
    source: dict[str, str], kept: int, dropped: dict[str, int], write: Write, build: Build, tmp_path: Path
) -> None:
    built = build(write("a.csv", csv_of([*good_rows(12), *COPIES])), source=source).built
    assert (built.kept, dict(built.dropped)) == (kept, dropped)
    listed = (tmp_path / "bad.jsonl").read_text().splitlines() if dropped else []
    assert len(listed) == 16 - kept
    assert any(
        "a text with contradictory labels: 2 rows; data.source.contradictions: drop" in r for r in built.remarks
    ) == ("contradictions" not in source)


def test_files_give_splits_and_leaks_are_reported_or_dropped(write: Write, build: Build) -> None:
    train, test = good_rows(36), [("Text number 3", "pos"), *[(f"other {n}", "neg") for n in range(9)]]
    paths = write("s/Train.csv", csv_of(train)), write("s/test.csv", csv_of(test))
    source: dict[str, Any] = {"split": {"by": "files"}}
    built = build(*paths, source=source)
    assert {row["text"] for row in built.rows["test"]} == {text for text, _ in test}
    assert built.built.splits == {"train": 32, "validation": 4, "test": 10}
    assert any("stands in a later split: 1 row;" in remark for remark in built.built.remarks)
    assert "text number 3" in {row["text"] for row in built.rows["train"]}
    dropped = build(*paths, source={**source, "leaks": "drop"})
    assert dropped.built.dropped == {"a text that stands in a later split": 1}
    with pytest.raises(TextgateError, match=r"more.csv is for no split: .*matches none of data.source.split.files"):
        build(*paths, write("s/more.csv", csv_of(train)), source=source)
    with pytest.raises(TextgateError, match=r"train-test.csv is for train and test alike"):
        build(write("train-test.csv", csv_of(train)), source=source)
    folders = write("f/dev/part-0.csv", csv_of(good_rows(9))), write("f/train/part-0.csv", csv_of(train[10:]))
    assert build(folders[0].parents[1], source=source).built.splits["validation"] == 9


def test_a_column_gives_splits(write: Write, build: Build) -> None:
    rows = [(*row, ["train", " Train", "dev", "TEST"][number % 4]) for number, row in enumerate(good_rows(20))]
    source = {"split": {"by": "column", "column": "part"}}
    result = build(write("a.csv", csv_of(rows, "text,label,part")), source=source)
    assert result.built.splits == {"train": 10, "validation": 5, "test": 5}
    assert result.all[0].keys() == {"id", "text", "label"}
    with pytest.raises(TextgateError, match=r"a.csv:22: 'part' is 'later', which is none of those under"):
        build(write("a.csv", csv_of([*rows, ("a", "pos", "later")], "text,label,part")), source=source)


def test_entities_and_times_give_splits(write: Write, build: Build) -> None:
    rows = [(*row, f"c{number % 20}", f"2026-01-{number % 28 + 1:02}") for number, row in enumerate(good_rows(200))]
    path = write("a.csv", csv_of(rows, "text,label,who,day"))
    result = build(path, source={"split": {"entity": "who"}}, columns={"keep": ["who", "day"]})
    owners = {split: {row["who"] for row in found} for split, found in result.rows.items()}
    assert sum(map(len, owners.values())) == len(set.union(*owners.values())) == 20
    result = build(path, source={"split": {"time": "day"}}, columns={"keep": ["who", "day"]})
    days = {split: [row["day"] for row in found] for split, found in result.rows.items()}
    assert max(days["train"]) <= min(days["validation"]) and max(days["validation"]) <= min(days["test"])
    assert result.built.splits == {"train": 160, "validation": 20, "test": 20}
    for time, message in (
        ("yesterday", r"a.csv:202: 'day' is 'yesterday'; write it as in ISO"),
        ("17", "holds dates in some"),
    ):
        with pytest.raises(TextgateError, match=message):
            build(
                write("b/a.csv", csv_of([*rows, ("a", "pos", "c", time)], "text,label,who,day")),
                source={"split": {"time": "day"}},
            )


def test_the_files_are_plain_sorted_and_in_groups_of_65536_rows(
    write: Write, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert writing.GROUP_ROWS == 65536
    monkeypatch.setattr(writing, "GROUP_ROWS", 1000)
    monkeypatch.setattr(writing, "DEAL_BYTES", 1)
    monkeypatch.setattr(spool, "FLUSH_ROWS", 100)
    result = build(write("a.csv", csv_of([(f"text number {number}", "pos") for number in range(1500)])))
    file = pq.ParquetFile(result.folder / "train.parquet")
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [1000, 200]
    assert file.schema_arrow.metadata is None
    assert file.schema_arrow.names == ["id", "text", "label"]
    ids = file.read()["id"].to_pylist()
    assert ids == sorted(ids)


@pytest.mark.parametrize("task", ROWS)
def test_the_bytes_do_not_depend_on_the_order_of_rows_and_files_or_on_their_format(
    task: Any, write: Write, build: Build
) -> None:
    rows = [*ROWS[task], *ROWS[task][:5]]
    one = build(write("a.jsonl", as_json_lines(rows)), task=task)
    random.Random(1).shuffle(rows)
    two = build(write("b/1.parquet", as_parquet(rows[:9])), write("b/2.jsonl", as_json_lines(rows[9:])), task=task)
    assert one.bytes == two.bytes


LETTERS = "aAbB \u200b\t,;\"'é\r\n😀"


@pytest.mark.parametrize("seed", range(25))
def test_whatever_the_file_every_row_is_kept_or_counted_and_kept_texts_are_unchanged(
    seed: int, write: Write, build: Build
) -> None:
    random_ = random.Random(seed)
    rows = [
        {
            "id": random_.choice([f"{number}", f"{number}", "same"]),
            "text": random_.choice(["".join(random_.choices(LETTERS, k=random_.randint(0, 9))), None, 7, ["a"]]),
            "label": random_.choice(["neg", "pos", "pos", "POS", "", None, 1]),
        }
        for number in range(200)
    ]
    source = {
        "bad_rows": "drop",
        **{name: random_.choice(["keep", "drop"]) for name in ("duplicates", "contradictions", "leaks")},
    }
    result = build(write("a.jsonl", as_json_lines(rows)), source=source)
    # `build` asserts that read = kept + dropped = rows of the tables.
    assert result.built.read == 200
    known = {(row["id"], str(row["text"]), str(row["label"])) for row in rows}
    assert all((row["id"], row["text"], row["label"]) in known for row in result.all)
    good = [
        row for row in rows if isinstance(row["text"], str | int) and normalise(str(row["text"]).replace("\u200b", ""))
    ]
    good = [row for row in good if row["label"] not in ("", None)]
    assert sum(result.built.dropped[reason] for reason in ("no value", "no label", "empty text", LIST)) == 200 - len(
        good
    )


LIST = "a list where a string stands"


def test_a_split_that_would_have_no_row_refuses_the_import(write: Write, build: Build) -> None:
    with pytest.raises(TextgateError, match=r"of 4 rows none would be in .*nothing was imported.*rows of one text"):
        build(write("a.csv", csv_of([(f"text {label}", label) for label in "abcd"])))
