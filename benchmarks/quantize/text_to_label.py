"""From a string to its label in process, over the engine's run on that text's token ids, text by text in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Figure, at_most
from benchmarks.public_data import Absent
from benchmarks.quantize.batches import encode_test, feed
from benchmarks.quantize.prepared import Prepared, prepare
from serving.predictor import Predictor
from serving.processor import processor

ROWS, ROUNDS = 300, 7


def figures(data: Path | None) -> list[Figure]:
    try:
        prepared = prepare()
    except Absent as reason:
        return [Figure("text to label", f"skipped: {reason}", "")]
    rounds = 1000 * np.median(_seconds(prepared), axis=2)  # [rounds, 2]
    whole, engine = np.median(rounds, axis=0)
    return [
        at_most(
            "text to label over the engine alone, p50", float(np.median(rounds[:, 0] / rounds[:, 1])), "times", 1.1
        ),
        Figure("text to label, p50", float(whole), "ms"),
        Figure("the engine alone, p50", float(engine), "ms"),
    ]


def _seconds(prepared: Prepared) -> np.ndarray:
    """Of the whole way and of the engine alone, [rounds, 2, rows]. Which of the two goes first takes turns."""
    bundle, threads = prepared.folder / "bundle", processor()["cores"]
    predictor = Predictor(bundle, threads)
    session = predictor.session  # the very one: the weights of a second would push the first's out of the caches
    names = [tensor.name for tensor in session.get_inputs()]
    encoded, pad = encode_test(prepared)

    def whole(text: str) -> Any:
        columns = [[text]]
        probabilities = predictor.probabilities(predictor.task.read(columns))
        return predictor.task.answers(columns, probabilities, predictor.decider)

    def engine(inputs: dict[str, np.ndarray]) -> Any:
        return session.run(["logits"], inputs)

    drawn = np.random.default_rng(0).permutation(len(encoded.sizes))[:ROWS]
    asked = []
    for row in drawn:
        known = feed(encoded, np.array([row]), pad)
        asked.append((prepared.test.rows[row], {name: known[name] for name in names}))
    for text, inputs in asked:
        whole(text), engine(inputs)
    found = np.empty((ROUNDS, 2, len(asked)))
    for turn in range(ROUNDS):
        for number, (text, inputs) in enumerate(asked):
            ways: list[tuple[int, Callable[[Any], Any], Any]] = [(0, whole, text), (1, engine, inputs)]
            for place, way, given in ways if (turn + number) % 2 == 0 else reversed(ways):
                started = time.perf_counter()
                way(given)
                found[turn, place, number] = time.perf_counter() - started
    return found
