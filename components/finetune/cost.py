"""What a training cost on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import tensorflow as tf

from components.finetune.batches import Batch
from components.finetune.memory import peak_bytes


class Cost:
    """Counted from its making on; `gpus` are named. The first step traces the graph and is counted by itself."""

    def __init__(self, gpus: Sequence[str] = ()) -> None:
        self.gpus = gpus
        self.started, self.cores = time.monotonic(), time.process_time()
        self.first = self.stepping = self.validating = 0.0
        self.samples = self.tokens = self.places = 0
        self.left = self.started

    @contextmanager
    def step(self, batches: Sequence[Batch]) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.left = time.monotonic()
        if not self.first:
            self.first = self.left - started
            return
        self.stepping += self.left - started
        for batch in batches:
            self.samples += int((batch.index >= 0).sum())
            self.tokens += int(batch.attention_mask.sum())
            self.places += batch.attention_mask.size

    def mark(self) -> None:
        """At the end of a validation, which began after the step before."""
        self.validating += time.monotonic() - self.left

    def report(self) -> dict[str, float]:
        """Seconds, of one clock, of all cores or of all GPUs; bytes, of GPUs those of the fullest; samples and tokens
        per second of steps after the first; the share of padding in all positions of these."""
        stepping = max(self.stepping, 1e-9)
        return {
            "seconds": time.monotonic() - self.started,
            "core_seconds": time.process_time() - self.cores,
            "gpu_seconds": (time.monotonic() - self.started) * len(self.gpus),
            "first_step_seconds": self.first,
            "step_seconds": self.stepping,
            "validation_seconds": self.validating,
            "peak_memory_bytes": float(peak_bytes()),
            "peak_gpu_memory_bytes": float(max(map(_gpu_peak, self.gpus), default=0)),
            "samples_per_second": self.samples / stepping,
            "tokens_per_second": self.tokens / stepping,
            "padding_share": 1 - self.tokens / self.places if self.places else 0.0,
        }

    def line(self) -> str:
        found = self.report()
        gpus = f" {found['gpu_seconds']:.0f} GPU-seconds," if self.gpus else ""
        return (
            f"{found['seconds']:.0f} s ({found['core_seconds']:.0f} core-seconds,{gpus} the first step"
            f" {found['first_step_seconds']:.0f} s), {found['samples_per_second']:.1f} samples/s,"
            f" {found['tokens_per_second']:.0f} tokens/s, {found['padding_share']:.0%} padding,"
            f" {found['peak_memory_bytes'] / 1e9:.2f} GB at most"
        )


def _gpu_peak(name: str) -> int:
    return int(tf.config.experimental.get_memory_info(name)["peak"])
