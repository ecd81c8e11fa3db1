"""Encoded rows in memory, for each task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from components.base.encoding import pool
from components.base.errors import TextgateError

Kind = Literal["single", "multi", "tags"]


@dataclass(frozen=True)
class Rows:
    """`tokens`: n arrays of token ids, each of its own length.

    `targets`: the label of each row, int32 [n]; or which labels it has, bool [n, labels]; or its tags, n arrays int32
    as long as its tokens, UNTAGGED where a token is not the first of a word. `types`, where pairs have them, are the
    token types, n arrays uint8. `hidden`, where the lower layers are frozen, is what they give: n arrays float32
    [tokens, hidden].

    Where long texts are cut into windows, each is a row with its text's target, and `documents`, int64 [n], numbers the
    texts from 0, the windows of each standing together.
    """

    tokens: list[np.ndarray]
    targets: np.ndarray | list[np.ndarray]
    types: list[np.ndarray] | None = None
    documents: np.ndarray | None = None
    hidden: list[np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def first(self, count: int) -> Rows:
        """Without windows' numbers: each row stands for itself."""
        return self.take(np.arange(min(count, len(self))))

    def take(self, chosen: Sequence[int] | np.ndarray) -> Rows:
        def of(values: list[np.ndarray] | None) -> list[np.ndarray] | None:
            return None if values is None else [values[row] for row in chosen]

        targets = self.targets[chosen] if isinstance(self.targets, np.ndarray) else of(self.targets)
        assert targets is not None
        return replace(
            self,
            tokens=[self.tokens[row] for row in chosen],
            targets=targets,
            types=of(self.types),
            hidden=of(self.hidden),
            documents=None,
        )

    @property
    def kind(self) -> Kind:
        if isinstance(self.targets, list):
            return "tags"
        return "single" if self.targets.ndim == 1 else "multi"

    @property
    def texts(self) -> int:
        return len(self) if self.documents is None else int(self.documents[-1]) + 1

    def by_text(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits [n, labels] pooled as serving does, float32 [texts, labels], and the target of each text."""
        assert isinstance(self.targets, np.ndarray)
        if self.documents is None:
            return logits, self.targets
        first = np.flatnonzero(np.diff(self.documents, prepend=-1))
        sizes = np.array([len(tokens) for tokens in self.tokens])
        return pool(logits, self.documents, sizes), self.targets[first]


def read_rows(path: Path, labels: int, most: int = 0) -> Rows:
    """All texts of an encoded split, or a fixed random `most` of them, the same for every seed.

    Raises TextgateError where there is none, or a label's number is not below `labels`.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("input_ids", "type_ids", "tags")}
    targets: list[np.ndarray] = []
    documents: list[np.ndarray] = []
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        names = reader.schema.names
        windowed = "document" in names
        kept = _chosen(reader, windowed, most)
        before = 0
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            texts = batch["document"].to_numpy() if windowed else before + np.arange(batch.num_rows)
            before += batch.num_rows
            rows = np.flatnonzero(kept[texts])
            for name in parts.keys() & set(names):
                parts[name] += _lists(batch[name], rows)
            if "label" in names:
                targets.append(_targets(batch["label"], rows, labels, path))
            documents.append(texts[rows])
    if not parts["input_ids"]:
        raise TextgateError(f"{path.name} holds no rows; there is nothing to train or validate on")
    together = np.concatenate(documents)
    return Rows(
        parts["input_ids"],
        np.concatenate(targets) if targets else [_known(tags.astype(np.int32), labels, path) for tags in parts["tags"]],
        parts["type_ids"] or None,
        np.cumsum(np.diff(together, prepend=together[0]) > 0) if windowed else None,
    )


def _chosen(reader: pa.ipc.RecordBatchFileReader, windowed: bool, most: int) -> np.ndarray:
    """Whether each text of the split is taken, bool [texts]."""
    total = sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))
    if windowed and total:
        total = reader.get_batch(reader.num_record_batches - 1)["document"][-1].as_py() + 1
    kept = np.ones(total, bool)
    if most and most < total:
        kept[np.random.default_rng(0).permutation(total)[most:]] = False
    return kept


def _lists(column: pa.ListArray, rows: np.ndarray) -> list[np.ndarray]:
    values = column.values.to_numpy()
    bounds = list(pairwise(column.offsets.to_numpy().tolist()))
    return [values[start:end].copy() for start, end in (bounds[row] for row in rows)]


def _targets(column: pa.Array, rows: np.ndarray, labels: int, path: Path) -> np.ndarray:
    if not pa.types.is_list(column.type):
        return _known(column.to_numpy()[rows].astype(np.int32), labels, path)
    held = np.zeros((len(rows), labels), bool)
    for line, numbers in enumerate(_lists(column, rows)):
        held[line, _known(numbers, labels, path)] = True
    return held


def _known(numbers: np.ndarray, labels: int, path: Path) -> np.ndarray:
    if len(numbers) and (largest := int(numbers.max())) >= labels:
        raise TextgateError(
            f"{path.name} has the label number {largest}, and labels.json names {labels} labels, counted from 0;"
            " tokenize the data again with its config"
        )
    return numbers
