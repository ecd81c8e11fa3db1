"""Token ids of real rows, the same for every engine."""

from __future__ import annotations

import numpy as np

from benchmarks.quantize.prepared import Prepared
from components.base.encoding import Encoded, Encoder
from components.base.truncation import Truncation
from serving.bundle import TOKENIZER

BATCH = 32
INPUTS = ("input_ids", "attention_mask", "token_type_ids")

Feed = dict[str, np.ndarray]


def encode_test(prepared: Prepared) -> tuple[Encoded, int]:
    """The test rows, and the id of padding."""
    cut = Truncation.of(prepared.settings.tokenization)
    encoder = Encoder(prepared.folder / "bundle" / TOKENIZER, cut)
    return prepared.test.task.encode(encoder, prepared.test.rows), encoder.pad


def feed(encoded: Encoded, rows: np.ndarray, pad: int) -> Feed:
    """int64 [rows, length of the longest], one for each of INPUTS."""
    sizes = np.array(encoded.sizes)[rows]
    mask = np.arange(sizes.max()) < sizes[:, None]
    ids = np.full(mask.shape, pad, np.int64)
    ids[mask] = np.concatenate([encoded.ids[row] for row in rows])
    return dict(zip(INPUTS, (ids, mask.astype(np.int64), np.zeros_like(ids)), strict=True))


def by_length(encoded: Encoded) -> list[np.ndarray]:
    """All rows, in batches of like length."""
    order = np.argsort(encoded.sizes, kind="stable")
    return np.split(order, np.arange(BATCH, len(order), BATCH))
