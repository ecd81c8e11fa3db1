from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from components.finetune.batches import batches
from components.finetune.rows import Rows, read_rows

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
            assert batch.targets[line] == rows.targets[index]
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


def test_windows_of_a_text_stand_together_and_are_chosen_together(tmp_path: Path) -> None:
    documents = np.repeat(np.arange(40), np.random.default_rng(3).integers(1, 5, 40))
    write_rows(tmp_path / "train.arrow", documents)
    whole, some = read_rows(tmp_path / "train.arrow", 3), read_rows(tmp_path / "train.arrow", 3, 10)
    assert whole.texts == 40 and whole.documents.tolist() == documents.tolist()
    assert some.texts == 10
    kept = sorted({int(tokens[0]) for tokens in some.tokens})
    assert kept == sorted(np.random.default_rng(0).permutation(40)[:10].tolist())
    assert len(some) == sum(int((documents == text).sum()) for text in kept)
    assert [kept[text] for text in some.documents] == [int(tokens[0]) for tokens in some.tokens]
    assert some.targets.tolist() == [int(tokens[0]) % 3 for tokens in some.tokens]


def test_rows_without_windows_are_texts(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.arrow", np.arange(30), windowed=False)
    some = read_rows(tmp_path / "train.arrow", 3, 7)
    chosen = np.sort(np.random.default_rng(0).permutation(30)[:7])
    assert [int(tokens[0]) for tokens in some.tokens] == chosen.tolist()
    assert some.texts == len(some) == 7 and some.documents is None
    logits = np.random.default_rng(1).random((7, 3), np.float32)
    pooled, labels = some.by_text(logits)
    assert pooled is logits and labels is some.targets


def test_logits_of_windows_are_pooled_by_their_tokens(tmp_path: Path) -> None:
    rows = Rows([np.zeros(n) for n in (8, 4, 8)], np.array([2, 2, 0], np.int32), documents=np.array([0, 0, 1]))
    pooled, labels = rows.by_text(np.array([[3, 0], [0, 3], [5, 6]], np.float32))
    np.testing.assert_array_equal(pooled, np.array([[2, 1], [5, 6]], np.float32))
    assert labels.tolist() == [2, 0]


def write_rows(path: Path, documents: np.ndarray, windowed: bool = True) -> None:
    """Rows whose ids begin with the number of their text, in batches of 16 (texts are cut across them too)."""
    ids = [[text, *range(text % 5)] for text in documents.tolist()]
    table = {"input_ids": pa.array(ids, pa.list_(pa.uint16())), "label": pa.array(documents % 3, pa.int32())}
    if windowed:
        table["document"] = pa.array(documents)
    whole = pa.table(table)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=16)
