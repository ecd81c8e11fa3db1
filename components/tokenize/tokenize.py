"""Encodes texts by the base model's tokenizer.json, the very file that the bundle serves with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from tokenizers import Encoding, Tokenizer

from components.base.errors import TextgateError
from components.base.files import new_folder, write_json
from components.base.progress import Progress
from components.base.settings import SPLITS, TokenizeStep
from components.base.tables import read_table, table_path

ENCODED_SPLITS = ("train", "validation")
BATCH_ROWS = 4096
SCHEMA = pa.schema([("id", pa.string()), ("input_ids", pa.list_(pa.int32())), ("label", pa.int32())])


class EncodedBatch(NamedTuple):
    """`rows` has SCHEMA; `lengths` are tokens before truncation, special ones included; `unknown` of `tokens` are not
    in the vocabulary (special tokens count in neither)."""

    rows: pa.RecordBatch
    lengths: list[int]
    tokens: int
    unknown: int


class Encoder:
    """Cuts texts to `max_length` tokens from the right; the special tokens stay."""

    def __init__(self, base_model: Path, max_length: int, labels: list[str]) -> None:
        self.tokenizer = _read_tokenizer(base_model)
        self.special = self.tokenizer.num_special_tokens_to_add(is_pair=False)
        self.tokenizer.enable_truncation(max_length, direction="right")
        self.unknown_id = _unknown_id(self.tokenizer)
        self.label_ids = {label: index for index, label in enumerate(labels)}

    def batches(self, table: pa.Table, split: str) -> Iterator[EncodedBatch]:
        """`table` has columns id, text, label. Raises TextgateError for a label that is not in the config."""
        for rows in table.to_batches(max_chunksize=BATCH_ROWS):
            encodings = self.tokenizer.encode_batch_fast(rows["text"].to_pylist())
            ids = [encoding.ids for encoding in encodings]
            labels = [self._label_id(label, split) for label in rows["label"].to_pylist()]
            columns = [rows["id"], pa.array(ids, pa.list_(pa.int32())), pa.array(labels, pa.int32())]
            lengths = [self._length(encoding) for encoding in encodings]
            yield EncodedBatch(
                pa.RecordBatch.from_arrays(columns, schema=SCHEMA),
                lengths,
                sum(lengths) - self.special * len(lengths),
                sum(part.ids.count(self.unknown_id) for encoding in encodings for part in _parts(encoding)),
            )

    def _length(self, encoding: Encoding) -> int:
        return len(encoding) + sum(len(rest) - self.special for rest in encoding.overflowing)

    def _label_id(self, label: str, split: str) -> int:
        try:
            return self.label_ids[label]
        except KeyError:
            raise TextgateError(
                f"{split} has the label {label[:40]!r}, which is not among data.labels of the config;"
                f" they are {', '.join(self.label_ids)}"
            ) from None


def tokenize(tables: Path, base_model: Path, settings: TokenizeStep, encoded: Path) -> None:
    """Writes train.arrow, validation.arrow, labels.json and health.json into `encoded`; equal input, equal bytes.

    The test split is only measured: it is encoded where the bundle is evaluated. Raises TextgateError when the base
    model has no readable tokenizer.json, a split has no rows, or a label is not in the config.
    """
    encoder = Encoder(base_model, settings.options.max_length, settings.data.labels)
    with new_folder(encoded) as folder:
        health = {}
        for split in SPLITS:
            table = read_table(tables, split, settings.data)
            if not table.num_rows:
                raise TextgateError(f"{table_path(tables, split).name} has no rows")
            batches = _with_progress(encoder.batches(table, split), split, table.num_rows)
            if split in ENCODED_SPLITS:
                batches = _written(batches, folder / f"{split}.arrow")
            health[split] = _health(batches, settings.options.max_length)
        write_json(folder / "health.json", health)
        write_json(folder / "labels.json", settings.data.labels)


def _with_progress(batches: Iterator[EncodedBatch], split: str, rows: int) -> Iterator[EncodedBatch]:
    progress = Progress(f"tokenize {split}", rows, "rows")
    for batch in batches:
        yield batch
        progress.advance(batch.rows.num_rows)


def _written(batches: Iterator[EncodedBatch], path: Path) -> Iterator[EncodedBatch]:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, SCHEMA) as writer:
        for batch in batches:
            writer.write_batch(batch.rows)
            yield batch


def _health(batches: Iterator[EncodedBatch], max_length: int) -> dict[str, float]:
    lengths: list[int] = []
    tokens = unknown = 0
    for batch in batches:
        lengths += batch.lengths
        tokens += batch.tokens
        unknown += batch.unknown
    counts = np.array(lengths)
    return {
        "rows": len(lengths),
        "mean_tokens": float(counts.mean()),
        "p95_tokens": float(np.percentile(counts, 95)),
        "max_tokens": int(counts.max()),
        "truncated_share": float((counts > max_length).mean()),
        "unknown_share": unknown / max(tokens, 1),
    }


def _read_tokenizer(base_model: Path) -> Tokenizer:
    path = base_model / "tokenizer.json"
    if not path.is_file():
        raise TextgateError(
            f"the base model has no tokenizer.json; its folder holds {_listing(base_model)}. Save a fast tokenizer"
            " beside the weights (AutoTokenizer.from_pretrained(...).save_pretrained(folder)) and name that folder"
            " in base_model.reference"
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise TextgateError(f"the base model's tokenizer.json cannot be read: {error}") from None
    tokenizer.no_padding()
    return tokenizer


def _listing(folder: Path) -> str:
    return ", ".join(sorted(path.name for path in folder.glob("*"))) or "nothing"


def _unknown_id(tokenizer: Tokenizer) -> int:
    """-1, which no token has, where the vocabulary covers every byte."""
    model = json.loads(tokenizer.to_str())["model"]
    token = model.get("unk_token")
    found = tokenizer.token_to_id(token) if token else model.get("unk_id")
    return -1 if found is None else int(found)


def _parts(encoding: Encoding) -> list[Encoding]:
    return [encoding, *encoding.overflowing]
