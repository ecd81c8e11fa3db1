from __future__ import annotations

import numpy as np

from components.finetune.batches import Rows, batches

BUCKETS = [4, 8, 16]


def make_rows(count: int = 97) -> Rows:
    rng = np.random.default_rng(0)
    tokens = [rng.integers(5, 50, rng.integers(1, 17)).astype(np.int32) for _ in range(count)]
    return Rows(tokens, np.arange(count, dtype=np.int32))


def test_every_row_comes_once_and_unchanged() -> None:
    rows = make_rows()
    seen = []
    for batch in batches(rows, BUCKETS, 8, 0, np.random.default_rng(1)):
        for line, index in enumerate(batch.index):
            length = batch.attention_mask[line].sum()
            assert batch.input_ids[line, :length].tolist() == rows.tokens[index].tolist()
            assert not batch.input_ids[line, length:].any()
            assert batch.labels[line] == rows.labels[index]
        seen += batch.index.tolist()
    assert sorted(seen) == list(range(len(rows)))


def test_nothing_is_padded_beyond_its_bucket() -> None:
    rows = make_rows()
    for batch in batches(rows, BUCKETS, 8, 0, np.random.default_rng(1)):
        longest = batch.attention_mask.sum(axis=1)
        assert batch.input_ids.shape[1] == min(bucket for bucket in BUCKETS if bucket >= longest.max())
        assert all(min(bucket for bucket in BUCKETS if bucket >= n) == batch.input_ids.shape[1] for n in longest)


def test_one_order_for_one_seed_and_another_for_another() -> None:
    rows = make_rows()

    def order(seed: int) -> list[int]:
        return [int(i) for batch in batches(rows, BUCKETS, 8, 0, np.random.default_rng(seed)) for i in batch.index]

    assert order(1) == order(1) != order(2)
