"""What every trial of a decision does: two models on the same rows, and the verdict of the gate itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import Figure
from components.base.settings import GateRule, GateSettings
from components.base.statistics.bounds import TAILS
from components.evaluate.estimates import paired
from components.gate.rules import verdict

TRIALS, CONFIDENCE = 2000, 0.95
# One point of Monte Carlo error.
ERROR = 0.01
NOTHING = {"metrics": {}, "per_label": {}}


def passes(rule: GateRule, rows: int, comparison: dict[str, Any]) -> bool:
    """Whether the gate passes a bundle by this rule alone; `comparison` is its part of evaluation.json."""
    evaluation = {
        "task": "single-label",
        "rows": rows,
        "confidence": CONFIDENCE,
        "tails": TAILS.tolist(),
        "bundle": {"digest": "challenger", **NOTHING},
        "float": None,
        "linear": None,
        "champion": {"version": "1", "digest": "champion", "comparison": {"rows": rows, **comparison}},
        "agreement_with_float": {"value": 1.0},
    }
    return bool(verdict(evaluation, None, None, GateSettings(rules={"rule": rule}))["passed"])


def against_champion(test: str, metric: str = "accuracy", **more: Any) -> GateRule:
    return GateRule.model_validate({"metric": metric, "against": "champion", "test": test, **more})


def accuracy(rows: int, gained: int, lost: int) -> dict[str, Any]:
    """The comparison of two models that are right on different rows so often."""
    right, other = np.zeros(rows, bool), np.zeros(rows, bool)
    right[:gained], other[gained : gained + lost] = True, True
    return {"metrics": {"accuracy": paired(right, other, CONFIDENCE)}}


def rate(what: str, times: int, trials: int, *, most: float | None = None, least: float | None = None) -> Figure:
    """A share of the trials, in percent, with what it must reach."""
    share = times / trials
    if most is not None:
        return Figure(what, 100 * share, "%", f"at most {100 * most:g}", share <= most + ERROR)
    if least is not None:
        return Figure(what, 100 * share, "%", f"at least {100 * least:g}", share >= least - ERROR)
    return Figure(what, 100 * share, "%")
