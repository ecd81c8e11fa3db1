"""What is measured by comparing rows: copies within a split, copies across splits, contradictions, near copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from components.base.settings import ValidateStep
from components.validate.measures import Split
from components.validate.near import NearPair, find_near

EVALUATION = ("validation", "test")


def with_copies(split: Split) -> Split:
    """The split with further_copy: whether an earlier row of it has the same text (0 or 1)."""
    texts = split.keys["text"]
    return split.with_column("further_copy", (texts.duplicated() & texts.notna()).astype(int).to_numpy())


def across_splits(splits: Sequence[Split]) -> pd.DataFrame:
    """Rows of every readable split, with split, row and text (a digest), and how often the text and the id occur.

    n_splits_of_text and n_labels_of_text are null where the text is empty, n_rows_of_id where there is no id.
    """
    keys = pd.concat([split.keys for split in splits], ignore_index=True)
    names = np.repeat([split.name for split in splits], [len(split.keys) for split in splits])
    rows = pd.DataFrame({"split": pd.Categorical(names, [split.name for split in splits])})
    rows["row"] = np.concatenate([split.rows["row"].to_numpy() for split in splits if len(split.keys)])
    rows["text"] = keys["text"]
    numbers = rows["split"].cat.codes.to_numpy()
    rows["n_splits_of_text"] = _different(keys["text"], numbers)
    rows["n_labels_of_text"] = _different(keys["text"], keys["label"].to_numpy(np.uint64))
    rows["n_rows_of_id"] = keys["id"].map(keys["id"].value_counts()).astype(float).mask(keys["id"].isna())
    return rows


def _different(texts: pd.Series, values: np.ndarray) -> np.ndarray:
    """For each row, how many different values the rows of its text have; null without a text."""
    pairs = pd.DataFrame({"text": texts, "value": values}).dropna().drop_duplicates()
    return texts.map(pairs["text"].value_counts()).astype(float).mask(texts.isna()).to_numpy()


def near_pairs(tables: Path, settings: ValidateStep, splits: Sequence[Split]) -> list[NearPair]:
    """Of the splits that can be read; none where the rule is off."""
    readable = [split.name for split in splits if not split.problem]
    if settings.limits.severity("near_leakage") == "off" or len(readable) < 2:
        return []
    return find_near(tables, settings.data, readable, settings.limits.min_similarity)


def with_near(split: Split, pairs: Sequence[NearPair], splits: Sequence[Split]) -> Split:
    """The split with is_near_copy (0 or 1), near_copy (the similarity to the nearest text of an earlier split, 0 where
    none is near) and near_to (that row, with its split)."""
    near = np.zeros(len(split.rows))
    named = np.full(len(split.rows), "", object)
    shown = {other.name: other.rows["row"].to_numpy() for other in splits if "row" in other.rows}
    for pair in pairs:
        if pair.split == split.name:
            near[pair.row] = pair.similarity
            named[pair.row] = f"{shown[pair.other_split][pair.other_row]} ({pair.other_split})"
    rows = split.rows.assign(is_near_copy=(near > 0).astype(int), near_copy=near, near_to=named)
    return replace(split, rows=rows)
