"""What is minimised: cross-entropy of labels, of each label for itself, or of tags; smoothed, focal or weighted."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from components.base.settings import TrainingSettings
from components.finetune.batches import Batch
from components.finetune.rows import Kind, Rows

# How many dimensions targets, losses and weights of a batch have.
RANK: dict[Kind, int] = {"single": 1, "multi": 2, "tags": 2}


def losses(logits: Any, targets: Any, settings: TrainingSettings, kind: Kind) -> Any:
    """float32, of the shape of int32 `targets`: [rows], [rows, labels] of 0 and 1, or [rows, length] of tags (what
    stands for no tag counts as tag 0). `logits` are [rows, labels], or [rows, length, labels].

    With label smoothing s the target is 1 - s for the label and s spread over all labels (Szegedy et al. 2016,
    arXiv:1512.00567), for each label by itself 1 - s/2 and s/2; with focal gamma g the cross-entropy is multiplied by
    (1 - p)^g, p being the probability of what is right (Lin et al. 2017, arXiv:1708.02002).
    """
    logits = tf.cast(logits, tf.float32)
    smoothing = settings.label_smoothing
    if kind == "multi":
        wanted = tf.cast(targets, tf.float32)
        smoothed = wanted * (1 - smoothing) + smoothing / 2
        found = tf.nn.sigmoid_cross_entropy_with_logits(smoothed, logits)
    else:
        found = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(targets, 0), logits)
        if smoothing:
            uniform = tf.reduce_logsumexp(logits, axis=-1) - tf.reduce_mean(logits, axis=-1)
            found = (1 - smoothing) * found + smoothing * uniform
    if settings.focal_gamma:
        found *= tf.pow(1 - tf.exp(-found), settings.focal_gamma)
    return found


def label_weights(rows: Rows, labels: int, settings: TrainingSettings) -> np.ndarray:
    """float32 [2, labels]: what weight a label's absence has in the loss, where it can be absent, and its presence.

    Balanced ones are all / (labels * those with the label), or, each label by itself, all / (2 * those with it) and
    all / (2 * those without it).
    """
    weights = np.ones((2, labels), np.float32)
    if settings.class_weights == "none":
        return weights
    if isinstance(rows.targets, np.ndarray) and rows.kind == "multi":
        present = rows.targets.sum(axis=0)
        counts = np.stack([len(rows) - present, present])
        return np.asarray(len(rows) / (2 * np.maximum(counts, 1)), np.float32)
    numbers = np.concatenate(rows.targets) if isinstance(rows.targets, list) else rows.targets
    numbers = numbers[numbers >= 0]
    weights[1] = len(numbers) / (labels * np.maximum(np.bincount(numbers, minlength=labels), 1))
    return weights


def element_weights(batch: Batch, weights: np.ndarray, kind: Kind) -> np.ndarray:
    """float32, of the shape of the batch's targets; 0 for what has no target and for rows that only fill up."""
    targets = batch.targets
    if kind == "multi":
        found = weights[targets.astype(np.int64), np.arange(targets.shape[1])]
    else:
        found = np.where(targets >= 0, weights[1][np.maximum(targets, 0)], np.float32(0))
    kept = (batch.index >= 0).astype(np.float32)
    return np.asarray(found * (kept if kind == "single" else kept[:, None]))
