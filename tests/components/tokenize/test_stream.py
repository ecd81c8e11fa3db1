from __future__ import annotations

import pyarrow as pa
import pytest

from components.tokenize.stream import on_grid


def cut(sizes: list[int]) -> list[pa.RecordBatch]:
    whole = pa.record_batch({"row": pa.array(range(sum(sizes)))})
    return [whole.slice(sum(sizes[:number]), size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize("sizes", [[], [3], [4], [1, 1, 1, 1, 1], [9, 0, 2, 13], [4, 4], [0]])
def test_the_grid_is_the_same_however_rows_came(sizes: list[int]) -> None:
    batches = list(on_grid(cut(sizes), 4))
    assert [batch.num_rows for batch in batches[:-1]] == [4] * (len(batches) - 1)
    assert [row for batch in batches for row in batch["row"].to_pylist()] == list(range(sum(sizes)))
    assert all(batch.num_rows for batch in batches)
