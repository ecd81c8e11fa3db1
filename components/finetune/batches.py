"""Encoded rows as length-bucketed batches: nothing is padded beyond its bucket, one order for one seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.base.errors import TextgateError


@dataclass(frozen=True)
class Rows:
    """`tokens`: n arrays of token ids, each of its own length; `labels`: int32 [n]."""

    tokens: list[np.ndarray]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)

    def first(self, count: int) -> Rows:
        return Rows(self.tokens[:count], self.labels[:count])


@dataclass(frozen=True)
class Batch:
    """`input_ids` and `attention_mask`: int32 [rows, bucket length]; `labels`: int32 [rows]; `index`: int64 [rows]."""

    input_ids: np.ndarray
    attention_mask: np.ndarray
    labels: np.ndarray
    index: np.ndarray


def read_rows(path: Path, most: int = 0) -> Rows:
    """All rows of an encoded split, or a fixed random `most` of them, the same for every seed."""
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
        if most and most < table.num_rows:
            chosen = np.sort(np.random.default_rng(0).permutation(table.num_rows)[:most])
            table = table.take(pa.array(chosen))
        column = table["input_ids"].combine_chunks()
        values, offsets = column.values.to_numpy(), column.offsets.to_numpy()
        tokens = [values[start:end].copy() for start, end in pairwise(offsets)]
        labels = table["label"].to_numpy().astype(np.int32)
    if not tokens:
        raise TextgateError(f"{path.name} holds no rows; there is nothing to train or validate on")
    return Rows(tokens, labels)


def batches(
    rows: Rows, bucket_lengths: list[int], batch_size: int, pad: int, rng: np.random.Generator | None = None
) -> Iterator[Batch]:
    """Batches of one bucket each; shuffled within and across buckets by `rng`, in length order without one."""
    lengths = np.array([len(tokens) for tokens in rows.tokens])
    order = rng.permutation(len(rows)) if rng else np.argsort(lengths, kind="stable")
    buckets = np.searchsorted(bucket_lengths, lengths[order])
    groups = []
    for bucket in np.unique(buckets):
        members = order[buckets == bucket]
        groups += [(bucket, members[start : start + batch_size]) for start in range(0, len(members), batch_size)]
    if rng:
        groups = [groups[position] for position in rng.permutation(len(groups))]
    for bucket, members in groups:
        yield _pad(rows, members, bucket_lengths[bucket], pad)


def _pad(rows: Rows, members: np.ndarray, length: int, pad: int) -> Batch:
    input_ids = np.full((len(members), length), pad, dtype=np.int32)
    attention_mask = np.zeros_like(input_ids)
    for line, member in enumerate(members):
        tokens = rows.tokens[member]
        input_ids[line, : len(tokens)] = tokens
        attention_mask[line, : len(tokens)] = 1
    return Batch(input_ids, attention_mask, rows.labels[members], members)
