"""The tables of an import: each split's rows, sorted by id, the same bytes whatever order they were read in.

Only ids are sorted as a whole, out of core. The order that this gives says which row group each row belongs to; rows
are dealt out into one file for each group, and a group at a time is put in order and written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.base.errors import TextgateError
from components.base.settings import SPLITS
from components.base.tables import table_path
from pipelines.data.spool import Spool

GROUP_ROWS = 65536
MOST_FILES = 256
DEAL_BYTES = 1 << 25
DUCKDB: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "512MB",
    "threads": 2,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
# The id of a copy ends in its number; `chosen` holds what memory knows of the rows.
SORTED = """
    SELECT row FROM read_parquet(?) JOIN chosen USING (row)
    ORDER BY split, CASE WHEN number > 1 THEN c0 || '-' || number ELSE c0 END
"""

Numbers = NDArray[np.int64]


def write_splits(
    spool: Spool,
    rows: Numbers,
    splits: NDArray[np.int8],
    numbers: NDArray[np.int32],
    folder: Path,
    done: Callable[[int], None],
) -> None:
    """Writes one Parquet file for each split: of the spool's `rows`, each with its split and the number of its id.

    `done` hears of each number of rows that are written. Raises TextgateError where the ids cannot be sorted.
    """
    order = _sorted_rows(spool, pa.table({"row": rows, "split": splits, "number": numbers}))
    places = np.full(len(spool), -1)
    places[order] = np.arange(len(order))
    copies = np.ones(len(spool), np.int32)
    copies[rows] = numbers
    ends = _group_ends(np.bincount(splits, minlength=len(SPLITS)))
    files = [spool.path.with_name(f"group-{number}.arrow") for number in range(sum(map(len, ends)))]
    _deal(spool, places, copies, np.concatenate(ends), files)
    groups = iter(files)
    for split, of_split in zip(SPLITS, ends, strict=True):
        _write(table_path(folder, split), spool.schema, [next(groups) for _ in of_split], done)


def _sorted_rows(spool: Spool, chosen: pa.Table) -> Numbers:
    """By split, then by id in the order of its UTF-8 bytes."""
    try:
        with duckdb.connect(":memory:", config={**DUCKDB, "temp_directory": str(spool.path.parent)}) as connection:
            connection.register("chosen", chosen)
            found = connection.sql(SORTED, params=[str(spool.path)]).fetchnumpy()
    except duckdb.Error as error:
        raise TextgateError(
            f"the ids cannot be sorted: {str(error).splitlines()[0]}; everything is as it was"
        ) from None
    return np.asarray(found["row"], np.int64)


def _group_ends(sizes: Numbers) -> list[Numbers]:
    """Of each split, the places where its groups end; where there would be more than MOST_FILES, several are one."""
    together = GROUP_ROWS * -(-int(sum(-(-size // GROUP_ROWS) for size in sizes)) // MOST_FILES)
    ends, begin = [], 0
    for size in sizes:
        ends.append(np.minimum(np.arange(begin + together, begin + size + together, together), begin + size))
        begin += size
    return ends


def _deal(spool: Spool, places: Numbers, copies: NDArray[np.int32], ends: Numbers, files: Sequence[Path]) -> None:
    """Writes each row with its place into the file of its group; rows without a place are left out."""
    with ExitStack() as stack:
        writers: dict[int, Any] = {}
        for dealt in _chunks(spool.path):
            numbers = dealt["row"].to_numpy()
            kept = np.flatnonzero(places[numbers] >= 0)
            kept = kept[np.argsort(places[numbers[kept]])]
            if not len(kept):
                continue
            numbers = numbers[kept]
            table = dealt.take(pa.array(kept)).drop_columns(["row"])
            table = table.set_column(0, "c0", _ids(table["c0"], copies[numbers]))
            table = table.append_column("place", pa.array(places[numbers]))
            groups = np.searchsorted(ends, places[numbers], side="right")
            starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
            for begin, end in zip(starts, [*starts[1:], len(groups)], strict=True):
                group = int(groups[begin])
                if group not in writers:
                    writers[group] = stack.enter_context(pa.ipc.new_stream(files[group], table.schema, options=LZ4))
                writers[group].write_table(table.slice(begin, end - begin))


def _write(path: Path, schema: pa.Schema, groups: Sequence[Path], done: Callable[[int], None]) -> None:
    lists = [field.name for field in schema if pa.types.is_large_list(field.type)]
    repeating = [name for name in schema.names[2:] if name not in lists]
    with pq.ParquetWriter(
        path,
        schema,
        version="2.6",
        data_page_version="1.0",
        compression="zstd",
        compression_level=3,
        use_dictionary=[*repeating, *(f"{name}.list.element" for name in lists)],
        store_schema=False,
    ) as writer:
        for file in groups:
            with pa.ipc.open_stream(file) as reader:
                table = reader.read_all()
            file.unlink()
            table = table.take(pa.array(np.argsort(table["place"].to_numpy()))).drop_columns(["place"])
            # Pages follow chunks, so there must be one.
            writer.write_table(table.rename_columns(schema.names).combine_chunks(), row_group_size=GROUP_ROWS)
            done(table.num_rows)


def _chunks(path: Path) -> Iterator[pa.Table]:
    """The spool in tables of about DEAL_BYTES."""
    held: list[pa.Table] = []
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            held.append(file.read_row_group(group, use_threads=False))
            if sum(part.nbytes for part in held) >= DEAL_BYTES:
                yield pa.concat_tables(held)
                held = []
    if held:
        yield pa.concat_tables(held)


def _ids(ids: pa.ChunkedArray, copies: NDArray[np.int32]) -> pa.ChunkedArray:
    if (copies == 1).all():
        return ids
    numbers = pa.array(copies).cast(ids.type)
    return pc.if_else(pa.array(copies > 1), pc.binary_join_element_wise(ids, numbers, pa.scalar("-", ids.type)), ids)


LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")
