"""The training loop: one seed, one course, whether it was stopped in between or not."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import f1_score

from components.base.errors import TextgateError
from components.base.progress import Progress
from components.base.settings import TrainingSettings
from components.finetune.batches import Group, Rows, assemble, batches, plan
from components.finetune.checkpoints import Checkpoints, State
from components.finetune.cost import Cost
from components.finetune.losses import label_weights
from components.finetune.schedule import learning_rate
from components.finetune.step import TOKENS, TrainStep

POINTS = 1000


def prepare(settings: TrainingSettings) -> None:
    """Seeds and threads; must run before TensorFlow does anything else."""
    tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()


class Trainer:
    """Trains `model` in place; `pad` is the padding token's id. `stopped` gets a signal's number when it is time to
    stop, as `noting_stop` does."""

    def __init__(
        self,
        model: keras.Model,
        settings: TrainingSettings,
        pad: int,
        checkpoints: Checkpoints | None = None,
        stopped: Sequence[int] = (),
    ) -> None:
        self.model, self.settings, self.pad = model, settings, pad
        self.checkpoints, self.stopped = checkpoints, stopped
        self.best: list[np.ndarray] = []
        self.cost = Cost()
        self._forward = tf.function(
            lambda input_ids, attention_mask: model([input_ids, attention_mask], training=False),
            input_signature=[TOKENS] * 2,
        )

    def fit(self, train: Rows, validation: Rows) -> State:
        """The state at the end; the weights are those of the best epoch.

        Raises TextgateError when loss or gradient stop being finite, and SystemExit when told to stop, with a
        checkpoint saved where there is a place for one.
        """
        train_step = TrainStep(self.model, self.settings)
        weights = label_weights(train.labels, self.model.output_shape[-1], self.settings)
        updates = [self._updates(train, epoch) for epoch in range(self.settings.epochs)]
        total = sum(map(len, updates))
        state = self._resumed(train_step)
        progress = Progress("training", len(train) * self.settings.epochs, "rows", self._rows_before(state, updates))
        while state.epoch < self.settings.epochs and not self._patience_is_over(state):
            epoch, groups = state.epoch, updates[state.epoch]
            started = time.monotonic() - state.seconds
            for groups_of_update in groups[state.update :]:
                self._one(train_step, state, train, groups_of_update, weights, sum(map(len, updates[:epoch])), total)
                rows = sum(len(group.members) for group in groups_of_update)
                note = f"epoch {epoch + 1}/{self.settings.epochs}, loss {state.loss / state.weight:.3f}"
                progress.advance(rows, note)
                state.seconds = time.monotonic() - started
                self._keep(train_step, state)
            rate = learning_rate(sum(map(len, updates[: epoch + 1])) - 1, total, self.settings)
            self._end_epoch(state, validation, rate, started)
            self._keep(train_step, state)
        self.model.set_weights(self.best)
        return state

    def _updates(self, train: Rows, epoch: int) -> list[list[Group]]:
        """The batches of each update of an epoch."""
        settings = self.settings
        rng = np.random.default_rng([settings.seed, epoch])
        groups = plan(train, settings.bucket_lengths, settings.batch_size, settings.batch_tokens, rng)
        return [groups[start : start + settings.accumulate] for start in range(0, len(groups), settings.accumulate)]

    def _one(
        self,
        train_step: TrainStep,
        state: State,
        train: Rows,
        groups: list[Group],
        weights: np.ndarray,
        before: int,
        total: int,
    ) -> None:
        number = before + state.update
        rate = learning_rate(number, total, self.settings)
        made = [assemble(train, group, self.pad) for group in groups]
        with self.cost.step(made):
            loss, weight, norm = train_step.update(made, weights, rate)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            rows = ", ".join(str(row) for group in groups for row in group.members[:5])
            raise TextgateError(
                f"training diverged at update {number + 1} of {total} (epoch {state.epoch + 1}, a batch of"
                f" {sum(len(group.members) for group in groups)} rows of {made[0].input_ids.shape[1]} tokens, the first"
                f" being number {rows} of train.arrow): loss {loss / weight:g}, gradient norm {norm:g}; lower"
                " training.learning_rate or training.clip_norm. A checkpoint that was saved before stays"
            )
        state.update += 1
        state.loss, state.weight = state.loss + loss, state.weight + weight
        if number % math.ceil(total / POINTS) == 0:
            state.steps.append([number + 1, loss / weight, norm, rate])

    def _end_epoch(self, state: State, validation: Rows, rate: float, started: float) -> None:
        scores = self.validate(validation)
        self.cost.mark()
        state.epochs.append(
            {
                "epoch": state.epoch + 1,
                "train_loss": state.loss / state.weight,
                **scores,
                "learning_rate": rate,
                "seconds": time.monotonic() - started,
            }
        )
        gains = [self._gain(epoch) for epoch in state.epochs]
        if gains[-1] > max(gains[:-1], default=-math.inf):
            state.best_epoch, self.best = state.epoch + 1, self.model.get_weights()
        state.epoch, state.update, state.loss, state.weight, state.seconds = state.epoch + 1, 0, 0.0, 0.0, 0.0

    def _gain(self, epoch: dict[str, float]) -> float:
        value = epoch[f"validation_{self.settings.keep_best}"]
        return -value if self.settings.keep_best == "loss" else value

    def _patience_is_over(self, state: State) -> bool:
        return 0 < self.settings.patience <= state.epoch - state.best_epoch

    def _rows_before(self, state: State, updates: list[list[list[Group]]]) -> int:
        done = list(updates[: state.epoch])
        if state.epoch < len(updates):
            done.append(updates[state.epoch][: state.update])
        return sum(len(group.members) for epoch in done for groups in epoch for group in groups)

    def _keep(self, train_step: TrainStep, state: State) -> None:
        if self.checkpoints and (self.stopped or self.checkpoints.due()):
            self.checkpoints.save(state, self._tensors(train_step))
        if self.stopped:
            kept = (
                f"the next attempt goes on from {self.checkpoints.store.url}" if self.checkpoints else "nothing is kept"
            )
            where = f"in epoch {state.epoch + 1}, after update {state.update}"
            print(f"training was told to stop {where}; {kept}", file=sys.stderr, flush=True)
            raise SystemExit(128 + self.stopped[0])

    def _tensors(self, train_step: TrainStep) -> dict[str, np.ndarray]:
        kept = {"model": self.model.variables, "optimizer": train_step.optimizer.variables}
        tensors = {
            f"{name}.{number}": np.asarray(variable.numpy())
            for name, variables in kept.items()
            for number, variable in enumerate(variables)
        }
        return tensors | {f"best.{number}": value for number, value in enumerate(self.best)}

    def _resumed(self, train_step: TrainStep) -> State:
        found = self.checkpoints.load() if self.checkpoints else None
        if found is None:
            return State()
        state, tensors = found
        for number, variable in enumerate(self.model.variables):
            variable.assign(tensors[f"model.{number}"])
        for number, slot in enumerate(train_step.optimizer.variables):
            slot.assign(tensors[f"optimizer.{number}"])
        self.best = [tensors[f"best.{number}"] for number in range(sum(name.startswith("best.") for name in tensors))]
        state.resumed += 1
        print(f"::progress:: going on in epoch {state.epoch + 1}, after update {state.update}", flush=True)
        return state

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
            logits: Any = self._forward(batch.input_ids, batch.attention_mask).numpy()
            result = np.zeros((len(rows), logits.shape[1]), dtype=np.float32) if result is None else result
            result[batch.index] = logits
            progress.advance(len(batch.index))
        assert result is not None
        return result
