"""The estimates that a limit is held against: of all rows, of one part of them, or of each."""

from __future__ import annotations

from typing import NamedTuple

from components.base.metric_names import words
from components.base.settings import GateRule
from components.gate.entries import listed
from components.gate.evidence import Behaviour, Estimate, Evaluation, Evidence
from components.gate.measured import measured

BEHAVIOUR = "behaviour/"


class Each(NamedTuple):
    """Estimates by part. `empty` are parts that there is nothing to know of; `nothing` says what is amiss where all
    are."""

    things: str
    estimates: dict[str, Estimate]
    empty: list[str]
    nothing: str


def each_part(rule: GateRule, evaluation: Evaluation) -> Each | None:
    """None where the rule is not for each of something."""
    if rule.label == "*":
        return _labels(rule.metric, evaluation)
    if rule.slice == "*":
        return _slices(rule.metric, evaluation)
    if rule.metric == BEHAVIOUR + "*":
        found = {test.name: _share(test) for test in evaluation.behaviour}
        return Each("behaviour test", found, [], "no behaviour test was run: evaluation.behaviour names their file")
    return None


def the_part(rule: GateRule, evidence: Evidence) -> Estimate:
    """What is not there has no value, and a `why`."""
    if rule.label:
        return _label(rule, evidence.evaluation)
    if rule.slice:
        return _slice(rule, evidence.evaluation)
    if rule.metric.startswith(BEHAVIOUR):
        return _behaviour(rule.metric.removeprefix(BEHAVIOUR), evidence.evaluation)
    return measured(rule.metric, evidence)


def _labels(metric: str, evaluation: Evaluation) -> Each:
    """Those with test rows; one of them that is never predicted has no precision, and does not reach any."""
    labels = evaluation.bundle.per_label
    found = {name: getattr(label, metric) for name, label in labels.items() if label.support}
    return Each("label", found, [name for name in labels if name not in found], "no label has test rows")


def _slices(metric: str, evaluation: Evaluation) -> Each:
    """Those that have the metric and that it is defined for: F1 of rows without any entity is not."""
    having = [part for part in evaluation.slices if metric in part.metrics]
    parts = {part.name: part.metrics[metric] if part.rows else Estimate() for part in having}
    found = {name: estimate for name, estimate in parts.items() if estimate.value is not None}
    return Each("slice", found, [name for name in parts if name not in found], f"{words(metric)} is of no slice")


def _label(rule: GateRule, evaluation: Evaluation) -> Estimate:
    labels = evaluation.bundle.per_label
    if rule.label not in labels:
        return Estimate(why=f"there is no label {rule.label}, only {listed(list(labels))}")
    if not labels[rule.label].support:
        return Estimate(why=f"the label {rule.label} has no test rows, so that nothing is known of it: collect some")
    estimate: Estimate = getattr(labels[rule.label], rule.metric)
    return estimate


def _slice(rule: GateRule, evaluation: Evaluation) -> Estimate:
    slices = {part.name: part for part in evaluation.slices}
    if rule.slice not in slices:
        known = listed(list(slices)) or "none"
        return Estimate(why=f"there is no slice {rule.slice}; evaluation.slices makes them, and made {known}")
    if not slices[rule.slice].rows:
        return Estimate(why=f"the slice {rule.slice} has no test rows, so that nothing is known of it: collect some")
    return slices[rule.slice].metrics.get(rule.metric, Estimate())


def _behaviour(name: str, evaluation: Evaluation) -> Estimate:
    tests = {test.name: test for test in evaluation.behaviour}
    if name in tests:
        return _share(tests[name])
    known = listed(list(tests)) or "none"
    return Estimate(why=f"there is no behaviour test {name}; evaluation.behaviour names their file, which has {known}")


def _share(test: Behaviour) -> Estimate:
    """Of failures; none of a test that could not be run."""
    return Estimate(why=test.why) if test.why else test.share
