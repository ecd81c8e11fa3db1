"""AdamW and SGD in one pass over each weight, by TensorFlow's fused kernels.

Keras's optimizers do the same arithmetic in some ten passes, which took more than half of a step: for models whose
weights outweigh a short batch's activations the update is bound by memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from components.base.settings import TrainingSettings

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
UNDECAYED = {"bias", "gamma", "beta"}


class Weight(NamedTuple):
    """`scale` multiplies the learning rate."""

    variable: tf.Variable
    decayed: bool
    scale: float


class Optimizer:
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) or SGD with momentum; gradients are clipped by global norm.

    The gradient of a table of word vectors, which comes as the vectors of a batch's tokens, stays that unless
    `embeddings` is "all": vectors, moments and decay of other words rest. With `compiled` the update of all other
    weights is compiled by XLA.
    """

    def __init__(self, model: keras.Model, settings: TrainingSettings, *, compiled: bool = False) -> None:
        self.settings = settings
        self._move_whole = tf.function(self._move_each, jit_compile=True) if compiled else self._move_each
        scales = rate_scales(model, settings.layer_decay)
        self.weights = [
            Weight(variable.value, variable.name not in UNDECAYED, scales[variable.path])
            for variable in model.trainable_variables
        ]
        self.updates = tf.Variable(0.0, trainable=False)
        slots = 2 if settings.optimizer == "adamw" else 1
        self.slots = [
            [tf.Variable(tf.zeros(weight.variable.shape), trainable=False) for _ in range(slots)]
            for weight in self.weights
        ]

    @property
    def variables(self) -> list[tf.Variable]:
        return [self.updates, *(slot for slots in self.slots for slot in slots)]

    def apply(self, gradients: Sequence[Any], share: Any, rate: Any) -> Any:
        """Updates the weights by `share` times the gradients, and gives the norm of that before clipping.

        Where the norm is not finite nothing is changed.
        """
        merged = [
            self._merged(gradient, weight.variable.shape[-1])
            for gradient, weight in zip(gradients, self.weights, strict=True)
        ]
        norm = share * tf.sqrt(2 * tf.add_n([tf.nn.l2_loss(_values(gradient)) for gradient in merged]))
        factor = share * tf.minimum(1.0, self.settings.clip_norm / tf.maximum(norm, 1e-12))
        tf.cond(tf.math.is_finite(norm), lambda: self._update(merged, factor, rate), lambda: tf.constant(False))
        return norm

    def _merged(self, gradient: Any, width: int) -> Any:
        """Of a table's gradient each row once, or the whole where all rows are to move."""
        if self.settings.embeddings == "all" or not isinstance(gradient, tf.IndexedSlices):
            return tf.convert_to_tensor(gradient)
        indices, places = tf.unique(tf.reshape(gradient.indices, [-1]))
        values = tf.reshape(gradient.values, [-1, width])
        return tf.IndexedSlices(tf.math.unsorted_segment_sum(values, places, tf.size(indices)), indices)

    def _update(self, gradients: Sequence[Any], factor: Any, rate: Any) -> Any:
        tf.raw_ops.AssignAddVariableOp(resource=self.updates.handle, value=1.0)
        whole = {}
        for number, gradient in enumerate(gradients):
            if isinstance(gradient, tf.IndexedSlices):
                self._move_rows(number, gradient.indices, gradient.values * factor, rate)
            else:
                whole[number] = gradient
        self._move_whole(list(whole), list(whole.values()), factor, rate)
        return tf.constant(True)

    def _kept(self, number: int, rate: Any) -> Any:
        """What weight decay leaves of a weight, None where it leaves all."""
        decay = self.settings.weight_decay if self.weights[number].decayed else 0.0
        return 1 - rate * decay if decay else None

    def _move_each(self, numbers: Sequence[int], gradients: Sequence[Any], factor: Any, rate: Any) -> None:
        for number, gradient in zip(numbers, gradients, strict=True):
            variable, scaled = self.weights[number].variable, rate * self.weights[number].scale
            kept = self._kept(number, scaled)
            if kept is not None:
                tf.raw_ops.AssignVariableOp(resource=variable.handle, value=tf.identity(variable) * kept)
            self._move(variable, self.slots[number], gradient * factor, scaled)

    def _move(self, variable: tf.Variable, slots: list[tf.Variable], gradient: Any, rate: Any) -> None:
        if self.settings.optimizer == "sgd":
            tf.raw_ops.ResourceApplyMomentum(
                var=variable.handle, accum=slots[0].handle, lr=rate, grad=gradient, momentum=self.settings.momentum
            )
            return
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=slots[0].handle,
            v=slots[1].handle,
            beta1_power=tf.pow(BETA_1, self.updates),
            beta2_power=tf.pow(BETA_2, self.updates),
            lr=rate,
            beta1=BETA_1,
            beta2=BETA_2,
            epsilon=EPSILON,
            grad=gradient,
        )

    def _move_rows(self, number: int, rows: Any, gradient: Any, peak: Any) -> None:
        variable, slots = self.weights[number].variable, self.slots[number]
        rate = peak * self.weights[number].scale
        kept = self._kept(number, rate)
        vectors = tf.gather(variable, rows)
        if kept is not None:
            vectors *= kept
        first = tf.gather(slots[0], rows)
        if self.settings.optimizer == "sgd":
            moments = [first * self.settings.momentum + gradient]
            vectors -= rate * moments[0]
        else:
            moments = [
                BETA_1 * first + (1 - BETA_1) * gradient,
                BETA_2 * tf.gather(slots[1], rows) + (1 - BETA_2) * tf.square(gradient),
            ]
            corrected = rate * tf.sqrt(1 - tf.pow(BETA_2, self.updates)) / (1 - tf.pow(BETA_1, self.updates))
            vectors -= corrected * moments[0] / (tf.sqrt(moments[1]) + EPSILON)
        for table, new in zip([variable, *slots], [vectors, *moments], strict=True):
            tf.raw_ops.ResourceScatterUpdate(resource=table.handle, indices=rows, updates=new)


def rate_scales(model: keras.Model, decay: float) -> dict[str, float]:
    """By a variable's path: 1 for the head, `decay` once for each layer from the last down, once more for what is below
    the first. ALBERT's layers of one group count as one. Without an encoder all have 1."""
    depth = {id(variable): 0 for variable in model.trainable_variables}
    if not hasattr(model, "backbone"):
        return {variable.path: 1.0 for variable in model.trainable_variables}
    layers = model.backbone.transformer_layers
    inside = {id(variable) for variable in model.backbone.variables}
    pooler = getattr(model.backbone, "pooled_dense", None)
    top = {id(variable) for variable in pooler.variables} if pooler is not None else set()
    for key in depth:
        if key in inside and key not in top:
            depth[key] = len(layers) + 1
    for below, layer in enumerate(layers):
        members = layer if isinstance(layer, list) else [layer]
        for variable in (variable for member in members for variable in member.variables):
            depth[id(variable)] = len(layers) - below
    return {variable.path: decay ** depth[id(variable)] for variable in model.trainable_variables}


def _values(gradient: Any) -> Any:
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient
