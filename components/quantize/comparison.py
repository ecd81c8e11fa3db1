"""A candidate against the float model on the same rows, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from components.base.settings import QuantizationSettings
from components.base.statistics.bounds import bound
from components.base.statistics.proportions import paired_bounds
from components.base.statistics.resampling import distinct, resample
from components.base.targets import Targets
from serving.tasks.task import Decider, Decisions

CONFIDENCE = 0.95
SAMPLES = 2000


def compare(targets: Targets, logits: np.ndarray, reference: np.ndarray, size: int, decider: Decider) -> dict[str, Any]:
    """A candidate's figures against the float logits on rows whose answers are known, both decided by `decider`.

    `agreement` is the share of decisions that are the same: of rows, all labels of one together, or of words. What the
    main metric loses has an interval of 95 %; the float model itself loses nothing.
    """
    task = targets.task
    predicted, expected = (
        task.decide(task.probabilities(found, decider.temperature), decider) for found in (logits, reference)
    )
    value, best = (float(targets.counts(found).whole().metric(targets.main)[0]) for found in (predicted, expected))
    return {
        "agreement": float(targets.same(predicted, expected).mean()),
        targets.main: value,
        f"{targets.main}_drop": round(best - value, 12),
        f"{targets.main}_drop_interval": [0.0, 0.0] if logits is reference else _interval(targets, predicted, expected),
        "max_logit_difference": float(np.nanmax(np.abs(logits - reference))),
        "bytes": size,
    }


def judge(figures: Mapping[str, Any], main: str, limits: QuantizationSettings) -> str:
    """Why a candidate is outside the limits, or "" when it is within them."""
    if figures["agreement"] < limits.min_agreement:
        return f"agrees with float on {figures['agreement']:.4f} of the decisions, below {limits.min_agreement}"
    if figures[f"{main}_drop"] > limits.max_accuracy_drop:
        lost = f"{figures[f'{main}_drop']:.4f} {main.replace('_', ' ')}"
        return f"loses {lost}, more than {limits.max_accuracy_drop}"
    return ""


def choose(
    candidates: Mapping[str, Mapping[str, Any]],
    timing: Mapping[str, Mapping[str, float]],
    policy: str,
    timed_before: str = "",
) -> tuple[str, str]:
    """The candidate that the policy takes of those within the limits, and why; what was the fastest before still is."""
    within = [name for name, figures in candidates.items() if figures["within_limits"]]
    if policy == "fastest_within":
        chosen = timed_before if timed_before in within else min(within, key=lambda name: timing[name]["p50_ms"])
        why = "the fastest within the limits"
    elif policy == "smallest_within":
        chosen = min(within, key=lambda name: candidates[name]["bytes"])
        why = f"the smallest within the limits, {candidates[chosen]['bytes'] / 1e6:.1f} MB"
    else:
        chosen = policy if policy in within else "float32"
        why = f"quantization.policy names {policy}"
    refused = [f"{name} {figures['why']}" for name, figures in candidates.items() if figures["why"]]
    if chosen == "float32" and len(within) == 1 and len(candidates) > 1:
        why = "no other candidate is within the limits"
    return chosen, "; ".join([why, *refused])


def _interval(targets: Targets, predicted: Decisions, expected: Decisions) -> list[float]:
    """Of what is lost: Tango's for rows that are right or wrong each by itself, else of a bootstrap of the rows."""
    mine, theirs = targets.counts(predicted), targets.counts(expected)
    tails = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    if targets.main == "accuracy":
        gained, lost = int((theirs.right & ~mine.right).sum()), int((mine.right & ~theirs.right).sum())
        bounds = paired_bounds(gained, lost, len(targets))
        return [round(bound(bounds, tail), 6) for tail in tails]
    units = distinct(np.concatenate([targets.keys(found) for found in (targets.truth, predicted, expected)], axis=1))
    features = [units.features(counts.table) for counts in (theirs, mine)]
    blocks = resample(units, SAMPLES, 0, lambda times: [table @ times for table in features])
    theirs_drawn, mine_drawn = (np.concatenate([block[which] for block in blocks], axis=1).T for which in (0, 1))
    losses = theirs.sums(theirs_drawn).metric(targets.main) - mine.sums(mine_drawn).metric(targets.main)
    return [round(float(end), 6) for end in np.nanquantile(losses, tails)]
