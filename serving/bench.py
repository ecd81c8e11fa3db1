"""How fast a bundle answers on this machine, and beside it what could be served in its place:
`python -m serving.bench BUNDLE`. Needs numpy, onnxruntime and tokenizers alone, as the image that serves has them.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from components.base.errors import TextgateError
from components.base.files import sha256_file, write_json
from serving.bench_table import shown
from serving.bundle import MODEL, TOKENIZER, Manifest, digest, read_canary, verify
from serving.lines import read_lines
from serving.predictor import Classifier, Scorer
from serving.processor import processor as processor
from serving.tasks import TASKS
from serving.tasks.task import Decisions, Logits, Task, answer_parts

BATCH = 32
FEWEST_ROWS = 64
BUNDLE, REFERENCE = "bundle", "float32"
TIMED = ("p50_ms", "p95_ms", "texts_per_second")


class Answering(Protocol):
    def logits(self, rows: Sequence[Any], batch_size: int = BATCH) -> Logits:
        """Of rows of any length, of which those of like length share a batch."""


def measure(
    loaders: Mapping[str, Callable[[], Answering]], rows: Sequence[Any], rounds: int = 3
) -> dict[str, dict[str, float]]:
    """Of each model the latency of one row by itself (p50_ms, p95_ms), texts_per_second in batches of 32, and load_s.

    All are loaded, warmed, and in each round asked one after the other; the figures are medians over the rounds.
    """
    models: dict[str, Answering] = {}
    loads: dict[str, float] = {}
    for name, load in loaders.items():
        started = time.perf_counter()
        models[name] = load()
        loads[name] = time.perf_counter() - started
    for model in models.values():
        model.logits(rows[:1])
        model.logits(rows[:BATCH], batch_size=BATCH)
    found: dict[str, list[list[float]]] = {name: [] for name in models}
    for _ in range(rounds):
        for name, model in models.items():
            found[name].append(_round(model, rows))
    medians = {name: np.median(figures, axis=0).tolist() for name, figures in found.items()}
    return {name: {**dict(zip(TIMED, medians[name], strict=True)), "load_s": loads[name]} for name in models}


def _round(model: Answering, rows: Sequence[Any]) -> list[float]:
    latencies = []
    for row in rows:
        started = time.perf_counter()
        model.logits([row])
        latencies.append((time.perf_counter() - started) * 1000)
    started = time.perf_counter()
    model.logits(rows, batch_size=BATCH)
    return [*np.percentile(latencies, [50, 95]).tolist(), len(rows) / (time.perf_counter() - started)]


def load_scorer(model: Path, bundle: Path, manifest: Manifest, threads: int = 0) -> Scorer:
    """A model that reads what the bundle's reads."""
    return Scorer(model, bundle / TOKENIZER, manifest.cut, threads, TASKS[manifest.task])


def time_bundle(bundle: Path, manifest: Manifest, rows: Sequence[Any]) -> dict[str, Any]:
    """The figures of measure, of a verified bundle on `rows` as its task reads them, and how they were taken."""
    figures = measure({BUNDLE: partial(load_scorer, bundle / MODEL, bundle, manifest)}, rows)[BUNDLE]
    return {**figures, "rows": len(rows), "threads": 0, "processor": processor()}


def bench(bundle: Path, candidates: Path | None = None, texts: Path | None = None, threads: int = 0) -> dict[str, Any]:
    """bench.json. `candidates` holds models as NAME.onnx; `texts` one text a line, where the bundle's canary examples
    are not to be used. `threads` 0 takes all cores.

    Raises TextgateError where the bundle is not whole, or a file cannot be used.
    """
    manifest = verify(bundle)
    task, examples = TASKS[manifest.task], read_canary(bundle)
    files = _models_in(candidates) if candidates else {}
    served = next((name for name, path in files.items() if sha256_file(path) == manifest.files[MODEL]), BUNDLE)
    files.setdefault(served, bundle / MODEL)
    loaders = {name: partial(load_scorer, path, bundle, manifest, threads) for name, path in files.items()}
    classifiers = {name: Classifier(load(), manifest.decider) for name, load in loaders.items()}
    rows = _rows_of(texts, task) if texts else task.read([[one[name] for one in examples] for name in task.inputs])
    decisions = {name: model.decide(model.logits(rows)) for name, model in classifiers.items()}
    right = sum(_answers_as_stored(classifiers[served], example) for example in examples)
    classifiers.clear()  # so that each is in memory once
    repeats = math.ceil(FEWEST_ROWS / len(rows))
    models: dict[str, dict[str, Any]] = {}
    for name, timing in measure(loaders, rows * repeats).items():
        models[name] = {**timing, "bytes": files[name].stat().st_size}
        if REFERENCE in files:
            models[name]["agreement"] = _agreement(decisions[name], decisions[REFERENCE])
    return {
        "bundle": {"name": manifest.name, "digest": digest(bundle), "precision": manifest.precision},
        "texts": len(rows),
        "repeats": repeats,
        "threads": threads,
        "processor": processor(),
        "canary": {"asked": len(examples), "right": right},
        "models": {**models, BUNDLE: models[served]},
        "served": served,
        "fastest": min(models, key=lambda name: models[name]["p50_ms"]),
    }


def _models_in(folder: Path) -> dict[str, Path]:
    found = {path.stem: path for path in sorted(folder.glob("*.onnx"))}
    if not found:
        raise TextgateError(f"the folder of candidates {folder} holds no NAME.onnx, or is not a folder")
    if BUNDLE in found:
        raise TextgateError(f"{found[BUNDLE]} has the name that the bundle's own model has here; give it another")
    return found


def _rows_of(texts: Path, task: Task) -> list[Any]:
    try:
        lines = texts.read_bytes().split(b"\n")
    except OSError as error:
        raise TextgateError(f"the file of texts {texts} cannot be read: {error.strerror}") from None
    rows = list(read_lines(lines, task.inputs, str(texts)))
    if not rows:
        raise TextgateError(f"the file of texts {texts} holds no text; give one on each line")
    return task.read(list(zip(*rows, strict=True)))


def _answers_as_stored(model: Classifier, example: Mapping[str, Any]) -> bool:
    """As the bundle did when it was made; by itself, as a server is asked."""
    task = model.task
    columns, right = [[example[name]] for name in task.inputs], task.outputs[0].name
    answers = task.answers(columns, model.probabilities(task.read(columns)), model.decider)
    return answer_parts(answers[right][0]) == answer_parts(example[right])


def _agreement(decisions: Decisions, reference: Decisions) -> float:
    """The share of rows (of tags, words) that are decided alike; of several labels all of them."""
    alike = (decisions == reference).reshape(len(decisions), -1).all(axis=1)
    return float(alike.mean()) if len(alike) else 1.0


def run(bundle: Path, candidates: Path | None, texts: Path | None, threads: int, output: Path | None) -> str:
    """What the commands do: see bench. The figures as a table; written to `output`, too, where that is given."""
    report = bench(bundle, candidates, texts, threads)
    if output:
        write_json(output, report)
    return shown(report)


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, got {text!r}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m serving.bench", description="How fast a bundle answers here.")
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the bundle folder")
    parser.add_argument("--candidates", metavar="FOLDER", type=Path, help="of NAME.onnx, to be measured beside it")
    parser.add_argument("--texts", metavar="FILE", type=Path, help="one text a line, in place of the canary examples")
    parser.add_argument("--threads", metavar="N", type=_count, default=0, help="of one inference; 0 takes all cores")
    parser.add_argument("--output", metavar="FILE", type=Path, help="where to write bench.json")
    options = parser.parse_args(arguments)
    try:
        print(run(options.bundle, options.candidates, options.texts, options.threads, options.output))
    except (TextgateError, OSError) as error:
        print(f"textgate: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
