"""`textgate data import`: builds data/ and makes DVC know it, or leaves everything as it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from components.base.errors import TextgateError
from components.base.locks import locked
from pipelines.data.default.clean import Counts, Row, clean
from pipelines.data.default.source import find_corpus, read_corpus
from pipelines.data.default.splits import write_splits
from pipelines.data.replacing import built_folder, replace_folder, standing_version
from pipelines.data.version import (
    VERSION_FILE,
    Tracked,
    commit_version,
    folder_version,
    is_cached,
    read_version,
    tracked,
)


@dataclass(frozen=True)
class Imported:
    """`counts` and `rows` are empty where data/ already was what data.dvc names."""

    md5: str
    counts: Counts | None = None
    rows: tuple[Row, ...] = ()


def import_data(project: Path, force: bool = False, pin: bool = False) -> Imported:
    """Builds `project`/data from the corpus of the installed package and commits it to DVC's cache.

    Where data/ already is what data.dvc names, only what the cache lacks is added. `force` replaces a data/ that
    differs and is not in the cache; `pin` writes the built version to data.dvc instead of comparing with it. Raises
    TextgateError, with data/ untouched, where the corpus is absent or another, where data/ holds something that would
    be lost, or where the built version is not the one that data.dvc names.
    """
    data = tracked(project / VERSION_FILE)
    with locked(data.lock):
        wanted = None if pin else read_version(project / VERSION_FILE).md5
        if standing_version(data, wanted, force) != wanted or wanted is None:
            return _build(data, wanted)
        if not is_cached(data.cache, wanted):
            commit_version(data)
        return Imported(wanted)


def _build(data: Tracked, wanted: str | None) -> Imported:
    rows, counts = clean(read_corpus(find_corpus()))
    with built_folder(data) as folder:
        write_splits(rows, folder)
        built = folder_version(folder).md5
        if wanted and built != wanted:
            raise TextgateError(
                f"the data came out as {built}, but {data.version_file} names {wanted}; data/ is as it was."
                f" The version is made with the locked packages (pyarrow here: {pa.__version__}): run `make setup`,"
                " or, where the cleaning was changed on purpose, pin the new version with --pin"
            )
        replace_folder(data, folder)
    return Imported(built, counts, tuple(rows))
