"""What the training data is like, in numbers that go with the model: the reference that later data is compared with.

No text and no word stands in it. A word is one of 2^20 places, an n-gram one of 2^14, which many share.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.base.encoding import read_tokenizer
from components.base.settings import DataSchema
from components.base.special_tokens import find_unknown
from components.base.tables import SplitReader
from components.validate.labels import OTHER_LABELS, hashed
from components.validate.ngrams import row_texts

FORMAT = 1
WORD_PLACES = 1 << 20
GRAM_PLACES = 1 << 14
SAMPLE = 2000
GRAMS_OF_A_ROW = 64
WORDS_SAMPLED = 40_000
TOKENIZED = 20_000
# Bounds of lengths in characters, each about a twentieth above the last.
LENGTH_BOUNDS = np.unique(np.round(1.05 ** np.arange(0, 331)).astype(np.int64))

Numbers = npt.NDArray[np.int64]


def build_profile(tables: Path, data: DataSchema, base_model: Path | None) -> dict[str, Any]:
    """Of the train split: rows, rows of each label, a histogram of lengths, the words, the share of words that half of
    the rows do not know of the other half's, the share of unknown tokens (None without `base_model`), and the words
    and n-grams of 2,000 rows.

    The same for the same rows. Raises TextgateError where the split or the tokenizer cannot be read.
    """
    reader = SplitReader(tables, "train", data)
    chosen = _chosen(reader.num_rows, max(SAMPLE, TOKENIZED))
    sampled = set(_chosen(reader.num_rows, SAMPLE).tolist())
    labels: dict[str, int] = dict.fromkeys(data.labels, 0)
    lengths = np.zeros(len(LENGTH_BOUNDS), np.int64)
    known = np.zeros((2, WORD_PLACES), np.int64)
    grams: list[list[int]] = []
    sampled_words: list[int] = []
    texts: list[str] = []
    start = 0
    for batch in reader.batches():
        normal = pa.array(row_texts(batch, data), pa.string())
        for label, rows in _labels(batch, data):
            place = label if label in labels else OTHER_LABELS
            labels[place] = labels.get(place, 0) + rows
        lengths += _histogram(pc.utf8_length(normal).to_numpy())
        places, rows_of_words = _words(normal)
        for half in (0, 1):
            known[half] += np.bincount(places[(rows_of_words + start) % 2 == half], minlength=WORD_PLACES)
        inside = chosen[(chosen >= start) & (chosen < start + batch.num_rows)]
        picked = normal.take(pa.array(inside - start)).to_pylist()
        texts += picked
        in_sample = [text for row, text in zip(inside.tolist(), picked, strict=True) if row in sampled]
        grams += map(row_grams, in_sample)
        sampled_words += _words(pa.array(in_sample, pa.string()))[0].tolist()
        start += batch.num_rows
    first, second = known > 0
    return {
        "format": FORMAT,
        "task": data.task,
        "rows": start,
        "labels": labels,
        "lengths": lengths.tolist(),
        "words": int(known.sum()),
        "vocabulary": _packed(first | second),
        "own_new_words": {"new": int(known[1][~first].sum()), "words": int(known[1].sum())},
        "tokens": _tokens(texts[:TOKENIZED], base_model),
        "sampled_words": sampled_words[:WORDS_SAMPLED],
        "grams": grams,
    }


def row_grams(text: str) -> list[int]:
    """The places of the words and the pairs of words of a normalised text; of many, those that hash lowest."""
    words = text.split()
    found = hashed(words + [f"{first} {second}" for first, second in pairwise(words)])
    return sorted({int(place) for place in np.sort(np.unique(found))[:GRAMS_OF_A_ROW] % GRAM_PLACES})


def vocabulary(profile: dict[str, Any]) -> npt.NDArray[np.bool_]:
    """Whether each place has a word."""
    packed = np.frombuffer(zlib.decompress(base64.b64decode(profile["vocabulary"])), np.uint8)
    return np.unpackbits(packed, count=WORD_PLACES).astype(bool)


def _packed(places: npt.NDArray[np.bool_]) -> str:
    return base64.b64encode(zlib.compress(np.packbits(places).tobytes(), 9)).decode("ascii")


def _chosen(rows: int, most: int) -> Numbers:
    """All rows, or the same random ones each time; a smaller choice is part of a larger one."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).permutation(rows)[:most])


def _histogram(lengths: Numbers) -> Numbers:
    return np.bincount(np.searchsorted(LENGTH_BOUNDS, lengths, "right"), minlength=len(LENGTH_BOUNDS) + 1)[
        : len(LENGTH_BOUNDS)
    ].astype(np.int64)


def _labels(batch: pa.RecordBatch, data: DataSchema) -> Iterator[tuple[str, int]]:
    column = batch["tags"] if data.task == "token-tags" else batch["label"]
    values = column.flatten() if data.task in ("token-tags", "multi-label") else column
    counts = pc.value_counts(values)
    yield from zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)


def _words(texts: pa.Array) -> tuple[Numbers, Numbers]:
    """The place of each word, and the row it stands in."""
    split = pc.split_pattern_regex(texts, r"\s+")
    words = split.flatten().dictionary_encode()
    places = (hashed(words.dictionary.to_pylist()) % np.uint64(WORD_PLACES)).astype(np.int64)
    rows = np.repeat(np.arange(len(texts)), np.diff(split.offsets.to_numpy()))
    return places[words.indices.to_numpy()], rows


def _tokens(texts: Sequence[str], base_model: Path | None) -> dict[str, int] | None:
    if base_model is None:
        return None
    tokenizer = read_tokenizer(base_model / "tokenizer.json")
    tokenizer.no_truncation()
    unknown = find_unknown(tokenizer)
    encodings = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return {
        "tokens": sum(len(encoding) for encoding in encodings),
        "unknown": sum(encoding.ids.count(unknown) for encoding in encodings),
    }
