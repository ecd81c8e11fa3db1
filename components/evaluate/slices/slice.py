"""What a slice is, and what rows are sliced by."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.base.targets import Targets

Mask = NDArray[np.bool_]
Origin = Literal["label", "length", "column", "rule", "worst"]


class Slice(NamedTuple):
    """`rows` bool [test rows]; `where` says in words which rows these are. Names differ from one another."""

    name: str
    by: Origin
    where: str
    rows: Mask


def texts_of(targets: Targets) -> list[str]:
    """One for each row: a pair's two on two lines, tokens by spaces."""
    between = " " if targets.task.per_word else "\n"
    return [row if isinstance(row, str) else between.join(row) for row in targets.rows]


def lengths_of(texts: list[str]) -> NDArray[np.int64]:
    """In characters."""
    return np.array([len(text) for text in texts], np.int64)


def values_of(table: pa.Table, column: str) -> NDArray[Any]:
    """The strings of a column that is kept."""
    return np.array(table[column].to_pylist(), object)
