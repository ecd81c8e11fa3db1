"""What the canary will ask: rows whose answer is known, and is the bundle's."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.base.errors import TextgateError
from components.base.targets import Targets
from components.quantize.comparison import decided

EXAMPLES_PER_LABEL = 2


def examples(targets: Targets, logits: np.ndarray) -> list[dict[str, Any]]:
    """For each label (or type of entity) the rows that have it, are answered rightly and by the widest margin.

    Where no such row has any, rows without. Raises TextgateError when no row is answered rightly.
    """
    counts = targets.counts(decided(targets, logits))
    order = np.argsort(-targets.margins(logits), kind="stable")
    order = order[counts.right[order]]
    chosen: dict[int, dict[str, Any]] = {}
    for number in range(len(targets.classes)):
        _take(targets, order[counts.having(number)[order]], chosen)
    if not chosen:
        _take(targets, order, chosen)
    if not chosen:
        raise TextgateError("the model answers no validation row rightly that its canary could be asked")
    return list(chosen.values())


def _take(targets: Targets, rows: np.ndarray, chosen: dict[int, dict[str, Any]]) -> None:
    """The first rows that can be asked; one that is chosen already counts."""
    found = 0
    for row in rows.tolist():
        example = targets.example(row)
        if example is not None:
            chosen[row] = example
            found += 1
        if found == EXAMPLES_PER_LABEL:
            return
