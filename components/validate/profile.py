"""What the training data is like, in numbers that go with the model: the reference that later data is compared with.

No text stands in it, and no word: of words it has which of 2^20 places are taken, and those of some thousand words
without their order; of some rows up to 32 of their n-grams, each as one of 2,048 places, which hundreds of n-grams
share. Who has a word or a text can ask whether it may have been there; who has not reads none out of it.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer

from components.base.encoding import read_tokenizer
from components.base.files import sha256_file
from components.base.lengths import histogram
from components.base.settings import DataSchema
from components.base.special_tokens import find_unknown
from components.base.tables import SplitReader
from components.base.text import Hashes, row_texts
from components.validate.labels import OTHER_LABELS, hashed
from components.validate.ngrams import Integers, hash_grams, mix

FORMAT = 1
WORD_PLACES = 1 << 20
WORDS_SAMPLED = 40_000
GRAM_PLACES = 1 << 11
GRAMS_OF_A_ROW = 32
ROWS_SAMPLED = 2_000
ROWS_TOKENIZED = 20_000
CHARACTERS_SAMPLED = 4_096
BATCH_ROWS = 1 << 14


def build_profile(tables: Path, data: DataSchema, base_model: Path | None) -> dict[str, Any]:
    """Of the train split, from its normalised texts (a pair's both, tokens as a sentence): rows, rows or tokens of each
    label, a histogram of lengths, the words, how many words half of the rows has that the other half has not; of a
    random sample of rows the words and the n-grams; and of the texts as they are the unknown tokens (None without
    `base_model`). In arrays, which `unpacked` reads, but for what is read by eye; about 0.6 MB at most.

    The same for the same rows. Raises TextgateError where the split or the tokenizer cannot be read.
    """
    reader = SplitReader(tables, "train", data)
    order = np.argsort(mix(np.arange(reader.num_rows, dtype=np.uint64)), kind="stable")
    sampled, tokenized = np.sort(order[:ROWS_SAMPLED]), np.sort(order[:ROWS_TOKENIZED])
    labels = dict.fromkeys(data.labels, 0)
    lengths = histogram(np.zeros(0, np.int64))
    words, grams, tokens = _Words(), _Grams(), _Tokens(base_model)
    start = 0
    for batch in reader.batches(BATCH_ROWS):
        normal = pa.array(row_texts(batch, data), pa.string())
        _count_labels(batch, data, labels)
        lengths += histogram(pc.utf8_length(normal).to_numpy())
        here = sampled[(sampled >= start) & (sampled < start + batch.num_rows)] - start
        words.add(normal, here, start)
        grams.add(normal.take(pa.array(here)))
        here = tokenized[(tokenized >= start) & (tokenized < start + batch.num_rows)] - start
        tokens.add(batch.take(pa.array(here)), data)
        start += batch.num_rows
    return {
        "format": FORMAT,
        "task": data.task,
        "rows": start,
        "labels": labels,
        "lengths": lengths.tolist(),
        **words.described(),
        "grams": grams.described(),
        "tokens": tokens.described(),
    }


def packed(values: npt.NDArray[Any], kind: str) -> str:
    """Base64 of the values as `kind`, little-endian: not compressed, since compressors differ between machines."""
    return base64.b64encode(values.astype(f"<{kind}").tobytes()).decode("ascii")


def unpacked(text: str, kind: str) -> Integers:
    return np.frombuffer(base64.b64decode(text), f"<{kind}").astype(np.int64)


def vocabulary(profile: dict[str, Any]) -> npt.NDArray[np.bool_]:
    """Whether each place has a word."""
    return np.unpackbits(np.frombuffer(base64.b64decode(profile["vocabulary"]), np.uint8)).astype(bool)


class _Words:
    """In how many rows of each half a word of each place stands, and the words of the sampled rows."""

    def __init__(self) -> None:
        self._halves = np.zeros((2, WORD_PLACES), np.int64)
        self._places: list[Integers] = []
        self._rows: list[Integers] = []

    def add(self, texts: pa.Array, sampled: Integers, start: int) -> None:
        places, rows = _words(texts)
        for half in (0, 1):
            self._halves[half] += np.bincount(places[_half(rows + start) == half], minlength=WORD_PLACES)
        chosen = np.isin(rows, sampled)
        self._places.append(places[chosen])
        self._rows.append(rows[chosen] + start)

    def described(self) -> dict[str, Any]:
        places, rows = (np.concatenate([np.zeros(0, np.int64), *parts]) for parts in (self._places, self._rows))
        known = self._halves > 0
        of_second = _half(rows) == 1
        new = (~known[0])[places[of_second]]
        spread = sample_spread(rows[of_second], new)
        return {
            "words": int(self._halves.sum()),
            "vocabulary": base64.b64encode(np.packbits(known.any(axis=0)).tobytes()).decode("ascii"),
            "own_new_words": {"new": int(new.sum()), "words": len(new), "spread": spread},
            "sampled_words": packed(np.sort(_thinned(places, WORDS_SAMPLED)), "u4"),
        }


class _Grams:
    """The places of some n-grams of each sampled row, the same for the same text."""

    def __init__(self) -> None:
        self._rows: list[Integers] = []

    def add(self, texts: pa.Array) -> None:
        for hashes, sizes in hash_grams(pc.utf8_slice_codeunits(texts, 0, CHARACTERS_SAMPLED).to_pylist()):
            self._rows += [_some(part) for part in np.split(hashes, sizes.cumsum()[:-1])]

    def described(self) -> dict[str, str]:
        sizes = np.array([len(row) for row in self._rows], np.int64)
        places = np.concatenate([np.zeros(0, np.int64), *self._rows])
        return {"sizes": packed(sizes, "u1"), "places": packed(places, "u2")}


class _Tokens:
    """How many tokens of the rows are unknown to the tokenizer, and how that differs from row to row."""

    def __init__(self, base_model: Path | None) -> None:
        self._path = base_model / "tokenizer.json" if base_model else None
        self._tokenizer: Tokenizer | None = None
        if self._path:
            self._tokenizer = read_tokenizer(self._path)
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
            self._unknown = find_unknown(self._tokenizer)
        self._counts: list[tuple[int, int]] = []

    def add(self, batch: pa.RecordBatch, data: DataSchema) -> None:
        if self._tokenizer:
            texts = [text[:CHARACTERS_SAMPLED] for text in _whole_texts(batch, data)]
            for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False):
                self._counts.append((encoding.ids.count(self._unknown), len(encoding)))

    def described(self) -> dict[str, Any] | None:
        if not self._path:
            return None
        unknown, tokens = np.array(self._counts, np.int64).reshape(-1, 2).T
        return {
            "tokenizer": sha256_file(self._path),
            "tokens": int(tokens.sum()),
            "unknown": int(unknown.sum()),
            "spread": spread_of(unknown, tokens),
        }


def sample_spread(rows: Integers, such: npt.NDArray[np.bool_]) -> float:
    """spread_of, where `such` says of each thing whether it is one, and `rows` in which row it stands."""
    _, places = np.unique(rows, return_inverse=True)
    return spread_of(np.bincount(places, such), np.bincount(places))


def spread_of(such: npt.NDArray[Any], every: npt.NDArray[Any]) -> float:
    """The variance of a share of things that come in rows, over what it would be if each came alone (at least 1).

    `such` of `every` in each row; the variance is that of a ratio estimator (Cochran 1977, 6.4).
    """
    total = float(every.sum())
    share = float(such.sum()) / total if total else 0.0
    alone = share * (1 - share) * total
    return round(max(float(((such - share * every) ** 2).sum()) / alone, 1.0), 6) if alone else 1.0


def _some(hashes: Hashes) -> Integers:
    """Random ones, by an order that depends on the text: who knows one n-gram does not find the next of the text."""
    distinct = np.unique(hashes)
    order = np.argsort(mix(distinct ^ mix(distinct.sum(keepdims=True))), kind="stable")
    places: Integers = np.unique(distinct[order[:GRAMS_OF_A_ROW]] % np.uint64(GRAM_PLACES)).astype(np.int64)
    return places


def _thinned(values: Integers, most: int) -> Integers:
    return values[np.argsort(mix(np.arange(len(values), dtype=np.uint64)), kind="stable")[:most]]


def _half(rows: Integers) -> Integers:
    return (mix(rows.astype(np.uint64)) & np.uint64(1)).astype(np.int64)


def _count_labels(batch: pa.RecordBatch, data: DataSchema, labels: dict[str, int]) -> None:
    """A label that the config does not have may be anything, a text even: it is counted without its name."""
    known = set(data.labels)
    column = batch["tags"] if data.task == "token-tags" else batch["label"]
    counts = pc.value_counts(column.flatten() if data.task in ("token-tags", "multi-label") else column)
    for label, rows in zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True):
        name = label if label in known else OTHER_LABELS
        labels[name] = labels.get(name, 0) + rows


def _words(texts: pa.Array) -> tuple[Integers, Integers]:
    """The place of each word of each row, once, and the row; every digit counts as 0."""
    split = pc.split_pattern_regex(pc.replace_substring_regex(texts, r"\pN", "0"), r"[^\pL\pM\pN]+")
    words = split.flatten().dictionary_encode()
    names = words.dictionary.to_pylist()
    places = (hashed(names) % np.uint64(WORD_PLACES)).astype(np.int64)
    rows = np.repeat(np.arange(len(texts)), np.diff(split.offsets.to_numpy()))
    numbers = words.indices.to_numpy()
    some = np.array([bool(name) for name in names], bool)[numbers] if len(numbers) else np.zeros(0, bool)
    rows, places = np.divmod(np.unique(rows[some] * WORD_PLACES + places[numbers[some]]), WORD_PLACES)
    return places, rows


def _whole_texts(batch: pa.RecordBatch, data: DataSchema) -> list[str]:
    if data.task == "token-tags":
        return [" ".join(tokens) for tokens in batch["tokens"].to_pylist()]
    if data.task == "text-pair":
        return [*batch["text"].to_pylist(), *batch["text_pair"].to_pylist()]
    texts: list[str] = batch["text"].to_pylist()
    return texts
