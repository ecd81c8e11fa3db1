from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from components.base.errors import TextgateError
from components.base.settings import Task
from pipelines.data.sources import find_sources
from pipelines.data.sources.files import open_bytes


@pytest.mark.parametrize(
    ("name", "task", "format_", "compression", "stem"),
    [
        ("train.CSV", "single-label", "csv", "", "train"),
        ("dev.tsv.gz", "single-label", "tsv", "gzip", "dev"),
        ("a.b.jsonl.zst", "single-label", "jsonl", "zstd", "a.b"),
        ("a.json", "single-label", "jsonl", "", "a"),
        ("test.parquet", "token-tags", "parquet", "", "test"),
        ("emerging.test.annotated", "token-tags", "conll", "", "emerging.test"),
        ("eng.testb", "token-tags", "conll", "", "eng"),
        ("train", "token-tags", "conll", "", "train"),
    ],
)
def test_names_say_what_files_are(
    name: str, task: Task, format_: str, compression: str, stem: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("x")
    (source,) = find_sources([tmp_path / name], task)
    assert (source.format, source.compression, source.name) == (format_, compression, stem)


def test_folders_are_walked_through_links_without_end_or_repetition(tmp_path: Path) -> None:
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/deep/b.csv").write_text("x")
    (tmp_path / "in/a.csv").write_text("x")
    (tmp_path / "in/deep/loop").symlink_to(tmp_path / "in")
    (tmp_path / "in/again.csv").symlink_to("a.csv")
    (tmp_path / "in/.hidden.csv").write_text("x")
    (tmp_path / "in/_SUCCESS").touch()
    found = find_sources([tmp_path / "in", tmp_path / "in/deep/b.csv"], "single-label")
    assert [source.path.name for source in found] == ["a.csv", "b.csv"]
    assert found[1].folders == ("deep",)


def test_what_cannot_be_a_source_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.parquet.gz").write_text("x")
    (tmp_path / "gone.csv").symlink_to("nowhere")
    for name, message in (
        ("absent.csv", "absent.csv does not exist"),
        ("empty", "holds no files"),
        ("a.parquet.gz", "unpack the file first"),
        ("gone.csv", "gone.csv does not exist"),
    ):
        with pytest.raises(TextgateError, match=message):
            find_sources([tmp_path / name], "single-label")
    (tmp_path / "a.parquet.gz").unlink()
    with pytest.raises(TextgateError, match=r"gone.csv is not a file that can be read: a broken link"):
        find_sources([tmp_path], "token-tags")


def test_files_packed_in_several_parts_are_read_whole(tmp_path: Path) -> None:
    parts = [b"one\n", b"two\n"]
    (tmp_path / "a.csv.gz").write_bytes(b"".join(map(gzip.compress, parts)))
    (tmp_path / "b.csv.zst").write_bytes(b"".join(pa.compress(part, "zstd", asbytes=True) for part in parts))
    for source in find_sources([tmp_path], "single-label"):
        with open_bytes(source) as (file, _):
            assert file.read() == b"one\ntwo\n"


def test_what_lies_beside_tagged_files_is_refused_by_name(tmp_path: Path) -> None:
    for name in ("a.annotated", "b.txt", "README.md", "SOURCE.txt"):
        (tmp_path / name).write_text("a\tO\n")
    with pytest.raises(TextgateError, match=r"README\.md, .*SOURCE\.txt"):
        find_sources([tmp_path], "token-tags")
    assert len(find_sources([tmp_path / "a.annotated", tmp_path / "b.txt"], "token-tags")) == 2
