"""Family-wise error: equals over 20 slices, of which no one may be called better, or worse, beyond chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gate.decisions import DISAGREEMENT
from benchmarks.gate.trials import CONFIDENCE, TRIALS, against_champion, passes, rate
from benchmarks.harness import Figure
from components.base.statistics.bounds import TAILS
from components.evaluate.estimates import paired
from components.gate.statistics import holm, p_at_most, p_better

SLICES = 20
SIZES = (300, 3080, 20000)


def figures(data: Path | None) -> list[Figure]:
    found = []
    rule = against_champion("not_worse", slice="*")
    for rows in SIZES:
        rng = np.random.default_rng(rows)
        alarmed = claimed = shown = uncorrected = 0
        for _ in range(TRIALS):
            differences = _slices(rows, rng)
            parts = {f"slice {number}": {"accuracy": one} for number, one in enumerate(differences)}
            alarmed += not passes(rule, rows, {"metrics": {}, "slices": parts})
            exact = [p_better(one["p"], one["value"]) for one in differences]
            claimed += min(holm(exact)) <= (1 - CONFIDENCE) / 2
            bounded = [p_at_most(0, TAILS.tolist(), one["bounds"]) for one in differences]
            shown += min(holm(bounded)) <= (1 - CONFIDENCE) / 2
            uncorrected += min(bounded) <= (1 - CONFIDENCE) / 2
        what = f"over {SLICES} slices of equals, {rows:,} rows in all"
        found += [
            rate(f"`not_worse` refuses {what}", alarmed, TRIALS, most=0.06),
            rate(f"any is called better, by exact McNemar, {what}", claimed, TRIALS, most=0.06),
            rate(f"any is called better, by bounds, {what}", shown, TRIALS, most=0.06),
            rate(f"any is called better without Holm's correction, {what}", uncorrected, TRIALS),
        ]
    return found


def _slices(rows: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Of unequal sizes, from a fiftieth of the rows on."""
    sizes = rng.multinomial(rows, np.arange(2, SLICES + 2) / np.arange(2, SLICES + 2).sum())
    differences = []
    for size in sizes:
        alone = rng.random(size) < DISAGREEMENT
        mine = alone & (rng.random(size) < 0.5)
        differences += [paired(mine, alone & ~mine, CONFIDENCE)] if size else []
    return differences
