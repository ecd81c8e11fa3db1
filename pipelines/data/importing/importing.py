"""`textgate data import --from`: own files become the tables of data.version, or everything stays as it was."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.base.errors import TextgateError
from components.base.locks import locked
from components.base.settings import SPLITS, DataSettings
from pipelines.data.importing.bad_rows import BadRows
from pipelines.data.importing.gathering import Gathered, gather
from pipelines.data.importing.remarks import copy_remarks, label_remarks, share_remarks, split_remarks
from pipelines.data.importing.selecting import COPY_SETTINGS, Selection, check_ids, select
from pipelines.data.importing.writing import write_splits
from pipelines.data.replacing import built_folder, recorded_version, replace_folder, standing_version
from pipelines.data.sources import Source, find_sources
from pipelines.data.spool import Spool
from pipelines.data.stages import Stages
from pipelines.data.version import Tracked, Version, commit_version, folder_version, is_cached, tracked

SPOOL = "textgate-spool-"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Built:
    """What became of the rows: `read` is `kept` and what `dropped` counts by reason, taken together.

    `files` counts sources by their encoding, `table` has the rows of each label by split (of token tags, of each type
    of entity), `splits` the rows of each split. `bad` are the lines about bad rows that were dropped.
    """

    read: int
    kept: int
    dropped: Counter[str]
    files: Counter[str]
    splits: dict[str, int]
    table: dict[str, list[int]]
    remarks: list[str]
    bad: list[str]


@dataclass(frozen=True)
class Imported:
    """`before` is the md5 that the DVC file named, None where there was none."""

    built: Built
    version: Version
    before: str | None


def import_files(
    paths: Sequence[Path], data: DataSettings, force: bool = False, stages: Stages | None = None
) -> Imported:
    """Makes the tables of data.version from the files of `paths` and commits them to DVC's cache.

    `force` replaces a folder that differs and is in no version. Raises TextgateError, with everything as it was, for
    files that cannot be read as data.columns and data.source say, for bad rows unless they may be dropped, and where
    the folder holds something that would be lost.
    """
    sources = find_sources(paths, data.task)
    target = tracked(Path(data.version))
    with locked(target.lock), stages or Stages() as shown, _work_folder(target) as work, built_folder(target) as folder:
        before = recorded_version(target)
        standing = standing_version(target, before, force)
        listed = target.project / f".dvc/tmp/textgate-bad-rows-{target.folder.name}.jsonl"
        built = build_tables(sources, data, folder, work, listed, shown)
        version = folder_version(folder)
        shown.begin("adding to DVC's cache", 1)
        if not standing == version.md5 == before:
            replace_folder(target, folder)
        elif not is_cached(target.cache, version.md5):
            commit_version(target)
    return Imported(built, version, before)


def build_tables(
    sources: Sequence[Source], data: DataSettings, folder: Path, work: Path, listed: Path, stages: Stages
) -> Built:
    """Writes the tables of the sources' rows into `folder`; `work` is for what is spooled and sorted, and `listed` for
    the list of the rows that were dropped or refused. Raises TextgateError as import_files does."""
    spool = Spool(work, data)
    with BadRows(listed) as bad:
        try:
            gathered = gather(sources, data, spool, bad, stages)
        finally:
            spool.close()
        stages.begin("writing", gathered.read)
        rows = check_ids(spool, sources, bad)
        _check_bad(bad, gathered, data, sources)
        said = bad.lines() if bad.total else []
        selection = select(spool, rows, sources, data, bad)
        write_splits(spool, selection.rows, selection.splits, selection.numbers, folder, stages.advance)
        table = _table(spool, selection)
        splits = dict(zip(SPLITS, map(int, np.bincount(selection.splits, minlength=3)), strict=True))
        _check_splits(splits, data)
        remarks = _remarks(spool, selection, table, gathered, data) + share_remarks(splits, data.source.split)
        dropped, kept = bad.reasons, len(selection.rows)
        return Built(gathered.read, kept, dropped, gathered.encodings, splits, table, remarks, said)


def _check_bad(bad: BadRows, gathered: Gathered, data: DataSettings, sources: Sequence[Source]) -> None:
    if not gathered.read:
        raise TextgateError(f"{', '.join(str(source.path) for source in sources[:10])}: no rows are in there")
    if bad.total and data.source.bad_rows == "refuse":
        lines = "".join(f"\n  {line}" for line in bad.lines())
        raise TextgateError(
            f"{bad.total} of {gathered.read} rows cannot be taken, and nothing was imported:{lines}\n"
            "Mend them, or set data.source.bad_rows: drop to leave them out"
        )
    if bad.total == gathered.read:
        lines = "".join(f"\n  {line}" for line in bad.lines())
        raise TextgateError(f"none of {gathered.read} rows can be taken, and nothing was imported:{lines}")


def _check_splits(splits: dict[str, int], data: DataSettings) -> None:
    if empty := [split for split, rows in splits.items() if not rows]:
        raise TextgateError(
            f"of {sum(splits.values())} rows none would be in {' and '.join(empty)}; nothing was imported. Bring more"
            " rows, or change data.source.split: rows of one text"
            + (f" or one {data.source.split.entity}" if data.source.split.entity else "")
            + " stay together"
        )


def _table(spool: Spool, selection: Selection) -> dict[str, list[int]]:
    sets = list(spool.label_sets)
    cells = selection.splits.astype(np.int64) * len(sets) + spool.keys["labels"][selection.rows]
    rows = np.bincount(cells, minlength=3 * len(sets)).reshape(3, len(sets))
    table: dict[str, list[int]] = {}
    for number, labels in enumerate(sets):
        for label in labels:
            counts = table.setdefault(label, [0, 0, 0])
            for split in range(3):
                counts[split] += int(rows[split, number])
    return {label: counts for label, counts in table.items() if any(counts)}


def _remarks(
    spool: Spool, selection: Selection, table: dict[str, list[int]], gathered: Gathered, data: DataSettings
) -> list[str]:
    labels = spool.tags or Counter({label: sum(counts) for label, counts in table.items()})
    return [
        *copy_remarks(selection.copies, COPY_SETTINGS),
        *label_remarks(labels, data, gathered.renamed),
        *split_remarks(table),
    ]


@contextmanager
def _work_folder(target: Tracked) -> Iterator[Path]:
    """For the spool and what is sorted; that of an import that was killed is taken away."""
    parent = target.project / ".dvc/tmp"
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{SPOOL}*"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(prefix=SPOOL, dir=parent) as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise TextgateError(
            f"{error.strerror or error}; the import needs room for its rows in {parent}, beside {target.folder} and in"
            f" {target.cache}; everything is as it was"
        ) from None
