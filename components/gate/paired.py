"""What the tests superior, non_inferior and not_worse ask of one paired difference."""

from __future__ import annotations

from components.base.settings import GateRule
from components.gate.evidence import Difference, Evaluation
from components.gate.statistics import p_at_least, p_at_most, p_better, rows_needed


def limit(rule: GateRule) -> float:
    """What the true difference is held against."""
    return 0 - rule.margin


def limit_text(rule: GateRule, evaluation: Evaluation, exact: bool = False) -> str:
    """`exact`: the exact test decides."""
    edge, loss, alpha = f"{limit(rule):g}", rule.test == "not_worse", evaluation.alpha
    of_each = "*" in (rule.label, rule.slice)
    if not exact and not of_each:
        return f"high >= {edge}" if loss else f"low > {edge}"
    p = f"adjusted p <= {alpha:g}" if of_each else f"p <= {2 * alpha:g}"
    return f"not < {edge} with {p}" if loss else f"> {edge} with {p}"


def is_defined(found: Difference | None) -> bool:
    return found is not None and None not in (found.value, found.low, found.high)


def exact_p(rule: GateRule, found: Difference) -> float | None:
    """The exact test decides where its p-value is of the question that the rule asks."""
    return None if rule.margin or rule.test == "non_inferior" else found.p


def holds(rule: GateRule, found: Difference, alpha: float) -> bool:
    """`alpha` is what is left beyond each end of the interval. The difference is defined."""
    assert found.value is not None and found.low is not None and found.high is not None
    p = exact_p(rule, found)
    if rule.test == "not_worse":
        return found.high >= limit(rule) if p is None else not (found.value < 0 and p <= 2 * alpha)
    return found.low > limit(rule) if p is None else found.value > 0 and p <= 2 * alpha


def one_sided_p(rule: GateRule, found: Difference, evaluation: Evaluation) -> float | None:
    """Of what the rule would have rejected: no gain, a loss of the margin; for not_worse, that there is no such loss.

    None where nothing can be told: too few rows for the bounds to be reliable, and no exact test.
    """
    assert found.value is not None
    loss = rule.test == "not_worse"
    if (p := exact_p(rule, found)) is not None:
        return p_better(p, -found.value if loss else found.value)
    if found.unreliable or not found.bounds:
        return None
    return (p_at_least if loss else p_at_most)(limit(rule), evaluation.tails, found.bounds)


def needed(rule: GateRule, found: Difference, rows: int, alpha: float, tests: int = 1) -> int | None:
    """How many test rows, of `rows` now, would show the difference to be beyond the limit, where it seems to be."""
    assert found.value is not None and found.low is not None and found.high is not None
    gap = found.value - limit(rule)
    return rows_needed(rows, found.low, found.high, -gap if rule.test == "not_worse" else gap, alpha, tests)
