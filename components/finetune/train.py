"""The training loop: one seed, one course, whether it was stopped in between or not."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.base.ahead import ahead
from components.base.errors import TextgateError
from components.base.progress import Progress
from components.base.settings import BATCH_SIZE, TrainingSettings
from components.finetune import devices
from components.finetune.batches import Batch, Group, assemble, batches, full_size, plan
from components.finetune.checkpoints import Checkpoints, State
from components.finetune.cost import Cost
from components.finetune.devices import ONE, Devices
from components.finetune.losses import label_weights
from components.finetune.memory import OutOfMemory, largest_batch, noticing_exhaustion
from components.finetune.rows import Rows
from components.finetune.schedule import learning_rate
from components.finetune.scores import validation_scores
from components.finetune.step import TrainStep, input_specs

POINTS = 1000
SCORED_AT_ONCE = 64
UPDATES_A_LENGTH = 200
# Beside the step, which thus never waits for its batch.
ASSEMBLERS = 1


def prepare(settings: TrainingSettings) -> Devices:
    """Seeds, threads, precision and devices; must run before TensorFlow does anything else."""
    tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy(settings.precision)
    return devices.use(settings.devices)


class Trainer:
    """Trains `model` in place, to tell `labels` apart; `pad` is the padding token's id. `stopped` gets a signal's
    number when it is time to stop, as `noting_stop` does."""

    def __init__(
        self,
        model: keras.Model,
        settings: TrainingSettings,
        labels: list[str],
        pad: int,
        devices: Devices = ONE,
        checkpoints: Checkpoints | None = None,
        stopped: Sequence[int] = (),
    ) -> None:
        self.model, self.settings, self.labels, self.pad, self.devices = model, settings, labels, pad, devices
        self.checkpoints, self.stopped = checkpoints, stopped
        self.best: list[np.ndarray] = []
        self.cost = Cost(devices.gpus)
        self.names = [tensor.name for tensor in model.inputs]
        self.batch_size = 0
        self.xla = "off"
        self._forward = tf.function(
            lambda *inputs: tf.cast(model(list(inputs), training=False), tf.float32),
            input_signature=input_specs(model),
        )

    def fit(self, train: Rows, validation: Rows) -> State:
        """The state at the end; the weights are those of the best epoch.

        Raises TextgateError when loss or gradient stop being finite or memory does not hold a batch, and SystemExit
        when told to stop, with a checkpoint saved where there is a place for one.
        """
        self.xla = chosen_xla(self.settings, train, gpu=bool(self.devices.gpus))
        step = TrainStep(self.model, self.settings, train.kind, self.devices, compiled=self.xla)
        weights = label_weights(train, len(self.labels), self.settings)
        state = self._resumed(step)
        self.batch_size = state.batch_size = state.batch_size or self._batch_size(step, train)
        updates = [self._updates(train, epoch) for epoch in range(self.settings.epochs)]
        total = sum(map(len, updates))
        progress = Progress("training", len(train) * self.settings.epochs, "rows", self._rows_before(state, updates))
        while state.epoch < self.settings.epochs and not self._patience_is_over(state):
            epoch, groups = state.epoch, updates[state.epoch]
            started = time.monotonic() - state.seconds
            before, rest = sum(map(len, updates[:epoch])), groups[state.update :]
            with closing(ahead(partial(self._assembled, train), rest, ASSEMBLERS)) as assembled:
                for groups_of_update, made in zip(rest, assembled, strict=True):
                    self._one(step, state, train, groups_of_update, made, weights, before, total)
                    rows = sum(len(group.members) for group in groups_of_update)
                    note = f"epoch {epoch + 1}/{self.settings.epochs}, loss {state.loss / state.weight:.3f}"
                    progress.advance(rows, note)
                    state.seconds = time.monotonic() - started
                    self._keep(step, state)
            rate = learning_rate(sum(map(len, updates[: epoch + 1])) - 1, total, self.settings)
            self._end_epoch(state, validation, rate, started)
            self._keep(step, state)
        self.model.set_weights(self.best)
        return state

    def _batch_size(self, step: TrainStep, train: Rows) -> int:
        if self.settings.batch_size != "auto":
            return self.settings.batch_size
        print("::progress:: looking for the largest batch that memory holds", flush=True)
        longest = max(range(len(train)), key=lambda row: len(train.tokens[row]))
        length = self.settings.bucket_for(len(train.tokens[longest]))
        found = largest_batch(self._rehearsal(step, train, Group(length, np.array([longest]))), length)
        print(f"::progress:: batches of {found} rows", flush=True)
        return found

    def _rehearsal(self, step: TrainStep, train: Rows, group: Group) -> Callable[[int], None]:
        """Tries batches of so many copies of the group's first row, for nothing."""

        def rehearse(size: int) -> None:
            with noticing_exhaustion():
                step.rehearse(self._assemble(train, group._replace(members=np.full(size, group.members[0]))))

        return rehearse

    def _updates(self, train: Rows, epoch: int) -> list[list[Group]]:
        """The batches of each update of an epoch."""
        settings = self.settings
        rng = np.random.default_rng([settings.seed, epoch])
        groups = plan(train, settings.bucket_lengths, self.batch_size, settings.batch_tokens, rng)
        return [groups[start : start + settings.accumulate] for start in range(0, len(groups), settings.accumulate)]

    def _assembled(self, train: Rows, groups: list[Group]) -> list[Batch]:
        return [self._assemble(train, group) for group in groups]

    def _assemble(self, train: Rows, group: Group) -> Batch:
        """Filled up to the one shape that its bucket has where the step is compiled, and to what devices divide."""
        rows = len(group.members)
        if self.xla == "step":
            rows = max(rows, full_size(group.length, self.batch_size, self.settings.batch_tokens))
        return assemble(train, group, self.pad, -(-rows // self.devices.count) * self.devices.count)

    def _one(
        self,
        train_step: TrainStep,
        state: State,
        train: Rows,
        groups: list[Group],
        made: list[Batch],
        weights: np.ndarray,
        before: int,
        total: int,
    ) -> None:
        number = before + state.update
        rate = learning_rate(number, total, self.settings)
        try:
            with self.cost.step(made), noticing_exhaustion():
                loss, weight, norm = train_step.update(made, weights, rate)
        except OutOfMemory:
            raise self._too_large(train_step, train, groups) from None
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

    def _too_large(self, train_step: TrainStep, train: Rows, groups: list[Group]) -> TextgateError:
        group = max(groups, key=lambda group: len(group.members) * group.length)
        fits = largest_batch(self._rehearsal(train_step, train, group), group.length, len(group.members) // 2)
        return TextgateError(
            f"memory does not hold the training of a batch of {len(group.members)} rows of {group.length} tokens;"
            f" {fits} rows of that length would fit: set training.batch_size to {fits} (training.accumulate"
            f" {-(-len(group.members) // fits)} keeps the rows of an update), training.batch_tokens to"
            f" {fits * group.length}, or training.batch_size to auto"
        )

    def _end_epoch(self, state: State, validation: Rows, rate: float, started: float) -> None:
        found = self.validate(validation)
        self.cost.mark()
        state.epochs.append(
            {
                "epoch": state.epoch + 1,
                "train_loss": state.loss / state.weight,
                **found,
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
        stop = self.stopped[:1]
        if self.checkpoints and (stop or self.checkpoints.due()):
            self.checkpoints.save(state, self._tensors(train_step))
        if stop:
            kept = (
                f"the next attempt goes on from {self.checkpoints.store.url}" if self.checkpoints else "nothing is kept"
            )
            where = f"in epoch {state.epoch + 1}, after update {state.update}"
            print(f"training was told to stop {where}; {kept}", file=sys.stderr, flush=True)
            raise SystemExit(128 + stop[0])

    def _tensors(self, train_step: TrainStep) -> dict[str, np.ndarray]:
        kept = {"model": self.model.variables, "optimizer": train_step.variables}
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
        for number, slot in enumerate(train_step.variables):
            slot.assign(tensors[f"optimizer.{number}"])
        self.best = [tensors[f"best.{number}"] for number in range(sum(name.startswith("best.") for name in tensors))]
        state.resumed += 1
        print(f"::progress:: going on in epoch {state.epoch + 1}, after update {state.update}", flush=True)
        return state

    def validate(self, rows: Rows) -> dict[str, float]:
        """Loss, accuracy and F1 on the texts of `rows`: see `scores`."""
        return validation_scores(self.logits(rows), rows, self.labels)

    def logits(self, rows: Rows) -> Any:
        """float32 [rows, labels], or one [tokens, labels] for each row, in the order of `rows`."""
        found: list[np.ndarray] = [np.empty(0)] * len(rows)
        progress = Progress("validating", len(rows), "rows")
        for batch in batches(rows, self.settings.bucket_lengths, SCORED_AT_ONCE, self.pad):
            logits = self._forward(*batch.inputs(self.names)).numpy()
            for line, index in enumerate(batch.index):
                found[index] = logits[line] if rows.kind != "tags" else logits[line, : len(rows.tokens[index])].copy()
            progress.advance(len(batch.index))
        return found if rows.kind == "tags" else np.stack(found)


def chosen_xla(settings: TrainingSettings, train: Rows, *, gpu: bool) -> str:
    """What is compiled: `settings.xla`, or for auto, on a GPU, the step where that repays its compiling, once for each
    bucket; UPDATES_A_LENGTH is a guess.

    On two cores compiling took 3 to 8 s for each length; then a step took a fifth less at 16 tokens, a tenth at 32, and
    no less at 128, on a quiet machine, but as long or longer on a busy one: there it is left to who knows.
    """
    if settings.xla != "auto":
        return settings.xla
    rows = settings.batch_size if isinstance(settings.batch_size, int) else BATCH_SIZE
    lengths = {settings.bucket_for(len(tokens)) for tokens in train.tokens}
    return "step" if gpu and settings.epochs * len(train) / rows >= UPDATES_A_LENGTH * len(lengths) else "off"
