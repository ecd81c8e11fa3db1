from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.reproduce.predictions import Agreement, agreement
from tests.pipelines.reproduce.recorded_runs import predictions


def stored(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def compared(one: dict[str, Any], other: dict[str, Any]) -> Agreement:
    return agreement(stored(predictions(one)), stored(predictions(other)))


ROWS = {"a": [0.75, 0.25], "b": [0.25, 0.75], "c": [0.5, 0.25]}


def test_the_largest_difference_and_what_flipped_are_found_by_id() -> None:
    found = compared(ROWS, {"c": [0.5, 0.25], "b": [0.75, 0.25], "a": [0.875, 0.125]})
    assert found == Agreement(3, 0, 0.5, 1, ("b",))
    assert found.within(0.5) and not found.within(0.49)


def test_equal_predictions_differ_by_nothing() -> None:
    assert compared(ROWS, ROWS) == Agreement(3, 0, 0.0, 0)


def test_rows_of_one_run_only_are_counted_and_never_within() -> None:
    found = compared(ROWS, {"a": [0.75, 0.25], "d": [0.5, 0.5]})
    assert (found.rows, found.missing, found.largest) == (1, 3, 0.0)
    assert not found.within(1.0)


def test_other_labels_are_beyond_any_tolerance() -> None:
    found = compared(ROWS, {key: [*row, 0.0] for key, row in ROWS.items()})
    assert found.largest == float("inf") and not found.within(1.0)


@pytest.mark.parametrize(
    ("share", "lost", "largest"), [(0.75, True, 0.25), (0.5, True, 0.0), (0.5, False, float("inf"))]
)
def test_tags_are_compared_by_word_but_for_those_that_truncation_took_of_both(
    share: float, lost: bool, largest: float
) -> None:
    kind = pa.list_(pa.list_(pa.float32()))

    def table(first: float, last: float) -> bytes:
        shares = pa.array([[[first, 0.5], [last, last]]], kind)
        return stored(pa.table({"id": ["a"], "predicted": [["O", "O"]], "probabilities": shares}))

    assert agreement(table(0.5, np.nan), table(share, np.nan if lost else 0.5)).largest == largest
