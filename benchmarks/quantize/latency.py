"""Latency and throughput of the bundle's engine beside others, on the token ids of banking77's test rows.

A ratio is taken in each round, and is the median over them; what stands closest to its limit is asked at once after
the bundle.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.harness import Figure, at_least, at_most
from benchmarks.peer_environment import NoPeer
from benchmarks.public_data import Absent
from benchmarks.quantize.batches import BATCH
from benchmarks.quantize.peers import FUSED, PLAIN, SAVED_MODEL, saved_model, torch_models
from benchmarks.quantize.prepared import prepare
from benchmarks.quantize.rounds import Engine, Measured, measure
from serving.bundle import MODEL

FLOAT = "float32"


def figures(data: Path | None) -> list[Figure]:
    try:
        prepared = prepare()
    except Absent as reason:
        return [Figure("latency on banking77", f"skipped: {reason}", "")]
    bundle, candidates = f"bundle ({prepared.precision})", prepared.folder / "candidates"
    engines = {bundle: Engine("onnx", prepared.folder / "bundle" / MODEL)}
    skipped = []
    try:
        peers = torch_models(prepared)
        engines |= {FUSED: Engine("onnx", peers.int8), PLAIN: Engine("onnx", peers.plain)}
    except NoPeer as reason:
        skipped.append(Figure("latency beside torch's export", f"skipped: {reason}", ""))
    engines[SAVED_MODEL] = Engine("tensorflow", saved_model(prepared))
    engines |= {name: Engine("onnx", candidates / f"{name}.onnx") for name in (FLOAT, "mixed")}
    found = measure(prepared, engines)
    return [*_ratios(found, bundle), *skipped, *_absolute(found), *_exactness(found)]


def _ratios(found: dict[str, Measured], bundle: str) -> list[Figure]:
    limits = {SAVED_MODEL: 0.30, PLAIN: 0.65, FUSED: 1.05}
    ours = found[bundle]
    figures = [
        at_most(
            f"p50 at batch 1, {bundle} over {peer}",
            float(np.median(ours.p50_ms / found[peer].p50_ms)),
            "times",
            limit,
        )
        for peer, limit in limits.items()
        if peer in found
    ]
    if FUSED in found:
        ratio = float(np.median(ours.texts_per_second / found[FUSED].texts_per_second))
        figures.append(at_least(f"texts/s in batches of {BATCH}, {bundle} over {FUSED}", ratio, "times", 0.95))
    return figures


def _absolute(found: dict[str, Measured]) -> list[Figure]:
    figures = []
    for name, measured in found.items():
        figures += [
            Figure(f"{name}: p50 at batch 1", float(np.median(measured.p50_ms)), "ms"),
            Figure(f"{name}: batches of {BATCH}", float(np.median(measured.texts_per_second)), "texts/s"),
        ]
    return figures


def _exactness(found: dict[str, Measured]) -> list[Figure]:
    """That float engines run the same model."""
    return [
        at_most(
            f"{peer}: largest logit difference from {FLOAT}",
            float(np.abs(found[peer].logits - found[FLOAT].logits).max()),
            "",
            1e-3,
        )
        for peer in (SAVED_MODEL, PLAIN)
        if peer in found
    ]
