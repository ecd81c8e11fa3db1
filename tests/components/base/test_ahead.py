from __future__ import annotations

from collections.abc import Iterator

import pytest

from components.base.ahead import ahead

WORKERS = 2


def test_no_more_is_read_than_the_workers_need() -> None:
    """What bounds the memory: of endless items only those at work are taken."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = ahead(lambda item: item * 10, items(), WORKERS)
    for number in range(1, 30):
        assert next(results) == number * 10
        assert taken <= number + WORKERS
    results.close()


def test_the_first_failure_in_order_is_raised() -> None:
    def work(item: int) -> int:
        if item >= 3:
            raise ValueError(item)
        return item

    results = ahead(work, range(100), WORKERS)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="^3$"):
        next(results)
