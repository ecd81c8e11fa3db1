"""The training loop: AdamW with warm-up and linear decay, clipped gradients, the best epoch on validation kept."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import f1_score

from components.base.errors import TextgateError
from components.base.progress import Progress
from components.base.settings import TrainingSettings
from components.finetune.batches import Rows, batches


def make_deterministic(seed: int, threads: int) -> None:
    """Equal seed and thread counts give equal weights; must run before TensorFlow does anything else."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def learning_rate(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Rises linearly to `peak` over the first `warmup_share` of the steps, then falls linearly to 0 after the last."""
    warmup = max(1, round(steps * warmup_share))
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (steps - step) / max(1, steps - warmup)


@dataclass
class Trained:
    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0


class Trainer:
    """Trains `model` in place; `pad` is the padding token's id."""

    def __init__(self, model: keras.Model, settings: TrainingSettings, pad: int) -> None:
        self.model, self.settings, self.pad = model, settings, pad
        self.optimizer = keras.optimizers.AdamW(
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            global_clipnorm=settings.clip_norm,
            epsilon=1e-8,
        )
        self.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.optimizer.build(model.trainable_variables)
        token_matrix = tf.TensorSpec([None, None], tf.int32)
        self._step = tf.function(
            self._train_step, input_signature=[token_matrix] * 2 + [tf.TensorSpec([None], tf.int32)]
        )
        self._forward = tf.function(
            lambda input_ids, attention_mask: model([input_ids, attention_mask], training=False),
            input_signature=[token_matrix] * 2,
        )

    def _train_step(self, input_ids: Any, attention_mask: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = self.model([input_ids, attention_mask], training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def fit(self, train: Rows, validation: Rows) -> Trained:
        settings, trained = self.settings, Trained()
        rngs = [np.random.default_rng([settings.seed, epoch]) for epoch in range(settings.epochs)]
        plans = [list(batches(train, settings.bucket_lengths, settings.batch_size, self.pad, rng)) for rng in rngs]
        steps, step = sum(len(plan) for plan in plans), 0
        progress = Progress("training", len(train) * settings.epochs, "rows")
        best: list[np.ndarray] = []
        for epoch, plan in enumerate(plans, start=1):
            started, total = time.monotonic(), 0.0
            for batch in plan:
                rate = learning_rate(step, steps, settings.learning_rate, settings.warmup_share)
                self.optimizer.learning_rate.assign(rate)
                loss = float(self._step(batch.input_ids, batch.attention_mask, batch.labels))
                if not math.isfinite(loss):
                    raise TextgateError(
                        f"training diverged: the loss is {loss} at step {step + 1}; lower training.learning_rate"
                    )
                step += 1
                total += loss * len(batch.labels)
                progress.advance(len(batch.labels), f"epoch {epoch}/{settings.epochs}, loss {loss:.3f}")
            scores = self.validate(validation)
            seconds = time.monotonic() - started
            trained.epochs.append(
                {"epoch": epoch, "train_loss": total / len(train), **scores, "learning_rate": rate, "seconds": seconds}
            )
            if scores["validation_macro_f1"] > max((e["validation_macro_f1"] for e in trained.epochs[:-1]), default=-1):
                trained.best_epoch = epoch
                best = self.model.get_weights()
        self.model.set_weights(best)
        return trained

    def validate(self, rows: Rows) -> dict[str, float]:
        """Mean cross-entropy, accuracy and macro F1 on the texts of `rows`."""
        logits, labels = rows.by_text(self.logits(rows))
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        predicted = logits.argmax(axis=1)
        return {
            "validation_loss": float(-log_probabilities[np.arange(len(labels)), labels].mean()),
            "validation_accuracy": float((predicted == labels).mean()),
            "validation_macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
        }

    def logits(self, rows: Rows) -> np.ndarray:
        """float32 [rows, labels], in the order of `rows`."""
        result: np.ndarray | None = None
        progress = Progress("validating", len(rows), "rows")
        for batch in batches(rows, self.settings.bucket_lengths, 64, self.pad):
            logits = self._forward(batch.input_ids, batch.attention_mask).numpy()
            result = np.zeros((len(rows), logits.shape[1]), dtype=np.float32) if result is None else result
            result[batch.index] = logits
            progress.advance(len(batch.index))
        assert result is not None
        return result
