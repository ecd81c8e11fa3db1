"""One update of the weights, as graphs that TensorFlow traces once for all lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.base.settings import TrainingSettings
from components.finetune.batches import Batch
from components.finetune.devices import ONE, Devices
from components.finetune.losses import RANK, element_weights, losses
from components.finetune.optimizer import Optimizer
from components.finetune.rows import Kind

NUMBER = tf.TensorSpec([])
# Of float16: gradients are scaled up by it, so that small ones do not vanish.
FIRST_SCALE, STEPS_TO_GROW = 2.0**15, 2000


class TrainStep:
    """Updates `model` in place. Several batches to an update are added up, and give what one large batch would."""

    def __init__(
        self,
        model: keras.Model,
        settings: TrainingSettings,
        kind: Kind = "single",
        devices: Devices = ONE,
        *,
        compiled: str = "off",
    ) -> None:
        self.model, self.settings, self.kind, self.devices = model, settings, kind, devices
        self.names = [tensor.name for tensor in model.inputs]
        self.trainable = model.trainable_variables
        with devices.scope():
            self.optimizer = Optimizer(model, settings, compiled=compiled != "off")
            self.sums = (
                [tf.Variable(tf.zeros(variable.shape), trainable=False) for variable in self.trainable]
                if settings.accumulate > 1
                else []
            )
        # The scale, and how many updates in a row it was good for.
        self.scale = tf.Variable([FIRST_SCALE if settings.precision == "mixed_float16" else 1.0, 0.0], trainable=False)
        self._gradients = tf.function(self._gradients_of, jit_compile=True if compiled == "step" else None)
        batch = [*input_specs(model), *self._target_specs()]
        self._update = tf.function(self._update_once, input_signature=[*batch, *[NUMBER] * 3])
        self._add = tf.function(self._add_batch, input_signature=[*batch, NUMBER])
        self._flush = tf.function(self._apply_sums, input_signature=[NUMBER] * 2)

    @property
    def variables(self) -> list[tf.Variable]:
        """What a training that goes on later needs besides the model's own."""
        return [self.scale, *self.optimizer.variables]

    def update(self, batches: Sequence[Batch], weights: np.ndarray, rate: float) -> tuple[float, float, float]:
        """The weighted sum of the losses, the sum of their weights, and the gradient's norm before clipping.

        `weights` are those of the labels. Where loss or norm is not finite the model's weights stay as they were; in
        float16 the same is tried with smaller scales first.
        """
        of_batches = [element_weights(batch, weights, self.kind) for batch in batches]
        total = max(float(sum(part.sum() for part in of_batches)), 1e-9)
        parts = [
            (*batch.inputs(self.names), batch.targets.astype(np.int32), weight)
            for batch, weight in zip(batches, of_batches, strict=True)
        ]
        while True:
            scale = float(self.scale[0])
            loss, norm = self._try(parts, 1 / total, rate, scale)
            if np.isfinite(norm) or not np.isfinite(loss) or scale <= 1:
                break
            self.scale.assign([scale / 2, 0.0])
        if self.settings.precision == "mixed_float16" and np.isfinite(norm):
            good = float(self.scale[1]) + 1
            self.scale.assign([scale * 2, 0.0] if good >= STEPS_TO_GROW else [scale, good])
        return loss, total, norm

    def _try(self, parts: Sequence[Any], share: float, rate: float, scale: float) -> tuple[float, float]:
        if self.settings.accumulate == 1:
            loss, norm = self._update(*parts[0], share, rate, scale)
            return float(loss), float(norm)
        loss = sum(float(self._add(*part, scale)) for part in parts)
        return loss, float(self._flush(share / scale, rate))

    def rehearse(self, batch: Batch) -> None:
        """The gradients of a batch, for nothing: to see whether memory holds them. Whatever training draws at random
        afterwards is what it would have drawn."""
        weight = np.ones(batch.targets.shape, np.float32)
        seeds = [variable for variable in self.model.variables if variable.name == "seed_generator_state"]
        kept = [variable.numpy() for variable in seeds]
        try:
            self._update(*batch.inputs(self.names), batch.targets.astype(np.int32), weight, float("nan"), 0.0, 1.0)
        finally:
            for variable, value in zip(seeds, kept, strict=True):
                variable.assign(value)

    def _target_specs(self) -> list[tf.TensorSpec]:
        shape = [None] * RANK[self.kind]
        return [tf.TensorSpec(shape, tf.int32), tf.TensorSpec(shape, tf.float32)]

    def _gradients_of(self, inputs: Sequence[Any], targets: Any, weights: Any, scale: Any) -> tuple[Any, list[Any]]:
        with tf.GradientTape() as tape:
            logits = self.model(list(inputs), training=True)
            loss = tf.reduce_sum(losses(logits, targets, self.settings, self.kind) * weights)
            scaled = loss * scale
        return loss, tape.gradient(scaled, self.trainable)

    def _update_once(self, *arguments: Any) -> Any:
        *tensors, share, rate, scale = arguments

        def each(*of_device: Any) -> Any:
            *inputs, targets, weights = self.devices.part(of_device)
            loss, gradients = self._gradients(inputs, targets, weights, scale)
            loss, *gradients = self.devices.sum([loss, *gradients])
            return loss, self.optimizer.apply(gradients, share / scale, rate)

        return self.devices.run(each, tensors)

    def _add_batch(self, *arguments: Any) -> Any:
        *tensors, scale = arguments

        def each(*of_device: Any) -> Any:
            *inputs, targets, weights = self.devices.part(of_device)
            loss, gradients = self._gradients(inputs, targets, weights, scale)
            loss, *gradients = self.devices.sum([loss, *gradients])
            for total, gradient in zip(self.sums, gradients, strict=True):
                tf.raw_ops.AssignAddVariableOp(resource=total.handle, value=tf.convert_to_tensor(gradient))
            return loss

        return self.devices.run(each, tensors)

    def _apply_sums(self, share: Any, rate: Any) -> Any:
        def each() -> Any:
            norm = self.optimizer.apply([tf.identity(total) for total in self.sums], share, rate)
            with tf.control_dependencies([norm]):
                for total in self.sums:
                    tf.raw_ops.AssignVariableOp(resource=total.handle, value=tf.zeros(total.shape))
            return norm

        return self.devices.run(each, [])


def input_specs(model: keras.Model) -> list[tf.TensorSpec]:
    """Of the model's inputs, for batches of any size and length."""
    return [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in model.inputs]
