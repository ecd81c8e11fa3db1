"""The rows of a file that a model is to be asked about, streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from components.base.errors import TextgateError
from components.base.settings import SourceSettings
from pipelines.data.sources.files import COMPRESSIONS, FORMATS, Source
from pipelines.data.sources.lines import open_lines
from pipelines.data.sources.reading import open_reader
from pipelines.data.sources.records import SURROGATE, Broken, Record, shorten
from serving.client import Row

LINES = ".txt"
READ = {ending: kind for ending, kind in FORMATS.items() if kind != "conll"}
BATCH_ROWS = 1024


class Input(NamedTuple):
    """An open file: its columns (None in JSON Lines, where each row has its own), in Parquet with their types, its rows
    with their lines, its bytes, and how many of these were read."""

    columns: tuple[str, ...] | None
    schema: pa.Schema | None
    records: Iterator[Record | Broken]
    size: int
    position: Callable[[], int]


@contextmanager
def open_input(path: Path, encoding: str = "") -> Iterator[Input]:
    """CSV, TSV, JSON Lines, Parquet or, in .txt, a text on each line, by the file's name; but Parquet also packed.

    Raises TextgateError naming what is wrong with the file, or the line where it is.
    """
    if not path.is_file():
        raise TextgateError(f"{path} is no file" if path.exists() else f"{path} does not exist")
    compression = COMPRESSIONS.get(path.suffix.lower(), "")
    ending = (Path(path.stem) if compression else path).suffix.lower()
    try:
        if ending == LINES:
            source = Source(path, "csv", compression)  # the format is not looked at: it is read by lines
            with open_lines(source, encoding) as (_, lines, position):
                records = (
                    Broken(line.number, *line.fault) if line.fault else Record(line.number, {"text": text})
                    for line in lines
                    if (text := line.text.strip())
                )
                yield Input(("text",), None, records, source.size, position)
        elif ending not in READ or (READ[ending] == "parquet" and compression):
            raise TextgateError(
                f"cannot tell what is in {path}: the endings that are read are {', '.join(READ)}, and {LINES} for a"
                " text on each line, each also with .gz or .zst after it (but Parquet); rename the file"
            )
        elif READ[ending] == "parquet":
            with _open_parquet(path) as found:
                yield found
        else:
            source = Source(path, READ[ending], compression, path.name)
            with open_reader(source, SourceSettings(encoding=encoding)) as reader:
                yield Input(reader.columns, None, reader.records, source.size, reader.position)
    except TextgateError as error:
        raise TextgateError(str(error).replace("data.source.encoding", "--encoding")) from None


@contextmanager
def _open_parquet(path: Path) -> Iterator[Input]:
    """With all columns, of whatever type, which a reader for training needs not."""
    try:
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except (pa.ArrowException, OSError) as error:
        raise TextgateError(f"{path} cannot be read as Parquet: {error}") from None
    with file:
        schema, size, rows = file.schema_arrow, path.stat().st_size, max(1, file.metadata.num_rows)
        if twice := [name for name in schema.names if schema.names.count(name) > 1]:
            raise TextgateError(f"{path}: two columns are called {twice[0]!r}")
        read = 0

        def records() -> Iterator[Record]:
            nonlocal read
            try:
                for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
                    for values in batch.to_pylist():
                        read += 1
                        yield Record(read, values)
            except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
                what = " ".join(str(error).split())
                raise TextgateError(f"{path} is damaged after row {read}: {what}") from None

        yield Input(tuple(schema.names), schema, records(), size, lambda: size * read // rows)


def texts(path: Path, record: Record | Broken, columns: Sequence[str]) -> Row:
    """Those of one row. Raises TextgateError naming the line and what is wrong there."""
    if isinstance(record, Broken):
        raise TextgateError(f"{path}:{record.line}: {record.detail}")
    return tuple(_text(path, record, name) for name in columns)


def _text(path: Path, record: Record, name: str) -> str:
    if name not in record.values:
        have = ", ".join(map(repr, record.values))
        raise TextgateError(
            f"{path}:{record.line} has no column {name!r}; name those of the texts with --column: {have}"
        )
    value: Any = record.values[name]
    if not isinstance(value, str):
        what = "is null" if value is None else f"is {shorten(str(value))}"
        raise TextgateError(f"{path}:{record.line}: {name!r} {what}; write a text, or take the row out")
    if SURROGATE.search(value):
        raise TextgateError(
            f"{path}:{record.line}: {name!r} holds half of a character: {shorten(value)}; write it whole"
        )
    return value
