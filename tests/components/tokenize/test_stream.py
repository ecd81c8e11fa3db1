from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from components.tokenize.stream import WORKERS, ahead, on_grid


def cut(sizes: list[int]) -> list[pa.RecordBatch]:
    whole = pa.record_batch({"row": pa.array(range(sum(sizes)))})
    return [whole.slice(sum(sizes[:number]), size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize("sizes", [[], [3], [4], [1, 1, 1, 1, 1], [9, 0, 2, 13], [4, 4], [0]])
def test_the_grid_is_the_same_however_rows_came(sizes: list[int]) -> None:
    batches = list(on_grid(cut(sizes), 4))
    assert [batch.num_rows for batch in batches[:-1]] == [4] * (len(batches) - 1)
    assert [row for batch in batches for row in batch["row"].to_pylist()] == list(range(sum(sizes)))
    assert all(batch.num_rows for batch in batches)


def test_no_more_is_read_than_the_workers_need() -> None:
    """What bounds the memory: of endless items only those at work are taken."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = ahead(lambda item: item * 10, items())
    for number in range(1, 30):
        assert next(results) == number * 10
        assert taken <= number + WORKERS
    results.close()  # type: ignore[attr-defined]


def test_the_first_failure_in_order_is_raised() -> None:
    def work(item: int) -> int:
        if item >= 3:
            raise ValueError(item)
        return item

    results = ahead(work, range(100))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="^3$"):
        next(results)
