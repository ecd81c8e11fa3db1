"""Which split a text belongs to, and the Parquet files of the splits, the same bytes on every run."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.base.settings import SPLITS
from components.base.tables import table_path
from pipelines.data.default.clean import Row

SCHEMA = pa.schema([("id", pa.string()), ("text", pa.string()), ("label", pa.string()), ("confidence", pa.float64())])
TENTHS = ("train",) * 8 + ("validation", "test")


def split_of(digest: str) -> str:
    """train, validation or test, 8 to 1 to 1, by the end of the digest of the normalised text (its start is the id)."""
    return TENTHS[int(digest[-8:], 16) % 10]


def write_splits(rows: list[Row], folder: Path) -> None:
    """One Parquet file for each split, rows in the order given, in one row group."""
    for split in SPLITS:
        chosen = [row for row in rows if split_of(row.digest) == split]
        columns = {name: [getattr(row, name) for row in chosen] for name in SCHEMA.names}
        pq.write_table(
            pa.table(columns, schema=SCHEMA),
            table_path(folder, split),
            row_group_size=max(len(chosen), 1),
            version="2.6",
            data_page_version="1.0",
            compression="zstd",
            compression_level=3,
            use_dictionary=["label"],
            store_schema=False,
        )
