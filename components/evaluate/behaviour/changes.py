"""What invariance tests do to a text."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

import numpy as np

from components.base.settings import InvarianceTest

# A row as its texts (one, or the two of a pair) or its words.
Parts = tuple[str, ...]
Change = Callable[[Parts, np.random.Generator], Parts]

# Also those of Chinese, Arabic and Devanagari.
ENDS = ".!?…。！？؟।" + string.whitespace


def change_of(test: InvarianceTest) -> Change:
    """A row that it cannot change stays as it is."""
    if test.change == "typos":
        return lambda parts, rng: with_typos(parts, test.count, rng)
    if test.change == "swaps":
        return Swaps(test.swaps)
    change = {"lower_case": str.lower, "upper_case": str.upper, "punctuation": with_other_end}[test.change]
    return lambda parts, rng: tuple(change(part) for part in parts)


def with_typos(parts: Parts, count: int, rng: np.random.Generator) -> Parts:
    """`count` pairs of different neighbouring letters, no letter in two of them, change places; fewer where there are
    not as many."""
    changed = [list(part) for part in parts]
    pairs = [
        (part, place)
        for part, text in enumerate(parts)
        for place in range(len(text) - 1)
        if text[place].isalpha() and text[place + 1].isalpha() and text[place] != text[place + 1]
    ]
    moved: set[tuple[int, int]] = set()
    for number in rng.permutation(len(pairs)):
        part, place = pairs[number]
        if len(moved) == 2 * count:
            break
        pair = {(part, place), (part, place + 1)}
        if moved.isdisjoint(pair):
            moved |= pair
            changed[part][place : place + 2] = reversed(changed[part][place : place + 2])
    return tuple("".join(part) for part in changed)


def with_other_end(text: str) -> str:
    """Without the full stops, question and exclamation marks at its end, or with a full stop where it has none."""
    bare = text.rstrip(ENDS)
    if not bare:
        return text
    return bare if bare != text.rstrip() else f"{bare}."


class Swaps:
    """Turns each name into another of its group: all names of a group by the same step through it, so that names that
    differ go on to differ. A name in small or in capital letters only is replaced by one written likewise."""

    def __init__(self, groups: list[list[str]]) -> None:
        self._groups = groups
        names = [(name, group, place) for group, names in enumerate(groups) for place, name in enumerate(names)]
        # Of names that begin alike the longest is found.
        self._names = sorted(names, key=lambda each: -len(each[0]))
        found = "|".join(f"({re.escape(name)})" for name, _, _ in self._names)
        self._pattern = re.compile(rf"(?<!\w)(?:{found})(?!\w)", re.IGNORECASE)

    def __call__(self, parts: Parts, rng: np.random.Generator) -> Parts:
        steps = [int(rng.integers(1, len(group))) for group in self._groups]

        def other(found: re.Match[str]) -> str:
            name, group, place = self._names[(found.lastindex or 0) - 1]
            names = self._groups[group]
            new = names[(place + steps[group]) % len(names)]
            if found[0] == name:
                return new
            return new.lower() if found[0].islower() else new.upper() if found[0].isupper() else new

        return tuple(self._pattern.sub(other, part) for part in parts)
