"""All that two recorded runs differ in. A part that cannot be had says why, and leaves the others as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from components.base.errors import TextgateError
from pipelines.comparing.code import code
from pipelines.comparing.inputs import environment, inputs, settings, stages
from pipelines.comparing.metrics import metrics
from pipelines.comparing.predictions import predictions
from pipelines.comparing.rows import data
from pipelines.lineage.recorded import RecordedRun, find


def find_run(reference: str) -> RecordedRun:
    """A run as `find` names it, or the one that MODEL:VERSION came from. Raises TextgateError where there is none."""
    model, colon, version = reference.rpartition(":")
    return find(model, version) if colon else find(reference)


def compare_runs(old: RecordedRun, new: RecordedRun, rows: bool = False) -> dict[str, Any]:
    """`old` and `new` name the runs; each other key is a part, {"unavailable": why} where it cannot be had.

    `rows` also lists the ids of the data's rows that changed.
    """
    return {
        "old": named(old),
        "new": named(new),
        "settings": _part(lambda: settings(old, new)),
        "inputs": inputs(old, new),
        "data": _part(lambda: data(old, new, rows)),
        "code": _part(lambda: code(old, new)),
        "environment": environment(old, new),
        "stages": stages(old, new),
        "metrics": _part(lambda: metrics(old, new)),
        "predictions": _part(lambda: predictions(old, new)),
    }


def named(run: RecordedRun) -> dict[str, str]:
    known = {name: run.tag(name) for name in ("outcome", "version")}
    return {"run": run.shown, "run_id": run.run_id, "name": run.name, **known}


def _part(find_out: Callable[[], Any]) -> Any:
    try:
        return find_out()
    except TextgateError as error:
        return {"unavailable": str(error)}
