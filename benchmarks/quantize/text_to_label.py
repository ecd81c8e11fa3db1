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
    rounds = 1000 * np.median(_seconds(prepared), axis=2)  # [rounds, 3]
    over = np.median(rounds[:, :2] / rounds[:, 2:], axis=0)
    label, answer, engine = np.median(rounds, axis=0)
    return [
        at_most("text to label over the engine alone, p50", float(over[0]), "times", 1.1),
        Figure(
            "the same with all that a server answers: probabilities and whether to abstain", float(over[1]), "times"
        ),
        Figure("text to label, p50", float(label), "ms"),
        Figure("text to answer, p50", float(answer), "ms"),
        Figure("the engine alone, p50", float(engine), "ms"),
    ]


def _seconds(prepared: Prepared) -> np.ndarray:
    """Of text to label, of text to answer and of the engine, [rounds, 3, rows]; their order is drawn by a seed."""
    bundle, threads = prepared.folder / "bundle", processor()["cores"]
    predictor = Predictor(bundle, threads)
    session = predictor.session  # the very one: the weights of a second would push the first's out of the caches
    names = [tensor.name for tensor in session.get_inputs()]
    encoded, pad = encode_test(prepared)

    def label(text: str) -> Any:
        return predictor.labels[predictor.decide(predictor.logits([text]))[0]]

    def answer(text: str) -> Any:
        columns = [[text]]
        probabilities = predictor.probabilities(predictor.task.read(columns))
        return predictor.task.answers(columns, probabilities, predictor.decider)

    def engine(inputs: dict[str, np.ndarray]) -> Any:
        return session.run(["logits"], inputs)

    random = np.random.default_rng(0)
    asked = []
    for row in random.permutation(len(encoded.sizes))[:ROWS]:
        known = feed(encoded, np.array([row]), pad)
        asked.append((prepared.test.rows[row], {name: known[name] for name in names}))
    ways: list[Callable[[Any], Any]] = [label, answer, engine]
    found = np.empty((ROUNDS, len(ways), len(asked)))
    for turn in range(-1, ROUNDS):  # the first warms
        for number, (text, inputs) in enumerate(asked):
            for place in random.permutation(len(ways)):
                given = inputs if ways[place] is engine else text
                started = time.perf_counter()
                ways[place](given)
                found[turn, place, number] = time.perf_counter() - started
    return found
