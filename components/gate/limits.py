"""Floors and ceilings: a value, or the worse end of its interval, against a limit."""

from __future__ import annotations

from components.base.metric_names import words
from components.base.settings import GateRule
from components.gate.advice import to_reach
from components.gate.entries import Entry, about, counted, figure, interval, listed, part_of
from components.gate.evidence import Estimate, Evaluation, Evidence
from components.gate.parts import Each, each_part, the_part
from components.gate.statistics import rows_needed


def limited(name: str, rule: GateRule, evidence: Evidence) -> Entry:
    """The rule's entry; of several parts, the worst one is observed."""
    if each := each_part(rule, evidence.evaluation):
        return _each(name, rule, each)
    return _one(name, rule, the_part(rule, evidence), evidence.evaluation)


def _one(name: str, rule: GateRule, estimate: Estimate, evaluation: Evaluation) -> Entry:
    what = " of ".join(filter(None, [words(rule.metric), part_of(rule)]))
    found = _decisive(rule, estimate)
    if found is None:
        why = estimate.why or f"{what} {'is' if estimate.value is None else 'has an interval that is'} not defined"
        return _entry(name, rule, estimate, False, why, advice=f"For {name}: {why}.")
    passed, limit = _holds(rule, estimate), _limit(rule)
    needed = None if passed else _needed(rule, estimate, evaluation)
    why = f"{what}: {figure(found, limit)} {_verb(rule, passed)} {limit:g}"
    if rule.by == "interval" and estimate.low is not None and estimate.high is not None:
        shown = interval(estimate.low, estimate.high, evaluation.confidence)
        why = f"{_worse_end(rule)} of {why} ({shown}{_doubt(estimate)})"
    if needed:
        why += f"; {about(needed)} test rows would settle it"
    return _entry(name, rule, estimate, passed, why, needed, to_reach(rule, [rule.label or rule.slice]))


def _each(name: str, rule: GateRule, each: Each) -> Entry:
    if not each.estimates:
        return _entry(name, rule, Estimate(), False, each.nothing, advice=f"For {name}: {each.nothing}.")
    what = words(rule.metric) if rule.label or rule.slice else "share of failures"
    what = f"{_worse_end(rule)} of {what}" if rule.by == "interval" else what
    ranked = sorted(each.estimates.items(), key=lambda item: _badness(rule, item[1]), reverse=True)
    failed = [(part, estimate) for part, estimate in ranked if not _holds(rule, estimate)]
    number, verb = counted(len(ranked), each.things), _verb(rule, not failed)
    if failed:
        why = f"{what} {verb} {_limit(rule):g} for {len(failed)} of {number}: "
        why += listed([f"{part} {_brief(rule, estimate)}" for part, estimate in failed])
    else:
        why = (
            f"{what} {verb} {_limit(rule):g} for each of {number}; worst is {ranked[0][0]} {_brief(rule, ranked[0][1])}"
        )
    if each.empty:
        why += f"; nothing is known of {listed(each.empty)}"
    return _entry(name, rule, ranked[0][1], not failed, why, advice=to_reach(rule, [part for part, _ in failed]))


def _entry(
    name: str, rule: GateRule, estimate: Estimate, passed: bool, why: str, needed: int | None = None, advice: str = ""
) -> Entry:
    end = {"value": "", "interval": "low " if _is_floor(rule) else "high "}[rule.by]
    return Entry(
        rule=name,
        severity=rule.severity,
        metric=rule.metric,
        part=part_of(rule),
        observed=estimate.value,
        low=estimate.low,
        high=estimate.high,
        limit=f"{end}{'>=' if _is_floor(rule) else '<='} {_limit(rule):g}",
        passed=passed,
        why=why,
        rows_needed=needed,
        advice=advice,
        remark=estimate.remark,
    )


def _is_floor(rule: GateRule) -> bool:
    return rule.at_least is not None


def _limit(rule: GateRule) -> float:
    limit = rule.at_least if rule.at_least is not None else rule.at_most
    assert limit is not None
    return limit


def _worse_end(rule: GateRule) -> str:
    return "lower end" if _is_floor(rule) else "upper end"


def _decisive(rule: GateRule, estimate: Estimate) -> float | None:
    """What is held against the limit."""
    if rule.by == "value" or estimate.value is None:
        return estimate.value
    return estimate.low if _is_floor(rule) else estimate.high


def _holds(rule: GateRule, estimate: Estimate) -> bool:
    found = _decisive(rule, estimate)
    if found is None:
        return False
    return found >= _limit(rule) if _is_floor(rule) else found <= _limit(rule)


def _badness(rule: GateRule, estimate: Estimate) -> float:
    """What is not defined is as bad as can be."""
    found = _decisive(rule, estimate)
    if found is None:
        return float("inf")
    return -found if _is_floor(rule) else found


def _brief(rule: GateRule, estimate: Estimate) -> str:
    found = _decisive(rule, estimate)
    if found is None:
        return f"not defined ({estimate.why})" if estimate.why else "not defined"
    return figure(found, _limit(rule))


def _verb(rule: GateRule, passed: bool) -> str:
    if _is_floor(rule):
        return "reaches" if passed else "is below"
    return "is at most" if passed else "is above"


def _doubt(estimate: Estimate) -> str:
    return f", not reliable with a support of {estimate.support:,}" if estimate.unreliable else ""


def _needed(rule: GateRule, estimate: Estimate, evaluation: Evaluation) -> int | None:
    """Where the value is on the right side of the limit, and only the end of its interval is not."""
    value, low, high = estimate.value, estimate.low, estimate.high
    if rule.by == "value" or value is None or low is None or high is None:
        return None
    gap = value - _limit(rule) if _is_floor(rule) else _limit(rule) - value
    return rows_needed(evaluation.rows, low, high, gap, evaluation.alpha)
