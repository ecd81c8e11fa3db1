"""What is measured of each row. Texts stay here: what leaves this module are ids, labels, digests and numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from components.base.errors import TextgateError
from components.base.files import sha256_text
from components.base.settings import Columns, ValidateStep
from components.base.tables import read_table, table_path
from components.base.text import normalise

REQUIRED_COLUMNS = ("id", "text", "label")
REPLACEMENT_CHARACTER = "\ufffd"
LONGEST_SHOWN = 60
FOREIGN_LABELS_SHOWN = 5
OTHER_LABELS = "(other labels)"


@dataclass(frozen=True)
class Split:
    """One split, measured row by row.

    `rows` has the columns row (the id, or the row's place where an id cannot be shown), id and label (as shown), text
    (a digest of the normalised text, null where that is empty), text_length (characters), replacement_characters,
    n_rows_of_label and share_of_label (null where the label is not in the config). `keys` has id, label and text, the
    first two as they are, for comparing rows. Where the split cannot be read, `problem` says why and `rows` is empty.
    """

    name: str
    rows: pd.DataFrame
    keys: pd.DataFrame
    problem: str = ""


def measure_split(tables: Path, split: str, settings: ValidateStep) -> Split:
    try:
        table = read_table(tables, split, settings.data)
        table.validate(full=True)
    except (TextgateError, pa.ArrowException, KeyError) as error:
        return _unreadable(tables, split, settings.data.columns, error)
    texts, labels = table["text"].to_pylist(), table["label"].to_pylist()
    ids = pd.Series(table["id"].to_pylist(), dtype=object)
    digests = [sha256_text(normal) if (normal := normalise(text)) else None for text in texts]
    counts = Counter(labels)
    of_label = pd.Series([counts[label] if label in settings.data.labels else None for label in labels], dtype=float)
    shown = _shown_labels(counts, settings.data.labels)
    rows = pd.DataFrame(
        {
            "row": (named := _shown_ids(ids)),
            "id": named.where(ids != "", None),
            "text": pd.Series(digests, dtype=object),
            "label": pd.Series([shown[label] for label in labels], dtype=object),
            "text_length": pd.Series([len(text) for text in texts], dtype=int),
            "replacement_characters": pd.Series([text.count(REPLACEMENT_CHARACTER) for text in texts], dtype=int),
            "n_rows_of_label": of_label,
            "share_of_label": of_label / max(len(labels), 1),
        }
    )
    keys = pd.DataFrame({"id": ids, "label": pd.Series(labels, dtype=object), "text": rows["text"]})
    return Split(split, rows, keys)


def across_splits(splits: list[Split]) -> pd.DataFrame:
    """Rows of every readable split, with split, row and text, and how often the text and the id occur.

    n_splits_of_text and n_labels_of_text are null where the text is empty, n_rows_of_id where there is no id.
    """
    rows = pd.concat([split.rows.reindex(columns=["row", "text"]) for split in splits], ignore_index=True)
    keys = pd.concat([split.keys for split in splits], ignore_index=True)
    keys["split"] = rows["split"] = np.repeat([split.name for split in splits], [len(split.keys) for split in splits])
    by_text, by_id = keys.groupby("text"), keys[keys["id"] != ""].groupby("id")
    rows["n_splits_of_text"] = by_text["split"].transform("nunique")
    rows["n_labels_of_text"] = by_text["label"].transform("nunique")
    rows["n_rows_of_id"] = by_id["split"].transform("size")
    return rows


def profile(split: Split, labels: list[str]) -> dict[str, Any]:
    """Row count, rows of each label, and mean, median, 95th percentile and maximum of the text length."""
    lengths = split.rows["text_length"].to_numpy() if len(split.keys) else np.zeros(1)
    counts = Counter(split.rows["label"]) if len(split.keys) else Counter[str]()
    return {
        "rows": len(split.keys),
        "labels": dict.fromkeys(labels, 0) | dict(counts),
        "text_length": {
            "mean": float(lengths.mean()),
            "p50": float(np.percentile(lengths, 50)),
            "p95": float(np.percentile(lengths, 95)),
            "max": int(lengths.max()),
        },
    }


def _unreadable(tables: Path, split: str, columns: Columns, error: Exception) -> Split:
    path = table_path(tables, split)
    message = str(error).replace(f"{tables}/", "")
    problem = message if isinstance(error, TextgateError) else f"{path.name} cannot be used: {message}"
    try:
        names = set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError):
        names = set()
    found = [name for name in REQUIRED_COLUMNS if getattr(columns, name) in names]
    keys = pd.DataFrame(columns=list(REQUIRED_COLUMNS), dtype=object)
    return Split(split, pd.DataFrame(columns=found, dtype=object), keys, problem)


def _shown_ids(ids: pd.Series) -> pd.Series:
    """Ids as they are, or the row's place where there is none, or where it is so long that it may be a text."""
    shown = [name if 0 < len(name) <= LONGEST_SHOWN else f"(row {place})" for place, name in enumerate(ids)]
    return pd.Series(shown, dtype=object)


def _shown_labels(counts: Counter[str], known: list[str]) -> dict[str, str]:
    """The config's labels as they are, the commonest of the others legibly, and the rest together."""
    foreign = [label for label, _ in counts.most_common() if label not in known]
    shown = {label: label for label in known} | dict.fromkeys(foreign, OTHER_LABELS)
    return shown | {label: _legible(label) for label in foreign[:FOREIGN_LABELS_SHOWN]}


def _legible(label: str) -> str:
    if len(label) > LONGEST_SHOWN:
        return f"(a label of {len(label)} characters)"
    return label if label and label.isprintable() and label == label.strip() else repr(label)
