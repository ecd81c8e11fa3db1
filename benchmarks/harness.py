"""What every benchmark shares: figures that hold or not, interleaved runs, and the peak memory of a child process."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from serving.processor import processor

OUT = Path(__file__).parent / "out"
LIBRARIES = ("boto3", "great-expectations", "numpy", "onnxruntime", "pyarrow", "tensorflow", "tokenizers")


class Figure(NamedTuple):
    """One measured value. `must` says in words what it has to reach ("" where it is only reported), `holds` whether it
    does, None where nothing is asked or the figure was skipped."""

    what: str
    value: float | str
    unit: str
    must: str = ""
    holds: bool | None = None


def at_least(what: str, value: float, unit: str, limit: float) -> Figure:
    return Figure(what, value, unit, f"at least {limit:g}", value >= limit)


def at_most(what: str, value: float, unit: str, limit: float) -> Figure:
    return Figure(what, value, unit, f"at most {limit:g}", value <= limit)


def interleaved(functions: dict[str, Callable[[], Any]], runs: int = 3) -> dict[str, list[float]]:
    """Seconds of each run of each function, taken in turns, so that a busy minute falls on all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(runs):
        order = list(functions) if turn % 2 == 0 else list(reversed(functions))
        for name in order:
            started = time.perf_counter()
            functions[name]()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def median_ratio(seconds: dict[str, list[float]], over: str, under: str) -> float:
    """Median of the seconds of `over` divided by the median of those of `under`."""
    return statistics.median(seconds[over]) / statistics.median(seconds[under])


def peak_memory(argv: Sequence[str]) -> int:
    """Peak resident bytes of a Python process with these arguments. Raises CalledProcessError where it fails."""
    process = subprocess.Popen([sys.executable, *argv])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(argv))
    return _bytes(usage)


def _bytes(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """With these variables set, as they were afterwards."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def machine() -> list[Figure]:
    """Where the figures were taken: the processor and what it lacks for int8, system, Python and the libraries'
    versions."""
    found = processor()
    cores = f"{found['cores']} cores"
    for word, names in (("with", found["has"]), ("without", found["lacks"])):
        cores += f", {word} {', '.join(names)}" if names else ""
    versions = [f"Python {platform.python_version()}"]
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            versions.append(f"{library} {version(library)}")
    return [
        Figure("machine", f"{found['name']}, {cores}, {platform.system()} {platform.release()}", ""),
        Figure("versions", ", ".join(versions), ""),
    ]
