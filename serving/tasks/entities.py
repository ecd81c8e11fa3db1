"""Entities in rows of tags: the same ones that are scored are those that are served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from components.base.truncation import Integers

OUTSIDE = "O"
BEGIN, INSIDE = "B-", "I-"


class Entities(NamedTuple):
    """int64 [entities]: the row of each, its words from `starts` to before `ends`, counted over all rows, its type."""

    rows: Integers
    starts: Integers
    ends: Integers
    kinds: Integers


class Scheme:
    """How tags make entities, and their `types`.

    Where any tag begins with B-, tags are IOB2 read strictly: an entity is B-type and each I-type that follows at once;
    any other I-type is none. Other tags stand for themselves: each word whose tag is not O is an entity of that type.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        self.iob2 = any(tag.startswith(BEGIN) for tag in tags)
        types = [self._type(tag) for tag in tags]
        self.types = list(dict.fromkeys(kind for kind in types if kind))
        number = {kind: place for place, kind in enumerate(self.types)}
        # One more, at -1, for a tag that is not among them.
        self._kinds = np.array([*(number.get(kind, -1) for kind in types), -1], np.int64)
        inside = [self.iob2 and tag.startswith(INSIDE) for tag in tags]
        self._inside = np.array([*inside, False])

    def _type(self, tag: str) -> str:
        if self.iob2:
            return tag[2:] if tag.startswith((BEGIN, INSIDE)) else ""
        return "" if tag == OUTSIDE else tag

    def find(self, tags: Integers, sizes: Integers) -> Entities:
        """In order. `tags` int64 [words], places among the tags (-1 for another one); `sizes` the words of each row."""
        rows, kinds, inside = np.repeat(np.arange(len(sizes)), sizes), self._kinds[tags], self._inside[tags]
        goes_on = inside.copy()
        goes_on[:1] = False
        goes_on[1:] &= (kinds[1:] == kinds[:-1]) & (rows[1:] == rows[:-1])
        starts = np.flatnonzero((kinds >= 0) & ~inside)
        breaks = np.append(np.flatnonzero(~goes_on), len(tags))
        ends = breaks[np.searchsorted(breaks, starts, side="right")]
        return Entities(rows[starts], starts, ends, kinds[starts])
