"""Near copies: texts of one split that are almost the same as a text of an earlier one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from components.base.errors import TextgateError
from components.base.settings import SPLITS, DataSchema
from components.base.tables import SplitReader
from components.base.text import Hashes, hash_texts, row_texts
from components.validate.near_join import Best, Join
from components.validate.near_sets import GramSets, SetsWriter
from components.validate.ngrams import Integers

ROWS_AT_ONCE = 1 << 15


class NearPair(NamedTuple):
    """A row and the row of an earlier split that is most similar to it; rows count from 0 in their table."""

    split: str
    row: int
    id: str
    other_split: str
    other_row: int
    other_id: str
    similarity: float


class _Rows(NamedTuple):
    """All rows of all splits, one split after the other."""

    splits: npt.NDArray[np.uint8]
    texts: Hashes


def find_near(tables: Path, data: DataSchema, splits: Sequence[str], similarity: float) -> list[NearPair]:
    """For every row the most similar one of an earlier split (train, then validation, then test), where there is one.

    Similarity is that of Jaccard, of the sets of character 4-grams of the normalised texts (those of a pair on two
    lines, tokens with spaces between), and must reach `similarity`, at least 0.5. Rows of the same normalised text are
    no near copies of each other. Of texts of up to 1,024 different 4-grams it is exact, and every row that has a near
    copy is found; of longer texts it is that of samples of 512 to 1,024, which errs by 0.01 (one standard deviation).
    Of more than 32 near copies another than the very nearest may be given.

    Takes 8 bytes of temporary disk space for each character, at most 8 kB for each text, and about 250 bytes of memory
    for each text beside 1 GB. The time grows faster than the rows, the more so the lower the similarity and the fewer
    different words the texts have. Raises TextgateError where a split cannot be read or the disk space is not there.
    """
    order = [split for split in SPLITS if split in splits]
    try:
        with tempfile.TemporaryFile(prefix="textgate-") as file:
            writer = SetsWriter(file)
            rows = _read(tables, data, order, writer)
            best = _search(writer.finish(), rows, similarity)
    except OSError as error:
        raise TextgateError(
            f"near copies cannot be sought: no room for the n-grams of the texts in {tempfile.gettempdir()}"
            f" ({error.strerror}); TMPDIR names another folder"
        ) from None
    return list(_pairs(tables, data, order, rows.splits, best))


def _read(tables: Path, data: DataSchema, splits: list[str], writer: SetsWriter) -> _Rows:
    numbers, texts = [], []
    for number, split in enumerate(splits):
        for batch in SplitReader(tables, split, data).batches(ROWS_AT_ONCE):
            found = row_texts(batch, data)
            writer.add(found)
            texts.append(hash_texts(found))
            numbers.append(np.full(len(found), number, np.uint8))
    return _Rows(np.concatenate([np.zeros(0, np.uint8), *numbers]), np.concatenate([np.zeros(0, np.uint64), *texts]))


def _search(sets: GramSets, rows: _Rows, similarity: float) -> Best:
    """By row."""
    best = Best(np.full(len(rows.texts), -1), np.zeros(len(rows.texts)))
    join = Join(sets, rows.texts[sets.rows], similarity)
    first = np.zeros(len(rows.texts), bool)
    for number in range(int(rows.splits.max(initial=0)) + 1):
        of_split = np.flatnonzero(rows.splits == number)
        _, firsts, copies = np.unique(rows.texts[of_split], return_index=True, return_inverse=True)
        first[of_split[firsts]] = True
        sought, among = (
            first[sets.rows] & chosen[sets.rows] for chosen in (rows.splits == number, rows.splits < number)
        )
        for level in np.unique(sets.levels):
            own, twin = ((sets.levels == level) & chosen for chosen in (~sets.twins, sets.twins))
            _search_level(sets, join, np.flatnonzero(own & sought), np.flatnonzero((own | twin) & among), best)
            _search_level(sets, join, np.flatnonzero(twin & sought), np.flatnonzero(own & among), best)
        for values in best:
            values[of_split] = values[of_split[firsts]][copies]
    return best


def _search_level(sets: GramSets, join: Join, sought: Integers, among: Integers, best: Best) -> None:
    found = join.most_similar(sought, among)
    owners, others = sets.rows[sought], np.where(found.partners < 0, -1, sets.rows[found.partners])
    better = found.similarities > best.similarities[owners]
    best.partners[owners[better]] = others[better]
    best.similarities[owners[better]] = found.similarities[better]


def _pairs(
    tables: Path, data: DataSchema, order: list[str], splits: npt.NDArray[np.uint8], best: Best
) -> Iterator[NearPair]:
    rows = np.flatnonzero(best.partners >= 0)
    others = best.partners[rows]
    starts = np.searchsorted(splits, np.arange(len(order)))
    ids = _ids(tables, data, order, np.union1d(rows, others))
    for row, other in zip(rows.tolist(), others.tolist(), strict=True):
        split, other_split = int(splits[row]), int(splits[other])
        yield NearPair(
            order[split],
            row - int(starts[split]),
            ids[row],
            order[other_split],
            other - int(starts[other_split]),
            ids[other],
            round(float(best.similarities[row]), 6),
        )


def _ids(tables: Path, data: DataSchema, order: list[str], wanted: Integers) -> dict[int, str]:
    ids: dict[int, str] = {}
    passed = 0
    for split in order:
        for batch in SplitReader(tables, split, data).batches():
            here = wanted[np.searchsorted(wanted, passed) : np.searchsorted(wanted, passed + len(batch))]
            ids.update(zip(here.tolist(), batch["id"].take(here - passed).to_pylist(), strict=True))
            passed += len(batch)
    return ids
