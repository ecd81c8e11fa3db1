"""What a rule came to, and how its figures are written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from components.base.settings import GateRule

NAMES_SHOWN = 5
# Of an entry, what verdict.json holds; `remark` and `advice` go into its whys and its next steps.
FIELDS = (
    "rule",
    "severity",
    "metric",
    "part",
    "against",
    "observed",
    "low",
    "high",
    "limit",
    "passed",
    "why",
    "rows_needed",
)


@dataclass(frozen=True)
class Entry:
    """`low` and `high` are the ends of the interval of `observed`. `remark` is what else is to be known of the
    comparison, `advice` what to do where the rule does not hold."""

    rule: str
    severity: str
    metric: str
    limit: str
    passed: bool
    why: str
    part: str = ""
    against: str = ""
    observed: float | str | None = None
    low: float | None = None
    high: float | None = None
    rows_needed: int | None = None
    remark: str = ""
    advice: str = ""

    def shown(self) -> dict[str, Any]:
        why = f"{self.why}; {self.remark}" if self.remark else self.why
        return {name: getattr(replace(self, why=why), name) for name in FIELDS}


def part_of(rule: GateRule) -> str:
    if rule.label:
        return f"label {rule.label}"
    return f"slice {rule.slice}" if rule.slice else ""


def figure(value: float, limit: float = math.nan) -> str:
    """With four decimals where it is not whole, more where it would else not be on its own side of the limit."""
    if float(value).is_integer():
        return f"{value:,.0f}"
    for digits in range(1 if abs(value) >= 10 else 4, 17):
        text = f"{value:.{digits}f}"
        if (float(text) < limit, float(text) > limit) == (value < limit, value > limit):
            break
    return text


def shown_figure(value: float | str | None) -> str:
    """As an entry holds it; a dash for None."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else figure(value)


def state(rule: Mapping[str, Any]) -> str:
    """Of an entry in verdict.json: pass, warn or fail."""
    if rule["passed"]:
        return "pass"
    return "warn" if rule["severity"] == "warn" else "fail"


def signed(value: float, limit: float = 0.0) -> str:
    return ("+" if value > 0 else "") + figure(value, limit)


def interval(low: float, high: float, confidence: float, show: Any = figure) -> str:
    return f"{100 * confidence:g} % interval {show(low)} to {show(high)}"


def listed(items: Sequence[str]) -> str:
    """The first five, and how many more."""
    more = f" and {len(items) - NAMES_SHOWN} more" if len(items) > NAMES_SHOWN else ""
    return ", ".join(items[:NAMES_SHOWN]) + more


def counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"


def named(thing: str, names: Sequence[str]) -> str:
    return f"{thing}{'s' * (len(names) != 1)} {listed(names)}"


def about(rows: int) -> str:
    """To two digits, up: a sample size is an estimate."""
    unit = 10 ** max(len(str(rows)) - 2, 0)
    return f"about {math.ceil(rows / unit) * unit:,}"
