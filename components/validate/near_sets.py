"""The texts as sets of n-grams, on disk, in the form in which near_join compares them."""

from __future__ import annotations

from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from components.base.text import Hashes
from components.validate.ngrams import Integers, hash_grams

# An n-gram takes 48 bits: how common its bucket is in the upper 8, its hash in the lower 40. Sorted, the rarest are
# first.
HASH_BITS, TOKEN_BITS = 40, 48
HASH, TOKEN = np.uint64((1 << HASH_BITS) - 1), np.uint64((1 << TOKEN_BITS) - 1)
BUCKETS = 1 << (64 - HASH_BITS)
LARGEST = 1024
PARITY_WORDS = 8
ROWS_AT_ONCE = 1 << 13


class GramSets(NamedTuple):
    """Set `i` is tokens[starts[i] : starts[i] + sizes[i]], sorted, and belongs to the text `rows[i]`.

    A text of more than LARGEST n-grams has a sample of them: of level `levels[i]`, those whose hash begins with so many
    zero bits. Where there are such texts, those large enough to be like one of the next level have a further set, a
    `twin`, of that level. `parities` holds for each of 64 * PARITY_WORDS bits whether an odd number of n-grams fall on
    it, `marks` the same for 64 bits.
    """

    tokens: Hashes
    starts: Integers
    sizes: Integers
    rows: Integers
    levels: npt.NDArray[np.uint8]
    twins: npt.NDArray[np.bool_]
    parities: Hashes
    marks: Hashes


class SetsWriter:
    """Takes texts in their order, and then gives their sets, which lie in `file`: 8 bytes for each n-gram."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._counts = np.zeros(BUCKETS, np.uint32)
        self._sizes: list[Integers] = []
        self._levels: list[npt.NDArray[np.uint8]] = []

    def add(self, texts: list[str]) -> None:
        for every_hash, every_size in hash_grams(texts):
            hashes, sizes, levels = _sample_long(every_hash, every_size)
            np.add.at(self._counts, (hashes >> np.uint64(HASH_BITS)).astype(np.int64), np.uint32(1))
            self._file.write(hashes.data)
            self._sizes.append(sizes)
            self._levels.append(levels)

    def finish(self) -> GramSets:
        levels = np.concatenate([np.zeros(0, np.uint8), *self._levels])
        room = np.concatenate([np.zeros(0, np.int64), *self._sizes])
        starts = room.cumsum() - room
        sizes, parities = self._sort(starts, room)
        twins = np.flatnonzero((sizes > 0.45 * LARGEST) & levels.any())
        if len(twins):
            further, parities_of_twins = self._write_twins(starts[twins], sizes[twins], levels[twins])
            starts = np.concatenate([starts, int(room.sum()) + further.cumsum() - further])
            sizes = np.concatenate([sizes, further])
            parities = np.concatenate([parities, parities_of_twins])
        return GramSets(
            self._tokens(),
            starts,
            sizes,
            np.concatenate([np.arange(len(room)), twins]),
            np.concatenate([levels, levels[twins] + np.uint8(1)]),
            np.arange(len(sizes)) >= len(room),
            parities,
            np.bitwise_xor.reduce(parities, axis=1),
        )

    def _tokens(self) -> Hashes:
        self._file.flush()
        count = self._file.seek(0, 2) // 8
        return np.memmap(self._file, np.uint64, "r+", shape=(count,)) if count else np.zeros(0, np.uint64)

    def _sort(self, starts: Integers, room: Integers) -> tuple[Integers, Hashes]:
        """Makes of each text's hashes its set, in their place, from where it reaches less far if some are repeated."""
        tokens, sizes = self._tokens(), np.zeros_like(room)
        rarity = np.minimum(np.log2(np.maximum(self._counts, 1)) * 10, 255).astype(np.uint8)
        parities = np.zeros((len(room), PARITY_WORDS), np.uint64)
        for first in range(0, len(room), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            place = tokens[starts[first] : starts[first] + int(room[rows].sum())]
            sets, sizes[rows] = _sorted_sets(place, room[rows], rarity)
            place[ragged(starts[rows] - starts[first], sizes[rows])] = sets
            parities[rows] = _parities(sets, sizes[rows])
        return sizes, parities

    def _write_twins(self, starts: Integers, sizes: Integers, levels: npt.NDArray[np.uint8]) -> tuple[Integers, Hashes]:
        tokens = self._tokens()
        self._file.seek(0, 2)
        further, parities = np.zeros_like(sizes), np.zeros((len(sizes), PARITY_WORDS), np.uint64)
        for first in range(0, len(sizes), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            whole = tokens[ragged(starts[rows], sizes[rows])]
            owners = np.repeat(np.arange(len(sizes[rows])), sizes[rows])
            kept = in_sample(whole, levels[rows][owners] + np.uint8(1))
            self._file.write(whole[kept].data)
            further[rows] = np.bincount(owners[kept], minlength=len(sizes[rows]))
            parities[rows] = _parities(whole[kept], further[rows])
        return further, parities


def ragged(starts: Integers, sizes: Integers) -> Integers:
    """starts[0], starts[0] + 1, … (sizes[0] of them), starts[1], …"""
    begins = sizes.cumsum() - sizes
    return np.repeat(starts - begins, sizes) + np.arange(int(sizes.sum()))


def in_sample(tokens: Hashes, level: npt.NDArray[np.uint8] | np.uint8) -> npt.NDArray[np.bool_]:
    """Which n-grams a sample of this level takes: 2 ** -level of them, all of which the level below takes too."""
    leading: npt.NDArray[np.bool_] = (tokens & HASH) >> (np.uint64(HASH_BITS) - np.asarray(level, np.uint64)) == 0
    return leading


def _sample_long(hashes: Hashes, sizes: Integers) -> tuple[Hashes, Integers, npt.NDArray[np.uint8]]:
    """Leaves to each text of more than LARGEST different n-grams so small a sample that about as many are left."""
    sizes, levels = sizes.copy(), np.zeros(len(sizes), np.uint8)
    starts = sizes.cumsum() - sizes
    parts, taken = [], 0
    for row in np.flatnonzero(sizes > LARGEST):
        end = starts[row] + sizes[row]
        distinct = np.unique(hashes[starts[row] : end])
        levels[row] = max(np.ceil(np.log2(len(distinct) / LARGEST)), 0)
        sample = distinct[in_sample(distinct, levels[row])]
        parts += [hashes[taken : starts[row]], sample]
        taken, sizes[row] = end, len(sample)
    return np.concatenate([*parts, hashes[taken:]]) if parts else hashes, sizes, levels


def _sorted_sets(hashes: Hashes, sizes: Integers, rarity: npt.NDArray[np.uint8]) -> tuple[Hashes, Integers]:
    tokens = rarity[hashes >> np.uint64(HASH_BITS)].astype(np.uint64) << np.uint64(HASH_BITS) | (hashes & HASH)
    tokens |= np.repeat(np.arange(len(sizes), dtype=np.uint64) << np.uint64(TOKEN_BITS), sizes)
    tokens.sort()
    tokens = tokens[np.append(True, tokens[1:] != tokens[:-1])]
    return tokens & TOKEN, np.bincount((tokens >> np.uint64(TOKEN_BITS)).astype(np.int64), minlength=len(sizes))


def _parities(tokens: Hashes, sizes: Integers) -> Hashes:
    bits = 64 * PARITY_WORDS
    places = np.repeat(np.arange(len(sizes)) * bits, sizes) + (tokens & np.uint64(bits - 1)).astype(np.int64)
    odd = (np.bincount(places, minlength=len(sizes) * bits) & 1).astype(np.uint8)
    return np.packbits(odd, bitorder="little").view(np.uint64).reshape(len(sizes), PARITY_WORDS)
