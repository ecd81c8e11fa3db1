"""Length-bucketed batches: nothing is padded beyond its bucket, one order for one seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from components.base.encoding import UNTAGGED
from components.finetune.rows import Rows


@dataclass(frozen=True)
class Batch:
    """`input_ids` and `attention_mask`, and for pairs `token_type_ids`: int32 [rows, length]; `hidden`, where the lower
    layers are frozen: float32 [rows, length, hidden].

    `targets` are the rows' (see Rows), tags padded with UNTAGGED to [rows, length]. `index`, int64 [rows], says which
    rows these are; rows that only fill the batch up have -1.
    """

    input_ids: np.ndarray
    attention_mask: np.ndarray
    targets: np.ndarray
    index: np.ndarray
    token_type_ids: np.ndarray | None = None
    hidden: np.ndarray | None = None

    def inputs(self, names: Sequence[str]) -> list[np.ndarray]:
        """Those with these names, of which the batch must have each."""
        return [getattr(self, name) for name in names]


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
        most = full_size(length, batch_size, batch_tokens)
        groups += [Group(length, members[start : start + most]) for start in range(0, len(members), most)]
    return [groups[position] for position in rng.permutation(len(groups))] if rng else groups


def full_size(length: int, batch_size: int, batch_tokens: int) -> int:
    """How many rows a whole batch of a bucket has."""
    return min(batch_size, batch_tokens // length) if batch_tokens else batch_size


def assemble(rows: Rows, group: Group, pad: int, fill: int = 0) -> Batch:
    """Rows that are copies of the first of the group fill the batch up to `fill` rows."""
    length = group.length
    index = np.concatenate([group.members, np.full(max(0, fill - len(group.members)), -1, group.members.dtype)])
    members = np.where(index < 0, group.members[0], index)
    input_ids = _padded([rows.tokens[member] for member in members], length, pad, np.int32)
    sizes = np.array([len(rows.tokens[member]) for member in members])
    targets: Any = (
        rows.targets[members]
        if isinstance(rows.targets, np.ndarray)
        else _padded([rows.targets[member] for member in members], length, UNTAGGED, np.int32)
    )
    return Batch(
        input_ids,
        (np.arange(length) < sizes[:, None]).astype(np.int32),
        targets,
        index,
        _padded([rows.types[member] for member in members], length, 0, np.int32) if rows.types else None,
        _padded([rows.hidden[member] for member in members], length, 0, np.float32) if rows.hidden else None,
    )


def _padded(values: Sequence[np.ndarray], length: int, filler: int, kind: Any) -> np.ndarray:
    """[len(values), length, ...]"""
    whole = np.full((len(values), length, *values[0].shape[1:]), filler, kind)
    for line, value in enumerate(values):
        whole[line, : len(value)] = value
    return whole
