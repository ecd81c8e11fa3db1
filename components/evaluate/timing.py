"""How fast the bundle answers here; kept apart from the evaluation, since no two runs agree on it."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from serving.predictor import Predictor


def measure(predictor: Predictor, rows: list[Any]) -> dict[str, Any]:
    """Latency of one text (or pair) at a time, in milliseconds, and texts per second in batches of 32, once warm."""
    predictor.logits(rows[:32])
    latencies = []
    for row in rows:
        started = time.perf_counter()
        predictor.logits([row])
        latencies.append((time.perf_counter() - started) * 1000)
    started = time.perf_counter()
    predictor.logits(rows, batch_size=32)
    p50, p95 = np.percentile(latencies, [50, 95])
    return {
        "p50_ms": float(p50),
        "p95_ms": float(p95),
        "texts_per_second": len(rows) / (time.perf_counter() - started),
        "rows": len(rows),
        "processor": _processor(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
