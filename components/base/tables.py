"""The tables: one Parquet file for each split, with a stable id, a text and a label in each row."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.base.errors import TextgateError
from components.base.settings import SPLITS, Columns


def table_path(folder: Path, split: str) -> Path:
    return folder / f"{split}.parquet"


def read_table(folder: Path, split: str, columns: Columns) -> pa.Table:
    """Columns id, text and label (renamed so, as strings) of one split; null texts and labels become "".

    Raises TextgateError when the file or a column is missing, or the file is not Parquet.
    """
    path = table_path(folder, split)
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise TextgateError(f"the data has no {path.name}; it needs one for each of {', '.join(SPLITS)}") from None
    except (pa.ArrowException, OSError) as error:
        raise TextgateError(f"{path} cannot be read as Parquet: {error}") from None
    wanted = {"id": columns.id, "text": columns.text, "label": columns.label}
    absent = [name for name in wanted.values() if name not in table.column_names]
    if absent:
        raise TextgateError(
            f"{path.name} has no column {', '.join(absent)}; it has {', '.join(table.column_names)}."
            " Name the right ones under data.columns in the config"
        )
    picked = [table[name].cast(pa.string()).fill_null("") for name in wanted.values()]
    return pa.table(picked, names=list(wanted))
