"""The tables: one Parquet file for each split, whose rows have a stable id, the text and what it is labelled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.base.errors import TextgateError
from components.base.settings import LISTS, SPLITS, DataSchema

BATCH_ROWS = 65536
READ_BYTES = 1 << 20
LIST = pa.list_(pa.string())


def table_path(folder: Path, split: str) -> Path:
    return folder / f"{split}.parquet"


def table_schema(data: DataSchema) -> pa.Schema:
    """Of the rows that a SplitReader gives: one field for each role of the task, string or list of strings."""
    lists = LISTS[data.task]
    return pa.schema([(role, LIST if role in lists else pa.string()) for role in data.roles])


class SplitReader:
    """One split, read in batches of bounded size; columns are named by their role and cast to table_schema's types.

    Nulls become "" (and empty lists); columns of the file that have no role are left out, unless named in `also`.
    Raises TextgateError when the file or a column is missing, the file is not Parquet, or a column has another type.
    """

    def __init__(self, folder: Path, split: str, data: DataSchema, also: tuple[str, ...] = ()) -> None:
        self.path, self.split = table_path(folder, split), split
        self.schema = table_schema(data)
        for name in also:
            self.schema = self.schema.append(pa.field(name, pa.string()))
        self._names = {**data.roles, **{name: name for name in also}}
        try:
            # Buffered ahead, every row group that was read would stay in memory until the file is closed; without a
            # buffer, a row group's columns are read whole.
            self._file = pq.ParquetFile(self.path, pre_buffer=False, buffer_size=READ_BYTES)
        except FileNotFoundError:
            raise TextgateError(
                f"the data has no {self.path.name}; it needs one for each of {', '.join(SPLITS)}"
            ) from None
        except (pa.ArrowException, OSError) as error:
            raise TextgateError(f"{self.path.name} cannot be read as Parquet: {error}") from None
        self._check_columns()

    @property
    def num_rows(self) -> int:
        return int(self._file.metadata.num_rows)

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """The rows in the file's order, at most `rows` at once."""
        try:
            for batch in self._file.iter_batches(rows, columns=list(self._names.values()), use_threads=False):
                columns = [_cast(batch[self._names[field.name]], field) for field in self.schema]
                yield pa.RecordBatch.from_arrays(columns, schema=self.schema)
        except (pa.ArrowException, OSError) as error:
            raise TextgateError(f"{self.path.name} cannot be read: {error}") from None

    def _check_columns(self) -> None:
        found = self._file.schema_arrow
        if absent := [name for name in self._names.values() if name not in found.names]:
            raise TextgateError(
                f"{self.path.name} has no column {', '.join(absent)}; it has {', '.join(found.names)}."
                " Name the right ones under data.columns in the config"
            )
        for field in self.schema:
            kind = found.field(self._names[field.name]).type
            if not _fits(kind, field.type):
                raise TextgateError(
                    f"{self.path.name}: the column {self._names[field.name]} holds {kind}, and must hold"
                    f" {'lists of strings' if field.type == LIST else 'strings'}"
                )


def read_table(folder: Path, split: str, data: DataSchema, also: tuple[str, ...] = ()) -> pa.Table:
    """A split whole, as a SplitReader gives it; for what needs all rows at once."""
    reader = SplitReader(folder, split, data, also)
    return pa.Table.from_batches(reader.batches(), reader.schema)


def _fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        return _fits(found.value_type, wanted)
    if wanted == LIST:
        is_list = pa.types.is_list(found) or pa.types.is_large_list(found)
        return is_list and _fits(found.value_type, pa.string())
    return not pa.types.is_nested(found) and not pa.types.is_binary(found) and not pa.types.is_large_binary(found)


def _cast(column: pa.Array, field: pa.Field) -> pa.Array:
    filled = column.cast(field.type)
    if not filled.null_count:
        return filled
    return filled.fill_null("") if field.type != LIST else filled.fill_null(pa.scalar([], LIST))
