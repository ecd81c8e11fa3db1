"""Rows on a fixed grid, however they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa


def on_grid(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of just `rows`, the last of what is left, however they were cut before."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        rest = batch
        while count + rest.num_rows >= rows:
            part = rest.slice(0, rows - count)
            yield pa.concat_batches([*held, part]) if held else part
            held, count, rest = [], 0, rest.slice(part.num_rows)
        if rest.num_rows:
            held.append(rest)
            count += rest.num_rows
    if held:
        yield pa.concat_batches(held)
