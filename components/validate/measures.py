"""What is measured of each row. Texts stay here: what leaves this module are ids, labels, digests and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from components.base.errors import TextgateError
from components.base.settings import LISTS, DataSchema, Rule, ValidateStep
from components.base.tables import SplitReader, table_path
from components.base.text import row_texts
from components.validate import texts
from components.validate.labels import LONGEST_SHOWN, LabelCounts, hashed, tag_faults, whole_labels

Column = texts.Column


@dataclass(frozen=True)
class Split:
    """One split, measured row by row.

    `rows` has the columns row (the id, or the row's place where an id cannot be shown), id (null where there is none)
    and those of MEASURES whose rule is not off; for a task with one label each also those of `labels`. `labels` has
    row, label, label_number, n_rows_of_label and share_of_label, a line for each label of each row. `keys` has the
    numbers id, text (null where it shows nothing) and label, for comparing rows. Where the split cannot be read,
    `problem` says why, and the frames are empty.
    """

    name: str
    rows: pd.DataFrame
    labels: pd.DataFrame
    keys: pd.DataFrame
    problem: str = ""

    def with_column(self, name: str, values: Any) -> Split:
        return replace(self, rows=self.rows.assign(**{name: values}))


@dataclass(frozen=True)
class Measure:
    rule: Rule
    of: Callable[[pa.RecordBatch, DataSchema], Column]


def _of_texts(function: Callable[[pa.Array], Column]) -> Callable[[pa.RecordBatch, DataSchema], Column]:
    return lambda batch, data: function(texts.joined(batch, data))


def _tag_faults(batch: pa.RecordBatch, data: DataSchema) -> Column:
    if data.task != "token-tags":
        return np.zeros(batch.num_rows, int)
    return np.array(tag_faults(batch["tokens"].to_pylist(), batch["tags"].to_pylist()), int)


MEASURES: dict[str, Measure] = {
    "empty": Measure("empty_texts", texts.empty),
    "text_length": Measure("text_length", _of_texts(texts.lengths)),
    "replacement_characters": Measure("encoding_damage", _of_texts(texts.replacement_characters)),
    "damaged": Measure("encoding_damage", _of_texts(texts.damaged)),
    "invisible_characters": Measure("invisible_characters", _of_texts(texts.invisible_characters)),
    "html_entities": Measure("html_entities", _of_texts(texts.html_entities)),
    "mail": Measure("personal_data", _of_texts(texts.mails)),
    "phone": Measure("personal_data", _of_texts(texts.phones)),
    "card": Measure("personal_data", _of_texts(texts.cards)),
    "tag_faults": Measure("tag_sequences", _tag_faults),
}
COMPARING: tuple[Rule, ...] = ("duplicates", "contradictions", "leakage", "unique_ids")


def measure_split(tables: Path, split: str, settings: ValidateStep) -> Split:
    """Reads the split once, in batches; what cannot be read is a Split with a problem."""
    try:
        return _measured(SplitReader(tables, split, settings.data), split, settings)
    except (TextgateError, pa.ArrowException, KeyError) as error:
        return _unreadable(tables, split, settings.data, error)


def _measured(reader: SplitReader, split: str, settings: ValidateStep) -> Split:
    data, limits = settings.data, settings.limits
    asked = {name: measure for name, measure in MEASURES.items() if limits.severity(measure.rule) != "off"}
    asked.setdefault("text_length", MEASURES["text_length"])
    comparing = any(limits.severity(rule) != "off" for rule in COMPARING)
    columns: dict[str, list[Any]] = {name: [] for name in ("id", "ids", "text", "label", *asked)}
    counts = LabelCounts(data)
    for batch in reader.batches():
        batch.validate(full=True)
        _refuse_nulls(batch, data, reader.path)
        for name, measure in asked.items():
            columns[name].append(measure.of(batch, data))
        columns["ids"].append(batch["id"].to_numpy(zero_copy_only=False))
        if comparing:
            columns["id"].append(hashed(batch["id"].to_pylist()))
            columns["text"].append(hashed(row_texts(batch, data)))
            columns["label"].append(whole_labels(batch, data))
        counts.add(batch)
    whole = {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in columns.items()}
    rows = _named_rows(whole["ids"]).assign(**{name: whole[name] for name in asked})
    labels = counts.frame(data)
    labels.insert(0, "row", rows["row"].to_numpy()[labels["place"].to_numpy()])
    if len(labels) == len(rows) and data.task in ("single-label", "text-pair"):
        rows = rows.join(labels[["label", "label_number", "n_rows_of_label", "share_of_label"]])
    keys = pd.DataFrame({name: pd.Series(whole[name], dtype="UInt64") for name in ("id", "text", "label")})
    if comparing and len(rows):
        keys["text"] = keys["text"].mask(whole["empty"].astype(bool) if "empty" in asked else np.zeros(len(rows), bool))
        keys["id"] = keys["id"].mask(rows["id"].isna())
    return Split(split, rows, labels.drop(columns="place"), keys)


def _refuse_nulls(batch: pa.RecordBatch, data: DataSchema, path: Path) -> None:
    for role in LISTS[data.task]:
        if batch[role].flatten().null_count:
            raise TextgateError(f"{path.name}: the column {data.roles[role]} has lists with nulls in them; remove them")


def _named_rows(ids: Column) -> pd.DataFrame:
    """Ids as they are, or the row's place where there is none, or where it is so long that it may be a text."""
    names = pd.Series(ids, dtype=object)
    length = names.str.len() if len(names) else pd.Series(dtype=int)
    unfit = (length == 0) | (length > LONGEST_SHOWN)
    shown = names.where(~unfit, [f"(row {place})" for place in range(len(names))] if unfit.any() else names)
    return pd.DataFrame({"row": shown, "id": shown.where(length > 0, None)})


def profile(split: Split, labels: list[str]) -> dict[str, Any]:
    """Row count, rows of each label, and mean, median, 95th percentile and maximum of the text length."""
    lengths = split.rows["text_length"].to_numpy() if len(split.rows) else np.zeros(1)
    counts = split.labels["label"].value_counts() if len(split.labels) else pd.Series(dtype=int)
    return {
        "rows": len(split.rows),
        "labels": dict.fromkeys(labels, 0) | {str(label): int(count) for label, count in counts.items()},
        "text_length": {
            "mean": float(lengths.mean()),
            "p50": float(np.percentile(lengths, 50)),
            "p95": float(np.percentile(lengths, 95)),
            "max": int(lengths.max()),
        },
    }


def _unreadable(tables: Path, split: str, data: DataSchema, error: Exception) -> Split:
    path = table_path(tables, split)
    message = str(error).replace(f"{tables}/", "")
    problem = message if isinstance(error, TextgateError) else f"{path.name} cannot be used: {message}"
    try:
        names = set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError):
        names = set()
    found = [role for role, name in data.roles.items() if name in names]
    nothing = pd.DataFrame(columns=["row", "label"], dtype=object)
    keys = pd.DataFrame({name: pd.Series(dtype="UInt64") for name in ("id", "text", "label")})
    return Split(split, pd.DataFrame(columns=found, dtype=object), nothing, keys, problem)
