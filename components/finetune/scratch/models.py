"""TextCNN (Kim 2014, arXiv:1408.5882) and a bidirectional LSTM, as Keras models.

What stands beyond a text's end never reaches its logits: word vectors there are 0, and the maximum over time, or an
LSTM's course, leaves these places out.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

WIDTHS = (3, 4, 5)
LEFT_OUT = -1e9


def build_text_cnn(
    vocabulary: int, labels: int, dropout: float, *, embedding: int, units: int, tags: bool = False
) -> keras.Model:
    """`units` filters of each of 3, 4 and 5 tokens. Inputs `input_ids` and `attention_mask` (int32 [batch, length]);
    output logits float32 [batch, labels], with `tags` [batch, length, labels]."""
    inputs, vectors, kept = _embedded(vocabulary, embedding)
    found = [
        keras.layers.Conv1D(units, width, padding="same", activation="relu", name=f"convolution_{width}")(vectors)
        for width in WIDTHS
    ]
    # A rectified value is at least 0, which is thus no loss to the maximum.
    features = [values if tags else ops.max(values * kept, axis=1) for values in found]
    return _scored(inputs, ops.concatenate(features, axis=-1), labels, dropout)


def build_bilstm(
    vocabulary: int, labels: int, dropout: float, *, embedding: int, units: int, tags: bool = False
) -> keras.Model:
    """`units` cells in each direction. Inputs and output as of `build_text_cnn`."""
    inputs, vectors, kept = _embedded(vocabulary, embedding)
    states = keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True), name="lstm")(
        vectors, mask=ops.cast(inputs[1], "bool")
    )
    features = states if tags else ops.max(states * kept + (1.0 - kept) * LEFT_OUT, axis=1)
    return _scored(inputs, features, labels, dropout)


def _embedded(vocabulary: int, embedding: int) -> tuple[list[Any], Any, Any]:
    """The inputs, word vectors [batch, length, embedding], and float32 [batch, length, 1] of 1 for tokens."""
    inputs = [keras.Input((None,), dtype="int32", name=name) for name in ("input_ids", "attention_mask")]
    kept = ops.expand_dims(ops.cast(inputs[1], "float32"), -1)
    return inputs, keras.layers.Embedding(vocabulary, embedding, name="embeddings")(inputs[0]) * kept, kept


def _scored(inputs: list[Any], features: Any, labels: int, dropout: float) -> keras.Model:
    features = keras.layers.Dropout(dropout, name="head_dropout")(features)
    return keras.Model(inputs, keras.layers.Dense(labels, name="logits")(features), name="classifier")
