"""What makes two texts, and two rows, the same."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.base.settings import DataSchema

Hashes = npt.NDArray[np.uint64]


def normalise(text: str) -> str:
    """NFKC, casefolded, whitespace collapsed: copies that differ only in these count as one text."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def row_texts(rows: pa.RecordBatch | pa.Table, data: DataSchema) -> list[str]:
    """The text of each row as it counts for likeness: normalised, a pair's texts on two lines, tokens by spaces."""
    if data.task == "token-tags":
        return [normalise(" ".join(tokens)) for tokens in rows["tokens"].to_pylist()]
    texts = [normalise(text) for text in rows["text"].to_pylist()]
    if data.task != "text-pair":
        return texts
    return [f"{text}\n{normalise(pair)}" for text, pair in zip(texts, rows["text_pair"].to_pylist(), strict=True)]


def hash_texts(texts: Iterable[str]) -> Hashes:
    """BLAKE2b of 8 bytes: of a million texts two have one hash with a probability of 3e-8."""
    digests = (hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8) for text in texts)
    return np.frombuffer(b"".join(digest.digest() for digest in digests), np.uint64)
