from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest

from components.base.errors import TextgateError
from components.base.settings import SourceSettings
from pipelines.data.sources import Broken, Record, find_sources, open_reader


def read(path: Path, content: str, **settings: str) -> list[Record | Broken]:
    path.write_text(content, encoding="utf-8", newline="")
    source = find_sources([path], "single-label")[0]
    with open_reader(source, SourceSettings.model_validate(settings)) as reader:
        return list(reader.records)


def places(found: list[Record | Broken]) -> list[int]:
    return [item.line if isinstance(item, Record) else -item.line for item in found]


def test_rows_know_the_line_where_they_begin(tmp_path: Path) -> None:
    content = 'a,b\n"two\nlines",1\n\n  \n"say ""hi""",2\r\nlast,3'
    found = read(tmp_path / "a.csv", content)
    assert found == [
        Record(2, {"a": "two\nlines", "b": "1"}),
        Record(6, {"a": 'say "hi"', "b": "2"}),
        Record(7, {"a": "last", "b": "3"}),
    ]


def test_other_delimiters(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", "a;b\n1,2;3\n", delimiter=";") == [Record(2, {"a": "1,2", "b": "3"})]
    assert read(tmp_path / "a.tsv", "a\tb\n1,2\t3\n") == [Record(2, {"a": "1,2", "b": "3"})]
    with pytest.raises(TextgateError, match=r"data.source.delimiter must be one character"):
        read(tmp_path / "a.csv", "a,b\n", delimiter="||")


def test_reading_goes_on_after_the_line_of_an_open_quote(tmp_path: Path) -> None:
    content = 'a,b\n"open,1\nfine,2\n"closed, here",3\n"open to the end,4\nlast,5\n'
    found = read(tmp_path / "a.csv", content)
    assert places(found) == [-2, 3, 4, -5, 6]
    assert isinstance(found[0], Broken) and "closed on line 4" in found[0].detail and "'\"open,1'" in found[0].detail
    assert isinstance(found[3], Broken) and "never closed" in found[3].detail


def test_many_open_quotes_do_not_take_for_ever(tmp_path: Path) -> None:
    content = "a,b\n" + '"open,1\nfine,2\n' * 20_000
    found = read(tmp_path / "a.csv", content)
    assert len(found) == 40_000 and sum(isinstance(item, Broken) for item in found) == 20_000


def test_quotes_are_text_where_the_setting_says_so(tmp_path: Path) -> None:
    assert read(tmp_path / "a.tsv", 'a\tb\n"x\t1\n', quote="") == [Record(2, {"a": '"x', "b": "1"})]
    assert read(tmp_path / "a.csv", "a,b\n'x,y',1\n", quote="'") == [Record(2, {"a": "x,y", "b": "1"})]


@pytest.mark.parametrize("seed", range(20))
def test_what_pythons_writer_wrote_is_read_unchanged(seed: int, tmp_path: Path) -> None:
    random_ = random.Random(seed)
    rows = [
        ["".join(random_.choices("ab ,;\"'\n\r\té😀", k=random_.randint(1, 8))) for _ in range(3)] for _ in range(50)
    ]
    sink = io.StringIO(newline="")
    csv.writer(sink).writerows([["a", "b", "c"], *rows])
    found = read(tmp_path / "a.csv", sink.getvalue())
    assert [list(item.values.values()) for item in found if isinstance(item, Record)] == rows
