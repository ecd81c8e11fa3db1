"""Which of the rows that were read the tables take, in which split, and with which number of their id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.base.settings import DataSettings
from pipelines.data.importing import copies
from pipelines.data.importing.bad_rows import BadRows, place
from pipelines.data.importing.splitting import assign_splits
from pipelines.data.sources import Broken, Source
from pipelines.data.spool import Spool

CONTRADICTION = "a text with contradictory labels"
DUPLICATE = "a further copy of a text"
LEAK = "a text that stands in a later split"
COPY_SETTINGS = {CONTRADICTION: "contradictions", DUPLICATE: "duplicates", LEAK: "leaks"}
REPEATED_ID = "an id that another row has"
NO_ID = "no id"


class Selection(NamedTuple):
    """`rows` are numbers of rows in the spool, `splits` and `numbers` (of their ids) have an element for each;
    `copies` counts those of them that are contradictory, further copies, or leaks."""

    rows: NDArray[np.int64]
    splits: NDArray[np.int8]
    numbers: NDArray[np.int32]
    copies: Counter[str]


class _Rows:
    """The rows that are left, fewer with each rule that takes some out."""

    def __init__(self, spool: Spool, rows: NDArray[np.int64], sources: Sequence[Source], bad: BadRows) -> None:
        self.rows, self.keys, self.groups = rows, spool.keys, copies.text_groups(spool.keys)
        self.sources, self.bad = sources, bad
        self.copies: Counter[str] = Counter()
        if len(rows) < len(self.keys):
            self.keys, self.groups = self.keys[rows], self.groups[rows]

    def take_out(self, mask: NDArray[np.bool_], reason: str, handling: str) -> None:
        """Of the rows that are left those in `mask`, where they are not to be kept; counts them either way."""
        if handling == "keep":
            self.copies[reason] += int(mask.sum())
            return
        detail = f"dropped by data.source.{COPY_SETTINGS[reason]}"
        for key in self.keys[mask]:
            self.bad.note(self.sources[key["source"]], Broken(int(key["line"]), reason, detail))
        if mask.any():
            self.rows, self.keys, self.groups = self.rows[~mask], self.keys[~mask], self.groups[~mask]


def check_ids(spool: Spool, sources: Sequence[Source], bad: BadRows) -> NDArray[np.int64]:
    """The rows whose id is their own, or that have none as all the others; the rest is listed as bad."""
    keys = spool.keys
    none = (keys["id"] == 0) & bool((keys["id"] != 0).any())
    for key in keys[none]:
        detail = "the row has no id, and others have; write it, or set data.columns.id to a name that no column has"
        bad.add(sources[key["source"]], Broken(int(key["line"]), NO_ID, detail))
    first = copies.repeated_ids(keys)
    repeated = np.flatnonzero(first >= 0)
    for row, identity in zip(repeated, spool.ids(repeated) if len(repeated) else (), strict=True):
        other = keys[first[row]]
        detail = (
            f"the id {identity!r} stands at {place(sources[other['source']], int(other['line']))}, too; make it unique"
        )
        bad.add(sources[keys[row]["source"]], Broken(int(keys[row]["line"]), REPEATED_ID, detail))
    return np.flatnonzero(~none & (first < 0))


def select(
    spool: Spool, rows: NDArray[np.int64], sources: Sequence[Source], data: DataSettings, bad: BadRows
) -> Selection:
    """Raises TextgateError where a split is left without rows."""
    left, source = _Rows(spool, rows, sources, bad), data.source
    left.take_out(copies.contradictory(left.keys, left.groups), CONTRADICTION, source.contradictions)
    left.take_out(copies.duplicated(left.keys, left.groups), DUPLICATE, source.duplicates)
    if source.leaks == "drop":
        left.take_out(copies.leaking(left.keys["split"], left.groups), LEAK, source.leaks)
    splits = assign_splits(left.keys, left.groups, list(spool.label_sets), source.split)
    left.copies[LEAK] = int(copies.leaking(splits, left.groups).sum())
    return Selection(left.rows, splits, copies.id_numbers(left.keys), left.copies)
