"""For each of some sets the most similar of others, by Jaccard similarity: an exact join, nothing left to chance.

Two sets that are similar enough share one of their rarest elements: of those that are left when the overlap that they
must have is taken away (prefix filter: Chaudhuri et al. 2006, Bayardo et al. 2007). Of the pairs that share one, those
are dropped whose sizes, or the bits in which their parities differ, leave too little overlap (Arasu et al. 2006,
Sandes et al. 2020). The overlap of the few others is counted.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from components.base.text import Hashes
from components.validate.near_sets import TOKEN_BITS, GramSets, ragged
from components.validate.ngrams import Integers

THREADS = min(os.cpu_count() or 1, 4)
INDEXED_AT_ONCE = 1 << 24
SOUGHT_AT_ONCE = 1 << 13
PAIRS_AT_ONCE = 1 << 19
STEPS = (16, 4096)
COUNTED_AT_ONCE = 1 << 21
# A set with a partner is compared with no more after so many: among thousands of copies of one boilerplate text it does
# not matter which is the very nearest. A set without one is compared with all.
ENOUGH = 32
ROUNDING = 1e-9
SIZE_BITS = np.uint64(64 - TOKEN_BITS)


class Best(NamedTuple):
    """For each sought set the most similar one, and -1 and 0 where none is similar enough."""

    partners: Integers
    similarities: npt.NDArray[np.float64]


class _Index(NamedTuple):
    """Rare elements, sorted by `keys`, which are the element and the size of its set; and size, mark and set."""

    keys: Hashes
    sizes: npt.NDArray[np.uint16]
    marks: Hashes
    sets: npt.NDArray[np.int32]


class _Sought(NamedTuple):
    sets: Integers
    sizes: npt.NDArray[np.uint16]
    marks: Hashes
    texts: Hashes
    best: Best
    counted: Integers


class Join:
    """`texts` names the text of each set: a set is never compared with one of the same text."""

    def __init__(self, sets: GramSets, texts: Hashes, similarity: float) -> None:
        self._sets, self._texts, self._similarity = sets, texts, similarity
        both = np.arange(2 * int(sets.sizes.max(initial=0)) + 1)
        needed = np.ceil(similarity / (1 + similarity) * both - ROUNDING)
        self._room = (both - 2 * needed).astype(np.uint16)

    def most_similar(self, sought: Integers, among: Integers) -> Best:
        """For each set of `sought` that of `among` with the highest similarity, the first of equally similar ones."""
        best = Best(np.full(len(sought), -1), np.zeros(len(sought)))
        counted = np.zeros(len(sought), np.int64)

        def search(first: int) -> None:
            rows = slice(first, first + SOUGHT_AT_ONCE)
            chosen = sought[rows]
            sizes, marks = self._sets.sizes[chosen].astype(np.uint16), self._sets.marks[chosen]
            found = Best(best.partners[rows], best.similarities[rows])
            self._search(_Sought(chosen, sizes, marks, self._texts[chosen], found, counted[rows]), index)

        with ThreadPoolExecutor(THREADS) as pool:  # numpy computes outside the interpreter's lock
            for part in _split(among, self._rare(among), INDEXED_AT_ONCE):
                index = self._index(part)
                list(pool.map(search, range(0, len(sought), SOUGHT_AT_ONCE)))
        return best

    def _rare(self, chosen: Integers) -> Integers:
        """How many of a set's elements are its rarest: all but the overlap that it must have, and one."""
        sizes = self._sets.sizes[chosen]
        rare: Integers = sizes - np.ceil(self._similarity * sizes - ROUNDING).astype(np.int64) + (sizes > 0)
        return rare

    def _rarest(self, chosen: Integers) -> tuple[Integers, Hashes]:
        """Place in `chosen`, and element."""
        sizes = self._rare(chosen)
        return np.repeat(np.arange(len(chosen)), sizes), self._sets.tokens[ragged(self._sets.starts[chosen], sizes)]

    def _index(self, chosen: Integers) -> _Index:
        owners, keys = self._rarest(chosen)
        owners = chosen[owners]
        keys = keys << SIZE_BITS | self._sets.sizes[owners].astype(np.uint64)
        order = np.argsort(keys, kind="stable")
        owners = owners[order]
        sizes = self._sets.sizes[owners].astype(np.uint16)
        return _Index(keys[order], sizes, self._sets.marks[owners], owners.astype(np.int32))

    def _search(self, sought: _Sought, index: _Index) -> None:
        """Goes through the entries of each sought set, a step at a time, from those of its rarest element."""
        owners, low, high = self._entries(sought, index)
        ends = (high - low).cumsum()
        begins = ends - (high - low)
        edges, every = np.append(0, ends), np.arange(len(sought.sets))
        reached, limits = (edges[np.searchsorted(owners, every, side)] for side in ("left", "right"))
        while (active := (reached < limits) & ((sought.counted < ENOUGH) | (sought.best.partners < 0))).any():
            step = int(np.clip(PAIRS_AT_ONCE // int(active.sum()), *STEPS))
            until = np.where(active, np.minimum(reached + step, limits), reached)
            start = np.maximum(begins, reached[owners])
            count = np.maximum(np.minimum(ends, until[owners]) - start, 0)
            self._compare(sought, np.repeat(owners, count), index, ragged(low + start - begins, count))
            reached = until

    def _entries(self, sought: _Sought, index: _Index) -> tuple[Integers, Integers, Integers]:
        """Ranges of the index, rarest element first: place of the sought set, first entry, and that after the last."""
        owners, tokens = self._rarest(sought.sets)
        order = np.argsort(tokens, kind="stable")  # searching in this order finds most of the index in the cache
        sizes, keys = sought.sizes[owners[order]], tokens[order] << SIZE_BITS
        least = np.ceil(self._similarity * sizes - ROUNDING).astype(np.uint64)
        most = (sizes / self._similarity + ROUNDING).astype(np.uint64)
        low, high = np.empty_like(owners), np.empty_like(owners)
        low[order] = np.searchsorted(index.keys, keys | least)
        high[order] = np.searchsorted(index.keys, keys | most, "right")
        some = high > low
        return owners[some], low[some], high[some]

    def _compare(self, sought: _Sought, owners: Integers, index: _Index, entries: Integers) -> None:
        room = self._room[sought.sizes[owners] + index.sizes[entries]]
        kept = np.flatnonzero(np.bitwise_count(sought.marks[owners] ^ index.marks[entries]) <= room)
        owners, others, room = owners[kept], index.sets[entries[kept]].astype(np.int64), room[kept]
        parities = self._sets.parities
        differing = np.bitwise_count(parities[sought.sets[owners]] ^ parities[others]).sum(axis=1, dtype=np.uint16)
        kept = np.flatnonzero((differing <= room) & (sought.texts[owners] != self._texts[others]))
        owners, others, differing = owners[kept], others[kept], differing[kept]
        order = np.lexsort((others, differing / (sought.sizes[owners] + self._sets.sizes[others]), owners))
        owners, others = owners[order], others[order]
        new = np.append(True, (owners[1:] != owners[:-1]) | (others[1:] != others[:-1]))[: len(owners)]
        self._count(sought, owners[new], others[new])

    def _count(self, sought: _Sought, owners: Integers, others: Integers) -> None:
        """Counts the overlaps of the first ENOUGH others of each owner, and of the next ones where none of them will
        do."""
        while len(owners):
            groups = np.diff(np.flatnonzero(np.diff(owners, prepend=-1, append=-1)))
            now = ragged(np.zeros_like(groups), groups) < ENOUGH
            sizes = sought.sizes[owners[now]] + self._sets.sizes[others[now]]
            for pairs in _split(np.flatnonzero(now), np.maximum(sizes, COUNTED_AT_ONCE >> 16), COUNTED_AT_ONCE):
                found = self._jaccard(sought.sets[owners[pairs]], others[pairs])
                enough = found >= self._similarity - ROUNDING
                _improve(sought.best, owners[pairs[enough]], others[pairs[enough]], found[enough])
            sought.counted[:] += np.bincount(owners[now], minlength=len(sought.sets))
            later = ~now & (sought.best.partners[owners] < 0)
            owners, others = owners[later], others[later]

    def _jaccard(self, left: Integers, right: Integers) -> npt.NDArray[np.float64]:
        """Similarity of each pair, at most 65,536 of them."""
        sizes = self._sets.sizes
        numbers = np.arange(len(left), dtype=np.uint64) << np.uint64(TOKEN_BITS)
        sides = [
            np.repeat(numbers, sizes[side]) | self._sets.tokens[ragged(self._sets.starts[side], sizes[side])]
            for side in (left, right)
        ]
        tokens = np.sort(np.concatenate(sides))
        shared_tokens = tokens[1:][tokens[1:] == tokens[:-1]]
        shared = np.bincount((shared_tokens >> np.uint64(TOKEN_BITS)).astype(np.int64), minlength=len(left))
        similarities: npt.NDArray[np.float64] = shared / (sizes[left] + sizes[right] - shared)
        return similarities


def _improve(best: Best, owners: Integers, others: Integers, found: npt.NDArray[np.float64]) -> None:
    order = np.lexsort((others, -found, owners))
    order = order[np.diff(owners[order], prepend=-1) != 0]
    owners, others, found = owners[order], others[order], found[order]
    better = (found > best.similarities[owners]) | (
        (found == best.similarities[owners]) & (others < best.partners[owners])
    )
    best.partners[owners[better]] = others[better]
    best.similarities[owners[better]] = found[better]


def _split(values: Integers, sizes: Integers, most: int) -> list[Integers]:
    """Parts of `values` whose sizes sum to about `most`."""
    total = sizes.cumsum()
    return np.split(values, np.searchsorted(total, np.arange(most, int(total[-1]), most))) if len(values) else []
