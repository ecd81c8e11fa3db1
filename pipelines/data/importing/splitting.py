"""Which split each row goes to: copies together, of each label the same shares, whatever order the rows are in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from components.base.errors import TextgateError
from components.base.settings import SPLITS, Split, SplitSettings

SPLIT_NAMES: tuple[Split, ...] = ("train", "validation", "test")
ENOUGH = 3  # groups of a label, from which it gets into each split

Keys = NDArray[Any]
Codes = NDArray[np.int64]


class Groups(NamedTuple):
    """What goes together. `of` is each row's group; of each group `sizes` are its rows, `order` and `times` the least
    hash and the latest time of them."""

    of: Codes
    sizes: Codes
    order: NDArray[np.uint64]
    times: NDArray[np.float64]


class Labels(NamedTuple):
    """Which groups have rows of which label, as pairs, each once; `rank` orders the labels by how rare they are, and
    `phases` (by rank, from 0 to 1) are hashes of their names."""

    group: Codes
    label: Codes
    rank: Codes
    phases: NDArray[np.float64]


def assign_splits(
    keys: Keys, texts: Codes, label_sets: Sequence[tuple[str, ...]], settings: SplitSettings
) -> NDArray[np.int8]:
    """0 for train, 1 for validation and 2 for test, for each row.

    `keys` are entries of spool.KEYS, `texts` the numbers of their texts, `label_sets` the labels by keys["labels"].
    Raises TextgateError where a split would be left without rows.
    """
    groups = group_rows(keys, texts)
    splits = keys["split"].astype(np.int8)
    if settings.by == "share":
        targets = [0, 1, 2]
        movable = np.ones(len(groups.sizes), bool)
    else:
        present = np.bincount(splits, minlength=3)
        if not present[0]:
            raise TextgateError(f"no row is for the train split, by data.source.split ({_how(settings)})")
        targets = [0, *(split for split in (1, 2) if not present[split])]
        if targets == [0]:
            return splits
        movable = ~_any(groups, splits != 0)
    chosen = np.flatnonzero(movable)
    if len(chosen) < len(targets):
        what = "groups of texts" if settings.entity else "different texts"
        raise TextgateError(
            f"there are {len(chosen)} {what} to divide among {', '.join(SPLITS[split] for split in targets)}, and each"
            " needs one"
        )
    shares = np.array([settings.shares[SPLIT_NAMES[split]] for split in targets])
    if settings.time:
        assigned = _by_time(groups, chosen, shares)
    else:
        labels = label_groups(keys["labels"], groups, label_sets)
        assigned = _by_label(groups, chosen, labels, shares)
    to = np.zeros(len(groups.sizes), np.int8)
    to[chosen] = np.array(targets, np.int8)[assigned]
    return np.where(movable[groups.of], to[groups.of], splits)


def group_rows(keys: Keys, texts: Codes) -> Groups:
    """Rows of one text, and of one entity where they name it; what shares a row with both is one group."""
    of, named = np.unique(texts, return_inverse=True)[1], keys["entity"] != 0
    if named.any():
        entities = np.unique(keys["entity"][named], return_inverse=True)[1]
        count = int(of.max()) + 1
        nodes = count + int(entities.max()) + 1
        edges = (np.ones(len(entities), bool), (of[named], count + entities))
        of = connected_components(coo_array(edges, (nodes, nodes)), directed=False)[1][of]
        of = np.unique(of, return_inverse=True)[1]
    of = np.asarray(of, np.int64)
    count = int(of.max(initial=-1)) + 1
    order = np.full(count, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(order, of, keys["order"])
    times = np.full(count, -np.inf)
    np.maximum.at(times, of, keys["time"])
    return Groups(of, np.bincount(of, minlength=count), order, times)


def label_groups(codes: NDArray[Any], groups: Groups, label_sets: Sequence[tuple[str, ...]]) -> Labels:
    """`codes` are the rows' numbers in `label_sets`; rows without labels count as having one, of no name."""
    names = sorted({label for labels in label_sets for label in labels or ("",)})
    numbers = {name: number for number, name in enumerate(names)}
    flat = np.array([numbers[label] for labels in label_sets for label in labels or ("",)], np.int64)
    lengths = np.array([max(len(labels), 1) for labels in label_sets], np.int64)
    begins = np.cumsum(lengths) - lengths
    repeats = lengths[codes]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    labels = flat[np.repeat(begins[codes], repeats) + within]
    pairs = np.unique(np.repeat(groups.of, repeats) * len(names) + labels)
    group, label = np.divmod(pairs, len(names))
    rows, of_groups = np.bincount(labels, minlength=len(names)), np.bincount(label, minlength=len(names))
    rank = np.empty(len(names), np.int64)
    order = np.lexsort((np.arange(len(names)), rows, of_groups < ENOUGH))
    rank[order] = np.arange(len(names))
    return Labels(group, label, rank, np.array([_phase(names[label]) for label in order]))


def _by_time(groups: Groups, chosen: Codes, shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """The latest go last; a group is as late as its latest row."""
    order = np.lexsort((groups.order[chosen], groups.times[chosen]))
    assigned = np.empty(len(chosen), np.int64)
    assigned[order] = _cut(groups.sizes[chosen][order], shares, 0.5)
    return assigned


def _by_label(groups: Groups, chosen: Codes, labels: Labels, shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Groups by the rarest of their labels, of each the same shares."""
    rarest = np.full(len(groups.sizes), len(labels.rank), np.int64)
    np.minimum.at(rarest, labels.group, labels.rank[labels.label])
    order = np.lexsort((groups.order[chosen], rarest[chosen]))
    strata, sizes = rarest[chosen][order], groups.sizes[chosen][order]
    bounds = [*np.flatnonzero(np.r_[True, strata[1:] != strata[:-1]]), len(order)]
    assigned = np.empty(len(chosen), np.int64)
    for begin, end in pairwise(bounds):
        assigned[order[begin:end]] = _cut(sizes[begin:end], shares, labels.phases[strata[begin]])
    every = np.full(len(groups.sizes), -1, np.int64)
    every[chosen] = assigned
    _cover(every, groups, labels, len(shares))
    return every[chosen]


def _cut(sizes: Codes, shares: NDArray[np.float64], phase: float) -> NDArray[np.int64]:
    """Which of the shares each group falls into, in their order, by the middle of its rows; of three groups or more
    each share gets one. Numbers of rows are rounded up from a fraction of 1 - `phase`: were that the same for all
    labels, their rounding would add up."""
    count, parts = len(sizes), len(shares)
    middles = np.cumsum(sizes) - sizes / 2
    phase = phase if count >= ENOUGH else 0.5
    cuts = np.searchsorted(middles, np.cumsum(shares)[:-1] / shares.sum() * sizes.sum() + phase - 0.5 + 1e-9)
    if count >= ENOUGH:
        for part in range(parts - 1):
            cuts[part] = max(cuts[part], part + 1, cuts[part - 1] + 1 if part else 0)
        for part in reversed(range(parts - 1)):
            cuts[part] = min(cuts[part], count - (parts - 1 - part), cuts[part + 1] - 1 if part < parts - 2 else count)
    return np.searchsorted(cuts, np.arange(count), side="right")


def _cover(assigned: NDArray[np.int64], groups: Groups, labels: Labels, parts: int) -> None:
    """Moves groups into splits that have none of a label of which there are enough, where no other label loses its
    last one by that. Changes `assigned` (of every group; -1 stays)."""
    movable = assigned[labels.group] >= 0
    group, label = labels.group[movable], labels.label[movable]
    counts = np.zeros((len(labels.rank), parts), np.int64)
    np.add.at(counts, (label, assigned[group]), 1)
    enough = counts.sum(1) >= ENOUGH
    short = sorted(np.flatnonzero(enough & (counts == 0).any(1)), key=lambda number: labels.rank[number])
    if not short:
        return
    touched = np.isin(group, group[np.isin(label, short)])
    group, label = group[touched], label[touched]
    by_group, by_label = _lists(group, label), _lists(*_sorted_by(label, group))
    for number in short:
        members = sorted(by_label[int(number)], key=lambda member: (groups.sizes[member], groups.order[member]))
        for part in np.flatnonzero(counts[number] == 0):
            for member in members:
                source = assigned[member]
                others = np.array(by_group[member])
                if counts[number, source] > 1 and ((counts[others, source] > 1) | ~enough[others]).all():
                    counts[others, source] -= 1
                    counts[others, part] += 1
                    assigned[member] = part
                    break


def _sorted_by(keys: Codes, values: Codes) -> tuple[Codes, Codes]:
    order = np.argsort(keys, kind="stable")
    return keys[order], values[order]


def _phase(name: str) -> float:
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8"), digest_size=4).digest(), "big") / 2**32


def _lists(keys: Codes, values: Codes) -> Mapping[int, list[int]]:
    """The values of each key; the keys are sorted."""
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    return {int(keys[start]): list(part) for start, part in zip(starts, np.split(values, starts[1:]), strict=True)}


def _any(groups: Groups, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Groups with one of these rows."""
    return np.bincount(groups.of[rows], minlength=len(groups.sizes)) > 0


def _how(settings: SplitSettings) -> str:
    if settings.by == "column":
        return f"the column {settings.column!r} with values {', '.join(settings.values.get('train', []))}"
    return f"files named {', '.join(settings.files.get('train', []))}"
