"""How large a batch memory holds, found by trying."""

from __future__ import annotations

import resource
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from components.base.errors import TextgateError

MOST = 256
# Of what is free, so that validation and the rest of the machine have some.
SHARE = 0.8
WATCH_S = 0.005


class OutOfMemory(Exception):
    """Neither main memory nor that of a device could hold what was asked for."""


@contextmanager
def noticing_exhaustion() -> Iterator[None]:
    """Raises OutOfMemory for what TensorFlow, and oneDNN beneath it, raise then."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise OutOfMemory from error
    except (tf.errors.AbortedError, tf.errors.InternalError) as error:
        if any(said in str(error) for said in ("Status: 1, message: could not create", "bad_alloc")):
            raise OutOfMemory from error
        raise


def largest_batch(rehearse: Callable[[int], None], length: int, most: int = MOST) -> int:
    """The largest power of two up to `most` for which `rehearse` does not run out of memory, nor is about to.

    It is looked for from 1 up, since main memory that runs out ends a process more often than it raises. Raises
    TextgateError where not even one row of `length` tokens fits.
    """
    best, size = 0, 1
    try:
        rehearse(size)  # traced by this, which the next is not to be measured with
        while size <= most:
            free = free_bytes()
            took = _growth(lambda rows=size: rehearse(rows))  # type: ignore[misc]
            best = size
            if took * 2 > free * SHARE:
                break
            size *= 2
    except OutOfMemory:
        pass
    if not best:
        raise TextgateError(
            f"memory does not hold a single row of {length} tokens: lower tokenization.max_length, take a smaller base"
            " model, freeze layers (training.frozen_layers), or use a machine with more"
        )
    return best


def _growth(work: Callable[[], None]) -> int:
    """By how many bytes this process was larger at most, while it worked, than before."""
    before, most, done = _resident(), 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(WATCH_S):
            most = max(most, _resident())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return max(0, most - before)


def _resident() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def peak_bytes() -> int:
    """The most that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def free_bytes() -> int:
    """Main memory that can still be had, within the limits of process and control group; a large number where nobody
    says."""
    found = [1 << 62]
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        found.append(limit - held)
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found.append(1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")))
    except (OSError, StopIteration):
        pass
    group = Path("/sys/fs/cgroup")
    try:
        most, held = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        found.append(most - held)
    except (OSError, ValueError):
        pass
    return min(found)
