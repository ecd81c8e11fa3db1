"""Rows of a table to encoded rows: ids, type ids, labels and tags in the narrowest type that holds them."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.base.encoding import Encoded, Encoder
from components.base.errors import TextgateError
from components.base.settings import DataSchema
from components.base.truncation import Integers
from components.tokenize.tally import Measures

SHOWN_LABELS = 40


class RowEncoder:
    """Encodes rows of a task; `schema` is what the encoded rows have.

    id: string. input_ids: list of uint16, or of uint32 where the vocabulary is larger. type_ids: list of uint8, for
    pairs where the tokenizer gives any. document: int64, the number of the text in its split, where texts are cut into
    windows and each has a row. length: int32, tokens before truncation. label: int32, or a list of them. tags: list of
    int16 (int32 from 32768 tags on), one for each id.
    """

    def __init__(self, encoder: Encoder, data: DataSchema, max_unknown_share: float) -> None:
        self.encoder, self.task, self.labels = encoder, data.task, data.labels
        self.known = pa.array(data.labels, pa.string())
        self.max_unknown_share = max_unknown_share
        ids = pa.uint16() if encoder.largest_id < 1 << 16 else pa.uint32()
        tags = pa.int16() if len(data.labels) < 1 << 15 else pa.int32()
        target = {"multi-label": pa.list_(pa.int32()), "token-tags": pa.list_(tags)}.get(data.task, pa.int32())
        paired = data.task == "text-pair" and encoder.pair_template.typed
        fields = [
            ("id", pa.string()),
            ("input_ids", pa.list_(ids)),
            *([("type_ids", pa.list_(pa.uint8()))] if paired else []),
            *([("document", pa.int64())] if self.chunked else []),
            ("length", pa.int32()),
            ("tags" if data.task == "token-tags" else "label", target),
        ]
        self.schema = pa.schema(fields)

    @property
    def chunked(self) -> bool:
        return self.encoder.truncation.policy == "chunk"

    def encode(self, rows: pa.RecordBatch, split: str, first: int) -> tuple[pa.RecordBatch, Measures]:
        """`rows` as a SplitReader gives them, of which the first is number `first` of the split.

        Raises TextgateError for a label that is not in the config, or a row whose tokens and tags differ in number.
        """
        if self.task == "token-tags":
            return self._tagged(rows, split)
        texts = [rows[name].to_pylist() for name in ("text", "text_pair") if name in rows.schema.names]
        encoded = self.encoder.pairs(*texts) if len(texts) == 2 else self.encoder.texts(texts[0])
        column = rows["label"]
        many = self.task == "multi-label"
        labels = self._numbers(column.flatten() if many else column, split)
        owned = np.repeat(np.arange(len(rows)), _sizes(column)) if many else np.arange(len(rows))
        target = pa.ListArray.from_arrays(_offsets(_sizes(column)), labels) if many else labels
        columns = {
            "id": rows["id"],
            "label": target,
            "length": pa.array(encoded.lengths, pa.int32()),
            "document": pa.array(first + np.arange(len(rows)), pa.int64()),
        }
        if self.chunked:
            columns = {name: values.take(pa.array(encoded.texts)) for name, values in columns.items()}
        measures = self._measures(encoded, owned, labels.to_numpy(), {}, (text for side in texts for text in side))
        return self._batch(encoded, columns), measures

    def _tagged(self, rows: pa.RecordBatch, split: str) -> tuple[pa.RecordBatch, Measures]:
        counts, tagged = _sizes(rows["tokens"]), _sizes(rows["tags"])
        if len(wrong := np.flatnonzero(counts != tagged)):
            row = int(wrong[0])
            raise TextgateError(
                f"{split} has {counts[row]} tokens and {tagged[row]} tags in the row {rows['id'][row].as_py()!r};"
                " each token must have one tag"
            )
        tags = self._numbers(rows["tags"].flatten(), split).to_numpy()
        words = pa.ListArray.from_arrays(_offsets(counts), pc.fill_null(rows["tokens"].flatten(), "")).to_pylist()
        encoded = self.encoder.words(words, tags.tolist())
        assert encoded.lost is not None and encoded.empty is not None
        columns = {
            "id": rows["id"],
            "length": pa.array(encoded.lengths, pa.int32()),
            "tags": _lists(encoded.tags, self.schema.field("tags")),
        }
        owned = np.repeat(np.arange(len(rows)), counts)
        totals = {"words": len(tags), "lost_words": sum(encoded.lost), "empty_words": sum(encoded.empty)}
        measures = self._measures(encoded, owned, tags, totals, (word for text in words for word in text))
        return self._batch(encoded, columns), measures

    def _batch(self, encoded: Encoded, columns: dict[str, pa.Array]) -> pa.RecordBatch:
        columns["input_ids"] = _lists(encoded.ids, self.schema.field("input_ids"))
        if "type_ids" in self.schema.names:
            columns["type_ids"] = _lists(encoded.type_ids, self.schema.field("type_ids"))
        return pa.RecordBatch.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)

    def _numbers(self, labels: pa.Array, split: str) -> pa.Array:
        """int32, the place of each label in the config."""
        numbers = pc.index_in(labels, value_set=self.known)
        if numbers.null_count:
            label = labels[int(np.argmax(numbers.is_null().to_numpy(zero_copy_only=False)))].as_py() or ""
            more = len(self.labels) - SHOWN_LABELS
            listed = ", ".join(self.labels[:SHOWN_LABELS]) + (f" and {more} more" if more > 0 else "")
            raise TextgateError(
                f"{split} has the label {label[:40]!r}, which is not among data.labels of the config; they are {listed}"
            )
        return numbers

    def _measures(
        self, encoded: Encoded, owned: Integers, labels: Integers, totals: dict[str, int], texts: Iterable[str]
    ) -> Measures:
        """Label labels[i] is one of the text owned[i]. Culprits are looked for where unknown tokens have more than
        half the share that is allowed."""
        unknown = self.encoder.count_unknown(encoded)
        tokens = sum(len(pieces) for side in encoded.pieces for pieces in side)
        lengths = np.array(encoded.lengths, np.int64)
        suspect = unknown > tokens * self.max_unknown_share / 2
        culprits = Counter(self.encoder.unknown_words(list(texts))) if suspect else Counter()
        more = {"rows": len(lengths), "windows": len(encoded.texts), "lengths": int(lengths.sum())}
        owners, numbers = np.divmod(np.unique(owned * len(self.labels) + labels), len(self.labels))
        totals = {**totals, **more, "tokens": tokens, "unknown": unknown}
        return Measures(lengths, owners, numbers, totals, culprits)


def _sizes(lists: pa.Array) -> Integers:
    return np.asarray(pc.list_value_length(lists).to_numpy(), np.int64)


def _offsets(sizes: Integers) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())


def _lists(rows: list[array[int]] | None, field: pa.Field) -> pa.ListArray:
    assert rows is not None
    flat = np.frombuffer(b"".join(rows), rows[0].typecode if rows else "I")
    narrow = flat.astype(field.type.value_type.to_pandas_dtype())
    return pa.ListArray.from_arrays(_offsets(np.array(list(map(len, rows)), np.int64)), pa.array(narrow))
