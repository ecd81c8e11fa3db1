"""Coverage of the 95 % interval of accuracy: exact, since the number of right rows is binomial."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.stats import binom

from benchmarks.gate.trials import CONFIDENCE
from benchmarks.harness import Figure
from components.base.statistics.proportions import wilson

SIZES = (100, 300, 1000, 3080, 10000)
ACCURACIES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.95, 0.97)


def figures(data: Path | None) -> list[Figure]:
    found = []
    for rows in SIZES:
        right = np.arange(rows + 1)
        low, high = np.array([wilson(hits, rows, CONFIDENCE) for hits in right]).T
        covered = [100 * float(binom.pmf(right[(low <= p) & (p <= high)], rows, p).sum()) for p in ACCURACIES]
        within = min(covered) >= 93 and max(covered) <= 97
        shown = f"{min(covered):.1f} to {max(covered):.1f}"
        found.append(
            Figure(f"accuracy of {ACCURACIES[0]} to {ACCURACIES[-1]}, n = {rows:,}", shown, "%", "93 to 97", within)
        )
    return found
