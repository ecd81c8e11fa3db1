"""Which rows are copies of one another, and what follows: contradictions, duplicates, leaks, and the numbers of ids.

All functions take entries of spool.KEYS and give an array with one element for each of them; none depends on the order
of the rows but as far as rows are equal in everything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[Any]
Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]


def repeated_ids(keys: Keys) -> Codes:
    """For each row the one that has its id first (by content), where that is another one; else -1."""
    order = np.lexsort((keys["content"], keys["id"]))
    ids = keys["id"][order]
    first = order[np.maximum.accumulate(np.where(_starts(ids), np.arange(len(ids)), 0))]
    return _scattered(order, np.where((first == order) | (ids == 0), -1, first))


def text_groups(keys: Keys) -> Codes:
    """A number from 0 for each text: copies have the same."""
    order = np.lexsort((keys["order"], keys["text"]))
    return _scattered(order, np.cumsum(_starts(keys["text"][order], keys["order"][order])) - 1)


def contradictory(keys: Keys, groups: Codes) -> Mask:
    """Rows of a text whose copies have different answers."""
    if not len(keys):
        return np.zeros(0, bool)
    order = np.argsort(groups, kind="stable")
    starts = _starts(groups[order])
    answers, begins = keys["answer"][order], np.flatnonzero(starts)
    differ = np.minimum.reduceat(answers, begins) != np.maximum.reduceat(answers, begins)
    return _scattered(order, differ[np.cumsum(starts) - 1])


def duplicated(keys: Keys, groups: Codes) -> Mask:
    """Further copies, in one split and with one answer, of a text; the first by content is none."""
    order = np.lexsort((keys["content"], keys["answer"], groups, keys["split"]))
    return _scattered(order, ~_starts(keys["split"][order], groups[order], keys["answer"][order]))


def leaking(splits: NDArray[np.int8], groups: Codes) -> Mask:
    """Rows whose text stands in a later split, too."""
    latest = np.full(groups.max(initial=-1) + 1, -1, np.int8)
    np.maximum.at(latest, groups, splits)
    return np.asarray(splits < latest[groups], bool)


def id_numbers(keys: Keys) -> NDArray[np.int32]:
    """1 for the first row (by answer, then content) of those whose text gives the same id, 2 for the next; rows with
    an id of their own have 1."""
    order = np.lexsort((keys["content"], keys["answer"], keys["text"]))
    starts = _starts(keys["text"][order])
    positions = np.arange(len(keys))
    numbers = positions - np.maximum.accumulate(np.where(starts, positions, 0)) + 1
    return np.where(keys["id"] == 0, _scattered(order, numbers), 1).astype(np.int32)


def _starts(*sorted_columns: NDArray[Any]) -> Mask:
    """Where an element differs from the one before it in any column; so does the first."""
    differs = np.zeros(len(sorted_columns[0]), bool)
    differs[:1] = True
    for column in sorted_columns:
        differs[1:] |= column[1:] != column[:-1]
    return differs


def _scattered(order: NDArray[np.intp], values: NDArray[Any]) -> NDArray[Any]:
    """`values`, which stand in `order`, in the order of the rows."""
    result = np.empty_like(values)
    result[order] = values
    return result
