"""Family-wise error where rows are drawn in groups: equals over 16 labels, of which none may be called worse."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.gate.trials import CONFIDENCE, against_champion, passes, rate
from benchmarks.harness import Figure
from components.base.settings import EvaluationSettings
from components.base.targets.labels import LabelTargets
from components.evaluate.counted import compare, compare_recalls

TRIALS, LABELS, ROWS, DISAGREEMENT = 500, 16, 800, 0.1
OPTIONS = EvaluationSettings(bootstrap_samples=2000, confidence=CONFIDENCE)


def figures(data: Path | None) -> list[Figure]:
    """Groups of one row each, and of about four whose answers go together; with a margin bounds decide, not the exact
    test."""
    found = []
    for size in (1, 4):
        alarmed = within = promoted = 0
        rng = np.random.default_rng(size)
        for _ in range(TRIALS):
            truth = rng.integers(0, LABELS, ROWS)
            groups = rng.integers(0, ROWS // size, ROWS) if size > 1 else np.arange(ROWS)
            alone, mine = rng.random(ROWS)[groups] < DISAGREEMENT, rng.random(ROWS)[groups] < 0.5
            wrong = (truth + 1) % LABELS
            one, other = np.where(alone & mine, wrong, truth), np.where(alone & ~mine, wrong, truth)
            targets = LabelTargets([""] * ROWS, truth, [str(label) for label in range(LABELS)])
            recalls = compare_recalls(targets, one, other, OPTIONS, groups)
            comparison = {"metrics": {}, "per_label": recalls}
            alarmed += not passes(against_champion("not_worse", "recall", label="*"), ROWS, comparison)
            tight = against_champion("not_worse", "recall", label="*", margin=1e-6)
            within += not passes(tight, ROWS, comparison)
            accuracy = {"metrics": compare(targets, one, other, ["accuracy"], OPTIONS, groups)}
            promoted += passes(against_champion("superior"), ROWS, accuracy)
        what = f"{ROWS} rows in groups of {'one' if size == 1 else 'about four'}"
        found += [
            rate(f"`not_worse` refuses over {LABELS} labels of equals, {what}", alarmed, TRIALS, most=0.06),
            rate(f"the same by bounds, {what}", within, TRIALS, most=0.06),
            rate(f"`superior` promotes one of two equals, {what}", promoted, TRIALS, most=0.06),
        ]
    return found
