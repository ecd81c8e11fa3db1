"""Engines that are asked the same batches in turns, each in a process of its own; see worker.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from benchmarks.quantize.batches import by_length, encode_test, feed
from benchmarks.quantize.prepared import Prepared
from serving.processor import processor

ROWS, ROUNDS = 300, 7


class Engine(NamedTuple):
    """`kind` is "onnx" or "tensorflow"."""

    kind: str
    model: Path


class Measured(NamedTuple):
    """Of one engine. `p50_ms` of a text by itself, and `texts_per_second` in batches, have a value for each round;
    `logits` are those of all test rows by length, float32 [rows, labels]."""

    p50_ms: np.ndarray
    texts_per_second: np.ndarray
    logits: np.ndarray


def measure(prepared: Prepared, engines: dict[str, Engine]) -> dict[str, Measured]:
    """On ROWS test rows drawn by a seed, one by one, and all of them in batches of like length; all cores.

    Raises CalledProcessError where an engine's process ends.
    """
    seconds: dict[str, dict[str, list[list[float]]]] = {name: {"one": [], "many": []} for name in engines}
    with tempfile.TemporaryDirectory() as work, ExitStack() as stack:
        batches = Path(work, "batches.npz")
        rows = _write_batches(prepared, batches)
        files = {name: Path(work, f"{number}.npy") for number, name in enumerate(engines)}
        workers = {name: stack.enter_context(Worker(engine, batches, files[name])) for name, engine in engines.items()}
        for turn in range(ROUNDS):
            for what in ("one", "many"):
                for name in list(engines) if turn % 2 == 0 else reversed(engines):
                    seconds[name][what].append(workers[name].ask(what))
        logits = {name: np.load(file) for name, file in files.items()}
    return {
        name: Measured(1000 * np.median(found["one"], axis=1), rows / np.sum(found["many"], axis=1), logits[name])
        for name, found in seconds.items()
    }


def _write_batches(prepared: Prepared, file: Path) -> int:
    """As worker.py reads them; gives the number of rows of the set `many`."""
    encoded, pad = encode_test(prepared)
    drawn = np.random.default_rng(0).permutation(len(encoded.sizes))[:ROWS]
    sets = {"one": np.split(drawn, len(drawn)), "many": by_length(encoded)}
    arrays = {
        f"{name}.{number}.{part}": value
        for name, batches in sets.items()
        for number, rows in enumerate(batches)
        for part, value in feed(encoded, rows, pad).items()
    }
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return len(encoded.sizes)


class Worker:
    """Warm once it is made."""

    def __init__(self, engine: Engine, batches: Path, logits: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.quantize.worker", engine.kind, str(engine.model)]
        self._process = subprocess.Popen(
            [*command, str(processor()["cores"]), str(batches), str(logits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        self._read()

    def ask(self, what: str) -> list[float]:
        """Seconds of each batch of the set."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        seconds: list[float] = json.loads(self._read())
        return seconds

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise subprocess.CalledProcessError(self._process.wait(), self._process.args)
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
