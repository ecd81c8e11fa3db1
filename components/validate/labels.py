"""Labels as they may be shown, and what is measured of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from components.base.settings import DataSchema

LONGEST_SHOWN = 60
FOREIGN_LABELS_SHOWN = 5
OTHER_LABELS = "(other labels)"
OUTSIDE = "O"


class LabelCounts:
    """Which rows of a split have which labels, each once, collected batch by batch.

    A row of a list task has several labels, or none; `rows` and `codes` are parallel, `codes` index `names`.
    """

    def __init__(self, data: DataSchema) -> None:
        self._column = "tags" if data.task == "token-tags" else "label"
        self._is_list = data.task in ("multi-label", "token-tags")
        self._numbers: dict[str, int] = {}
        self._rows: list[npt.NDArray[np.int64]] = []
        self._codes: list[npt.NDArray[np.int64]] = []
        self._read = 0

    def add(self, batch: pa.RecordBatch) -> None:
        column = batch[self._column]
        values = column.flatten() if self._is_list else column
        rows = np.arange(batch.num_rows)
        if self._is_list:
            rows = np.repeat(rows, np.diff(column.offsets.to_numpy()))
        encoded = values.fill_null("").dictionary_encode()
        known = [self._numbers.setdefault(name, len(self._numbers)) for name in encoded.dictionary.to_pylist()]
        codes = np.array(known, np.int64)[encoded.indices.to_numpy()] if len(values) else np.zeros(0, np.int64)
        if self._is_list:
            rows, codes = np.divmod(np.unique(rows * (len(self._numbers) + 1) + codes), len(self._numbers) + 1)
        self._rows.append(rows + self._read)
        self._codes.append(codes)
        self._read += batch.num_rows

    def frame(self, data: DataSchema) -> pd.DataFrame:
        """Columns place (of the row), label (as shown), label_number (its place in the config), n_rows_of_label and
        share_of_label; the last three are null where the label is not in the config, the share also for the tag O,
        which most tokens have."""
        codes = np.concatenate([np.zeros(0, np.int64), *self._codes])
        counts = np.bincount(codes, minlength=len(self._numbers)).astype(float)
        names = list(self._numbers)
        place = {label: float(number) for number, label in enumerate(data.labels)}
        numbers = np.array([place.get(name, np.nan) for name in names])
        shown = shown_labels(Counter(dict(zip(names, counts, strict=True))), data.labels)
        of_label = np.where(np.isnan(numbers), np.nan, counts)
        share = of_label / max(self._read, 1)
        if data.task == "token-tags" and OUTSIDE in self._numbers:
            share[self._numbers[OUTSIDE]] = np.nan
        labels = pd.Series([shown[name] for name in names], dtype=object)
        distinct = list(dict.fromkeys(labels))
        number = {label: place for place, label in enumerate(distinct)}
        as_shown = np.array([number[label] for label in labels], np.int64)
        return pd.DataFrame(
            {
                "place": np.concatenate([np.zeros(0, np.int64), *self._rows]),
                "label": pd.Categorical.from_codes(as_shown[codes], pd.Index(distinct)),
                "label_number": numbers[codes],
                "n_rows_of_label": of_label[codes],
                "share_of_label": share[codes],
            }
        )


def shown_labels(counts: Counter[str], known: Sequence[str]) -> dict[str, str]:
    """The config's labels as they are, the commonest of the others legibly, and the rest together."""
    config = set(known)
    foreign = [label for label, _ in counts.most_common() if label not in config]
    shown = {label: label for label in known} | dict.fromkeys(foreign, OTHER_LABELS)
    return shown | {label: _legible(label) for label in foreign[:FOREIGN_LABELS_SHOWN]}


def whole_labels(batch: pa.RecordBatch, data: DataSchema) -> npt.NDArray[np.uint64]:
    """A number for what a row is labelled in all: equal for the same labels in any order, or the same tags in order."""
    if data.task == "token-tags":
        return hashed(["\0".join(tags) for tags in batch["tags"].to_pylist()])
    if data.task == "multi-label":
        return hashed(["\0".join(sorted(set(labels))) for labels in batch["label"].to_pylist()])
    return hashed(batch["label"].to_pylist())


def hashed(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """64 bits of each text: two of a million texts are taken for one with a probability of 3e-8."""
    found: npt.NDArray[np.uint64] = pd.util.hash_array(np.array([*texts, ""], object), categorize=False)[:-1]
    return found


def tag_faults(tokens: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> list[int]:
    """For each sentence how many of its tags break BIO; one more where there are more tokens than tags, or fewer.

    A tag is O, B-type or I-type, and I-type follows B-type or I-type of the same type.
    """
    return [_faults(of_row) + (len(words) != len(of_row)) for words, of_row in zip(tokens, tags, strict=True)]


def _faults(tags: Sequence[str]) -> int:
    faults, inside = 0, ""
    for tag in tags:
        kind, _, entity = tag.partition("-")
        if tag != OUTSIDE and (kind not in ("B", "I") or not entity):
            faults, inside = faults + 1, ""
        else:
            faults += kind == "I" and entity != inside
            inside = entity
    return faults


def _legible(label: str) -> str:
    if len(label) > LONGEST_SHOWN:
        return f"(a label of {len(label)} characters)"
    return label if label and label.isprintable() and label == label.strip() else repr(label)
