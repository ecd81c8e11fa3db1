"""One update of the weights, as graphs that TensorFlow traces once for all lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.base.settings import TrainingSettings
from components.finetune.batches import Batch
from components.finetune.losses import row_losses
from components.finetune.optimizer import Optimizer

TOKENS, ROWS, NUMBER = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32), tf.TensorSpec([])
WEIGHTS = tf.TensorSpec([None], tf.float32)


class TrainStep:
    """Updates `model` in place. Several batches to an update are added up, and give what one large batch would."""

    def __init__(self, model: keras.Model, settings: TrainingSettings) -> None:
        self.model, self.settings = model, settings
        self.optimizer = Optimizer(model, settings)
        self.trainable = model.trainable_variables
        batch = [TOKENS, TOKENS, ROWS, WEIGHTS]
        self._update = tf.function(self._update_once, input_signature=[*batch, NUMBER, NUMBER])
        if settings.accumulate > 1:
            self.sums = [tf.Variable(tf.zeros(variable.shape), trainable=False) for variable in self.trainable]
            self._add = tf.function(self._add_batch, input_signature=batch)
            self._flush = tf.function(self._apply_sums, input_signature=[NUMBER, NUMBER])

    def update(self, batches: Sequence[Batch], weights: np.ndarray, rate: float) -> tuple[float, float, float]:
        """The weighted sum of the rows' losses, the sum of their weights, and the gradient's norm before clipping.

        `weights` are those of the labels. Where loss or norm is not finite the model's weights stay as they were.
        """
        of_rows = [weights[batch.labels] for batch in batches]
        total = float(sum(part.sum() for part in of_rows))
        parts = [(batch.input_ids, batch.attention_mask, batch.labels) for batch in batches]
        if self.settings.accumulate == 1:
            loss, norm = self._update(*parts[0], of_rows[0], 1 / total, rate)
        else:
            loss = sum(float(self._add(*part, of_row)) for part, of_row in zip(parts, of_rows, strict=True))
            norm = self._flush(1 / total, rate)
        return float(loss), total, float(norm)

    def _gradients(self, ids: Any, mask: Any, labels: Any, weights: Any) -> tuple[Any, list[Any]]:
        with tf.GradientTape() as tape:
            logits = self.model([ids, mask], training=True)
            loss = tf.reduce_sum(row_losses(logits, labels, self.settings) * weights)
        return loss, tape.gradient(loss, self.trainable)

    def _update_once(self, ids: Any, mask: Any, labels: Any, weights: Any, share: Any, rate: Any) -> Any:
        loss, gradients = self._gradients(ids, mask, labels, weights)
        return loss, self.optimizer.apply(gradients, share, rate)

    def _add_batch(self, ids: Any, mask: Any, labels: Any, weights: Any) -> Any:
        loss, gradients = self._gradients(ids, mask, labels, weights)
        for total, gradient in zip(self.sums, gradients, strict=True):
            total.assign_add(tf.convert_to_tensor(gradient))
        return loss

    def _apply_sums(self, share: Any, rate: Any) -> Any:
        norm = self.optimizer.apply([total.read_value() for total in self.sums], share, rate)
        with tf.control_dependencies([norm]):
            for total in self.sums:
                total.assign(tf.zeros_like(total))
        return norm
