"""Rules against another model on the same rows: superior, non-inferior or not worse."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from components.base.metric_names import words
from components.base.settings import GateRule, GateSettings
from components.gate.advice import to_show
from components.gate.entries import Entry, about, counted, interval, listed, part_of, signed
from components.gate.evidence import Comparison, Difference, Evaluation
from components.gate.families import compared_each
from components.gate.paired import exact_p, holds, is_defined, limit, limit_text, needed


class Against(NamedTuple):
    """`who` the other model is, in words."""

    who: str
    comparison: Comparison


def compared(name: str, rule: GateRule, evaluation: Evaluation, settings: GateSettings) -> Entry:
    """The rule's entry; of several parts, the one that is worst for it is observed."""
    of_what = rule.metric, limit_text(rule, evaluation)
    entry = Entry(name, rule.severity, *of_what, False, "", part_of(rule), rule.against)
    found = _other(rule, evaluation)
    if found is None:
        return replace(entry, passed=True, why="there is no champion yet")
    if isinstance(found, str):
        return _unusable(entry, found, settings) if rule.against == "champion" else _unknown(entry, found)
    if "*" in (rule.label, rule.slice):
        entry = compared_each(entry, rule, found.who, found.comparison, evaluation)
    else:
        entry = _one(entry, rule, found, evaluation)
    return replace(entry, remark=_remark(found, evaluation))


def _other(rule: GateRule, evaluation: Evaluation) -> Against | str | None:
    """The model to compare with; why there is none, or None where there is no champion yet."""
    if rule.against != "champion":
        other = evaluation.linear if rule.against == "linear" else evaluation.parent
        who = "the linear model" if rule.against == "linear" else "its float parent"
        return Against(who, other.comparison) if other else f"{who} was not evaluated, so that nothing is compared"
    champion = evaluation.champion
    if champion is None:
        return None
    who = f"champion version {champion.version}"
    if champion.problem or champion.comparison is None:
        return f"{who} cannot be compared with: {champion.problem or 'the evaluation has no comparison'}"
    if champion.comparison.rows == 0:
        seen = f"it was trained on {champion.comparison.seen:,}" if champion.comparison.seen else "none is left"
        return f"{who} cannot be compared with on any of the {evaluation.rows:,} test rows: {seen} of them"
    return Against(who, champion.comparison)


def _remark(against: Against, evaluation: Evaluation) -> str:
    """What else is to be known of the comparison: whether it is fair, and of which labels it is."""
    found, said = against.comparison, []
    if found.seen is None:
        said.append(f"whether {against.who} was trained on some of the test rows is not known")
    elif not found.fair:
        said.append(
            f"unfair: {against.who} was trained on {found.seen:,} of the {evaluation.rows:,} test rows; compared on the"
            f" other {found.rows:,}"
        )
    if found.labels is not None:
        said.append(f"compared on the {counted(len(found.labels), 'label')} that both know: {listed(found.labels)}")
    return "; ".join(said)


def _unknown(entry: Entry, why: str) -> Entry:
    return replace(entry, why=why, advice=f"For {entry.rule}: {why}")


def _unusable(entry: Entry, why: str, settings: GateSettings) -> Entry:
    severity = "warn" if settings.unusable_champion == "warn" else entry.severity
    advice = f"See that {why.partition(':')[0].replace('cannot', 'can')} again, or set gate.unusable_champion: warn"
    return replace(entry, severity=severity, why=why, advice=advice)


def _one(entry: Entry, rule: GateRule, against: Against, evaluation: Evaluation) -> Entry:
    what, rows = " of ".join(filter(None, [words(rule.metric), entry.part])), against.comparison.rows
    found = _difference(rule, against.comparison)
    if found is None:
        return _unknown(entry, f"{what} was not compared with that of {against.who}, which has none")
    if not is_defined(found):
        return _unknown(entry, f"the difference of {what} is not defined" + (f": {found.why}" if found.why else ""))
    passed = holds(rule, found, evaluation.alpha)
    settled = needed(rule, found, rows, evaluation.alpha) if passed == (rule.test == "not_worse") else None
    why = f"{_described(what, found, against.who, evaluation)}: {_verdict(rule, found, passed)}"
    return replace(
        entry,
        observed=found.value,
        low=found.low,
        high=found.high,
        limit=limit_text(rule, evaluation, exact_p(rule, found) is not None),
        passed=passed,
        why=f"{why}; {about(settled)} test rows would settle it" if settled else why,
        rows_needed=settled,
        advice=to_show(rule, [rule.label or rule.slice], settled, rows),
    )


def _difference(rule: GateRule, comparison: Comparison) -> Difference | None:
    if rule.label:
        return comparison.per_label.get(rule.label, {}).get(rule.metric)
    if rule.slice:
        return comparison.slices.get(rule.slice, {}).get(rule.metric)
    return comparison.metrics.get(rule.metric)


def _described(what: str, found: Difference, who: str, evaluation: Evaluation) -> str:
    assert found.value is not None and found.low is not None and found.high is not None
    shown = interval(found.low, found.high, evaluation.confidence, signed)
    if found.p is not None:
        shown += f"; {found.gained:,} gained, {found.lost:,} lost, exact p {found.p:.2g}"
    if found.unreliable:
        shown += "; too few rows for this to be reliable"
    if found.value == 0:
        return f"{what} is equal to that of {who} ({shown})"
    return f"{what} is {signed(found.value)} against {who} ({shown})"


def _verdict(rule: GateRule, found: Difference, passed: bool) -> str:
    value = found.value or 0.0
    if rule.test == "superior":
        if passed:
            return "better beyond chance"
        said = "a tie" if value == 0 else "not better beyond chance" if value > 0 else "not better"
        return f"{said}, the champion stays" if rule.against == "champion" else said
    loss = f"a loss of more than {rule.margin:g}" if rule.margin else "a loss"
    if rule.test == "non_inferior":
        return f"{loss} is ruled out" if passed else f"{loss} is not ruled out"
    if not passed:
        return f"{loss}, beyond chance"
    return f"no{loss.removeprefix('a')}" if value >= limit(rule) else f"no{loss.removeprefix('a')} beyond chance"
