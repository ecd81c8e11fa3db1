"""An evaluation as the step evaluate writes it, made from a few figures; bounds are those of a normal distribution."""

from __future__ import annotations

from typing import Any

from scipy.stats import binomtest, norm

from components.base.settings import GateSettings, Task
from components.base.settings.gate import with_default_rules
from components.gate.rules import verdict

TAILS = [1e-5, 1e-4, 1e-3, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5]
TAILS += [1 - tail for tail in reversed(TAILS[:-1])]
ROWS = 3000
PROCESSOR = {"name": "One", "machine": "x86_64", "cores": 2, "has": ["AVX2", "AVX-512"], "lacks": ["VNNI", "AMX"]}
SPEED = {"p50_ms": 3.0, "p95_ms": 5.0, "texts_per_second": 400.0, "load_s": 0.2}
TIMING = {**SPEED, "rows": 200, "threads": 0, "processor": PROCESSOR}
BENCH: dict[str, Any] = {
    "bundle": {"name": "tiny", "digest": "mine", "precision": "int8"},
    "threads": 2,
    "processor": PROCESSOR,
    "models": {"bundle": {"p50_ms": 4.0, "p95_ms": 6.0, "texts_per_second": 300.0, "load_s": 0.5}},
}
VALIDATION: dict[str, Any] = {
    "passed": True,
    "checks": [
        {"check": "across splits: leakage", "observed": 0},
        {"check": "across splits: contradictions", "observed": 0},
        {"check": "test: near_leakage", "observed": 0.0},
    ],
    "profile": {"test": {"rows": ROWS}},
}


def rules(task: Task = "single-label", only: bool = False, **given: dict[str, Any]) -> GateSettings:
    """The default rules of the task with the given ones; `only` those."""
    gate = {"rules": given} if only else with_default_rules({"rules": given}, task)
    return GateSettings.model_validate(gate)


def estimate(value: float | None, error: float = 0.01, support: int = ROWS, **more: Any) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None, "support": support, "unreliable": True, **more}
    ends = {"low": value - 1.96 * error, "high": value + 1.96 * error}
    return {"value": value, **ends, "support": support, "unreliable": False, **more}


def difference(value: float | None, error: float = 0.005, rows: int = ROWS, **more: Any) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None, "bounds": None, "rows": rows, "unreliable": True, **more}
    bounds = [value + float(norm.ppf(tail)) * error for tail in TAILS]
    ends = {"low": bounds[TAILS.index(0.025)], "high": bounds[-1 - TAILS.index(0.025)]}
    return {"value": value, **ends, "bounds": bounds, "rows": rows, "unreliable": False, **more}


def changed(gained: int, lost: int, rows: int = ROWS) -> dict[str, Any]:
    """The difference of an accuracy, from the rows that only one of the two models has right."""
    share = (gained - lost) / rows
    error = ((gained + lost) / rows - share**2) ** 0.5 / rows**0.5
    p = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    return difference(share, error, rows, gained=gained, lost=lost, p=p)


def comparison(accuracy: dict[str, Any], **more: Any) -> dict[str, Any]:
    metrics = {"accuracy": accuracy, "macro_f1": {**accuracy, "p": None}, "micro_f1": {**accuracy, "p": None}}
    parts = {"per_label": {"a": {"recall": accuracy}}, "slices": {"short": {"accuracy": accuracy}}}
    return {"rows": ROWS, "fair": True, "seen": 0, "metrics": metrics, **parts, "notes": [], **more}


def champion(accuracy: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "7", "digest": "theirs", "comparison": comparison(accuracy, **more)}


def label(recall: float | None, support: int = 1000, precision: float | None = 0.8) -> dict[str, Any]:
    found = {"recall": recall, "precision": precision, "f1": recall}
    return {"support": support, **{name: estimate(value, support=support) for name, value in found.items()}}


def part(name: str, accuracy: float | None, rows: int = 500) -> dict[str, Any]:
    metrics = {"accuracy": estimate(accuracy, support=rows)}
    return {"name": name, "by": "rule", "where": name, "rows": rows, "metrics": metrics}


def evaluation(against: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Of a good model; `against` is the champion. `metrics` and `per_label` change those of the bundle."""
    metrics = {"accuracy": estimate(0.8), "macro_f1": estimate(0.75), "expected_calibration_error": estimate(0.03)}
    per_label = changes.pop("per_label", {"a": label(0.9), "b": label(0.8), "c": label(0.7)})
    metrics |= changes.pop("metrics", {})
    bundle = {"digest": "mine", "bytes": 23_600_000, "metrics": metrics, "per_label": per_label}
    return {
        "task": "single-label",
        "rows": ROWS,
        "labels": ["a", "b", "c"],
        "classes": ["a", "b", "c"],
        "main": "accuracy",
        "confidence": 0.95,
        "tails": TAILS,
        "units": {"of": "rows", "count": ROWS},
        "bundle": bundle,
        "float": {"digest": "float", "comparison": comparison(changed(5, 6))},
        "linear": {"digest": "linear", "comparison": comparison(changed(300, 100))},
        "champion": against,
        "agreement_with_float": estimate(0.99),
        "slices": [part("short", 0.7), part("long", 0.85)],
        "calibration": None,
        "abstain": None,
        "out_of_scope": None,
        "behaviour": [],
        "label_errors": {"train": {"method": "x", "rows": 9000, "found": 90, "share": 0.01, "worst": []}},
        "mistakes": [],
        **changes,
    }


def decide(found: dict[str, Any], settings: GateSettings | None = None, **changes: Any) -> dict[str, Any]:
    timing, validation = changes.get("timing", TIMING), changes.get("validation", VALIDATION)
    return verdict(found, timing, validation, settings or rules(), changes.get("bench"))


def entry(decision: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [rule for rule in decision["rules"] if rule["rule"] == name]
    return dict(found)


def alone(rule: dict[str, Any], found: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The entry of one rule; the verdict must be what it says."""
    decision = decide(found or evaluation(), rules(only=True, it=rule), **changes)
    (one,) = decision["rules"]
    assert decision["passed"] == (one["passed"] or one["severity"] == "warn")
    return dict(one)
