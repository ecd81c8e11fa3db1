"""Test scores on public sets, trained on all their rows by the finetune step and scored by the ONNX it writes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from benchmarks.finetune.prepared import (
    MAX_LENGTH,
    TAGGED_LENGTH,
    base_model,
    encode,
    encode_tagged,
    read,
    read_tagged,
    train,
)
from benchmarks.harness import Figure, at_least
from benchmarks.public_data import Absent
from components.base.files import read_json
from components.base.settings import FinetuneStep, ModelSettings, TokenizationSettings, TrainingSettings
from components.base.truncation import Truncation
from serving.predictor import Scorer
from serving.tasks import TASKS


def accuracy(name: str, settings: TrainingSettings, limit: float, model: ModelSettings | None = None) -> list[Figure]:
    """Of texts that get their label, on the public set `name`."""
    step = FinetuneStep(model=model or ModelSettings(), training=settings)
    return _figures(name, "test accuracy", read, encode, step, limit, _accuracy)


def entity_f1(name: str, settings: TrainingSettings, limit: float) -> list[Figure]:
    """Of entities with the right words and type (seqeval, strict), on the public set `name`."""
    step = FinetuneStep(training=settings)
    return _figures(name, "test F1 of entities, strict", read_tagged, encode_tagged, step, limit, _entity_f1)


def _figures(
    name: str,
    what: str,
    read: Callable[[str], Any],
    encode: Callable[[Any, Path], Path],
    step: FinetuneStep,
    limit: float,
    score: Callable[[Path, Any, list[str]], float],
) -> list[Figure]:
    try:
        splits = read(name)
    except Absent as reason:
        return [Figure(f"{name}: {what}", f"skipped: {reason}", "")]
    with tempfile.TemporaryDirectory() as work:
        encoded, target = encode(splits, Path(work)), Path(work, "checkpoint")
        started = time.monotonic()
        train(encoded, step, target)
        took, report = time.monotonic() - started, read_json(target / "training.json")
        found = score(target / "model.onnx", splits["test"], read_json(encoded / "labels.json"))
    return [
        at_least(f"{name}: {what}, of the float ONNX", found, "", limit),
        Figure(
            f"{name}: the epoch that was kept, best on validation", report["best_epoch"], f"of {len(report['epochs'])}"
        ),
        Figure(f"{name}: training", took / 60, "min"),
    ]


def _accuracy(model: Path, rows: Any, labels: list[str]) -> float:
    """As the server scores them."""
    truncation = Truncation.of(TokenizationSettings(max_length=MAX_LENGTH))
    found = Scorer(model, base_model() / "tokenizer.json", truncation).logits([text for text, _ in rows])
    return sum(labels[best] == label for best, (_, label) in zip(found.argmax(axis=1), rows, strict=True)) / len(rows)


def _entity_f1(model: Path, rows: Any, labels: list[str]) -> float:
    """As the server tags them; a word that is beyond the length has no entity."""
    truncation = Truncation.of(TokenizationSettings(max_length=TAGGED_LENGTH))
    scorer = Scorer(model, base_model() / "tokenizer.json", truncation, task=TASKS["token-tags"])
    logits = scorer.logits([words for words, _ in rows])
    best = np.where(np.isnan(logits).any(axis=1), labels.index("O"), np.nan_to_num(logits).argmax(axis=1))
    ends = np.cumsum([len(words) for words, _ in rows])
    found = [[labels[tag] for tag in part] for part in np.split(best, ends[:-1])]
    return float(f1_score([tags for _, tags in rows], found, mode="strict", scheme=IOB2))
