"""What is minimised: cross-entropy, smoothed, focal or weighted by label."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from components.base.settings import TrainingSettings


def row_losses(logits: Any, labels: Any, settings: TrainingSettings) -> Any:
    """float32 [rows], of logits [rows, labels] and int32 [rows].

    With label smoothing s the target is 1 - s for the label and s spread over all labels (Szegedy et al. 2016,
    arXiv:1512.00567); with focal gamma g the cross-entropy is multiplied by (1 - p)^g, p being the label's probability
    (Lin et al. 2017, arXiv:1708.02002).
    """
    logits = tf.cast(logits, tf.float32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if settings.label_smoothing:
        uniform = tf.reduce_logsumexp(logits, axis=1) - tf.reduce_mean(logits, axis=1)
        losses = (1 - settings.label_smoothing) * losses + settings.label_smoothing * uniform
    if settings.focal_gamma:
        losses *= tf.pow(1 - tf.exp(-losses), settings.focal_gamma)
    return losses


def label_weights(labels: np.ndarray, count: int, settings: TrainingSettings) -> np.ndarray:
    """Of each of `count` labels in the loss, float32; balanced ones are rows / (count * the label's rows)."""
    if settings.class_weights == "none":
        return np.ones(count, np.float32)
    rows = np.bincount(labels, minlength=count)
    return (len(labels) / (count * np.maximum(rows, 1))).astype(np.float32)
