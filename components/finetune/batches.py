"""Encoded rows as length-bucketed batches: nothing is padded beyond its bucket, one order for one seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from components.base.encoding import pool
from components.base.errors import TextgateError


@dataclass(frozen=True)
class Rows:
    """`tokens`: n arrays of token ids, each of its own length; `labels`: int32 [n].

    Where long texts are cut into windows, each is a row with its text's label, and `documents`, int64 [n], numbers the
    texts from 0, the windows of each standing together.
    """

    tokens: list[np.ndarray]
    labels: np.ndarray
    documents: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def first(self, count: int) -> Rows:
        return Rows(self.tokens[:count], self.labels[:count])

    @property
    def texts(self) -> int:
        return len(self) if self.documents is None else int(self.documents[-1]) + 1

    def by_text(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits [n, labels] pooled as serving does, float32 [texts, labels], and the label of each text, int32."""
        if self.documents is None:
            return logits, self.labels
        first = np.flatnonzero(np.diff(self.documents, prepend=-1))
        sizes = np.array([len(tokens) for tokens in self.tokens])
        return pool(logits, self.documents, sizes), self.labels[first]


@dataclass(frozen=True)
class Batch:
    """`input_ids` and `attention_mask`: int32 [rows, bucket length]; `labels`: int32 [rows]; `index`: int64 [rows]."""

    input_ids: np.ndarray
    attention_mask: np.ndarray
    labels: np.ndarray
    index: np.ndarray


def read_rows(path: Path, most: int = 0) -> Rows:
    """All texts of an encoded split, or a fixed random `most` of them, the same for every seed."""
    tokens: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    documents: list[np.ndarray] = []
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        windowed = "document" in reader.schema.names
        kept = _chosen(reader, windowed, most)
        before = 0
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            texts = batch["document"].to_numpy() if windowed else before + np.arange(batch.num_rows)
            before += batch.num_rows
            rows = np.flatnonzero(kept[texts])
            values, offsets = batch["input_ids"].values.to_numpy(), batch["input_ids"].offsets.to_numpy()
            bounds = list(pairwise(offsets.tolist()))
            tokens += [values[start:end].copy() for start, end in (bounds[row] for row in rows)]
            labels.append(batch["label"].to_numpy()[rows].astype(np.int32))
            documents.append(texts[rows])
    if not tokens:
        raise TextgateError(f"{path.name} holds no rows; there is nothing to train or validate on")
    together = np.concatenate(documents)
    numbers = np.cumsum(np.diff(together, prepend=together[0]) > 0) if windowed else None
    return Rows(tokens, np.concatenate(labels), numbers)


def _chosen(reader: pa.ipc.RecordBatchFileReader, windowed: bool, most: int) -> np.ndarray:
    """Whether each text of the split is taken, bool [texts]."""
    total = sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))
    if windowed and total:
        total = reader.get_batch(reader.num_record_batches - 1)["document"][-1].as_py() + 1
    kept = np.ones(total, bool)
    if most and most < total:
        kept[np.random.default_rng(0).permutation(total)[most:]] = False
    return kept


class Group(NamedTuple):
    """A batch to be: the rows `members`, int64 [rows], padded to `length` tokens."""

    length: int
    members: np.ndarray


def batches(
    rows: Rows, bucket_lengths: list[int], batch_size: int, pad: int, rng: np.random.Generator | None = None
) -> Iterator[Batch]:
    """What `plan` says, one after the other."""
    for group in plan(rows, bucket_lengths, batch_size, 0, rng):
        yield assemble(rows, group, pad)


def plan(
    rows: Rows, bucket_lengths: list[int], batch_size: int, batch_tokens: int, rng: np.random.Generator | None = None
) -> list[Group]:
    """Every row once, in groups of one bucket each, of at most `batch_size` rows and (but for 0) `batch_tokens` tokens
    with padding; shuffled within and across buckets by `rng`, in length order without one."""
    lengths = np.array([len(tokens) for tokens in rows.tokens])
    order = rng.permutation(len(rows)) if rng else np.argsort(lengths, kind="stable")
    buckets = np.searchsorted(bucket_lengths, lengths[order])
    groups: list[Group] = []
    for bucket in np.unique(buckets):
        members, length = order[buckets == bucket], bucket_lengths[bucket]
        most = min(batch_size, batch_tokens // length) if batch_tokens else batch_size
        groups += [Group(length, members[start : start + most]) for start in range(0, len(members), most)]
    return [groups[position] for position in rng.permutation(len(groups))] if rng else groups


def assemble(rows: Rows, group: Group, pad: int) -> Batch:
    length, members = group
    input_ids = np.full((len(members), length), pad, dtype=np.int32)
    attention_mask = np.zeros_like(input_ids)
    for line, member in enumerate(members):
        tokens = rows.tokens[member]
        input_ids[line, : len(tokens)] = tokens
        attention_mask[line, : len(tokens)] = 1
    return Batch(input_ids, attention_mask, rows.labels[members], members)
