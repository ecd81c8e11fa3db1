"""The behaviour part of an evaluation."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from scipy.stats import binomtest

from components.base.settings import (
    BehaviourTest,
    DirectionTest,
    EvaluationSettings,
    ExpectedCase,
    InvarianceTest,
    MinimumTest,
)
from components.base.targets import Targets
from components.evaluate.behaviour.answers import Answers
from components.evaluate.behaviour.cases import Asked, cases_of
from serving.predictor import Classifier

LISTED = 50
FEW = 20


def run_behaviour(
    tests: dict[str, BehaviourTest],
    table: pa.Table,
    targets: Targets,
    model: Classifier,
    options: EvaluationSettings,
) -> list[dict[str, Any]]:
    """For each test its cases and failures, the failures' share with an interval, and the ids of the test rows (or the
    numbers of the given cases) that failed, never a text. A test that has no case, or asks for a label that the model
    does not have, says why.

    `table` is the one that `targets` were made of.
    """
    cases = {name: cases_of(name, test, table, targets, options.seed) for name, test in tests.items()}
    rows = [row for asked in cases.values() for each in asked for row in each.rows]
    answers = Answers(model, rows) if rows else None
    found = []
    for name, test in tests.items():
        why = _why_not(test, cases[name], model)
        asked = [] if why else cases[name]
        failed = [each.name for each in asked if answers and not _holds(test, each, answers)]
        entry: dict[str, Any] = {"name": name, "kind": test.kind, "cases": len(asked), "failures": len(failed)}
        entry |= {"share": share(len(failed), len(asked), options.confidence), "failed": failed[:LISTED]}
        if why:
            entry["why"] = entry["share"]["why"] = why
        found.append(entry)
    return found


def share(failures: int, cases: int, confidence: float) -> dict[str, Any]:
    """With Wilson's interval; without cases there is none."""
    if not cases:
        return {"value": None, "low": None, "high": None, "support": 0, "unreliable": True}
    interval = binomtest(failures, cases).proportion_ci(confidence, method="wilson")
    bounds = {"low": float(interval.low), "high": float(interval.high)}
    return {"value": failures / cases, **bounds, "support": cases, "unreliable": cases < FEW}


def _why_not(test: BehaviourTest, asked: list[Asked], model: Classifier) -> str:
    if isinstance(test, MinimumTest):
        return ""
    if isinstance(test, DirectionTest) and test.label not in model.labels:
        return f"the model has no label {test.label}"
    if asked:
        return ""
    if test.cases:
        rows = "none of the given cases"
    else:
        rows = f"no test row of label {test.of_label}" if test.of_label else "no test row"
    return f"{rows} has anything that the test would change"


def _holds(test: BehaviourTest, asked: Asked, answers: Answers) -> bool:
    if isinstance(test, MinimumTest):
        (row,) = asked.rows
        assert isinstance(asked.given, ExpectedCase)
        return _is_right(asked.given, answers, row)
    before, after = asked.rows
    if isinstance(test, InvarianceTest):
        return bool(answers.answer(before) == answers.answer(after))
    rise = answers.probability(after, test.label) - answers.probability(before, test.label)
    return _goes(test, rise)


def _goes(test: DirectionTest, rise: float) -> bool:
    if test.must in ("fall", "not_rise"):
        rise = -rise
    if test.must in ("not_fall", "not_rise"):
        return rise >= -test.margin
    return rise >= test.margin and rise > 0


def _is_right(case: ExpectedCase, answers: Answers, row: tuple[str, ...]) -> bool:
    if case.entities is not None:
        return answers.entities(row, case.text) == [(entity.label, entity.text) for entity in case.entities]
    if case.labels is not None:
        return bool(answers.answer(row) == set(case.labels))
    return bool(answers.answer(row) == case.label)
