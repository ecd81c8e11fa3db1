"""How a figure stands in evaluation.json: its value with an interval, or why it has none."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.base.counts import Floats
from components.base.statistics.bounds import TAILS, bca_bounds, bound, mostly_defined
from components.base.statistics.proportions import mcnemar, paired_bounds, sign_flips, wilson
from components.base.truncation import Integers

# Replicates, jackknife and times, as bca_bounds takes them.
Samples = tuple[Floats, Floats, Integers]
# Rows, or groups of rows, below which an interval is not relied on.
FEW = 20
RANGES = {"matthews": (-1.0, 1.0), "log_loss": (0.0, np.inf), "brier": (0.0, 2.0)}
UNDEFINED = {
    "accuracy": "there is no row",
    "precision": "it is never predicted",
    "recall": "no test row has it",
    "f1": "no test row has it, and it is never predicted",
    "matthews": "all rows, or all answers, are of one class",
    "roc_auc": "no class has test rows both with it and without it",
    "pr_auc": "no class has test rows both with it and without it",
}


def proportion(hits: float, of: float, confidence: float, part: str = "accuracy") -> dict[str, Any]:
    """An estimate by Wilson's interval, where every one of `of` is decided for itself."""
    if not of:
        return undefined(UNDEFINED[part])
    low, high = wilson(hits, of, confidence)
    return _entry(hits / of, low, high, of, _few(of))


def estimate(
    name: str,
    value: float,
    samples: Samples,
    support: int,
    confidence: float,
    why: str = "",
) -> dict[str, Any]:
    """By bootstrap; `support` is what the figure rests on at least, `why` what else makes it unreliable."""
    if np.isnan(value):
        return undefined(UNDEFINED.get(name, UNDEFINED.get(name.rpartition("_")[2], "there is nothing to count")))
    lowest, highest = RANGES.get(name, (0.0, 1.0))
    bounds = bca_bounds(value, *samples) if mostly_defined(samples[0]) else None
    if bounds is not None:
        low, high = _at(bounds, confidence)
        return _entry(value, max(low, lowest), min(high, highest), support, why or _few(support))
    if value in (0.0, 1.0) and support:
        return _entry(value, *wilson(value * support, support, confidence), support, why or _few(support))
    return _entry(value, lowest, highest if np.isfinite(highest) else None, support, why or "samples of it do not vary")


def minus(one: tuple[float, Samples], other: tuple[float, Samples]) -> tuple[float, Samples]:
    """The difference of two metrics of the same samples."""
    (value, (drawn, without, times)), (second, (their_drawn, their_without, _)) = one, other
    return value - second, (drawn - their_drawn, without - their_without, times)


def difference(
    name: str, value: float, samples: Samples, rows: int, confidence: float, why: str = ""
) -> dict[str, Any]:
    """A paired one, by bootstrap. Where no sample differs, its bounds are those of `rows` rows that are all alike."""
    if np.isnan(value) or not mostly_defined(samples[0]):
        return _no_difference(value, rows)
    bounds = bca_bounds(value, *samples)
    if bounds is None:
        bounds = value + paired_bounds(0, 0, rows)
    lowest, highest = RANGES.get(name, (0.0, 1.0))
    return _difference(value, np.clip(bounds, lowest - highest, highest - lowest), rows, confidence, why)


def grouped(value: float, samples: Samples, net: Integers, of: int, rows: int, confidence: float) -> dict[str, Any]:
    """A paired difference of right decisions, `of` so many, that are drawn in groups: `net` int64 [groups] are those
    that the first model has right more than the other. Its p is exact; since few groups that differ make samples too
    alike, its bounds are those of the bootstrap or of independent decisions, whichever is wider."""
    if np.isnan(value):
        return _no_difference(value, rows)
    gained, lost = int(net[net > 0].sum()), int(-net[net < 0].sum())
    bounds = alone = paired_bounds(gained, lost, of)
    drawn = bca_bounds(value, *samples) if mostly_defined(samples[0]) else None
    if drawn is not None:
        bounds = np.where(TAILS < 0.5, np.minimum(drawn, alone), np.maximum(drawn, alone))
    found = _difference(value, np.clip(bounds, -1, 1), rows, confidence, "")
    return {**found, "gained": gained, "lost": lost, "p": sign_flips(net)}


def paired(right: Any, other: Any, confidence: float) -> dict[str, Any]:
    """The difference of the shares of rows that are right, bool [rows] each: Tango's bounds and McNemar's exact p."""
    rows = len(right)
    if not rows:
        return undefined("there is no row") | {"bounds": None, "rows": 0}
    gained, lost = int((right & ~other).sum()), int((other & ~right).sum())
    found = _difference((gained - lost) / rows, paired_bounds(gained, lost, rows), rows, confidence, "")
    return {**found, "gained": gained, "lost": lost, "p": mcnemar(gained, lost)}


def _no_difference(value: float, rows: int) -> dict[str, Any]:
    why = "it is not defined for both models" if np.isnan(value) else "too many samples do not define it"
    return undefined(why) | {"bounds": None, "rows": rows}


def undefined(why: str) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "support": 0, "unreliable": True, "why": why}


def _difference(value: float, bounds: Floats, rows: int, confidence: float, why: str) -> dict[str, Any]:
    entry = _entry(value, *_at(bounds, confidence), rows, why or _few(rows))
    del entry["support"]
    return {**entry, "bounds": [round(float(number), 6) for number in bounds], "rows": rows}


def _entry(value: float, low: float, high: float | None, support: float, why: str) -> dict[str, Any]:
    entry = {
        "value": round(float(value), 12),
        "low": round(low, 6),
        "high": None if high is None else round(high, 6),
        "support": int(support),
        "unreliable": bool(why),
    }
    return {**entry, "why": why} if why else entry


def _at(bounds: Floats, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    return bound(bounds, tail), bound(bounds, 1 - tail)


def few_of_class(rows: Any) -> str:
    """Where macro averages rest on classes with few of the rows, [classes]."""
    few = int(((rows > 0) & (rows < FEW)).sum())
    return f"fewer than {FEW} test rows have {few} of the classes" if few else ""


def _few(support: float) -> str:
    return f"it rests on {int(support)} only" if support < FEW else ""
