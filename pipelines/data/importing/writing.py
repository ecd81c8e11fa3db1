"""The tables of an import: each split's rows, sorted by id, the same bytes whatever order they were read in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.base.errors import TextgateError
from components.base.settings import SPLITS
from components.base.tables import table_path
from pipelines.data.spool import Spool

GROUP_ROWS = 65536
MEMORY_LIMIT = "512MB"
# The id of a copy ends in its number; `chosen` holds what memory knows of the rows.
QUERY = """
    SELECT CASE WHEN chosen.number > 1 THEN c0 || '-' || chosen.number ELSE c0 END AS c0, {others}
    FROM read_parquet(?) AS spool JOIN chosen USING (row)
    WHERE chosen.split = ? ORDER BY 1
"""


def write_splits(
    spool: Spool,
    rows: NDArray[np.int64],
    splits: NDArray[np.int8],
    numbers: NDArray[np.int32],
    folder: Path,
    done: Callable[[int], None],
) -> None:
    """Writes one Parquet file for each split: of the spool's `rows`, each with its split and the number of its id.

    Sorts out of core, in the spool's folder. `done` hears of each number of rows that are written. Raises
    TextgateError where the disk is full.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(spool.path.parent / "sort"),
        "threads": 2,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    chosen = pa.table({"row": rows, "split": splits, "number": numbers})
    others = ", ".join(f"c{column}" for column in range(1, len(spool.schema)))
    try:
        with duckdb.connect(":memory:", config=config) as connection:
            connection.register("chosen", chosen)
            for code, split in enumerate(SPLITS):
                found = connection.sql(QUERY.format(others=others), params=[str(spool.path), code])
                batches = iter(found.to_arrow_reader(GROUP_ROWS))
                _write(_groups(batches, spool.schema), spool, table_path(folder, split), done)
    except duckdb.Error as error:
        raise TextgateError(f"the rows cannot be sorted: {str(error).splitlines()[0]}") from None


def _write(groups: Iterator[pa.Table], spool: Spool, path: Path, done: Callable[[int], None]) -> None:
    lists = {field.name for field in spool.schema if pa.types.is_list(field.type)}
    repeating = [name for name in spool.schema.names[2:] if name not in lists]
    with pq.ParquetWriter(
        path,
        spool.schema,
        version="2.6",
        data_page_version="1.0",
        compression="zstd",
        compression_level=3,
        use_dictionary=[*repeating, *(f"{name}.list.element" for name in sorted(lists))],
        store_schema=False,
    ) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=GROUP_ROWS)
            done(group.num_rows)


def _groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Tables of GROUP_ROWS rows, the last of what is left, each of one chunk: pages follow chunks."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        rest = batch
        while count + rest.num_rows >= GROUP_ROWS:
            head = rest.slice(0, GROUP_ROWS - count)
            yield _table([*held, head], schema)
            held, count, rest = [], 0, rest.slice(head.num_rows)
        if rest.num_rows:
            held.append(rest)
            count += rest.num_rows
    if held:
        yield _table(held, schema)


def _table(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches(batches).rename_columns(schema.names).cast(schema).combine_chunks()
