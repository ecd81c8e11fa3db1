"""Rows on their way from the sources to the tables: the texts in a file, in memory only what decides about each row."""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.base.settings import LISTS, DataSettings, Split, Task
from components.base.text import normalise
from pipelines.data.sources.rows import Row

# Of each row: the first two eighths of the sha256 of its normalised text, digests of its answer (label, labels, tags),
# of all of it, and of its id and entity (0 without); its time; the number of its labels in Spool.label_sets; the split
# that its source names (-1 without); where it stands. PACK writes what KEYS reads.
KEYS = np.dtype(
    [
        ("text", "<u8"),
        ("order", "<u8"),
        ("answer", "<u8"),
        ("content", "<u8"),
        ("id", "<u8"),
        ("entity", "<u8"),
        ("time", "<f8"),
        ("labels", "<i4"),
        ("split", "i1"),
        ("source", "<u4"),
        ("line", "<u8"),
    ]
)
_PREFIXES = struct.Struct(">QQ")
PACK = struct.Struct("<QQQQQQdibIQ")
SPLIT_CODES: dict[Split | None, int] = {None: -1, "train": 0, "validation": 1, "test": 2}
ID_LENGTH = 16
FLUSH_ROWS = 8192
FLUSH_CHARACTERS = 1 << 23
NONE = "\x02"
LARGE_LIST = pa.large_list(pa.large_string())


class Spool:
    """Takes rows one by one. `keys` has one entry of KEYS for each, in the order of `path`, a Parquet file with the
    columns of `schema`, called c0 and so on, after `row`, the number of the row from 0. `label_sets` numbers what
    label_kinds gives for the rows, `tags` counts token tags."""

    def __init__(self, folder: Path, data: DataSettings) -> None:
        self.path, self.task = folder / "rows.parquet", data.task
        self.schema = output_schema(data)
        self.label_sets: dict[tuple[str, ...], int] = {}
        self.tags: Counter[str] = Counter()
        self._answers: list[int] = []
        self._keys = bytearray()
        self._rows: list[tuple[object, ...]] = []
        self._characters = self._written = 0
        self._broken = False
        fields = [pa.field("row", pa.int64()), *(pa.field(f"c{i}", field.type) for i, field in enumerate(self.schema))]
        self._schema = pa.schema(fields)
        self._writer = pq.ParquetWriter(self.path, self._schema, compression="lz4", use_dictionary=False)

    @property
    def keys(self) -> NDArray[Any]:
        return np.frombuffer(self._keys, KEYS)

    def __len__(self) -> int:
        return len(self._keys) // PACK.size

    def add(self, row: Row, source: int, line: int) -> None:
        digest = hashlib.sha256(same_text(row.texts, self.task).encode("utf-8")).digest()
        text, order = _PREFIXES.unpack_from(digest)
        labels, answer = self._labels(row.labels)
        time = 0.0 if row.time is None else row.time
        content = "\0".join(
            (
                *row.texts,
                "",
                *row.labels,
                "",
                *(NONE if value is None else value for value in row.kept),
                row.split or "",
                row.entity,
                str(time),
            )
        )
        self._keys += PACK.pack(
            text,
            order,
            answer,
            _hash(content),
            _hash(row.id) if row.id else 0,
            _hash(row.entity) if row.entity else 0,
            time,
            labels,
            SPLIT_CODES[row.split],
            source,
            line,
        )
        self._rows.append((row.id or digest[: ID_LENGTH // 2].hex(), *_fields(row, self.task), *row.kept))
        self._characters += len(content)
        if len(self._rows) >= FLUSH_ROWS or self._characters >= FLUSH_CHARACTERS:
            self._flush()

    def _labels(self, labels: tuple[str, ...]) -> tuple[int, int]:
        """The number of what they are counted by, and the digest of the answer that they are."""
        if self.task == "token-tags":
            self.tags.update(labels)
            kinds = label_kinds(labels, self.task)
            return self.label_sets.setdefault(kinds, len(self.label_sets)), _hash("\0".join(labels))
        number = self.label_sets.setdefault(labels, len(self.label_sets))
        if number == len(self._answers):
            self._answers.append(_hash("\0".join(labels)))
        return number, self._answers[number]

    def ids(self, rows: NDArray[np.int64]) -> Iterator[str]:
        """Of rows, whose numbers grow."""
        begin = 0
        for batch in pq.ParquetFile(self.path).iter_batches(columns=["c0"], use_threads=False):
            end = begin + batch.num_rows
            yield from batch["c0"].take(pa.array(rows[(rows >= begin) & (rows < end)] - begin)).to_pylist()
            begin = end

    def close(self) -> None:
        """Everything is on disk afterwards; also to be called where adding failed."""
        if self._broken:
            with suppress(OSError, pa.ArrowException):
                self._writer.close()
            return
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if not self._rows:
            return
        self._broken = True
        numbers = pa.array(np.arange(self._written, self._written + len(self._rows)))
        columns = [
            pa.array(values, field.type)
            for values, field in zip(zip(*self._rows, strict=True), self.schema, strict=True)
        ]
        self._writer.write_batch(pa.RecordBatch.from_arrays([numbers, *columns], schema=self._schema))
        self._written += len(self._rows)
        self._rows.clear()
        self._characters = 0
        self._broken = False


def output_schema(data: DataSettings) -> pa.Schema:
    """Of the tables that an import writes: the task's columns under their own names, and those of columns.keep.

    In memory their offsets have 64 bits; the files do not know that.
    """
    lists = LISTS[data.task]
    roles = [(name, LARGE_LIST if role in lists else pa.large_string()) for role, name in data.roles.items()]
    return pa.schema([*roles, *((name, pa.large_string()) for name in data.columns.keep)])


def same_text(texts: tuple[str, ...], task: Task) -> str:
    """What two rows share whose texts count as one: pairs side by side, tokens as one text."""
    return normalise(" ".join(texts)) if task == "token-tags" else "\n".join(map(normalise, texts))


def label_kinds(labels: tuple[str, ...], task: Task) -> tuple[str, ...]:
    """By which a row is counted and stratified: its label or labels; of tags the types of entities, O without any."""
    if task != "token-tags":
        return labels
    kinds = {tag[2:] if tag[1:2] == "-" and tag[0] in "BIESLU" else tag for tag in labels} - {"O"}
    return tuple(sorted(kinds)) or ("O",)


def _fields(row: Row, task: Task) -> tuple[object, ...]:
    if task == "token-tags":
        return list(row.texts), list(row.labels)
    return (*row.texts, list(row.labels) if task == "multi-label" else row.labels[0])


def _hash(text: str) -> int:
    """Never 0, which stands for nothing."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "little") or 1
