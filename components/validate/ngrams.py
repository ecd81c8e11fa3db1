"""Character n-grams of texts as 64-bit hashes, for many texts at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from components.base.text import Hashes

Integers = npt.NDArray[np.int64]

GRAM = 4
CHARACTERS_AT_ONCE = 1 << 21
# Odd 64-bit numbers without a pattern: one for each place in the n-gram, and those of the splitmix64 finaliser.
PLACES = tuple(
    np.uint64(odd)
    for odd in (0xA3D98775F23554BD, 0xBB06DAFAA17D654F, 0x8F9482C9728F1939, 0xC2E4D4999FE86D4F, 0xB45FA1631EEBC03F)
)
FINAL = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def hash_grams(texts: Iterable[str], gram: int = GRAM) -> Iterator[tuple[Hashes, Integers]]:
    """The hashes of the n-grams of the texts, in their order, and how many each text has; a bounded part at once.

    A text has a space put before and after it, so that its first and last letters count like those of other words, and
    at least one n-gram. An n-gram as often as it stands there.
    """
    part: list[str] = []
    characters = 0
    for text in texts:
        part.append(f" {text} ".ljust(gram))
        characters += len(part[-1])
        if characters >= CHARACTERS_AT_ONCE:
            yield _hash_part(part, gram)
            part, characters = [], 0
    if part:
        yield _hash_part(part, gram)


def mix(values: Hashes) -> Hashes:
    """The finaliser of splitmix64 (Steele et al. 2014): each bit of the result depends on all bits of the value."""
    mixed = values ^ (values >> np.uint64(30))
    mixed *= FINAL[0]
    mixed ^= mixed >> np.uint64(27)
    mixed *= FINAL[1]
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _hash_part(padded: list[str], gram: int) -> tuple[Hashes, Integers]:
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    lengths = np.array([len(text) for text in padded], np.int64)
    windows = len(points) - gram + 1
    hashes = points[:windows] * PLACES[0]
    for place in range(1, gram):
        hashes += points[place : place + windows] * PLACES[place]
    inside = np.ones(len(points), bool)
    ends = lengths.cumsum()
    for place in range(1, gram):
        inside[ends - place] = False
    return mix(hashes[inside[:windows]]), lengths - gram + 1
