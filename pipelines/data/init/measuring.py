"""What an import of the files would give: rows and labels of each split, copies, bad rows, and how long texts are."""

from __future__ import annotations

import tempfile
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.base.errors import TextgateError
from components.base.settings import SPLITS, DataSettings
from components.validate.labels import OUTSIDE, tag_faults
from pipelines.data.importing.bad_rows import BadRows
from pipelines.data.importing.gathering import gather
from pipelines.data.importing.selecting import CONTRADICTION, DUPLICATE, LEAK, Selection, check_ids, select
from pipelines.data.init.tokens import TokenLengths
from pipelines.data.sources import Source
from pipelines.data.sources.rows import Row
from pipelines.data.spool import Spool
from pipelines.data.stages import Stages

MOST_LABELS = 10_000


@dataclass
class Measures:
    """`read` rows, of which `bad` cannot be taken (by reason; `examples` name some); `rows` of each split.

    `labels` counts labels, `by_split` the rows that have each in each split; `outside` is the tag that most tokens
    have, empty for other tasks. `contradictions`, `duplicates`, `leaks` and `faults` (tags that are not valid BIO)
    count rows. Lengths are in characters and in tokens; those of a pair's two texts, or of a row's tokens, count
    together, as in validation.
    """

    read: int
    bad: Counter[str]
    examples: list[str]
    rows: dict[str, int]
    labels: Counter[str]
    by_split: dict[str, list[int]]
    outside: str
    contradictions: int
    duplicates: int
    leaks: int
    faults: int
    characters: NDArray[np.int64]
    tokens: NDArray[np.int64]
    unknown_share: float

    @property
    def largest_share(self) -> float:
        """Of a split's rows, that have one label, but for `outside`."""
        return max(
            counts[split] / rows
            for label, counts in self.by_split.items()
            for split, rows in enumerate(self.rows.values())
            if rows and label != self.outside
        )


class MeasuringSpool(Spool):
    """Besides, measures the rows that it takes. Raises TextgateError for more than MOST_LABELS labels."""

    def __init__(self, folder: Path, data: DataSettings, base_model: Path) -> None:
        super().__init__(folder, data)
        self.label_name = data.columns.label
        self.sets: dict[tuple[str, ...], int] = {}
        self.set_of = array("L")
        self.faults = 0
        self.characters = array("L")
        self.labels: Counter[str] = Counter()
        self.lengths = TokenLengths(base_model, data.task)

    def add(self, row: Row, source: int, line: int) -> None:
        super().add(row, source, line)
        self.characters.append(sum(map(len, row.texts)) + len(row.texts) - 1)
        self.lengths.add(row.texts)
        self.labels.update(row.labels)
        self.set_of.append(self.sets.setdefault(tuple(sorted(set(row.labels))), len(self.sets)))
        if self.task == "token-tags":
            self.faults += any(tag_faults([row.texts], [row.labels]))
        if len(self.labels) > MOST_LABELS:
            raise TextgateError(
                f"{self.label_name!r} has more than {MOST_LABELS:,} different values, and is taken for the label; name"
                " the right column by --label"
            )


def measure(sources: Sequence[Source], data: DataSettings, base_model: Path, stages: Stages) -> Measures:
    """Does what an import does but for the tables. Raises TextgateError where an import would whatever its settings."""
    with tempfile.TemporaryDirectory(prefix="textgate-init-") as name:
        work = Path(name)
        spool = MeasuringSpool(work, data, base_model)
        with BadRows(work / "bad-rows.jsonl") as bad:
            try:
                read = gather(sources, data, spool, bad, stages).read
            finally:
                spool.close()
            rows = check_ids(spool, sources, bad)
            if not len(rows):
                lines = "".join(f"\n  {line}" for line in bad.shown)
                raise TextgateError(f"none of {read} rows can be taken:{lines}" if read else _no_rows(sources))
            reasons, examples = Counter(bad.reasons), list(bad.shown)
            selection = select(spool, rows, sources, data, bad)
        return Measures(
            read,
            reasons,
            examples,
            dict(zip(SPLITS, map(int, np.bincount(selection.splits, minlength=3)), strict=True)),
            spool.labels,
            _by_split(spool, selection),
            OUTSIDE if data.task == "token-tags" else "",
            selection.copies[CONTRADICTION],
            selection.copies[DUPLICATE],
            selection.copies[LEAK],
            spool.faults,
            np.array(spool.characters, np.int64),
            spool.lengths.lengths(),
            spool.lengths.unknown_share,
        )


def _by_split(spool: MeasuringSpool, selection: Selection) -> dict[str, list[int]]:
    counts = np.zeros((3, len(spool.sets)), np.int64)
    np.add.at(counts, (selection.splits, np.array(spool.set_of, np.int64)[selection.rows]), 1)
    table: dict[str, list[int]] = {}
    for labels, number in spool.sets.items():
        for label in labels:
            table[label] = [
                n + int(rows) for n, rows in zip(table.get(label, [0, 0, 0]), counts[:, number], strict=True)
            ]
    return table


def _no_rows(sources: Sequence[Source]) -> str:
    return f"{', '.join(str(source.path) for source in sources[:10])}: no rows are in there"
