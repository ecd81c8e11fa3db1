"""How large a batch memory holds, found by trying."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from components.base.errors import TextgateError

LEAST, MOST = 1, 256
# Of what is free, so that validation and the rest of the machine have some.
SHARE = 0.8


def largest_batch(rehearse: Callable[[int], None], length: int, least: int = 8) -> int:
    """The largest power of two up to 256 for which `rehearse` does not run out of memory, nor is about to.

    Raises TextgateError where not even one row of `length` tokens fits.
    """
    best, size, before = 0, least, peak_bytes()
    while size <= MOST:
        try:
            rehearse(size)
        except tf.errors.ResourceExhaustedError:
            break
        best = size
        if peak_bytes() - before > free_bytes() * SHARE:  # what twice as many rows would take more
            break
        size *= 2
    return best or fitting(rehearse, length, least // 2)


def fitting(rehearse: Callable[[int], None], length: int, size: int) -> int:
    """The largest power of two from `size` down for which `rehearse` does not run out of memory."""
    while size >= LEAST:
        try:
            rehearse(size)
        except tf.errors.ResourceExhaustedError:
            size //= 2
        else:
            return size
    raise TextgateError(
        f"memory does not hold a single row of {length} tokens: lower tokenization.max_length, take a smaller base"
        " model, freeze layers (training.frozen_layers), or use a machine with more"
    )


def peak_bytes() -> int:
    """The most that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def free_bytes() -> int:
    """Main memory that can still be had, within the control group's limit; a large number where nobody says."""
    found = [1 << 62]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found.append(1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")))
    except (OSError, StopIteration):
        pass
    group = Path("/sys/fs/cgroup")
    try:
        limit, held = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        found.append(limit - held)
    except (OSError, ValueError):
        pass
    return min(found)
