"""What quantizing costs, on banking77's test rows: answers, size, and whether an answer depends on its batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Figure, at_least, at_most
from benchmarks.peer_environment import NoPeer
from benchmarks.public_data import Absent
from benchmarks.quantize.batches import BATCH
from benchmarks.quantize.peers import FUSED, torch_models
from benchmarks.quantize.prepared import Prepared, prepare
from components.base.truncation import Truncation
from components.quantize.comparison import compare
from serving.bundle import MODEL, TOKENIZER
from serving.predictor import Scorer


def figures(data: Path | None) -> list[Figure]:
    try:
        prepared = prepare()
    except Absent as reason:
        return [Figure("accuracy on banking77", f"skipped: {reason}", "")]
    model, candidates = prepared.folder / "bundle" / MODEL, prepared.folder / "candidates"
    exact = _scorer(prepared, candidates / "float32.onnx").logits(prepared.test.rows)
    whole = compare(prepared.test, exact, exact, 0, prepared.test.decider)["accuracy"]
    bundle = f"bundle ({prepared.precision})"
    found = [
        at_least(f"float32: accuracy on {len(prepared.test):,} test rows", whole, "", 0.92),
        *_costs(prepared, bundle, model, exact, limits=True),
        *_size(prepared, model),
        *_costs(prepared, "mixed", candidates / "mixed.onnx", exact),
    ]
    try:
        found += _costs(prepared, FUSED, torch_models(prepared).int8, exact)
    except NoPeer as reason:
        found.append(Figure("accuracy of torch's export in int8", f"skipped: {reason}", ""))
    return found


def _costs(prepared: Prepared, name: str, model: Path, exact: np.ndarray, limits: bool = False) -> list[Figure]:
    """Of a model beside the float logits `exact`; `limits` says whether it has to keep them."""
    scorer, test = _scorer(prepared, model), prepared.test
    together, alone = scorer.logits(test.rows, BATCH), scorer.logits(test.rows, 1)
    found: dict[str, Any] = compare(test, together, exact, 0, test.decider)
    low, high = (100 * end for end in found["accuracy_drop_interval"])
    lost = f"{name}: accuracy lost (95 % interval {low:.2f} to {high:.2f})", 100 * found["accuracy_drop"], "points"
    agreement = f"{name}: agreement with float32", found["agreement"], ""
    changed = int((together.argmax(axis=1) != alone.argmax(axis=1)).sum())
    answers = f"{name}: answers that change from batch {BATCH} to 1"
    return [
        Figure(f"{name}: accuracy", found["accuracy"], ""),
        at_most(*lost, 0.3) if limits else Figure(*lost),
        at_least(*agreement, 0.99) if limits else Figure(*agreement),
        Figure(f"{name}: largest logit difference from float", found["max_logit_difference"], ""),
        at_most(answers, changed, "rows", 0) if limits else Figure(answers, changed, "rows"),
        Figure(f"{name}: largest logit difference between the two", float(np.abs(together - alone).max()), ""),
    ]


def _size(prepared: Prepared, model: Path) -> list[Figure]:
    weights = (prepared.checkpoint / "hf/model.safetensors").stat().st_size
    whole = sum(path.stat().st_size for path in model.parent.rglob("*") if path.is_file())
    return [
        at_most(
            "size, the bundle's model over the float checkpoint's weights", model.stat().st_size / weights, "", 0.27
        ),
        Figure("size of the bundle with all its files", whole / 1e6, "MB"),
        Figure("size of the float checkpoint's weights", weights / 1e6, "MB"),
    ]


def _scorer(prepared: Prepared, model: Path) -> Scorer:
    cut = Truncation.of(prepared.settings.tokenization)
    return Scorer(model, prepared.folder / "bundle" / TOKENIZER, cut, task=prepared.test.task)
