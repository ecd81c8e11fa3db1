"""One engine in a process of its own, for latency.py.

Arguments: "onnx" or "tensorflow", model, threads, batches (.npz with `{set}.{number}.{input}`), and where the logits of
the set `many` go (.npy). Prints a line when every batch was asked once. Then each line of stdin names a set, `one` or
`many`, which is asked again; prints the seconds of each of its batches, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quantize.batches import INPUTS, Feed, open_session

Engine = tuple[Callable[[Feed], Any], Callable[[Any], np.ndarray]]


def main() -> None:
    engine, model, threads, file, logits = sys.argv[1:]
    prepare, ask = {"onnx": _onnx, "tensorflow": _tensorflow}[engine](Path(model), int(threads))
    arrays = np.load(file)
    sets: dict[str, list[Any]] = {"one": [], "many": []}
    for name, batches in sets.items():
        while f"{name}.{len(batches)}.{INPUTS[0]}" in arrays:
            batches.append(prepare({part: arrays[f"{name}.{len(batches)}.{part}"] for part in INPUTS}))
    found = {name: [ask(batch) for batch in batches] for name, batches in sets.items()}
    np.save(logits, np.concatenate(found["many"]))
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(_seconds(ask, sets[line.strip()])), flush=True)


def _seconds(ask: Callable[[Any], np.ndarray], batches: list[Any]) -> list[float]:
    ask(batches[-1])
    seconds = []
    for batch in batches:
        started = time.perf_counter()
        ask(batch)
        seconds.append(time.perf_counter() - started)
    return seconds


def _onnx(model: Path, threads: int) -> Engine:
    session = open_session(model, threads)
    names = [tensor.name for tensor in session.get_inputs()]
    return lambda feed: {name: feed[name] for name in names}, lambda batch: session.run(["logits"], batch)[0]


def _tensorflow(model: Path, threads: int) -> Engine:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    loaded = tf.saved_model.load(str(model))
    names = list(loaded.signatures["serving_default"].structured_input_signature[1])

    def ask(batch: Any) -> np.ndarray:
        (found,) = loaded.signatures["serving_default"](**batch).values()
        return np.asarray(found)

    return lambda feed: {name: tf.constant(feed[name], tf.int32) for name in names}, ask


if __name__ == "__main__":
    main()
