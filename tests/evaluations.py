"""Makes evaluation.json by hand: every part of it, for single labels, from accuracies alone."""

from __future__ import annotations

from typing import Any

from scipy.stats import norm

from components.base.metric_names import COMPARED, TASK_METRICS

LABELS = ["negative", "neutral", "positive"]
ROWS_PER_LABEL = 30
TAILS = [1e-5, 1e-4, 1e-3, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5]
TAILS += [1 - tail for tail in reversed(TAILS[:-1])]
DEVIATES = norm.ppf(TAILS).tolist()


def estimate(value: float | None, support: int = 90, error: float = 0.05, why: str = "", **changes: Any) -> Any:
    """`error` is the standard error; an estimate without a value says `why`."""
    low, high = (None, None) if value is None else (max(0.0, value - 1.96 * error), min(1.0, value + 1.96 * error))
    found = {"value": value, "low": low, "high": high, "support": support, "unreliable": support < 20, **changes}
    return {**found, "why": why} if why else found


def difference(value: float | None, rows: int = 90, error: float = 0.025, why: str = "", **changes: Any) -> Any:
    """With normal bounds; `gained`, `lost` and `p` are for changes to add."""
    bounds = None if value is None else [value + deviate * error for deviate in DEVIATES]
    low, high = (bounds[TAILS.index(0.025)], bounds[-1 - TAILS.index(0.025)]) if bounds else (None, None)
    ends = {"value": value, "low": low, "high": high, "bounds": bounds}
    found = {**ends, "rows": rows, "unreliable": rows < 20, **changes}
    return {**found, "why": why} if why else found


def score(accuracy: float, labels: list[str] = LABELS, task: str = "single-label") -> dict[str, Any]:
    """`metrics`, `per_label` and `confusion` of a model whose mistakes are each the label after the true one."""
    right = round(accuracy * ROWS_PER_LABEL)
    losses = {"expected_calibration_error": 0.04, "brier": 1 - accuracy, "log_loss": 1.3 - accuracy}
    metrics = {name: estimate(losses.get(name, accuracy)) for name in TASK_METRICS[task]}
    metrics["macro_f1"] = estimate(accuracy - 0.05)
    parts = {part: estimate(accuracy, ROWS_PER_LABEL, 0.1) for part in ("precision", "recall", "f1")}
    confusion = [[0] * len(labels) for _ in labels]
    for place, row in enumerate(confusion):
        row[place] += right
        row[(place + 1) % len(labels)] += ROWS_PER_LABEL - right
    return {
        "metrics": metrics,
        "per_label": {label: {"support": ROWS_PER_LABEL, **parts} for label in labels},
        "confusion": confusion,
    }


def comparison(gain: float, rows: int = 90, **changes: Any) -> dict[str, Any]:
    """Of the bundle minus a model; changes may add per_label and slices, as the champion's has."""
    exact = {"gained": max(0, round(gain * rows)) + 3, "lost": max(0, round(-gain * rows)) + 3, "p": 0.25}
    metrics = {name: difference(gain, rows) for name in COMPARED} | {"accuracy": difference(gain, rows, **exact)}
    return {"rows": rows, "fair": True, "seen": 0, "notes": [], "metrics": metrics, **changes}


def make_champion(
    version: str = "7", accuracy: float = 0.6, gain: float = 0.1, labels: list[str] = LABELS, **changes: Any
) -> dict[str, Any]:
    """Its comparison takes `changes`, such as fair or notes."""
    by_label = {label: {"recall": difference(gain, ROWS_PER_LABEL, 0.05)} for label in labels}
    by_slice = {one["name"]: {name: difference(gain, 45) for name in one["metrics"]} for one in _slices(0.7)}
    compared = comparison(gain, ROWS_PER_LABEL * len(labels), per_label=by_label, slices=by_slice, **changes)
    scored = score(accuracy, labels)
    del scored["confusion"]
    return {"version": version, "digest": "f" * 64, **scored, "comparison": compared}


def make_evaluation(
    accuracy: float = 0.7, digest: str = "d" * 64, labels: list[str] = LABELS, champion: Any = None, **changes: Any
) -> dict[str, Any]:
    """The whole of it; `changes` replace what stands at the top. The champion is make_champion's, or None."""
    rows = ROWS_PER_LABEL * len(labels)
    others = {
        name: {"digest": digest, "metrics": score(scored, labels)["metrics"], "comparison": comparison(gain, rows)}
        for name, digest, scored, gain in (("float", "e" * 64, 0.72, -0.02), ("linear", "a" * 64, 0.65, 0.05))
    }
    return {
        "task": "single-label",
        "rows": rows,
        "labels": labels,
        "classes": labels,
        "main": "accuracy",
        "confidence": 0.95,
        "tails": TAILS,
        "units": {"of": "rows", "count": rows},
        "bundle": {"digest": digest, "bytes": 23_600_000, **score(accuracy, labels)},
        **others,
        "champion": champion,
        "agreement_with_float": estimate(0.98, rows, 0.01),
        "slices": _slices(accuracy),
        **_probabilities(),
        "behaviour": _behaviour(),
        "label_errors": _label_errors(labels),
        "mistakes": [{"id": "row-3", "label": labels[0], "predicted": labels[1], "probability": 0.97}],
        **changes,
    }


def _slices(accuracy: float) -> list[dict[str, Any]]:
    parts = [
        ("short", "length", "1 to 20 characters", accuracy + 0.1, 45),
        ("long", "length", "21 to 200 characters", accuracy - 0.1, 45),
        ("label negative", "label", "label is negative", accuracy, 30),
        ("channel=mail", "column", "channel is mail", None, 0),
        ("worst 1", "worst", "refund in the text", accuracy - 0.4, 8),
    ]
    return [
        {
            "name": name,
            "by": by,
            "where": where,
            "rows": rows,
            "metrics": {
                metric: estimate(value, rows, 0.08, "" if rows else "no row is in it")
                for metric in ("accuracy", *(["macro_f1"] if by != "label" else []))
            },
        }
        for name, by, where, value, rows in parts
    ]


def _probabilities() -> dict[str, Any]:
    """calibration, abstain and out_of_scope."""
    bins = [
        {"low": low / 10, "high": (low + 1) / 10, "count": count, "confidence": mean, "accuracy": right}
        for low, count, mean, right in ((3, 0, None, None), (5, 30, 0.55, 0.5), (9, 60, 0.95, 0.8))
    ]
    return {
        "calibration": {"temperature": 1.25, "bins": bins},
        "abstain": {"below": 0.6, "precision": estimate(0.85, 70), "coverage": estimate(0.78)},
        "out_of_scope": {
            "label": "neutral",
            "rows": 30,
            "auc": estimate(0.9),
            "recall": estimate(0.8, 30),
            "precision": estimate(None, 0, why="no answer is out of scope"),
        },
    }


def _behaviour() -> list[dict[str, Any]]:
    return [
        {
            "name": "typos",
            "kind": "invariance",
            "cases": 40,
            "failures": 2,
            "share": estimate(0.05, 40),
            "failed": ["row-5", "row-8"],
        },
        {
            "name": "names",
            "kind": "invariance",
            "cases": 0,
            "failures": 0,
            "share": estimate(None, 0, why="it has no case"),
            "failed": [],
            "why": "no test row has a name in it",
        },
    ]


def _label_errors(labels: list[str]) -> dict[str, Any]:
    worst = [{"id": "row-9", "label": labels[0], "likely": labels[-1], "score": 0.04}]
    found = {"method": "confident learning", "rows": 200, "found": 4, "share": 0.02, "worst": worst}
    return {"train": found, "test": {"problem": "it has fewer than 10 rows of a label"}}
