"""Parquet: columns of strings, numbers, or lists of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.base.errors import TextgateError
from pipelines.data.sources.files import Source
from pipelines.data.sources.records import Broken, Reader, Record

BATCH_ROWS = 4096
UNDECODABLE = "undecodable bytes"


@contextmanager
def open_parquet(source: Source, wanted: Sequence[str] | None = None) -> Iterator[Reader]:
    """Reads the columns `wanted` that are there (without it, all that can be read); a row's place is its number.

    Raises TextgateError where the file is not Parquet, or a wanted column holds neither strings, numbers, bools,
    dates nor lists of them.
    """
    try:
        file = pq.ParquetFile(source.path, pre_buffer=False, buffer_size=1 << 20)
    except (pa.ArrowException, OSError) as error:
        raise TextgateError(f"{source.path} cannot be read as Parquet: {error}") from None
    with file:
        schema = file.schema_arrow
        names = [
            name for name in schema.names if (wanted is None and not _fault(schema, name)) or name in (wanted or ())
        ]
        for name in names:
            if fault := _fault(schema, name):
                raise TextgateError(f"{source.path}: {fault}")
        reading = _Reading(source, file, names)
        yield Reader(tuple(schema.names), "", reading.records(), reading.position)


def _fault(schema: pa.Schema, name: str) -> str:
    if schema.names.count(name) > 1:
        return f"two columns are called {name!r}"
    kind = schema.field(name).type
    inner = kind.value_type if _is_list(kind) or pa.types.is_dictionary(kind) else kind
    if pa.types.is_nested(inner) or "binary" in str(inner):
        return (
            f"the column {name!r} holds {kind}, and must hold strings, numbers, or a list of these; write what is meant"
            " in it as a column of its own"
        )
    return ""


def _is_list(kind: pa.DataType) -> bool:
    return any(check(kind) for check in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list))


class _Reading:
    def __init__(self, source: Source, file: pq.ParquetFile, names: list[str]) -> None:
        self.source, self.file, self.names = source, file, names
        self.row = 0

    def position(self) -> int:
        return int(self.source.size * self.row // max(self.file.metadata.num_rows, 1))

    def records(self) -> Iterator[Record | Broken]:
        for batch in self._batches():
            for values in zip(*(_values(batch[name]) for name in self.names), strict=True):
                self.row += 1
                if UnicodeDecodeError in values:
                    name = self.names[values.index(UnicodeDecodeError)]
                    detail = f"{name!r} holds bytes that are not UTF-8; write the row anew"
                    yield Broken(self.row, UNDECODABLE, detail)
                else:
                    yield Record(self.row, dict(zip(self.names, values, strict=True)))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self.file.iter_batches(BATCH_ROWS, columns=self.names, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            what = " ".join(str(error).split())
            raise TextgateError(f"{self.source.path} is damaged after row {self.row}: {what}") from None


def _values(column: pa.Array) -> list[Any]:
    """As Python's; UnicodeDecodeError stands for a string that is not UTF-8, and NaN is None."""
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        values = [_value(scalar) for scalar in column]
    if pa.types.is_floating(column.type):
        return [value if value is not None and math.isfinite(value) else None for value in values]
    return list(values)


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return UnicodeDecodeError
