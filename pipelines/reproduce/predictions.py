"""How far two runs' predictions of their test rows agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SHOWN = 20


@dataclass(frozen=True)
class Agreement:
    """`rows` are those that both predict, `missing` those that only one does; `largest` is the largest difference of a
    probability, infinite where they are not by the same labels; `flipped` rows are answered otherwise, the first few
    named by `ids`."""

    rows: int
    missing: int
    largest: float
    flipped: int
    ids: tuple[str, ...] = ()

    def within(self, tolerance: float) -> bool:
        return not self.missing and self.largest <= tolerance


def agreement(before: bytes, after: bytes) -> Agreement:
    """Of two files predictions.parquet, as evaluate writes them."""
    one, other = (pq.read_table(pa.BufferReader(content)) for content in (before, after))
    places = pc.index_in(one["id"], other["id"])
    there = np.asarray(places.is_valid())
    shared, same_rows = one.filter(pa.array(there)), other.take(places.drop_null())
    missing = one.num_rows + other.num_rows - 2 * shared.num_rows
    differs = np.array(
        [a != b for a, b in zip(shared["predicted"].to_pylist(), same_rows["predicted"].to_pylist(), strict=True)], bool
    )
    ids = tuple(map(str, shared.filter(pa.array(differs))["id"].to_pylist()[:SHOWN])) if differs.any() else ()
    largest = _largest(shared["probabilities"], same_rows["probabilities"])
    return Agreement(shared.num_rows, missing, largest, int(differs.sum()), ids)


def _largest(one: Any, other: Any) -> float:
    """Of words that fell to truncation in both, nothing."""
    first, lengths = _flat(one)
    second, theirs = _flat(other)
    if lengths != theirs or (np.isnan(first) != np.isnan(second)).any():
        return float("inf")
    kept = ~np.isnan(first)
    return float(np.abs(first - second)[kept].max(initial=0.0))


def _flat(column: Any) -> tuple[np.ndarray, list[bytes]]:
    """All values of nested lists, and the lists' lengths at each depth."""
    values, lengths = column.combine_chunks(), []
    while pa.types.is_list(values.type):
        lengths.append(np.asarray(values.value_lengths()).tobytes())
        values = values.flatten()
    return np.asarray(values, np.float64), lengths
