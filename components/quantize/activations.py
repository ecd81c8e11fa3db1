"""What flows into a model's products on real rows, from which the int8 scales are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnxruntime as ort
from onnx import ModelProto, TensorProto, helper

from components.base.encoding import Encoded
from serving.predictor import load_session

# Bytes of activations that one batch may give, and that are kept of all.
BATCH_BYTES = SAMPLE_BYTES = 128 << 20
BATCH_ROWS = 32
TOKENS = 512

Feed = dict[str, np.ndarray]


class Activation:
    """Of one tensor: `low` and `high`, float32 [channels], the extremes over all tokens that were added, 0 included;
    and of at most `limit` tokens, drawn evenly, `sample` float32 [tokens, channels]."""

    def __init__(self, channels: int, limit: int, seed: int) -> None:
        self.low, self.high = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
        self.sample = np.zeros((0, channels), np.float32)
        self._limit, self._rng = limit, np.random.default_rng(seed)
        self._lots = np.zeros(0)

    def add(self, tokens: np.ndarray) -> None:
        """`tokens` float32 [tokens, channels]."""
        self.low, self.high = np.minimum(self.low, tokens.min(axis=0)), np.maximum(self.high, tokens.max(axis=0))
        lots = np.concatenate([self._lots, self._rng.random(len(tokens))])
        kept = np.sort(np.argsort(lots, kind="stable")[: self._limit])
        self._lots = lots[kept]
        self.sample = np.concatenate([self.sample, tokens])[kept]


def feeds(model: ModelProto, encoded: Encoded, channels: int) -> list[Feed]:
    """Rows as a model's inputs, those of one length together, so that no padding is among them; rows without a token
    are left out. `channels` are those that are watched, of all tensors."""
    sizes = np.array(encoded.sizes)
    names = [tensor.name for tensor in model.graph.input]
    found = []
    for size in np.unique(sizes[sizes > 0]).tolist():
        alike = np.flatnonzero(sizes == size)
        most = int(np.clip(BATCH_BYTES // (4 * max(channels, 1) * size), 1, BATCH_ROWS))
        found += [_feed(encoded, alike[start : start + most].tolist(), names) for start in range(0, len(alike), most)]
    return found


def watch(model: ModelProto, channels: Mapping[str, int], batches: Sequence[Feed]) -> dict[str, Activation]:
    """The activations of the tensors that `channels` names, each with the number of its channels."""
    if not channels:
        return {}
    watched = ModelProto()
    watched.CopyFrom(model)
    for name in channels:
        watched.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    session = open_session(watched)
    limit = int(np.clip(SAMPLE_BYTES // (4 * sum(channels.values())), 16, TOKENS))
    found = {name: Activation(width, limit, seed) for seed, (name, width) in enumerate(channels.items())}
    for batch in batches:
        for activation, value in zip(found.values(), session.run(list(channels), batch), strict=True):
            activation.add(value.reshape(-1, value.shape[-1]))
    return found


def open_session(model: ModelProto) -> ort.InferenceSession:
    return load_session(model.SerializeToString())


def _feed(encoded: Encoded, rows: list[int], names: Sequence[str]) -> Feed:
    ids = np.array([encoded.ids[row] for row in rows], np.int64)
    kinds = encoded.type_ids
    types = np.zeros_like(ids) if kinds is None else np.array([kinds[row] for row in rows], np.int64)
    known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": types}
    return {name: known[name] for name in names}
