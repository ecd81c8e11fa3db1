"""Which test rows another model was trained on: a comparison on these is unfair."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.base.dvc_remotes import NotHeld, fetch_tree
from components.base.dvc_tree import is_tree_hash
from components.base.errors import TextgateError
from components.base.objects import open_store
from components.base.settings import DataSchema, EvaluateStep
from components.base.tables import SplitReader, table_path
from components.base.text import Hashes, hash_texts, row_texts

# Validation rows choose the epoch, the temperature and the precision.
TRAINED_ON = ("train", "validation")


def trained_texts(champion_data: str, data_md5: str, settings: EvaluateStep) -> tuple[Hashes | None, str]:
    """Hashes of the texts of the train and validation rows in the data that `champion_data` names by its hashes, with
    spaces between, fetched from the remotes; sorted, 8 bytes each.

    Those of today's data `data_md5` are left out: the challenger is trained on these, too. None, and why, where data
    is not known, no remote holds it any more, or its tables cannot be read as today's are. Raises TextgateError where
    a remote does not answer.
    """
    hashes = champion_data.split()
    if not all(map(is_tree_hash, hashes)):
        return None, "MLflow does not say which data the champion, or a version it was begun from, was trained on"
    texts = np.zeros(0, np.uint64)
    stores = [open_store(url, settings.s3) for url in settings.remotes]
    for md5 in hashes:
        if md5 == data_md5:
            continue
        with tempfile.TemporaryDirectory() as folder:
            tables = Path(folder) / "tables"
            try:
                fetch_tree(md5, stores, tables, only={table_path(tables, split).name for split in TRAINED_ON})
            except NotHeld:
                return None, f"no remote holds the data {md5} any more, which the champion was trained on"
            except OSError as error:
                raise TextgateError(
                    f"the champion's data cannot be written at {folder}: {error.strerror or error}; TMPDIR names"
                    " another place"
                ) from error
            try:
                texts = np.union1d(texts, _texts(tables, settings.data))
            except TextgateError as problem:
                return None, f"the data {md5}, which the champion was trained on, is not like today's: {problem}"
    return texts, ""


def seen_rows(texts: Hashes, tables: Path, table: pa.Table, data: DataSchema) -> NDArray[np.bool_]:
    """bool [rows]: the rows of `table`, the test split in `tables`, whose normalised text is among `texts` (those of
    the champion's train and validation rows) and not among the challenger's own: seen by the champion alone.

    A text that stands in the challenger's train and test rows is a leak, which both models may have profited from, and
    which validation reports.
    """
    hashed = hash_texts(row_texts(table, data))
    seen = np.isin(hashed, texts)
    return seen & ~np.isin(hashed, _texts(tables, data)) if seen.any() else seen


def _texts(tables: Path, data: DataSchema) -> Hashes:
    """Sorted, each once."""
    batches = (batch for split in TRAINED_ON for batch in SplitReader(tables, split, data).batches())
    hashed = [hash_texts(row_texts(batch, data)) for batch in batches]
    return np.unique(np.concatenate([np.zeros(0, np.uint64), *hashed]))
