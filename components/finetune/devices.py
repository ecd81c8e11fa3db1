"""The devices that share a batch: one, or several of one host, each with its own copy of the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import tensorflow as tf

from components.base.errors import TextgateError


class Devices:
    """`count` 1 is the one that TensorFlow takes by itself. Several run tf.distribute.MirroredStrategy, whose copies of
    the weights stay equal, since each makes the same update of gradients that were summed over all of them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.strategy = tf.distribute.MirroredStrategy(_names(count)) if count > 1 else None

    @property
    def gpus(self) -> list[str]:
        """The names of those in use."""
        there = tf.config.list_logical_devices("GPU")
        return [f"GPU:{number}" for number in range(min(self.count, len(there)))]

    def scope(self) -> AbstractContextManager[Any]:
        """What has variables is to be built within."""
        return self.strategy.scope() if self.strategy else nullcontext()

    def run(self, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """`function` of `arguments` on each device, within a graph; what the first gives, which all must agree on."""
        if not self.strategy:
            return function(*arguments)
        found = self.strategy.run(function, args=tuple(arguments))
        return tf.nest.map_structure(lambda value: self.strategy.experimental_local_results(value)[0], found)

    def part(self, tensors: Sequence[Any]) -> list[Any]:
        """Of each tensor the rows that this device is to take; there must be equally many for all of them."""
        if not self.strategy:
            return list(tensors)
        rows = tf.shape(tensors[0])[0] // self.count
        first = tf.distribute.get_replica_context().replica_id_in_sync_group * rows
        return [tensor[first : first + rows] for tensor in tensors]

    def sum(self, tensors: list[Any]) -> list[Any]:
        """Over the devices."""
        if not self.strategy:
            return tensors
        return list(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tensors))


ONE = Devices(1)


def use(wanted: int) -> Devices:
    """As many of this host's GPUs, or all of them for 0; without any, logical devices of the processor.

    Must run before TensorFlow does anything else. Raises TextgateError where there are fewer GPUs.
    """
    gpus = len(tf.config.list_physical_devices("GPU"))
    count = wanted or max(1, gpus)
    if gpus and count > gpus:
        raise TextgateError(f"training.devices is {count}, and this host has {gpus} GPUs; 0 takes all there are")
    if not gpus and count > 1:
        (processor,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * count)
    return Devices(count)


def _names(count: int) -> list[str]:
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return [f"{kind}:{number}" for number in range(count)]
