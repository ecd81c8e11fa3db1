"""The metrics of two runs' bundles on their test rows, and how they differ on the rows that both have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.base.errors import TextgateError
from components.base.metric_names import COMPARED
from components.base.settings import EvaluationSettings
from components.evaluate.counted import compare
from components.evaluate.metrics import Rows
from pipelines.comparing.evaluations import read_evaluation
from pipelines.comparing.predictions import Shared, shared
from pipelines.lineage.recorded import RecordedRun


def metrics(old: RecordedRun, new: RecordedRun) -> dict[str, Any]:
    """`metrics` by name: the estimates `old` and `new`, and `paired`, new minus old on `rows` test rows that both have
    with the same right answer, where it can be had; `notes` say why it cannot.

    Raises TextgateError where a run was not evaluated.
    """
    before, after = (read_evaluation(run) for run in (old, new))
    notes, paired, rows = [], {}, 0
    try:
        found = shared(old, new)
        rows = int(found.unchanged.sum())
        paired = _paired(found, after) if rows else {}
        if not rows:
            notes.append("no test row stands in both runs with the same right answer: no paired difference")
    except TextgateError as error:
        notes.append(f"no paired difference: {error}")
    if rows and any(report["units"]["of"] != "rows" for report in (before, after)):
        notes.append("the paired difference takes each row by itself: which rows belong together is not kept")
    names = before["bundle"]["metrics"] | after["bundle"]["metrics"]
    return {
        "test_rows": {"old": before["rows"], "new": after["rows"]},
        "rows": rows,
        "metrics": {name: _metric(name, before, after, paired) for name in names},
        "notes": notes,
    }


def _metric(name: str, before: Any, after: Any, paired: Mapping[str, Any]) -> dict[str, Any]:
    sides = {side: report["bundle"]["metrics"].get(name) for side, report in (("old", before), ("new", after))}
    return {**sides, "paired": paired.get(name)}


def _paired(found: Shared, evaluation: Any) -> dict[str, dict[str, Any]]:
    chosen = found.new.targets.select(found.unchanged, found.new.targets.labels)
    new, old = (chosen.decisions(side.decisions) for side in (found.new, found.old))
    names = Rows(chosen.targets, None, evaluation["task"]).counted(COMPARED)
    return compare(chosen.targets, new, old, names, EvaluationSettings(confidence=evaluation["confidence"]))
